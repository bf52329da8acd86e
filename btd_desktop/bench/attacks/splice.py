"""Splice: a solid blob of another patient, resampled and blended into the lung."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

from btd_desktop.bench.attacks.donors import Blob, Donor
from btd_desktop.bench.attacks.fill import harmonic
from btd_desktop.bench.attacks.paste import (
    CUBE_MM,
    Centre,
    check_place,
    cube_box,
    pasted,
    steps_mm,
)
from btd_desktop.errors import SettingsError
from btd_desktop.tampering.result import TamperResult, offsets_mm
from btd_desktop.volume import Volume

Blend = Literal["soft", "poisson"]

Array = NDArray[np.float32]


def inject(
    volume: Volume,
    centre: Centre,
    rng: np.random.Generator,
    donors: Sequence[Donor],
    *,
    blend: Blend | None = None,
) -> TamperResult:
    """Paste a blob of one of the donors.

    Args:
        volume: CT; not changed.
        centre: Voxel (slice, row, column) of the blob's middle.
        rng: Source of the one seed that is drawn and recorded.
        donors: Scans of other patients; the series' own patient is left out.
        blend: "soft": mixed by a soft mask after matching the level of the lung.
            "poisson": gradients of the donor kept, the rim held to the target (Perez
            2003). Drawn at random when None.

    Raises:
        SettingsError: Not a CT, a place outside it, or no donor with a blob.
    """
    check_place(volume, centre, ("CT",))
    own = volume.source.patient_id or ""
    usable = [d for d in donors if d.blobs and not (own and d.patient == own)]
    if not usable:
        raise SettingsError(
            "A splice needs a scan of another patient with a solid blob in the lung.",
            hint="Name further CT series as donors.",
            code="donor",
        )
    seed = int(rng.integers(2**31))
    rng = np.random.default_rng(seed)
    donor = usable[int(rng.integers(len(usable)))]
    # The roundest come first; nearly all draws take one of them.
    blob = donor.blobs[min(int(rng.exponential(2.0)), len(donor.blobs) - 1)]
    drawn: Blend = "soft" if rng.random() < 0.5 else "poisson"
    chosen = blend or drawn
    flips = (1.0, *(float(f) for f in rng.choice((-1.0, 1.0), 2)))
    box = cube_box(volume, centre)
    z, y, x = offsets_mm(volume, centre, box)
    points = np.broadcast_arrays(z * flips[0], y * flips[1], x * flips[2])
    block, share = _resampled(blob, points)
    if volume.padding is not None:
        share[volume.padding[box]] = 0.0
    original = volume.voxels[box].astype(np.float32)
    if chosen == "soft":
        content = _levelled(block, original, share)
    else:
        content = _poisson(block, original, share, volume)
    return pasted(
        volume,
        centre,
        box,
        (1.0 - share) * original + share * content,
        share,
        kind="injection",
        size_mm=blob.diameter_mm,
        seed=seed,
        what=f"A blob of {blob.diameter_mm:.1f} mm of another patient was spliced "
        f"({chosen} blend)",
    )


def _resampled(
    blob: Blob, points: Sequence[NDArray[np.float32]]
) -> tuple[Array, Array]:
    """Donor HU and the soft mask at offsets from the middle, in the target's grid."""
    at = [
        c + p / step
        for c, p, step in zip(blob.centre, points, blob.spacing_mm, strict=True)
    ]
    block = map_coordinates(blob.values, at, order=3, mode="nearest")
    outside = distance_transform_edt(~blob.solid, sampling=blob.spacing_mm)
    away = map_coordinates(
        outside.astype(np.float32), at, order=1, mode="constant", cval=99.0
    )
    # Full within 1 mm of the blob, gone after another 3.5 mm.
    t = np.clip((4.5 - away) / 3.5, 0.0, 1.0)
    reach = np.sqrt(sum(np.square(p) for p in points))
    t *= np.clip((0.5 * CUBE_MM - reach) / 3.0, 0.0, 1.0)
    share = np.asarray(t * t * (3.0 - 2.0 * t), np.float32)
    share[share < 0.01] = 0.0
    return np.asarray(block, np.float32), share


def _levelled(block: Array, original: Array, share: Array) -> Array:
    """The donor with its lung at the target's level; solid tissue as it is."""
    lift = _lung_level(original[share > 0]) - _lung_level(block[share > 0])
    return np.asarray(
        block + lift * np.clip((-300.0 - block) / 400.0, 0.0, 1.0), np.float32
    )


def _poisson(block: Array, original: Array, share: Array, volume: Volume) -> Array:
    """The donor plus the harmonic field that makes it meet the target at the rim."""
    # Vessels of either side at the rim shall not be spread over the whole change.
    gap = np.clip(original - block, -150.0, 150.0)
    gap = gaussian_filter(gap, (0.0, 1.5, 1.5))
    field = harmonic(gap, share > 0, steps_mm(volume))
    return np.asarray(block + field, np.float32)


def _lung_level(values: NDArray[np.float32]) -> float:
    lung = values[(values < -600.0) & (values > -1000.0)]
    return float(np.median(lung)) if lung.size > 10 else -850.0
