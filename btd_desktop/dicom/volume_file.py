"""NIfTI, NRRD, MetaImage, NumPy and PNG files to arrays. Runs in the parsing process.

SimpleITK reads from paths only, and headers of detached formats may name any file of
the machine: so the bytes received are written to the process's own scratch files,
under our own names, and a header that points elsewhere is refused.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import ParsedFile, RejectedFileError
from btd_desktop.dicom.scratch import ScratchFiles
from btd_desktop.dicom.series import Fate

__all__ = ["companion_name", "parse_npy", "parse_png", "parse_volume"]

_HEADER_BYTES: Final = 65536
_MAX_TIMES: Final = 1000


def companion_name(head: bytes) -> str | None:
    """Name of the data file that a MetaImage or NRRD header refers to, or None.

    The name is as written: whoever opens it must keep to the header's own folder.
    """
    if head.startswith(b"NRRD000"):
        header = head.split(b"\n\n", 1)[0].split(b"\r\n\r\n", 1)[0]
        match = re.search(rb"(?im)^data ?file:\s*(.+?)\s*$", header)
    else:
        match = re.search(rb"(?m)^\s*ElementDataFile\s*=\s*(.+?)\s*$", head)
    if match is None:
        return None
    name = match.group(1).decode("utf-8", "surrogateescape")
    return None if name.upper() == "LOCAL" else name


def parse_volume(
    data: bytes, companion: bytes, suffix: str, scratch: ScratchFiles, limits: Limits
) -> ParsedFile:
    """Array (times, S, H, W) and grid of a volume file, or why it cannot be used.

    Args:
        data: The file.
        companion: Its detached data file, empty when there is none.
        suffix: `.nii`, `.nii.gz`, `.nrrd`, `.nhdr`, `.mha` or `.mhd`.
        scratch: The files that this process may write.
        limits: Ceilings.
    """
    try:
        if suffix == ".nii.gz":
            data, suffix = _gunzip(data, limits.max_inflated_bytes), ".nii"
        name = companion_name(data[:_HEADER_BYTES])
        if name is not None:
            if not companion:
                return ParsedFile(
                    Fate.DAMAGED, "The data file that this header names is missing."
                )
            data = _rename_companion(data, name)
            scratch.write("volume.raw", companion)
        path = scratch.write(f"volume{suffix}", data)
        if suffix == ".nii":
            _check_nifti_length(data)
        return _read_with_simpleitk(path, limits)
    except RejectedFileError as rejected:
        return ParsedFile(rejected.fate, rejected.reason)
    finally:
        scratch.clear()


def _rename_companion(data: bytes, name: str) -> bytes:
    encoded = name.encode("utf-8", "surrogateescape")
    head, tail = data[:_HEADER_BYTES], data[_HEADER_BYTES:]
    return head.replace(encoded, b"volume.raw") + tail


def _gunzip(data: bytes, max_bytes: int) -> bytes:
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        inflated = inflater.decompress(data, max_bytes)
    except zlib.error as error:
        raise RejectedFileError(
            Fate.DAMAGED, f"The gzip stream is damaged ({error})."
        ) from error
    if not inflater.eof and not inflater.unconsumed_tail:
        raise RejectedFileError(Fate.DAMAGED, "The gzip stream is cut short.")
    if inflater.unconsumed_tail:
        raise RejectedFileError(
            Fate.REFUSED, f"The gzip stream unpacks to more than {max_bytes:,} bytes."
        )
    return inflated


def _check_nifti_length(data: bytes) -> None:
    """Refuse a NIfTI file that is shorter than it declares: ITK fills up in silence.

    Layouts: nifti1.h (348-byte header) and nifti2.h (540-byte header).
    """
    for order in "<>":
        if data[:4] == struct.pack(f"{order}i", 348) and len(data) >= 352:
            dims = struct.unpack_from(f"{order}8h", data, 40)
            (bits,) = struct.unpack_from(f"{order}h", data, 72)
            (start,) = struct.unpack_from(f"{order}f", data, 108)
        elif data[:4] == struct.pack(f"{order}i", 540) and len(data) >= 540:
            dims = struct.unpack_from(f"{order}8q", data, 16)
            (bits,) = struct.unpack_from(f"{order}h", data, 14)
            (start,) = struct.unpack_from(f"{order}q", data, 168)
        else:
            continue
        n_axes = dims[0]
        if not 1 <= n_axes <= 7 or bits <= 0 or not 0 <= start <= len(data):
            raise RejectedFileError(Fate.DAMAGED, "The NIfTI header is damaged.")
        needed = int(start) + math.prod(max(1, n) for n in dims[1 : n_axes + 1]) * (
            bits // 8
        )
        if len(data) < needed:
            raise RejectedFileError(
                Fate.DAMAGED, f"The volume is cut short: {len(data):,} of {needed:,} B."
            )
        _check_nifti_geometry(data, order)
        return
    raise RejectedFileError(Fate.DAMAGED, "The NIfTI header is damaged or cut short.")


def _check_nifti_geometry(data: bytes, order: str) -> None:
    """Refuse geometry that is not made of numbers: ITK takes 0 for it in silence.

    Looked at: pixdim[1..3], and quaternion and offset or the affine rows where their
    code says that they hold.
    """
    is_first = struct.unpack_from(f"{order}i", data)[0] == 348
    kind, size = ("f", 4) if is_first else ("d", 8)
    pixdim, rotation, codes, code = (
        (76, 256, 252, "2h") if is_first else (104, 352, 344, "2i")
    )
    q_code, s_code = struct.unpack_from(f"{order}{code}", data, codes)
    numbers = [*struct.unpack_from(f"{order}3{kind}", data, pixdim + size)]
    if q_code > 0:
        numbers += struct.unpack_from(f"{order}6{kind}", data, rotation)
    if s_code > 0:
        numbers += struct.unpack_from(f"{order}12{kind}", data, rotation + 6 * size)
    if not all(math.isfinite(number) for number in numbers):
        raise RejectedFileError(
            Fate.DAMAGED, "Spacing, origin or direction of the volume are not numbers."
        )


def _read_with_simpleitk(path: Path, limits: Limits) -> ParsedFile:
    import SimpleITK

    sitk: Any = SimpleITK  # untyped
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        size = [int(n) for n in reader.GetSize()]
        _check_volume(size, reader.GetNumberOfComponents(), limits)
        image = reader.Execute()
    except RuntimeError as error:
        words = str(error).strip().splitlines()[-1][-160:]
        words = words.replace(str(path.parent), "").strip()
        raise RejectedFileError(
            Fate.DAMAGED, f"The volume cannot be read ({words})."
        ) from error
    values: NDArray[Any] = sitk.GetArrayFromImage(image)
    if values.dtype.kind not in "iuf":
        raise RejectedFileError(Fate.UNSUPPORTED, "The values are not plain numbers.")
    n_axes = len(size)
    geometry = (*image.GetSpacing(), *image.GetOrigin(), *image.GetDirection())
    if not all(math.isfinite(number) for number in geometry):
        raise RejectedFileError(
            Fate.DAMAGED, "Spacing, origin or direction of the volume are not numbers."
        )
    values = values[np.newaxis] if n_axes == 2 else values
    values = values[np.newaxis] if n_axes <= 3 else values
    return ParsedFile(
        Fate.ACCEPTED,
        "",
        pixels=values,
        grid=_grid(image.GetSpacing(), image.GetOrigin(), image.GetDirection(), n_axes),
    )


def _check_volume(size: list[int], n_components: int, limits: Limits) -> None:
    if len(size) not in (2, 3, 4) or min(size) < 1:
        raise RejectedFileError(Fate.UNSUPPORTED, f"Not a stack of slices: {size}.")
    if n_components != 1:
        raise RejectedFileError(
            Fate.UNSUPPORTED, f"Each voxel holds {n_components} values, not one."
        )
    if len(size) == 4 and size[3] > _MAX_TIMES:
        raise RejectedFileError(Fate.REFUSED, f"Holds {size[3]} volumes in time.")
    voxels = 1
    for side in size:
        voxels *= side
    # 4 bytes: what the widest voxel type that we expect to meet takes.
    if voxels * 4 > limits.max_pixel_bytes:
        raise RejectedFileError(
            Fate.REFUSED,
            f"Declares {voxels:,} voxels; the limit is {limits.max_pixel_bytes:,} B.",
        )


def _grid(
    spacing: tuple[float, ...],
    origin: tuple[float, ...],
    direction: tuple[float, ...],
    n_axes: int,
) -> dict[str, list[float]]:
    """Geometry of an ITK image; ITK's world is LPS, like DICOM's."""
    axes = np.asarray(direction, dtype=float).reshape(n_axes, n_axes)
    full, step = np.eye(3), [0.0, 0.0, 0.0]
    shared = min(n_axes, 3)
    full[:shared, :shared] = axes[:shared, :shared]
    step[:shared] = spacing[:shared]
    start = [*origin[:shared], *([0.0] * (3 - shared))]
    return {
        "spacing": [float(step[2]), float(step[1]), float(step[0])],
        "origin": [float(value) for value in start],
        "row": [float(value) for value in full[:, 0]],
        "column": [float(value) for value in full[:, 1]],
        "slice": [float(value) for value in full[:, 2]],
    }


def parse_npy(data: bytes, limits: Limits) -> ParsedFile:
    """Array (1, S, H, W) of a `.npy` file with one slice or a stack of slices."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    except (ValueError, SyntaxError, TypeError, OSError) as error:
        return ParsedFile(Fate.DAMAGED, f"The NumPy header is damaged ({error}).")
    if dtype.hasobject or dtype.kind not in "iufb":
        return ParsedFile(
            Fate.REFUSED, "A NumPy file that does not hold plain numbers."
        )
    if len(shape) not in (2, 3) or 0 in shape:
        return ParsedFile(Fate.UNSUPPORTED, f"A NumPy array of shape {shape}.")
    count = 1
    for side in shape:
        count *= side
    if count * dtype.itemsize > limits.max_pixel_bytes:
        return ParsedFile(Fate.REFUSED, f"Declares an array of shape {shape}.")
    body = data[stream.tell() :]
    if len(body) < count * dtype.itemsize:
        return ParsedFile(Fate.DAMAGED, "The NumPy file is cut short.")
    order = "F" if fortran else "C"
    values: NDArray[Any] = np.frombuffer(body, dtype=dtype, count=count)
    values = np.ascontiguousarray(values.reshape(shape, order=order))  # type: ignore[call-overload]
    if dtype.kind == "b":
        values = values.astype(np.uint8)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    return ParsedFile(
        Fate.ACCEPTED, "", pixels=values.reshape((1, -1, *shape[-2:])), grid=None
    )


