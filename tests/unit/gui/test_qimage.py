"""Arrays become pictures by DICOM's window functions, and overlays by their tables."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QImage

from btd_desktop.gui.qimage import (
    GreyPicture,
    OverlayPicture,
    grey_levels,
    overlay_table,
    remarkableness,
    window_table,
)


def _pixels(image: QImage) -> np.ndarray:
    flat = np.frombuffer(image.constBits(), np.uint32)
    return flat.reshape(image.height(), image.width()).copy()


def test_linear_window_has_the_standards_corner_values():
    # PS3.3 C.11.2.1.2.1, note 3: c=2048 w=4096 and c=2048 w=1, c=0 w=100.
    assert list(grey_levels(np.array([0, 4095]), 2048, 4096)) == [0, 255]
    assert list(grey_levels(np.array([2047, 2048]), 2048, 1)) == [0, 255]
    assert list(grey_levels(np.array([-50, 49]), 0, 100)) == [0, 255]
    assert list(grey_levels(np.array([-49, 48]), 0, 100)) == [3, 252]


def test_exact_window_is_half_grey_at_its_centre():
    levels = grey_levels(np.array([0.0, 0.25, 0.5]), 0.25, 0.5, whole=False)
    assert list(levels) == [0, 128, 255]


@pytest.mark.parametrize("window", [(40.0, 400.0), (-600.0, 1500.0), (0.0, 1.0)])
@pytest.mark.parametrize("inverted", [False, True])
def test_picture_of_whole_numbers_equals_the_window_function(window, inverted, rng):
    plane = rng.integers(-32768, 32768, (37, 53)).astype(np.int16)
    picture = GreyPicture(37, 53)
    got = _pixels(picture.show(plane, window, inverted=inverted))
    grey = grey_levels(plane, *window).astype(np.uint32)
    grey = 255 - grey if inverted else grey
    assert np.array_equal(got, 0xFF000000 | grey * 0x010101)


@pytest.mark.parametrize("inverted", [False, True])
def test_picture_of_real_numbers_equals_the_window_function(inverted, rng):
    plane = rng.normal(0.0, 3.0, (31, 18)).astype(np.float32)
    got = _pixels(GreyPicture(31, 18).show(plane, (0.5, 4.0), inverted=inverted))
    grey = grey_levels(plane, 0.5, 4.0, whole=False).astype(int)
    grey = 255 - grey if inverted else grey
    assert np.all(np.abs((got & 0xFF).astype(int) - grey) <= 1)
    assert np.all(got >> 24 == 0xFF)


def test_real_plane_with_nan_and_infinities_is_drawn_black_and_white():
    plane = np.array([[np.nan, np.inf, -np.inf]], np.float32)
    got = _pixels(GreyPicture(1, 3).show(plane, (0.0, 1.0), inverted=False))
    assert list(got[0] & 0xFF) == [0, 255, 0]


def test_transposed_and_flipped_planes_are_drawn_in_place(rng):
    plane = rng.integers(-1000, 1000, (20, 30)).astype(np.int16).T[::-1, ::-1]
    picture = GreyPicture(30, 20)
    got = _pixels(picture.show(plane, (0.0, 500.0), inverted=False))
    assert np.array_equal(got & 0xFF, grey_levels(plane, 0.0, 500.0))


def test_second_plane_reuses_the_buffer(rng):
    picture = GreyPicture(8, 8)
    first = picture.show(np.zeros((8, 8), np.int16), (0, 100), inverted=False)
    address = np.frombuffer(first.constBits(), np.uint8).ctypes.data
    second = picture.show(np.full((8, 8), 90, np.int16), (0, 100), inverted=False)
    assert np.frombuffer(second.constBits(), np.uint8).ctypes.data == address
    assert np.all(_pixels(second) == 0xFFFFFFFF)


def test_window_table_is_indexed_by_the_bits_of_the_value():
    table = window_table(0.0, 100.0)
    values = np.array([-32768, -51, -1, 0, 1, 60, 32767], np.int16)
    grey = grey_levels(values, 0.0, 100.0)
    assert np.array_equal(table[values.view(np.uint16)] & 0xFF, grey)


def test_p_values_are_spread_by_their_logarithm():
    places = remarkableness([1.0, 0.1, 0.01, 0.001, 1e-9], "p-value", (1.0, 0.001))
    assert places == pytest.approx([0.0, 1 / 3, 2 / 3, 1.0, 1.0], abs=1e-6)


def test_scores_are_spread_evenly_and_clipped():
    places = remarkableness([-1.0, 0.0, 1.5, 3.0, 9.0, np.nan], "score", (0.0, 3.0))
    assert places[:5] == pytest.approx([0.0, 0.0, 0.5, 1.0, 1.0])
    assert np.isnan(places[5])


def test_p_value_of_zero_is_the_bright_end_not_an_error():
    assert remarkableness([0.0], "p-value", (1.0, 0.001)) == pytest.approx([1.0])


def test_equal_limits_split_the_values_instead_of_dividing_by_zero():
    places = remarkableness([1.0, 2.0, 3.0, np.nan], "score", (2.0, 2.0))
    assert places[:3] == pytest.approx([0.0, 1.0, 1.0])
    assert np.isnan(places[3])


def test_overlay_table_is_premultiplied_and_cut_at_the_threshold():
    colours = np.full((256, 3), 200, np.uint8)
    table = overlay_table(colours, 0.5, first_shown=0.5)
    assert np.all(table[:128] == 0)
    assert np.all(table[128:] >> 24 == 128)
    assert np.all(table[128:] & 0xFF == 100)


def test_value_equal_to_the_threshold_is_drawn():
    table = overlay_table(np.full((256, 3), 255, np.uint8), 1.0, first_shown=1.0)
    image = OverlayPicture(1, 2).show(
        np.array([[2.99, 3.0]], np.float32), "score", (0.0, 3.0), table
    )
    assert list(_pixels(image)[0] != 0) == [False, True]


def test_nan_in_an_overlay_is_transparent_even_without_threshold():
    table = overlay_table(np.full((256, 3), 255, np.uint8), 1.0)
    values = np.array([[np.nan, 0.0]], np.float32)
    image = OverlayPicture(1, 2).show(values, "score", (0.0, 3.0), table)
    assert list(_pixels(image)[0]) == [0, 0xFFFFFFFF]
