"""Libraries that computed, drew or signed, with version and licence."""

from __future__ import annotations

import importlib.metadata
from typing import Final

from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import Column, Section, quoting, stated, table_of

COMPONENTS: Final = (
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "safetensors",
    "pydicom",
    "imagecodecs",
    "reportlab",
    "pyHanko",
    "cryptography",
)


def section(case: ReportCase) -> Section:
    """Name, version and licence of each."""
    table = table_of(
        COMPONENTS,
        (
            (Column("Component", 5, "name"), quoting),
            (
                Column("Version", 3, "version"),
                lambda name: quoting(_version(name)),
            ),
            (
                Column("Licence", 5, "licence"),
                lambda name: stated(quoting(_licence(name))),
            ),
        ),
        "components",
    )
    return Section("software", "Software", (table,), is_annex=True)


def _version(name: str) -> str:
    # Torch is an extra: a case that was scored elsewhere is reported on without it.
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _licence(name: str) -> str:
    try:
        found = importlib.metadata.metadata(name).json
    except importlib.metadata.PackageNotFoundError:
        return "–"
    expression = str(found.get("license_expression") or "")
    named = [
        str(entry).rpartition(" :: ")[2]
        for entry in found.get("classifier") or ()
        if str(entry).startswith("License ::")
    ]
    lines = str(found.get("license") or "").strip().splitlines()
    # Some packages give the whole text of a licence: its first line names nobody's.
    return expression or ", ".join(named) or (lines[0] if len(lines) == 1 else "")
