"""Sizes, times and positions in the words of a report."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

DEMONSTRATION: Final = "Demonstration – not an examination"
"""Mark of a report of a simulated case."""


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
