"""Keep the patients of a case out of the log."""

from __future__ import annotations

from collections.abc import Iterable

from btd_desktop.logs import keep_out_of_logs
from btd_desktop.volume import SeriesFacts


def keep_patients_out_of_logs(facts: Iterable[SeriesFacts]) -> None:
    """Make patients' names and identities appear in the log as ids from now on.

    Args:
        facts: As in `Volume.source` or `SeriesRecord.meta`, one per series.
    """
    for of_series in facts:
        keep_out_of_logs([of_series.patient_name or "", of_series.patient_id or ""])
