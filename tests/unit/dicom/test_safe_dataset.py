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
    assert safe.numbers("PixelSpacing", 2) == [0.5, 0.6]
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
