"""Take back a place that the examiner pointed at, and put it back."""

from __future__ import annotations

from btd_desktop.cases import audit
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import SettingsError
from btd_desktop.examination.declared import declared_in
from btd_desktop.examination.withdrawn import withdrawn_in
from btd_desktop.workflow.services import Services


def withdraw_finding(
    store: CaseStore, finding_id: int, reason: str, services: Services
) -> None:
    """Take back a place, with the reason; nothing happens where it is already.

    Raises:
        CaseError: There is no such finding, or the case cannot be written.
        SettingsError: There is no reason; the search found the place, which can only be
            dismissed; or it is a declared test, whose answer a report owes.
    """
    finding = store.finding(finding_id)
    if finding.origin != "examiner":
        raise SettingsError(
            f"finding {finding_id} was found by the search and cannot be withdrawn",
            hint="dismiss it, with the reason",
            code="withdraw",
        )
    declared = declared_in(store)
    named = (
        *declared.first.mandate.of_series(finding.series_id),
        *declared.now.mandate.of_series(finding.series_id),
    )
    if any(p.is_at(finding.slice_index, finding.y, finding.x) for p in named):
        raise SettingsError(
            f"finding {finding_id} is a place that was declared to be tested",
            hint="its answer stands in the report; say in its note what you make of it",
            code="withdraw",
        )
    if not reason.strip():
        raise SettingsError(
            f"finding {finding_id} cannot be withdrawn without a reason",
            hint="say why in its note: the report prints it",
            code="reason",
        )
    if finding_id not in withdrawn_in(store):
        details = {
            "finding": finding_id,
            "reason": reason.strip(),
            "summary": f"finding {finding_id}: {reason.strip()}",
        }
        store.append_audit(
            audit.FINDING_WITHDRAWN, details, store.actor, services.now()
        )


def restore_finding(store: CaseStore, finding_id: int, services: Services) -> None:
    """Put a withdrawn place back; nothing happens where it stands.

    Raises:
        CaseError: There is no such finding, or the case cannot be written.
    """
    store.finding(finding_id)
    if finding_id in withdrawn_in(store):
        details = {"finding": finding_id, "summary": f"finding {finding_id}"}
        store.append_audit(audit.FINDING_RESTORED, details, store.actor, services.now())
