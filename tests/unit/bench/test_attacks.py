"""Every classical attack changes its cube only, repeats itself, does what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from btd_desktop.bench.attacks import (
    classical_inpaint,
    copy_move,
    redraw,
    smooth_nodule,
    splice,
)
from btd_desktop.bench.attacks.donors import Donor, donor_of
from btd_desktop.bench.attacks.lung import lung_plane, without_other_air
from btd_desktop.bench.attacks.paste import CUBE_MM, cube_box
from btd_desktop.bench.attacks.registry import (
    ATTACKS,
    Attack,
    attacks_named,
    why_unavailable,
)
from btd_desktop.bench.attacks.touch_up import robust_spread
from btd_desktop.bench.places import draw_pairs
from btd_desktop.errors import SettingsError
from btd_desktop.scoring.copies import find_copies
from btd_desktop.volume import Volume

CLASSICAL = [a for a in ATTACKS.values() if not a.learned]
ON_CT = [pytest.param(a, "chest", id=f"{a.name} CT") for a in CLASSICAL]
ON_MR = [
    pytest.param(a, "head", id=f"{a.name} MR")
    for a in CLASSICAL
    if "MR" in a.modalities
]


@pytest.fixture(scope="module")
def donors(other_chest: Volume) -> list[Donor]:
    return [donor_of(other_chest, "SOMEBODY-ELSE")]


def place_in(volume: Volume, seed: int = 0) -> tuple[int, int, int]:
    """A drawn place of a slice in the middle of the series."""
    middle = [volume.n_slices // 2]
    patch = 96 if volume.modality == "CT" else 128
    rng = np.random.default_rng(seed)
    return draw_pairs(volume, 1, rng, patch=patch, slices=middle)[0].tampered.centre


@pytest.mark.slow
@pytest.mark.parametrize(("attack", "scan"), ON_CT + ON_MR)
def test_attack_changes_several_slices_within_its_cube_and_nothing_else(
    attack: Attack, scan: str, donors, request
):
    volume: Volume = request.getfixturevalue(scan)
    untouched = volume.voxels.copy()
    centre = place_in(volume)
    done = attack.apply(volume, centre, np.random.default_rng(3), donors)
    assert np.array_equal(volume.voxels, untouched)
    out = done.volume.voxels
    assert out.dtype == volume.voxels.dtype
    assert np.array_equal(out[~done.mask], untouched[~done.mask])
    assert np.mean(out[done.mask] != untouched[done.mask]) > 0.5
    touched = np.argwhere(done.mask)
    for axis, step in enumerate(volume.spacing_mm):
        reach = np.abs(touched[:, axis] - centre[axis]).max() * step
        assert reach <= 0.5 * CUBE_MM + step
    assert len(np.unique(touched[:, 0])) >= 3
    assert untouched.min() <= out.min() <= out.max() <= untouched.max()
    assert done.volume.source == volume.source
    assert done.record.n_voxels == done.mask.sum()
    assert done.record.centre_voxel == centre


@pytest.mark.parametrize(("attack", "scan"), ON_CT + ON_MR)
def test_attack_repeats_itself_from_the_seed_and_differs_with_another(
    attack: Attack, scan: str, donors, request
):
    volume: Volume = request.getfixturevalue(scan)
    centre = place_in(volume, 1)
    first, again, other = (
        attack.apply(volume, centre, np.random.default_rng(seed), donors)
        for seed in (7, 7, 8)
    )
    assert np.array_equal(first.volume.voxels, again.volume.voxels)
    assert first.record == again.record
    assert not np.array_equal(first.volume.voxels, other.volume.voxels)


@pytest.mark.parametrize("attack", CLASSICAL, ids=lambda a: a.name)
def test_attack_refuses_a_place_outside(attack: Attack, chest, donors):
    with pytest.raises(SettingsError, match="outside the volume"):
        attack.apply(chest, (99, 10, 10), np.random.default_rng(0), donors)


@pytest.mark.parametrize(
    "attack", [a for a in CLASSICAL if "MR" not in a.modalities], ids=lambda a: a.name
)
def test_attack_for_ct_refuses_mr(attack: Attack, head, donors):
    with pytest.raises(SettingsError, match="MR"):
        attack.apply(head, (2, 128, 128), np.random.default_rng(0), donors)


def middle_of(volume: Volume, centre: tuple[int, int, int], half: int = 3):
    s, r, c = centre
    return volume.voxels[s, r - half : r + half + 1, c - half : c + half + 1].astype(
        float
    )


def quiet_place(volume: Volume) -> tuple[int, int, int]:
    pairs = draw_pairs(volume, 30, np.random.default_rng(1), patch=96)
    deep = [p.tampered for p in pairs if p.tampered.stratum == "deep"]
    calm = min(deep, key=lambda p: p.content + (abs(p.slice_index - 7) > 3))
    return calm.centre


@pytest.mark.parametrize("blend", ["soft", "poisson"])
def test_splice_puts_solid_tissue_of_the_donor_into_quiet_lung(chest, donors, blend):
    centre = quiet_place(chest)
    assert middle_of(chest, centre).max() < -500
    done = splice.inject(chest, centre, np.random.default_rng(1), donors, blend=blend)
    assert middle_of(done.volume, centre).max() > -350
    assert done.record.kind == "injection"
    assert blend in done.record.sentence


def test_splice_never_takes_the_own_patient(chest, donors):
    own = [replace(d, patient=chest.source.patient_id) for d in donors]
    with pytest.raises(SettingsError, match="another patient"):
        splice.inject(chest, (7, 160, 100), np.random.default_rng(0), own)


def test_donor_of_mr_has_no_blob(head):
    assert donor_of(head, "X").blobs == ()


def test_blobs_are_solid_and_of_the_size_they_say(donors):
    assert donors[0].blobs
    for blob in donors[0].blobs:
        assert np.median(blob.values[blob.solid]) > -450
        mm3 = blob.solid.sum() * np.prod(blob.spacing_mm)
        assert (6 * mm3 / np.pi) ** (1 / 3) == pytest.approx(blob.diameter_mm)


def test_copy_move_copies_noise_bit_for_bit_but_for_the_level(chest):
    centre = quiet_place(chest)
    done = copy_move.remove(chest, centre, np.random.default_rng(4))
    words = done.record.sentence.split("(")[1].split(")")[0]
    dz, dy, dx = (int(word) for word in words.split(","))
    s, r, c = centre
    pasted = middle_of(done.volume, centre, 4)
    source = middle_of(chest, (s + dz, r + dy, c + dx), 4)
    quiet = source < -700  # the level fades out towards solid tissue
    assert np.ptp((pasted - source)[quiet]) <= 1.0


def test_copy_move_injection_brings_solid_tissue(chest):
    centre = quiet_place(chest)
    done = copy_move.inject(chest, centre, np.random.default_rng(4))
    assert middle_of(done.volume, centre, 8).max() > -300


@pytest.mark.parametrize("fill", ["harmonic", "biharmonic", "marching"])
def test_inpainting_without_noise_is_smooth_and_with_noise_is_not(chest, fill):
    centre = quiet_place(chest)
    spreads = {}
    for noise in ("none", "gaussian", "copied"):
        done = classical_inpaint.remove(
            chest, centre, np.random.default_rng(2), noise=noise, fill=fill
        )
        block = middle_of(done.volume, centre, 5)
        spreads[noise] = robust_spread(np.diff(block, axis=1))
        assert -950 < block.mean() < -750
    genuine = robust_spread(np.diff(middle_of(chest, centre, 5), axis=1))
    assert spreads["none"] < 0.6 * genuine
    for noise in ("copied", "gaussian"):
        assert spreads[noise] > 1.2 * spreads["none"]
        # White noise of the same spread differs more from pixel to pixel.
        assert 0.4 * genuine < spreads[noise] < 2.5 * genuine


@pytest.mark.parametrize("scan", ["chest", "head"])
def test_redraw_takes_fine_detail_and_noise_brings_its_power_back(scan, request):
    volume: Volume = request.getfixturevalue(scan)
    centre = place_in(volume, 2)
    s, r, c = centre
    at = (s, slice(r - 7, r + 8), slice(c - 7, c + 8))
    fine = {"genuine": np.diff(volume.voxels[at].astype(float), axis=1).std()}
    for noise in ("none", "gaussian", "copied"):
        done = redraw.redraw(volume, centre, np.random.default_rng(5), noise=noise)
        fine[noise] = np.diff(done.volume.voxels[at].astype(float), axis=1).std()
    assert fine["none"] < 0.95 * fine["genuine"]
    assert fine["gaussian"] > fine["none"]
    assert fine["copied"] > fine["none"]


def test_drawn_noise_is_the_lungs_own_kind_and_stands_nowhere_else(chest):
    centre = place_in(chest)
    done = {
        noise: smooth_nodule.remove(
            chest, centre, np.random.default_rng(3), **options
        ).volume
        for noise, options in (
            ("drawn", {"noise": smooth_nodule.drawn_noise}),
            ("copied", {}),
        )
    }
    s, r, c = centre
    near = np.s_[s, r - 5 : r + 6, c - 5 : c + 6]
    spread = {
        name: robust_spread(ndimage.laplace(v.voxels[near].astype(np.float32)))
        for name, v in done.items()
    }
    assert spread["drawn"] == pytest.approx(spread["copied"], rel=0.35)
    # The copy is found in its slice; what was drawn is not.
    fine = {
        name: v.voxels[s] - ndimage.gaussian_filter(v.voxels[s].astype(float), 1.0)
        for name, v in done.items()
    }
    body = chest.voxels[s] > -980
    strengths = {}
    for name, plane in fine.items():
        planes, bodies = [plane.astype(np.float32)], [body]
        [found] = find_copies(planes.__getitem__, bodies.__getitem__, 1, [(0, r, c)])
        assert found is not None
        strengths[name] = found.strength
    assert strengths["copied"] > 8.0
    assert strengths["drawn"] < 6.5


def test_copied_noise_never_comes_from_a_table_or_bowel_gas(chest):
    plane = chest.voxels[7]
    lung = lung_plane(plane, chest.pixel_spacing_mm)
    far = (plane < -500) & (ndimage.distance_transform_edt(~lung) > 12)
    assert far.any()
    box = cube_box(chest, (7, 160, 100))
    plain = without_other_air(chest, box)
    assert (plain.voxels[7][far] == 0).all()
    assert np.array_equal(plain.voxels[7][lung], plane[lung])
    assert np.array_equal(plain.voxels[0], chest.voxels[0])


def test_lung_map_holds_vessels_but_not_the_body_or_the_trachea(chest):
    lung = lung_plane(chest.voxels[7], 1.0)
    assert 0.1 < lung.mean() < 0.5
    assert (chest.voxels[7][lung] > -300).any()
    assert np.median(chest.voxels[7][lung]) < -700
    assert not lung_plane(np.zeros((64, 64), np.int16), 1.0).any()


def test_removal_near_the_pleura_leaves_the_chest_wall_alone(chest):
    pairs = draw_pairs(chest, 40, np.random.default_rng(1), patch=96)
    border = next(p.tampered for p in pairs if p.tampered.stratum == "border")
    s = border.slice_index
    wall = ndimage.binary_erosion(
        ~lung_plane(chest.voxels[s], chest.pixel_spacing_mm), iterations=1
    )
    for name in (
        "smooth removal",
        "copy-move removal",
        "in-painting with copied noise",
    ):
        done = ATTACKS[name].apply(chest, border.centre, np.random.default_rng(0), [])
        assert done.mask[s].any()
        assert not done.mask[s][wall].any(), name


def test_padding_is_left_alone(chest, donors):
    centre = place_in(chest)
    padding = np.zeros(chest.shape, np.bool_)
    padding[:, centre[1] + 2 :, :] = True
    padded = replace(chest, padding=padding)
    for attack in CLASSICAL:
        done = attack.apply(padded, centre, np.random.default_rng(3), donors)
        assert not done.mask[padding].any(), attack.name


def test_one_slice_is_enough_for_classical_attacks(chest, donors):
    single = replace(
        chest,
        voxels=chest.voxels[7:8],
        slice_positions_mm=(0.0,),
        instance_uids=("1",),
        spacing_mm=(0.0, *chest.spacing_mm[1:]),
    )
    centre = place_in(single)
    for attack in CLASSICAL:
        assert why_unavailable(attack, single) == ""
        done = attack.apply(single, centre, np.random.default_rng(3), donors)
        assert done.mask.any(), attack.name


def test_unknown_attack_is_refused_with_the_known_names():
    with pytest.raises(SettingsError, match="no attack") as caught:
        attacks_named(["sorcery"], "CT", print)
    assert "synthetic nodule" in caught.value.hint


def test_learned_attack_without_code_or_weights_is_left_out_with_its_reason(
    monkeypatch,
):
    from btd_desktop.bench.attacks import registry

    broken = replace(ATTACKS["ct-gan injection"], learned="btd_desktop.no_such_module")
    monkeypatch.setattr(registry, "ATTACKS", {broken.name: broken})
    told: list[str] = []
    assert attacks_named([], "CT", told.append) == []
    assert told == [
        "ct-gan injection: its code is not installed (btd_desktop.no_such_module)"
    ]


def test_too_few_slices_are_a_reason(chest):
    short = replace(
        chest,
        voxels=chest.voxels[:2],
        slice_positions_mm=chest.slice_positions_mm[:2],
        instance_uids=chest.instance_uids[:2],
    )
    assert "needs 5 slices" in why_unavailable(ATTACKS["ct-gan removal"], short)


def test_learned_attack_without_weights_is_left_out_with_its_reason(
    monkeypatch, tmp_path
):
    from btd_desktop.bench.attacks import registry

    attack = replace(ATTACKS["ct-gan removal"], learned="json", weights=("some-net",))
    monkeypatch.setattr(registry, "ATTACKS", {attack.name: attack})
    monkeypatch.setattr(registry, "assets_dir", lambda: tmp_path)
    told: list[str] = []
    assert attacks_named([], "CT", told.append) == []
    assert told == ["ct-gan removal: its weights some-net are not installed"]
    (tmp_path / "attacks").mkdir()
    (tmp_path / "attacks" / "some-net.safetensors").write_bytes(b"")
    assert attacks_named([], "CT", told.append) == [attack]


def test_names_can_be_listed_with_commas_between():
    assert not [name for name in ATTACKS if "," in name]
    assert all(attack.name == name for name, attack in ATTACKS.items())
