"""Numbers turned into words that a court may read: one spelling of each."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

__all__ = [
    "NOT_COVERED",
    "UNITS",
    "counted",
    "flagged_text",
    "interval_text",
    "json_time",
    "mm_text",
    "number_text",
    "p_value_text",
    "percent_text",
    "rate_text",
    "size_text",
    "time_text",
]

NOT_COVERED = "not covered by the calibration"


UNITS: Final[dict[str, tuple[str, str]]] = {
    "place": ("place", "places"),
    "patch": ("patch", "patches"),
    "slice": ("slice", "slices"),
    "series": ("series", "series"),
}
"""What each level counts, singular and plural."""


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


def time_text(when: datetime) -> str:
    """A time in UTC to the second."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def json_time(when: datetime) -> str:
    """A time in UTC as the twin holds it."""
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def mm_text(value: float) -> str:
    """A position in mm with one decimal."""
    return f"{value:.1f}".replace("-", "−")


def flagged_text(is_flagged: bool | None) -> str:
    """Whether a score is flagged, or that no threshold applies."""
    if is_flagged is None:
        return "no threshold"
    return "flagged" if is_flagged else "not flagged"
