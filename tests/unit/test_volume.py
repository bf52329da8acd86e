"""A volume is either consistent or not made; whole numbers stay whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from btd_desktop.digest import canonical_json
from btd_desktop.volume import SeriesFacts, Volume, integral_or_float


def _volume(voxels: Any, **changes: Any) -> Volume:
    n = voxels.shape[0] if voxels.ndim else 0
    facts: dict[str, Any] = {
        "voxels": voxels,
        "modality": "CT",
        "unit": "HU",
        "spacing_mm": (2.5, 0.5, 0.8),
        "origin_mm": (0.0, 0.0, 0.0),
        "row_direction": (1.0, 0.0, 0.0),
        "column_direction": (0.0, 1.0, 0.0),
        "slice_positions_mm": tuple(2.5 * s for s in range(n)),
        "instance_uids": tuple(f"1.2.{s}" for s in range(n)),
    }
    return Volume(**(facts | changes))


def test_volume_tells_its_shape_and_spacing():
    volume = _volume(np.zeros((3, 4, 5), np.int16))
    assert volume.shape == (3, 4, 5)
    assert volume.n_slices == 3
    assert volume.pixel_spacing_mm == pytest.approx(np.sqrt(0.4))


@pytest.mark.parametrize(
    ("last", "is_constant"), [(5.0, True), (6.0, False), (np.nan, False)]
)
def test_volume_is_constant_when_every_voxel_has_the_same_number(
    last: float, is_constant: bool
):
    voxels = np.full((3, 4, 5), 5.0, np.float32)
    voxels[-1, -1, -1] = last
    assert _volume(voxels).is_constant is is_constant
    assert not _volume(np.full((3, 4, 5), np.nan, np.float32)).is_constant


def test_world_point_of_a_voxel_follows_directions_spacing_and_slice_positions():
    volume = _volume(
        np.zeros((3, 4, 5), np.int16),
        origin_mm=(-10.0, 20.0, 30.0),
        row_direction=(0.0, 0.0, -1.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=(7.0, 9.5, 13.0),
    )
    assert volume.world_mm((0, 0, 0)) == (-10.0, 20.0, 30.0)
    # The normal, row times column direction, is (1, 0, 0); slices lie unevenly.
    assert volume.world_mm((2, 3, 4)) == pytest.approx((-4.0, 21.5, 26.8))


def test_world_point_starts_from_the_slices_own_position_where_it_has_one():
    volume = _volume(
        np.zeros((3, 4, 5), np.int16),
        slice_positions_mm=(0.0, 2.5, 5.0),
        slice_origins_mm=((0.0, 0.0, 0.0), (0.0, -1.0, 2.5), (7.0, -2.0, 5.0)),
    )
    at_origin = volume.world_mm((0, 1, 2))
    assert volume.world_mm((1, 1, 2)) == pytest.approx(
        (at_origin[0], at_origin[1] - 1.0, 2.5)
    )
    assert volume.world_mm((2, 0, 0)) == (7.0, -2.0, 5.0)


@pytest.mark.parametrize("shape", [(4, 5), (0, 4, 5), (3, 0, 5), (1, 3, 4, 5)])
def test_voxels_that_are_no_stack_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(S, H, W\)"):
        _volume(np.zeros(shape, np.int16))


@pytest.mark.parametrize("dtype", [np.float64, np.uint16, np.int32, np.bool_])
def test_other_number_formats_are_refused(dtype):
    with pytest.raises(ValueError, match="int16 or float32"):
        _volume(np.zeros((1, 2, 2), dtype))


@pytest.mark.parametrize(
    "name", ["slice_positions_mm", "instance_uids", "slice_origins_mm"]
)
def test_list_of_wrong_length_is_refused_by_name(name):
    with pytest.raises(ValueError, match=name):
        _volume(np.zeros((2, 2, 2), np.int16), **{name: ("1",)})


def test_padding_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="padding"):
        _volume(np.zeros((2, 2, 2), np.int16), padding=np.zeros((2, 2, 3), bool))


def test_facts_cannot_be_changed_in_place():
    volume = _volume(np.zeros((1, 1, 1), np.int16))
    with pytest.raises(AttributeError):
        volume.source.kernel = "B30f"  # type: ignore[misc]
    assert volume.source.to_json() == {}


_KNOWN = set(SeriesFacts.__struct_fields__) - {"other"}
WRITTEN = {
    "kernel": "",
    "lossy": False,
    "not_covered": ["its values are not HU"],
    "rescale": [1, -1024.0],
    "spacing_mm": [2.5, 0.7, 0.7],
    "thickness_mm": 2.5,
    "window": None,
    # Of versions to come, and of the simulator.
    "dose": {"mas": [120, 1.5e-05]},
    "other": 3,
    "tr_ms": 500.0,
}


def test_facts_are_written_as_they_were_read_with_those_of_other_versions():
    facts = SeriesFacts.from_json(WRITTEN)
    assert canonical_json(facts.to_json()) == canonical_json(WRITTEN)
    assert (facts.kernel, facts.model, facts.scanner) == ("", None, "")
    assert facts.other.keys() == {"dose", "other", "tr_ms"}


@pytest.mark.parametrize("name", sorted(_KNOWN))
@pytest.mark.parametrize("value", [{"a": 1}, [[]], 10**400])
def test_fact_of_another_kind_is_refused_by_name(name: str, value: object):
    with pytest.raises(ValueError, match=name):
        SeriesFacts.from_json({**WRITTEN, name: value})


def test_fact_that_is_null_is_no_fact_and_refused():
    for name in _KNOWN - {"window"}:
        with pytest.raises(ValueError, match=name):
            SeriesFacts.from_json({name: None})


@given(
    values=hnp.arrays(np.int32, (2, 3), elements=st.integers(-32768, 32767)),
    dtype=st.sampled_from([np.int32, np.int64, np.float32, np.float64]),
)
def test_whole_values_in_range_become_int16_whatever_the_format(values, dtype):
    result = integral_or_float(values.astype(dtype))
    assert result.dtype == np.int16
    assert np.array_equal(result, values)


@pytest.mark.parametrize(
    "values",
    [[0.5], [-32769], [32768], [np.nan, 1.0], [np.inf]],
    ids=["fraction", "too-low", "too-high", "nan", "infinite"],
)
def test_other_values_become_float32_and_keep_their_value(values):
    result = integral_or_float(np.array(values))
    assert result.dtype == np.float32
    assert np.array_equal(result, np.array(values, np.float32), equal_nan=True)


def test_large_unsigned_values_do_not_wrap():
    result = integral_or_float(np.array([40000], np.uint16))
    assert result.dtype == np.float32
    assert result[0] == 40000
