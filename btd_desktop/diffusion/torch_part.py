"""Whether torch is here: it comes with the extra `score`, and what scores asks first.

This module alone of the package is about a machine without torch; importing it loads
nothing heavy.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shlex
import sys

from btd_desktop.errors import MissingPartError

_DISTRIBUTION = "btd-desktop"


def require_torch() -> None:
    """Load torch, or say in one sentence what is missing and what installs it.

    Raises:
        MissingPartError: It is not installed, or does not load.
    """
    problem = torch_problem()
    if problem is not None:
        raise problem


def torch_problem() -> MissingPartError | None:
    """Why nothing can be scored here; None where torch loads."""
    try:
        import torch  # noqa: F401 - whether it loads is the question
    except (ImportError, OSError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "torch":
            return MissingPartError(
                "torch is not installed here, and without it nothing is scored, "
                "calibrated or trained; cases are opened, reported on and verified",
                hint=_advice(),
                code="no_torch",
            )
        return MissingPartError(
            f"torch is installed and does not load: {error}",
            hint=_advice(),
            code="torch_broken",
        )
    return None


def _advice() -> str:
    if getattr(sys, "frozen", False):
        return "take the bundle of this program that scores"
    return (
        f"install it with: {install_command()} (CPU or CUDA build: docs/install.md of "
        "the program)"
    )


def install_command() -> str:
    """Command line that puts the pinned torch beside this very program."""
    wanted = _wanted()
    if importlib.util.find_spec("pip") is not None:
        words = [sys.executable, "-m", "pip", "install", wanted]
    else:
        # What uv made has no pip of its own.
        words = ["uv", "pip", "install", "--python", sys.executable, wanted]
    if os.name == "nt":
        return " ".join(f'"{word}"' if " " in word else word for word in words)
    return shlex.join(words)


def _wanted() -> str:
    """What the installed program's own metadata ask for: torch with its version."""
    try:
        asked = importlib.metadata.requires(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        asked = []
    for requirement in asked:
        match = re.match(r"torch\s*(?:==\s*[\w.]+)?", requirement)
        if match is not None:
            return match.group().replace(" ", "")
    return "torch"
