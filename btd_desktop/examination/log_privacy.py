"""Patients of a case, kept out of the log as soon as they are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from btd_desktop.logs import keep_out_of_logs

_KEYS = ("patient_name", "patient_id")


def keep_patients_out_of_logs(facts: Iterable[Mapping[str, Any]]) -> None:
    """Let names and identities among the facts of series appear as ids in the log.

    Args:
        facts: As in `Volume.source` or `SeriesRecord.meta`, one per series.
    """
    for of_series in facts:
        keep_out_of_logs([str(of_series.get(key) or "") for key in _KEYS])
