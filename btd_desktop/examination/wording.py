"""Numbers and reasons in words: one spelling for window, command line and report."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from btd_desktop.errors import BtdError, Cancelled

if TYPE_CHECKING:
    from btd_desktop.calibration.level import Alarms, LevelCalibration
    from btd_desktop.calibration.place import CalibratedValue
    from btd_desktop.cases.model import SeriesRecord
    from btd_desktop.scoring.detector import Backend


NOT_COVERED: Final = "not covered by the calibration"
CHOSEN: Final = "none: the search chose the place for its score"
_CANCELLED_HINT: Final = (
    "what was done so far is kept; the same command goes on from there"
)

UNITS: Final[dict[str, tuple[str, str]]] = {
    "place": ("place", "places"),
    "structure": ("solid structure of the lung", "solid structures of the lung"),
    "patch": ("patch", "patches"),
    "slice": ("slice", "slices"),
    "series": ("series", "series"),
}
"""What each level counts, singular and plural."""

SCORE_NAMES: Final[dict[str, str]] = {
    "anomaly": "anomaly score",
    "untaught": "anomaly score, untaught",
    "injection": "injection score (paper)",
    "removal": "removal score (paper)",
    "slice": "anomaly score of the slice",
    "series": "anomaly score of the series",
}
"""What each score is called, in reports and in what is exported."""


def reason_of(error: BtdError) -> str:
    """Sentence and hint of an error in one text."""
    sentence = error.detail.rstrip(".")
    if not error.hint:
        return sentence
    return f"{sentence}. {error.hint[:1].upper()}{error.hint[1:]}"


def error_text(error: BtdError | Cancelled) -> str:
    """An error for a person: the sentence and, where there is one, the hint."""
    if isinstance(error, Cancelled):
        return f"stopped: {_CANCELLED_HINT}"
    return reason_of(error)


def error_json(error: BtdError | Cancelled) -> dict[str, dict[str, str]]:
    """An error for a script: `{"error": {"code", "detail", "hint"}}`."""
    if isinstance(error, Cancelled):
        told = {"code": "cancelled", "detail": "stopped", "hint": _CANCELLED_HINT}
    else:
        told = {"code": error.code, "detail": error.detail, "hint": error.hint}
    return {"error": told}


def modality_text(modality: str) -> str:
    """CT or MR; any other code, such as DICOM's "OT", as not known."""
    return modality if modality in ("CT", "MR") else "modality not known"


def spacing_of(record: SeriesRecord) -> tuple[float, float, float]:
    """Distance between slices, rows and columns in mm; 0 where not known.

    Cases of earlier versions keep one side of the pixel, the geometric mean of both.
    """
    meta = record.meta
    side = meta.pixel_spacing_mm or 0.0
    return meta.spacing_mm or (meta.slice_step_mm or 0.0, side, side)


