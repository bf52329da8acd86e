"""Places in the lung and the training cubes made of them."""

from __future__ import annotations

import numpy as np
import pytest

from btd_desktop.bench.attacks.ct_gan.examples import (
    augmented,
    collect_cubes,
    with_nodule,
)
from btd_desktop.bench.attacks.ct_gan.places import lung_mask, lung_places
from btd_desktop.volume import Volume


def _thorax(blobs: bool = True) -> Volume:
    """Two lungs in a body; balls of 10 mm of soft tissue in one of them."""
    shape, step = (40, 128, 128), (2.5, 2.0, 2.0)
    z, y, x = np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, step, strict=True)))
    z, y, x = (np.moveaxis(a, 0, 1) for a in (z, y, x))
    body = ((x - 128) / 115) ** 2 + ((y - 128) / 90) ** 2 < 1
    voxels = np.where(body, 40.0, -1000.0)
    for middle in (75, 181):
        lung = ((x - middle) / 42) ** 2 + ((y - 128) / 65) ** 2 < 1
        voxels[lung] = -860.0
    if blobs:
        for centre in ((50, 128, 75), (70, 100, 181)):
            far = sum((a - c) ** 2 for a, c in zip((z, y, x), centre, strict=True))
            voxels[far < 5.0**2] = 30.0
    voxels += np.random.default_rng(0).normal(0, 15, shape)
    return Volume(
        voxels=np.rint(voxels).astype(np.int16),
        modality="CT",
        unit="HU",
        spacing_mm=step,
        origin_mm=(0.0, 0.0, 0.0),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=tuple(2.5 * k for k in range(shape[0])),
        instance_uids=tuple(str(k) for k in range(shape[0])),
    )


@pytest.fixture(scope="module")
def thorax() -> Volume:
    return _thorax()


def test_lung_mask_holds_lungs_with_what_is_in_them_and_no_outer_air(
    thorax: Volume,
) -> None:
    mask = lung_mask(thorax.voxels.astype(np.float32), 2.0)
    assert mask[20, 64, 37]  # the blob
    assert mask[20, 64, 90]
    assert not mask[20, 5, 5]
    assert not mask[20, 64, 64]


def test_lung_places_finds_the_blobs_and_healthy_lung_apart_from_them(
    thorax: Volume,
) -> None:
    places = lung_places(thorax, np.random.default_rng(1), 60)
    blobs = ((20, 64, 37), (28, 50, 90))
    for blob in blobs:
        assert any(np.abs(np.subtract(p, blob)).max() <= 2 for p in places.solid)
    assert len(places.solid) == len(blobs)
    assert len(places.healthy) > 20
    for s, r, c in places.healthy:
        assert thorax.voxels[s, r, c] < -700
        near = (np.subtract((s, r, c), b) * (2.5, 2.0, 2.0) for b in blobs)
        assert all(np.abs(far).max() > 8.0 for far in near)


def test_collect_cubes_is_the_same_for_the_same_seed(thorax: Volume) -> None:
    first, again = (collect_cubes([thorax], 4, per_volume=3) for _ in range(2))
    assert first.healthy.shape == (3, 40, 40, 40)
    assert first.nodules.shape == (first.n_found + 3, 40, 40, 40)
    assert first.n_found == 2
    assert np.array_equal(first.nodules, again.nodules)
    assert first.healthy[:, 15:25, 15:25, 15:25].max() < -700
    assert np.all(first.nodules[:, 18:22, 18:22, 18:22].mean(axis=(1, 2, 3)) > -400)


def test_with_nodule_draws_a_dense_thing_with_noise_and_keeps_the_rest() -> None:
    rng = np.random.default_rng(2)
    cube, donor = rng.normal(-870, 30, (2, 40, 40, 40)).astype(np.float32)
    drawn = with_nodule(cube, donor, 1.0, rng)
    middle = drawn[19:21, 19:21, 19:21]
    assert middle.mean() > -150.0
    assert drawn[18:23, 18:23, 18:23].std() > 15.0
    assert np.allclose(drawn[:5], cube[:5], atol=1.0)


def test_augmented_cubes_are_of_the_networks_size_and_vary() -> None:
    rng = np.random.default_rng(3)
    cube = np.zeros((40, 40, 40), np.float32)
    cube[:, 20:24, 20:28] = 100.0
    variants = [augmented(cube, rng) for _ in range(12)]
    assert {v.shape for v in variants} == {(32, 32, 32)}
    assert len({v.tobytes() for v in variants}) > 6
    # Slices are never mixed or turned over.
    cube = np.broadcast_to(np.arange(40.0)[:, None, None], (40, 40, 40))
    turned = augmented(np.asarray(cube, np.float32), rng)
    assert np.allclose(turned[:, 16, 16], np.arange(4, 36), atol=1e-2)
