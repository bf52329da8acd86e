"""The chest phantom: tissue where it belongs, continuous along z, never twice."""

from __future__ import annotations

import numpy as np
import pytest

from btd_desktop.simulator.chest import ChestPhantom, chest_phantom
from btd_desktop.simulator.random_field import random_field
from btd_desktop.simulator.raster import raster_grid


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom(np.random.default_rng(11))


def plane(phantom: ChestPhantom, z_mm: float):
    return phantom.hu_on_plane(raster_grid(384, 1.0, *phantom.centre_mm), z_mm)


def test_lungs_are_aerated_and_fill_a_plausible_area(phantom: ChestPhantom):
    hu = plane(phantom, 0.0)
    lung = (hu > -930) & (hu < -780)
    assert 15_000 < np.count_nonzero(lung) < 36_000
    assert -880 < np.median(hu[lung]) < -810


def test_spine_is_bone_heart_is_soft_and_outside_is_air(phantom: ChestPhantom):
    grid = raster_grid(384, 1.0, *phantom.centre_mm)
    shape = phantom.shape
    z = shape.disc_phase + 12.0
    hu = phantom.hu_on_plane(grid, z)
    spine = grid.box(0.0, shape.spine_y, 6.0, 6.0)
    assert hu[spine].mean() > 120
    x, y, z_heart = shape.heart_centre
    heart = phantom.hu_on_plane(grid, z_heart)[grid.box(x, y, 8.0, 8.0)]
    assert 30 < heart.mean() < 60
    assert hu[0, 0] == -1000


def test_planes_continue_each_other(phantom: ChestPhantom):
    here, near, far = (plane(phantom, z) for z in (10.0, 10.3, 40.0))
    body = here > -950
    step = np.abs(near - here)[body].mean()
    assert 0 < step < 0.2 * np.abs(far - here)[body].mean()


def test_vessel_tree_tapers_and_is_large(phantom: ChestPhantom):
    vessels = phantom.vessels
    assert len(vessels.start_mm) > 1000
    assert vessels.end_radius_mm.min() < 0.6
    assert vessels.start_radius_mm.max() > 3.0
    assert np.all(vessels.end_radius_mm <= vessels.start_radius_mm + 1e-4)


def test_vessels_lie_in_or_near_the_lungs(phantom: ChestPhantom):
    points = phantom.vessels.end_mm.astype(np.float64)
    depth = phantom.shape.lung_depth_at(points)
    assert np.mean(depth > -3.0) > 0.9


def test_first_nodule_is_large_deep_and_visible(phantom: ChestPhantom):
    nodule = phantom.nodules[0]
    assert 10.0 <= nodule.diameter_mm <= 14.0
    assert phantom.shape.lung_depth_at(np.array([nodule.centre_mm]))[0] > 25.0
    grid = raster_grid(384, 1.0, *phantom.centre_mm)
    x, y, z = nodule.centre_mm
    inside = phantom.hu_on_plane(grid, z)[grid.box(x, y, 2.5, 2.5)]
    assert inside.mean() == pytest.approx(nodule.hu, abs=15)


def test_every_nodule_lies_in_a_lung_and_has_a_benign_size(phantom: ChestPhantom):
    assert len(phantom.nodules) >= 2
    for nodule in phantom.nodules:
        assert 4.0 <= nodule.diameter_mm <= 14.0
        assert phantom.shape.lung_depth_at(np.array([nodule.centre_mm]))[0] > 5.0


def test_same_seed_gives_the_same_chest_and_another_does_not(phantom: ChestPhantom):
    again = chest_phantom(np.random.default_rng(11))
    other = chest_phantom(np.random.default_rng(12))
    assert np.array_equal(plane(phantom, 5.0), plane(again, 5.0))
    assert not np.array_equal(plane(phantom, 5.0), plane(other, 5.0))


def test_random_field_has_unit_variance_and_is_smooth():
    field = random_field(np.random.default_rng(1), 2.0)
    steps = np.arange(0, 190, 0.5, dtype=np.float32)
    values = field.on_slice(steps, steps, 33.0)
    assert values.shape == (steps.size, steps.size)
    assert values.std() == pytest.approx(1.0, abs=0.2)
    assert abs(values.mean()) < 0.1
    assert np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1] > 0.9
    moved = field.on_slice(steps, steps, 33.2)
    assert np.corrcoef(values.ravel(), moved.ravel())[0, 1] > 0.97
