"""MetaImage headers (.mha, .mhd): `Key = value` lines, the last one `ElementDataFile`.

After the MetaIO documentation (Kitware). MetaIO itself also takes `:` for `=`, ends a
line at a lone CR, follows any path, and hands patterns to printf; none of that is in
this grammar.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from btd_desktop.dicom.findings import note, warning
from btd_desktop.dicom.parsed import Modality, damaged, refused, unsupported
from btd_desktop.dicom.volume_files.layout import (
    HEADER_BYTES,
    MM_PER_UNIT,
    Layout,
    Remark,
    Vector,
    header_lines,
    in_mm,
    numbers,
    vector,
    whole_numbers,
)

_WHAT: Final = "MetaImage"
_LINE: Final = re.compile(r"[ \t]*([A-Za-z0-9_|.\-]+)[ \t]*=[ \t]*(.*?)[ \t]*")
_LAST: Final = re.compile(
    rb"(?:\A|\n)[ \t]*ElementDataFile[ \t]*=[^\n]*(?:\n|\Z)", re.IGNORECASE
)
_TYPES: Final = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
# Keys that MetaIO takes for one and the same.
_SAME: Final = (
    ("ElementByteOrderMSB", "BinaryDataByteOrderMSB"),
    ("TransformMatrix", "Rotation", "Orientation"),
    ("Offset", "Position", "Origin"),
)
_MODALITIES: Final[dict[str, Modality]] = {"MET_MOD_CT": "CT", "MET_MOD_MR": "MR"}
# They say something about the image that changes no value and no place.
_IGNORED: Final = (
    *("Comment", "Name", "ID", "ParentID", "Color", "AcquisitionDate"),
    *("ObjectSubType", "TransformType", "CenterOfRotation", "CompressionLevel"),
    *("ElementMin", "ElementMax", "Modality", "ElementSize"),
)
_KNOWN: Final = frozenset(
    (
        *("ObjectType", "NDims", "DimSize", "ElementType", "ElementSpacing"),
        *("ElementNumberOfChannels", "HeaderSize", "BinaryData", "CompressedData"),
        *("CompressedDataSize", "AnatomicalOrientation", "DistanceUnits"),
        *("ElementToIntensityFunctionSlope", "ElementToIntensityFunctionOffset"),
        *(key for keys in _SAME for key in keys),
        *_IGNORED,
        "ElementDataFile",
    )
)
_BY_LOWER: Final = {key.lower(): key for key in _KNOWN}


def read_metaimage(data: bytes) -> Layout:
    """Layout of a MetaImage file.

    Raises:
        RejectedFileError: A line is not of the grammar, a field is missing, repeated,
            contradicts another, or asks for what this program does not read.
    """
    found = _LAST.search(data, 0, HEADER_BYTES)
    if found is None:
        raise refused(
            f"No ElementDataFile line within the first {HEADER_BYTES:,} bytes: this is "
            "no MetaImage header that all readers read alike."
        )
    fields, unknown = _fields(header_lines(data[: found.end()], _WHAT))
    _merge_equal_keys(fields)
    detached, remarks = _detached(fields, data, found.end()), _unknown(unknown)
    n_axes = _only(fields, "NDims", (2, 3, 4))
    sizes = whole_numbers(_required(fields, "DimSize"), n_axes, "DimSize")
    encoding, packed = _encoding(fields)
    has_place = "ElementSpacing" in fields or "ElementSize" in fields
    axes, origin = _geometry(fields, n_axes)
    return Layout(
        dtype=_dtype(fields),
        sizes=tuple(sizes),
        encoding=encoding,
        start=0 if detached else found.end(),
        detached=detached,
        spatial=tuple(range(min(n_axes, 3))),
        times=3 if n_axes == 4 else None,
        steps=axes,
        origin=origin,
        has_place=has_place,
        packed_bytes=packed,
        from_end=detached is not None and fields.get("HeaderSize") == "-1",
        is_exact=detached is None,
        modality=_MODALITIES.get(fields.get("Modality", ""), ""),
        remarks=(*remarks, *_orientation_remarks(fields, axes)),
    )


def _fields(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    fields: dict[str, str] = {}
    unknown: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if "ElementDataFile" in fields:
            raise refused("Lines follow ElementDataFile, which must be the last one.")
        matched = _LINE.fullmatch(line)
        if matched is None:
            raise refused(
                f"Line {number} of the MetaImage header is not of the form "
                f"“Key = value”: {line[:60]!r}."
            )
        key, value = matched.groups()
        if key in fields:
            raise refused(f"{key} stands in the MetaImage header twice.")
        if key not in _KNOWN:
            if key.lower() in _BY_LOWER:
                raise refused(f"{key} is not how {_BY_LOWER[key.lower()]} is written.")
            unknown.append(key)
        fields[key] = value
    return fields, unknown


def _merge_equal_keys(fields: dict[str, str]) -> None:
    for keys in _SAME:
        given = [key for key in keys if key in fields]
        if len({fields[key] for key in given}) > 1:
            raise refused(f"{' and '.join(given)} mean the same and contradict.")
        if given:
            fields[keys[0]] = fields[given[0]]


def _unknown(keys: list[str]) -> list[Remark]:
    if not keys:
        return []
    more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
    sentence = (
        f"The header holds fields that this program does not use: "
        f"{', '.join(keys[:5])}{more}."
    )
    return [note("unused_fields", sentence)]


def _detached(fields: dict[str, str], data: bytes, end: int) -> str | None:
    name = _required(fields, "ElementDataFile")
    if name in ("LOCAL", "Local", "local"):
        return None
    if name.split()[0].upper() == "LIST":
        raise unsupported("A MetaImage whose slices lie in a LIST of files.")
    if "%" in name:
        raise unsupported("A MetaImage whose slices lie in a numbered series of files.")
    if data[end:].strip():
        raise refused(
            "Bytes follow the header although its values lie in another file."
        )
    return name


def _required(fields: dict[str, str], key: str) -> str:
    if not fields.get(key):
        raise damaged(f"The MetaImage header has no {key}.")
    return fields[key]


def _only(fields: dict[str, str], key: str, allowed: tuple[int, ...]) -> int:
    (value,) = whole_numbers(_required(fields, key), 1, key)
    if value not in allowed:
        raise unsupported(f"{key} is {value}: not a stack of slices.")
    return value


def _is_true(fields: dict[str, str], key: str, default: bool) -> bool:
    word = fields.get(key)
    if word is None:
        return default
    if word not in ("True", "False"):
        raise damaged(f"{key} is neither True nor False.")
    return word == "True"


def _dtype(fields: dict[str, str]) -> np.dtype[np.generic]:
    kind = fields.get("ObjectType", "Image")
    if kind != "Image":
        raise unsupported(f"A MetaImage object of type {kind[:40]}, not an image.")
    if not _is_true(fields, "BinaryData", True):
        raise unsupported("A MetaImage whose values are written as text.")
    if (channels := fields.get("ElementNumberOfChannels", "1")) != "1":
        raise unsupported(f"Each voxel holds {channels[:20]} values, not one.")
    for key, neutral in (
        ("ElementToIntensityFunctionSlope", 1.0),
        ("ElementToIntensityFunctionOffset", 0.0),
    ):
        if key in fields and numbers(fields[key], 1, key) != [neutral]:
            raise unsupported(f"{key} changes the values; readers differ in using it.")
    if fields.get("HeaderSize", "0") not in ("0", "-1"):
        raise unsupported("The values begin behind a foreign header (HeaderSize).")
    if fields.get("HeaderSize") == "-1" and _is_true(fields, "CompressedData", False):
        raise unsupported("Packed values behind a foreign header (HeaderSize).")
    name = _required(fields, "ElementType")
    if name not in _TYPES:
        raise unsupported(f"Values of type {name[:40]}.")
    is_big = _is_true(fields, "ElementByteOrderMSB", False)
    return np.dtype((">" if is_big else "<") + _TYPES[name])


def _encoding(fields: dict[str, str]) -> tuple[str, int | None]:
    if not _is_true(fields, "CompressedData", False):
        return "raw", None
    size = fields.get("CompressedDataSize", "0")
    (declared,) = whole_numbers(size, 1, "CompressedDataSize")
    # Some writers leave the size out, or at zero.
    return "zlib", declared or None


def _geometry(fields: dict[str, str], n_axes: int) -> tuple[tuple[Vector, ...], Vector]:
    """Steps along the spatial axes and the origin; MetaImage's world is LPS."""
    unit = fields.get("DistanceUnits", "mm")
    unit = "mm" if unit in ("?", "") else unit
    if unit not in MM_PER_UNIT:
        raise unsupported(f"{unit[:20]} is no unit of length that this program knows.")
    ones = " ".join(["1"] * n_axes)
    sides = fields.get("ElementSpacing") or fields.get("ElementSize") or ones
    spacing = numbers(sides, n_axes, "ElementSpacing")
    identity = " ".join(str(int(i % (n_axes + 1) == 0)) for i in range(n_axes**2))
    # One axis after the other, each a unit vector.
    matrix = numbers(
        fields.get("TransformMatrix") or identity, n_axes**2, "TransformMatrix"
    )
    place = numbers(fields.get("Offset") or " ".join(["0"] * n_axes), n_axes, "Offset")
    n_space = min(n_axes, 3)
    steps = []
    for axis in range(n_space):
        direction = matrix[axis * n_axes : axis * n_axes + n_space]
        length = in_mm(spacing[axis], unit)
        if length <= 0:
            raise damaged("ElementSpacing is not positive.")
        steps.append(vector([part * length for part in direction]))
    return tuple(steps), vector([in_mm(part, unit) for part in place[:n_space]])


def _orientation_remarks(
    fields: dict[str, str], axes: tuple[Vector, ...]
) -> list[Remark]:
    """A remark when AnatomicalOrientation is not that of the matrix, either way round.

    Writers disagree whether its letters name where an axis comes from or goes to.
    """
    stated = fields.get("AnatomicalOrientation", "").upper()
    if len(stated) != len(axes) or not set(stated) <= set("RLAPIS"):
        return []
    pairs = ("RL", "AP", "IS")
    origin, target = "", ""
    for axis in axes:
        world = max(range(3), key=lambda i: abs(axis[i]))
        is_up = axis[world] > 0
        origin += pairs[world][0 if is_up else 1]
        target += pairs[world][1 if is_up else 0]
    if stated in (origin, target):
        return []
    sentence = (
        f"AnatomicalOrientation says {stated}, the matrix of the same header "
        f"{origin}: the side of the body may be swapped."
    )
    return [warning("orientation_conflict", sentence)]
