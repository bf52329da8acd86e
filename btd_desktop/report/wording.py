"""Numbers and results turned into words that a court may read.

Nothing here knows a page. The sentences keep to what a calibration on genuine scans
can carry: how often genuine scans score as high, never how probable tampering is
(app notes 3.2; ENFSI evaluative reporting).
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from btd_desktop.report.content import (
    Calibration,
    Conclusion,
    Exhibit,
    ExhibitScore,
    Level,
    LevelResult,
    ReportContent,
    SeriesExamined,
    SeriesResult,
)

__all__ = [
    "HEADLINES",
    "NOT_COVERED",
    "NOT_STATED",
    "UNITS",
    "counted",
    "exhibit_sentences",
    "interval_text",
    "number_text",
    "or_not_stated",
    "p_value_text",
    "percent_text",
    "rate_text",
    "result_sentences",
    "series_title",
    "share_sentence",
    "size_text",
    "time_text",
]

NOT_STATED = "not stated"
NOT_COVERED = "not covered by the calibration"


UNITS: Final[dict[Level, tuple[str, str]]] = {
    "place": ("place", "places"),
    "patch": ("patch", "patches"),
    "slice": ("slice", "slices"),
    "series": ("series", "series"),
}
"""What each level counts, singular and plural."""

HEADLINES: Final[dict[Conclusion, str]] = {
    "supports": "The findings support alteration (H1) over no alteration (H2).",
    "no support found": "No support for an alteration was found.",
    "inconclusive": "Inconclusive.",
    "not covered": "No opinion: not covered by the calibration.",
}
"""The opinion in one line, for those who read nothing else."""


def or_not_stated(text: str) -> str:
    """The text, or "not stated" when there is none."""
    return text if text.strip() else NOT_STATED


def counted(n: int, singular: str, plural: str = "") -> str:
    """A count with its noun: "1 slice", "2 slices", "3 series"."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def number_text(value: float | None, digits: int = 4) -> str:
    """A score or threshold with `digits` significant digits; – for None."""
    if value is None:
        return "–"
    return f"{value:.{digits}g}".replace("-", "−")


def percent_text(rate: float | None) -> str:
    """A rate in [0, 1] as a percentage with two significant digits."""
    if rate is None:
        return "–"
    return f"{100 * rate:.2g} %" if rate < 0.995 else f"{100 * rate:.3g} %"


def interval_text(interval: tuple[float, float] | None, *, percent: bool) -> str:
    """An interval, in percent or as plain numbers; – for None."""
    if interval is None:
        return "–"
    low, high = interval
    if percent:
        return f"{percent_text(low)} to {percent_text(high)}"
    return f"{low:.2f} to {high:.2f}"


def p_value_text(p_value: float | None, n: int) -> str:
    """A p-value, with the floor that n sets, or that the calibration does not cover."""
    if p_value is None:
        return NOT_COVERED
    text = rate_text(p_value)
    if n > 0 and p_value <= (1 + 1e-9) / (n + 1):
        return f"{text} (smallest for n = {n:,})"
    return text


def rate_text(rate: float) -> str:
    """A p-value with two significant digits, written out: 0.000041."""
    return f"{Decimal(f'{rate:.2g}'):f}"


def size_text(n_bytes: int) -> str:
    """A size in bytes with thousands separated."""
    return f"{n_bytes:,}"


def time_text(when: datetime | None) -> str:
    """A time in UTC to the second; "not stated" for None."""
    if when is None:
        return NOT_STATED
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def series_title(series: SeriesExamined) -> str:
    """How a series is called in headings and tables."""
    described = series.description.strip() or "no description"
    return f"Series {series.number}: {series.modality}, {described}"


def share_sentence(result: SeriesResult) -> str:
    """Share of slices flagged, beside the FPR that genuine scans show."""
    share = result.share_flagged
    if share is None:
        return "No slice was scored."
    flagged = (
        f"{len(result.flagged_slices):,} of"
        f" {counted(result.n_slices_scored, 'scored slice')} flagged"
        f" ({percent_text(share)})"
    )
    if result.slice_fpr is None:
        return f"{flagged}; {NOT_COVERED}, so no rate can be set beside it."
    return (
        f"{flagged}; in genuine scans of the calibration the rate is"
        f" {percent_text(result.slice_fpr)} per slice (FPR)."
    )


def result_sentences(
    content: ReportContent, result: SeriesResult, series: SeriesExamined
) -> tuple[str, ...]:
    """What was found in one series, in plain words."""
    title = series_title(series)
    if result.scope.scope == "not covered":
        return (
            f"{title}. The calibration does not cover this series. Its scores are"
            " given, but no error rate and no p-value can be stated for them.",
        )
    level = _series_level(result)
    sentences = [f"{title}. {_level_sentence(level, _calibration(content, result))}"]
    sentences.append(share_sentence(result))
    if result.scope.scope == "partly covered":
        sentences.append(
            "The calibration covers this series only in part, see section 10; its"
            " error rates may be off here."
        )
    return tuple(sentences)


def exhibit_sentences(exhibit: Exhibit) -> tuple[str, ...]:
    """What its scores are ranked among, how it was chosen, where its noise is found."""
    told = tuple(_ranking(s) for s in exhibit.scores if s.n_patients and s.n)
    others = (_selection(exhibit), exhibit.noise_sentence)
    return (*dict.fromkeys(told), *filter(None, others))


def _selection(exhibit: Exhibit) -> str:
    """Which p-value to quote of a place that the search chose for its score."""
    of_slice = next((s for s in exhibit.scores if s.level == "slice"), None)
    if exhibit.mode != "search" or of_slice is None or of_slice.p_value is None:
        return ""
    return (
        "The program's search chose this place for its anomaly score, so that the"
        " p-value of the place is smaller than chance alone would make it. The p-value"
        f" to quote is that of its slice: {p_value_text(of_slice.p_value, of_slice.n)}."
    )


def _ranking(score: ExhibitScore) -> str:
    """Units, patients and error rate of the level that a score is ranked at."""
    name = score.name[:1].upper() + score.name[1:]
    one, many = UNITS[score.level]
    units = counted(score.n, f"genuine {one}", f"genuine {many}")
    judged = ", each judged in the same way" if score.level == "place" else ""
    patients = counted(score.n_patients, "patient")
    sentence = f"{name}: ranked among {units} of {patients}{judged}."
    if score.fpr is None or score.fpr_interval is None:
        return sentence
    return (
        f"{sentence} At its threshold the FPR per {score.level} is"
        f" {percent_text(score.fpr)}, 95 % interval"
        f" {interval_text(score.fpr_interval, percent=True)}."
    )


def _series_level(result: SeriesResult) -> LevelResult | None:
    return next((item for item in result.levels if item.level == "series"), None)


def _calibration(content: ReportContent, result: SeriesResult) -> Calibration | None:
    return next(
        (
            calibration
            for calibration in content.calibrations
            if calibration.profile_digest == result.calibration_digest
        ),
        None,
    )


def _level_sentence(level: LevelResult | None, calibration: Calibration | None) -> str:
    if level is None or level.p_value is None or level.is_flagged is None:
        return "There is no threshold for a whole series, so none can be flagged."
    state = "flagged" if level.is_flagged else "not flagged"
    patients = (
        f" of {counted(calibration.n_patients, 'patient')}" if calibration else ""
    )
    return (
        f"As a whole it is {state}: p = {p_value_text(level.p_value, level.n)}. That is"
        f" the share of genuine scans that score at least as high, estimated from"
        f" {level.n:,} genuine series{patients}. It is not the probability that the"
        " series was tampered with."
    )
