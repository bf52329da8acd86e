"""Dates and times of a header as moments that can be compared."""

from __future__ import annotations

import datetime
import functools


@functools.lru_cache(maxsize=4096)
def moment_of(date: str, time: str) -> datetime.datetime | None:
    """A DA and a TM value (PS3.5 6.2) as one moment; no time counts as midnight.

    Returns:
        None when the date is not one, or there is none.
    """
    digits = date.replace(".", "")[:8]
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        return None
    clock = time.replace(":", "").partition(".")[0][:6]
    clock = clock if clock.isascii() and clock.isdigit() else ""
    clock += "0" * (6 - len(clock))
    # Second 60 is a leap second (PS3.5 6.2).
    clock = clock[:4] + "59" if clock[4:] == "60" else clock
    try:
        return datetime.datetime.strptime(digits + clock, "%Y%m%d%H%M%S").replace(
            tzinfo=datetime.UTC
        )
    except ValueError:
        return None
