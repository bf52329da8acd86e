"""Read a case: the one place that takes run, profile and model card.

Window, command line, report, bench and scripts get the same objects from here and so
say the same of a case. Reading scores nothing and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from btd_desktop.calibration.apply import calibrate_series, search_part
from btd_desktop.calibration.level import Domain
from btd_desktop.calibration.profile import CalibrationProfile, profile_from_json
from btd_desktop.calibration.scope import Scope, with_scores
from btd_desktop.cases.model import Finding, Run, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CalibrationError, CaseError, ModelError
from btd_desktop.examination.chosen import Speaker, chosen_in
from btd_desktop.examination.declared import declared_in
from btd_desktop.examination.log_privacy import keep_patients_out_of_logs
from btd_desktop.examination.models import find_model, model_of_run
from btd_desktop.examination.profiles import choose_profile, scope_of
from btd_desktop.examination.series import Evaluation, SeriesExamination
from btd_desktop.examination.share import scored_share
from btd_desktop.examination.stored import latest_run, load_features
from btd_desktop.examination.withdrawn import withdrawn_in
from btd_desktop.examination.wording import counted, reason_of
from btd_desktop.scoring.card import ModelFacts
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.scoring.method import OWN, Method


@dataclass(frozen=True, slots=True)
class Choice:
    """Run and profile asked for; empty takes those that speak for the series.

    Attributes:
        run_id: A run; None takes the one chosen, before that the newest finished one.
        profile: A profile by file, name or digest.
        method: The newest finished run of this method, where no run is named; None
            takes any.
    """

    run_id: int | None = None
    profile: str = ""
    method: Method | None = None


AS_KEPT = Choice()
"""What was chosen in the case; before that the newest finished run, and the profile
that the case used last with it, or the fitting one."""


def read_case(
    store: CaseStore,
    profile: str = "",
    choices: Mapping[int, Choice] | None = None,
    method: Method | None = None,
) -> tuple[SeriesExamination, ...]:
    """What the examination of every series found, from what the case holds.

    Args:
        store: Open case.
        profile: Profile asked for, for every series without a choice of its own.
        choices: Run and profile by id of the series.
        method: Method whose runs are read, likewise; None takes the newest of any.

    Raises:
        CaseError: The case holds no series, or its results were altered.
        CalibrationError: The profile asked for cannot be used for any series.
    """
    records = store.series()
    if not records:
        raise CaseError(
            "the case holds no series", hint="import evidence first", code="series"
        )
    keep_patients_out_of_logs(record.meta for record in records)
    asked = Choice(profile=profile, method=method)
    out: list[SeriesExamination] = []
    refusals: list[CalibrationError] = []
    for record in records:
        choice = (choices or {}).get(record.series_id, asked)
        try:
            out.append(read_series(store, record, choice))
        except CalibrationError as error:
            refusals.append(error)
            kept = read_series(store, record, replace(choice, profile=""))
            problem = reason_of(error)
            out.append(replace(kept, evaluation=None, findings=(), problem=problem))
    if refusals and all(e.evaluation is None for e in out):
        raise refusals[0]
    return tuple(out)


def read_series(
    store: CaseStore, record: SeriesRecord, choice: Choice = AS_KEPT
) -> SeriesExamination:
    """What the examination of one series found, from what the case holds.

    Args:
        store: Open case.
        record: The series.
        choice: Run and profile asked for.

    Raises:
        CaseError: Results are missing or altered, or there is no such run.
        CalibrationError: The profile asked for cannot be used.
    """
    decisions = chosen_in(store).get(record.series_id, ())
    speaker = decisions[-1].speaker if decisions else None
    run = _run_asked_for(store, record, choice, speaker)
    if run is None or run.status != "done":
        return _unscored(store, record, run)
    manifest = run.manifest
    model = model_of_run(manifest)
    features = load_features(store, run)
    if not features:
        raise CaseError(f"run {run.run_id} has no results yet", code="no_results")
    volume = store.load_volume(record.series_id)
    share = scored_share(volume, manifest.grid, features)
    problem, evaluation, first = _uncalibrated(model), None, None
    declared = declared_in(store)
    domains = declared.first.mandate.domain, declared.now.mandate.domain
    try:
        kept = _profiles_kept(store, run, model)
        chosen = None
        if speaker is not None and speaker.run_id == run.run_id and not choice.profile:
            # Whatever this computer has by now, the decision stands.
            chosen = _as_decided(speaker, kept, model, manifest.grid, record)
        else:
            chosen = choose_profile(
                model, manifest.grid, record.meta, choice.profile, kept
            )
        if chosen is not None:
            whole = _evaluated(run, record, features, *chosen)
            evaluation = _searching(whole, domains[1])
            if domains[0] != domains[1]:
                first = _searching(whole, domains[0])
            problem = ""
    except CalibrationError as error:
        if choice.profile:
            raise
        problem, evaluation, first = reason_of(error), None, None
    found = SeriesExamination(
        record,
        run,
        model,
        evaluation,
        problem=problem,
        share=share,
        declared=declared,
        first=first,
        chosen=decisions,
    )
    return with_findings(store, found)


def _run_asked_for(
    store: CaseStore, record: SeriesRecord, choice: Choice, speaker: Speaker | None
) -> Run | None:
    """The run named, else the one that speaks, else the newest of the method asked."""
    if choice.run_id is not None:
        return store.run(choice.run_id)
    if speaker is not None:
        run = store.run(speaker.run_id)
        if choice.method is None or run.manifest.used == choice.method:
            return run
    return latest_run(store, record.series_id, choice.method)


def with_findings(
    store: CaseStore, examination: SeriesExamination
) -> SeriesExamination:
    """The examination with the findings that the case holds now.

    Findings of another run or profile have p-values of another calibration, which must
    not be taken for these: they stand apart, and the remarks count them. Withdrawn ones
    are left out.
    """
    withdrawn = withdrawn_in(store)
    every = [
        f
        for f in store.findings(examination.record.series_id)
        if f.finding_id not in withdrawn
    ]
    shown = tuple(
        f
        for f in every
        if is_of(f, examination.evaluation) and examination.seen_by(f) is not None
    )
    for finding in shown:
        _check_level(finding, examination.evaluation)
    others = tuple(f for f in every if f not in shown)
    remarks: list[str] = []
    if others:
        remarks.append(
            f"Series {examination.record.series_id}: {others_text(len(others))}"
        )
    model = examination.model
    if examination.evaluation is not None and model and model.card is None:
        remarks.append(
            f"Series {examination.record.series_id}: model {model.name} "
            f"({model.digest[:12]}…) is not installed here. Its stored scores are "
            "given; its training data and its measured figures are not, and places "
            "cannot be scored"
        )
    return replace(examination, findings=shown, others=others, remarks=tuple(remarks))


def others_text(n: int) -> str:
    """How many places stand apart, as a sentence without its full stop."""
    return (
        f"{counted(n, 'place was', 'places were')} judged under another run, "
        "calibration or search; listed apart, since the p-values differ in what they "
        "are ranked among"
    )


def is_of(finding: Finding, evaluation: Evaluation | None) -> bool:
    """True when a finding's numbers come from this run and this profile."""
    return (
        evaluation is not None
        and finding.run_id == evaluation.run.run_id
        and finding.profile_digest == evaluation.profile.digest
    )


