"""What the examiner measured: length, angle, region, profile; kept in the audit log.

Every point is the middle of a voxel, so that whoever repeats a measurement gets the
same number. Millimetres come from the spacing that the files state; where they state
none, numbers are in pixels and say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from btd_desktop.cases import audit
from btd_desktop.errors import CaseError
from btd_desktop.strict_json import Count, plain_json, record_from_json
from btd_desktop.volume import Volume

if TYPE_CHECKING:
    from btd_desktop.cases.model import AuditEntry
    from btd_desktop.cases.store import CaseStore

Kind = Literal["length", "angle", "region", "profile"]
Voxel = tuple[Count, Count, Count]
Axis = Literal[0, 1, 2]
N_POINTS: dict[Kind, int] = {"length": 2, "angle": 3, "region": 2, "profile": 2}
"""Points that each kind takes; the second of an angle is its vertex."""
PLANES = ("slice", "row", "column")
_NO_SPACING = "no pixel spacing stated"


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was measured; None where the kind has no such number.

    Attributes:
        length_mm: Of a length or profile; None too where no spacing is stated.
        length_px: The same, counted in pixels.
        angle_deg: 0 to 180; by pixels where no spacing is stated.
        area_mm2: Of a region, as of `length_mm`.
        n: Voxels of the region or profile that hold a measurement (no padding).
        mean: Of their values, in the unit of the series.
        sd: Their standard deviation, divided by n - 1; None below two.
        low: The smallest.
        high: The largest.
    """

    length_mm: float | None = None
    length_px: float | None = None
    angle_deg: float | None = None
    area_mm2: float | None = None
    n: Count | None = None
    mean: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement.

    Attributes:
        kind: "length", "angle", "region" (a rectangle, both corners inside) or
            "profile" (values along a line).
        series: Number of the series in the case.
        axis: Axis of the volume across which the plane lies: 0 for acquired slices.
        points: Voxels (slice, row, column) from 0, all in one plane.
        unit: Of the values, as the series states it.
        numbers: What came out.
    """

    kind: Kind
    series: Count
    axis: Axis
    points: tuple[Voxel, ...]
    unit: str
    numbers: Numbers

    def __post_init__(self) -> None:
        """Refuse points that are no measurement of that kind, in one plane."""
        if len(self.points) != N_POINTS[self.kind]:
            raise ValueError(
                f"a {self.kind} takes {N_POINTS[self.kind]} points, "
                f"got {len(self.points)}"
            )
        if len({p[self.axis] for p in self.points}) != 1:
            raise ValueError("the points lie in different planes")

    @property
    def where(self) -> str:
        """The plane, counted from 1, and the points in it as (x, y) or what runs so."""
        across, down = (a for a in (2, 1, 0) if a != self.axis)
        points = ", ".join(f"({p[across]}, {p[down]})" for p in self.points)
        return f"{PLANES[self.axis]} {self.points[0][self.axis] + 1}: {points}"


@dataclass(frozen=True, slots=True)
class KeptMeasurement:
    """A measurement that the case holds.

    Attributes:
        number: Of the entry in the audit log that keeps it.
        utc: When it was kept.
        actor: By whom.
        measurement: What was measured.
    """

    number: int
    utc: str
    actor: str
    measurement: Measurement


def measure(
    volume: Volume, kind: Kind, series: int, axis: Axis, points: Sequence[Voxel]
) -> Measurement:
    """Measure in one plane of a series.

    Args:
        volume: The series.
        kind: What to measure.
        series: Its number in the case.
        axis: Axis across which the plane lies (0, 1, 2).
        points: As many as the kind takes, in one plane.

    Raises:
        ValueError: Points are missing, outside the volume or in different planes.
    """
    if len(points) != N_POINTS[kind]:
        raise ValueError(f"a {kind} takes {N_POINTS[kind]} points, got {len(points)}")
    if any(not 0 <= p[k] < n for p in points for k, n in enumerate(volume.shape)):
        raise ValueError("a point lies outside the volume")
    given = tuple((int(s), int(r), int(c)) for s, r, c in points)
    made = {
        "length": _length,
        "angle": _angle,
        "region": _region,
        "profile": _profile_numbers,
    }[kind](volume, axis, given)
    return Measurement(kind, series, axis, given, volume.unit, made)


def profile_values(
    volume: Volume, points: Sequence[Voxel]
) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Values along a line, one voxel per step of its longer side, none blended.

    Args:
        volume: The series.
        points: First and last voxel.

    Returns:
        Distance from the first voxel (N,), values (N,) with NaN for padding, and
        whether the distance is in millimetres (else in pixels).
    """
    first, last = np.array(points[0]), np.array(points[1])
    n = int(np.abs(last - first).max()) + 1
    share = np.linspace(0.0, 1.0, n)
    at = np.rint(first + share[:, None] * (last - first)).astype(int)
    values = volume.voxels[tuple(at.T)].astype(np.float64)
    if volume.padding is not None:
        values[volume.padding[tuple(at.T)]] = np.nan
    axis = next((k for k in range(3) if first[k] == last[k]), 0)
    mm = _length_mm(volume, axis, points[0], points[1])
    length = _length_px(points[0], points[1]) if mm is None else mm
    return share * length, values, mm is not None


