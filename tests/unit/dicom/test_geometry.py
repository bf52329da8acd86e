"""Positions to order, spacing, gaps and tilt."""

from __future__ import annotations

import math

import numpy as np
import pytest

from btd_desktop.dicom.geometry import (
    describe_stack,
    is_usable_orientation,
    nearest_cluster,
    oblique_degrees,
    positions_along_normal,
)

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def _stack(*zs: float) -> list[tuple[float, ...]]:
    return [(0.0, 0.0, z) for z in zs]


def test_even_stack_has_its_spacing_and_nothing_else() -> None:
    shape = describe_stack(_stack(0, 2.5, 5, 7.5), AXIAL)
    assert shape.spacing_mm == 2.5
    assert (shape.gaps, shape.repeats, shape.is_uneven) == ((), (), False)
    assert shape.tilt_degrees == 0.0


def test_missing_positions_are_counted() -> None:
    shape = describe_stack(_stack(0, 1, 2, 5, 6, 8), AXIAL)
    assert shape.gaps == (2, 4)
    assert shape.n_missing == 3


def test_rounded_positions_are_not_uneven_but_shifted_ones_are() -> None:
    assert not describe_stack(_stack(0, 1.01, 2.0, 3.01), AXIAL).is_uneven
    assert describe_stack(_stack(0, 1.1, 2.0, 3.0), AXIAL).is_uneven


def test_repeats_are_named_and_do_not_spoil_the_spacing() -> None:
    shape = describe_stack(_stack(0, 3, 3, 6), AXIAL)
    assert shape.repeats == (2,)
    assert shape.spacing_mm == 3


def test_repeat_with_another_thickness_has_no_distance_of_its_own() -> None:
    with np.errstate(all="raise"):
        shape = describe_stack(_stack(0, 2, 2, 4, 6), AXIAL, [2, 2, 3, 3, 3])
        pairs = describe_stack(_stack(0, 0, 2, 2, 4, 4), AXIAL, [1, 2, 3, 4, 5, 6])
    assert (shape.spacing_mm, shape.repeats, shape.is_uneven) == (2, (2,), False)
    assert (pairs.spacing_mm, pairs.repeats, pairs.is_uneven) == (2, (1, 3, 5), False)


def test_tilt_is_the_angle_between_positions_and_normal() -> None:
    positions = [(0.0, math.tan(math.radians(15)) * z, z) for z in (0.0, 5.0, 10.0)]
    assert describe_stack(positions, AXIAL).tilt_degrees == pytest.approx(15)


def test_sagittal_slices_are_ordered_along_x() -> None:
    sagittal = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
    along = positions_along_normal([(3.0, 9.0, 9.0), (5.0, -9.0, 1.0)], sagittal)
    assert along.tolist() == [-3.0, -5.0]


@pytest.mark.parametrize(
    "orientation",
    [
        None,
        (0.0,) * 6,
        (1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
        (2.0, 0.0, 0.0, 0.0, 2.0, 0.0),
        (math.nan,) * 6,
    ],
)
def test_impossible_orientation_is_not_usable(
    orientation: tuple[float, ...] | None,
) -> None:
    assert not is_usable_orientation(orientation)


def test_oblique_angle_is_that_of_the_nearest_axis() -> None:
    c, s = math.cos(math.radians(10)), math.sin(math.radians(10))
    assert oblique_degrees((1, 0, 0, 0, c, s)) == pytest.approx(10)
    assert oblique_degrees(AXIAL) == 0


def test_values_belong_to_the_nearest_centre_within_the_tolerance() -> None:
    centres = [AXIAL, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)]
    assert nearest_cluster((1, -0.0, 0, 0, 1.0001, 0), centres, 0.001) == 0
    assert nearest_cluster((1, -0.0, 0, 0, 1.01, 0), centres, 0.001) is None
    assert nearest_cluster(AXIAL, [], 1.0) is None
