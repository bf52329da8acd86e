"""Findings about dates and times: do they come in an order that is possible?"""

from __future__ import annotations

import datetime
import itertools
import statistics
from collections.abc import Iterator, Sequence
from typing import Final

from btd_desktop.dicom.findings import concerned, counted, note, quoted, warning
from btd_desktop.dicom.moments import moment_of
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.dicom.stack import Slice

# In the order in which they happen (PS3.3 C.7.2.1, C.7.3.1, C.7.6.1, C.12.1).
_STEPS: Final = (
    ("study", "study"),
    ("series", "series"),
    ("acquisition", "acquisition"),
    ("content", "content"),
    ("creation", "creation of the file"),
)
# Clocks of console and reconstruction computer differ by so much at times.
_SLACK: Final = datetime.timedelta(minutes=10)
_LATER: Final = datetime.timedelta(days=2)
_APART: Final = datetime.timedelta(hours=12)
_EARLIEST_YEAR: Final = 1971  # the first CT of a patient
_OLDEST: Final = 130


def check_times(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    """Findings about the dates and times of a series."""
    text = slices[0].facts.text
    if text.get("dates_modified", "").upper() == "MODIFIED":
        yield note(
            "dates_modified",
            "The header says that dates were changed when names were removed: they "
            "tell at most an order, not when the scan was made.",
        )
    yield from _check_readable(slices)
    yield from _check_order(slices)
    yield from _check_birth(slices[0])
    yield from _check_late_creation(slices)
    yield from _check_apart(slices)


def _moment(item: Slice, step: str) -> datetime.datetime | None:
    text = item.facts.text
    return moment_of(text.get(f"{step}_date", ""), text.get(f"{step}_time", ""))


def _has_time(item: Slice, step: str) -> bool:
    return bool(item.facts.text.get(f"{step}_time"))


def _check_readable(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    for step, words in (*_STEPS, ("birth", "birth")):
        odd = [
            item
            for item in slices
            if item.facts.text.get(f"{step}_date") and _moment(item, step) is None
        ]
        if odd:
            value = odd[0].facts.text[f"{step}_date"]
            shown = "" if step == "birth" else f" ({quoted(value)})"
            yield warning(
                "unreadable_date",
                f"The date of the {words}{shown} is no date. Scanners write yyyymmdd; "
                "anonymisers and people who type it write other things.",
                concerned(odd, slices),
            )


def _check_order(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    pairs = itertools.combinations(_STEPS, 2)
    for (first, first_words), (second, second_words) in pairs:
        odd = [item for item in slices if _is_before(item, second, first)]
        if not odd:
            continue
        earlier, later = _moment(odd[0], second), _moment(odd[0], first)
        yield (warning if (first, second) in _STRICT else note)(
            "dates",
            f"The {second_words} ({earlier:%Y-%m-%d %H:%M}) lies before the "
            f"{first_words} ({later:%Y-%m-%d %H:%M}). A study or series may be opened "
            "after its images (a merge, a late reconstruction, clocks that differ); "
            "dates changed one by one look the same.",
            concerned(odd, slices),
        )
        return


# The others are opened after the fact often enough.
_STRICT: Final = (
    ("study", "acquisition"),
    ("study", "creation"),
    ("acquisition", "creation"),
)


def _is_before(item: Slice, second: str, first: str) -> bool:
    """True when `second` comes before `first`, by the day unless both have times."""
    later, earlier = _moment(item, first), _moment(item, second)
    if later is None or earlier is None:
        return False
    if not (_has_time(item, first) and _has_time(item, second)):
        return earlier.date() < later.date()
    return later - earlier > _SLACK


def _check_birth(item: Slice) -> Iterator[SeriesFinding]:
    study, birth = _moment(item, "study"), _moment(item, "birth")
    if study is not None and study.year < _EARLIEST_YEAR:
        yield note(
            "early_date",
            f"The study is dated {study:%Y-%m-%d}, before there were such scanners. "
            "Anonymisers shift dates; a clock that was never set does the same.",
        )
    if study is None or birth is None:
        return
    if birth > study:
        yield warning(
            "birth_after_study",
            f"The patient's birth date lies {counted((birth - study).days, 'day')} "
            "after the study. Anonymisers that shift only some dates cause this; so "
            "does the header of another patient.",
        )
    elif study.year - birth.year > _OLDEST:
        yield note(
            "old_patient",
            f"By the dates the patient is {study.year - birth.year} years old. A "
            "placeholder for the birth date, most likely.",
        )


def _check_late_creation(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    delays = []
    for item in slices:
        made, written = _moment(item, "acquisition"), _moment(item, "creation")
        if made is not None and written is not None and written - made > _LATER:
            delays.append((item, written - made))
    if delays:
        days = max(delay for _, delay in delays).days
        yield note(
            "late_creation",
            f"The images were created up to {days} days after the acquisition: "
            "reconstructed, converted or edited later, or sent again.",
            concerned([item for item, _ in delays], slices),
        )


def _check_apart(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    """Slices dated far from the middle of the series."""
    for step, words in (("acquisition", "acquired"), ("creation", "created")):
        known = [(item, moment) for item in slices if (moment := _moment(item, step))]
        if len(known) < 3:  # of two, none is the odd one
            continue
        middle = statistics.median_low(moment for _, moment in known)
        odd = [item for item, moment in known if abs(moment - middle) > _APART]
        if odd:
            moment = _moment(odd[0], step)
            yield warning(
                f"{step}_apart",
                f"{counted(len(odd), 'slice')} {words} at another time than the rest "
                f"({moment:%Y-%m-%d %H:%M} against {middle:%Y-%m-%d %H:%M}). A scan "
                "that was interrupted or resent in part explains it; so do slices "
                "replaced later.",
                [item.uid for item in odd],
            )