def measurement_text(measurement: Measurement) -> str:
    """What came out, as one line."""
    n, unit = measurement.numbers, measurement.unit
    if measurement.kind == "angle":
        pixels = "" if _has_spacing(n) else f" by pixels ({_NO_SPACING})"
        return f"angle {n.angle_deg:.1f}°{pixels}"
    if measurement.kind == "length":
        return f"length {_size_text(n.length_mm, n.length_px, 'mm')}"
    values = "no value" if not n.n else _values_text(n, unit)
    if measurement.kind == "profile":
        length = _size_text(n.length_mm, n.length_px, "mm")
        return f"profile over {length}: {values}"
    (s0, r0, c0), (s1, r1, c1) = measurement.points
    sides = [abs(a - b) + 1 for a, b in ((c0, c1), (r0, r1), (s0, s1))]
    del sides[2 - measurement.axis]
    area = _NO_SPACING if n.area_mm2 is None else f"{n.area_mm2:.1f} mm²"
    return f"region {sides[0]} × {sides[1]} px, {area}: {values}"


def measurements_in(store: CaseStore) -> tuple[KeptMeasurement, ...]:
    """The measurements of a case that were not removed, oldest first.

    Raises:
        CaseError: An entry of the audit log is no measurement.
    """
    removed = [
        entry.details.get("measurement")
        for entry in store.audit_log(audit.MEASUREMENT_REMOVED)
    ]
    return tuple(
        KeptMeasurement(entry.seq, entry.utc, entry.actor, _measurement_of(entry))
        for entry in store.audit_log(audit.MEASURED)
        if entry.seq not in removed
    )


def details_of(measurement: Measurement) -> dict[str, object]:
    """What the audit log keeps of a measurement."""
    return {
        "measurement": plain_json(measurement),
        "summary": f"{measurement_text(measurement)}; series {measurement.series}, "
        f"{measurement.where}",
    }


def _measurement_of(entry: AuditEntry) -> Measurement:
    value = entry.details.get("measurement")
    try:
        kept = record_from_json(Measurement, value if isinstance(value, dict) else {})
    except ValueError as error:
        raise CaseError(
            f"audit entry {entry.seq} of the case is no measurement: {error}",
            hint="Verify the case and go back to an unaltered copy.",
            code="case-damaged",
        ) from error
    return kept


def _length(volume: Volume, axis: int, points: Sequence[Voxel]) -> Numbers:
    return Numbers(
        length_mm=_length_mm(volume, axis, *points), length_px=_length_px(*points)
    )


def _angle(volume: Volume, axis: int, points: Sequence[Voxel]) -> Numbers:
    spaced = _is_spaced(volume, axis)
    at = [np.array(volume.world_mm(p) if spaced else p, np.float64) for p in points]
    one, other = at[0] - at[1], at[2] - at[1]
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    # Two points in one: there is no angle, and none is made up.
    cosine = float(one @ other) / lengths if lengths else 1.0
    degrees = float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
    return Numbers(
        angle_deg=degrees,
        length_mm=float(np.linalg.norm(one)) if spaced else None,
        length_px=_length_px(points[0], points[1]),
    )


def _region(volume: Volume, axis: int, points: Sequence[Voxel]) -> Numbers:
    first, last = np.min(points, axis=0), np.max(points, axis=0) + 1
    block = tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    values = volume.voxels[block].astype(np.float64).ravel()
    if volume.padding is not None:
        values = values[~volume.padding[block].ravel()]
    area = None
    if _is_spaced(volume, axis):
        sides = [k for k in range(3) if k != axis]
        area = float(
            np.prod([(last[k] - first[k]) * volume.spacing_mm[k] for k in sides])
        )
    return _statistics(values, area_mm2=area)


def _profile_numbers(volume: Volume, axis: int, points: Sequence[Voxel]) -> Numbers:
    _, values, _ = profile_values(volume, points)
    return _statistics(
        values[~np.isnan(values)],
        length_mm=_length_mm(volume, axis, *points),
        length_px=_length_px(*points),
    )


def _statistics(values: NDArray[np.float64], **sizes: Any) -> Numbers:  # noqa: ANN401
    values = values[np.isfinite(values)]
    if not values.size:
        return Numbers(n=0, **sizes)
    return Numbers(
        n=int(values.size),
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)) if values.size > 1 else None,
        low=float(values.min()),
        high=float(values.max()),
        **sizes,
    )


def _is_spaced(volume: Volume, axis: int) -> bool:
    return all(volume.spacing_mm[k] > 0 for k in range(3) if k != axis)


def _length_mm(volume: Volume, axis: int, one: Voxel, other: Voxel) -> float | None:
    if not _is_spaced(volume, axis):
        return None
    way = np.subtract(volume.world_mm(one), volume.world_mm(other))
    return float(np.linalg.norm(way))


def _length_px(one: Voxel, other: Voxel) -> float:
    return float(np.linalg.norm(np.subtract(one, other)))


def _has_spacing(numbers: Numbers) -> bool:
    return numbers.length_mm is not None


def _size_text(size_mm: float | None, size_px: float | None, unit: str) -> str:
    if size_mm is not None:
        return f"{size_mm:.1f} {unit}"
    return f"{size_px or 0.0:.1f} px ({_NO_SPACING})"


def _values_text(numbers: Numbers, unit: str) -> str:
    tail = f" {unit}" if unit else ""
    sd = "" if numbers.sd is None else f", SD {numbers.sd:.1f}"
    return (
        f"mean {numbers.mean:.1f}{sd}, {numbers.low:g} to {numbers.high:g}{tail}, "
        f"n {numbers.n:,}"
    )
