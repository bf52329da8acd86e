"""Results section of the report: levels, flagged slices, exhibits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from btd_desktop.calibration.apply import CalibratedSeries, CalibratedValue
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.cases.model import Finding
from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.series import Evaluation, SeriesExamination
from btd_desktop.report import content as rc
from btd_desktop.workflow.copied_noise import JudgedCopy, copy_sentence
from btd_desktop.workflow.report_figures import exhibit_figure
from btd_desktop.workflow.report_words import SCORE_NAMES, SCORE_OF_SLICE

__all__ = ["series_result"]

_MAX_EXHIBITS = 12


def series_result(
    store: CaseStore, number: int, method: str, outcome: SeriesExamination
) -> rc.SeriesResult:
    """Result of one series.

    Args:
        store: Open case.
        number: Number of the series in the report.
        method: Reference of the method, "M1", ...
        outcome: What the examination came to.
    """
    evaluation = outcome.evaluation
    if evaluation is None:
        return rc.SeriesResult(
            series_number=number,
            method_id=method,
            calibration_digest=None,
            scope=rc.ScopeVerdict("not covered", (outcome.reason,)),
            levels=(),
            n_slices_scored=0,
        )
    anomaly = evaluation.kinds["anomaly"]
    profile, scope = evaluation.profile, evaluation.scope
    slice_level = profile.levels["anomaly"]["slice"]
    scored = [v for v in anomaly.slices if v is not None]
    exhibits = tuple(
        _exhibit(store, f"E{number}.{i}", f, evaluation)
        for i, f in enumerate(_shown(outcome.findings), 1)
    )
    return rc.SeriesResult(
        series_number=number,
        method_id=method,
        calibration_digest=profile.digest,
        scope=rc.ScopeVerdict(scope.coverage.value, scope.reasons),
        levels=_level_results(anomaly, profile, scope.p_values_allowed),
        n_slices_scored=len(scored),
        flagged_slices=_flagged(store, evaluation),
        slice_fpr=profile.target_fpr
        if scope.p_values_allowed and slice_level.threshold is not None
        else None,
        exhibits=exhibits,
        figure=rc.SeriesFigure(
            slice_scores=np.array(
                [np.nan if v is None else v.score for v in anomaly.slices]
            ),
            benign_scores=slice_level.ecdf.scores,
            threshold=slice_level.threshold if scope.p_values_allowed else None,
        ),
    )


def _shown(findings: Sequence[Finding]) -> list[Finding]:
    return [f for f in findings if f.status != "dismissed"][:_MAX_EXHIBITS]


def _level_result(level: str, value: CalibratedValue) -> rc.LevelResult:
    return rc.LevelResult(
        level=level,  # type: ignore[arg-type]
        score=value.score,
        p_value=value.p_value,
        n=value.n,
        threshold=value.threshold,
        is_flagged=value.flagged,
    )


def _level_results(
    anomaly: CalibratedSeries, profile: CalibrationProfile, allowed: bool
) -> tuple[rc.LevelResult, ...]:
    out = []
    if anomaly.series is not None:
        patch = profile.levels["anomaly"]["patch"]
        score = anomaly.series.score
        threshold = patch.threshold if allowed else None
        out.append(
            rc.LevelResult(
                level="patch",
                score=score,
                p_value=patch.ecdf.p_value(score) if allowed else None,
                n=patch.ecdf.n,
                threshold=threshold,
                is_flagged=None if threshold is None else score > threshold,
            )
        )
    scored = [v for v in anomaly.slices if v is not None]
    if scored:
        out.append(_level_result("slice", max(scored, key=lambda v: v.score)))
    if anomaly.series is not None:
        out.append(_level_result("series", anomaly.series))
    return tuple(out)


def _flagged(store: CaseStore, evaluation: Evaluation) -> tuple[rc.FlaggedSlice, ...]:
    anomaly = evaluation.kinds["anomaly"]
    flagged = [(i, v) for i, v in enumerate(anomaly.slices) if v and v.flagged]
    if not flagged:
        return ()
    volume = store.load_volume(evaluation.record.series_id)
    out = []
    for index, value in flagged:
        scores = anomaly.patch_scores[index]
        r, c = np.unravel_index(int(np.nanargmax(scores)), scores.shape)
        grid = evaluation.features[index]
        place = int(grid.rows[r]), int(grid.columns[c])
        out.append(
            rc.FlaggedSlice(
                slice_number=index + 1,
                score=value.score,
                p_value=value.p_value,
                sop_instance_uid=volume.instance_uids[index],
                z_mm=volume.world_mm((index, *place))[2],
                place=(place[1], place[0]),
            )
        )
    return tuple(out)


def _exhibit(
    store: CaseStore, label: str, finding: Finding, evaluation: Evaluation
) -> rc.Exhibit:
    volume = store.load_volume(finding.series_id)
    column, row = round(finding.x), round(finding.y)
    copy = finding.numbers.get("copy")
    judged = None if copy is None else JudgedCopy.from_json(copy)
    mode = "search" if finding.origin == "search" else finding.mode
    return rc.Exhibit(
        label=label,
        slice_number=finding.slice_index + 1,
        column=column,
        row=row,
        world_mm=volume.world_mm((finding.slice_index, row, column)),
        sop_instance_uid=volume.instance_uids[finding.slice_index],
        mode=mode,  # type: ignore[arg-type]
        scores=_exhibit_scores(finding.numbers, evaluation.profile),
        note=finding.note,
        status=finding.status,
        figure=exhibit_figure(store, volume, finding, evaluation),
        copied_noise=None if judged is None else _copied_noise(judged),
        noise_sentence=copy_sentence(judged) if "copy" in finding.numbers else "",
    )


def _copied_noise(judged: JudgedCopy) -> rc.CopiedNoise:
    return rc.CopiedNoise(
        slice_number=judged.slice_index + 1,
        column=judged.column,
        row=judged.row,
        correlation=judged.correlation,
        strength=judged.strength,
        side_px=judged.side_px,
        n_slices=judged.n_slices,
        surprise=judged.surprise,
        is_copied=judged.copied,
    )


def _exhibit_scores(
    numbers: dict[str, Any], profile: CalibrationProfile
) -> tuple[rc.ExhibitScore, ...]:
    """Those of the place; of its slice too where the program's search chose it."""
    scores = [
        _exhibit_score(kind, SCORE_NAMES[kind], numbers[kind], profile)
        for kind in ("anomaly", "injection", "removal")
        if kind in numbers
    ]
    if "slice" in numbers:
        of_slice = {**numbers["slice"], "level": "slice"}
        scores.append(_exhibit_score("anomaly", SCORE_OF_SLICE, of_slice, profile))
    return tuple(scores)


def _exhibit_score(
    kind: str,
    words: tuple[str, str],
    numbers: dict[str, Any],
    profile: CalibrationProfile,
) -> rc.ExhibitScore:
    name, definition = words
    level = numbers.get("level", "patch")
    interval = profile.levels[kind][level].interval
    can_flag = numbers["threshold"] is not None
    return rc.ExhibitScore(
        name=name,
        definition=definition,
        value=float(numbers["score"]),
        p_value=numbers["p_value"],
        n=int(numbers["n"]),
        threshold=numbers["threshold"],
        is_flagged=numbers["flagged"],
        level=level,
        n_patients=int(numbers["n_patients"]),
        fpr=profile.target_fpr if can_flag else None,
        fpr_interval=interval if can_flag else None,
    )
