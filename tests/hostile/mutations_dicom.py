"""Seeded damage to DICOM files that knows what a data element is.

The originals are headers of real scanners as pydicom ships them for its own tests
(no patient data) and generated ones, in every transfer syntax that is decoded.
"""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom.data
from pydicom.uid import UID

from tests.hostile.mutations import BYTE_MUTATORS, Mutator, mutate
from tests.unit.dicom import samples

__all__ = ["dicom_originals", "mutated_dicoms"]

_LONG = (b"OB", b"OW", b"OF", b"SQ", b"UT", b"UN", b"OD", b"OL", b"UC", b"UR", b"OV")
_VRS = (
    *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO"),
    *(b"LT", b"OB", b"OW", b"PN", b"SH", b"SL", b"SQ", b"SS", b"ST", b"TM", b"UI"),
    *(b"UL", b"UN", b"US", b"UT", b"UC", b"UR", b"OF", b"OD", b"OV", b"SV", b"UV"),
    *(b"ZZ", b"\0\0", b"ox", b"\xff\xff", b"  "),
)
_TAGS = (
    *(0x00020010, 0x00080005, 0x00080016, 0x00080018, 0x00080060, 0x0020000D),
    *(0x0020000E, 0x00200013, 0x00200032, 0x00200037, 0x00280002, 0x00280004),
    *(0x00280008, 0x00280010, 0x00280011, 0x00280030, 0x00280100, 0x00280101),
    *(0x00280102, 0x00280103, 0x00280120, 0x00281050, 0x00281051, 0x00281052),
    *(0x00281053, 0x00283000, 0x52009229, 0x52009230, 0x7FE00010, 0x7FE00008),
    *(0x00041220, 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0x00091001, 0x60003000),
)
_TEXTS = (
    *(b"NaN", b"-inf", b"1e999", b"1e308", b"-1e308", b"1e-320", b"0", b"-0", b"abc"),
    *(b"", b"1\\2", b"\\\\\\\\", b"1e12\\1e12\\1e12", b"0\\0\\0\\0\\0\\0", b"1,5"),
    *(b"99999999999999999999", b"\xff\xfe\xfd", b"\x1b$B\x1b(J", b"ISO_IR 999"),
    *(b"<img src='/etc/passwd'>", b"%s%n%x", b"=cmd|' /C calc'!A0", b"\0\0\0\0"),
    *(b"../../../etc/passwd", b"1" * 70, b"65535", b"32767", b"2000000000"),
)
_SYNTAXES = (
    *(b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.2"),
    *(b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.5", b"1.2.840.10008.1.2.4.50"),
    *(b"1.2.840.10008.1.2.4.70", b"1.2.840.10008.1.2.4.80", b"1.2.3.4"),
    *(b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.4.100", b""),
)
_SHIPPED = (
    *("CT_small", "MR_small", "MR_small_implicit", "MR_small_bigendian"),
    *("MR_small_expb", "MR_small_RLE", "MR_small_jp2klossless", "MR_small_padded"),
    *("MR_small_jpeg_ls_lossless", "no_meta", "nested_priv_SQ", "test-SR"),
)
_GENERATED = (
    "1.2",
    "1.2.2",
    "1.2.5",
    *(f"1.2.4.{n}" for n in (57, 70, 80, 81, 90, 91)),
)
# Mutants of one original that are put into one series, so that what survives is also
# ordered, rescaled and checked together.
_PER_SERIES = 12


@dataclass(frozen=True, slots=True)
class Element:
    """Where one data element lies: offsets into the file."""

    start: int
    length_at: int
    length_code: str
    value_at: int
    length: int


def dicom_originals() -> list[tuple[str, bytes]]:
    """Name and bytes of every file that is mutated."""
    folder = Path(pydicom.data.__file__).parent / "test_files"
    found = [(name, (folder / f"{name}.dcm").read_bytes()) for name in _SHIPPED]
    plain = samples.ct_slice(SeriesDescription="made up", PatientName="A^B")
    found.append(("explicit", samples.file_bytes(plain)))
    for tail in _GENERATED:
        stored = samples.picture(3)
        found.append((tail, samples.encoded(stored, f"1.2.840.10008.{tail}")))
    lossy = bytes(imagecodecs.jpeg8_encode(np.full((24, 32), 99, np.uint8), level=80))
    eight = dict(BitsAllocated=8, BitsStored=8, HighBit=7, PixelRepresentation=0)
    file = samples.encapsulated_file([lossy], UID("1.2.840.10008.1.2.4.50"), **eight)
    found.append(("baseline", file))
    frames = np.stack([samples.picture(i) for i in range(4)])
    found.append(
        ("enhanced", samples.file_bytes(samples.enhanced_ct([0, 1, 2, 3], frames)))
    )
    return found


def mutated_dicoms(n: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`n` file names and mutated files; SOP Instance UIDs differ, so none is a copy."""
    originals = dicom_originals()
    for index in range(n):
        rng = random.Random(f"dicom {seed} {index}")
        name, data = originals[index % len(originals)]
        data = _renumbered(data, index, index // len(originals) // _PER_SERIES)
        changed, how = mutate(rng, data, DICOM_MUTATORS)
        yield f"{index:05d} {name} {how}"[:120] + ".dcm", changed


def _renumbered(data: bytes, index: int, series: int) -> bytes:
    """Another instance of another series, by its UIDs; lengths stay as they are."""
    for tag, number in (((0x0008, 0x0018), index), ((0x0020, 0x000E), series)):
        for order in "<>":
            uid = _uid_of(data, struct.pack(f"{order}HH", *tag))
            if uid:
                data = data.replace(uid, uid[:-6] + b"%06d" % (100_000 + number))
                break
    return data


def _uid_of(data: bytes, tag: bytes) -> bytes:
    """Value of the first element of this tag that reads as a UID."""
    start = data.find(tag)
    while start >= 0:
        found = re.match(rb"[\d.]{13,64}", data[start + 8 : start + 72])
        if found:
            return found.group()
        start = data.find(tag, start + 1)
    return b""


def elements(data: bytes) -> list[Element]:
    """Data elements as they follow each other, items entered."""
    found: list[Element] = []
    at = 132 if data[128:132] == b"DICM" else 0
    order = "<"
    while at + 8 <= len(data) and len(found) < 2000:
        if found and order == "<" and data[at] == 0 and data[at + 1] in (8, 0x28):
            order = ">"
        vr = data[at + 4 : at + 6]
        if vr in _LONG and at + 12 <= len(data):
            length_at, code, value_at = at + 8, f"{order}I", at + 12
        elif vr.isalpha() and vr.isupper():
            length_at, code, value_at = at + 6, f"{order}H", at + 8
        else:
            length_at, code, value_at = at + 4, f"{order}I", at + 8
        (length,) = struct.unpack_from(code, data, length_at)
        found.append(Element(at, length_at, code, value_at, length))
        enters = length == 0xFFFFFFFF or vr == b"SQ"
        is_item = data[at : at + 4] in (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
        at = value_at if enters or is_item else value_at + length
    return found


def _pick(rng: random.Random, data: bytes) -> Element | None:
    found = elements(data)
    return rng.choice(found) if found else None


def edit_length(rng: random.Random, data: bytes) -> bytes:
    """The length field of an element lies."""
    element = _pick(rng, data)
    if element is None:
        return data
    top = 0xFFFF if element.length_code[1] == "H" else 0xFFFFFFFF
    near = max(0, element.length + rng.randint(-4, 4))
    value = rng.choice((0, 1, near, near, top, top - 1, top - 15, rng.randint(0, top)))
    packed = struct.pack(element.length_code, value & top)
    at = element.length_at
    return data[:at] + packed + data[at + len(packed) :]


def swap_vr(rng: random.Random, data: bytes) -> bytes:
    """An element under another value representation, known or not."""
    element = _pick(rng, data)
    if element is None:
        return data
    at = element.start + 4
    return data[:at] + rng.choice(_VRS) + data[at + 2 :]


def swap_tag(rng: random.Random, data: bytes) -> bytes:
    """An element under the tag of another one."""
    element = _pick(rng, data)
    if element is None:
        return data
    tag, order = rng.choice(_TAGS), element.length_code[0]
    packed = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    return data[: element.start] + packed + data[element.start + 4 :]


def _with_value(data: bytes, element: Element, value: bytes) -> bytes:
    """Another value of an element, of even length, with its length field to match."""
    value += b" " * (len(value) % 2)
    head = data[: element.length_at] + struct.pack(element.length_code, len(value))
    head += data[len(head) : element.value_at] + value
    return head + data[element.value_at + element.length :]


def edit_value(rng: random.Random, data: bytes) -> bytes:
    """Another value of another length, with the length field to match."""
    element = _pick(rng, data)
    if element is None or element.length > len(data):
        return data
    value = rng.choice((*_TEXTS, rng.randbytes(rng.choice((2, 4, 8)))))
    return _with_value(data, element, value)


def edit_known_value(rng: random.Random, data: bytes) -> bytes:
    """Another value of an element that the import reads."""
    order = rng.choice("<>")
    tag = rng.choice(_TAGS)
    at = data.find(struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF), 128)
    found = [e for e in elements(data) if e.start == at]
    if not found or found[0].length > len(data):
        return edit_value(rng, data)
    element = found[0]
    if element.length in (2, 4):  # numbers: keep the size, change the number
        wild = rng.choice((0, 1, 7, 12, 32, 64, 255, 0x7FFF, 0xFFFF))
        packed = wild.to_bytes(2, "little") * (element.length // 2)
        end = element.value_at + element.length
        return data[: element.value_at] + packed + data[end:]
    return _with_value(data, element, rng.choice(_TEXTS))


def drop_element(rng: random.Random, data: bytes) -> bytes:
    """An element is missing."""
    element = _pick(rng, data)
    if element is None or element.length > len(data):
        return data
    return data[: element.start] + data[element.value_at + element.length :]


def repeat_element(rng: random.Random, data: bytes) -> bytes:
    """An element comes again somewhere else."""
    element, other = _pick(rng, data), _pick(rng, data)
    if element is None or other is None or element.length > len(data):
        return data
    copy = data[element.start : element.value_at + element.length]
    return data[: other.start] + copy + data[other.start :]


def follow_with(rng: random.Random, data: bytes) -> bytes:
    """Something stands behind the end: zeros, noise, text, an element of the file."""
    n_bytes = rng.choice((1 << 5, 1 << 10, 1 << 14))
    tails = [b"\1" + bytes(n_bytes), rng.randbytes(n_bytes), b"tail " * n_bytes]
    element = _pick(rng, data)
    if element is not None and element.length <= len(data):
        tails.append(data[element.start : element.value_at + element.length])
    return data + rng.choice(tails)


def nest_sequences(rng: random.Random, data: bytes) -> bytes:
    """A private sequence in sequences, up to 600 deep, before some element."""
    element = _pick(rng, data)
    if element is None:
        return data
    depth = rng.choice((1, 3, 40, 249, 600))
    opening = struct.pack("<HH2sHI", 9, 0x1001, b"SQ", 0, 0xFFFFFFFF)
    opening += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    ends = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    closing = ends * rng.choice((depth, depth, depth - 1, 0))
    return data[: element.start] + opening * depth + closing + data[element.start :]


def swap_syntax(rng: random.Random, data: bytes) -> bytes:
    """Another transfer syntax is claimed for the same bytes."""
    at = data.find(struct.pack("<HH2s", 2, 0x10, b"UI"), 128)
    if at < 0:
        return data
    (length,) = struct.unpack_from("<H", data, at + 6)
    uid = rng.choice(_SYNTAXES)
    uid += b"\0" * (len(uid) % 2)
    packed = struct.pack("<H", len(uid)) + uid
    return data[: at + 6] + packed + data[at + 8 + length :]


def damage_codestream(rng: random.Random, data: bytes) -> bytes:
    """Flipped bits near the start of the pixels: offset table, items, markers."""
    marks = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")
    at = max(data.rfind(mark) for mark in marks)
    if at < 0:
        return data
    out = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        place = at + min(int(rng.expovariate(1 / 60)), len(out) - at - 1)
        out[place] = rng.choice((0, 0xFF, out[place] ^ 1, rng.randrange(256)))
    return bytes(out)


def deflate(rng: random.Random, data: bytes) -> bytes:
    """The dataset deflated, with its transfer syntax, and perhaps damaged."""
    found = [e for e in elements(data) if data[e.start : e.start + 2] != b"\2\0"]
    if not found or data[128:132] != b"DICM":
        return data
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = squeeze.compress(data[found[0].start :]) + squeeze.flush()
    uid = b"1.2.840.10008.1.2.1.99"
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(uid)) + uid
    if rng.random() < 0.5:
        packed = rng.choice(BYTE_MUTATORS)[1](rng, packed)
    return data[:132] + meta + packed


DICOM_MUTATORS: tuple[tuple[str, Mutator], ...] = (
    *BYTE_MUTATORS,
    ("edit length", edit_length),
    ("swap VR", swap_vr),
    ("swap tag", swap_tag),
    ("edit value", edit_value),
    *(("edit known value", edit_known_value),) * 4,
    ("drop element", drop_element),
    ("repeat element", repeat_element),
    ("follow with", follow_with),
    ("nest sequences", nest_sequences),
    ("swap syntax", swap_syntax),
    *(("damage codestream", damage_codestream),) * 3,
    ("deflate", deflate),
)
