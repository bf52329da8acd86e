"""Two series side by side: linked in space where it holds, subtracted where it may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from btd_desktop.examination.pairing import difference, pair
from btd_desktop.volume import SeriesFacts, Volume


def _volume(n: int = 6, first_mm: float = 0.0, **changes) -> Volume:
    step = changes.pop("step_mm", 2.0)
    voxels = np.random.default_rng(n).integers(-90, 90, (n, 8, 10)).astype(np.int16)
    volume = Volume(
        voxels=voxels,
        modality="CT",
        unit="HU",
        spacing_mm=(step, 1.0, 1.0),
        origin_mm=(0.0, 0.0, first_mm),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=tuple(first_mm + step * s for s in range(n)),
        instance_uids=tuple(f"1.{s}" for s in range(n)),
        source=SeriesFacts(study_uid="1.2"),
    )
    return replace(volume, **changes)


def test_slices_pair_by_position_and_not_by_number():
    made = pair(_volume(6, 0.0), _volume(4, 4.0))
    assert made.by == "position"
    assert made.sentence == "By position in space."
    # The second begins two slices later; before and after it there is nothing.
    assert [made.partner(s) for s in range(6)] == [None, None, 0, 1, 2, 3]
    assert made.partner(2, offset=2) == 2
    assert made.partner(2, offset=-1) is None


def test_slices_of_another_thickness_pair_with_the_nearest():
    made = pair(_volume(6, 0.0), _volume(3, 0.0, step_mm=5.0))
    assert [made.partner(s) for s in range(6)] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"column_direction": (0.0, 0.0, 1.0)}, "not parallel"),
        ({"first_mm": 500.0}, "do not overlap"),
        ({"n": 1}, "single slice"),
    ],
)
def test_without_common_space_slices_pair_by_number_and_it_is_said(change, why):
    made = pair(_volume(6), _volume(**{"n": 4, **change}))
    assert made.by == "slice number"
    assert why in made.sentence
    assert made.partner(0) == 0
    assert made.partner(5) is None


def test_another_study_is_told():
    other = _volume(6, source=SeriesFacts(study_uid="9.9"))
    assert "another study" in pair(_volume(6), other).sentence


def test_difference_is_that_of_the_voxels():
    one, other = _volume(6), _volume(4, 4.0)
    made = pair(one, other)
    assert made.is_exact
    found = difference(one, other, made, (3, 1))
    assert np.array_equal(found, one.voxels[3].astype(float) - other.voxels[1])


def test_difference_of_another_grid_takes_the_nearest_pixel_and_leaves_gaps():
    one = _volume(6)
    shifted = _volume(6, origin_mm=(2.4, 0.0, 0.0))
    made = pair(one, shifted)
    assert not made.is_exact
    found = difference(one, shifted, made, (0, 0))
    # Column 2 of the first lies 0.4 mm left of column 0 of the second.
    assert np.isnan(found[:, :2]).all()
    expected = one.voxels[0, :, 2:].astype(float) - shifted.voxels[0, :, :8]
    assert np.array_equal(found[:, 2:], expected)
    assert made.pixel(3, 2) == (3, 0)
    assert made.pixel(3, 0) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"modality": "MR"}, "CT and MR"),
        (
            {"row_direction": (0.0, 1.0, 0.0), "column_direction": (-1.0, 0.0, 0.0)},
            "turned",
        ),
        ({"origin_mm": (900.0, 0.0, 0.0)}, "do not overlap"),
    ],
)
def test_what_cannot_be_subtracted_says_why(change, why):
    one, other = _volume(6), _volume(6, **change)
    made = pair(one, other)
    assert why in made.why_apart
    with pytest.raises(ValueError, match=why):
        difference(one, other, made, (0, 0))


def test_series_without_spacing_are_subtracted_pixel_by_pixel_if_alike():
    bare: dict[str, Any] = {"spacing_mm": (0.0, 0.0, 0.0), "n": 1}
    assert pair(_volume(**bare), _volume(**bare)).is_exact
    other = _volume(**bare)
    cut = replace(other, voxels=other.voxels[:, :4])
    assert "nothing says where" in pair(_volume(**bare), cut).why_apart
