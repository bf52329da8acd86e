"""Declare what is to be tested, before scoring or as a change."""

from __future__ import annotations

from btd_desktop.cases import audit
from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.declared import (
    Declared,
    Mandate,
    declared_in,
    details_of,
    placed,
)
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.custody import require_authenticated
from btd_desktop.workflow.services import Services


def declare(store: CaseStore, mandate: Mandate, services: Services) -> Declared:
    """Put tests into the audit log, where they are not those in force already.

    Args:
        store: Case open for writing, its series imported.
        mandate: What is to be tested.
        services: Clock.

    Returns:
        All declarations of the case. Tests declared after scoring has begun are a
        change: they do not decide the conclusion.

    Raises:
        SettingsError: A named place lies nowhere in the case.
        UnauthenticatedError: The case was not sealed with this computer's key.
    """
    require_authenticated(store, "", services, TaskContext())
    mandate = placed(mandate, store.series())
    known = declared_in(store).now
    if not known.utc or mandate != known.mandate:
        details = details_of(mandate)
        store.append_audit(audit.DECLARED, details, store.actor, services.now())
    return declared_in(store)
