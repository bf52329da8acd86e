"""What a bundle holds besides code: models, assets, handbook, licences, metadata."""

from __future__ import annotations

import importlib.util
import json
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
SBOM: Final = ROOT / "requirements" / "sbom.json"


def load(path: Path) -> ModuleType:
    """A script of the repository as a module, without running its `main`."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


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
    names = load(ROOT / "setup.py").shipped_files()
    return [(str(ROOT / n), n.parent.as_posix()) for n in names]
