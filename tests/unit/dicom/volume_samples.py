"""MetaImage, NRRD and NIfTI files for the tests, written field by field."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.unit.dicom.samples import picture

SHAPE = (3, 4, 5)


def stack(shape: tuple[int, int, int] = SHAPE, first: int = 0) -> NDArray[np.int16]:
    """A stack that reaches air in HU, no slice like another."""
    return np.stack([picture(first + i, shape[1:]) for i in range(shape[0])])


def mha(values: NDArray[Any], body: bytes | None = None, **fields: str | None) -> bytes:
    """A MetaImage file; None leaves a field out, `body` replaces the values."""
    sizes = " ".join(str(n) for n in values.shape[::-1])
    told: dict[str, str | None] = {
        "ObjectType": "Image",
        "NDims": str(values.ndim),
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "ElementSpacing": " ".join(["0.8", "0.7", "2.5", "1"][: values.ndim]),
        "DimSize": sizes,
        "ElementType": "MET_SHORT",
        **fields,
    }
    last = told.pop("ElementDataFile", "LOCAL")
    lines = [f"{key} = {value}" for key, value in told.items() if value is not None]
    head = "\n".join([*lines, f"ElementDataFile = {last}"]) + "\n"
    data = values.astype("<i2").tobytes() if body is None else body
    return head.encode() + data


def nrrd(
    values: NDArray[Any],
    body: bytes | None = None,
    extra: Sequence[str] = (),
    **fields: str | None,
) -> bytes:
    """A NRRD file; `_` in a name stands for a blank, None leaves a field out."""
    told: dict[str, str | None] = {
        "type": "short",
        "dimension": str(values.ndim),
        "space": "left-posterior-superior",
        "sizes": " ".join(str(n) for n in values.shape[::-1]),
        "space directions": "(0.8,0,0) (0,0.7,0) (0,0,2.5)",
        "endian": "little",
        "encoding": "raw",
        "space origin": "(-10,20,30)",
        **{name.replace("_", " "): text for name, text in fields.items()},
    }
    lines = [f"{key}: {value}" for key, value in told.items() if value is not None]
    head = "\n".join(["NRRD0004", *lines, *extra]) + "\n\n"
    data = values.astype("<i2").tobytes() if body is None else body
    return head.encode() + data


def nifti(
    values: NDArray[Any],
    patches: Mapping[int, bytes] | None = None,
    *,
    pixdim: Sequence[float] = (0.8, 0.7, 2.5),
    srow: Sequence[float] | None = None,
    quaternion: Sequence[float] | None = (0.0, 0.0, 0.0),
    offset: Sequence[float] = (0.0, 0.0, 0.0),
    units: int = 2,
    slope: float = 1.0,
    inter: float = 0.0,
    gap: bytes = b"",
    pair: bool = False,
) -> bytes:
    """A NIfTI-1 file, or the header of a pair; `patches` maps offsets to bytes."""
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    sizes = [*values.shape[::-1], *([1] * (7 - values.ndim))]
    struct.pack_into("<8h", head, 40, values.ndim, *sizes)
    struct.pack_into("<2h", head, 70, 4, 16)
    struct.pack_into("<8f", head, 76, 1, *pixdim, 0, 0, 0, 0)
    struct.pack_into("<f", head, 108, 0 if pair else 352 + len(gap))
    struct.pack_into("<2f", head, 112, slope, inter)
    head[123] = units
    struct.pack_into("<2h", head, 252, quaternion is not None, srow is not None)
    if quaternion is not None:
        struct.pack_into("<6f", head, 256, *quaternion, *offset)
    if srow is not None:
        struct.pack_into("<12f", head, 280, *srow)
    head[344:348] = b"ni1\0" if pair else b"n+1\0"
    for at, patch in (patches or {}).items():
        head[at : at + len(patch)] = patch
    if pair:
        return bytes(head[:348])
    return bytes(head) + gap + values.astype("<i2").tobytes()
