"""Planes lie on the screen as radiologists expect, for any acquisition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from btd_desktop.gui.view_state.planes import plane_layouts, volume_handle
from btd_desktop.gui.view_state.states import SliceViewState, mpr_state
from btd_desktop.volume import Volume

SHAPE = (4, 5, 6)
# name, row direction, column direction of usual acquisitions
ACQUIRED = {
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "axial, feet first, prone": ((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0)),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    "oblique": ((0.98, 0.19, 0.0), (-0.19, 0.98, 0.0)),
}
SCREEN = {
    "axial": ("R", "L", "A", "P"),
    "sagittal": ("A", "P", "H", "F"),
    "coronal": ("R", "L", "H", "F"),
}


@pytest.mark.parametrize("acquired", ACQUIRED)
def test_reformats_follow_the_radiological_convention(acquired):
    for layout in plane_layouts(*ACQUIRED[acquired])[1:]:
        assert layout.letters == SCREEN[layout.name]


@pytest.mark.parametrize("acquired", ACQUIRED)
def test_three_planes_have_three_names(acquired):
    names = [layout.name for layout in plane_layouts(*ACQUIRED[acquired])]
    assert sorted(names) == ["axial", "coronal", "sagittal"]
    assert names[0] == acquired.split(",")[0].replace("oblique", "axial")


def test_acquired_plane_is_shown_as_stored_and_lettered_by_its_direction():
    layout = plane_layouts(*ACQUIRED["axial, feet first, prone"])[0]
    voxels = np.arange(120, dtype=np.int16).reshape(SHAPE)
    assert np.array_equal(layout.picture(voxels, 2), voxels[2])
    assert layout.letters == ("L", "R", "P", "A")


def test_oblique_plane_gets_two_letters_from_twenty_degrees_on():
    angle = np.deg2rad(25.0)
    row = (float(np.cos(angle)), float(np.sin(angle)), 0.0)
    column = (-row[1], row[0], 0.0)
    assert plane_layouts(row, column)[0].letters == ("RA", "LP", "AL", "PR")
    assert plane_layouts(*ACQUIRED["oblique"])[0].letters == ("R", "L", "A", "P")


@pytest.mark.parametrize("acquired", ACQUIRED)
def test_pixel_of_a_picture_is_the_voxel_it_names(acquired, rng):
    voxels = rng.integers(0, 30000, SHAPE).astype(np.int16)
    for layout in plane_layouts(*ACQUIRED[acquired]):
        for index in range(SHAPE[layout.fixed_axis]):
            picture = layout.picture(voxels, index)
            assert np.shares_memory(picture, voxels)
            for y, x in np.ndindex(*picture.shape):
                voxel = layout.voxel(SHAPE, index, x, y)
                assert picture[y, x] == voxels[voxel]
                assert layout.place(SHAPE, voxel) == (index, x, y)


def test_axial_series_has_its_head_at_the_top_of_the_reformats():
    _, sagittal, coronal = plane_layouts(*ACQUIRED["axial"])
    voxels = np.zeros(SHAPE, np.int16)
    voxels[-1] = 7  # slices run towards the head
    assert np.all(sagittal.picture(voxels, 0)[0] == 7)
    assert np.all(coronal.picture(voxels, 0)[0] == 7)


def test_spacing_follows_the_axes_and_unknown_spacing_counts_as_one():
    axial, sagittal, coronal = plane_layouts(*ACQUIRED["axial"])
    assert axial.pixel_mm((3.0, 0.5, 0.7)) == (0.5, 0.7)
    assert sagittal.pixel_mm((3.0, 0.5, 0.7)) == (3.0, 0.5)
    assert coronal.pixel_mm((0.0, 0.5, 0.7)) == (1.0, 0.7)


def test_reformats_of_shifted_slices_say_that_their_lengths_are_not_true():
    volume = _volume()
    rows = tuple((0.0, -1.0 * s, 3.0 * s) for s in range(4))
    for origins, told in ((None, False), (rows, True)):
        handle = volume_handle(replace(volume, slice_origins_mm=origins))
        assert handle.is_sheared is told
        state = mpr_state(
            SliceViewState(volume=handle, layout=handle.layouts[0]), (1, 1, 1)
        )
        for view in (state.upper, state.lower):
            assert ("not true" in str(view.corners)) is told
        assert "not true" not in str(state.main.corners)


def test_handle_takes_geometry_and_unit_from_the_volume():
    volume = _volume()
    handle = volume_handle(volume)
    assert handle.voxels is volume.voxels
    assert (handle.shape, handle.unit) == (SHAPE, "HU")
    assert handle.layouts[1].letters == ("A", "P", "H", "F")


def _volume() -> Volume:
    return Volume(
        voxels=np.zeros(SHAPE, np.int16),
        modality="CT",
        unit="HU",
        spacing_mm=(3.0, 0.5, 0.7),
        origin_mm=(0.0, 0.0, 0.0),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=(0.0, 3.0, 6.0, 9.0),
        instance_uids=("1", "2", "3", "4"),
    )
