"""Tampering with an untrained generator: everything around the network."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from btd_desktop.bench.attacks.ct_gan.attack import (
    inject,
    redrawn_cube,
    remove,
)
from btd_desktop.bench.attacks.ct_gan.cubes import cube_shape, fit_equalisation
from btd_desktop.bench.attacks.ct_gan.network import Generator
from btd_desktop.bench.attacks.ct_gan.places import lung_places
from btd_desktop.bench.attacks.ct_gan.touch_up import block_side
from btd_desktop.bench.attacks.ct_gan.weights import Goal, LoadedGenerator
from btd_desktop.errors import SettingsError
from btd_desktop.tampering.nodules import Noise
from btd_desktop.volume import SeriesFacts, Volume

CENTRE = (7, 60, 64)


def _volume(seed: int = 0, shape: tuple[int, int, int] = (14, 120, 128)) -> Volume:
    rng = np.random.default_rng(seed)
    voxels = np.rint(rng.normal(-870.0, 25.0, shape)).astype(np.int16)
    voxels[:, :8] = -3024  # outside the scanner's view
    voxels[:, 112:] = 60  # body
    return Volume(
        voxels=voxels,
        modality="CT",
        unit="HU",
        spacing_mm=(2.5, 0.9, 0.9),
        origin_mm=(-50.0, -40.0, 10.0),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=tuple(2.5 * k for k in range(shape[0])),
        instance_uids=tuple(f"1.2.{k}" for k in range(shape[0])),
        source=SeriesFacts(series_uid="1.2", thickness_mm=2.5),
    )


class _Filler(Generator):
    """Draws one value everywhere, which makes the expected result computable."""

    def __init__(self, value: float) -> None:
        super().__init__(1)
        self.value = value

    def forward(self, masked: torch.Tensor) -> torch.Tensor:
        assert masked.shape == (1, 1, 32, 32, 32)
        assert torch.count_nonzero(masked[:, :, 6:26, 6:26, 6:26]) == 0
        return torch.full_like(masked, self.value)


def _model(goal: Goal, value: float) -> LoadedGenerator:
    rng = np.random.default_rng(9)
    cubes = rng.normal(-870.0, 30.0, (2, 32, 32, 32))
    cubes[:, :10] = rng.normal(30.0, 20.0, (2, 10, 32, 32))
    equal = fit_equalisation(np.rint(cubes).astype(np.int16))
    return LoadedGenerator(goal, _Filler(value).eval(), equal, "0" * 64)


DENSE = _model("inject", 0.45)
LUNG = _model("remove", -0.2)


@pytest.mark.parametrize("noise", ["copied", "gaussian"])
def test_inject_makes_nothing_darker_and_the_middle_dense(noise: Noise) -> None:
    volume = _volume()
    before = volume.voxels.copy()
    result = inject(
        volume,
        CENTRE,
        np.random.default_rng(1),
        noise=noise,
        generator=DENSE,
    )
    assert np.array_equal(volume.voxels, before)
    assert np.all(result.volume.voxels >= before)
    assert result.volume.voxels[CENTRE] > -200
    assert result.record.kind == "injection"
    assert 0.0 < result.record.diameter_mm < 40.0


@pytest.mark.parametrize("noise", ["copied", "gaussian"])
def test_remove_takes_a_dense_thing_out_of_the_middle(noise: Noise) -> None:
    volume = _volume()
    volume.voxels[5:10, 56:65, 60:69] = 30
    result = remove(
        volume,
        CENTRE,
        np.random.default_rng(1),
        noise=noise,
        generator=LUNG,
    )
    middle = result.volume.voxels[6:9, 57:64, 61:68]
    assert middle.mean() < -780.0
    assert result.record.kind == "removal"
    # A cuboid of 5 x 9 x 9 voxels as a ball.
    expected = (6.0 * 5 * 9 * 9 * 2.5 * 0.9 * 0.9 / np.pi) ** (1 / 3)
    assert result.record.diameter_mm == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("goal", ["inject", "remove"])
def test_tampering_leaves_all_beyond_the_block_bit_identical(goal: Goal) -> None:
    volume = _volume()
    attack, model = (inject, DENSE) if goal == "inject" else (remove, LUNG)
    result = attack(volume, CENTRE, np.random.default_rng(2), generator=model)
    side = block_side(cube_shape(volume.spacing_mm))
    assert side == 46
    block = np.zeros(volume.shape, np.bool_)
    # 46 voxels along the slices too: all 14 slices; never rows outside the view.
    block[:, 60 - 23 : 60 + 23, 64 - 23 : 64 + 23] = True
    changed = result.volume.voxels != volume.voxels
    assert not np.any(changed & ~block)
    assert not np.any(changed & ~result.mask)
    assert not np.any(result.mask & ~block)
    assert result.record.n_voxels == np.count_nonzero(result.mask)
    assert np.mean(changed[block]) > 0.3
    touched_slices = np.flatnonzero(changed.any(axis=(1, 2)))
    assert touched_slices.tolist() == list(range(14))


def test_remove_on_thin_slices_reaches_a_block_of_equal_sides() -> None:
    volume = replace(_volume(shape=(60, 120, 128)), spacing_mm=(1.0, 0.9, 0.9))
    result = remove(volume, (30, 60, 64), np.random.default_rng(2), generator=LUNG)
    slices = np.flatnonzero(result.mask.any(axis=(1, 2)))
    assert (slices.min(), slices.max()) == (30 - 23, 30 + 22)


def test_tampering_keeps_number_format_range_and_facts() -> None:
    volume = _volume()
    for result in (
        inject(volume, CENTRE, np.random.default_rng(3), generator=DENSE),
        remove(volume, CENTRE, np.random.default_rng(3), generator=LUNG),
    ):
        assert result.volume.voxels.dtype == np.int16
        assert result.volume.voxels.min() >= volume.voxels.min()
        assert result.volume.voxels.max() <= volume.voxels.max()
        assert result.volume.source == volume.source
        assert result.volume.spacing_mm == volume.spacing_mm


def test_tampering_of_real_values_keeps_them_real() -> None:
    whole = _volume()
    volume = replace(whole, voxels=whole.voxels.astype(np.float32) + 0.25)
    result = remove(volume, CENTRE, np.random.default_rng(3), generator=LUNG)
    assert result.volume.voxels.dtype == np.float32


def test_tampering_leaves_padding_and_what_lies_outside_the_view() -> None:
    padding = np.zeros((14, 120, 128), np.bool_)
    padding[:, 50:60, 60:64] = True
    volume = replace(_volume(), padding=padding)
    result = remove(volume, (7, 24, 62), np.random.default_rng(3), generator=LUNG)
    assert np.array_equal(result.volume.voxels[padding], volume.voxels[padding])
    assert np.all(result.volume.voxels[:, :8] == -3024)
    assert not np.any(result.mask[:, :8])
    assert not np.any(result.mask & padding)


def test_tampering_with_one_seed_is_the_same_and_with_another_differs() -> None:
    volume = _volume()

    def voxels(seed: int) -> np.ndarray:
        result = inject(
            volume,
            CENTRE,
            np.random.default_rng(seed),
            noise="gaussian",
            generator=DENSE,
        )
        return result.volume.voxels

    assert np.array_equal(voxels(4), voxels(4))
    assert not np.array_equal(voxels(4), voxels(5))


def test_truncation_cuts_towards_zero_where_rounding_goes_to_the_nearest() -> None:
    volume = _volume()
    rounded, cut = (
        remove(
            volume,
            CENTRE,
            np.random.default_rng(6),
            rounding=rounding,
            generator=LUNG,
        )
        for rounding in ("rounded", "truncated")
    )
    # All values are negative: truncation raises about half of them by one.
    difference = cut.volume.voxels - rounded.volume.voxels
    assert set(np.unique(difference)) == {0, 1}
    assert 0.4 < difference[rounded.mask].mean() < 0.6
    assert "truncated" in cut.record.sentence


def test_record_says_where_noise_came_from_and_repeats_the_change() -> None:
    volume = _volume()
    result = remove(volume, CENTRE, np.random.default_rng(7), generator=LUNG)
    assert "copied from slice 8, row 51, column 34" in result.record.sentence
    assert result.record.centre_voxel == CENTRE
    assert result.record.centre_mm == pytest.approx(
        (-50.0 + 64 * 0.9, -40.0 + 60 * 0.9, 10.0 + 7 * 2.5)
    )
    assert f"seed {result.record.seed}" in result.record.sentence


def test_redrawn_cube_of_a_filler_is_that_value_everywhere() -> None:
    cube = np.full((13, 36, 36), -870.0, np.float32)
    drawn = redrawn_cube(LUNG, cube)
    value = LUNG.equalisation.hounsfield(np.array([-0.2], np.float32))[0]
    assert drawn.shape == (13, 36, 36)
    assert np.allclose(drawn, value, atol=0.1)


def test_redrawn_cube_is_no_denser_than_what_was_there_or_a_nodule() -> None:
    cube = np.full((32, 32, 32), -870.0, np.float32)
    bright = _model("inject", 0.5)
    edges = bright.equalisation.edges.copy()
    edges[-1] = 1900.0
    bright = replace(bright, equalisation=replace(bright.equalisation, edges=edges))
    assert redrawn_cube(bright, cube).max() == pytest.approx(120.0, abs=0.1)
    cube[:, :, :8] = 700.0
    assert redrawn_cube(bright, cube).max() > 600.0


def test_shipped_generators_draw_a_nodule_and_take_one_away(chest: Volume) -> None:
    for place in lung_places(chest, np.random.default_rng(0), 3).healthy:
        s, r, c = place
        near = slice(s - 2, s + 3), slice(r - 6, r + 7), slice(c - 6, c + 7)
        before = (chest.voxels[near] > -300).sum()
        drawn = inject(chest, place, np.random.default_rng(1))
        # A ball of 4 mm has 34 mm3, a voxel 2.5.
        assert (drawn.volume.voxels[near] > -300).sum() > before + 34 / 2.5
        assert 4.0 < drawn.record.diameter_mm < 20.0
        removed = remove(drawn.volume, place, np.random.default_rng(2))
        assert (removed.volume.voxels[near] > -300).sum() <= 2


@pytest.mark.parametrize(
    ("volume", "centre", "words"),
    [
        (_volume(shape=(4, 64, 64)), (1, 30, 30), "4 slices over 10.0 mm"),
        (
            replace(_volume(shape=(9, 64, 64)), spacing_mm=(1.0, 0.9, 0.9)),
            (1, 30, 30),
            "9 slices over 9.0 mm",
        ),
        (replace(_volume(), modality="MR"), CENTRE, "MR"),
        (_volume(), (14, 60, 64), "outside"),
    ],
)
def test_inject_where_it_cannot_work_says_why(
    volume: Volume, centre: tuple[int, int, int], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        inject(volume, centre, np.random.default_rng(0), generator=DENSE)


def test_remove_on_the_shortest_stack_works() -> None:
    volume = _volume(shape=(5, 120, 128))
    result = remove(volume, (0, 60, 64), np.random.default_rng(0), generator=LUNG)
    assert result.mask.any(axis=(1, 2)).all()
