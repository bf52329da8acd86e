"""Training cubes of the CT-GAN-style attack: healthy lung, and lung with a nodule.

Cubes keep 4 mm more on each side than the networks see, for shifts and rotations
(Mirsky et al. 2019 do the same). Nodules come from two sources: solid things that the
lungs of the scans hold anyway, and synthetic ones with the scan's own noise, because
unlabelled scans hold too few real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, rotate

from btd_desktop.bench.attacks.ct_gan.cubes import cube_shape, cut_cube, zoomed
from btd_desktop.bench.attacks.ct_gan.network import CUBE
from btd_desktop.bench.attacks.ct_gan.places import lung_places
from btd_desktop.progress import TaskContext
from btd_desktop.tampering.nodule import random_nodule
from btd_desktop.volume import Volume

Array = NDArray[np.float32]
CubeStack = NDArray[np.int16]

MARGIN = 4
"""Voxels of 1 mm that a training cube has beyond the networks' cube on each side."""

_SIDE = CUBE + 2 * MARGIN
_ROTATION_STEP_DEG = 6
_SHIFTED = 4 / 63  # 4 shifts beside 59 rotations
_DIAMETER_MM = (6.0, 15.0)
_NODULE_HU = (15.0, 35.0)  # mean and spread
_OFFSET_MM = 1.5
_NOISE_BAND_MM = 1.5
_PARENCHYMA_HU = -650.0


@dataclass(frozen=True, slots=True, eq=False)
class CubeSet:
    """Cubes of 40^3 voxels of 1 mm, HU as int16.

    Attributes:
        healthy: Aerated lung, shape (N, 40, 40, 40).
        nodules: Solid things found and nodules drawn, shape (M, 40, 40, 40).
        n_found: How many of the nodules were found in the scans, not drawn.
    """

    healthy: CubeStack
    nodules: CubeStack
    n_found: int


def collect_cubes(
    volumes: Sequence[Volume],
    seed: int,
    *,
    per_volume: int = 250,
    context: TaskContext | None = None,
) -> CubeSet:
    """Cut the training cubes of both generators out of chest scans.

    Args:
        volumes: CT stacks in HU.
        seed: Chooses places and shapes of drawn nodules.
        per_volume: Most places of either kind in one scan.
        context: Progress and cancellation.
    """
    context = context or TaskContext()
    healthy: list[CubeStack] = []
    found: list[CubeStack] = []
    drawn: list[CubeStack] = []
    for k, volume in enumerate(volumes):
        context.report(k, len(volumes), "Cutting cubes")
        rng = np.random.default_rng([seed, k])
        places = lung_places(volume, rng, per_volume)
        own = [_cube(volume, place) for place in places.healthy]
        found += [_whole(_cube(volume, place)) for place in places.solid]
        thickness = float(volume.source.thickness_mm or volume.spacing_mm[0])
        for cube in own:
            donor = own[int(rng.integers(len(own)))]
            drawn.append(_whole(with_nodule(cube, donor, thickness, rng)))
        healthy += [_whole(cube) for cube in own]
    empty = np.zeros((0, _SIDE, _SIDE, _SIDE), np.int16)
    return CubeSet(
        healthy=np.stack(healthy) if healthy else empty,
        nodules=np.stack(found + drawn) if found or drawn else empty,
        n_found=len(found),
    )


def _cube(volume: Volume, place: tuple[int, int, int]) -> Array:
    block = cut_cube(volume.voxels, place, cube_shape(volume.spacing_mm, float(_SIDE)))
    return zoomed(block, (_SIDE, _SIDE, _SIDE))


def _whole(cube: Array) -> CubeStack:
    return np.rint(cube).astype(np.int16)


def with_nodule(
    cube: Array, donor: Array, thickness_mm: float, rng: np.random.Generator
) -> Array:
    """A copy with a drawn nodule near its middle, noise of another place in it.

    Args:
        cube: Healthy lung, HU, voxels of 1 mm.
        donor: Cube of the same scan whose noise the nodule gets.
        thickness_mm: Slice thickness; the nodule is blurred along the slices by it.
        rng: Source of size, shape, density and position.
    """
    nodule = random_nodule(
        rng,
        (0.0, 0.0, 0.0),
        float(rng.uniform(*_DIAMETER_MM)),
        hu=float(rng.normal(*_NODULE_HU)),
        spiculated=bool(rng.random() < 0.5),
    )
    middle = (np.array(cube.shape) - 1) / 2 + rng.uniform(-_OFFSET_MM, _OFFSET_MM, 3)
    z, y, x = (
        (np.arange(n) - m).astype(np.float32)
        for n, m in zip(cube.shape, middle, strict=True)
    )
    share = nodule.coverage(x[None, None, :], y[None, :, None], z[:, None, None])
    # A box of one slice has the spread of a Gaussian of 0.29 times its width.
    share = gaussian_filter(share, (0.29 * thickness_mm, 0.6, 0.6))
    grain = gaussian_filter(rng.standard_normal(cube.shape), 1.5)
    grain *= 10.0 / max(float(grain.std()), 1e-6)
    noise = _fine_band(donor)
    added = np.sqrt(np.maximum(1.0 - np.square(1.0 - share), 0.0))
    values = (1.0 - share) * cube + share * (nodule.hu + grain) + added * noise
    return np.asarray(values, np.float32)


def _fine_band(cube: Array) -> Array:
    """Noise of a cube, vessels and walls taken out."""
    fine = cube - gaussian_filter(cube, _NOISE_BAND_MM)
    quiet = gaussian_filter(cube, 1.0) < _PARENCHYMA_HU
    own = float(fine[quiet].std()) if quiet.any() else 0.0
    return np.asarray(np.clip(np.where(quiet, fine, 0.0), -3 * own, 3 * own))


def augmented(cube: Array, rng: np.random.Generator) -> Array:
    """One of CT-GAN's variants of a cube, cut to the 32^3 that the networks see.

    Flips along row and column axis, and either a shift of -4, 0 or 4 mm on both axes
    or a rotation in the slice plane by a multiple of 6 degrees.

    Args:
        cube: 40^3 voxels of 1 mm.
        rng: Chooses the variant.
    """
    if rng.random() < 0.5:
        cube = cube[:, ::-1]
    if rng.random() < 0.5:
        cube = cube[:, :, ::-1]
    shift = (0, 0)
    if rng.random() < _SHIFTED:
        shift = (int(rng.integers(-1, 2)) * MARGIN, int(rng.integers(-1, 2)) * MARGIN)
    else:
        angle = _ROTATION_STEP_DEG * int(rng.integers(1, 60))
        cube = rotate(cube, angle, axes=(1, 2), reshape=False, mode="reflect")
    rows, columns = (slice(MARGIN + k, MARGIN + k + CUBE) for k in shift)
    depth = slice(MARGIN, MARGIN + CUBE)
    return np.ascontiguousarray(cube[depth, rows, columns], np.float32)
