"""Places that the examiner pointed at and took back: entries of the audit log.

The place stays in the case with its numbers. A report leaves it out of its exhibits and
lists it with the reason, so that nobody can drop what was looked at and told nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btd_desktop.cases import audit

if TYPE_CHECKING:
    from btd_desktop.cases.store import CaseStore


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Why a place was taken back.

    Attributes:
        finding_id: Number of the place in the case.
        reason: The examiner's words.
        utc: When.
        actor: By whom.
    """

    finding_id: int
    reason: str
    utc: str
    actor: str


def withdrawn_in(store: CaseStore) -> dict[int, Withdrawal]:
    """The places that are withdrawn now, by number; the last entry of each decides."""
    entries = [
        *store.audit_log(audit.FINDING_WITHDRAWN),
        *store.audit_log(audit.FINDING_RESTORED),
    ]
    found: dict[int, Withdrawal] = {}
    for entry in sorted(entries, key=lambda e: e.seq):
        number, reason = entry.details.get("finding"), entry.details.get("reason")
        if not isinstance(number, int):
            continue
        if entry.action == audit.FINDING_RESTORED:
            found.pop(number, None)
        else:
            told = reason if isinstance(reason, str) else ""
            found[number] = Withdrawal(number, told, entry.utc, entry.actor)
    return found
