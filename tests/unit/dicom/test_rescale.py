"""Stored values to modality values."""

from __future__ import annotations

import numpy as np
import pytest

from btd_desktop.dicom.rescale import modality_values, padding_mask, stack_slices


def test_whole_rules_keep_whole_numbers() -> None:
    stored = np.array([[0, 4095]], np.uint16)
    values = modality_values(stored, 1.0, -1024.0)
    assert values.dtype == np.int16
    assert values.tolist() == [[-1024, 3071]]
    assert modality_values(stored, 2.0, 0.0).tolist() == [[0, 8190]]


def test_values_beyond_16_bits_become_floats() -> None:
    values = modality_values(np.array([[65535]], np.uint16), 1.0, 0.0)
    assert values.dtype == np.float32
    assert values.tolist() == [[65535.0]]


@pytest.mark.parametrize("slope", [None, 0.0])
def test_unusable_slope_counts_as_one(slope: float | None) -> None:
    assert modality_values(np.array([[7]], np.int16), slope, None).tolist() == [[7]]


def test_fractional_slope_whose_results_are_whole_stays_whole() -> None:
    assert modality_values(np.array([[4, 8]], np.int16), 0.5, 0.0).dtype == np.int16


@pytest.mark.parametrize("value", [-2000.0, 63536.0])
def test_padding_is_found_whatever_sign_it_was_written_with(value: float) -> None:
    mask = padding_mask(np.array([[-2000, 0]], np.int16), (value, value))
    assert mask is not None
    assert mask.tolist() == [[True, False]]


def test_padding_range_and_absent_padding() -> None:
    stored = np.array([[-2000, -1500, 0]], np.int16)
    mask = padding_mask(stored, (-2000.0, -1500.0))
    assert mask is not None
    assert mask.tolist() == [[True, True, False]]
    assert padding_mask(stored, (5.0, 5.0)) is None
    assert padding_mask(stored, None) is None


def test_one_float_slice_makes_the_stack_float() -> None:
    whole, part = np.ones((2, 2), np.int16), np.full((2, 2), 0.5, np.float32)
    assert stack_slices([whole, whole], (2, 2, 2)).dtype == np.int16
    mixed = stack_slices([whole, part, whole], (3, 2, 2))
    assert mixed.dtype == np.float32
    assert mixed[:, 0, 0].tolist() == [1.0, 0.5, 1.0]
