"""One call of the program, as every command sees it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Invocation:
    """What was typed, and who opens the window.

    Attributes:
        argv: Arguments as given, without the program's name.
        open_window: Opens the window and returns its exit status; the command line
            may not know the window, so the entry point passes it in.
    """

    argv: Sequence[str]
    open_window: Callable[[Path | None], int]

    @property
    def command(self) -> str:
        """The exact command line, for the report's reproduction section."""
        words = ["btd", *self.argv]
        return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
