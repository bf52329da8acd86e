"""The results per series: the whole, flagged slices and exhibits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from btd_desktop.calibration.place import CalibratedValue
from btd_desktop.examination.place import highest_places
from btd_desktop.examination.series import Evaluation
from btd_desktop.examination.wording import (
    NOT_COVERED,
    number_text,
    rate_text,
)
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Block,
    Cell,
    Column,
    Fact,
    Facts,
    Figure,
    Heading,
    Section,
    Table,
    Text,
    digest,
    join,
    name,
    plain,
    records,
    stated,
    table_of,
    unprinted,
)
from btd_desktop.report.exhibits import exhibits_of
from btd_desktop.report.pictures import SeriesFigure
from btd_desktop.report.results import (
    Result,
    flagged_cell,
    p_value_cell,
    result_sentences,
    results_of,
    score_cell,
    series_title,
    threshold_cell,
)
from btd_desktop.report.sections.calibration import lines
from btd_desktop.report.wording import mm_text

_MOST_PRINTED: Final = 12
_HISTOGRAM = (
    "Scores of the slices of this series (outlined) over those of genuine scans"
    " (filled), each as a share of its own total."
)
_HIGHEST = (
    "Highest places of the series, in order: where the program would look first."
    " Genuine scans have such places too; only a flag says that one stands out."
)


def section(case: ReportCase) -> Section:
    """What the method found, series by series."""
    results = results_of(case)
    blocks = records("results", [_result(case, result) for result in results])
    if not results:
        blocks = (*blocks, Text(plain("No series was scored.")))
    return Section("results", "Results", blocks)


def _result(case: ReportCase, result: Result) -> tuple[Block, ...]:
    title = series_title(result.number, result.outcome)
    told = result_sentences(result, under_title=True)
    evaluation = result.evaluation
    used = None if evaluation is None else evaluation.profile.digest
    return (
        Heading(join(title, plain(" (method " + result.method + ")"))),
        *map(Text, told),
        _levels(result.whole),
        *(_histogram(evaluation) if evaluation and result.is_examined else ()),
        *_flagged_slices(case, result),
        Facts(
            (
                Fact("", unprinted(result.number), "series_number"),
                Fact("", plain(result.method), "method_id"),
                Fact("", digest(used), "calibration_digest"),
                Fact("", unprinted(result.n_scored), "n_slices_scored"),
                Fact("", unprinted(result.slice_fpr), "slice_fpr"),
            )
        ),
        Facts(
            (
                Fact("", plain(result.coverage), "scope"),
                Fact("", lines(result.reasons), "reasons"),
            ),
            "scope",
        ),
        *exhibits_of(case, result),
        # After the pages of places, so that none of them follows a page half empty.
        *_highest_places(result),
    )


def _levels(whole: CalibratedValue | None) -> Table:
    """The series as a whole; empty where it has no result."""
    return table_of(
        [] if whole is None else [whole],
        (
            (Column("Level", 2.6, "level"), lambda _: plain("series")),
            (Column("Score", 1.8, "score", "number"), score_cell),
            (Column("p-value", 4.4, "p_value"), p_value_cell),
            (
                Column("n", 1.6, "n", "number"),
                lambda value: plain(f"{value.n:,}" if value.n else "–", value.n),
            ),
            (Column("Threshold", 1.8, "threshold", "number"), threshold_cell),
            (Column("Result", 2.2, "is_flagged"), flagged_cell),
        ),
        "levels",
    )


def _histogram(evaluation: Evaluation) -> tuple[Block, ...]:
    anomaly = evaluation.kinds["anomaly"]
    level = evaluation.level("anomaly", "slice")
    allowed = evaluation.scope.p_values_allowed
    figure = SeriesFigure(
        slice_scores=np.array(
            [np.nan if v is None else v.score for v in anomaly.slices]
        ),
        genuine=level.ecdf,
        threshold=level.threshold if allowed else None,
    )
    if not figure.slice_scores.size:
        return ()
    return (Figure(figure, plain(_HISTOGRAM)),)


def _flagged_slices(case: ReportCase, result: Result) -> tuple[Block, ...]:
    evaluation = result.evaluation
    if not result.flagged or evaluation is None:
        nothing = (
            "No slice is flagged."
            if result.slice_fpr is not None
            else "No threshold applies, so no slice can be flagged."
        )
        told = (Text(plain(nothing)),) if result.is_examined else ()
        return (*told, Table((), (), "flagged_slices"))
    volume = case.store.load_volume(evaluation.record.series_id)
    named = f"Flagged slices: {slices_text([i for i, _ in result.flagged])}."
    highest = sorted(result.flagged, key=lambda item: -item[1].score)[:_MOST_PRINTED]

    def uid(item: tuple[int, CalibratedValue]) -> Cell:
        return stated(name("uid", volume.instance_uids[item[0]]))

    def z_mm(item: tuple[int, CalibratedValue]) -> Cell:
        column, row = _highest_patch(evaluation, item[0])
        z = volume.world_mm((item[0], row, column))[2]
        return plain(mm_text(z), z)

    def place(item: tuple[int, CalibratedValue]) -> Cell:
        column, row = _highest_patch(evaluation, item[0])
        return plain(f"{column:d}, {row:d}", [column, row])

    def p_value(item: tuple[int, CalibratedValue]) -> Cell:
        p = item[1].p_value
        return plain(NOT_COVERED if p is None else rate_text(p), p)

    def number(item: tuple[int, CalibratedValue]) -> Cell:
        return plain(f"{item[0] + 1:d}", item[0] + 1)

    table = table_of(
        result.flagged,
        (
            (Column(None, 0, "slice_number"), number),
            (Column(None, 0, "z_mm"), z_mm),
            (Column(None, 0, "score"), lambda i: score_cell(i[1])),
            (Column(None, 0, "p_value"), p_value),
            (Column(None, 0, "place"), place),
            (Column(None, 0, "sop_instance_uid"), uid),
        ),
        "flagged_slices",
    )
    printed = table_of(
        highest,
        (
            (Column("Slice", 1.2, look="number"), number),
            (Column("z, mm", 1.6, look="number"), z_mm),
            (Column("Score", 1.6, look="number"), lambda i: score_cell(i[1])),
            (Column("p-value", 3), p_value),
            (Column("Column, row of the highest patch", 4), place),
        ),
    )
    blocks = (Text(plain(named)), printed, table)
    if len(result.flagged) <= _MOST_PRINTED:
        return blocks
    more = f"The {_MOST_PRINTED} highest are shown; report.json holds all of them."
    return (*blocks, Text(plain(more), "small"))


def slices_text(indices: Sequence[int]) -> str:
    """Numbers of slices, from 1, with runs drawn together: "6 to 13, 25"."""
    runs: list[list[int]] = []
    for number in (index + 1 for index in sorted(indices)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(
        f"{first}" if first == last
        else f"{first}, {last}" if last == first + 1
        else f"{first} to {last}"
        for first, last in runs
    )  # fmt: skip


def _highest_places(result: Result) -> tuple[Block, ...]:
    """Where to look first, whether or not anything is flagged."""
    evaluation = result.evaluation
    peaks = () if evaluation is None else highest_places(evaluation)
    if not result.is_examined or not peaks:
        return (Table((), (), "highest_places"),)
    table = table_of(
        list(enumerate(peaks, start=1)),
        (
            (
                Column("No.", 1, "number", "number"),
                lambda i: plain(f"{i[0]:d}.", i[0]),
            ),
            (
                Column("Slice", 1.5, "slice_number", "number"),
                lambda i: plain(f"{i[1].slice_index + 1:d}", i[1].slice_index + 1),
            ),
            (
                Column("Column, row", 2.6, "place"),
                lambda i: plain(
                    f"{i[1].column:d}, {i[1].row:d}", [i[1].column, i[1].row]
                ),
            ),
            (
                Column("Score", 1.8, "score", "number"),
                lambda i: plain(number_text(i[1].score), i[1].score),
            ),
        ),
        "highest_places",
    )
    return (Text(plain(_HIGHEST)), table)


def _highest_patch(evaluation: Evaluation, index: int) -> tuple[int, int]:
    """(column, row) of the patch with the highest anomaly score of a slice."""
    scores = evaluation.kinds["anomaly"].patch_scores[index]
    r, c = np.unravel_index(int(np.nanargmax(scores)), scores.shape)
    grid = evaluation.features[index]
    return int(grid.columns[c]), int(grid.rows[r])
