"""Which way a plane of a volume is laid on the screen.

The acquired plane is shown as it was stored. The two reformatted planes follow the
radiological convention: the patient's left and back to the right of the screen, the
feet at the bottom. Directions are unit vectors in LPS (DICOM PS3.3 C.7.6.2.1.1), so
+x points to the patient's left, +y to the back, +z to the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.volume import Volume, VoxelArray

Vector = tuple[float, float, float]

_PLANE_OF_NORMAL = ("sagittal", "coronal", "axial")
_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))
# A second letter is given from about 20 degrees of tilt on, as on DICOM consoles.
_OBLIQUE = 0.34
# World axes that run to the right and downwards on the screen, per named plane.
_SCREEN: dict[str, tuple[Vector, Vector]] = {
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
}


@dataclass(frozen=True, slots=True)
class PlaneLayout:
    """How planes across one axis of a volume (S, H, W) become a picture.

    Attributes:
        name: "axial", "sagittal" or "coronal", by the dominant part of the normal.
        fixed_axis: Axis of the volume that numbers the planes (0, 1 or 2).
        row_axis: Axis that runs down the picture.
        column_axis: Axis that runs to the right.
        flip_rows: The axis runs upwards instead.
        flip_columns: The axis runs to the left instead.
        letters: Where the (left, right, top, bottom) edge of the picture lies in the
            patient: L, R, A, P, H, F, two of them when oblique.
    """

    name: str
    fixed_axis: int
    row_axis: int
    column_axis: int
    flip_rows: bool
    flip_columns: bool
    letters: tuple[str, str, str, str]

    def picture(self, voxels: VoxelArray, index: int) -> NDArray[Any]:
        """Plane `index` of the voxels as (rows, columns); a view, never a copy."""
        plane: NDArray[Any] = np.moveaxis(voxels, self.fixed_axis, 0)[index]
        if self.row_axis > self.column_axis:
            plane = plane.T
        if self.flip_rows:
            plane = plane[::-1]
        return plane[:, ::-1] if self.flip_columns else plane

    def voxel(
        self, shape: tuple[int, int, int], index: int, x: int, y: int
    ) -> tuple[int, int, int]:
        """Voxel (s, r, c) under column `x`, row `y` of picture `index`."""
        at = [0, 0, 0]
        at[self.fixed_axis] = index
        at[self.row_axis] = shape[self.row_axis] - 1 - y if self.flip_rows else y
        n_columns = shape[self.column_axis]
        at[self.column_axis] = n_columns - 1 - x if self.flip_columns else x
        return at[0], at[1], at[2]

    def place(
        self, shape: tuple[int, int, int], voxel: tuple[int, int, int]
    ) -> tuple[int, int, int]:
        """(index, x, y) of a voxel (s, r, c): the inverse of `voxel`."""
        row, column = voxel[self.row_axis], voxel[self.column_axis]
        if self.flip_rows:
            row = shape[self.row_axis] - 1 - row
        if self.flip_columns:
            column = shape[self.column_axis] - 1 - column
        return voxel[self.fixed_axis], column, row

    def pixel_mm(self, spacing_mm: Vector) -> tuple[float, float]:
        """(row, column) spacing of the picture; 1 where the series does not say."""
        row, column = spacing_mm[self.row_axis], spacing_mm[self.column_axis]
        return (row if row > 0 else 1.0, column if column > 0 else 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class VolumeHandle:
    """A volume as the views know it; compared by identity.

    A handle's voxels are not changed once they are shown: while a series is still
    loading, each update comes as a new handle.

    Attributes:
        voxels: Modality values, (S, H, W), int16 or float32.
        spacing_mm: Distance between slices, rows and columns.
        layouts: The acquired plane, then the two reformatted ones.
        unit: "HU" or "".
        is_sheared: True where slices are shifted against each other by more than a
            pixel (tilted gantry): reformatted planes show them unshifted.
    """

    voxels: VoxelArray
    spacing_mm: Vector
    layouts: tuple[PlaneLayout, PlaneLayout, PlaneLayout]
    unit: str = ""
    is_sheared: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """(S, H, W)."""
        s, h, w = self.voxels.shape
        return int(s), int(h), int(w)


def volume_handle(volume: Volume) -> VolumeHandle:
    """The handle of a volume, its planes named and turned by its own geometry."""
    return VolumeHandle(
        voxels=volume.voxels,
        spacing_mm=volume.spacing_mm,
        layouts=plane_layouts(volume.row_direction, volume.column_direction),
        unit=volume.unit,
        is_sheared=any(
            abs(shift) * (volume.n_slices - 1) > side > 0
            for shift, side in zip(volume.shear_mm, volume.spacing_mm[1:], strict=True)
        ),
    )


def plane_layouts(
    row_direction: Vector, column_direction: Vector
) -> tuple[PlaneLayout, PlaneLayout, PlaneLayout]:
    """Layouts of the acquired plane and of the planes across the columns and rows.

    Args:
        row_direction: Unit vector along increasing column index.
        column_direction: Unit vector along increasing row index.
    """
    normal = np.cross(row_direction, column_direction)
    # Axis order (slice, row, column), as in the volume.
    axes = np.array([normal, column_direction, row_direction], dtype=np.float64)
    acquired = _layout(axes, fixed=0, row=1, column=2, flips=(False, False))
    return acquired, _reformat(axes, fixed=2), _reformat(axes, fixed=1)


def _plane_name(normal: NDArray[np.float64]) -> str:
    return _PLANE_OF_NORMAL[int(np.argmax(np.abs(normal)))]


def _reformat(axes: NDArray[np.float64], fixed: int) -> PlaneLayout:
    right, down = (np.array(v) for v in _SCREEN[_plane_name(axes[fixed])])
    first, second = (axis for axis in range(3) if axis != fixed)
    if abs(axes[first] @ right) > abs(axes[second] @ right):
        row, column = second, first
    else:
        row, column = first, second
    flips = (bool(axes[row] @ down < 0), bool(axes[column] @ right < 0))
    return _layout(axes, fixed=fixed, row=row, column=column, flips=flips)


def _layout(
    axes: NDArray[np.float64],
    *,
    fixed: int,
    row: int,
    column: int,
    flips: tuple[bool, bool],
) -> PlaneLayout:
    down = -axes[row] if flips[0] else axes[row]
    right = -axes[column] if flips[1] else axes[column]
    letters = (_letters(-right), _letters(right), _letters(-down), _letters(down))
    return PlaneLayout(_plane_name(axes[fixed]), fixed, row, column, *flips, letters)


def _letters(direction: NDArray[np.float64]) -> str:
    order = np.argsort(-np.abs(direction), kind="stable")
    kept = [axis for axis in order[:2] if abs(direction[axis]) > _OBLIQUE]
    return "".join(_LETTERS[axis][0 if direction[axis] > 0 else 1] for axis in kept)
