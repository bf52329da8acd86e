"""Numbers and file names of a case's reports."""

from __future__ import annotations

from pathlib import Path

from btd_desktop.cases.store import CaseStore

_VARIANT = "-redacted"


def next_number(store: CaseStore) -> int:
    """Number of the next report, from 1.

    A redacted variant bears the number of its report, so that numbers have no gaps.
    """
    return 1 + sum(not is_variant(record.path_name) for record in store.reports())


def next_report_path(store: CaseStore) -> Path:
    """Default file of the next report."""
    return store.folder / f"report-{next_number(store)}.pdf"


def variant_path(path: Path) -> Path:
    """File of a report's redacted variant."""
    return path.with_name(path.stem + _VARIANT + path.suffix)


def is_variant(name: str) -> bool:
    """True for the file name of a redacted variant."""
    return Path(name).stem.endswith(_VARIANT)
