"""Typed access never raises, whatever an element holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from btd_desktop.dicom.safe_dataset import SafeDataset

# As in the parsing process.
pytestmark = pytest.mark.filterwarnings("ignore")


def _raw(vr: str, value: bytes, tag: int = 0x00281053) -> SafeDataset:
    dataset = Dataset()
    dataset._dict[Tag(tag)] = RawDataElement(
        Tag(tag), vr, len(value), value, 0, False, True
    )
    return SafeDataset(dataset)


def test_values_come_typed() -> None:
    dataset = Dataset()
    dataset.RescaleSlope = "1.5"
    dataset.PixelSpacing = [0.5, 0.6]
    dataset.PatientName = "Doe^Jane"
    dataset.Rows = 512
    safe = SafeDataset(dataset)
    assert safe.number("RescaleSlope") == 1.5
    assert safe.numbers("PixelSpacing", 2) == (0.5, 0.6)
    assert safe.text("PatientName") == "Doe^Jane"
    assert safe.integer("Rows") == 512
    assert safe.remarks == []


def test_absent_elements_are_none_without_a_remark() -> None:
    safe = SafeDataset(Dataset())
    assert safe.number("RescaleSlope") is None
    assert safe.text("PatientName") is None
    assert safe.items("SharedFunctionalGroupsSequence") == []
    assert safe.number("NoSuchKeyword") is None
    assert safe.remarks == []


@pytest.mark.parametrize(
    ("vr", "value"),
    [("DS", b"abc "), ("DS", b"nan"), ("DS", b"1e999"), ("ZZ", b"\1\2"), ("US", b"\1")],
)
def test_broken_numbers_are_none_with_a_remark(vr: str, value: bytes) -> None:
    safe = _raw(vr, value)
    assert safe.number("RescaleSlope") is None
    assert [keyword for keyword, _ in safe.remarks] == ["RescaleSlope"] * len(
        safe.remarks
    )
    assert safe.remarks


@pytest.mark.parametrize(
    ("vr", "value", "numbers", "words"),
    [
        ("DS", b"-1024,0 ", [-1024.0], "decimal comma"),
        ("DS", b"0,7031\\0,7031", [0.7031, 0.7031], "decimal comma"),
        ("DS", b",5", [0.5], "decimal comma"),
        ("DS", b"1,5e2 ", [150.0], "decimal comma"),
        ("DS", b"2.5 mm", [2.5], "words behind"),
        ("DS", b"2,5mm\\2,5mm ", [2.5, 2.5], "words behind"),
        ("UT", b"2.5000\\2.5000 ", [2.5, 2.5], "carries the VR UT"),
        ("LO", b"2.5\\2.5 ", [2.5, 2.5], "carries the VR LO"),
        ("OB", b"2.5\\2.5 ", [2.5, 2.5], "carries the VR OB"),
        ("US", b"2.5 ", [2.5], "carries the VR US"),
        ("FD", b"2.5\\2.50", [2.5, 2.5], "carries the VR FD"),
        ("IS", b"12", [12.0], "carries the VR IS"),
        ("ZZ", b"12", [12.0], "carries the VR ZZ"),
        ("\1\2", b"12", [12.0], "carries the VR 0102"),
        ("FD", b"\0\0\0\0\0\0\4@", [2.5], "carries the VR FD"),
        ("DS", b" 1\\ ", [1.0], ""),
        ("UN", b"2.5 ", [2.5], ""),
    ],
)
def test_sloppy_numbers_are_read_as_what_they_say(
    vr: str, value: bytes, numbers: list[float], words: str
) -> None:
    safe = _raw(vr, value)
    assert safe.numbers("RescaleSlope") == tuple(numbers)
    said = " ".join(sentence for _, sentence in safe.remarks)
    assert words in said
    assert bool(said) == bool(words)


def test_whole_number_with_decimals_is_read_with_its_decimals() -> None:
    assert _raw("IS", b"12.0", 0x00200013).integer("InstanceNumber") == 12
    safe = _raw("IS", b"12.5", 0x00200013)
    assert safe.number("InstanceNumber") == 12.5
    assert safe.integer("InstanceNumber") is None
    assert safe.remarks


@pytest.mark.parametrize("value", [b"1,024.5 ", b"1.024,5 ", b"1,2,3 ", b"mm", b"--1 "])
def test_numbers_that_can_be_read_in_two_ways_are_not_read(value: bytes) -> None:
    safe = _raw("DS", value)
    assert safe.number("RescaleSlope") is None
    assert safe.remarks


def test_several_values_for_one_are_said_and_differing_ones_not_chosen_from() -> None:
    safe = _raw("DS", b"1\\2 ")
    assert safe.single("RescaleSlope") is None
    assert "holds 2 values (1, 2)" in safe.remarks[0][1]
    same = _raw("DS", b"1\\1 ")
    assert same.single("RescaleSlope") == 1.0
    assert same.remarks == []


def test_wrong_count_is_none_with_a_remark() -> None:
    dataset = Dataset()
    dataset.ImagePositionPatient = [1, 2]
    safe = SafeDataset(dataset)
    assert safe.numbers("ImagePositionPatient", 3) is None
    assert len(safe.remarks) == 1


@given(
    vr=st.sampled_from(
        ["DS", "IS", "US", "FD", "SQ", "PN", "UI", "UN", "ZZ", "OB", "AT"]
    ),
    value=st.binary(max_size=40),
)
def test_any_bytes_under_any_vr_never_raise(vr: str, value: bytes) -> None:
    safe = _raw(vr, value)
    safe.text("RescaleSlope")
    safe.number("RescaleSlope")
    safe.integer("RescaleSlope")
    safe.items("RescaleSlope")