def counted(n: int, singular: str, plural: str = "") -> str:
    """A count with its noun: "1 slice", "2 slices", "3 series"."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def number_text(value: float | None, digits: int = 4) -> str:
    """A score or threshold with `digits` significant digits; – for None."""
    if value is None:
        return "–"
    return f"{value:.{digits}g}".replace("-", "−")


def percent_text(rate: float | None) -> str:
    """A rate in [0, 1] as a percentage with two significant digits; – for None.

    From 99.5 % on with three; less than all is never rounded to 100 %.
    """
    if rate is None:
        return "–"
    if 0.9995 <= rate < 1.0:
        return "over 99.9 %"
    digits = 2 if rate < 0.995 else 3
    return f"{Decimal(f'{100 * rate:.{digits}g}'):f} %"


def interval_text(interval: tuple[float, float] | None, *, percent: bool) -> str:
    """An interval, in percent or as plain numbers; – for None."""
    if interval is None:
        return "–"
    low, high = interval
    if percent:
        return f"{percent_text(low)} to {percent_text(high)}"
    return f"{low:.2f} to {high:.2f}"


def rate_text(rate: float) -> str:
    """A p-value with two significant digits, written out: 0.000041."""
    return f"{Decimal(f'{rate:.2g}'):f}"


def p_value_text(value: CalibratedValue) -> str:
    """A p-value without the sign "p =", or why there is none.

    The smallest p-value that so many genuine patients can give is marked as such: more
    patients could make it smaller.
    """
    if value.p_value is None:
        return CHOSEN if value.chosen is True else NOT_COVERED
    text = rate_text(value.p_value)
    return f"{text} (smallest for {_units(value)})" if _is_smallest(value) else text


def p_text(value: CalibratedValue, *, narrow: bool = False) -> str:
    """A p-value with "p =" and the number that it was ranked among.

    Args:
        value: Its p_value is None where the calibration does not cover the scan, or
            where the search chose the place.
        narrow: For marks in pictures and cells of panels, which show n beside it:
            without n, and with "≤" in place of "smallest".
    """
    if value.p_value is None:
        if not narrow:
            return p_value_text(value)
        return "no p-value" if value.chosen is True else "not covered"
    if narrow:
        sign = "≤" if _is_smallest(value) else "="
        return f"p {sign} {rate_text(value.p_value)}"
    text = p_value_text(value)
    return f"p = {text}" if _is_smallest(value) else f"p = {text} ({_units(value)})"


def flagged_text(value: CalibratedValue) -> str:
    """Whether a score is flagged, or that no threshold applies."""
    if value.flagged is None:
        return "–" if value.chosen is True else "no threshold"
    return "flagged" if value.flagged else "not flagged"


def established_text(level: LevelCalibration, fpr: float) -> str:
    """Statement that the patients cannot establish a rate; "" where they can."""
    # Imported late: reading a case does not need it.
    from btd_desktop.calibration.ecdf import smallest_level

    if level.threshold is None or level.establishes(fpr):
        return ""
    smallest = percent_text(smallest_level(level.n_patients))
    return (
        f"not established at {percent_text(fpr)}: the smallest rate that "
        f"{counted(level.n_patients, 'patient')} can establish is {smallest}"
    )


def alarms_text(alarms: Alarms) -> str:
    """How often the opinion's rule raises an alarm on genuine patients."""
    return (
        f"{alarms.n} of {counted(alarms.of, 'genuine patient')}, each left out in turn "
        f"(95 % interval {interval_text(alarms.interval, percent=True)})"
    )


def false_alarms_text(alarms: Alarms | None, *, is_alarm: bool) -> str:
    """Measured rate of false alarms of what is said of a search, as a sentence.

    Args:
        alarms: As the profile holds them; None where they were not measured.
        is_alarm: More is flagged than genuine scans let expect.
    """
    if alarms is None:
        return (
            "On how many genuine patients this search gives a false alarm was not "
            "measured with this profile."
        )
    said = "So many are flagged in" if is_alarm else "That is no alarm; it gives one in"
    return f"{said} {alarms_text(alarms)}: its measured rate of false alarms."


def left_out_text(level: LevelCalibration) -> str:
    """How often genuine scores lie above the threshold; "" where that is not known."""
    if level.interval is None or not level.patient_fpr:
        return ""
    rate = sum(level.patient_fpr) / len(level.patient_fpr)
    return (
        f"{percent_text(rate)} of genuine ones lie above it, of "
        f"{counted(level.n_patients, 'patient')} each left out in turn "
        f"(95 % interval {interval_text(level.interval, percent=True)})"
    )


def _units(value: CalibratedValue) -> str:
    if value.smallest_p is UNSET:
        return f"n = {value.n:,}"
    return counted(value.n_patients, "patient")


def _is_smallest(value: CalibratedValue) -> bool:
    p = value.p_value
    return p is not None and value.n > 0 and p <= (1 + 1e-9) * value.floor


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """The device in use, for the status strip.

    Attributes:
        name: "CPU" or the graphics card's name, with precision.
        reason: Why this one, in a sentence.
        is_gpu: A graphics card computes.
    """

    name: str
    reason: str
    is_gpu: bool


def device_line(backend: Backend) -> DeviceLine:
    """The device of a run manifest's or detector's backend."""
    kind, dtype = backend.kind or "cpu", backend.dtype
    is_gpu = kind != "cpu"
    shown = backend.name if is_gpu and backend.name else kind.upper()
    reason = backend.reason or ""
    if not is_gpu and reason and reason != "asked for":
        reason = f"No GPU is used: {reason}."
    elif reason == "asked for":
        reason = "Chosen in the settings."
    return DeviceLine(f"{shown}, {dtype}" if dtype else shown, reason, is_gpu)
