"""Mark a finding of a case: confirmed, dismissed with a reason, or to check again."""

from __future__ import annotations

from btd_desktop.cases.model import Finding, FindingStatus
from btd_desktop.cases.store import CaseStore
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.custody import require_authenticated
from btd_desktop.workflow.services import Services


def mark_finding(
    store: CaseStore,
    finding_id: int,
    status: FindingStatus,
    services: Services,
    reason: str = "",
) -> Finding:
    """Mark a finding; the audit log keeps what it was before.

    Args:
        store: Case open for writing.
        finding_id: Number of the finding.
        status: What the examiner makes of it.
        services: Clock.
        reason: Why; "" keeps the note that the finding has.

    Raises:
        CaseError: There is no such finding.
        SettingsError: It is dismissed without a reason.
        UnauthenticatedError: The case was not sealed with this computer's key.
    """
    require_authenticated(store, "", services, TaskContext())
    note = reason.strip() or None
    store.update_finding(finding_id, now=services.now(), note=note, status=status)
    return store.finding(finding_id)
