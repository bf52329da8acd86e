"""The fields of a NIfTI header that matter, by their names in nifti1.h, nifti2.h."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from btd_desktop.dicom.parsed import damaged, unsupported
from btd_desktop.dicom.volume_files.layout import Vector

_MAGIC: Final = {b"n+1\0": False, b"ni1\0": True}
_MAGIC_2: Final = {b"n+2\0\r\n\x1a\n": False, b"ni2\0\r\n\x1a\n": True}


@dataclass(frozen=True, slots=True)
class NiftiFields:
    """The fields that matter, by their names in nifti1.h."""

    header_bytes: int
    order: str
    is_pair: bool
    dim: tuple[int, ...]
    datatype: int
    bitpix: int
    vox_offset: float
    slope: float
    inter: float
    pixdim: tuple[float, ...]
    xyzt_units: int
    qform_code: int
    sform_code: int
    quatern: Vector
    qoffset: Vector
    srow: tuple[float, ...]


def nifti_fields(data: bytes) -> NiftiFields:
    """Fields of the header that a file begins with.

    Raises:
        RejectedFileError: It is cut short, or without the mark of NIfTI.
    """
    for order in "<>":
        if data[:4] == struct.pack(f"{order}i", 348) and len(data) >= 348:
            return _first(data, order)
        if data[:4] == struct.pack(f"{order}i", 540) and len(data) >= 540:
            return _second(data, order)
    raise damaged("The NIfTI header is damaged or cut short.")


def _first(data: bytes, order: str) -> NiftiFields:
    magic = data[344:348]
    if magic not in _MAGIC:
        raise unsupported(
            "An Analyze header without the mark of NIfTI: it does not say which side "
            "of the body is which."
        )

    def get(kind: str, at: int) -> tuple[Any, ...]:
        return struct.unpack_from(order + kind, data, at)

    def reals(count: int, at: int) -> tuple[float, ...]:
        # The shortest decimal is what was meant: 0.7, not 0.699999988.
        return tuple(float(str(np.float32(value))) for value in get(f"{count}f", at))

    return NiftiFields(
        header_bytes=348,
        order=order,
        is_pair=_MAGIC[magic],
        dim=get("8h", 40),
        datatype=get("h", 70)[0],
        bitpix=get("h", 72)[0],
        vox_offset=get("f", 108)[0],
        slope=get("f", 112)[0],
        inter=get("f", 116)[0],
        pixdim=reals(8, 76),
        xyzt_units=data[123],
        qform_code=get("h", 252)[0],
        sform_code=get("h", 254)[0],
        quatern=_three(get("3f", 256)),
        qoffset=_three(reals(3, 268)),
        srow=reals(12, 280),
    )


def _second(data: bytes, order: str) -> NiftiFields:
    magic = data[4:12]
    if magic not in _MAGIC_2:
        raise damaged("The NIfTI-2 header has no valid mark: changed in transit.")

    def get(kind: str, at: int) -> tuple[Any, ...]:
        return struct.unpack_from(order + kind, data, at)

    return NiftiFields(
        header_bytes=540,
        order=order,
        is_pair=_MAGIC_2[magic],
        dim=get("8q", 16),
        datatype=get("h", 12)[0],
        bitpix=get("h", 14)[0],
        vox_offset=float(get("q", 168)[0]),
        slope=get("d", 176)[0],
        inter=get("d", 184)[0],
        pixdim=get("8d", 104),
        xyzt_units=get("i", 500)[0],
        qform_code=get("i", 344)[0],
        sform_code=get("i", 348)[0],
        quatern=_three(get("3d", 352)),
        qoffset=_three(get("3d", 376)),
        srow=get("12d", 400),
    )


def _three(values: tuple[float, ...]) -> Vector:
    x, y, z = values
    return x, y, z
