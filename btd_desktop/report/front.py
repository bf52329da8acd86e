"""Cover page and the one-page summary for readers without technical training."""

from __future__ import annotations

from typing import Final

from reportlab.lib.units import mm
from reportlab.platypus import Flowable

from btd_desktop.report.content import CONCLUSIONS, RedactionNote, ReportContent
from btd_desktop.report.sections_results import flagged_text
from btd_desktop.report.style import (
    FLAG,
    MARGIN,
    PAGE,
    bullets,
    callout,
    data_table,
    fact_table,
    heading,
    paragraph,
    space,
)
from btd_desktop.report.wording import (
    HEADLINES,
    NOT_STATED,
    counted,
    interval_text,
    or_not_stated,
    p_value_text,
    percent_text,
    result_sentences,
    time_text,
)

__all__ = ["SIGNATURE_BOX", "cover", "summary"]

SIGNATURE_BOX: Final = (
    int(MARGIN),
    int(26 * mm),
    int(PAGE[0] - MARGIN),
    int(50 * mm),
)
"""Free space on the first page for a visible signature: (x1, y1, x2, y2) in points."""

_LONGEST_SUMMARY_TEXT: Final = 420
_MOST_SERIES: Final = 4
_MOST_LIMITS: Final = 4


def cover(content: ReportContent) -> list[Flowable]:
    """The first page: which report, for whom, by whom, and what it is not."""
    identity, mandate = content.identity, content.mandate
    state = "Draft – not for use in proceedings" if identity.is_draft else "Final"
    return [
        space(26 if content.redaction is None else 12),
        paragraph("Forensic examination of image data", "title"),
        paragraph("Report on possible alterations of CT and MR series", "lead"),
        space(8),
        fact_table(
            [
                ("Report", identity.report_id),
                ("State", state),
                ("Case number", or_not_stated(mandate.case_number)),
                ("Client", or_not_stated(mandate.client)),
                ("Examiner", or_not_stated(mandate.examiner)),
                ("Date", time_text(identity.created)),
                ("Local time", or_not_stated(identity.created_local)),
                (
                    "Items received",
                    f"{counted(len(content.items.files), 'file')},"
                    f" {len(content.series)} series examined",
                ),
                ("Software", f"BTD Desktop {identity.software_version}"),
            ]
        ),
        space(6),
        callout(
            [
                paragraph("Intended use: forensic, not for diagnosis", "answer"),
                paragraph(
                    "This report is about whether image data were altered. It says"
                    " nothing about the health of any person and must not be used for"
                    " diagnosis or treatment."
                ),
            ],
            colour=FLAG,
        ),
        *_redaction(content.redaction),
    ]


def _redaction(note: RedactionNote | None) -> list[Flowable]:
    """On page 1: which report this is a variant of, and what was replaced."""
    if note is None:
        return []
    return [
        callout(
            [
                paragraph(f"Redacted variant of report {note.of_report_id}", "answer"),
                paragraph("The PDF of that report has the SHA-256 digest"),
                paragraph(note.of_sha256, "mono"),
                paragraph(" ".join(note.replaced)),
                *([paragraph(note.remark)] if note.remark else []),
            ]
        )
    ]


def summary(content: ReportContent) -> list[Flowable]:
    """Section 1: question, answer, what it rests on, limits, on one page."""
    opinion = content.opinion
    story: list[Flowable] = [
        *heading("1  Summary"),
        paragraph("The question", "h2"),
        paragraph(_shortened(or_not_stated(content.mandate.question)), "lead"),
        paragraph("The answer", "h2"),
        callout(
            [
                paragraph(HEADLINES[opinion.conclusion], "answer"),
                paragraph(CONCLUSIONS[opinion.conclusion]),
                *(paragraph(_shortened(text)) for text in opinion.sentences[:3]),
            ]
        ),
        paragraph("What it rests on", "h2"),
        *_findings(content),
        *_error_rates(content),
        paragraph("Main limits", "h2"),
        *bullets(
            [_shortened(text) for text in content.limitations[:_MOST_LIMITS]]
            or [f"Limits of this case: {NOT_STATED}; see section 14."]
        ),
    ]
    if opinion.would_change:
        story += [
            paragraph("What would change the opinion", "h2"),
            *bullets([_shortened(text) for text in opinion.would_change[:3]]),
        ]
    return story


def _findings(content: ReportContent) -> list[Flowable]:
    if not content.results:
        return [paragraph("No series was scored.")]
    by_number = {series.number: series for series in content.series}
    if len(content.results) == 1:
        result = content.results[0]
        sentences = result_sentences(content, result, by_number[result.series_number])
        return list(bullets(sentences))
    rows = []
    for result in content.results[:_MOST_SERIES]:
        series = by_number[result.series_number]
        level = next((item for item in result.levels if item.level == "series"), None)
        rows.append(
            (
                f"{series.number}: {series.modality},"
                f" {_shortened(series.description, 60) or NOT_STATED}",
                result.scope.scope,
                "–" if level is None else flagged_text(level.is_flagged),
                "–" if level is None else p_value_text(level.p_value, level.n),
                "–"
                if result.scope.scope == "not covered"
                else f"{len(result.flagged_slices):,} of {result.n_slices_scored:,}",
                percent_text(result.slice_fpr),
            )
        )
    story: list[Flowable] = [
        data_table(
            ("Series", "Calibration", "As a whole", "p-value", "Slices flagged",
             "FPR per slice"),
            rows,
            (4, 2.2, 2, 3.2, 2, 1.8),
            numbers=(4, 5),
        ),
        paragraph(
            "p-value: share of genuine scans that score at least as high; it is not the"
            " probability of tampering. FPR per slice: share of slices of genuine scans"
            " that are flagged too.",
            "small",
        ),
    ]  # fmt: skip
    left_out = len(content.results) - _MOST_SERIES
    if left_out > 0:
        story.append(paragraph(f"{left_out} more results: see section 11.", "small"))
    return story


def _error_rates(content: ReportContent) -> list[Flowable]:
    """How often the method errs, as measured; nothing where nothing was."""
    sentences = []
    covering = {
        result.calibration_digest
        for result in content.results
        if result.scope.scope != "not covered"
    }
    for calibration in content.calibrations:
        if calibration.profile_digest not in covering:
            continue
        for level in calibration.levels:
            if level.level == "series" and level.fpr is not None:
                interval = interval_text(level.fpr_interval, percent=True)
                patients = counted(calibration.n_patients, "patient")
                sentences.append(
                    "False alarms (FPR per series, profile"
                    f" {calibration.profile_name}): {percent_text(level.fpr)};"
                    f" {level.confidence:.0%} interval {interval}, from {patients}."
                )
    areas = [fact.auc for fact in content.validation if fact.auc is not None]
    if areas:
        n_patients = max(fact.n_patients for fact in content.validation)
        sentences.append(
            f"Separation of altered from genuine places (AUC; 0.5 is chance, 1 is"
            f" complete): {min(areas):.2f} to {max(areas):.2f} over"
            f" {counted(len(areas), 'kind')} of alteration tested, on at most"
            f" {counted(n_patients, 'patient')}."
        )
    if not sentences:
        return []
    return [
        paragraph("How often the method errs", "h2"),
        *bullets([_shortened(text) for text in sentences[:4]]),
    ]


def _shortened(text: str, limit: int = _LONGEST_SUMMARY_TEXT) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"
