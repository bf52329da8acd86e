"""The simulator's attack: changes only its mask, does what it says, matches noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from btd_desktop.errors import SettingsError
from btd_desktop.simulator.chest import ChestPhantom, chest_phantom
from btd_desktop.simulator.ct import simulate_ct, slice_positions_mm
from btd_desktop.simulator.scanners import CT_SCANNERS
from btd_desktop.tampering.nodules import inject_nodule, remove_nodule
from btd_desktop.volume import Volume

SCANNER = CT_SCANNERS[0]


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom(np.random.default_rng(1))


@pytest.fixture(scope="module")
def scan(phantom: ChestPhantom) -> Volume:
    positions = slice_positions_mm(SCANNER, 13, phantom.nodules[0].centre_mm[2])
    return simulate_ct(
        phantom, SCANNER, n_slices=13, rows=256, seed=9, positions_mm=positions
    )


def voxel(scan: Volume, point) -> tuple[int, int, int]:
    z = np.abs(np.array(scan.slice_positions_mm) - point[2])
    row = round((point[1] - scan.origin_mm[1]) / scan.spacing_mm[1])
    column = round((point[0] - scan.origin_mm[0]) / scan.spacing_mm[2])
    return int(np.argmin(z)), row, column


@pytest.fixture(scope="module")
def real(phantom: ChestPhantom, scan: Volume) -> tuple[int, int, int]:
    return voxel(scan, phantom.nodules[0].centre_mm)


@pytest.fixture(scope="module")
def free(phantom: ChestPhantom, scan: Volume) -> tuple[int, int, int]:
    """The mirror image of the nodule, in the other lung."""
    x, y, z = phantom.nodules[0].centre_mm
    return voxel(scan, (-x, y, z))


def around(voxels, centre, half: int = 2):
    s, r, c = centre
    return voxels[s, r - half : r + half + 1, c - half : c + half + 1].astype(float)


def test_injection_draws_soft_tissue_into_lung(scan, free):
    result = inject_nodule(scan, free, 12.0, np.random.default_rng(1))
    assert np.median(around(scan.voxels, free)) < -700
    assert around(result.volume.voxels, free).mean() == pytest.approx(20, abs=40)


def test_removal_turns_the_nodule_into_parenchyma(scan, phantom, real):
    diameter = phantom.nodules[0].diameter_mm
    assert around(scan.voxels, real).mean() > -60
    result = remove_nodule(scan, real, diameter, np.random.default_rng(2))
    s, r, c = real
    half = round(0.5 * diameter / scan.spacing_mm[1])
    for k in range(s - 3, s + 4):
        left = result.volume.voxels[k, r - half : r + half, c - half : c + half]
        assert -900 < left.mean() < -780


@pytest.mark.parametrize("kind", ["injection", "removal"])
def test_only_the_mask_differs_and_every_slice_near_is_touched(scan, free, kind):
    attack = inject_nodule if kind == "injection" else remove_nodule
    result = attack(scan, free, 10.0, np.random.default_rng(3))
    changed = result.volume.voxels != scan.voxels
    assert changed.any()
    assert not changed[~result.mask].any()
    assert np.count_nonzero(changed.any(axis=(1, 2))) >= 3
    assert result.record.n_voxels == np.count_nonzero(result.mask)
    assert result.record.kind == kind


def test_tampering_leaves_the_original_and_the_number_format_alone(scan, free):
    before = scan.voxels.copy()
    result = inject_nodule(scan, free, 10.0, np.random.default_rng(3))
    assert np.array_equal(scan.voxels, before)
    assert result.volume.voxels.dtype == scan.voxels.dtype == np.int16
    assert result.volume.voxels.min() >= scan.voxels.min()
    assert result.volume.voxels.max() <= scan.voxels.max()
    assert result.volume.source == scan.source


def test_record_repeats_the_same_change(scan, free):
    first = inject_nodule(scan, free, 9.0, np.random.default_rng(4))
    again = inject_nodule(scan, free, 9.0, np.random.default_rng(4))
    other = inject_nodule(scan, free, 9.0, np.random.default_rng(5))
    assert first.record == again.record
    assert np.array_equal(first.volume.voxels, again.volume.voxels)
    assert not np.array_equal(first.volume.voxels, other.volume.voxels)
    s, r, c = free
    assert f"slice {s + 1}, row {r}, column {c}" in first.record.sentence
    x, y, z = first.record.centre_mm
    assert voxel(scan, (x, y, z)) == free


def test_noise_inside_a_removal_has_the_spread_of_its_surroundings(scan, phantom, real):
    result = remove_nodule(
        scan, real, phantom.nodules[0].diameter_mm, np.random.default_rng(6)
    )
    s, r, c = real
    slab = result.volume.voxels[s - 2 : s + 3].astype(float)
    fine = slab - gaussian_filter(slab, (0, 1.5, 1.5))

    def spread(values) -> float:
        return 1.4826 * float(np.median(np.abs(values - np.median(values))))

    inside = spread(fine[:, r - 4 : r + 5, c - 4 : c + 5])
    lung = fine[:, r - 25 : r + 26, c - 20 : c + 21][
        ~result.mask[s - 2 : s + 3, r - 25 : r + 26, c - 20 : c + 21]
    ]
    assert 0.65 < inside / spread(lung) < 1.5


def test_tampering_at_the_border_stays_inside_the_volume(scan):
    result = inject_nodule(scan, (0, 2, 2), 20.0, np.random.default_rng(7))
    assert result.volume.voxels.shape == scan.voxels.shape


@pytest.mark.parametrize("attack", [inject_nodule, remove_nodule])
def test_what_cannot_be_tampered_with_is_refused_with_a_reason(scan, attack):
    rng = np.random.default_rng(8)
    with pytest.raises(SettingsError, match="outside the volume"):
        attack(scan, (99, 10, 10), 10.0, rng)
    with pytest.raises(SettingsError, match="400 mm"):
        attack(scan, (5, 100, 100), 400.0, rng)
    with pytest.raises(SettingsError, match="MR"):
        attack(replace(scan, modality="MR"), (5, 100, 100), 10.0, rng)
