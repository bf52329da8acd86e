"""Let a run and a calibration speak for a series: a decision kept in the case."""

from __future__ import annotations

from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.cases import audit
from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.candidates import speaker_of
from btd_desktop.examination.chosen import chosen_for, details_of
from btd_desktop.examination.series import Evaluation
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.custody import require_authenticated
from btd_desktop.workflow.services import Services


def choose(
    store: CaseStore,
    evaluation: Evaluation,
    services: Services,
    *,
    by_rule: bool = False,
) -> None:
    """Let a run and its calibration speak for a series from now on.

    The calibration is kept in the case and the decision in its audit log; nothing is
    written where it stands already.

    Raises:
        CaseError: The case cannot be written.
        UnauthenticatedError: The case was not sealed with this computer's key.
    """
    require_authenticated(store, "", services, TaskContext())
    speaker = speaker_of(evaluation.run, evaluation.profile)
    now = chosen_for(store, speaker.series_id)
    if now is not None and now.speaker == speaker:
        return
    keep_profile(store, evaluation.profile, services)
    details = details_of(speaker, by_rule=by_rule)
    store.append_audit(audit.CHOSEN, details, store.actor, services.now())


def keep_profile(
    store: CaseStore, profile: CalibrationProfile, services: Services
) -> None:
    """Put a profile into the case, once: reports must not depend on this computer."""
    if profile.digest not in {p.digest for p in store.profiles()}:
        document = {"digest": profile.digest, **profile.to_json()}
        store.add_profile(document, profile.digest, services.now())
