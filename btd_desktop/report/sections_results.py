"""Section 11: the results per series, with flagged slices and exhibits."""

from __future__ import annotations

from collections.abc import Sequence

from reportlab.platypus import CondPageBreak, Flowable, KeepTogether, Table, TableStyle

from btd_desktop.report.content import (
    Exhibit,
    ExhibitFigure,
    ExhibitScore,
    FlaggedSlice,
    LevelResult,
    ReportContent,
    SeriesExamined,
    SeriesResult,
)
from btd_desktop.report.figures import exhibit_panels
from btd_desktop.report.plots import cdf_plot, score_histogram
from btd_desktop.report.style import (
    FRAME_WIDTH,
    data_table,
    fact_table,
    heading,
    paragraph,
    space,
)
from btd_desktop.report.wording import (
    NOT_COVERED,
    NOT_STATED,
    UNITS,
    counted,
    exhibit_sentences,
    number_text,
    or_not_stated,
    p_value_text,
    rate_text,
    result_sentences,
    series_title,
)

__all__ = ["flagged_text", "result_section"]


def result_section(content: ReportContent) -> list[Flowable]:
    """Section 11."""
    story: list[Flowable] = [*heading("11  Results")]
    if not content.results:
        story.append(paragraph("No series was scored."))
    by_number = {series.number: series for series in content.series}
    for result in content.results:
        story += _result(content, result, by_number[result.series_number])
    return story


def flagged_text(is_flagged: bool | None) -> str:
    """Whether a score is flagged, or that no threshold applies."""
    if is_flagged is None:
        return "no threshold"
    return "flagged" if is_flagged else "not flagged"


def _result(
    content: ReportContent, result: SeriesResult, series: SeriesExamined
) -> list[Flowable]:
    story: list[Flowable] = [
        *heading(f"{series_title(series)} (method {result.method_id})", 2),
        *(
            paragraph(text)
            for text in result_sentences(content, result, series)[
                0 if result.scope.scope == "not covered" else 1 :
            ]
        ),
        data_table(
            ("Level", "Score", "p-value", "n", "Threshold", ""),
            [_level_row(level) for level in result.levels],
            (2.6, 1.8, 4.4, 1.6, 1.8, 2.2),
            numbers=(1, 3, 4),
        ),
    ]
    if result.figure is not None and result.figure.slice_scores.size:
        figure = result.figure
        story.append(
            KeepTogether(
                [
                    score_histogram(
                        figure.slice_scores,
                        figure.benign_scores,
                        figure.threshold,
                        size=(FRAME_WIDTH, 140),
                    ),
                    paragraph(
                        "Scores of the slices of this series (outlined) over those of"
                        " genuine scans (filled), each as a share of its own total.",
                        "small",
                    ),
                ]
            )
        )
    if result.scope.scope == "not covered" and not result.flagged_slices:
        story.append(paragraph("No threshold applies, so no slice can be flagged."))
    else:
        story += _flagged_slices(result.flagged_slices)
    for exhibit in result.exhibits:
        story += _exhibit(exhibit, series)
    return story


def _level_row(level: LevelResult) -> tuple[str, ...]:
    names = {"patch": "highest patch", "slice": "highest slice", "series": "series"}
    return (
        names.get(level.level, level.level),
        number_text(level.score),
        p_value_text(level.p_value, level.n),
        f"{level.n:,}" if level.n else "–",
        number_text(level.threshold),
        flagged_text(level.is_flagged),
    )


def _flagged_slices(slices: Sequence[FlaggedSlice]) -> list[Flowable]:
    if not slices:
        return [paragraph("No slice is flagged.")]
    return [
        paragraph("Flagged slices:"),
        data_table(
            ("Slice", "z, mm", "Score", "p-value", "Column, row", "SOP Instance"),
            [
                (
                    str(item.slice_number),
                    "–" if item.z_mm is None else f"{item.z_mm:.1f}".replace("-", "−"),
                    number_text(item.score),
                    NOT_COVERED if item.p_value is None else rate_text(item.p_value),
                    "–" if item.place is None
                    else f"{item.place[0]}, {item.place[1]}",
                    item.sop_instance_uid or NOT_STATED,
                )
                for item in slices
            ],
            (1.1, 1.5, 1.5, 2.6, 1.9, 6),
            numbers=(0, 1, 2),
            mono=(5,),
        ),
    ]  # fmt: skip


def _exhibit(exhibit: Exhibit, series: SeriesExamined) -> list[Flowable]:
    facts = [
        (
            "Place",
            f"slice {exhibit.slice_number}, column {exhibit.column}, row {exhibit.row}"
            f"{_world_text(exhibit.world_mm)}",
        ),
        ("SOP Instance UID", or_not_stated(exhibit.sop_instance_uid)),
        ("Looked for", _MODES.get(exhibit.mode, exhibit.mode)),
        ("Examiner's status", or_not_stated(exhibit.status)),
        ("Examiner's note", or_not_stated(exhibit.note)),
    ]
    title = heading(f"Exhibit {exhibit.label}, series {series.number}", 2)
    scores = data_table(
        ("Score", "How it is computed", "Value", "p-value", "n", "Threshold", ""),
        [_score_row(score) for score in exhibit.scores],
        (2.6, 3.8, 1.5, 2.7, 1.9, 2.1, 1.9),
        numbers=(2, 4, 5),
    )
    after = [paragraph(text, "small") for text in exhibit_sentences(exhibit)]
    if exhibit.figure is None:
        return [*title, fact_table(facts, mono=("SOP Instance UID",)), scores, *after]
    return [
        CondPageBreak(430),
        *title,
        *_pictures(exhibit, exhibit.figure),
        fact_table(facts, mono=("SOP Instance UID",)),
        scores,
        *after,
    ]


_MODES = {
    "anomaly": "anything unlike genuine scans (place chosen by the examiner)",
    "injection": "injected content (centre of the patch)",
    "removal": "removed content (whole patch)",
    "search": "place found by the program's search",
}


def _world_text(world_mm: tuple[float, float, float] | None) -> str:
    if world_mm is None:
        return ""
    point = ", ".join(f"{part:.1f}" for part in world_mm).replace("-", "−")
    return f"; patient coordinates (LPS) {point} mm"


def _score_row(score: ExhibitScore) -> tuple[str, ...]:
    return (
        score.name,
        score.definition,
        number_text(score.value),
        p_value_text(score.p_value, score.n),
        counted(score.n, *UNITS[score.level]) if score.n else "–",
        number_text(score.threshold),
        flagged_text(score.is_flagged),
    )


def _pictures(exhibit: Exhibit, figure: ExhibitFigure) -> list[Flowable]:
    n_panels = 2 + (figure.slice_image is not None) + (figure.p_map is not None)
    gap = 8.0
    width = (FRAME_WIDTH - gap * (n_panels - 1)) / n_panels
    panels = exhibit_panels(figure, width)
    table = Table([panels], colWidths=[width + gap] * (n_panels - 1) + [width])
    table.setStyle(
        TableStyle(
            [
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 0),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
                ("VALIGN", (0, 0), (-1, -1), "BOTTOM"),
            ]
        )
    )
    story: list[Flowable] = [table]
    if figure.benign_scores is not None and figure.benign_scores.size:
        story.append(
            cdf_plot(
                figure.benign_scores,
                figure.score,
                figure.threshold,
                size=(FRAME_WIDTH, 125),
                score_label=f"exhibit {exhibit.label}",
            )
        )
    return [*story, space(2)]
