"""NIfTI-1 and NIfTI-2 headers: one file (.nii) or a pair (.hdr and .img).

Layouts and meaning after nifti1.h and nifti2.h of the NIfTI working group. NIfTI's
world is RAS: x to the right, y to the front, z up.
"""

from __future__ import annotations

import math
import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom.findings import note, warning
from btd_desktop.dicom.parsed import damaged, refused, unsupported
from btd_desktop.dicom.volume_files.layout import PAIR, Layout, Remark, in_mm, vector
from btd_desktop.dicom.volume_files.nifti_fields import NiftiFields, nifti_fields

_TYPES: Final = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}
_UNITS: Final = {1: "m", 2: "mm", 3: "um"}
_FLAG_BYTES: Final = 4
_RAS_TO_LPS: Final = np.diag([-1.0, -1.0, 1.0])
# As far as a header in single precision may be off.
_SAME_DIRECTION: Final = 1e-3
_SAME_LENGTH: Final = 1e-3


def read_nifti(data: bytes) -> Layout:
    """Layout of a NIfTI file or of the header of a pair.

    Raises:
        RejectedFileError: The header is damaged, contradicts itself, or asks for what
            this program does not read.
    """
    fields = nifti_fields(data)
    sizes, remarks = _sizes(fields)
    if fields.datatype not in _TYPES:
        raise unsupported(f"Values of NIfTI type {fields.datatype}.")
    dtype = np.dtype(fields.order + _TYPES[fields.datatype])
    if fields.bitpix != 8 * dtype.itemsize:
        raise damaged(
            f"The header declares values of {fields.bitpix} bits and of type "
            f"{fields.datatype}, which has {8 * dtype.itemsize}."
        )
    start, more = _start(fields, data)
    remarks += more
    n_space = min(3, max(2, len(sizes)))
    matrix, origin, more = _place(fields, n_space)
    remarks += more
    slope, intercept, more = _rescale(fields)
    return Layout(
        dtype=dtype,
        sizes=sizes,
        encoding="raw",
        start=start,
        detached=PAIR if fields.is_pair else None,
        spatial=tuple(range(n_space)),
        times=3 if len(sizes) > 3 else None,
        # + 0.0: no negative zeros.
        steps=tuple(vector(matrix[:, axis] + 0.0) for axis in range(n_space)),
        origin=vector(origin + 0.0),
        slope=slope,
        intercept=intercept,
        remarks=(*remarks, *more),
    )


def _sizes(fields: NiftiFields) -> tuple[tuple[int, ...], list[Remark]]:
    """Sizes without axes of length 1 behind the fourth, and a remark on unused ones."""
    n_axes = fields.dim[0]
    if not 1 <= n_axes <= 7:
        raise damaged(f"The NIfTI header declares {n_axes} axes.")
    sizes, unused = fields.dim[1 : n_axes + 1], fields.dim[n_axes + 1 :]
    if min(sizes) < 1:
        raise damaged(f"The NIfTI header declares sizes of {list(sizes)}.")
    if any(size < 0 for size in unused):
        raise damaged(
            f"The NIfTI header declares negative sizes for axes that it does not use: "
            f"{list(unused)}."
        )
    if any(size != 1 for size in sizes[4:]):
        raise unsupported(f"Each voxel holds several values: {list(sizes)}.")
    remarks: list[Remark] = []
    if any(size > 1 for size in unused):
        sentence = (
            f"The header declares {n_axes} axes and sizes for more "
            f"({list(unused)}): other readers may see another image."
        )
        remarks.append(warning("ambiguous_sizes", sentence))
    kept = list(sizes[:4])
    while len(kept) > 3 and kept[-1] == 1:
        kept.pop()
    while len(kept) > 2 and kept[-1] == 1:
        kept.pop()
    return tuple(kept + [1] * (2 - len(kept))), remarks


