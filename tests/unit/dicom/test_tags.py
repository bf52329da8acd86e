"""Elements of a file as text: all of them, whatever they hold."""

from __future__ import annotations

import hashlib
import struct
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from btd_desktop.dicom import sandbox as sandbox_module
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.parsed import Tag
from btd_desktop.dicom.tag_walk import MAX_DEPTH, MAX_TAGS, parse_tags
from btd_desktop.dicom.tags import TagList, list_tags
from tests.unit.dicom.samples import (
    GREETING,
    ct_slice,
    encoded,
    file_bytes,
    picture,
)

# The parsing process ignores what pydicom warns of; so do tests that go without it.
pytestmark = pytest.mark.filterwarnings("ignore")


def _list(data: bytes, tmp_path: Path) -> TagList:
    path = tmp_path / "one.dcm"
    path.write_bytes(data)
    return list_tags(path)


def _rows(data: bytes) -> tuple[dict[str, Tag], str]:
    """Elements by path, without the process between."""
    parsed = parse_tags(data, DEFAULT_LIMITS)
    found = {tag.path: tag for tag in parsed.tags}
    assert len(found) == len(parsed.tags)
    return found, parsed.note


def _element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    if vr in (b"SQ", b"UN", b"OB"):
        return struct.pack("<HH2sHI", group, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def test_every_element_of_a_file_is_listed(tmp_path: Path) -> None:
    dataset = ct_slice(
        SliceThickness="2.50", PatientName="Doe^Jane", ImageType=["ORIGINAL", "PRIMARY"]
    )
    data = file_bytes(dataset)
    listed = _list(data, tmp_path)
    assert (listed.reason, listed.note, listed.source) == ("", "", "one.dcm")
    again = pydicom.dcmread(tmp_path / "one.dcm")
    expected = [*again.file_meta.keys(), *again.keys()]
    assert [tag.path for tag in listed.tags] == [
        f"({tag.group:04X},{tag.element:04X})" for tag in expected
    ]
    by_keyword = {tag.keyword: tag for tag in listed.tags}
    assert by_keyword["SliceThickness"] == Tag(
        "(0018,0050)", "SliceThickness", "DS", "2.50"
    )
    assert by_keyword["PatientName"].value == "Doe^Jane"
    assert by_keyword["ImageType"].value == "ORIGINAL\\PRIMARY"
    assert by_keyword["PixelSpacing"].value == "0.7\\0.8"
    pixels = by_keyword["PixelData"]
    assert (pixels.vr, pixels.value) == ("OW", f"{24 * 32 * 2:,} bytes")
    assert pixels.digest == hashlib.sha256(dataset.PixelData).hexdigest()


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1"]
)
def test_elements_are_the_same_in_every_encoding(syntax: str) -> None:
    found, note = _rows(file_bytes(ct_slice(SliceThickness="2.50"), syntax))
    assert note == ""
    assert found["(0028,0010)"] == Tag("(0028,0010)", "Rows", "US", "24")
    assert found["(0018,0050)"].value == "2.50"


def test_private_elements_bear_their_creator() -> None:
    dataset = ct_slice()
    block = dataset.private_block(0x0029, "ACME 1", create=True)
    block.add_new(0x10, "LO", "secret")
    block.add_new(0x11, "UN", b"\1\2\3\4")
    found, _ = _rows(file_bytes(dataset))
    assert found["(0029,0010)"].value == "ACME 1"
    assert found["(0029,1010)"] == Tag(
        "(0029,1010)", "Private (ACME 1)", "LO", "secret"
    )
    assert found["(0029,1011)"].value == "4 bytes"


