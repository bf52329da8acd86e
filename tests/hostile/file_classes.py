"""One file for each class of malformed or misleading single files.

Measured failures of DICOM libraries, published vulnerabilities, odd but valid objects,
as the project's threat table names them. Made by code; no file is larger than 1 MB.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from btd_desktop.dicom.series import Fate
from tests.unit.dicom import samples
from tests.unit.dicom.samples import file_bytes, picture

__all__ = ["FILE_CLASSES", "FileClass", "ct_of"]

_J2K, _RLE, _JPEG = (
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
)
_JLS = "1.2.840.10008.1.2.4.80"
_ENCODING = "element:pixel_encoding"
_CLASS = "1.2.840.10008.5.1.4.1.1."
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class FileClass:
    """A class of files, and how each must end.

    Attributes:
        make: Gives the file; the argument is the name of the class.
        fate: How it ends.
        words: Part of the reason; of an accepted file, code of a finding on its
            series, "" when none is asked for.
    """

    make: Callable[[str], bytes]
    fate: Fate
    words: str


def ct_of(name: str, **more: Any) -> FileDataset:
    """A CT slice in a series of its own."""
    number = zlib.crc32(name.encode())
    uids = {
        "SOPInstanceUID": f"{samples.SERIES_UID}.7.{number}",
        "SeriesInstanceUID": f"{samples.SERIES_UID}.8.{number}",
        "StudyInstanceUID": f"{samples.SERIES_UID}.9.{number}",
    }
    pixels = more.pop("pixels", picture(number % 100_000))
    return samples.ct_slice(pixels=pixels, **{**uids, **more})


def _set(**more: Any) -> Callable[[str], bytes]:
    return lambda name: file_bytes(ct_of(name, **more))


def _frames(*frames: bytes, syntax: str, **more: Any) -> Callable[[str], bytes]:
    def make(name: str) -> bytes:
        dataset = ct_of(name, **more)
        dataset.PixelData = encapsulate(list(frames))
        dataset["PixelData"].VR = "OB"
        return file_bytes(dataset, syntax)

    return make


def _noise(n: int) -> bytes:
    return np.random.default_rng(7).bytes(n)


def _rle() -> bytes:
    return samples.rle_frame(picture(5).view(np.uint16))


def _tag(group: int, element: int) -> bytes:
    return struct.pack("<HH", group, element)


def _patched(
    tag: bytes, offset: int, new: bytes, **more: Any
) -> Callable[[str], bytes]:
    """Bytes written over what stands `offset` behind the start of an element."""

    def make(name: str) -> bytes:
        data = file_bytes(ct_of(name, **more))
        at = data.index(tag, 132) + offset
        return data[:at] + new + data[at + len(new) :]

    return make


def _element(raw: bytes) -> Callable[[str], bytes]:
    """An element, byte by byte, at the start of the dataset."""

    def make(name: str) -> bytes:
        data = file_bytes(ct_of(name))
        start = samples.dataset_start(data)
        return data[:start] + raw + data[start:]

    return make


def _value(keyword_tag: bytes, vr: bytes, value: bytes) -> Callable[[str], bytes]:
    """An element with a value that pydicom would not write."""

    def make(name: str) -> bytes:
        data = file_bytes(ct_of(name))
        at = data.index(keyword_tag, 132)
        (length,) = struct.unpack_from("<H", data, at + 6)
        padded = value + b" " * (len(value) % 2)
        head = data[:at] + keyword_tag + vr + struct.pack("<H", len(padded))
        return head + padded + data[at + 8 + length :]

    return make


def _cut(share: float) -> Callable[[str], bytes]:
    def make(name: str) -> bytes:
        data = file_bytes(ct_of(name))
        return data[: int(share * len(data))]

    return make


def _preamble(start: bytes) -> Callable[[str], bytes]:
    return lambda name: start.ljust(128, b"\x01") + file_bytes(ct_of(name))[128:]


def _object(sop_class: str, modality: str, **more: Any) -> Callable[[str], bytes]:
    """A valid object without an image."""

    def make(name: str) -> bytes:
        dataset = ct_of(name, PixelData=None, Rows=None, Columns=None, **more)
        dataset.SOPClassUID, dataset.Modality = sop_class, modality
        return file_bytes(dataset)

    return make


def _floats(name: str) -> bytes:
    dataset = ct_of(name, PixelData=None)
    dataset.SOPClassUID, dataset.Modality = f"{_CLASS}30", "CT"
    dataset.FloatPixelData = picture(4).astype("<f4").tobytes()
    return file_bytes(dataset)


def _without_table(name: str) -> bytes:
    dataset = ct_of(name)
    dataset.PixelData = encapsulate([_rle()], has_bot=False)
    dataset["PixelData"].VR = "OB"
    return file_bytes(dataset, _RLE)


def _wrong_table(name: str) -> bytes:
    dataset = ct_of(name, NumberOfFrames=2)
    value = encapsulate([_rle(), _rle()])
    table = struct.unpack_from("<I", value, 12)[0]
    dataset.PixelData = value.replace(struct.pack("<I", table), b"\xf0\xff\xff\x7f", 1)
    dataset["PixelData"].VR = "OB"
    return file_bytes(dataset, _RLE)


def _empty_fragment(name: str) -> bytes:
    dataset = ct_of(name)
    value = encapsulate([_rle()], has_bot=False)
    empty = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    dataset.PixelData = value[:8] + empty * 3 + value[8:]
    dataset["PixelData"].VR = "OB"
    return file_bytes(dataset, _RLE)


def _signed_stream(name: str) -> bytes:
    stored = picture(9)
    frame = imagecodecs.jpeg2k_encode(
        stored, codecformat="j2k", reversible=True, level=0
    )
    return _frames(bytes(frame), syntax=_J2K, PixelRepresentation=0)(name)


def _wrong_group_length(name: str) -> bytes:
    data = file_bytes(ct_of(name))
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, 9999)
    return data[:132] + length + data[132:]


def _implicit_said_explicit(name: str) -> bytes:
    data = file_bytes(ct_of(name), "1.2.840.10008.1.2")
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", 20) + b"1.2.840.10008.1.2.1\0"
    return data[:132] + meta + data[samples.dataset_start(data) :]


def _without_meta(name: str) -> bytes:
    data = file_bytes(ct_of(name))
    return data[:132] + data[samples.dataset_start(data) :]


def _overlay(name: str) -> bytes:
    stored = picture(2).clip(0, 4095) | 0x4000
    more = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0}
    return file_bytes(ct_of(name, pixels=stored.astype(np.int16), **more))


def _pixels(seed: int = 77) -> bytes:
    value = picture(seed).astype("<i2").tobytes()
    return struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, len(value)) + value


def _rows(n: int) -> bytes:
    return struct.pack("<HH2sHH", 0x28, 0x10, b"US", 2, n)


def _followed_by(
    tail: bytes | Callable[[], bytes], **more: Any
) -> Callable[[str], bytes]:
    """Bytes behind the last element."""
    return lambda name: (
        file_bytes(ct_of(name, **more)) + (tail if isinstance(tail, bytes) else tail())
    )


def _before_pixels(raw: bytes) -> Callable[[str], bytes]:
    def make(name: str) -> bytes:
        data = file_bytes(ct_of(name))
        at = data.rindex(_tag(0x7FE0, 0x10) + b"OW")
        return data[:at] + raw + data[at:]

    return make


def _picture_in(sequence: str, side: int) -> Callable[[str], bytes]:
    """A second picture in an item of a sequence."""

    def make(name: str) -> bytes:
        item = Dataset()
        item.Rows, item.Columns, item.PixelData = side, side, bytes(side * side)
        item["PixelData"].VR = "OB"
        return file_bytes(ct_of(name, **{sequence: Sequence([item])}))

    return make


def _twice_in_item(name: str) -> bytes:
    """PixelSpacing twice in one item of a functional group."""
    spacing = struct.pack("<HH2sH", 0x28, 0x30, b"DS", 8)
    item = spacing + b"0.5\\0.6 " + spacing + b"0.9\\0.9 "
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item
    raw = struct.pack("<HH2sHI", 0x28, 0x9110, b"SQ", 0, len(item)) + item
    return _before_pixels(raw)(name)


def _deflated(tail: bytes) -> Callable[[str], bytes]:
    def make(name: str) -> bytes:
        data = file_bytes(ct_of(name))
        start = samples.dataset_start(data)
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        body = packer.compress(data[start:]) + packer.flush()
        uid = b"1.2.840.10008.1.2.1.99"
        meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(uid)) + uid
        return data[:132] + meta + body + tail

    return make


def _jls(seed: int = 5) -> bytes:
    return bytes(imagecodecs.jpegls_encode(picture(seed).view(np.uint16)))


def _relabelled(syntax: bytes, **more: Any) -> Callable[[str], bytes]:
    """Raw pixels under another transfer syntax."""

    def make(name: str) -> bytes:
        data = file_bytes(ct_of(name, **more))
        uid = syntax + b"\0" * (len(syntax) % 2)
        meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(uid)) + uid
        return data[:132] + meta + data[samples.dataset_start(data) :]

    return make


_UNDEFINED_UN = struct.pack("<HH2sHI", 9, 0x1001, b"UN", 0, 0xFFFFFFFF)
_UNDEFINED_UN += struct.pack("<HHI", 0xFFFE, 0xE000, 0)
_UNDEFINED_UN += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def _j2k_start(columns: int, rows: int) -> bytes:
    """A codestream up to the size of its picture."""
    size = struct.pack(">HHIIII", 41, 0, columns, rows, 0, 0)
    return b"\xff\x4f\xff\x51" + size


_SIZED_J2K, _HUGE_J2K = _j2k_start(32, 24), _j2k_start(60000, 60000)

D, R, U, N, A = (
    *(Fate.DAMAGED, Fate.REFUSED, Fate.UNSUPPORTED, Fate.NOT_AN_IMAGE, Fate.ACCEPTED),
)
_C = FileClass
FILE_CLASSES: dict[str, FileClass] = {
    # Measured failures of the libraries (section 4.1).
    "JPEG 2000, four good bytes and noise": _C(
        _frames(b"\xff\x4f\xff\x51" + _noise(2600), syntax=_J2K), D, "codestream"
    ),
    "JPEG 2000, right size and noise": _C(
        _frames(_SIZED_J2K + _noise(2600), syntax=_J2K), D, "cannot be decoded"
    ),
    "JPEG 2000, 60000 x 60000 in the codestream": _C(
        _frames(_HUGE_J2K + _noise(2600), syntax=_J2K), D, "60000"
    ),
    "JPEG, noise": _C(_frames(_noise(900), syntax=_JPEG), D, "no readable codestream"),
    "RLE, 65535 x 32767 declared": _C(
        _frames(_rle(), syntax=_RLE, Rows=65535, Columns=32767), R, "the limit is"
    ),
    "RLE, wild offsets": _C(
        _frames(
            struct.pack("<16I", 2, 2**31, 5, *[0] * 13) + _noise(4000), syntax=_RLE
        ),
        D,
        "run-length",
    ),
    "deflate bomb": _C(lambda _: samples.deflate_bomb(256 * _MIB), R, "unpacks to"),
    "sequences 400 deep": _C(
        lambda _: samples.nested_sequences(400, with_lengths=False), R, "nested deeper"
    ),
    "VR ZZ in an element that is read": _C(
        _patched(_tag(0x18, 0x50), 4, b"ZZ"), A, "element:SliceThickness"
    ),
    "VR ZZ in a private element": _C(
        _element(struct.pack("<HH2sH", 9, 0x1001, b"ZZ", 0)), A, ""
    ),
    "RescaleSlope abc": _C(_value(_tag(0x28, 0x1053), b"DS", b"abc"), A, "no_rescale"),
    "Rows as UL 0xFFFFFFFF": _C(
        _value(_tag(0x28, 0x10), b"UL", b"\xff\xff\xff\xff"), D, "Rows and Columns"
    ),
    "BitsStored 32 of 16": _C(_set(BitsStored=32), D, "Bits do not fit"),
    "BitsAllocated 0": _C(_set(BitsAllocated=0), D, "0 bits per pixel"),
    "NumberOfFrames 2e9": _C(_set(NumberOfFrames=2_000_000_000), R, "the limit is"),
    "65535 x 65535 raw": _C(_set(Rows=65535, Columns=65535), R, "the limit is"),
    "pixels cut short": _C(_cut(0.8), D, ""),
    "length 0xFFFFFFF0": _C(
        _patched(_tag(0x7FE0, 0x10), 8, struct.pack("<I", 0xFFFFFFF0)), D, ""
    ),
    "cut before PixelData": _C(_set(PixelData=None), D, "cut short"),
    "markup in PatientName": _C(_set(PatientName="<img src='/etc/passwd'>"), A, ""),
    # Values that break a viewer (section 4.2).
    "bad character set": _C(
        lambda n: file_bytes(ct_of(n, SpecificCharacterSet="ISO_IR 192")).replace(
            b"ISO_IR 192", b"ISO_IR 999"
        ),
        A,
        "",
    ),
    "RescaleSlope NaN": _C(_value(_tag(0x28, 0x1053), b"DS", b"NaN"), A, "no_rescale"),
    "RescaleSlope inf": _C(_value(_tag(0x28, 0x1053), b"DS", b"inf"), A, "no_rescale"),
    "RescaleSlope 0": _C(_value(_tag(0x28, 0x1053), b"DS", b"0"), A, "no_rescale"),
    "RescaleSlope 1e300": _C(
        _value(_tag(0x28, 0x1053), b"DS", b"1e300"), A, "element:RescaleSlope"
    ),
    "RescaleIntercept 1e308": _C(
        _value(_tag(0x28, 0x1052), b"DS", b"1e308"), A, "element:RescaleSlope"
    ),
    "negative spacing": _C(
        _value(_tag(0x28, 0x30), b"DS", b"-1\\-1"), A, "broken_geometry"
    ),
    "spacing 1e-300": _C(
        _value(_tag(0x28, 0x30), b"DS", b"1e-300\\1e-300"), A, "broken_geometry"
    ),
    "position 1e308": _C(
        _value(_tag(0x20, 0x32), b"DS", b"0\\0\\1e308"), A, "broken_geometry"
    ),
    "window width 0": _C(_set(WindowCenter="40", WindowWidth="0"), A, ""),
    # Preambles (section 4.2, CVE-2019-11687).
    "preamble of a Windows program": _C(_preamble(b"MZ"), A, "preamble"),
    "preamble of a Linux program": _C(_preamble(b"\x7fELF"), A, "preamble"),
    "preamble of a macOS program": _C(_preamble(b"\xfe\xed\xfa\xce"), A, "preamble"),
    "preamble of an archive": _C(_preamble(b"PK\x03\x04"), A, "preamble"),
    "preamble of a PDF": _C(_preamble(b"%PDF-1.7"), A, "preamble"),
    "preamble of a script": _C(_preamble(b"#!/bin/sh\n"), A, "preamble"),
    "preamble of a TIFF": _C(_preamble(b"II*\0"), A, "preamble"),
    "preamble of noise": _C(_preamble(_noise(128)), A, "preamble"),
    # Malformed or not what it seems (section 4.3).
    "empty": _C(lambda _: b"", N, "empty"),
    "zeros": _C(lambda _: bytes(5000), N, "Not a scan"),
    "text": _C(lambda _: b"only a note to the reader", N, "a text file"),
    "JPEG renamed": _C(
        lambda _: b"\xff\xd8\xff\xe0" + _noise(500), N, "a JPEG picture"
    ),
    "PDF renamed": _C(lambda _: b"%PDF-1.7 ...", N, "a PDF document"),
    "no preamble": _C(lambda n: file_bytes(ct_of(n))[132:], A, ""),
    "no preamble, no meta group": _C(
        lambda n: (data := file_bytes(ct_of(n)))[samples.dataset_start(data) :], A, ""
    ),
    "no meta group": _C(_without_meta, A, ""),
    "meta group length wrong": _C(_wrong_group_length, A, ""),
    "cut in the meta group": _C(_cut(0.02), N, "Not a scan"),
    "big endian": _C(
        lambda n: file_bytes(
            ct_of(n, PixelData=picture(3).astype(">i2").tobytes()),
            "1.2.840.10008.1.2.2",
        ),
        A,
        "",
    ),
    "implicit VR declared explicit": _C(
        _implicit_said_explicit, A, "element:TransferSyntaxUID"
    ),
    "explicit VR declared implicit": _C(
        _relabelled(b"1.2.840.10008.1.2"), A, "element:TransferSyntaxUID"
    ),
    "unknown transfer syntax": _C(_frames(b"xx", syntax="1.2.3.4.5"), U, "No decoder"),
    "video": _C(_frames(b"xx", syntax="1.2.840.10008.1.2.4.100"), U, "No decoder"),
    "encapsulated without offset table": _C(_without_table, A, ""),
    "encapsulated with a wrong offset table": _C(_wrong_table, D, "2 frames are"),
    "encapsulated with empty fragments": _C(_empty_fragment, A, ""),
    "fewer fragments than frames": _C(
        _frames(_rle(), syntax=_RLE, NumberOfFrames=4), D, "4 frames are declared"
    ),
    "odd length": _C(
        _element(struct.pack("<HH2sH", 8, 0x50, b"SH", 3) + b"abc"), A, ""
    ),
    "UN of undefined length": _C(_element(_UNDEFINED_UN), A, ""),
    "orientation not of unit length": _C(
        _set(ImageOrientationPatient=[2, 0, 0, 0, 2, 0]), A, "broken_geometry"
    ),
    "orientation NaN": _C(
        _value(_tag(0x20, 0x37), b"DS", b"NaN\\0\\0\\0\\1\\0"),
        A,
        "element:ImageOrientationPatient",
    ),
    "no position": _C(_set(ImagePositionPatient=None), A, "no_geometry"),
    "no orientation": _C(_set(ImageOrientationPatient=None), A, "no_geometry"),
    "single slice": _C(_set(), A, "single_slice"),
    "colour secondary capture": _C(
        _set(
            PhotometricInterpretation="RGB",
            SamplesPerPixel=3,
            Modality="OT",
            SOPClassUID=f"{_CLASS}7",
        ),
        U,
        "Not a CT or MR image",
    ),
    "colour CT": _C(
        _set(PhotometricInterpretation="RGB", SamplesPerPixel=3), U, "A colour picture"
    ),
    "MONOCHROME1": _C(
        _set(PhotometricInterpretation="MONOCHROME1"), A, "inverted_display"
    ),
    "palette shorter than its index": _C(
        _set(
            PhotometricInterpretation="PALETTE COLOR",
            RedPaletteColorLookupTableDescriptor=[4, 0, 16],
            RedPaletteColorLookupTableData=b"\1\2\3\4",
        ),
        U,
        "A colour picture (PALETTE COLOR)",
    ),
    "signed codestream under an unsigned header": _C(
        _signed_stream, A, "element:sign_mismatch"
    ),
    "pixel padding": _C(_set(PixelPaddingValue=-2000), A, ""),
    "overlay in the high bits": _C(_overlay, A, "element:high_bits"),
    "12 bits packed": _C(
        _set(BitsAllocated=12, BitsStored=12, HighBit=11), U, "12 bits per pixel"
    ),
    "parametric map of 32-bit floats": _C(_floats, U, "floating-point"),
    "RT structure set": _C(_object(f"{_CLASS}481.3", "RTSTRUCT"), N, "holds no image"),
    "structured report": _C(_object(f"{_CLASS}88.11", "SR"), N, "holds no image"),
    "encapsulated PDF": _C(
        _object(f"{_CLASS}104.1", "DOC", EncapsulatedDocument=b"%PDF-1.7"),
        N,
        "holds no image",
    ),
    "raw data": _C(_object(f"{_CLASS}66", "CT"), N, "holds no image"),
    "PET": _C(_set(Modality="PT", SOPClassUID=f"{_CLASS}128"), U, "modality PT"),
    "burned-in text": _C(_set(BurnedInAnnotation="YES"), A, "burned_in"),
    "SOP class of control characters": _C(
        _value(_tag(8, 0x16), b"UI", b"\x1b[2J\x07\n.1"), A, ""
    ),
    "unknown SOP class and no pixels": _C(_object("1.2.3", "CT"), N, "holds no image"),
    "NaN in every decimal": _C(
        lambda n: file_bytes(ct_of(n)).replace(b"0.7\\0.8 ", b"NaN\\inf "),
        A,
        "no_pixel_spacing",
    ),
    # More than one image in a file.
    "second pixel data": _C(_followed_by(_pixels()), A, "element:second_image"),
    "second pixel data before the first": _C(
        _before_pixels(_pixels()), A, "element:second_image"
    ),
    "float pixel data beside": _C(
        _before_pixels(struct.pack("<HH2sHI", 0x7FE0, 8, b"OF", 0, 8) + bytes(8)),
        A,
        "element:second_image",
    ),
    "second Rows behind the pixels": _C(
        _followed_by(_rows(12)), A, "element:repeated_element"
    ),
    "second Rows before the pixels": _C(
        _before_pixels(_rows(12)), A, "element:repeated_element"
    ),
    "second element in an item": _C(_twice_in_item, A, "element:repeated_element"),
    "picture in a sequence": _C(
        _picture_in("ReferencedImageSequence", 8), A, "element:second_image"
    ),
    "icon as large as the picture": _C(
        _picture_in("IconImageSequence", 32), A, "element:second_image"
    ),
    "icon": _C(_picture_in("IconImageSequence", 8), A, ""),
    "pixels twice as long": _C(
        _set(PixelData=picture(3).tobytes() + picture(4).tobytes()),
        A,
        "element:pixels_beyond",
    ),
    "frames beyond their number": _C(
        _frames(_rle(), _rle(), _rle(), syntax=_RLE, NumberOfFrames=2),
        A,
        "element:frames_beyond",
    ),
    "two codestreams, one frame": _C(
        _frames(_jls(), _jls(6), syntax=_JLS), A, "element:frames_beyond"
    ),
    "two codestreams in one fragment": _C(
        _frames(_jls() + _jls(6), syntax=_JLS), A, "element:frames_beyond"
    ),
    "noise behind the end": _C(_followed_by(_noise(5000)), A, "element:trailing_data"),
    "text behind the end": _C(_followed_by(b"AB" * 2500), A, "element:trailing_data"),
    "zeros behind the end": _C(_followed_by(bytes(5000)), A, "element:trailing_data"),
    "three bytes behind the end": _C(_followed_by(b"abc"), A, "element:trailing_data"),
    "image behind an item's end": _C(
        _followed_by(struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + _pixels()),
        A,
        "element:trailing_data",
    ),
    "bytes behind a deflated stream": _C(
        _deflated(_noise(999)), A, "element:trailing_data"
    ),
    "deflated": _C(_deflated(b""), A, ""),
    "padding behind the end": _C(
        _followed_by(struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, 10) + bytes(10)),
        A,
        "",
    ),
    "padding with something in it": _C(
        _followed_by(struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, 10) + _noise(10)),
        A,
        "element:trailing_data",
    ),
    "zeros behind the end, above the limit": _C(
        _followed_by(lambda: bytes(80 * _MIB)), R, "follow the end of the data set"
    ),
    "elements behind the pixels": _C(
        _followed_by(struct.pack("<HH2sHH", 0x28, 0x1055, b"LO", 2, 0x4141)),
        A,
        "element:late_elements",
    ),
    "zeros behind the meta group": _C(
        lambda n: (
            (data := file_bytes(ct_of(n)))[: samples.dataset_start(data)] + bytes(9000)
        ),
        D,
        "holds no data elements",
    ),
    # Encodings that the header does not name.
    "raw pixels under JPEG": _C(_relabelled(_JPEG.encode()), A, _ENCODING),
    "raw pixels under RLE": _C(_relabelled(_RLE.encode()), A, _ENCODING),
    "raw pixels of another length under JPEG": _C(
        _relabelled(_JPEG.encode(), PixelData=picture(3).tobytes()[:-80]),
        D,
        "neither compressed frames nor",
    ),
    "JPEG-LS under an uncompressed syntax": _C(
        _frames(_jls(), syntax="1.2.840.10008.1.2.1"), A, _ENCODING
    ),
    "bare JPEG-LS under an uncompressed syntax": _C(
        lambda n: file_bytes(ct_of(n, PixelData=_jls() + bytes(len(_jls()) % 2))),
        A,
        _ENCODING,
    ),
    "JPEG-LS under JPEG 2000": _C(_frames(_jls(), syntax=_J2K), A, _ENCODING),
    "RLE under JPEG": _C(_frames(_rle(), syntax=_JPEG), A, _ENCODING),
    "mosaic": _C(
        _set(ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]), U, "A mosaic"
    ),
    # Numbers that are not written as the standard says.
    "decimal comma": _C(
        _value(_tag(0x28, 0x1052), b"DS", b"-24,0"), A, "element:RescaleIntercept"
    ),
    "unit behind a number": _C(
        _value(_tag(0x28, 0x30), b"DS", b"0.7 mm\\0.8 mm"), A, "element:PixelSpacing"
    ),
    "two slopes": _C(
        _value(_tag(0x28, 0x1053), b"DS", b"1\\2"), A, "element:RescaleSlope"
    ),
    "no intercept": _C(_set(RescaleIntercept=None), A, "no_intercept"),
}
