"""What the examiner measured in the images; no number of it enters an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from btd_desktop.examination.measurement import (
    N_POINTS,
    KeptMeasurement,
    Numbers,
    measurement_text,
    measurements_in,
)
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Cell,
    Column,
    Section,
    Text,
    plain,
    quoting,
    stated,
    table_of,
    unprinted,
    word,
)

_INTRODUCTION: Final = (
    "Measured by the examiner between middles of voxels, in millimetres by the spacing"
    " that the files state; padding is left out of means. Planes and slices are counted"
    " from 1, pixels from 0. No answer of this report rests on them."
)
_NUMBERS: Final = Numbers.__dataclass_fields__


def section(case: ReportCase) -> Section:
    """A row for each measurement that was not removed."""
    number_of = {e.record.series_id: number for number, e in case.numbered}
    kept = measurements_in(case.store)
    table = table_of(
        kept,
        (
            (Column("Series", 1.3, "series_number", "number"), _number(number_of)),
            (Column("Plane and points (x, y)", 4.6, "where"),
             lambda k: quoting(k.measurement.where)),
            (Column("Measured", 6.4, "result"),
             lambda k: quoting(measurement_text(k.measurement))),
            (Column("By", 2.4, "person"), lambda k: stated(quoting(k.actor))),
            (Column(None, 0, "kind"), lambda k: word(k.measurement.kind, N_POINTS)),
            *((Column(None, 0, name), _of(name)) for name in _NUMBERS),
        ),
        "measurements",
    )  # fmt: skip
    nothing = "Nothing was measured in the images."
    told = Text(plain(_INTRODUCTION if kept else nothing))
    return Section("measurements", "Measurements", (told, table), is_annex=True)


def _number(number_of: dict[int, int]) -> Callable[[KeptMeasurement], Cell]:
    def cell(kept: KeptMeasurement) -> Cell:
        number = number_of.get(kept.measurement.series)
        return plain("–" if number is None else f"{number:d}", number)

    return cell


def _of(name: str) -> Callable[[KeptMeasurement], Cell]:
    return lambda kept: unprinted(getattr(kept.measurement.numbers, name))
