"""Numbers and reasons in words: one spelling for window, command line and report."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from btd_desktop.errors import BtdError, Cancelled

if TYPE_CHECKING:
    from btd_desktop.cases.model import SeriesRecord
    from btd_desktop.scoring.detector import Backend


NOT_COVERED: Final = "not covered by the calibration"
_CANCELLED_HINT: Final = (
    "what was done so far is kept; the same command goes on from there"
)

UNITS: Final[dict[str, tuple[str, str]]] = {
    "place": ("place", "places"),
    "patch": ("patch", "patches"),
    "slice": ("slice", "slices"),
    "series": ("series", "series"),
}
"""What each level counts, singular and plural."""


def reason_of(error: BtdError) -> str:
    """Sentence and hint of an error in one text."""
    sentence = error.detail.rstrip(".")
    if not error.hint:
        return sentence
    return f"{sentence}. {error.hint[:1].upper()}{error.hint[1:]}"


def error_text(error: BtdError | Cancelled) -> str:
    """What a person is told: the sentence and, where there is one, what to do."""
    if isinstance(error, Cancelled):
        return f"stopped: {_CANCELLED_HINT}"
    return reason_of(error)


def error_json(error: BtdError | Cancelled) -> dict[str, dict[str, str]]:
    """What a script is told: `{"error": {"code", "detail", "hint"}}`."""
    if isinstance(error, Cancelled):
        told = {"code": "cancelled", "detail": "stopped", "hint": _CANCELLED_HINT}
    else:
        told = {"code": error.code, "detail": error.detail, "hint": error.hint}
    return {"error": told}


def modality_text(modality: str) -> str:
    """CT or MR; any other code says only that nobody named it ("OT" in DICOM)."""
    return modality if modality in ("CT", "MR") else "modality not known"


def spacing_of(record: SeriesRecord) -> tuple[float, float, float]:
    """Between slices, rows and columns, mm; 0 where it is not known.

    Cases of earlier versions keep one side of the pixel, the mean of both.
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

    From 99.5 % on with three; what is less than all is never rounded to 100 %.
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


def p_value_text(p_value: float | None, n: int) -> str:
    """A p-value where "p" stands already, or that the calibration does not cover it.

    The smallest that n genuine scores can give, 1 / (n + 1), is said to be that:
    more of them could make it smaller.
    """
    if p_value is None:
        return NOT_COVERED
    text = rate_text(p_value)
    return f"{text} (smallest for n = {n:,})" if _is_smallest(p_value, n) else text


def p_text(p_value: float | None, n: int, *, narrow: bool = False) -> str:
    """A p-value with its sign and the number of genuine scores behind it.

    Args:
        p_value: In (0, 1]; None where the calibration does not cover the scan.
        n: Genuine scores that it was ranked among.
        narrow: For marks in pictures and cells of panels, which stand beside n and
            have no room for it: "≤" in place of "smallest".
    """
    if p_value is None:
        return "not covered" if narrow else NOT_COVERED
    if narrow:
        sign = "≤" if _is_smallest(p_value, n) else "="
        return f"p {sign} {rate_text(p_value)}"
    text = p_value_text(p_value, n)
    return f"p = {text}" if _is_smallest(p_value, n) else f"p = {text} (n = {n:,})"


def flagged_text(is_flagged: bool | None) -> str:
    """Whether a score is flagged, or that no threshold applies."""
    if is_flagged is None:
        return "no threshold"
    return "flagged" if is_flagged else "not flagged"


def _is_smallest(p_value: float, n: int) -> bool:
    return n > 0 and p_value <= (1 + 1e-9) / (n + 1)


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
