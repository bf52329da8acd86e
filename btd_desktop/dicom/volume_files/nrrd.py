"""NRRD headers (.nrrd, .nhdr): `field: value` and `key:=value` lines, an empty one.

After the definition of the format (teem, NRRD0001 to NRRD0005). Every field is in the
list below, once; patterns and lists of data files, skipped lines and bytes, and text
encodings are named and not read.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from btd_desktop.dicom.parsed import Modality, damaged, refused, unsupported
from btd_desktop.dicom.volume_files.layout import (
    HEADER_BYTES,
    Layout,
    Vector,
    header_lines,
    whole_numbers,
)
from btd_desktop.dicom.volume_files.nrrd_geometry import NrrdFields, nrrd_geometry

_WHAT: Final = "NRRD"
_MAGIC: Final = re.compile(r"NRRD000[1-5]")
_FIELD: Final = re.compile(r"([A-Za-z][A-Za-z ]*): +(.*?)[ \t]*")
_PAIR: Final = re.compile(r"([^:]+):=(.*)")
_FIELDS: Final = frozenset(
    (
        *("content", "number", "type", "block size", "dimension", "sizes", "spacings"),
        *("thicknesses", "axis mins", "axis maxs", "centers", "labels", "units"),
        *("kinds", "min", "max", "old min", "old max", "endian", "encoding"),
        *("line skip", "byte skip", "sample units", "space", "space dimension"),
        *("space units", "space origin", "space directions", "measurement frame"),
        "data file",
    )
)
_OTHER_NAMES: Final = {
    "blocksize": "block size",
    "axismins": "axis mins",
    "axismaxs": "axis maxs",
    "centerings": "centers",
    "oldmin": "old min",
    "oldmax": "old max",
    "lineskip": "line skip",
    "byteskip": "byte skip",
    "sampleunits": "sample units",
    "datafile": "data file",
}
_TYPES: Final = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(
        ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
        "i2",
    ),
    **dict.fromkeys(
        ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"
    ),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(
        (
            *("longlong", "long long", "long long int", "signed long long"),
            *("signed long long int", "int64", "int64_t"),
        ),
        "i8",
    ),
    **dict.fromkeys(
        (
            *("ulonglong", "unsigned long long", "unsigned long long int"),
            *("uint64", "uint64_t"),
        ),
        "u8",
    ),
    "float": "f4",
    "double": "f8",
}
_ENCODINGS: Final = {
    "raw": "raw",
    **dict.fromkeys(("gz", "gzip"), "gzip"),
    **dict.fromkeys(("bz2", "bzip2"), "bzip2"),
}
_SPATIAL_KINDS: Final = ("domain", "space")
_TIME_KINDS: Final = ("time", "list")
_MODALITY_KEYS: Final = ("modality", "dicom_0008_0060_modality", "0008|0060")


def read_nrrd(data: bytes) -> Layout:
    """Layout of a NRRD file.

    Raises:
        RejectedFileError: A line is not of the grammar, a field is unknown, missing,
            repeated, contradicts another, or asks for what this program does not read.
    """
    end, header = _header(data)
    fields, pairs = _fields(header_lines(header, _WHAT))
    detached = _detached(fields)
    if detached is None and end is None:
        raise damaged("The NRRD header does not end: no empty line follows it.")
    if detached is not None and data[end or len(data) :].strip():
        raise refused(
            "Bytes follow the header although its values lie in another file."
        )
    (n_axes,) = whole_numbers(_required(fields, "dimension"), 1, "dimension")
    if not 2 <= n_axes <= 16:
        raise unsupported(f"{n_axes} axes: not a stack of slices.")
    sizes = whole_numbers(_required(fields, "sizes"), n_axes, "sizes")
    steps, origin, remarks, has_place = nrrd_geometry(fields, n_axes)
    spatial, times = _axes(fields, sizes, steps)
    encoding = _encoding(fields)
    return Layout(
        dtype=_dtype(fields),
        sizes=tuple(sizes),
        encoding=encoding,
        start=0 if detached is not None else end or 0,
        detached=detached,
        spatial=spatial,
        times=times,
        steps=tuple(step for axis in spatial if (step := steps[axis]) is not None),
        origin=origin,
        has_place=has_place,
        from_end=detached is not None and fields.get("byte skip") == "-1",
        is_exact=fields.get("byte skip") == "-1",
        modality=_modality(pairs),
        remarks=tuple(remarks),
    )


def _header(data: bytes) -> tuple[int | None, bytes]:
    """Where the values begin, and the header; None when no empty line ends it."""
    found = re.compile(rb"\r?\n\r?\n").search(data, 0, HEADER_BYTES)
    if found is not None:
        return found.end(), data[: found.start()]
    if len(data) > HEADER_BYTES:
        raise refused(
            f"The NRRD header does not end within {HEADER_BYTES:,} bytes: what follows "
            "would be seen by some readers only."
        )
    return None, data


def _fields(lines: list[str]) -> tuple[NrrdFields, NrrdFields]:
    if not lines or not _MAGIC.fullmatch(lines[0]):
        raise damaged(f"The first line of the NRRD header is {lines[0][:20]!r}.")
    fields: NrrdFields = {}
    pairs: NrrdFields = {}
    for number, line in enumerate(lines[1:], 2):
        if line.startswith("#") or not line:
            continue
        matched = _FIELD.fullmatch(line)
        name = "" if matched is None else matched[1].lower()
        name = _OTHER_NAMES.get(name, name)
        if matched is not None and name in _FIELDS:
            if name in fields:
                raise refused(f"“{name}” stands in the NRRD header twice.")
            fields[name] = matched[2]
            continue
        pair = _PAIR.fullmatch(line)
        if pair is None:
            raise refused(
                f"Line {number} of the NRRD header is no field of the format: "
                f"{line[:60]!r}."
            )
        key = pair[1].strip().lower()
        if key in pairs:
            raise refused(f"The key “{key[:40]}” stands in the NRRD header twice.")
        if _OTHER_NAMES.get(key, key) in _FIELDS:
            raise refused(f"The key “{key[:40]}” is written like a field.")
        pairs[key] = pair[2].strip()
    return fields, pairs


def _detached(fields: NrrdFields) -> str | None:
    for skip, allowed in (("line skip", ("0",)), ("byte skip", ("0", "-1"))):
        if fields.get(skip, "0") not in allowed:
            raise unsupported(f"The values begin behind a foreign header ({skip}).")
    name = fields.get("data file")
    if name is None:
        return None
    if name.split()[:1] == ["LIST"]:
        raise unsupported("A NRRD whose slices lie in a LIST of files.")
    if "%" in name:
        raise unsupported("A NRRD whose slices lie in a numbered series of files.")
    if not name:
        raise damaged("“data file” names no file.")
    return name


def _required(fields: NrrdFields, name: str) -> str:
    if not fields.get(name):
        raise damaged(f"The NRRD header has no “{name}”.")
    return fields[name]


def _dtype(fields: NrrdFields) -> np.dtype[np.generic]:
    name = _required(fields, "type").lower()
    if name not in _TYPES:
        raise unsupported(f"Values of type {name[:40]}.")
    code = _TYPES[name]
    order = fields.get("endian", "").lower()
    if order not in ("little", "big"):
        if code[1] != "1" or order:
            raise damaged("“endian” is neither little nor big.")
        order = "little"
    return np.dtype((">" if order == "big" else "<") + code)


def _encoding(fields: NrrdFields) -> str:
    name = _required(fields, "encoding").lower()
    if name not in _ENCODINGS:
        raise unsupported(f"The NRRD encoding {name[:20]}.")
    if name != "raw" and fields.get("byte skip") == "-1":
        raise unsupported("Packed values behind a foreign header (byte skip).")
    return _ENCODINGS[name]


def _axes(
    fields: NrrdFields, sizes: list[int], steps: list[Vector | None]
) -> tuple[tuple[int, ...], int | None]:
    """The axes of space, and the one that counts volumes."""
    n_axes = len(sizes)
    kinds = fields.get("kinds", "").lower().split() or ["???"] * n_axes
    if len(kinds) != n_axes:
        raise damaged(f"“kinds” is not {n_axes} words.")
    spatial = [
        axis
        for axis in range(n_axes)
        if steps[axis] is not None and kinds[axis] in (*_SPATIAL_KINDS, "???", "none")
    ]
    others = [axis for axis in range(n_axes) if axis not in spatial]
    if "space directions" not in fields and len(spatial) == 4 and not others:
        others = [spatial.pop()]
        kinds[others[0]] = "list"
    counted = [axis for axis in others if sizes[axis] != 1]
    if len(spatial) not in (2, 3) or len(counted) > 1:
        raise unsupported(f"Not a stack of slices: {sizes}.")
    if not counted:
        return tuple(spatial), None
    (times,) = counted
    # In front of an axis of space it counts the values of one voxel, whatever its kind.
    is_last = times > max(spatial)
    if not is_last or kinds[times] not in (*_TIME_KINDS, "???"):
        raise unsupported(
            f"Each voxel holds {sizes[times]} values ({kinds[times][:40]}), not one."
        )
    return tuple(spatial), times


def _modality(pairs: NrrdFields) -> Modality:
    stated = {pairs[key].upper() for key in _MODALITY_KEYS if key in pairs}
    return "CT" if stated == {"CT"} else "MR" if stated == {"MR"} else ""
