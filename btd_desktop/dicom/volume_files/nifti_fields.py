"""The fields of a NIfTI header that matter, by their names in nifti1.h, nifti2.h."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from btd_desktop.dicom.parsed import RejectedFileError, damaged, unsupported
from btd_desktop.dicom.volume_files.layout import Vector

# Name to format and offset in the header.
_FIELDS: Final = {
    "dim": ("8h", 40), "datatype": ("h", 70), "bitpix": ("h", 72),
    "vox_offset": ("f", 108), "slope": ("f", 112), "inter": ("f", 116),
    "pixdim": ("8f", 76), "xyzt_units": ("B", 123), "qform_code": ("h", 252),
    "sform_code": ("h", 254), "quatern": ("3f", 256), "qoffset": ("3f", 268),
    "srow": ("12f", 280),
}  # fmt: skip
_FIELDS_2: Final = {
    "dim": ("8q", 16), "datatype": ("h", 12), "bitpix": ("h", 14),
    "vox_offset": ("q", 168), "slope": ("d", 176), "inter": ("d", 184),
    "pixdim": ("8d", 104), "xyzt_units": ("i", 500), "qform_code": ("i", 344),
    "sform_code": ("i", 348), "quatern": ("3d", 352), "qoffset": ("3d", 376),
    "srow": ("12d", 400),
}  # fmt: skip
_SINGLE_PRECISION: Final = ("pixdim", "qoffset", "srow")
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
            found = _read(data, order, _FIELDS)
            for name in _SINGLE_PRECISION:
                # The shortest decimal is what was meant: 0.7, not 0.699999988.
                found[name] = tuple(float(str(np.float32(v))) for v in found[name])
            is_pair = _is_pair(data[344:348], _MAGIC, _no_nifti())
            return NiftiFields(348, order, is_pair, **found)
        if data[:4] == struct.pack(f"{order}i", 540) and len(data) >= 540:
            why = damaged("The NIfTI-2 header has no valid mark: changed in transit.")
            is_pair = _is_pair(data[4:12], _MAGIC_2, why)
            return NiftiFields(540, order, is_pair, **_read(data, order, _FIELDS_2))
    raise damaged("The NIfTI header is damaged or cut short.")


def _no_nifti() -> RejectedFileError:
    return unsupported(
        "An Analyze header without the mark of NIfTI: it does not say which side "
        "of the body is which."
    )


def _is_pair(magic: bytes, known: dict[bytes, bool], why: RejectedFileError) -> bool:
    if magic not in known:
        raise why
    return known[magic]


def _read(
    data: bytes, order: str, fields: dict[str, tuple[str, int]]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (kind, at) in fields.items():
        values = struct.unpack_from(order + kind, data, at)
        found[name] = values if kind[0].isdigit() else values[0]
    return found
