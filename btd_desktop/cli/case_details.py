"""Details of a case that were typed for a case that has its own already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from btd_desktop.cli.output import warn

if TYPE_CHECKING:
    from btd_desktop.workflow.import_series import CaseDetails


def warn_of_kept_details(folder: Path, details: CaseDetails) -> None:
    """Say so when an existing case keeps its title, number, client and examiner."""
    from btd_desktop.workflow.import_series import CaseDetails, holds_case

    if details != CaseDetails() and holds_case(folder):
        warn("the case exists and keeps the details that it was made with")
