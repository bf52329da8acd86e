"""The closed grammars of MetaImage, NRRD and NIfTI: values, places, units, refusals."""

from __future__ import annotations

import bz2
import gzip
import struct
import zlib
from typing import Any

import numpy as np
import pytest

from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import ParsedFile
from btd_desktop.dicom.series import Fate
from btd_desktop.dicom.volume_files.reading import companion_names, parse_volume
from tests.unit.dicom.volume_samples import mha, nifti, nrrd, stack

VALUES = stack()
BODY = VALUES.tobytes()
MHD: dict[str, Any] = {"ElementDataFile": "x.raw", "body": b""}


def _parse(data: bytes, companion: bytes | None = None) -> ParsedFile:
    return parse_volume(data, companion, Limits())


def _codes(parsed: ParsedFile) -> set[str]:
    return {remark.code for remark in parsed.remarks}


def _accepted(data: bytes, companion: bytes | None = None) -> ParsedFile:
    parsed = _parse(data, companion)
    assert parsed.fate is Fate.ACCEPTED, parsed.reason
    assert parsed.pixels is not None
    return parsed


def _grid(parsed: ParsedFile) -> dict[str, list[float]]:
    assert parsed.grid is not None
    return parsed.grid


GOOD = {
    "mha": (mha(VALUES), None),
    "mha with CR LF": (
        mha(VALUES, b"").replace(b"\n", b"\r\n") + BODY,
        None,
    ),
    "mha big endian": (
        mha(VALUES, VALUES.astype(">i2").tobytes(), BinaryDataByteOrderMSB="True"),
        None,
    ),
    "mha compressed": (mha(VALUES, zlib.compress(BODY), CompressedData="True"), None),
    "mha compressed, size told": (
        mha(
            VALUES,
            zlib.compress(BODY),
            CompressedData="True",
            CompressedDataSize=str(len(zlib.compress(BODY))),
        ),
        None,
    ),
    "mhd": (mha(VALUES, **MHD), BODY),
    "nrrd": (nrrd(VALUES), None),
    "nrrd with CR LF": (nrrd(VALUES, b"").replace(b"\n", b"\r\n") + BODY, None),
    "nrrd gzip": (nrrd(VALUES, gzip.compress(BODY), encoding="gzip"), None),
    "nrrd bzip2": (nrrd(VALUES, bz2.compress(BODY), encoding="bz2"), None),
    "nrrd two members": (
        nrrd(
            VALUES, gzip.compress(BODY[:50]) + gzip.compress(BODY[50:]), encoding="gz"
        ),
        None,
    ),
    "nhdr": (nrrd(VALUES, b"", data_file="x.raw"), BODY),
    "nii": (nifti(VALUES), None),
    "nii.gz": (gzip.compress(nifti(VALUES)), None),
    "nii.gz of two members": (
        gzip.compress(nifti(VALUES)[:200]) + gzip.compress(nifti(VALUES)[200:]),
        None,
    ),
    "nii.gz padded with zeros": (gzip.compress(nifti(VALUES)) + bytes(512), None),
    "pair": (nifti(VALUES, pair=True), BODY),
    "pair, values packed": (nifti(VALUES, pair=True), gzip.compress(BODY)),
    "nii with a gap of zeros": (nifti(VALUES, gap=bytes(160)), None),
}


@pytest.mark.parametrize("name", GOOD)
def test_values_come_out_as_they_were_put_in(name: str) -> None:
    parsed = _accepted(*GOOD[name])
    np.testing.assert_array_equal(parsed.pixels, VALUES[np.newaxis])
    assert _grid(parsed)["spacing"] == pytest.approx((2.5, 0.7, 0.8), abs=0)
    assert not [r for r in parsed.remarks if r.severity == "warning"]


def _patched(at: int, kind: str, *values: float) -> bytes:
    return nifti(VALUES, {at: struct.pack(f"<{kind}", *values)})


