"""What a case already holds, as outcomes: for reports and clicks without re-scoring."""

from __future__ import annotations

from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.calibration.scope import check_scope
from btd_desktop.cases.model import Run, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CalibrationError, CaseError, ModelError
from btd_desktop.examination.log_privacy import keep_patients_out_of_logs
from btd_desktop.examination.models import ModelEntry, list_models
from btd_desktop.scoring.card import ModelCard
from btd_desktop.workflow.evaluate import (
    Evaluation,
    evaluate_run,
    evaluate_with,
    latest_run,
    profile_of_case,
)
from btd_desktop.workflow.messages import reason_of
from btd_desktop.workflow.outcomes import SeriesOutcome, findings_of

__all__ = [
    "evaluate_latest",
    "model_of_run",
    "outcomes_of_case",
    "profile_of_run",
    "series_of_case",
]


def series_of_case(store: CaseStore, series_id: int | None) -> SeriesRecord:
    """The series of that number, or the only one when no number is given.

    Raises:
        CaseError: There is no such series, none at all, or more than one to choose
            from.
    """
    series = store.series()
    keep_patients_out_of_logs(record.meta for record in series)
    if series_id is None and len(series) == 1:
        return series[0]
    known = ", ".join(str(s.series_id) for s in series) or "none"
    if series_id is None:
        raise CaseError(
            f"the case holds {len(series)} series",
            hint=f"name one with --series: {known}",
            code="series",
        )
    for record in series:
        if record.series_id == series_id:
            return record
    raise CaseError(
        f"the case holds no series {series_id}",
        hint=f"it holds: {known}",
        code="series",
    )


def model_of_run(run: Run) -> ModelEntry:
    """The installed model that made a run, found by its digest.

    Raises:
        ModelError: It is not installed here.
    """
    wanted = run.manifest["model"]
    for entry in list_models():
        if entry.card is not None and entry.card.digest == wanted["digest"]:
            return entry
    raise ModelError(
        f"the scores were made with model {wanted['name']} "
        f"({str(wanted['digest'])[:12]}…), which is not installed",
        hint="install that model, or score again with one that is (`btd models`)",
        code="no_model",
    )


def evaluate_latest(
    store: CaseStore, record: SeriesRecord, *, profile: str = ""
) -> tuple[Evaluation, ModelEntry]:
    """The newest finished run of a series, evaluated, and the model that made it.

    Args:
        store: Open case.
        record: The series.
        profile: Profile by file, name or digest; "" takes the one that the run's
            newest finding was made with, which lies in the case, else the one on this
            computer that covers the series best.

    Raises:
        CaseError: No run of the series is finished, or results were altered.
        ModelError: The model is not installed.
        CalibrationError: There is no usable profile.
    """
    run = latest_run(store, record.series_id)
    if run is None:
        raise CaseError(
            f"series {record.series_id} has not been scored to its end",
            hint=f"score it first: btd score {store.folder}",
            code="not_scored",
        )
    entry = model_of_run(run)
    return _evaluate(store, run, record, _card(entry), profile), entry


def outcomes_of_case(store: CaseStore, profile: str = "") -> list[SeriesOutcome]:
    """The outcome of every series, from stored runs and findings; nothing is scored.

    Args:
        store: Open case.
        profile: As for `evaluate_latest`.

    Raises:
        CaseError: The case holds no series, or its results were altered.
        ModelError: The model of a run is not installed.
        CalibrationError: The profile asked for cannot be used for any series.
    """
    series = store.series()
    if not series:
        raise CaseError(
            "the case holds no series", hint="import evidence first", code="series"
        )
    keep_patients_out_of_logs(record.meta for record in series)
    outcomes = []
    refusals: list[CalibrationError] = []
    for record in series:
        run = latest_run(store, record.series_id)
        if run is None:
            reason = f"series {record.series_id} has not been scored to its end"
            outcomes.append(SeriesOutcome(record, None, None, (), reason))
            continue
        card = _card(model_of_run(run))
        try:
            evaluation = _evaluate(store, run, record, card, profile)
        except CalibrationError as error:
            refusals.append(error)
            outcomes.append(
                SeriesOutcome(record, None, card, (), reason_of(error), run)
            )
            continue
        outcomes.append(_outcome(store, evaluation, card))
    if profile and refusals and all(o.evaluation is None for o in outcomes):
        raise refusals[0]
    return outcomes


def _card(entry: ModelEntry) -> ModelCard:
    if entry.card is None:
        raise ModelError(entry.problem, code="model")
    return entry.card


def _evaluate(
    store: CaseStore, run: Run, record: SeriesRecord, card: ModelCard, profile: str
) -> Evaluation:
    kept = None if profile else profile_of_run(store, run)
    if kept is None:
        return evaluate_run(store, run, card, profile=profile)
    scope = check_scope(
        kept,
        model_digest=card.digest,
        preset=card.preset,
        grid=run.manifest["grid"],
        facts=record.meta,
    )
    return evaluate_with(store, run, record, kept, scope)


def profile_of_run(store: CaseStore, run: Run) -> CalibrationProfile | None:
    """The profile with which the case last looked at a run.

    That of the newest finding, else the newest one kept for the run's model, else
    None. Window and command line ask here, so that both show the same p-values.

    Raises:
        CalibrationError: The profile kept was altered.
    """
    used = [
        f.profile_digest
        for f in store.findings(run.series_id)
        if f.run_id == run.run_id and f.profile_digest
    ]
    if used:
        return profile_of_case(store, used[-1])
    for entry in reversed(store.profiles()):
        profile = profile_of_case(store, entry.digest)
        if profile.model.get("digest") == run.manifest["model"]["digest"]:
            return profile
    return None


def _outcome(
    store: CaseStore, evaluation: Evaluation, card: ModelCard
) -> SeriesOutcome:
    shown = findings_of(store, evaluation)
    n_left_out = len(store.findings(evaluation.record.series_id)) - len(shown)
    reason = (
        f"Series {evaluation.record.series_id}: {n_left_out} findings of the case were "
        "made with another run or another profile and are not shown"
        if n_left_out
        else ""
    )
    return SeriesOutcome(
        evaluation.record, evaluation, card, shown, reason, evaluation.run
    )
