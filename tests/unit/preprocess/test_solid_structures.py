"""Solid structures of the lung, on phantoms of which it is known what they hold."""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from btd_desktop.preprocess.lung import aerated_lung, filled
from btd_desktop.preprocess.solid_structures import (
    NEAR_PX,
    SolidStructure,
    solid_structures,
    structure_near,
)

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
SPACING = (0.7, 0.7)
LEFT, RIGHT = (130.0, 88.0), (130.0, 212.0)  # middles of the lungs: row, column, mm


def at_mm(spacing: tuple[float, float]) -> tuple[NDArray[np.float64], ...]:
    shape = [round(260 / spacing[0]), round(300 / spacing[1])]
    rows, columns = np.indices(shape)
    return rows * spacing[0], columns * spacing[1]


def ellipse(
    middle: tuple[float, float],
    half: tuple[float, float],
    spacing: tuple[float, float] = SPACING,
) -> NDArray[np.bool_]:
    y, x = at_mm(spacing)
    inside = ((y - middle[0]) / half[0]) ** 2 + ((x - middle[1]) / half[1]) ** 2 <= 1
    return np.asarray(inside, np.bool_)


def disc(
    middle: tuple[float, float], diameter_mm: float, *, spacing=SPACING
) -> NDArray[np.bool_]:
    return ellipse(middle, (0.5 * diameter_mm, 0.5 * diameter_mm), spacing)


def chest(*solid: NDArray[np.bool_], seed: int = 0, spacing=SPACING, noise=25.0):
    """A slice of a chest with two empty lungs and what is put into it."""
    plane = np.full(at_mm(spacing)[0].shape, -1000.0)
    plane[ellipse((130, 150), (105, 140), spacing)] = 40.0
    for middle in (LEFT, RIGHT):
        plane[ellipse(middle, (75, 50), spacing)] = -860.0
    for part in solid:
        plane[part] = 30.0
    return plane + np.random.default_rng(seed).normal(0.0, noise, plane.shape)


def distance_mm(own: SolidStructure, middle: tuple[float, float], spacing=SPACING):
    return math.hypot(
        own.row * spacing[0] - middle[0], own.column * spacing[1] - middle[1]
    )


@pytest.mark.parametrize("diameter", [5.0, 8.0, 12.0, 20.0, 28.0])
def test_ball_is_found_at_its_middle_with_its_size(diameter):
    (own,) = solid_structures(chest(disc(LEFT, diameter)), SPACING)
    assert distance_mm(own, LEFT) < 1.0
    assert own.diameter_mm == pytest.approx(diameter, abs=1.5)
    assert own.elongation < 1.3
    assert own.mean_hu == pytest.approx(30.0, abs=120.0)
    assert own.aerated_share > 0.95


@pytest.mark.parametrize("spacing", [(0.5, 0.5), (0.98, 0.98), (0.6, 0.9)])
def test_size_is_in_millimetres_whatever_the_pixels(spacing):
    plane = chest(disc(RIGHT, 14.0, spacing=spacing), spacing=spacing)
    (own,) = solid_structures(plane, spacing)
    assert distance_mm(own, RIGHT, spacing) < 1.0
    assert own.diameter_mm == pytest.approx(14.0, abs=1.5)


def test_chest_without_structures_has_none():
    assert solid_structures(chest(), SPACING) == []


def test_thin_vessel_and_large_mass_are_no_structures():
    assert solid_structures(chest(disc(LEFT, 2.2)), SPACING) == []
    assert solid_structures(chest(disc(LEFT, 45.0)), SPACING) == []


def test_vessel_along_the_slice_is_none_and_across_it_is_one():
    along = ellipse(LEFT, (2.5, 25.0))
    assert solid_structures(chest(along), SPACING) == []
    across = ellipse(LEFT, (2.5, 3.5))
    assert len(solid_structures(chest(across), SPACING)) == 1


def test_what_lies_outside_the_lung_is_none():
    # Gas and a node between the lungs, a rib in the wall.
    plane = chest()
    plane[disc((130, 150), 12.0)] = 300.0
    plane[disc((40, 150), 10.0)] = 700.0
    assert solid_structures(plane, SPACING) == []


def test_nodule_on_a_vessel_is_found_without_the_vessel():
    vessel = ellipse((LEFT[0], LEFT[1] + 20.0), (1.5, 22.0))
    (own,) = solid_structures(chest(disc(LEFT, 14.0), vessel), SPACING)
    assert distance_mm(own, LEFT) < 2.5
    assert own.diameter_mm == pytest.approx(14.0, abs=2.5)


