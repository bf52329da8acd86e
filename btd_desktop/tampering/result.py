"""What an attack returns: the tampered copy, and the record that repeats it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from btd_desktop.volume import Volume

Kind = Literal["injection", "removal", "redraw"]
"""What an attack does to the content of a place: something is added, taken away, or
the same content redrawn.
"""

Array = NDArray[np.float32]

Box = tuple[slice, slice, slice]
"""Voxels of a volume: ranges of slices, rows and columns."""


@dataclass(frozen=True, slots=True)
class TamperRecord:
    """What was done to a volume, to repeat it and to check a finding against.

    Attributes:
        kind: What it does to the content of the place.
        centre_voxel: Middle of the change (slice, row, column), from 0.
        centre_mm: The same in world millimetres (x, y, z).
        diameter_mm: Diameter of the nodule drawn or taken away.
        seed: Seed that repeats the change on the same volume.
        n_voxels: Voxels that may have changed.
        sentence: The same in words.
    """

    kind: Kind
    centre_voxel: tuple[int, int, int]
    centre_mm: tuple[float, float, float]
    diameter_mm: float
    seed: int
    n_voxels: int
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class TamperResult:
    """A tampered copy.

    Attributes:
        volume: The copy, of the same number format and with the same source facts.
        mask: True where a voxel may differ from the original, shape (S, H, W).
        record: What was done.
    """

    volume: Volume
    mask: NDArray[np.bool_]
    record: TamperRecord


def offsets_mm(
    volume: Volume, centre: tuple[int, int, int], box: Box
) -> tuple[Array, Array, Array]:
    """Distances from a place along slice, row and column axis, broadcastable, mm.

    Args:
        volume: The series.
        centre: The place, voxel (slice, row, column).
        box: Voxels to give the distances of.
    """
    z = np.array(volume.slice_positions_mm) - volume.slice_positions_mm[centre[0]]
    y = (np.arange(volume.shape[1]) - centre[1]) * volume.spacing_mm[1]
    x = (np.arange(volume.shape[2]) - centre[2]) * volume.spacing_mm[2]
    return (
        z[box[0]].astype(np.float32)[:, None, None],
        y[box[1]].astype(np.float32)[None, :, None],
        x[box[2]].astype(np.float32)[None, None, :],
    )