def _start(fields: NiftiFields, data: bytes) -> tuple[int, list[Remark]]:
    """Offset of the values, and remarks on what lies before them."""
    end = fields.header_bytes
    offset = fields.vox_offset
    if not math.isfinite(offset) or offset != int(offset) or abs(offset) > 2**48:
        raise damaged("The NIfTI header gives no usable offset of the values.")
    start = int(offset)
    if fields.is_pair:
        if start != 0:
            raise unsupported("The values begin behind a foreign header (vox_offset).")
        return 0, _extension_remarks(fields, data, len(data))
    if start < end + _FLAG_BYTES:
        raise refused(
            f"The values are said to begin at byte {start}, inside the header of "
            f"{end + _FLAG_BYTES}: readers may see different images."
        )
    if start > len(data):
        raise damaged("The NIfTI file ends before its values begin.")
    return start, _extension_remarks(fields, data, start)


def _extension_remarks(fields: NiftiFields, data: bytes, end: int) -> list[Remark]:
    """Walk the extensions (nifti1.h, section "extended header") up to `end`."""
    at = fields.header_bytes
    flag = data[at : at + _FLAG_BYTES]
    at += _FLAG_BYTES
    codes = []
    while flag[:1] not in (b"", b"\0") and at + 8 <= end:
        size, code = struct.unpack_from(f"{fields.order}2i", data, at)
        if size < 16 or size % 16 or at + size > end:
            raise damaged("An extension of the NIfTI header is damaged.")
        codes.append(code)
        at += size
    remarks: list[Remark] = []
    if codes:
        sentence = (
            f"The header carries {len(codes)} extensions (codes "
            f"{', '.join(map(str, codes[:8]))}); they change no value and were not "
            "read."
        )
        remarks.append(note("header_extensions", sentence))
    hidden = data[at:end].strip(b"\0")
    if hidden:
        sentence = (
            f"{len(hidden):,} bytes lie between the header and the values and belong "
            "to neither: they were not read."
        )
        remarks.append(warning("hidden_bytes", sentence))
    return remarks


def _rescale(fields: NiftiFields) -> tuple[float, float, list[Remark]]:
    """Slope and intercept; a slope of zero or no number means none (nifti1.h)."""
    slope, inter = fields.slope, fields.inter
    if slope == 0 or math.isnan(slope):
        return 1.0, 0.0, []
    if not math.isfinite(slope) or not math.isfinite(inter):
        sentence = (
            "Slope or intercept of the values is not a number: the stored values were "
            "taken as they are."
        )
        return 1.0, 0.0, [warning("broken_rescale", sentence)]
    return slope, inter, []


def _place(
    fields: NiftiFields, n_space: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[Remark]]:
    """Steps as columns and origin, in LPS mm, and what contradicts."""
    remarks: list[Remark] = []
    code = fields.xyzt_units & 7
    if code not in (0, *_UNITS):
        raise unsupported(f"The unit of length with NIfTI code {code}.")
    if code == 0:
        sentence = "The header names no unit of length: millimetres were assumed."
        remarks.append(note("no_unit_of_length", sentence))
    unit = _UNITS.get(code, "mm")
    _check_numbers(fields, n_space)
    sides = np.ones(3)
    given = fields.pixdim[1 : n_space + 1]
    sides[:n_space] = [in_mm(abs(side), unit) for side in given]
    if min(given) < 0:
        sentence = "The header gives a negative spacing; its sign was left out."
        remarks.append(warning("negative_spacing", sentence))
    by_q = None if fields.qform_code <= 0 else _of_qform(fields, sides, unit)
    by_s = None
    if fields.sform_code > 0:
        by_s, more = _of_sform(fields, sides, unit, n_space)
        remarks += more
    if by_q is not None and by_s is not None:
        remarks += _conflict(by_q, by_s, n_space)
    chosen = by_s or by_q
    if chosen is None:
        sentence = (
            "The header does not say how the body lies in the volume: left and right "
            "may be swapped."
        )
        remarks.append(warning("orientation_unknown", sentence))
        chosen = np.diag(sides), np.zeros(3)
    matrix, origin = chosen
    return _RAS_TO_LPS @ matrix, _RAS_TO_LPS @ origin, remarks


