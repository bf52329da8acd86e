"""A simple attack on CT for demonstrations: redraw a nodule, or in-paint one away.

Volumetric and made to last a look: soft edges, the slice thickness respected, noise
copied from elsewhere in the same scan (as CT-GAN does, Mirsky 2019) and matched in
spread to the surroundings, the noise power kept across the blend, whole HU. What it
leaves is what such attacks leave: noise that belongs to another place, and none of the
fine detail of the tissue that was there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from btd_desktop.errors import SettingsError
from btd_desktop.tampering.copied_noise import VESSEL_HU, copied_noise, gaussian_noise
from btd_desktop.tampering.nodule import random_nodule
from btd_desktop.tampering.result import (
    Box,
    Kind,
    TamperRecord,
    TamperResult,
    offsets_mm,
)
from btd_desktop.volume import Volume

Array = NDArray[np.float32]

NoiseSource = Callable[[Volume, Box, Array, np.random.Generator], Array]
"""Noise for a box of a volume, in HU; the array is the share that is redrawn."""

Noise = Literal["copied", "gaussian"] | NoiseSource
"""Noise of what is redrawn: "copied" from a quiet place of the same slice, or white
"gaussian" noise of the same spread. Both are options of CT-GAN's touch-up (Mirsky
2019); copied noise keeps the scanner's texture and is the harder one to notice. Or any
other source.
"""

_NODULE_HU = 20.0
_EDGE_BLUR_MM = 0.8
"""Gaussian blur of a drawn nodule, about that of a standard kernel."""

_MIN_DIAMETER_MM, _MAX_DIAMETER_MM = 3.0, 40.0


def inject_nodule(
    volume: Volume,
    centre: tuple[int, int, int],
    diameter_mm: float,
    rng: np.random.Generator,
    *,
    noise: Noise = "copied",
) -> TamperResult:
    """A copy with a soft, lobulated and spiculated nodule of about +20 HU.

    Args:
        volume: CT in HU; not changed.
        centre: Voxel (slice, row, column) of the nodule's middle.
        diameter_mm: Mean diameter, 3 to 40 mm.
        rng: Source of the one seed that is drawn and recorded.
        noise: Where the noise of what is redrawn comes from; see `Noise`.

    Raises:
        SettingsError: Not a CT, or a centre or diameter that cannot be used.
    """
    _check(volume, centre, diameter_mm)
    seed = int(rng.integers(2**31))
    rng = np.random.default_rng(seed)
    nodule = random_nodule(
        rng,
        (0.0, 0.0, 0.0),
        diameter_mm,
        hu=float(rng.normal(_NODULE_HU, 8.0)),
        spiculated=True,
    )
    box = _box(volume, centre, nodule.reach_mm + 5.0)
    z, y, x = offsets_mm(volume, centre, box)
    thickness = float(volume.source.thickness_mm or volume.spacing_mm[0])
    planes = [nodule.coverage(x, y, z + k * thickness / 3) for k in (-1, 0, 1)]
    # The scanner's blur: a drawn edge sharper than the scan's own gives itself away.
    blur = _EDGE_BLUR_MM / volume.pixel_spacing_mm
    share = gaussian_filter(np.asarray(sum(planes) / 3, np.float32), (0.0, blur, blur))
    # A faint inner structure: a perfectly even inside would catch the eye.
    grain = gaussian_filter(rng.standard_normal(share.shape), (0.7, 2.0, 2.0))
    grain *= 6.0 / max(float(grain.std()), 1e-6)
    tissue = (nodule.hu + grain).astype(np.float32)
    return _blended(
        volume, centre, box, share, tissue, "injection", diameter_mm, seed, noise
    )


def remove_nodule(
    volume: Volume,
    centre: tuple[int, int, int],
    diameter_mm: float,
    rng: np.random.Generator,
    *,
    noise: Noise = "copied",
) -> TamperResult:
    """A copy in which lung parenchyma grows over a nodule and its rim.

    Args:
        volume: CT in HU; not changed.
        centre: Voxel (slice, row, column) of the nodule's middle.
        diameter_mm: Diameter of the nodule, 3 to 40 mm.
        rng: Source of the one seed that is drawn and recorded.
        noise: Where the noise of what is redrawn comes from; see `Noise`.

    Raises:
        SettingsError: Not a CT, or a centre or diameter that cannot be used.
    """
    _check(volume, centre, diameter_mm)
    seed = int(rng.integers(2**31))
    rng = np.random.default_rng(seed)
    radius = 0.5 * diameter_mm
    fade = 4.0
    box = _box(volume, centre, radius + 3.0 + fade + 12.0)
    z, y, x = offsets_mm(volume, centre, box)
    thickness = float(volume.source.thickness_mm or volume.spacing_mm[0])
    # A thick slice shows the nodule half a thickness beyond its end.
    z = np.sign(z) * np.maximum(np.abs(z) - 0.5 * thickness, 0.0)
    distance = np.sqrt(x * x + y * y + z * z)
    outline = 1.0 + 0.06 * np.cos(3.0 * np.arctan2(y, x) + rng.uniform(0, 6.28))
    beyond = distance - (radius + 3.0) * outline
    t = np.clip(1.0 - beyond / fade, 0.0, 1.0)
    share = np.asarray(t * t * (3.0 - 2.0 * t), np.float32)
    tissue = _parenchyma(volume, box, share)
    return _blended(
        volume, centre, box, share, tissue, "removal", diameter_mm, seed, noise
    )


def _blended(
    volume: Volume,
    centre: tuple[int, int, int],
    box: Box,
    share: Array,
    tissue: Array,
    kind: Kind,
    diameter_mm: float,
    seed: int,
    source: Noise,
) -> TamperResult:
    """Tissue mixed into the box by `share`, with noise so that its power stays even."""
    rng = np.random.default_rng([seed, 1])
    if volume.padding is not None:
        share = np.where(volume.padding[box], np.float32(0.0), share)
    share = np.where(share < 0.01, np.float32(0.0), share)
    original = volume.voxels[box].astype(np.float32)
    make_noise: NoiseSource
    if callable(source):
        make_noise = source
    else:
        make_noise = copied_noise if source == "copied" else gaussian_noise
    noise = make_noise(volume, box, share, rng)
    # (1 - w)^2 of the noise power stays with the original; the rest is added.
    kept = 1.0 - share
    added = np.sqrt(np.maximum(1.0 - kept * kept, 0.0))
    values = kept * original + share * tissue + added * noise
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    values = np.clip(values, low, high)
    voxels = volume.voxels.copy()
    if voxels.dtype == np.int16:
        values = np.rint(values)
    changed = share > 0
    voxels[box][changed] = values[changed].astype(voxels.dtype)
    mask = np.zeros(voxels.shape, np.bool_)
    mask[box] = changed
    s, r, c = centre
    verb = "drawn in" if kind == "injection" else "taken away"
    return TamperResult(
        volume=replace(volume, voxels=voxels),
        mask=mask,
        record=TamperRecord(
            kind=kind,
            centre_voxel=centre,
            centre_mm=volume.world_mm(centre),
            diameter_mm=float(diameter_mm),
            seed=seed,
            n_voxels=int(np.count_nonzero(mask)),
            sentence=(
                f"A nodule of {diameter_mm:.1f} mm was {verb} at slice {s + 1}, "
                f"row {r}, column {c} by the simulator's attack (seed {seed})."
            ),
        ),
    )


def _parenchyma(volume: Volume, box: Box, share: Array) -> Array:
    """Smooth lung around the place, from voxels that are neither vessel nor hole."""
    values = volume.voxels[box].astype(np.float32)
    known = (share == 0) & (values < VESSEL_HU) & (values > -1000.0)
    if not known.any():
        known = share == 0
    spacing = [max(step, 1e-3) for step in volume.spacing_mm]
    fill = np.full(values.shape, float(np.median(values[known])), np.float32)
    weight = np.full(values.shape, 1e-4, np.float32)
    # Normalised convolution, from wide to narrow: near voxels win where there are any.
    for width_mm, trust in ((12.0, 1e-3), (6.0, 1e-2), (3.5, 3e-2)):
        sigma = [width_mm / step for step in spacing]
        weight = gaussian_filter(known.astype(np.float32), sigma)
        mean = gaussian_filter(np.where(known, values, 0.0), sigma)
        fill = (mean + trust * fill) / (weight + trust)
    return np.asarray(fill, np.float32)


def _check(volume: Volume, centre: tuple[int, int, int], diameter_mm: float) -> None:
    if volume.modality != "CT":
        raise SettingsError(
            f"Nodules can only be drawn into CT, this is {volume.modality}.",
            hint="Choose a CT series.",
        )
    if not all(0 <= i < n for i, n in zip(centre, volume.shape, strict=True)):
        raise SettingsError(
            f"The place {centre} lies outside the volume of shape {volume.shape}.",
            hint="Give slice, row and column, counted from 0.",
        )
    if not _MIN_DIAMETER_MM <= diameter_mm <= _MAX_DIAMETER_MM:
        raise SettingsError(
            f"A nodule of {diameter_mm:g} mm cannot be drawn or taken away.",
            hint=f"Use {_MIN_DIAMETER_MM:g} to {_MAX_DIAMETER_MM:g} mm.",
        )


def _box(volume: Volume, centre: tuple[int, int, int], reach_mm: float) -> Box:
    """Voxels within `reach_mm` of the centre on each axis, cut at the borders."""
    spans = []
    for index, size, step in zip(centre, volume.shape, volume.spacing_mm, strict=True):
        n = int(np.ceil(reach_mm / step)) if step > 0 else 0
        spans.append(slice(max(0, index - n), min(size, index + n + 1)))
    return spans[0], spans[1], spans[2]
