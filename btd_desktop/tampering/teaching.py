"""Self-made tampering that teaches the learned evidence map.

Generic families, none of them a copy of an attack of the bench: what they share with
forgeries is that content was redrawn. Each works on one slice of HU inside a soft
mask; what lies outside the mask stays to the bit, as a forger's paste-back leaves it
(INP-X, arXiv 2602.00192).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, sparse
from scipy.sparse.linalg import spsolve

Plane = NDArray[np.float32]
Family = Callable[[Plane, Plane, np.random.Generator, Plane], Plane]
"""New content of a slice (H, W) in HU, given the slice, the soft mask in [0, 1], a
source of randomness, and another slice of the same shape (the donor).
"""

SMALLEST_PX, LARGEST_PX = 8.0, 50.0
_MARGIN_PX = 12  # context of a mask that families look at


def random_mask(
    shape: tuple[int, int], centre: tuple[int, int], rng: np.random.Generator
) -> Plane:
    """A smooth random blob of 8 to 50 px across, feathered over 1 to 4 px.

    Args:
        shape: Of the slice.
        centre: Row and column of its middle.
        rng: Source of randomness.

    Returns:
        Values in [0, 1], exactly 0 outside, shape (H, W).
    """
    # Small ones as often as large ones: nodules are small.
    diameter = float(np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(LARGEST_PX))))
    feather = float(rng.uniform(1.0, 4.0))
    y = np.arange(shape[0])[:, None] - centre[0]
    x = np.arange(shape[1])[None, :] - centre[1]
    angle, distance = np.arctan2(y, x), np.hypot(y, x)
    outline = np.ones(shape)
    for wave in (1, 2, 3, 4):
        height, phase = rng.normal(0.0, 0.12 / wave), rng.uniform(0.0, 2.0 * np.pi)
        outline += height * np.cos(wave * angle + phase)
    share = np.clip((0.5 * diameter * outline - distance) / feather + 0.5, 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)


def tamper(
    plane: NDArray[Any],
    mask: Plane,
    name: str,
    rng: np.random.Generator,
    donor: NDArray[Any],
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """A slice tampered with by one family, and where.

    Args:
        plane: HU, shape (H, W), int16 or float32; not changed.
        mask: Soft mask in [0, 1], shape (H, W), above 0 somewhere.
        name: A key of `FAMILIES`.
        rng: Source of randomness.
        donor: HU of another slice, shape (H, W), like tissue under the mask.

    Returns:
        The copy, of the same number format, whole HU where changed; and True where it
        differs and more than half of it is new, shape (H, W).
    """
    window = _window(mask)
    old, share = plane[window].astype(np.float32), mask[window]
    new = FAMILIES[name](old, share, rng, donor[window].astype(np.float32))
    mixed = np.rint(old + share * (new - old))
    np.clip(mixed, float(plane.min()), float(plane.max()), out=mixed)
    copy = plane.copy()
    touched = share > 0.0
    copy[window][touched] = mixed[touched].astype(plane.dtype)
    return copy, (mask > 0.5) & (copy != plane)


def smoothing(
    plane: Plane, mask: Plane, rng: np.random.Generator, donor: Plane
) -> Plane:
    """Gaussian blur."""
    return _blurred(plane, float(rng.uniform(0.6, 3.0)))


def median(plane: Plane, mask: Plane, rng: np.random.Generator, donor: Plane) -> Plane:
    """Median filter of 3, 5 or 7 px."""
    size = int(rng.choice([3, 5, 7]))
    return np.asarray(ndimage.median_filter(plane, size), np.float32)


def resampling(
    plane: Plane, mask: Plane, rng: np.random.Generator, donor: Plane
) -> Plane:
    """Coarser and back, or turned and shifted by parts of a pixel."""
    order = int(rng.choice([1, 1, 3]))
    if rng.random() < 0.5:
        h, w = plane.shape
        factor = float(rng.uniform(1.3, 3.0))
        size = (max(2, round(h / factor)), max(2, round(w / factor)))
        small = _at_size(_blurred(plane, 0.3 * factor), size, order)
        return _at_size(small, (h, w), order)
    turn = float(rng.normal(0.0, 0.08))
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = np.array(ndimage.center_of_mass(mask))
    shift = rng.uniform(0.25, 0.75, 2) * rng.choice([-1.0, 1.0], 2)
    offset = middle - matrix @ middle + shift
    turned = ndimage.affine_transform(plane, matrix, offset, order=order, mode="mirror")
    return np.asarray(turned, np.float32)


def foreign_tissue(
    plane: Plane, mask: Plane, rng: np.random.Generator, donor: Plane
) -> Plane:
    """Tissue of another slice with the mean of this one, or its fine texture only."""
    if rng.random() < 0.5:
        weight = np.maximum(mask, 1e-6)
        own, other = (np.average(p, weights=weight) for p in (plane, donor))
        return np.asarray(donor + (own - other), np.float32)
    sigma = float(rng.uniform(2.0, 8.0))
    return _blurred(plane, sigma) + donor - _blurred(donor, sigma)


def drawn_noise(
    plane: Plane, mask: Plane, rng: np.random.Generator, donor: Plane
) -> Plane:
    """Smoothed content with noise drawn anew, of more or less like strength."""
    if rng.random() < 0.5:
        content = _blurred(plane, float(rng.uniform(1.0, 4.0)))
    else:
        content = np.asarray(ndimage.median_filter(plane, 5), np.float32)
    return content + _noise(plane, rng, float(np.exp(rng.uniform(-0.9, 0.5))))


def transform_coding(
    plane: Plane, mask: Plane, rng: np.random.Generator, donor: Plane
) -> Plane:
    """Cosine transform of blocks of 8 or 16 px, quantised, coarser at fine detail."""
    side = int(rng.choice([8, 16]))
    first = rng.integers(0, side, 2)
    pad = [
        (int(f), int(-(n + f) % side)) for f, n in zip(first, plane.shape, strict=True)
    ]
    framed = np.pad(plane, pad, mode="symmetric")
    rows, columns = framed.shape[0] // side, framed.shape[1] // side
    blocks = framed.reshape(rows, side, columns, side).transpose(0, 2, 1, 3)
    waves = fft.dctn(blocks, axes=(2, 3), norm="ortho")
    rising = np.add.outer(np.arange(side), np.arange(side)) / side
    step = noise_hu(plane) * float(np.exp(rng.uniform(0.2, 1.8))) * (0.5 + rising)
    waves = np.rint(waves / step) * step
    back = fft.idctn(waves, axes=(2, 3), norm="ortho").transpose(0, 2, 1, 3)
    (top, _), (left, _) = pad
    h, w = plane.shape
    whole = back.reshape(framed.shape)[top : top + h, left : left + w]
    return np.asarray(whole, np.float32)


def bare_nodule(
    plane: Plane, mask: Plane, rng: np.random.Generator, donor: Plane
) -> Plane:
    """A soft body of -100 to 100 HU with a faint inner structure and no noise."""
    return _nodule(plane, mask, rng)


def noisy_nodule(
    plane: Plane, mask: Plane, rng: np.random.Generator, donor: Plane
) -> Plane:
    """The same body with noise of the strength of its surroundings."""
    strength = float(rng.uniform(0.7, 1.3))
    return _nodule(plane, mask, rng) + _noise(plane, rng, strength)


def filling(plane: Plane, mask: Plane, rng: np.random.Generator, donor: Plane) -> Plane:
    """Filled in from the rim: its mean, a harmonic or a biharmonic surface.

    In half of the cases with noise.
    """
    hole = mask > 0.0
    kind = rng.choice(["mean", "harmonic", "biharmonic"])
    if kind == "mean":
        rim = ndimage.binary_dilation(hole, iterations=3) & ~hole
        known = plane[rim] if rim.any() else plane
        filled = np.where(hole, np.float32(np.mean(known)), plane)
    else:
        smooth = _blurred(plane, 1.0)
        filled = _membrane(smooth, hole, stiff=bool(kind == "biharmonic"))
        # A stiff surface may swing far beyond what the rim holds.
        filled = np.clip(filled, float(plane.min()), float(plane.max()))
    if rng.random() < 0.5:
        filled = filled + _noise(plane, rng, float(rng.uniform(0.5, 1.3)))
    return np.asarray(filled, np.float32)


def gain(plane: Plane, mask: Plane, rng: np.random.Generator, donor: Plane) -> Plane:
    """Fine detail or contrast made weaker or stronger, at times with an offset."""
    base = _blurred(plane, float(rng.uniform(1.0, 6.0)))
    factor = rng.uniform(0.3, 0.8) if rng.random() < 0.5 else rng.uniform(1.25, 2.0)
    offset = rng.normal(0.0, 30.0) if rng.random() < 0.3 else 0.0
    return np.asarray(base + factor * (plane - base) + offset, np.float32)


FAMILIES: dict[str, Family] = {
    "smoothing": smoothing,
    "median": median,
    "resampling": resampling,
    "foreign-tissue": foreign_tissue,
    "drawn-noise": drawn_noise,
    "transform-coding": transform_coding,
    "bare-nodule": bare_nodule,
    "noisy-nodule": noisy_nodule,
    "filling": filling,
    "gain": gain,
}
"""Families by name; a name can be left out of the teaching."""

ALIKE: dict[str, tuple[str, ...]] = {
    "processing": ("smoothing", "median", "resampling", "transform-coding"),
    "foreign tissue": ("foreign-tissue",),
    "filling": ("filling", "drawn-noise"),
    "nodules": ("bare-nodule", "noisy-nodule"),
    "gain": ("gain",),
}
"""Families that are left out together: who knows a median filter has nearly seen
smoothing. Every family stands in one group.
"""

IN_LUNG = ("bare-nodule", "noisy-nodule")
"""Families that draw into aerated lung, where there is any."""


def noise_hu(plane: Plane) -> float:
    """Strength of the fine noise of a slice in HU, at least 1; edges do not count."""
    fine = plane - _blurred(plane, 1.5)
    spread = 1.4826 * float(np.median(np.abs(fine - np.median(fine))))
    return max(spread, 1.0)


def _noise(plane: Plane, rng: np.random.Generator, strength: float) -> Plane:
    """Gaussian noise of that many times the slice's own strength, drawn correlation."""
    drawn = rng.standard_normal(plane.shape)
    width = float(rng.uniform(0.0, 1.1))
    if width > 0.3:
        drawn = ndimage.gaussian_filter(drawn, width)
    fine = drawn - ndimage.gaussian_filter(drawn, 1.5)
    scale = strength * noise_hu(plane) / max(float(fine.std()), 1e-6)
    return np.asarray(drawn * scale, np.float32)


