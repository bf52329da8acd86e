"""`btd score`: a case's series slice by slice, or one place as a click would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from btd_desktop.cli.options import (
    AsJson,
    CaseFolder,
    Device,
    Dtype,
    MethodName,
    Model,
    Profile,
    method_of,
    place_of,
)
from btd_desktop.cli.output import print_json, say
from btd_desktop.cli.watching import watched

if TYPE_CHECKING:
    from btd_desktop.examination.place import ScoredPlace
    from btd_desktop.workflow.examine import ExamineOptions
    from btd_desktop.workflow.services import Services

_MODES = ("anomaly", "injection", "removal")


def score_case(
    case: CaseFolder,
    series: Annotated[
        int | None, typer.Option(help="Number of the series. [default: all]")
    ] = None,
    at: Annotated[
        str,
        typer.Option(
            help="Score one place: X (column from 0), Y (row from 0), SLICE (from 1).",
            metavar="X,Y,SLICE",
        ),
    ] = "",
    mode: Annotated[
        str, typer.Option(help="With --at: anomaly, injection or removal.")
    ] = "anomaly",
    keep: Annotated[
        bool, typer.Option("--keep", help="With --at: keep the place as a finding.")
    ] = False,
    note: Annotated[str, typer.Option(help="With --keep: your words.")] = "",
    method: MethodName = "",
    model: Model = "",
    profile: Profile = "",
    device: Device = None,
    dtype: Dtype = None,
    as_json: AsJson = False,
) -> int:
    """Score a case, going on where it stopped; with --at, score one place."""
    if mode not in _MODES:
        raise typer.BadParameter(f"{mode!r} is none of {', '.join(_MODES)}")
    if not at and (keep or note):
        raise typer.BadParameter("--keep and --note go with --at")
    if at and model:
        raise typer.BadParameter("--at uses the model that scored the series")
    from btd_desktop.workflow.examine import ExamineOptions, place_json
    from btd_desktop.workflow.examine_case import score_place
    from btd_desktop.workflow.services import default_services

    services = default_services()
    options = ExamineOptions(
        model=model,
        method=method_of(method),
        profile=profile,
        device=device or services.settings.device,
        dtype=dtype or services.settings.dtype,
    )
    if not at:
        return _score_all(case, series, options, services, as_json)
    place = place_of(at)
    with watched() as context:
        scored, finding = score_place(
            case,
            series,
            place,
            services,
            context,
            mode=mode,
            profile=profile,
            method=method_of(method) if method else None,
            device=options.device,
            dtype=options.dtype,
            keep=keep,
            note=note,
        )
    if as_json:
        print_json(place_json(scored, mode, finding))
        return 0
    say(*_place_lines(scored, mode))
    if finding is not None:
        say(f"  kept as finding {finding.finding_id}")
    return 0


def _score_all(
    case: Path,
    series: int | None,
    options: ExamineOptions,
    services: Services,
    as_json: bool,
) -> int:
    from btd_desktop.cli.tables import outcome_lines, slice_rows
    from btd_desktop.workflow.examine import outcomes_json
    from btd_desktop.workflow.examine_case import score_case as score_series_of_case
    from btd_desktop.workflow.import_series import fates_of

    with watched() as context:
        outcomes = score_series_of_case(case, series, options, services, context)
    if as_json:
        print_json({"case": str(case), **outcomes_json(outcomes, fates_of(case))})
        return 0
    for outcome in outcomes:
        say(*outcome_lines(outcome))
        if outcome.evaluation is not None:
            say(*slice_rows(outcome.evaluation))
        elif outcome.run is not None:
            say(f"  {outcome.run.n_done} slices are scored and kept in the case")
    return 0


def _place_lines(scored: ScoredPlace, mode: str) -> Iterator[str]:
    from btd_desktop.cli.tables import place_rows
    from btd_desktop.examination.wording import number_text

    evaluation = scored.evaluation
    score = number_text(scored.numbers.scores[mode].score)
    yield (
        f"Slice {scored.slice_index + 1}, x {scored.x}, y {scored.y} of series "
        f"{evaluation.record.series_id}: {mode} score {score}"
    )
    yield f"  at ({', '.join(f'{mm:.1f}' for mm in scored.world_mm)}) mm (x, y, z, LPS)"
    yield (
        f"  calibration “{evaluation.profile.name}” "
        f"({evaluation.profile.n_patients} patients): "
        f"{evaluation.scope.coverage.value}"
    )
    yield from (f"    {reason}" for reason in evaluation.scope.reasons)
    yield from place_rows(scored, mode)