def test_items_of_sequences_are_listed_below_them() -> None:
    inner = Dataset()
    inner.ScheduledProcedureStepDescription = "chest"
    outer = Dataset()
    outer.RequestedProcedureDescription = "CT"
    outer.RequestedProcedureCodeSequence = Sequence([inner, Dataset()])
    data = file_bytes(ct_slice(RequestAttributesSequence=Sequence([outer])))
    found, _ = _rows(data)
    assert found["(0040,0275)"].value == "1 item"
    assert found["(0040,0275)[0](0032,1064)"].value == "2 items"
    deep = found["(0040,0275)[0](0032,1064)[0](0040,0007)"]
    assert (deep.keyword, deep.value) == ("ScheduledProcedureStepDescription", "chest")


def test_deep_sequences_of_known_length_are_followed_to_the_limit(
    tmp_path: Path,
) -> None:
    nested = _element(0x0008, 0x0100, b"SH", b"leaf")
    for _ in range(400):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(nested)) + nested
        nested = _element(0x0040, 0xA730, b"SQ", item)
    whole = file_bytes(ct_slice(PixelData=None))
    listed = _list(whole + nested, tmp_path)
    assert listed.reason == ""
    assert f"deeper than {MAX_DEPTH} levels" in listed.note
    depths = [tag.path.count("[") for tag in listed.tags]
    assert max(depths) == MAX_DEPTH - 1
    assert any(tag.keyword == "Columns" for tag in listed.tags)


def test_deep_sequences_without_length_cost_what_comes_after_them(
    tmp_path: Path,
) -> None:
    opening = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF)
    opening += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    closing = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    whole = file_bytes(ct_slice(PixelData=None))
    listed = _list(whole + 400 * opening + 400 * closing, tmp_path)
    assert listed.reason == ""
    assert "(0040,A730)" in listed.note
    assert any(tag.keyword == "Columns" for tag in listed.tags)


def test_many_elements_are_cut_at_the_limit() -> None:
    items = []
    for number in range(MAX_TAGS):
        item = Dataset()
        item.CodeValue = str(number)
        items.append(item)
    found, note = _rows(file_bytes(ct_slice(ConceptCodeSequence=Sequence(items))))
    assert len(found) == MAX_TAGS
    assert f"first {MAX_TAGS:,}" in note


def test_compressed_pixels_under_an_unknown_vr_hide_no_other_element() -> None:
    data = encoded(picture(1), "1.2.840.10008.1.2.5")
    vr_at = data.rindex(b"\xe0\x7f\x10\x00OB") + 4
    found, _ = _rows(data[:vr_at] + b"ZZ" + data[vr_at + 2 :])
    assert found["(7FE0,0010)"].vr == "ZZ"
    assert found["(0028,0011)"].value == "32"


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        (b"ZZ", b"odd!"),
        (b"DS", b"1.2.3 "),
        (b"IS", b"NaN "),
        (b"US", b"abc!"),
        (b"FD", b"four"),
        (b"AT", b"ab"),
        (b"SQ", b"nonsense"),
        (b"PN", b"\xff\xfe\x80="),
        (b"DA", b"no date!"),
    ],
)
def test_values_that_break_the_standard_are_rows_like_others(
    vr: bytes, value: bytes
) -> None:
    data = file_bytes(ct_slice(SpecificCharacterSet="ISO_IR 999", PixelData=None))
    # One number that the dictionary has, one private, one that nobody knows.
    strange = b"".join(
        _element(group, 0x1030, vr, value) for group in (0x0040, 0x0041, 0x7002)
    )
    found, note = _rows(data + strange)
    assert note == ""
    for group in ("0040", "0041", "7002"):
        assert f"({group},1030)" in found
    assert found["(0028,0011)"].value == "32"
    assert all(len(tag.value) <= 200 for tag in found.values())


def test_text_is_plain_and_what_is_not_shown_counts() -> None:
    long = "x" * 300
    found, _ = _rows(file_bytes(ct_slice(ImageComments=f"<b>{long}")))
    tag = found["(0020,4000)"]
    assert tag.value.startswith("<b>xxx")
    assert len(tag.value) == 200
    other, _ = _rows(file_bytes(ct_slice(ImageComments=f"<b>{long}y")))
    assert other["(0020,4000)"].value == tag.value
    assert other["(0020,4000)"].digest != tag.digest != ""


