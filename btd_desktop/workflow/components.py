"""The parts of the program: the bill of materials, and what is installed."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import dataclass

from btd_desktop.errors import SettingsError
from btd_desktop.paths import sbom_path


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """One part of the program.

    Attributes:
        name: Name of the distribution.
        version: Version that the bill of materials names.
        licence: SPDX expression.
        sha256: Hex SHA-256 of the wheel.
        installed: Version installed here, "" when none is or none can be told.
    """

    name: str
    version: str
    licence: str
    sha256: str
    installed: str

    @property
    def differs(self) -> bool:
        """True when another version is installed than the one listed."""
        return bool(self.installed) and self.installed.partition("+")[0] != self.version


def component_rows() -> tuple[ComponentRow, ...]:
    """The parts listed in the program's bill of materials (CycloneDX), by name.

    Raises:
        SettingsError: The file is missing or damaged.
    """
    path = sbom_path()
    try:
        parts = json.loads(path.read_text(encoding="utf-8"))["components"]
        rows = [
            ComponentRow(
                name=str(part["name"]),
                version=str(part["version"]),
                licence=str(part["licenses"][0]["expression"]),
                sha256=str(part["hashes"][0]["content"]),
                installed=installed_version(str(part["name"])),
            )
            for part in parts
        ]
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise SettingsError(
            f"the list of components, {path}, is missing or damaged",
            hint="reinstall the program",
            code="no-sbom",
        ) from error
    return tuple(sorted(rows, key=lambda row: row.name))


def installed_version(name: str) -> str:
    """Version of a distribution as installed here; "" when it is not."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