def test_nodule_at_the_wall_of_the_chest_is_found():
    # Its middle is 4 mm from the pleura: a part of it lies in the wall.
    middle = (LEFT[0], LEFT[1] - 50.0 + 4.0)
    (own,) = solid_structures(chest(disc(middle, 14.0)), SPACING)
    assert distance_mm(own, middle) < 4.0
    assert 0.5 <= own.aerated_share < 0.95


def test_neighbours_are_told_apart_and_come_in_order():
    middles = [(100.0, 80.0), (118.0, 90.0), (130.0, 215.0), (160.0, 84.0)]
    found = solid_structures(chest(*(disc(m, 9.0) for m in middles)), SPACING)
    assert len(found) == 4
    for own, middle in zip(found, middles, strict=True):
        assert distance_mm(own, middle) < 1.0


def test_answer_is_the_same_each_time_and_in_another_number_format():
    plane = chest(disc(LEFT, 9.0), disc(RIGHT, 17.0))
    whole = np.rint(plane).astype(np.int16)
    first = solid_structures(whole, SPACING)
    assert len(first) == 2
    assert solid_structures(whole, SPACING) == first
    assert solid_structures(whole.astype(np.float64), SPACING) == first


def test_heavy_noise_brings_no_structures():
    plane = chest(disc(LEFT, 10.0), noise=90.0)
    (own,) = solid_structures(plane, SPACING)
    assert distance_mm(own, LEFT) < 1.5


def test_click_means_the_nearest_structure_within_reach():
    middles = (130.0, 80.0), (130.0, 100.0)
    plane = chest(*(disc(middle, 9.0) for middle in middles))
    left, right = solid_structures(plane, SPACING)
    for own, step in ((left, -6), (right, 6)):
        assert structure_near(plane, SPACING, own.row + 2, own.column + step) == own
    beside = right.column + math.ceil(NEAR_PX)
    assert structure_near(plane, SPACING, right.row, beside) is None
    # A centre of the grid of 16 px lies near every structure.
    corner = right.row + 8, right.column + 8
    assert structure_near(plane, SPACING, *corner) == right


@pytest.mark.parametrize("value", [-1000.0, 40.0])
def test_slice_without_lung_has_none(value):
    plane = np.full((200, 200), value)
    assert not aerated_lung(plane, 0.7).any()
    assert solid_structures(plane, SPACING) == []
    assert not filled(np.zeros((9, 9), np.bool_), 3.0, 1.0).any()


@pytest.mark.realdata
def test_genuine_lesions_of_published_outlines_are_found(capsys):
    if not (DATA / "tumours.csv").is_file():
        pytest.skip("the real scans are not beside this checkout")
    with (DATA / "tumours.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found: dict[tuple[str, ...], list[bool]] = {}
    within: list[bool] = []
    for row in rows:
        image = pydicom.dcmread(DATA / row["file"])
        slope, intercept = float(image.RescaleSlope), float(image.RescaleIntercept)
        plane = image.pixel_array * slope + intercept
        step = float(image.PixelSpacing[0]), float(image.PixelSpacing[1])
        y, x, diameter = (float(row[key]) for key in ("y", "x", "diameter_mm"))
        near = [
            math.hypot((own.row - y) * step[0], (own.column - x) * step[1])
            for own in solid_structures(plane, step)
        ]
        hit = min(near, default=math.inf) <= max(5.0, 0.25 * diameter)
        key = tuple(row[k] for k in ("patient", "lesion", "split", "diameter_mm"))
        found.setdefault(key, []).append(hit)
        middle = plane[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3]
        if diameter <= 30.0 and middle.mean() > -450.0:
            within.append(hit)
    slices = sum(map(sum, found.values()))
    with capsys.disabled():
        for key, hits in found.items():
            sys.stdout.write(f"\n{' '.join(key)} mm: {sum(hits)} of {len(hits)} slices")
        sys.stdout.write(
            f"\n{slices} of {len(rows)} slices, {sum(map(any, found.values()))} of "
            f"{len(found)} lesions; solid in the slice and at most 30 mm: "
            f"{sum(within)} of {len(within)} slices\n"
        )
    assert sum(within) >= 0.9 * len(within)
    assert sum(map(any, found.values())) >= 9
