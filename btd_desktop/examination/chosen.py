"""Which run and calibration speak for each series: decisions in the audit log.

A p-value belongs to a calibration. Whichever was taken first stays, whatever else is
calibrated, installed or scored later, until the examiner chooses another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btd_desktop.cases import audit
from btd_desktop.errors import CaseError
from btd_desktop.strict_json import Count, plain_json, record_from_json

if TYPE_CHECKING:
    from btd_desktop.cases.model import AuditEntry
    from btd_desktop.cases.store import CaseStore


@dataclass(frozen=True, slots=True)
class Speaker:
    """The run and the calibration that speak for a series.

    Attributes:
        series_id: The series.
        run_id: The run whose scores are judged.
        profile: Digest of the calibration profile.
        profile_name: What it is called.
        model_name: What the model of the run is called.
    """

    series_id: Count
    run_id: Count
    profile: str
    profile_name: str
    model_name: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """One decision.

    Attributes:
        speaker: What speaks from then on.
        by_rule: The program's rule took it, since nobody had chosen any.
        utc: When.
        actor: Who.
    """

    speaker: Speaker
    by_rule: bool
    utc: str = ""
    actor: str = ""


def chosen_in(store: CaseStore) -> dict[int, tuple[Chosen, ...]]:
    """The decisions of a case by series, oldest first; the last one is in force.

    Raises:
        CaseError: An entry of the audit log is no such decision.
    """
    found: dict[int, tuple[Chosen, ...]] = {}
    for entry in store.audit_log(audit.CHOSEN):
        chosen = _chosen_of(entry)
        number = chosen.speaker.series_id
        found[number] = (*found.get(number, ()), chosen)
    return found


def chosen_for(store: CaseStore, series_id: int) -> Chosen | None:
    """The decision in force for a series; None before the first."""
    return next(reversed(chosen_in(store).get(series_id, ())), None)


def details_of(speaker: Speaker, *, by_rule: bool) -> dict[str, object]:
    """What the audit log keeps of a decision."""
    return {"speaker": plain_json(speaker), "by_rule": by_rule}


def chosen_text(chosen: Chosen) -> str:
    """One decision as a sentence without its full stop."""
    speaker, when = chosen.speaker, chosen.utc[:10]
    what = f"calibration {speaker.profile_name} with model {speaker.model_name}"
    if chosen.by_rule:
        return f"{what}, taken by the program's rule on {when}"
    return f"{what}, chosen by {chosen.actor} on {when}"


def _chosen_of(entry: AuditEntry) -> Chosen:
    told, by_rule = entry.details.get("speaker"), entry.details.get("by_rule")
    try:
        speaker = record_from_json(Speaker, told if isinstance(told, dict) else {})
    except ValueError as error:
        raise _altered(entry, str(error)) from error
    if not isinstance(by_rule, bool):
        raise _altered(entry, "who chose is not said")
    return Chosen(speaker, by_rule, entry.utc, entry.actor)


def _altered(entry: AuditEntry, why: str) -> CaseError:
    return CaseError(
        f"audit entry {entry.seq} of the case is no choice of a calibration: {why}",
        hint="Verify the case and go back to an unaltered copy.",
        code="case-damaged",
    )
