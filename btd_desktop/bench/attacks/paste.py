"""Putting changed voxels into a volume: the part that all classical attacks share.

A change touches voxels within a 32 mm cube only (the size that CT-GAN works on, Mirsky
2019), fades softly, follows the slice spacing, and comes back in the number format and
value range of the source, so that neither can give it away.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from btd_desktop.errors import SettingsError
from btd_desktop.tampering.result import (
    Box,
    Kind,
    TamperRecord,
    TamperResult,
    offsets_mm,
)
from btd_desktop.volume import Volume

CUBE_MM = 32.0
"""Side of the cube that an attack may touch, mm."""

Array = NDArray[np.float32]
Centre = tuple[int, int, int]


def check_place(volume: Volume, centre: Centre, modalities: tuple[str, ...]) -> None:
    """Refuse a place outside the volume or a modality that the attack cannot handle.

    Raises:
        SettingsError: Either of them.
    """
    if volume.modality not in modalities:
        raise SettingsError(
            f"This attack is for {' or '.join(modalities)}, the series is "
            f"{volume.modality}.",
            hint="Choose another attack or another series.",
            code="modality",
        )
    if not all(0 <= i < n for i, n in zip(centre, volume.shape, strict=True)):
        raise SettingsError(
            f"The place {centre} lies outside the volume of shape {volume.shape}.",
            hint="Give slice, row and column, counted from 0.",
            code="place",
        )


def steps_mm(volume: Volume) -> tuple[float, float, float]:
    """Distances of slices, rows and columns; 1 for the slices of a single one."""
    step, *rest = volume.spacing_mm
    return (step if step > 0 else 1.0, rest[0], rest[1])


def cube_box(volume: Volume, centre: Centre, side_mm: float = CUBE_MM) -> Box:
    """Voxels whose centres lie within half a side of the place, cut at the borders."""
    positions = np.asarray(volume.slice_positions_mm)
    near = np.flatnonzero(
        np.abs(positions - positions[centre[0]]) <= 0.5 * side_mm + 1e-6
    )
    spans = [slice(int(near.min()), int(near.max()) + 1)]
    for index, size, step in zip(
        centre[1:], volume.shape[1:], volume.spacing_mm[1:], strict=True
    ):
        n = int(0.5 * side_mm / step)
        spans.append(slice(max(0, index - n), min(size, index + n + 1)))
    return spans[0], spans[1], spans[2]


def ball_share(
    volume: Volume,
    centre: Centre,
    box: Box,
    radius_mm: float,
    rng: np.random.Generator,
    *,
    fade_mm: float = 3.0,
) -> Array:
    """Share of the new content at each voxel of the box, in [0, 1].

    A ball with a gently lobed outline; 1 within the radius, 0 beyond the fade. Padding
    stays as it is.

    Args:
        volume: The series.
        centre: Middle of the ball.
        box: Voxels to give shares of, see `cube_box`.
        radius_mm: Radius of full replacement.
        rng: Source of the outline.
        fade_mm: Width of the soft rim.
    """
    z, y, x = offsets_mm(volume, centre, box)
    distance = np.sqrt(z * z + y * y + x * x)
    lobes = 1.0 + 0.08 * np.cos(3.0 * np.arctan2(y, x) + rng.uniform(0.0, 6.28))
    lobes = lobes + 0.05 * np.cos(5.0 * np.arctan2(y, x) + rng.uniform(0.0, 6.28))
    t = np.clip(1.0 - (distance - radius_mm * lobes) / fade_mm, 0.0, 1.0)
    share = np.asarray(t * t * (3.0 - 2.0 * t), np.float32)
    share[share < 0.01] = 0.0
    if volume.padding is not None:
        share[volume.padding[box]] = 0.0
    return share


def shifted_into(box: Box, shift: tuple[int, int, int]) -> Box:
    """The same box elsewhere, moved by a number of voxels on each axis."""
    moved = [slice(b.start + d, b.stop + d) for b, d in zip(box, shift, strict=True)]
    return moved[0], moved[1], moved[2]


def pasted(
    volume: Volume,
    centre: Centre,
    box: Box,
    values: Array,
    share: Array,
    *,
    kind: Kind,
    size_mm: float,
    seed: int,
    what: str,
) -> TamperResult:
    """A copy of the volume with `values` wherever `share` is above 0.

    Args:
        volume: The series; not changed.
        centre: Middle of the change.
        box: Where `values` belong.
        values: Modality values, already blended, shape of the box.
        share: 0 where nothing may change, shape of the box.
        kind: What the record says.
        size_mm: Diameter or side of the change, mm.
        seed: Seed that repeats the change on the same volume.
        what: Sentence fragment, such as "A block was copied from elsewhere".
    """
    voxels = volume.voxels.copy()
    values = settled(volume, box, values)
    changed = share > 0
    if volume.padding is not None:
        changed = changed & ~volume.padding[box]
    voxels[box][changed] = values[changed].astype(voxels.dtype)
    mask = np.zeros(voxels.shape, np.bool_)
    mask[box] = changed
    s, r, c = centre
    return TamperResult(
        volume=replace(volume, voxels=voxels),
        mask=mask,
        record=TamperRecord(
            kind=kind,
            centre_voxel=(int(s), int(r), int(c)),
            centre_mm=volume.world_mm(centre),
            diameter_mm=float(size_mm),
            seed=seed,
            n_voxels=int(np.count_nonzero(mask)),
            sentence=f"{what} at slice {s + 1}, row {r}, column {c} (seed {seed}).",
        ),
    )


def settled(volume: Volume, box: Box, values: Array) -> Array:
    """Values as the series could hold them: in its range and on its own steps.

    The steps are those of its rescale rule; whole numbers where the series has such;
    else, where the rule is not known or differs between slices, values that occur in
    the slice. A value that no step of the scanner yields would give the change away.

    Args:
        volume: The series.
        box: Where the values belong.
        values: Modality values, shape of the box.
    """
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    values = np.clip(values, low, high)
    rescale = volume.source.rescale
    if rescale:
        slope, intercept = float(rescale[0]), float(rescale[1])
        steps = np.rint((values.astype(np.float64) - intercept) / slope)
        values = np.asarray(steps * slope + intercept, np.float32)
    if volume.voxels.dtype == np.int16:
        return np.asarray(np.rint(values), np.float32)
    if rescale:
        return values
    out = np.empty(values.shape, np.float32)
    for k in range(len(values)):
        known = np.unique(volume.voxels[box[0].start + k])
        above = np.clip(np.searchsorted(known, values[k]), 1, max(len(known) - 1, 1))
        upper = known[np.minimum(above, len(known) - 1)]
        lower = known[above - 1]
        out[k] = np.where(values[k] - lower < upper - values[k], lower, upper)
    return out
