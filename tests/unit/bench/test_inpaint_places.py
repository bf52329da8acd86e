"""Holes, fills, guides and facts."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

import numpy as np
import pytest
import torch

from btd_desktop.bench.attacks.inpaint.places import (
    chord_mm,
    coarse_fill,
    from_scaled,
    guide_map,
    hole_mask,
    scan_noise,
    tissue_fill,
    to_scaled,
    without_walls,
)


def test_integer_hu_survives_scaling_in_the_window():
    hu = np.arange(-1024, 1001, dtype=np.float32)
    assert np.array_equal(np.rint(from_scaled(to_scaled(hu))), hu)
    assert from_scaled(to_scaled(np.array([3000.0, -2000.0], np.float32))).tolist() == [
        1000.0,
        -1024.0,
    ]


@pytest.mark.parametrize(
    ("outline", "area"), [("square", 41.0**2), ("disc", np.pi * 20.0**2)]
)
def test_hole_has_the_wanted_width_and_place(outline, area):
    hole = hole_mask(40.0, outline, 96, (5.0, -7.0))
    assert abs(hole.sum() - area) < 0.03 * area
    rows, columns = np.nonzero(hole)
    assert (rows.mean(), columns.mean()) == pytest.approx((53.0, 41.0))


def test_fill_of_even_content_is_even_and_ignores_the_hole():
    hole = torch.from_numpy(hole_mask(40.0, "disc"))[None, None]
    content = torch.full((1, 1, 96, 96), -0.8) + 5.0 * hole
    fill = coarse_fill(content, hole)
    assert torch.allclose(fill, torch.tensor(-0.8), atol=1e-5)


def test_fill_keeps_what_is_known_and_stays_between_its_values():
    hole = torch.from_numpy(hole_mask(32.0, "square"))[None, None]
    ramp = torch.linspace(-1, 1, 96).expand(1, 1, 96, 96)
    fill = coarse_fill(ramp, hole)
    assert torch.equal(fill[hole == 0], ramp[hole == 0])
    inside = fill[hole > 0] - ramp[hole > 0]
    # A ramp goes on through the hole; half of it would be lost by a constant.
    assert float(inside.abs().mean()) < 0.1
    assert float(fill.abs().max()) <= 1.0


def _images(hu: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(to_scaled(hu.astype(np.float32)))[None, None]


def test_fill_in_lung_ignores_wall_and_vessels():
    hu = np.full((96, 96), -850.0)
    hu[:, 68:] = 30.0
    hu[20:24, :] = 100.0
    hole = torch.from_numpy(hole_mask(40.0, "disc"))[None, None]
    fill = tissue_fill(_images(hu), hole, torch.zeros_like(hole))
    inside = from_scaled(fill.numpy())[hole.numpy() > 0]
    assert inside.max() < -700.0
    assert inside.mean() < -820.0


def test_fill_in_tissue_goes_on_with_tissue():
    hole = torch.from_numpy(hole_mask(40.0, "disc"))[None, None]
    fill = tissue_fill(_images(np.full((96, 96), 60.0)), hole, torch.zeros_like(hole))
    assert from_scaled(fill.numpy()) == pytest.approx(60.0, abs=0.5)


def test_fill_holds_a_ball_where_the_guide_wants_one():
    hole = torch.from_numpy(hole_mask(40.0, "disc"))[None, None]
    guide = torch.from_numpy(guide_map(12.0))[None, None]
    fill = from_scaled(
        tissue_fill(_images(np.full((96, 96), -850.0)), hole, guide).numpy()
    )
    assert fill[0, 0, 48, 48] == pytest.approx(15.0, abs=1.0)
    assert fill[0, 0, 48, 60] == pytest.approx(-850.0, abs=1.0)


def test_hole_spares_the_wall_and_keeps_nodule_and_thin_vessel():
    hu = np.full((96, 96), -850.0)
    hu[:, 62:] = 30.0
    hu[40:42, :] = 100.0
    hu[50:58, 40:48] = 20.0
    hole = torch.from_numpy(hole_mask(40.0, "square"))[None, None]
    middle = torch.from_numpy(hole_mask(16.0, "disc"))[None, None]
    left = without_walls(_images(hu), hole, middle)[0, 0].numpy()
    assert not left[:, 63:].any()
    assert left[40:42, 30:60].all()
    assert left[50:58, 40:48].all()
    assert hole.sum() == 41.0**2  # the argument is not changed


def test_middle_is_painted_even_over_a_wall():
    hole = torch.from_numpy(hole_mask(40.0, "square"))[None, None]
    middle = torch.from_numpy(hole_mask(16.0, "disc"))[None, None]
    left = without_walls(_images(np.full((96, 96), 40.0)), hole, middle)
    assert torch.equal(left, middle)


def test_guide_has_the_wanted_width():
    assert not guide_map(0.0).any()
    assert guide_map(20.0).sum() == pytest.approx(np.pi * 100.0, rel=0.03)


def test_chord_of_a_ball():
    assert chord_mm(10.0, 0.0) == 10.0
    assert chord_mm(10.0, 3.0) == pytest.approx(8.0)
    assert chord_mm(10.0, 5.1) == 0.0


def test_scan_noise_is_measured_in_lung_and_where_told():
    rng = np.random.default_rng(0)
    hu = rng.normal(-850.0, 20.0, (3, 64, 64)).astype(np.float32)
    hu[:, :, 40:] = rng.normal(40.0, 60.0, (3, 64, 24))
    # A pixel less the mean of its four neighbours: sqrt(1 + 1/4) of the noise.
    assert scan_noise(hu) == pytest.approx(20.0 * np.sqrt(1.25), rel=0.05)
    known = np.zeros(hu.shape, np.bool_)
    known[:, :, 45:60] = True
    assert scan_noise(hu, known) == pytest.approx(60.0 * np.sqrt(1.25), rel=0.05)
