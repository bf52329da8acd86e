"""A series as an ordered stack of slices: what every later step works on.

Axis order is always slice, row, column `(S, H, W)`. World points are `(x, y, z)` in
LPS millimetres (DICOM PS3.3 C.7.6.2.1.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

VoxelArray = NDArray[np.int16] | NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Ordered, rescaled slices of one series.

    Attributes:
        voxels: Modality values, shape (S, H, W). int16 when every value is a whole
            number that int16 holds (so integer HU stay integer), else float32.
        modality: DICOM modality, "CT" or "MR".
        unit: "HU" for CT, "" where the modality has no unit.
        spacing_mm: Distance between slices, rows and columns (PixelSpacing order:
            row spacing first). Slice distance is 0 for a single slice.
        origin_mm: World position of voxel (0, 0, 0).
        row_direction: Unit vector along increasing column index.
        column_direction: Unit vector along increasing row index.
        slice_positions_mm: Position of each slice along the normal, shape (S,).
        instance_uids: SOP Instance UID (or file name) of each slice, S entries.
        padding: True where the scanner wrote no measurement (pixel padding), shape
            (S, H, W), or None when there is none.
        source: Facts that scope and report need, JSON values only. Keys where known:
            manufacturer, model, kernel, description, body_part, study_date (str),
            series_uid, study_uid, patient_id, patient_name (str), thickness_mm, kvp
            (float), lossy (bool), transfer_syntaxes (list of str), window
            ([centre, width] or None). A key that is not known is absent.
        slice_origins_mm: World position of voxel (s, 0, 0) of each slice, S entries,
            as the file states it: slices of a tilted gantry are shifted in plane too.
            None where slices follow each other along the normal.
    """

    voxels: VoxelArray
    modality: str
    unit: str
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    row_direction: tuple[float, float, float]
    column_direction: tuple[float, float, float]
    slice_positions_mm: tuple[float, ...]
    instance_uids: tuple[str, ...]
    padding: NDArray[np.bool_] | None = None
    source: dict[str, Any] = field(default_factory=dict)
    slice_origins_mm: tuple[tuple[float, float, float], ...] | None = None

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
    def pixel_spacing_mm(self) -> float:
        """Geometric mean of row and column spacing."""
        return float(np.sqrt(self.spacing_mm[1] * self.spacing_mm[2]))

    def world_mm(self, place: tuple[int, int, int]) -> tuple[float, float, float]:
        """World point (x, y, z) of a voxel (slice, row, column), LPS mm.

        In plane after DICOM PS3.3 C.7.6.2.1.1, from the slice's own position.
        """
        s, r, c = place
        point = (
            np.array(self.slice_origin_mm(s))
            + np.array(self.row_direction) * (c * self.spacing_mm[2])
            + np.array(self.column_direction) * (r * self.spacing_mm[1])
        )
        return float(point[0]), float(point[1]), float(point[2])

    def slice_origin_mm(self, s: int) -> tuple[float, float, float]:
        """World position of the first voxel of a slice, LPS mm."""
        if self.slice_origins_mm is not None:
            return self.slice_origins_mm[s]
        normal = np.cross(self.row_direction, self.column_direction)
        rise = self.slice_positions_mm[s] - self.slice_positions_mm[0]
        x, y, z = np.array(self.origin_mm) + normal * rise
        return float(x), float(y), float(z)

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