def _check_numbers(fields: NiftiFields, n_space: int) -> None:
    numbers = list(fields.pixdim[1 : n_space + 1])
    if fields.qform_code > 0:
        numbers += [*fields.quatern, *fields.qoffset]
    if fields.sform_code > 0:
        numbers += fields.srow
    if not all(math.isfinite(number) for number in numbers):
        raise damaged("Spacing, origin or direction of the volume are not numbers.")


_Affine = tuple[NDArray[np.float64], NDArray[np.float64]]


def _of_qform(fields: NiftiFields, sides: NDArray[np.float64], unit: str) -> _Affine:
    """Method 2 of nifti1.h: a rotation by quaternion, voxel sizes from pixdim."""
    b, c, d = fields.quatern
    rest = 1.0 - (b * b + c * c + d * d)
    if rest < -1e-2:
        raise damaged("The quaternion of the NIfTI header is no rotation.")
    if rest < 1e-7:
        length = math.sqrt(b * b + c * c + d * d)
        a, b, c, d = 0.0, b / length, c / length, d / length
    else:
        a = math.sqrt(rest)
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )
    if fields.pixdim[0] < 0:
        rotation[:, 2] *= -1
    origin = np.array([in_mm(value, unit) for value in fields.qoffset])
    return rotation * sides, origin


def _of_sform(
    fields: NiftiFields, sides: NDArray[np.float64], unit: str, n_space: int
) -> tuple[_Affine | None, list[Remark]]:
    """Method 3 of nifti1.h; directions of the matrix, voxel sizes of pixdim.

    Where both give sizes they agree; some writers leave the sizes out of the matrix.
    """
    rows = np.array(fields.srow).reshape(3, 4)
    matrix = np.vectorize(lambda value: in_mm(value, unit))(rows)
    lengths = np.linalg.norm(matrix[:, :3], axis=0)
    if n_space < 3 and lengths[2] == 0:
        matrix[:, 2] = np.cross(matrix[:, 0], matrix[:, 1])
        lengths = np.linalg.norm(matrix[:, :3], axis=0)
    if lengths[:n_space].min() == 0:
        sentence = "A direction of the sform has no length: the sform was left out."
        return None, [warning("orientation_conflict", sentence)]
    remarks: list[Remark] = []
    used = np.where(sides > 0, sides, lengths)
    off = np.abs(lengths / used - 1)[:n_space]
    if off.max() > _SAME_LENGTH:
        sentence = (
            f"The sform gives voxel sizes of {_listed(lengths[:n_space])} mm, pixdim "
            f"of {_listed(used[:n_space])} mm; pixdim was used."
        )
        remarks.append(warning("spacing_conflict", sentence))
    lengths[lengths == 0] = 1.0
    return (matrix[:, :3] / lengths * used, matrix[:, 3]), remarks


def _listed(values: NDArray[np.float64]) -> str:
    return " x ".join(f"{value:.6g}" for value in values)


def _conflict(by_q: _Affine, by_s: _Affine, n_space: int) -> list[Remark]:
    """A remark when the two orientations that a header may give are not the same."""
    q, s = (
        affine[0][:, :n_space] / np.linalg.norm(affine[0][:, :n_space], axis=0)
        for affine in (by_q, by_s)
        if affine is not None
    )
    is_turned = bool(np.abs(q - s).max() > _SAME_DIRECTION)
    side = int(np.argmax(np.abs(q[0])))
    is_mirrored = bool(q[0, side] * s[0, side] < 0)
    size = float(np.linalg.norm(by_q[0], axis=0)[:n_space].min())
    shift = float(np.abs(by_q[1] - by_s[1]).max())
    if is_mirrored:
        sentence = (
            "The two orientations of the header (qform and sform) contradict: they "
            "swap left and right of the body. The sform was used."
        )
    elif is_turned:
        sentence = (
            "The two orientations of the header (qform and sform) contradict. The "
            "sform was used; the side of the body may be another."
        )
    elif shift > 0.1 * size:
        sentence = (
            f"The two origins of the header (qform and sform) lie {shift:.6g} mm "
            "apart. The sform was used."
        )
    else:
        return []
    return [warning("orientation_conflict", sentence)]
