"""Programs of other makers that check what we write."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_PLACES = ("/usr/sbin", "/usr/local/sbin")


def program(name: str, package: str) -> str:
    """Path of a program; where it is missing CI fails, and elsewhere the test skips.

    Args:
        name: The program.
        package: Debian package that brings it.
    """
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(_PLACES))
    if found:
        return found
    why = f"{name} is not installed (Debian package {package})"
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def told_by(*words: str | Path) -> str:
    """What a program writes, on both streams; fails when it does not end with 0."""
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told[-2000:]
    return told
