"""Traces of whole-scan processing: how often genuine series show them, what is found.

`dicom.checks.processing` holds the limits; here they are made again with each patient
left out in turn, so that no series is judged by a limit that it had a part in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from btd_desktop.bench.corpus import middle_slices
from btd_desktop.bench.processed_copies import PROCESSINGS, processed
from btd_desktop.calibration.ecdf import clopper_pearson
from btd_desktop.dicom.checks.processing import TRACES
from btd_desktop.dicom.processing import measure_processing
from btd_desktop.dicom.series import LoadedSeries
from btd_desktop.progress import TaskContext
from btd_desktop.volume import Volume

# Below these a trace is too weak to name, however quiet genuine series are: what
# each kind of processing leaves lies well above.
_LEAST: Final = {
    "resampled_grid": 40.0,
    "smoothed_noise": 0.6,
    "directional_noise": 0.9,
    "white_noise": 0.65,
    "repeated_values": 0.3,
    "odd_levels": 0.008,
    "soft_border": 2.0,
    "interpolated_slices": 0.65,
}
_MARGIN: Final = 1.25
_MIN_SLICES: Final = 5
_COPIED_SLICES: Final = 6


@dataclass(frozen=True, slots=True)
class Measured:
    """One genuine series.

    Attributes:
        patient: Whose series.
        is_declared: True when the header declares processing.
        strengths: Result of `measure_processing`.
    """

    patient: str
    is_declared: bool
    strengths: dict[str, float]


@dataclass(frozen=True, slots=True)
class RateRow:
    """How often genuine series show a trace.

    Attributes:
        code: Code of the trace; "any" for at least one that is no mere note.
        n_found: Series beyond the limits that the other patients give.
        n_series: Series in which it could be measured.
        n_patients: Their patients.
        rate: Mean over patients of the share of each one's series, in [0, 1].
        most: Upper end of the exact 95 % interval, a patient counted as found when
            any of his series is.
        highest: Strength that no genuine series exceeds.
    """

    code: str
    n_found: int
    n_series: int
    n_patients: int
    rate: float
    most: float
    highest: float


@dataclass(frozen=True, slots=True)
class FoundRow:
    """In how many processed copies something is found.

    Attributes:
        name: Name of the processing.
        n_found: Copies with at least one trace beyond its limit that is no mere note.
        n: Copies.
        low: Lower end of the exact 95 % interval of the share.
        high: Its upper end.
        by_trace: Copies per code of trace.
    """

    name: str
    n_found: int
    n: int
    low: float
    high: float
    by_trace: dict[str, int]


def measure_genuine(
    series: Iterable[LoadedSeries], context: TaskContext
) -> list[Measured]:
    """Strength of every trace in genuine series.

    Raises:
        Cancelled: The user asked to stop.
    """
    found = []
    for number, item in enumerate(series, 1):
        context.report(number, 0, "Measuring genuine series")
        found.append(
            Measured(
                patient=item.volume.source.patient_id or item.series_uid,
                is_declared=any(f.code == "processing_declared" for f in item.findings),
                strengths=measure_processing(item.volume),
            )
        )
    return found


def limits_from(measured: Sequence[Measured]) -> dict[str, float]:
    """Limit of each trace: a quarter above the second most extreme patient.

    One patient may lie beyond: the most extreme of about a hundred decides nothing.
    """
    limits = {}
    for code, least in _LEAST.items():
        highest: dict[str, float] = {}
        for item in measured:
            if code in item.strengths:
                value = item.strengths[code]
                highest[item.patient] = max(value, highest.get(item.patient, value))
        ranked = sorted(highest.values(), reverse=True)
        second = ranked[1] if len(ranked) > 1 else 0.0
        limits[code] = max(least, _MARGIN * second)
    return limits


def rate_rows(
    measured: Sequence[Measured], judges: Sequence[Measured] | None = None
) -> list[RateRow]:
    """Rates per trace and of any trace, patients of equal weight.

    Args:
        measured: Series to judge.
        judges: Series that the limits are made from, less those of the patient who is
            judged; `measured` if not given.
    """
    development = measured if judges is None else judges
    limits_of = {
        patient: limits_from([item for item in development if item.patient != patient])
        for patient in {item.patient for item in measured}
    }
    beyond = [
        {c for c, v in item.strengths.items() if v > limits_of[item.patient][c]}
        for item in measured
    ]
    notes = {code for code, trace in TRACES.items() if trace.is_note}
    rows = []
    for code in (*TRACES, "any"):
        shares: dict[str, list[bool]] = {}
        for item, found in zip(measured, beyond, strict=True):
            if code == "any" or code in item.strengths:
                is_found = code in found or (code == "any" and bool(found - notes))
                shares.setdefault(item.patient, []).append(is_found)
        if not shares:
            continue
        n_hit = sum(any(own) for own in shares.values())
        rows.append(
            RateRow(
                code=code,
                n_found=sum(sum(own) for own in shares.values()),
                n_series=sum(len(own) for own in shares.values()),
                n_patients=len(shares),
                rate=float(np.mean([np.mean(own) for own in shares.values()])),
                most=clopper_pearson(n_hit, len(shares))[1],
                highest=max(
                    (i.strengths[code] for i in measured if code in i.strengths),
                    default=0.0,
                ),
            )
        )
    return rows


def found_rows(
    volumes: Sequence[Volume], context: TaskContext, *, n: int, seed: int
) -> list[FoundRow]:
    """What the shipped limits find in processed copies; the first row is untouched.

    Args:
        volumes: Genuine CT series; of each patient the last with five slices or more
            can be taken, and its middle six slices.
        context: Progress and cancellation.
        n: How many to take, evenly spread.
        seed: Seed of added noise.

    Raises:
        Cancelled: The user asked to stop.
    """
    by_patient = {
        volume.source.patient_id or str(index): volume
        for index, volume in enumerate(volumes)
        if volume.n_slices >= _MIN_SLICES
    }
    deep = list(by_patient.values())
    picked = np.unique(np.rint(np.linspace(0, len(deep) - 1, min(n, len(deep)))))
    parts = [middle_slices(deep[int(index)], _COPIED_SLICES) for index in picked]
    rows = [_row("untouched", [measure_processing(part) for part in parts])]
    for number, how in enumerate(PROCESSINGS, 1):
        strengths = []
        for index, part in enumerate(parts):
            context.report(number, len(PROCESSINGS), "Processing copies", how.name)
            strengths.append(measure_processing(processed(part, how, seed + index)))
        rows.append(_row(how.name, strengths))
    return rows


def _row(name: str, strengths: Sequence[dict[str, float]]) -> FoundRow:
    by_trace = dict.fromkeys(TRACES, 0)
    n_found = 0
    for own in strengths:
        beyond = [code for code, value in own.items() if value > TRACES[code].limit]
        n_found += any(not TRACES[code].is_note for code in beyond)
        for code in beyond:
            by_trace[code] += 1
    low, high = clopper_pearson(n_found, len(strengths)) if strengths else (0.0, 1.0)
    return FoundRow(name, n_found, len(strengths), low, high, by_trace)
