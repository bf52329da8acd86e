"""CT-GAN's touch-up: noise over a larger block, and blending it into the scan.

The block has the same number of voxels along all three axes, so on thick slices it
reaches far above and below the redrawn cube (Mirsky et al. 2019; as published, and one
of the traces that a detector may find).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter, zoom

from btd_desktop.bench.attacks.ct_gan.cubes import cut_cube
from btd_desktop.bench.attacks.lung import lung_plane
from btd_desktop.volume import Volume

Array = NDArray[np.float32]
Point = tuple[int, int, int]

_ENLARGED = 1.3
_AERATED_HU = -800.0
_DONOR_ROW, _DONOR_COLUMN = 0.43, 0.27
_FEWEST_AERATED = 0.5
_NEARLY = 0.95
_ABOVE_LUNG_HU = 100.0

_PARENCHYMA_HU = -600.0
_SHARE_OF_LOCAL = 0.6
_REMOVAL_NOISE_HU = 30.0
_GRAIN_HU, _GRAIN = 60.0, 1.3
_COARSEST = 6.0

_INJECTION_SIGMAS = 3.0
_REMOVAL_SIGMAS = 0.1
_KNEE_HU, _SOFTNESS_HU = -700.0, 70.0


@dataclass(frozen=True, slots=True)
class Donor:
    """Where copied noise is taken from.

    Attributes:
        centre: Slice, row, column.
        limit_hu: Voxels above it are no noise of aerated lung.
        published: Whether place and limit are those of the published attack.
    """

    centre: Point
    limit_hu: float
    published: bool


def block_side(cube: Point) -> int:
    """Voxels on each axis of the touch-up block of a cube of that many voxels."""
    return int(_ENLARGED * max(cube))


def choose_donor(
    volume: Volume, side: int, change: Point, rng: np.random.Generator
) -> Donor:
    """The published noise block, or other lung where that holds little aerated lung.

    The other block is one of those with the most lung, beside the change, and its
    limit follows the density of the scan's own lung: below the published -800 HU there
    is next to nothing in a scan made in expiration.

    Args:
        volume: CT in HU.
        side: Voxels on each axis of the block.
        change: Place of the change.
        rng: Chooses among the other blocks.
    """
    n_slices, n_rows, n_columns = volume.shape
    s = n_slices // 2
    lung = lung_plane(volume.voxels[s], volume.pixel_spacing_mm)
    if not lung.any():
        s = change[0]
        lung = lung_plane(volume.voxels[s], volume.pixel_spacing_mm)
    plane = volume.voxels[s]
    usual = int(_DONOR_ROW * n_rows), int(_DONOR_COLUMN * n_columns)
    if _share(lung & (plane < _AERATED_HU), side)[usual] >= _FEWEST_AERATED:
        return Donor((s, *usual), _AERATED_HU, published=True)
    share = _share(lung, side)
    rows, columns = np.ogrid[:n_rows, :n_columns]
    beside = (abs(rows - change[1]) >= side) | (abs(columns - change[2]) >= side)
    if share[beside].max(initial=0.0) > 0.0:
        share = np.where(beside, share, 0.0)
    best = float(share.max())
    if best <= 0.0:
        return Donor((s, *usual), _AERATED_HU, published=True)
    places = np.argwhere(share >= _NEARLY * best)
    row, column = places[int(rng.integers(len(places)))].tolist()
    half = side // 2
    near = (
        slice(max(0, row - half), row + half + 1),
        slice(max(0, column - half), column + half + 1),
    )
    usual_hu = float(np.median(plane[near][lung[near]]))
    limit = max(_AERATED_HU, usual_hu + _ABOVE_LUNG_HU)
    return Donor((s, row, column), limit, published=False)


def _share(mask: NDArray[np.bool_], side: int) -> Array:
    """Share of a mask (H, W) in the square of that side around each pixel."""
    share = uniform_filter(mask.astype(np.float32), side, mode="constant")
    return np.asarray(share, np.float32)


def copied_noise_block(
    voxels: NDArray[np.int16] | NDArray[np.float32], donor: Donor, side: int
) -> Array:
    """Noise of the donor block, vessels flattened, mean 0, shape (side, side, side).

    Slices beyond the stack are mirrored; the published code takes air for them, which
    on a short stack would darken whole slices.
    """
    block = cut_cube(voxels, donor.centre, (side, side, side))
    lung = block < donor.limit_hu
    if not lung.any():
        return np.zeros_like(block)
    # As published: what is not aerated becomes the mean of what is.
    block = np.where(lung, block, np.float32(block[lung].mean()))
    return np.asarray(block - block.mean(), np.float32)


def gaussian_noise_block(
    original: Array, goal: str, side: int, rng: np.random.Generator
) -> Array:
    """Gaussian noise with some grain, shape (side, side, side).

    Drawn coarser by a factor of 1.3 x 60 HU / (local spread), then zoomed up by cubic
    splines, so that quieter scans get a coarser grain.

    Args:
        original: HU of the place before the change.
        goal: "inject" (0.6 of the local spread) or "remove" (30 HU).
        side: Voxels on each axis.
        rng: Source of the noise.
    """
    local = original[original < _PARENCHYMA_HU]
    spread = max(float(local.std()) if local.size > 1 else _REMOVAL_NOISE_HU, 1.0)
    height = _REMOVAL_NOISE_HU if goal == "remove" else _SHARE_OF_LOCAL * spread
    grain = float(np.clip(_GRAIN * _GRAIN_HU / spread, 1.0, _COARSEST))
    n = max(2, int(np.ceil(side / grain)))
    drawn = rng.normal(0.0, height, (n, n, n))
    noise = zoom(drawn, side / n, order=3, mode="nearest")
    return np.asarray(noise[:side, :side, :side], np.float32)


def plane_window(side: int, sigmas: float) -> Array:
    """Gaussian window over a square, spread to 0 (least) to 1 (most), (side, side).

    Args:
        side: Voxels on each axis.
        sigmas: Half the side in standard deviations. The smaller, the nearer to a
            paraboloid: at 0.1 the middle of each side is 0.5 and each corner 0.
    """
    line = np.exp(-0.5 * np.square(np.linspace(-sigmas, sigmas, side)))
    window = np.outer(line, line)
    low, high = float(window.min()), float(window.max())
    return np.asarray((window - low) / max(high - low, 1e-12), np.float32)


def injection_blend(original: Array, tampered: Array) -> Array:
    """Denser things drawn into the original, nowhere darker than it, HU.

    Args:
        original: Block before the change, shape (n, m, m).
        tampered: The same with cube and noise pasted in.
    """
    window = plane_window(original.shape[1], _INJECTION_SIGMAS)[None]
    weight = window / (1.0 + np.exp(-(tampered - _KNEE_HU) / _SOFTNESS_HU))
    mixed = weight * tampered + (1.0 - weight) * original
    return np.asarray(np.maximum(mixed, original), np.float32)


def removal_blend(original: Array, tampered: Array) -> Array:
    """Redrawn tissue faded out towards the block's corners, not along slices, HU.

    Args:
        original: Block before the change, shape (n, m, m).
        tampered: The same with cube and noise pasted in.
    """
    weight = plane_window(original.shape[1], _REMOVAL_SIGMAS)[None]
    return np.asarray(weight * tampered + (1.0 - weight) * original, np.float32)
