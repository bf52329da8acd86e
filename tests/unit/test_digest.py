"""Digests equal what standard tools print and change with any byte."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from btd_desktop.digest import (
    array_digest,
    bytes_digest,
    canonical_json,
    file_digest,
    json_digest,
    stream_digest,
    tree_digest,
)

# FIPS 180-2, appendix B.1.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_known_message_gives_the_digest_of_the_standard():
    assert bytes_digest(b"abc") == ABC


@given(data=st.binary(max_size=300))
def test_stream_and_bytes_agree(data):
    assert stream_digest(io.BytesIO(data)) == (bytes_digest(data), len(data))


def test_stream_longer_than_a_chunk_is_read_to_its_end(rng):
    data = rng.bytes((1 << 20) * 2 + 17)
    assert stream_digest(io.BytesIO(data)) == (
        hashlib.sha256(data).hexdigest(),
        len(data),
    )


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
def test_file_digest_is_what_sha256sum_prints(tmp_path, rng):
    path = tmp_path / "evidence.dcm"
    path.write_bytes(rng.bytes(5000))
    printed = subprocess.run(
        ["sha256sum", path], capture_output=True, text=True, check=True
    ).stdout
    assert file_digest(path) == (printed.split()[0], 5000)


def test_file_digest_of_a_missing_file_raises_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        file_digest(tmp_path / "none")


def test_file_digest_works_on_a_read_only_file_and_leaves_it_alone(tmp_path):
    path = tmp_path / "evidence.dcm"
    path.write_bytes(b"abc")
    path.chmod(0o400)
    before = path.stat()
    assert file_digest(path) == (ABC, 3)
    after = path.stat()
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)


def test_array_digest_ignores_memory_layout_and_byte_order():
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    reference = array_digest(array)
    assert array_digest(np.asfortranarray(array)) == reference
    assert array_digest(array.astype(">i2")) == reference
    assert array_digest(array[:, :, ::-1][:, :, ::-1]) == reference


def test_array_digest_depends_on_shape_dtype_and_every_value():
    array = np.zeros((2, 3), np.int16)
    others: list[NDArray[Any]] = [
        array.reshape(3, 2),
        array.astype(np.uint16),
        array.astype(np.float32),
        array.astype(np.int32),
    ]
    for index in np.ndindex(*array.shape):
        changed = array.copy()
        changed[index] = 1
        others.append(changed)
    digests = {array_digest(a) for a in [array, *others]}
    assert len(digests) == 1 + len(others)


def test_canonical_json_does_not_depend_on_key_order():
    first = {"b": [1, 2.5, None], "a": {"d": "Ü", "c": True}}
    second = {"a": {"c": True, "d": "Ü"}, "b": [1, 2.5, None]}
    assert canonical_json(first) == canonical_json(second)
    assert canonical_json(first) == '{"a":{"c":true,"d":"Ü"},"b":[1,2.5,null]}'.encode()
    assert json_digest(first) == bytes_digest(canonical_json(second))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_canonical_json_refuses_what_json_cannot_carry(value):
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"score": value})


def test_tree_digest_is_independent_of_order_and_rebuilt_by_hand(tmp_path: Path):
    items = [("b/2.dcm", "22" * 32), ("a/1.dcm", "11" * 32)]
    by_hand = f"{'11' * 32}  a/1.dcm\n{'22' * 32}  b/2.dcm\n".encode()
    assert tree_digest(items) == hashlib.sha256(by_hand).hexdigest()
    assert tree_digest(reversed(items)) == tree_digest(items)


def test_tree_digest_changes_with_a_name_a_digest_or_a_missing_item():
    items = [("1", "aa"), ("2", "bb")]
    others = [[("1", "aa")], [("1", "aa"), ("3", "bb")], [("1", "aa"), ("2", "bc")]]
    assert tree_digest(items) not in [tree_digest(o) for o in others]


def test_tree_digest_takes_names_that_are_not_utf8():
    name = b"IM\xff.dcm".decode("utf-8", "surrogateescape")
    assert len(tree_digest([(name, "aa")])) == 64
