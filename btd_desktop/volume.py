"""A series as an ordered stack of slices: what every later step works on.

Axis order is always slice, row, column `(S, H, W)`. World points are `(x, y, z)` in
LPS millimetres (DICOM PS3.3 C.7.6.2.1.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace as struct_with
from numpy.typing import NDArray

from btd_desktop.strict_json import plain_json, record_from_json

VoxelArray = NDArray[np.int16] | NDArray[np.float32]
Point = tuple[float, float, float]
Region = Literal["head", "neck", "chest", "abdomen", "pelvis", "extremity", "breast"]
"""Region of the body; see `preprocess.region`."""
# Whole numbers stay whole, so that what a case holds is written as it was read.
_Number = (
    Annotated[int, Meta(ge=-(1 << 53), le=1 << 53)]
    | Annotated[float, Meta(gt=-1e300, lt=1e300)]
)


class SeriesFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a series besides its voxels: scanner, patient, measures.

    A fact that nobody states is None, and absent from the JSON value.

    Attributes:
        series_uid: Series Instance UID; `sha256:...` for files that carry none.
        device_serial: DeviceSerialNumber.
        software: SoftwareVersions.
        thickness_mm: SliceThickness; of a series in a case the distance of slices
            where that is not stated.
        rescale: Slope and intercept, where all slices share them.
        lossy: Some of it was compressed with loss.
        transfer_syntaxes: Their UIDs, ascending.
        window: Display window, (centre, width); None where the file states none, not
            set where it cannot.
        modality_from: Who named the modality of a format that does not: "values" and
            "sets" (an index of published test sets) are guesses, "" is nobody.
        not_covered: Why no calibration speaks for the values.
        processing: Traces of processing that the header does not declare.
        modality: As in `Volume`, like `unit`, `pixel_spacing_mm` and `spacing_mm`: set
            where a series is kept in a case, whose voxels are not at hand.
        slice_step_mm: First of `spacing_mm`.
        seen_regions: Regions of the body that the slices of a CT show, set where a
            series is kept; empty where they look like none.
        other: Facts that other versions of the program keep, as they are.
    """

    manufacturer: str | None = None
    model: str | None = None
    kernel: str | None = None
    description: str | None = None
    body_part: str | None = None
    study_date: str | None = None
    series_uid: str | None = None
    study_uid: str | None = None
    patient_id: str | None = None
    patient_name: str | None = None
    software: str | None = None
    device_serial: str | None = None
    thickness_mm: _Number | None = None
    kvp: _Number | None = None
    rescale: tuple[_Number, _Number] | None = None
    lossy: bool | None = None
    transfer_syntaxes: tuple[str, ...] | None = None
    window: tuple[_Number, _Number] | UnsetType | None = UNSET
    modality_from: Literal["examiner", "header", "values", "sets", ""] | None = None
    not_covered: tuple[str, ...] | None = None
    processing: tuple[str, ...] | None = None
    modality: str | None = None
    unit: str | None = None
    pixel_spacing_mm: _Number | None = None
    slice_step_mm: _Number | None = None
    spacing_mm: tuple[_Number, _Number, _Number] | None = None
    seen_regions: tuple[Region, ...] | None = None
    other: dict[str, Any] = {}

    @property
    def scanner(self) -> str:
        """Manufacturer and model; "" where neither is stated."""
        return f"{self.manufacturer or ''} {self.model or ''}".strip()

    def with_facts(self, **known: object) -> SeriesFacts:
        """These facts with others in place of some."""
        return struct_with(self, **known)

    def to_json(self) -> dict[str, Any]:
        """JSON value, as cases keep it."""
        return self.other | plain_json(self.with_facts(other={}))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SeriesFacts:
        """Inverse of `to_json`.

        Raises:
            ValueError: A fact is of another kind or out of range; the text names it.
        """
        names = set(cls.__struct_fields__) - {"other"}
        known = {key: fact for key, fact in value.items() if key in names}
        other = {key: fact for key, fact in value.items() if key not in names}
        return record_from_json(cls, known).with_facts(other=other)


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Ordered, rescaled slices of one series.

    Attributes:
        voxels: Modality values, shape (S, H, W). int16 when every value is a whole
            number that int16 holds (so integer HU stay integer), else float32.
        modality: DICOM modality: "CT", "MR", or "OT" as long as nobody named it.
        unit: "HU" for a CT whose values are HU, else what its header calls them; ""
            where nothing does, and for MR.
        spacing_mm: Distance between slices, rows and columns (PixelSpacing order:
            row spacing first). Slice distance is 0 for a single slice.
        origin_mm: World position of voxel (0, 0, 0).
        row_direction: Unit vector along increasing column index.
        column_direction: Unit vector along increasing row index.
        slice_positions_mm: Position of each slice along the normal, shape (S,).
        instance_uids: SOP Instance UID (or file name) of each slice, S entries.
        padding: True where the scanner wrote no measurement (pixel padding), shape
            (S, H, W), or None when there is none.
        source: What the files state besides.
        slice_origins_mm: World position of voxel (s, 0, 0) of each slice, S entries,
            as the file states it: slices of a tilted gantry are shifted in plane too.
            None where slices follow each other along the normal.
    """

    voxels: VoxelArray
    modality: str
    unit: str
    spacing_mm: Point
    origin_mm: Point
    row_direction: Point
    column_direction: Point
    slice_positions_mm: tuple[float, ...]
    instance_uids: tuple[str, ...]
    padding: NDArray[np.bool_] | None = None
    source: SeriesFacts = field(default_factory=SeriesFacts)
    slice_origins_mm: tuple[Point, ...] | None = None

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3 or 0 in self.voxels.shape:
            raise ValueError(f"voxels must be (S, H, W), got {self.voxels.shape}")
        if self.voxels.dtype not in (np.dtype(np.int16), np.dtype(np.float32)):
            raise ValueError(
                f"voxels must be int16 or float32, got {self.voxels.dtype}"
            )
        for name in ("slice_positions_mm", "instance_uids"):
            if len(getattr(self, name)) != self.n_slices:
                raise ValueError(f"{name} must have {self.n_slices} entries")
        origins = self.slice_origins_mm
        if origins is not None and len(origins) != self.n_slices:
            raise ValueError(f"slice_origins_mm must have {self.n_slices} entries")
        if self.padding is not None and self.padding.shape != self.voxels.shape:
            raise ValueError("padding must have the shape of voxels")

    @property
    def n_slices(self) -> int:
        """Number of slices S."""
        return int(self.voxels.shape[0])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(S, H, W)."""
        s, h, w = self.voxels.shape
        return int(s), int(h), int(w)

    @property
    def is_constant(self) -> bool:
        """True when all voxels have one value, and that is a number."""
        first = self.voxels[0, 0, 0]
        return all(bool((plane == first).all()) for plane in self.voxels)

    @property
    def pixel_spacing_mm(self) -> float:
        """Geometric mean of row and column spacing."""
        return float(np.sqrt(self.spacing_mm[1] * self.spacing_mm[2]))

    def world_mm(self, place: tuple[int, int, int]) -> Point:
        """World point (x, y, z) of a voxel (slice, row, column), LPS mm.

        In plane after DICOM PS3.3 C.7.6.2.1.1, from the slice's own position.
        """
        s, r, c = place
        return point_of(
            np.array(self.slice_origin_mm(s))
            + np.array(self.row_direction) * (c * self.spacing_mm[2])
            + np.array(self.column_direction) * (r * self.spacing_mm[1])
        )

    def slice_origin_mm(self, s: int) -> Point:
        """World position of the first voxel of a slice, LPS mm."""
        if self.slice_origins_mm is not None:
            return self.slice_origins_mm[s]
        normal = np.cross(self.row_direction, self.column_direction)
        rise = self.slice_positions_mm[s] - self.slice_positions_mm[0]
        return point_of(np.array(self.origin_mm) + normal * rise)

    @property
    def shear_mm(self) -> tuple[float, float]:
        """How far slices shift per slice along (rows, columns), seen from slice 0.

        A tilted gantry shifts each slice in its plane; (0, 0) for a straight stack.
        """
        if self.slice_origins_mm is None or self.n_slices < 2:
            return 0.0, 0.0
        way = np.subtract(self.slice_origins_mm[-1], self.slice_origins_mm[0])
        way = way / (self.n_slices - 1)
        return (
            float(way @ np.array(self.column_direction)),
            float(way @ np.array(self.row_direction)),
        )


def point_of(values: Iterable[float]) -> Point:
    """Three numbers as plain floats."""
    x, y, z = map(float, values)
    return x, y, z


def integral_or_float(values: NDArray[Any]) -> VoxelArray:
    """Values as int16 if that loses nothing, else as float32.

    Tampered copies saved as floats must not be recognisable by their number format,
    and integer HU must stay integer; so the choice depends on the values alone.
    """
    if np.issubdtype(values.dtype, np.integer):
        whole = True
    else:
        whole = bool(np.all(np.isfinite(values)) and np.all(values == np.rint(values)))
    if whole and values.min() >= -32768 and values.max() <= 32767:
        return values.astype(np.int16)
    return values.astype(np.float32)
