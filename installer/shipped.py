"""What a bundle holds besides code: models, assets, handbook, licences, metadata."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
_ASK: Final = "import setup; print(*setup.shipped_files(), sep='\\n')"
SBOM: Final = ROOT / "requirements" / "sbom.json"


def project() -> dict[str, Any]:
    """The table of that name in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table: dict[str, Any] = tomllib.loads(text)["project"]
    return table


def version() -> str:
    """Version of the program, from the one place where it stands."""
    from btd_desktop import __version__

    return __version__


def bill_of_materials() -> dict[str, Any]:
    """`requirements/sbom.json`."""
    value: dict[str, Any] = json.loads(SBOM.read_text(encoding="utf-8"))
    return value


def distributions() -> list[str]:
    """Names of all parts of the bill of materials."""
    return [str(part["name"]) for part in bill_of_materials()["components"]]


def shipped_data() -> list[tuple[str, str]]:
    """(file, folder in the bundle) as `btd_desktop/paths.py` looks for them.

    The same files as in the wheel: the handbook too, where it is built.
    """
    # Asked in a process of its own: importing setuptools here would replace distutils.
    told = subprocess.run(
        [sys.executable, "-c", _ASK],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [(str(ROOT / n), Path(n).parent.as_posix()) for n in told.splitlines()]