def _nodule(plane: Plane, mask: Plane, rng: np.random.Generator) -> Plane:
    grain = ndimage.gaussian_filter(rng.standard_normal(plane.shape), 2.0)
    grain *= rng.uniform(0.0, 10.0) / max(float(grain.std()), 1e-6)
    return np.asarray(rng.uniform(-100.0, 100.0) + grain, np.float32)


def _blurred(plane: Plane, sigma: float) -> Plane:
    return np.asarray(ndimage.gaussian_filter(plane, sigma), np.float32)


def _at_size(plane: Plane, size: tuple[int, int], order: int) -> Plane:
    """A plane sampled anew at the middles of `size` pixels over the same extent."""
    rows, columns = (
        (np.arange(n) + 0.5) * old / n - 0.5
        for n, old in zip(size, plane.shape, strict=True)
    )
    grid = np.meshgrid(rows, columns, indexing="ij")
    sampled = ndimage.map_coordinates(plane, grid, order=order, mode="mirror")
    return np.asarray(sampled, np.float32)


def _membrane(plane: Plane, hole: NDArray[np.bool_], *, stiff: bool) -> Plane:
    """The surface over a hole that bends least (stiff) or slopes least."""
    h, w = plane.shape

    def second_difference(n: int) -> sparse.spmatrix:
        ends = np.full(n, -2.0)
        ends[[0, -1]] = -1.0
        return sparse.diags([np.ones(n - 1), ends, np.ones(n - 1)], [-1, 0, 1])

    laplace = sparse.kron(second_difference(h), sparse.eye(w))
    laplace = (laplace + sparse.kron(sparse.eye(h), second_difference(w))).tocsr()
    system = (laplace @ laplace if stiff else laplace).tocsr()
    inside = hole.ravel()
    values = plane.ravel().astype(np.float64)
    known = np.where(inside, 0.0, values)
    right = -(system @ known)[inside]
    values[inside] = spsolve(system[inside][:, inside].tocsc(), right)
    return np.asarray(values.reshape(h, w), np.float32)


def _window(mask: Plane) -> tuple[slice, slice]:
    """The mask's box with a margin, cut at the slice's borders."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    top, left = max(0, rows[0] - _MARGIN_PX), max(0, columns[0] - _MARGIN_PX)
    return (
        slice(int(top), int(rows[-1]) + _MARGIN_PX + 1),
        slice(int(left), int(columns[-1]) + _MARGIN_PX + 1),
    )