F, U, D = Fate.REFUSED, Fate.UNSUPPORTED, Fate.DAMAGED
BAD: dict[str, tuple[bytes, Fate, str]] = {
    "colon": (mha(VALUES).replace(b"NDims =", b"NDims :"), F, "Key = value"),
    "no ElementDataFile": (
        mha(VALUES).replace(b"ElementDataFile", b"Else"),
        F,
        "No El",
    ),
    "key twice": (mha(VALUES).replace(b"NDims", b"NDims = 3\nNDims"), F, "twice"),
    "contradicting keys": (mha(VALUES, ElementByteOrderMSB="True"), F, "contradict"),
    "odd spelling": (mha(VALUES, dimsize="5 4 3"), F, "is not how DimSize"),
    "digits of another script": (
        mha(VALUES).replace(
            b"DimSize = 5", "DimSize = \N{FULLWIDTH DIGIT FIVE}".encode()
        ),
        D,
        "whole numbers",
    ),
    "spacing of another script": (
        mha(VALUES).replace(
            b"ElementSpacing = 0",
            "ElementSpacing = \N{ARABIC-INDIC DIGIT ZERO}".encode(),
        ),
        D,
        "3 numbers",
    ),
    "no-break space between sizes": (
        nrrd(VALUES).replace(b"sizes: 5 4", "sizes: 5\N{NO-BREAK SPACE}4".encode()),
        D,
        "whole numbers",
    ),
    "control character": (mha(VALUES, Comment="a\x00b"), F, "control character 0"),
    "element type": (mha(VALUES, ElementType="MET_LONG"), U, "MET_LONG"),
    "channels": (mha(VALUES, ElementNumberOfChannels="3"), U, "3 values"),
    "text values": (mha(VALUES, BinaryData="False"), U, "as text"),
    "zero size": (mha(VALUES, DimSize="5 4 0"), D, "sizes"),
    "negative size": (mha(VALUES, DimSize="5 -4 3"), D, "sizes"),
    "sizes and axes": (mha(VALUES, DimSize="5 4"), D, "not 3 whole numbers"),
    "cut short": (mha(VALUES)[:-1], D, "cut short"),
    "one byte more": (mha(VALUES) + b"\0", F, "count from the end"),
    "declared size": (
        mha(VALUES, zlib.compress(BODY), CompressedData="True", CompressedDataSize="9"),
        D,
        "declares 9 packed bytes",
    ),
    "foreign header": (mha(VALUES, HeaderSize="128"), U, "HeaderSize"),
    "mesh": (mha(VALUES, ObjectType="Mesh"), U, "Mesh"),
    "list": (mha(VALUES, b"a.raw\n", ElementDataFile="LIST"), U, "LIST"),
    "list of planes": (mha(VALUES, b"a.raw\n", ElementDataFile="LIST 2"), U, "LIST"),
    "pattern": (mha(VALUES, b"", ElementDataFile="a%03d.raw 1 3 1"), U, "series"),
    "unit": (mha(VALUES, DistanceUnits="inch"), U, "inch"),
    "nan spacing": (mha(VALUES, ElementSpacing="1 nan 1"), D, "not 3 numbers"),
    "scaled": (mha(VALUES, ElementToIntensityFunctionSlope="2"), U, "changes"),
    "nrrd field twice": (nrrd(VALUES, extra=["sizes: 5 4 3"]), F, "twice"),
    "nrrd alias twice": (
        nrrd(VALUES, b"", data_file="a", extra=["datafile: b"]),
        F,
        "twice",
    ),
    "nrrd unknown field": (nrrd(VALUES, extra=["colour: red"]), F, "no field"),
    "nrrd no colon": (nrrd(VALUES, extra=["hello"]), F, "no field"),
    "nrrd pair like a field": (nrrd(VALUES, extra=["data file:=x"]), F, "like a field"),
    "nrrd text": (nrrd(VALUES, encoding="txt"), U, "txt"),
    "nrrd hex": (nrrd(VALUES, encoding="hex"), U, "hex"),
    "nrrd block": (nrrd(VALUES, type="block"), U, "block"),
    "nrrd no endian": (nrrd(VALUES, endian=None), D, "endian"),
    "nrrd byte skip": (nrrd(VALUES, byte_skip="16"), U, "byte skip"),
    "nrrd line skip": (nrrd(VALUES, line_skip="1"), U, "line skip"),
    "nrrd from the end": (nrrd(VALUES, byte_skip="-1") + b"x", F, "from the end"),
    "nrrd both spaces": (nrrd(VALUES, space_dimension="3"), F, "Both"),
    "nrrd unit": (nrrd(VALUES, space_units='"in" "in" "in"'), U, "'in'"),
    "nrrd vectors": (nrrd(VALUES, space_directions="(1,0,0) (0,1,0)"), D, "3 vectors"),
    "nrrd colours": (
        nrrd(
            np.stack([VALUES] * 3, axis=-1),
            space_directions="none (1,0,0) (0,1,0) (0,0,1)",
            kinds="RGB-color domain domain domain",
        ),
        U,
        "3 values (rgb-color)",
    ),
    "nrrd list": (nrrd(VALUES, b"", data_file="LIST"), U, "LIST"),
    "nrrd pattern": (nrrd(VALUES, b"", data_file="a%d 1 3 1"), U, "series"),
    "nii values in the header": (_patched(108, "f", 0), F, "inside the header"),
    "nii values at 348": (_patched(108, "f", 348), F, "inside the header"),
    "nii half a byte": (_patched(108, "f", 352.5), D, "offset"),
    "nii endless": (_patched(108, "f", float("inf")), D, "offset"),
    "nii negative unused": (_patched(48, "h", -3), D, "negative sizes"),
    "nii zero": (_patched(44, "h", 0), D, "sizes"),
    "nii no axes": (_patched(40, "h", 0), D, "0 axes"),
    "nii bits": (_patched(72, "h", 8), D, "8 bits"),
    "nii colours": (_patched(70, "2h", 128, 24), U, "type 128"),
    "nii unit": (nifti(VALUES, units=5), U, "code 5"),
    "nii extension": (
        nifti(VALUES, {348: b"\1"}, gap=struct.pack("<2i", 999, 4) + bytes(24)),
        D,
        "extension",
    ),
    "analyze": (nifti(VALUES, {344: b"\0\0\0\0"}, pair=True), U, "Analyze"),
    "nii cut short": (nifti(VALUES)[:-1], D, "cut short"),
    "gzip cut short": (gzip.compress(nifti(VALUES))[:-4], D, "cut short"),
    "second member cut": (
        gzip.compress(nifti(VALUES)[:200]) + gzip.compress(nifti(VALUES)[200:])[:-9],
        D,
        "cut short",
    ),
    "gzip damaged": (gzip.compress(nifti(VALUES))[:-8] + bytes(8), D, "damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_of_the_grammar_ends_with_its_reason(name: str) -> None:
    data, fate, words = BAD[name]
    parsed = _parse(data, b"" if "pair" in name else None)
    assert parsed.pixels is None
    assert (parsed.fate, words in parsed.reason) == (fate, True), parsed.reason
    assert len(parsed.reason) < 250


@pytest.mark.parametrize(
    "data",
    [
        nifti(VALUES) + b"hidden",
        gzip.compress(nifti(VALUES)) + b"hidden",
        nrrd(VALUES) + b"hidden",
        nrrd(VALUES, gzip.compress(BODY) + b"hidden", encoding="gzip"),
    ],
)
def test_bytes_after_the_end_are_a_finding(data: bytes) -> None:
    parsed = _accepted(data)
    np.testing.assert_array_equal(parsed.pixels, VALUES[np.newaxis])
    (remark,) = [r for r in parsed.remarks if r.code == "bytes_after_end"]
    assert remark.severity == "warning"
    assert remark.sentence.startswith("6 bytes")


def test_bytes_between_header_and_values_and_extensions_are_findings() -> None:
    assert "hidden_bytes" in _codes(_accepted(nifti(VALUES, gap=b"x" * 16)))
    extension = struct.pack("<2i", 32, 4) + bytes(24)
    parsed = _accepted(nifti(VALUES, {348: b"\1"}, gap=extension))
    assert _codes(parsed) == {"header_extensions"}
    assert "ambiguous_sizes" in _codes(_accepted(_patched(48, "h", 7)))


UNITS = {
    "nifti um": nifti(VALUES, pixdim=(20, 20, 25), units=3),
    "nifti m": nifti(VALUES, pixdim=(2e-5, 2e-5, 2.5e-5), units=1),
    "nifti um sform": nifti(
        VALUES,
        pixdim=(20, 20, 25),
        units=3,
        srow=(20, 0, 0, 0, 0, 20, 0, 0, 0, 0, 25, 0),
    ),
    "nrrd um": nrrd(
        VALUES,
        space_directions="(20,0,0) (0,20,0) (0,0,25)",
        space_units='"um" "\N{MICRO SIGN}m" "microns"',
    ),
    "nrrd spacings in um": nrrd(
        VALUES,
        space=None,
        space_directions=None,
        space_origin=None,
        spacings="20 20 25",
        units='"um" "um" "um"',
    ),
    "mha um": mha(VALUES, ElementSpacing="20 20 25", DistanceUnits="um"),
    "mha mm": mha(VALUES, ElementSpacing="0.02 0.02 0.025"),
    "mha cm": mha(VALUES, ElementSpacing="0.002 0.002 0.0025", DistanceUnits="cm"),
}


@pytest.mark.parametrize("name", UNITS)
def test_units_of_length_become_millimetres(name: str) -> None:
    spacing = _grid(_accepted(UNITS[name]))["spacing"]
    assert spacing == pytest.approx((0.025, 0.02, 0.02), rel=1e-12)


@pytest.mark.parametrize(
    ("space", "origin", "row"),
    [
        ("RAS", (10, -20, 30), (-1, 0, 0)),
        ("right-anterior-superior", (10, -20, 30), (-1, 0, 0)),
        ("LAS", (-10, -20, 30), (1, 0, 0)),
        ("left-posterior-superior", (-10, 20, 30), (1, 0, 0)),
    ],
)
def test_spaces_become_lps(space: str, origin: tuple[float, ...], row: Any) -> None:
    parsed = _accepted(nrrd(VALUES, space=space))
    assert tuple(_grid(parsed)["origin"]) == origin
    assert tuple(_grid(parsed)["row"]) == row
    assert "orientation_unknown" not in _codes(parsed)


@pytest.mark.parametrize(
    "data",
    [
        nrrd(VALUES, space="3D-left-handed"),
        nrrd(VALUES, space="scanner-xyz"),
        nrrd(VALUES, space=None, space_dimension="3"),
        nifti(VALUES, quaternion=None),
    ],
)
def test_header_that_names_no_side_says_so(data: bytes) -> None:
    assert "orientation_unknown" in _codes(_accepted(data))


LAS = (0.8, 0, 0, 0, 0, 0.7, 0, 0, 0, 0, 2.5, 0)


@pytest.mark.parametrize(
    ("srow", "words"),
    [
        ((-0.8, 0, 0, 0, 0, 0.7, 0, 0, 0, 0, 2.5, 0), "swap left and right"),
        ((0.8, 0, 0, 0, 0, -0.7, 0, 0, 0, 0, 2.5, 0), "contradict"),
        ((0, -0.7, 0, 0, 0.8, 0, 0, 0, 0, 0, 2.5, 0), "contradict"),
        ((0.8, 0, 0, 9, 0, 0.7, 0, 0, 0, 0, 2.5, 0), "9 mm apart"),
    ],
)
def test_qform_and_sform_that_contradict_are_a_warning(srow: Any, words: str) -> None:
    parsed = _accepted(nifti(VALUES, srow=srow))
    (remark,) = [r for r in parsed.remarks if r.code == "orientation_conflict"]
    assert remark.severity == "warning"
    assert words in remark.sentence
    assert not _codes(_accepted(nifti(VALUES, srow=LAS)))


def test_anatomical_orientation_against_the_matrix_is_a_warning() -> None:
    mirrored = "-1 0 0 0 1 0 0 0 1"
    clean = mha(VALUES, TransformMatrix=mirrored, AnatomicalOrientation="LAI")
    assert not _codes(_accepted(clean))
    assert not _codes(_accepted(mha(VALUES, AnatomicalOrientation="RAI")))
    odd = mha(VALUES, TransformMatrix=mirrored, AnatomicalOrientation="RAI")
    assert _codes(_accepted(odd)) == {"orientation_conflict"}


@pytest.mark.parametrize(
    ("slope", "inter", "right"),
    [
        (2.0, -1024.0, VALUES * 2.0 - 1024),
        (0.0, 5.0, VALUES),
        (float("nan"), float("nan"), VALUES),
        (1.0, float("nan"), VALUES),
    ],
)
def test_slope_and_intercept_are_exact(slope: float, inter: float, right: Any) -> None:
    parsed = _accepted(nifti(VALUES, slope=slope, inter=inter))
    np.testing.assert_array_equal(parsed.pixels, right[np.newaxis])


@pytest.mark.parametrize("axis", [0, 3])
def test_volumes_along_a_list_axis_are_split_where_each_lies_in_one_piece(
    axis: int,
) -> None:
    times = [VALUES, VALUES // 2]
    directions = ["(0.8,0,0)", "(0,0.7,0)", "(0,0,2.5)"]
    kinds = ["domain"] * 3
    directions.insert(axis, "none")
    kinds.insert(axis, "list")
    data = nrrd(
        np.stack(times, axis=3 - axis),
        space_directions=" ".join(directions),
        kinds=" ".join(kinds),
    )
    if axis == 0:
        parsed = _parse(data)
        assert parsed.fate is Fate.UNSUPPORTED
        assert "2 values (list)" in parsed.reason
    else:
        np.testing.assert_array_equal(_accepted(data).pixels, np.stack(times))


def test_volumes_in_time_of_nifti_and_metaimage_are_split() -> None:
    times = np.stack([VALUES, VALUES // 2])
    matrix = " ".join("1" if i % 5 == 0 else "0" for i in range(16))
    for data in (nifti(times), mha(times, TransformMatrix=matrix)):
        np.testing.assert_array_equal(_accepted(data).pixels, times)


def test_names_of_detached_values_are_plain() -> None:
    assert companion_names("x.mhd", mha(VALUES, **MHD)) == ("x.raw",)
    assert companion_names("x.mha", mha(VALUES)) == ()
    head = nifti(VALUES, pair=True)
    assert companion_names("Brain.HDR", head) == ("Brain.img", "Brain.img.gz")
    assert companion_names("b.hdr.gz", gzip.compress(head))[0] == "b.img"
    for name in ("/etc/passwd", "../x", "a\\b", "c:x", ".", "..", "a/b"):
        data = mha(VALUES, b"", ElementDataFile=name)
        assert companion_names("x.mhd", data) == ()
        assert "only one beside it" in _parse(data).reason


def test_modality_of_a_header_is_handed_on() -> None:
    assert _accepted(mha(VALUES, Modality="MET_MOD_MR")).modality == "MR"
    assert _accepted(nrrd(VALUES, extra=["modality:=CT"])).modality == "CT"
    assert _accepted(mha(VALUES)).modality == ""


def test_bombs_are_refused_before_they_are_unpacked() -> None:
    limits = Limits(max_pixel_bytes=1 << 20, max_inflated_bytes=1 << 20)
    bomb = gzip.compress(bytes(8 << 20))
    for data in (bomb, nrrd(VALUES, bomb, encoding="gzip"), bomb[:-1] + bomb):
        assert parse_volume(data, None, limits).fate is not Fate.ACCEPTED
    wide = mha(VALUES, DimSize="60000 60000 60000")
    assert parse_volume(wide, None, limits).fate is Fate.REFUSED
