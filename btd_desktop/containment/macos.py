"""macOS: a sandbox profile around the reading process. Written, never run on macOS.

Source: sandbox-exec(1) and the profiles in /System/Library/Sandbox/Profiles. Apple
calls the tool deprecated and keeps it; without it the process runs and the measures
are said to be missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from btd_desktop.containment.inside import library_places

_TOOL: Final = "/usr/bin/sandbox-exec"
_HOMES: Final = (
    '(subpath "/Users") (subpath "/Volumes") (subpath "/private/var/folders")'
)


def wrapped(
    command: Sequence[str], folder: str
) -> tuple[Sequence[str], dict[str, str]]:
    """The command under the profile, and the measures that this takes."""
    measures = ("files", "network", "processes")
    if not os.access(_TOOL, os.X_OK):
        return command, dict.fromkeys(measures, "no sandbox-exec here")
    text = profile(command[0], folder)
    return [_TOOL, "-p", text, *command], dict.fromkeys(measures, "")


def profile(program: str, folder: str) -> str:
    """Rules in the profile's language; of rules that apply the last one counts.

    Args:
        program: The only one that may be run, once: what sandbox-exec starts.
        folder: The process's own folder, where it may write its few files.
    """
    readable = " ".join(f"(subpath {_quoted(path)})" for path in library_places())
    own = f"(subpath {_quoted(Path(folder).resolve())})"
    return "\n".join(
        (
            "(version 1)",
            "(allow default)",
            "(deny network*)",
            "(deny process-fork)",
            "(deny signal (target others))",
            "(deny process-exec*)",
            f"(allow process-exec (literal {_quoted(Path(program))})"
            f" (literal {_quoted(Path(program).resolve())}))",
            "(deny file-write*)",
            f'(allow file-write* {own} (literal "/dev/null"))',
            f"(deny file-read-data {_HOMES})",
            f"(allow file-read-data {readable} {own})",
        )
    )


def _quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)
