"""The simulator's own attack as one of the bench: a smooth nodule drawn or taken away.

The content is computed, so it is smoother than tissue; the noise is a copy of other
lung of the same slice, or drawn anew with the spectrum of the lung around, so that no
pixel of it stands anywhere else. What the simulator need not care about is added here:
noise is never taken from a table or bowel gas, and a removal ends at the pleura.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from btd_desktop.bench.attacks.lung import (
    lung_block,
    within_lung,
    without_other_air,
)
from btd_desktop.bench.attacks.noise_spectrum import fine_detail, random_noise
from btd_desktop.bench.attacks.paste import Centre, check_place, cube_box, settled
from btd_desktop.errors import SettingsError
from btd_desktop.tampering.nodules import Noise, inject_nodule, remove_nodule
from btd_desktop.tampering.result import Box, TamperResult
from btd_desktop.volume import Volume

_REACH_MM = 58.0  # the simulator looks at slices around the nodule, at most so far


def inject(
    volume: Volume,
    centre: Centre,
    rng: np.random.Generator,
    *,
    noise: Noise = "copied",
) -> TamperResult:
    """A nodule of 8 to 16 mm drawn in; see `tampering.nodules.inject_nodule`.

    Raises:
        SettingsError: Not a CT, or a place outside it.
    """
    plain = _without_other_air(volume, centre)
    diameter = float(rng.uniform(8.0, 16.0))
    done = inject_nodule(plain, centre, diameter, rng, noise=noise)
    return _onto(volume, plain, done, to_pleura=False)


def remove(
    volume: Volume,
    centre: Centre,
    rng: np.random.Generator,
    *,
    noise: Noise = "copied",
) -> TamperResult:
    """Parenchyma over 10 to 18 mm; see `tampering.nodules.remove_nodule`.

    Raises:
        SettingsError: Not a CT, or a place outside it.
    """
    plain = _without_other_air(volume, centre)
    diameter = float(rng.uniform(10.0, 18.0))
    done = remove_nodule(plain, centre, diameter, rng, noise=noise)
    return _onto(volume, plain, done, to_pleura=True)


def drawn_noise(
    volume: Volume, box: Box, share: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Gaussian noise with spectrum and slice correlation of the lung around, HU.

    Raises:
        SettingsError: There is too little quiet lung to measure it.
    """
    slices = volume.voxels[box].astype(np.float32)
    rest = share == 0
    around = fine_detail(slices, lung_block(volume, box) & rest)
    if around is None:
        raise SettingsError(
            "There is too little quiet lung around to draw noise like it.",
            hint="Choose another place.",
        )
    return random_noise(around.spectrum, around.along_z, len(slices), rng)


def _without_other_air(volume: Volume, centre: Centre) -> Volume:
    """The stand-in that the simulator tampers with; the place is checked first."""
    check_place(volume, centre, ("CT",))
    return without_other_air(volume, cube_box(volume, centre, _REACH_MM))


def _onto(
    volume: Volume, plain: Volume, done: TamperResult, *, to_pleura: bool
) -> TamperResult:
    """The change alone, put into the volume that was asked for."""
    box = cube_box(volume, done.record.centre_voxel, _REACH_MM)
    # Where the stand-in differs from the scan nothing may be taken over.
    usable = done.mask[box] & (plain.voxels[box] == volume.voxels[box])
    share = usable.astype(np.float32)
    if to_pleura:
        share, _ = within_lung(volume, box, share)
    original = volume.voxels[box].astype(np.float32)
    changed = done.volume.voxels[box].astype(np.float32)
    values = settled(volume, box, (1.0 - share) * original + share * changed)
    voxels = volume.voxels.copy()
    mask = np.zeros(voxels.shape, np.bool_)
    mask[box] = share > 0
    voxels[mask] = values[share > 0].astype(voxels.dtype)
    return TamperResult(
        volume=replace(volume, voxels=voxels),
        mask=mask,
        record=replace(done.record, n_voxels=int(np.count_nonzero(mask))),
    )
