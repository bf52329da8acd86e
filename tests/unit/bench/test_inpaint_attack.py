"""In-painting attacks on a volume, with the shipped weights and few steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from btd_desktop.bench.attacks.inpaint.attack import inject, remove
from btd_desktop.errors import SettingsError
from btd_desktop.volume import Volume

CENTRE = (4, 70, 64)


def _lung(rows: int = 144, n: int = 9, distance: float = 5.0) -> Volume:
    """Lung of -850 HU with blurred noise of 25 HU, a wall, a 12 mm ball at CENTRE."""
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.standard_normal((n, rows, rows)), (0, 0.7, 0.7))
    voxels = -850.0 + 25.0 * noise / noise.std()
    voxels[:, :, -20:] += 880.0
    z, y, x = np.ogrid[:n, :rows, :rows]
    ball = (
        ((z - CENTRE[0]) * distance) ** 2
        + ((y - CENTRE[1]) * 0.8) ** 2
        + ((x - CENTRE[2]) * 0.8) ** 2
    )
    voxels[ball < 6.0**2] += 870.0
    return Volume(
        voxels=np.rint(voxels).astype(np.int16),
        modality="CT",
        unit="HU",
        spacing_mm=(distance, 0.8, 0.8),
        origin_mm=(0.0, 0.0, 0.0),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=tuple(distance * k for k in range(n)),
        instance_uids=tuple(f"slice {k}" for k in range(n)),
    )


VOLUME = _lung()


@pytest.mark.parametrize("space", ["pixel", "latent"])
@pytest.mark.parametrize("keep", ["mask", "patch"])
@pytest.mark.parametrize("attack", [inject, remove])
def test_attack_changes_whole_hu_in_its_mask_only(attack, space, keep):
    before = VOLUME.voxels.copy()
    result = attack(
        VOLUME, CENTRE, np.random.default_rng(1), space=space, keep=keep, n_steps=2
    )
    out = result.volume.voxels
    assert out.dtype == np.int16
    assert out.shape == VOLUME.shape
    assert np.array_equal(VOLUME.voxels, before)
    assert np.array_equal(out[~result.mask], before[~result.mask])
    assert np.count_nonzero(out != before) > 0.5 * np.count_nonzero(result.mask)
    slices = np.flatnonzero(result.mask.any((1, 2)))
    assert slices.tolist() == [1, 2, 3, 4, 5, 6, 7]  # 3 x 5 mm on either side
    _, rows, columns = np.nonzero(result.mask)
    widest = 41 if keep == "mask" else 96
    assert np.ptp(rows) + 1 <= widest
    assert np.ptp(columns) + 1 <= widest
    assert result.record.kind == ("injection" if attack is inject else "removal")
    assert result.record.centre_voxel == CENTRE
    assert result.record.n_voxels == np.count_nonzero(result.mask)


@pytest.mark.parametrize("space", ["pixel", "latent"])
def test_same_seed_gives_the_same_voxels_and_another_others(space):
    def voxels(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return np.asarray(
            remove(VOLUME, CENTRE, rng, space=space, n_steps=2).volume.voxels
        )

    assert np.array_equal(voxels(1), voxels(1))
    assert not np.array_equal(voxels(1), voxels(2))


@pytest.mark.parametrize("space", ["pixel", "latent"])
def test_removal_leaves_lung_with_the_noise_of_the_lung(space):
    result = remove(VOLUME, CENTRE, np.random.default_rng(2), space=space)
    s, r, c = CENTRE
    ball = np.s_[s, r - 5 : r + 6, c - 5 : c + 6]
    assert VOLUME.voxels[ball].mean() > -20.0
    assert result.volume.voxels[ball].mean() < -700.0
    core = np.s_[2:7, r - 14 : r + 15, c - 14 : c + 15]
    fine = result.volume.voxels[core] - ndimage.gaussian_filter(
        result.volume.voxels[core].astype(np.float32), (0, 2, 2)
    )
    spread = 1.4826 * float(np.median(np.abs(fine - np.median(fine))))
    assert 14.0 < spread < 40.0


@pytest.mark.parametrize("space", ["pixel", "latent"])
def test_injection_draws_something_solid_in_the_middle_only(space):
    at = (4, 40, 40)
    result = inject(VOLUME, at, np.random.default_rng(2), space=space, diameter_mm=12.0)
    out = result.volume.voxels.astype(np.float32)
    assert out[4, 38:43, 38:43].mean() > -350.0
    rim = result.mask[4].copy()
    rim[40 - 11 : 40 + 12, 40 - 11 : 40 + 12] = False
    assert np.median(out[4][rim]) < -750.0
    assert out[1, 36:45, 36:45].mean() < -700.0  # 15 mm away there is none


def test_wall_is_left_as_it_is():
    result = remove(VOLUME, (4, 70, 106), np.random.default_rng(2), n_steps=2)
    assert not result.mask[:, :, -19:].any()
    assert result.mask[4, 70, 106]


def test_slice_distance_limits_the_slices_of_a_place():
    thin = replace(
        _lung(96, 20, 1.0), slice_positions_mm=tuple(float(k) for k in range(20))
    )
    result = remove(thin, (10, 40, 40), np.random.default_rng(0), n_steps=2)
    slices = np.flatnonzero(result.mask.any((1, 2)))
    assert (slices[0], slices[-1]) == (4, 16)


def test_single_slice_at_the_border_is_tampered():
    volume = _lung(96, 1, 5.0)
    result = inject(volume, (0, 8, 8), np.random.default_rng(0), n_steps=2)
    assert result.mask[0, 8, 8]


def test_padding_stays_as_it_is():
    padding = np.zeros(VOLUME.shape, np.bool_)
    padding[:, :, :64] = True
    volume = replace(VOLUME, padding=padding)
    result = remove(volume, CENTRE, np.random.default_rng(0), n_steps=2)
    assert not result.mask[:, :, :64].any()
    assert result.mask.any()


def test_what_cannot_be_tampered_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(SettingsError, match="MR"):
        remove(replace(VOLUME, modality="MR"), CENTRE, rng)
    with pytest.raises(SettingsError, match="outside"):
        remove(VOLUME, (99, 0, 0), rng)
    with pytest.raises(SettingsError, match="96 by 96"):
        remove(_lung(90, 1), (0, 40, 40), rng)
    with pytest.raises(SettingsError, match="30 mm"):
        inject(VOLUME, CENTRE, rng, diameter_mm=30.0)