def parse_png(data: bytes, limits: Limits) -> ParsedFile:
    """Array (1, 1, H, W) of a grey PNG; colour with three equal channels counts."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        return ParsedFile(Fate.DAMAGED, "The PNG header is damaged.")
    width = int.from_bytes(data[16:20], "big")
    height = int.from_bytes(data[20:24], "big")
    if width < 1 or height < 1 or width * height * 8 > limits.max_pixel_bytes:
        return ParsedFile(Fate.REFUSED, f"Declares {height} x {width} pixels.")
    import imagecodecs

    try:
        values = np.asarray(imagecodecs.png_decode(data))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the codec has its own error type
        words = str(error).split("\n", 1)[0][:120]
        return ParsedFile(Fate.DAMAGED, f"The PNG cannot be decoded ({words}).")
    if values.ndim == 3 and values.shape[2] >= 3:
        if np.ptp(values[..., :3], axis=2).any():
            return ParsedFile(Fate.UNSUPPORTED, "A colour PNG, not a grey slice.")
        values = values[..., 0]
    elif values.ndim == 3:
        values = values[..., 0]
    if values.shape != (height, width):
        return ParsedFile(Fate.DAMAGED, "The PNG cannot be decoded.")
    return ParsedFile(
        Fate.ACCEPTED, "", pixels=np.ascontiguousarray(values)[None, None]
    )
