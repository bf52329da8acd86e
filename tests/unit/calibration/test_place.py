"""What a finding keeps of a place: read strictly, written as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from btd_desktop.calibration.place import CalibratedValue, PlaceNumbers
from btd_desktop.cases.text import dict_from_json, json_text
from btd_desktop.scoring.copies import NoiseCopy
from btd_desktop.strict_json import plain_json, record_from_json
from tests.factories import make_manifest, make_numbers

_reals = st.floats(-1e299, 1e299)
_counts = st.integers(0, 1 << 53)
_rates = st.floats(0.0, 1.0)


@st.composite
def values(draw: st.DrawFn, *levels: Any) -> CalibratedValue:
    score, threshold = draw(_reals), draw(st.none() | _reals)
    return CalibratedValue(
        score,
        draw(st.none() | st.floats(1e-9, 1.0)),
        draw(st.none() | _rates),
        draw(_counts),
        draw(_counts),
        threshold,
        None if threshold is None else score > threshold,
        draw(st.sampled_from([UNSET, *levels])),
    )


_copies = st.builds(
    NoiseCopy, _reals, _reals, _counts, _counts, _counts, _counts, st.none() | _reals,
    st.booleans(), _rates, st.none() | _reals, st.just(UNSET) | _counts,
)  # fmt: skip
_places = st.builds(
    PlaceNumbers, values("place", "patch"), values("patch"), values("patch"),
    st.just(UNSET) | st.none() | _copies, st.just(UNSET) | values(),
)  # fmt: skip


@given(_places)
def test_what_is_read_is_what_was_written_byte_for_byte(numbers: PlaceNumbers):
    text = json_text(plain_json(numbers))
    read = record_from_json(PlaceNumbers, dict_from_json(text))
    assert read == numbers
    assert json_text(plain_json(read)) == text


def test_record_of_the_first_version_is_kept_as_it_was():
    value = plain_json(make_numbers())
    del value["slice"], value["copy"]["side_px"]
    for kind in ("anomaly", "injection", "removal"):
        del value[kind]["level"]
    read = record_from_json(PlaceNumbers, value)
    assert plain_json(read) == value
    assert read.anomaly.ranked_at == "patch"
    assert read.copy
    assert read.copy.side == 32
    assert list(read.every) == ["anomaly", "injection", "removal"]
    del value["copy"]
    assert plain_json(record_from_json(PlaceNumbers, value)) == value


def test_score_of_the_slice_stands_last_with_its_level():
    every = make_numbers().every
    assert list(every) == ["anomaly", "injection", "removal", "slice"]
    assert every["slice"].ranked_at == "slice"


def _paths(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [path]
    inner = [p for key, item in value.items() for p in _paths(item, (*path, key))]
    return [path, *inner] if path else inner


_MAY_BE_MISSING = {
    ("slice",), ("copy",), ("copy", "side_px"),
    *((kind, "level") for kind in ("injection", "removal")),
    # Then it counts as a patch, as in the first version.
    ("anomaly", "level"),
}  # fmt: skip


@pytest.mark.parametrize("path", _paths(plain_json(make_numbers())), ids=".".join)
@pytest.mark.parametrize("kind", ["missing", "text", "list", "object", "huge", "extra"])
def test_every_field_that_is_wrong_is_refused(path: tuple[str, ...], kind: str):
    value = json.loads(json.dumps(plain_json(make_numbers())))
    inside = value
    for key in path[:-1]:
        inside = inside[key]
    if kind == "missing":
        del inside[path[-1]]
    elif kind == "extra":
        inside[path[-1] + " "] = inside[path[-1]]
    else:
        wrong = {"text": "x", "list": [1.0], "object": {"n": 1}, "huge": 10**400}
        inside[path[-1]] = wrong[kind]
    if kind == "missing" and path in _MAY_BE_MISSING:
        assert plain_json(record_from_json(PlaceNumbers, value)) == value
        return
    with pytest.raises(ValueError, match=r"\w"):
        record_from_json(PlaceNumbers, value)


def test_flag_against_its_threshold_is_refused():
    numbers = make_numbers()
    for change in ({"flagged": False}, {"flagged": None}, {"threshold": None}):
        with pytest.raises(ValueError, match="against its threshold"):
            replace(numbers, anomaly=replace(numbers.anomaly, **change))


class _Version(str):
    __slots__ = ()


def test_kinds_of_numbers_and_texts_are_written_as_what_they_are():
    numbers = make_numbers()
    odd = replace(numbers.removal, score=np.float64(0.25))
    assert plain_json(replace(numbers, removal=odd)) == plain_json(numbers)
    manifest = make_manifest(backend={"torch_version": _Version("2.13.0+cpu")})
    told = plain_json(manifest)["backend"]["torch_version"]
    assert (told, type(told)) == ("2.13.0+cpu", str)
    with pytest.raises(TypeError, match="object"):
        plain_json(make_manifest(backend={"at": object()}))