def _check_level(finding: Finding, evaluation: Evaluation | None) -> None:
    """Refuse a finding ranked at a level that its profile does not have."""
    level = finding.numbers.anomaly.ranked_at
    if evaluation and level not in evaluation.profile.levels["anomaly"]:
        raise CaseError(
            f"finding {finding.finding_id} of the case was altered: its profile has no "
            f"level {level!r}",
            hint="Verify the case and go back to an unaltered copy.",
            code="case-damaged",
        )


def required_evaluation(examination: SeriesExamination) -> Evaluation:
    """The evaluation of a series, for work that needs one.

    Raises:
        CaseError: The series has not been scored to its end.
        CalibrationError: It has not been calibrated.
    """
    if examination.evaluation is not None:
        return examination.evaluation
    if not examination.is_scored:
        raise CaseError(
            examination.reason,
            hint="score it first with `btd score`",
            code="not_scored",
        )
    raise CalibrationError(examination.reason, code="no_profile")


def series_of_case(store: CaseStore, series_id: int | None) -> SeriesRecord:
    """The series with an id, or the only one when no id is given.

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


def _unscored(
    store: CaseStore, record: SeriesRecord, begun: Run | None
) -> SeriesExamination:
    """A series without a finished run, perhaps with one that was begun."""
    model, problem = None, f"series {record.series_id} has not been scored to its end"
    if begun is not None:
        model = model_of_run(begun.manifest)
        problem += f": {begun.n_done} of {record.n_slices} slices are done"
    else:
        try:
            find_model("", record.modality)
        except ModelError as error:
            problem += f": {error.detail}"
    found = SeriesExamination(record, begun, model, problem=problem)
    return replace(with_findings(store, found), remarks=())


def _uncalibrated(model: ModelFacts) -> str:
    if model.card is None:
        return (
            f"model {model.name} ({model.digest[:12]}…), which scored this series, is "
            "not installed here, and neither the case nor this computer holds a "
            "calibration profile for it"
        )
    return (
        f"there is no calibration profile for model {model.name}. Calibrate on local "
        "benign scans with `btd calibrate`"
    )


def _profiles_kept(
    store: CaseStore, run: Run, model: ModelFacts
) -> list[CalibrationProfile]:
    """Profiles that the case keeps for a model, the one used last first.

    The profile of the run's newest finding was used last, else the one kept last.
    """
    used = [
        f.profile_digest
        for f in store.findings(run.series_id)
        if f.run_id == run.run_id and f.profile_digest
    ]
    documents = {
        p.digest: p.document
        for p in reversed(store.profiles())
        if _model_digest(p.document) == model.digest
        and p.document.get("method", OWN) == model.method
    }
    order = sorted(documents, key=lambda digest: digest not in used[-1:])
    return [
        profile_from_json(documents[digest], f"the profile kept in {digest}")
        for digest in order
    ]


def _as_decided(
    speaker: Speaker,
    kept: Sequence[CalibrationProfile],
    model: ModelFacts,
    grid: PatchGrid,
    record: SeriesRecord,
) -> tuple[CalibrationProfile, Scope]:
    """The profile that speaks for a series, which the case keeps, and its scope."""
    for profile in kept:
        if profile.digest == speaker.profile:
            return profile, scope_of(profile, model, grid, record.meta)
    raise CaseError(
        f"the case does not hold the calibration {speaker.profile[:12]}…, which speaks "
        f"for series {speaker.series_id}",
        hint="Verify the case and go back to an unaltered copy.",
        code="case-damaged",
    )


def _model_digest(document: Mapping[str, object]) -> object:
    model = document.get("model")
    return model.get("digest") if isinstance(model, Mapping) else None


def _evaluated(
    run: Run,
    record: SeriesRecord,
    features: tuple[GridFeatures, ...],
    profile: CalibrationProfile,
    scope: Scope,
) -> Evaluation:
    if run.manifest.model["digest"] != profile.model.get("digest"):
        raise CalibrationError(
            "the profile was made with another model than the run", code="model"
        )
    kinds = calibrate_series(profile, scope, features)
    scope = with_scores(scope, profile, kinds["anomaly"].patch_scores)
    return Evaluation(run, record, profile, scope, features, kinds)


def _searching(whole: Evaluation, domain: Domain) -> Evaluation:
    """The evaluation as a search of one domain sees it."""
    if domain == whole.domain:
        return whole
    found = search_part(
        whole.profile, whole.scope, whole.kinds["anomaly"], whole.features, domain
    )
    return replace(whole, kinds={**whole.kinds, "anomaly": found}, domain=domain)
