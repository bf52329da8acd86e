"""Elements as they lie in a file, and the file meta group read from them."""

from __future__ import annotations

import struct

import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from btd_desktop.dicom.element_stream import (
    Element,
    StreamError,
    meta_length,
    read_elements,
)
from btd_desktop.dicom.instance_file import read_file_meta
from tests.unit.dicom.samples import (
    ct_slice,
    dataset_start,
    encoded,
    file_bytes,
    nested_sequences,
    picture,
)


def elements(data: bytes, *, is_implicit: bool = False) -> dict[int, Element]:
    start = meta_length(data)
    found = read_elements(memoryview(data)[start:], is_implicit=is_implicit)
    return {element.tag: element for element in found}


@pytest.mark.parametrize(
    ("syntax", "is_implicit"),
    [("1.2.840.10008.1.2.1", False), ("1.2.840.10008.1.2", True)],
)
def test_elements_have_the_bytes_of_the_file(syntax: str, is_implicit: bool) -> None:
    data = file_bytes(ct_slice(PatientID="P12"), syntax)
    found = elements(data, is_implicit=is_implicit)
    assert bytes(found[0x00100020].value) == b"P12 "
    assert found[0x00100020].vr == b"LO"
    assert bytes(found[0x7FE00010].value) == picture(1).astype("<i2").tobytes()
    assert [*found] == sorted(found)


def _nested() -> FileDataset:
    dataset, item = ct_slice(), Dataset()
    item.CodeValue = "AB"
    inner = Dataset()
    inner.CodeMeaning = "deep"
    item.PurposeOfReferenceCodeSequence = Sequence([inner])
    dataset.DeidentificationMethodCodeSequence = Sequence([item, Dataset()])
    return dataset


@pytest.mark.parametrize("is_undefined", [False, True])
@pytest.mark.parametrize("is_implicit", [False, True])
def test_sequences_of_both_forms_are_followed(
    is_undefined: bool, is_implicit: bool
) -> None:
    dataset = _nested()
    sequence = dataset["DeidentificationMethodCodeSequence"]
    sequence.is_undefined_length = is_undefined
    for item in sequence.value:
        item.is_undefined_length_sequence_item = is_undefined
    syntax = "1.2.840.10008.1.2" + ("" if is_implicit else ".1")
    found = elements(file_bytes(dataset, syntax), is_implicit=is_implicit)
    first, second = found[0x00120064].items or ()
    assert second == ()
    assert bytes(first[0].value) == b"AB"
    (deep,) = first[1].items or ()
    assert bytes(deep[0].value) == b"deep"
    assert 0x7FE00010 in found


def test_fragments_of_compressed_pixels_are_kept_apart() -> None:
    found = elements(encoded(picture(1), "1.2.840.10008.1.2.4.80"))
    fragments = found[0x7FE00010].fragments
    assert fragments is not None
    assert len(fragments) == 2  # offset table and one frame
    assert bytes(fragments[1][:2]) == b"\xff\xd8"


@pytest.mark.parametrize("cut", [1, 3, 200])
def test_stream_that_breaks_off_is_an_error(cut: int) -> None:
    with pytest.raises(StreamError, match="breaks off"):
        elements(file_bytes(ct_slice())[:-cut])


@pytest.mark.parametrize("with_lengths", [True, False])
def test_deep_sequences_are_an_error_not_a_recursion(with_lengths: bool) -> None:
    with pytest.raises(StreamError, match="nested too deep"):
        elements(nested_sequences(400, with_lengths=with_lengths))


def test_elements_inside_unknown_ones_count_among_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inner = struct.pack("<HHI", 9, 0x1002, 0) * 30
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    unknown = struct.pack("<HH2sHI", 9, 0x1001, b"UN", 0, 0xFFFFFFFF) + item + end
    monkeypatch.setattr("btd_desktop.dicom.element_stream._MAX_ELEMENTS", 100)
    assert len(list(read_elements(memoryview(unknown * 3), is_implicit=False))) == 3
    with pytest.raises(StreamError, match="too many elements"):
        list(read_elements(memoryview(unknown * 4), is_implicit=False))


def test_element_without_a_vr_is_an_error() -> None:
    data = file_bytes(ct_slice())
    start = dataset_start(data)
    with pytest.raises(StreamError, match="no VR"):
        elements(data[: start + 4] + b"\x01\x02" + data[start + 6 :])


def test_file_without_prefix_has_no_meta() -> None:
    with pytest.raises(StreamError, match="DICM"):
        meta_length(b"\0" * 200)
    assert read_file_meta(b"\0" * 200) == {}


def test_file_meta_names_the_writer() -> None:
    dataset = ct_slice()
    dataset.file_meta.ImplementationClassUID = UID("1.2.3")
    dataset.file_meta.ImplementationVersionName = "ACME_1"
    dataset.file_meta.SourceApplicationEntityTitle = "CT99"
    assert read_file_meta(file_bytes(dataset)) == {
        "implementation_uid": "1.2.3",
        "implementation_version": "ACME_1",
        "source_ae": "CT99",
    }


def test_file_meta_that_breaks_off_keeps_what_came_before() -> None:
    dataset = ct_slice()
    dataset.file_meta.ImplementationClassUID = UID("1.2.3")
    data = file_bytes(dataset)
    end = data.index(b"1.2.3\0") + 6
    broken = data[:end] + struct.pack("<HH2sH", 2, 0x13, b"SH", 60000)
    assert read_file_meta(broken) == {"implementation_uid": "1.2.3"}