def test_a_file_cut_short_shows_what_is_left(tmp_path: Path) -> None:
    data = file_bytes(ct_slice())
    listed = _list(data[:-100], tmp_path)
    assert "(7FE0,0010)" in listed.note
    assert listed.tags[-1].path < "(7FE0,0010)"
    assert {"Rows", "Columns"} <= {tag.keyword for tag in listed.tags}
    # Wherever it is cut there is a list or a reason, and no element out of thin air.
    whole = {tag.path: tag for tag in _list(data, tmp_path).tags}
    for end in range(140, len(data) - 24 * 32 * 2, 7):
        parsed = parse_tags(data[:end], DEFAULT_LIMITS)
        for tag in parsed.tags:
            if not tag.path.startswith("(0002"):
                assert whole[tag.path] == tag


def test_files_of_other_kinds_have_a_reason(tmp_path: Path) -> None:
    text = tmp_path / "note.txt"
    text.write_text("hello")
    assert list_tags(text).reason == "Not a DICOM file: a text file."
    picture = tmp_path / "p.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    assert list_tags(picture).reason.startswith("Not a DICOM file")
    missing = list_tags(tmp_path / "gone.dcm")
    assert "cannot be read" in missing.reason
    assert missing.tags == ()
    start = tmp_path / "start.dcm"
    start.write_bytes(bytes(128) + b"DICM")
    assert list_tags(start).reason


def test_a_file_with_another_digest_is_not_listed(tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    path.write_bytes(file_bytes(ct_slice()))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert list_tags(path, sha256=digest).tags
    listed = list_tags(path, sha256="0" * 64)
    assert listed.tags == ()
    assert digest in listed.reason


def test_a_member_of_an_archive_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "scan.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/1.dcm", file_bytes(ct_slice(number=1)))
        archive.writestr("a/2.dcm", file_bytes(ct_slice(number=2)))
    listed = list_tags(path, member="a/2.dcm")
    number = next(t for t in listed.tags if t.keyword == "InstanceNumber")
    assert (number.value, listed.source) == ("2", "scan.zip!a/2.dcm")
    assert "no longer holds" in list_tags(path, member="a/3.dcm").reason
    path.write_bytes(b"PK\x03\x04")
    assert list_tags(path, member="a/2.dcm").reason
    path.unlink()
    assert "cannot be read" in list_tags(path, member="a/2.dcm").reason


@pytest.mark.parametrize(
    "told",
    [
        {"tags": [["(0010,0010)", 1, "PN", "x", ""]]},
        {"tags": [["(0010,0010)", "PN"]]},
        {"tags": "(0010,0010)"},
        {"tags": []},
        {"extra": {"tags": [["(0010,0010)", "PatientName", "PN", "x", ""]]}},
        {"note": 7, "tags": [["(0010,0010)", "PatientName", "PN", "x", ""]]},
    ],
)
def test_false_answers_of_the_process_are_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, object]
) -> None:
    path = tmp_path / "one.dcm"
    path.write_bytes(file_bytes(ct_slice()))
    answer = {"fate": "accepted", **told}
    program = (
        "import sys, json, struct\n"
        f"header = json.dumps({answer!r}).encode()\n"
        "sys.stdout.buffer.write(struct.pack('>IQ', len(header), 0) + header)\n"
        "sys.stdout.buffer.flush(); sys.stdin.buffer.read()\n"
    )
    command = [sys.executable, "-c", GREETING + program]
    monkeypatch.setattr(sandbox_module, "_command", lambda: command)
    listed = list_tags(path)
    assert listed.tags == ()
    assert listed.reason.startswith("Its reader went astray")


def test_a_crash_or_an_overrun_of_the_process_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.dcm"
    path.write_bytes(file_bytes(ct_slice()))
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(sandbox_module, "_command", lambda: command)
    listed = list_tags(path, limits=replace(DEFAULT_LIMITS, file_timeout_s=0.3))
    assert "longer than" in listed.reason
