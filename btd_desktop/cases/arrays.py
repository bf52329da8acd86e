"""Arrays of a case on disk: one uncompressed npy file each, named by its digest.

Uncompressed, so that a volume can be memory-mapped. Named by `array_digest`, so that an
altered array no longer matches its name; the header, of which that digest covers only
the meaning, has one spelling. A file gets its name only when it is complete: it is
written under another name, flushed and renamed.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import secrets
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from btd_desktop.cases.files import open_part, remove_part, replace_part
from btd_desktop.cases.text import altered
from btd_desktop.digest import array_digest
from btd_desktop.errors import CaseError

# EFBIG comes from a limit on file sizes; for the examiner it is a full disk as well.
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LEFTOVER_PREFIX = ".writing-"
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '(?P<dtype>[<|][a-z][0-9]{1,2})', 'fortran_order': False,"
    rb" 'shape': \((?P<shape>[0-9, ]{0,200})\), \}"
)
_ALIGNMENT = 64
_GROWTH_DIGITS = 21
_MOST_AXES = 8


def array_path(folder: Path, digest: str) -> Path:
    """File of the array with that digest in an arrays folder.

    Raises:
        CaseError: `digest` is no hex SHA-256: it comes from a database that anybody may
            have edited, and must not lead out of the folder.
    """
    if not _DIGEST.fullmatch(digest):
        raise CaseError(
            f"the case refers to an array by the invalid digest {digest[:80]!r}",
            hint="The case database was altered; verify the case.",
            code="array-name",
        )
    return folder / f"{digest}.npy"


def write_array(folder: Path, array: NDArray[Any]) -> str:
    """Store an array, unless it is there already.

    Args:
        folder: The arrays folder of a case, which exists.
        array: At most 8 axes; numbers or booleans.

    Returns:
        Its `array_digest`, under which `read_array` finds it.

    Raises:
        CaseError: The disk is full or the folder cannot be written; nothing is left.
        ValueError: The array holds Python objects or has more axes.
    """
    if array.dtype.hasobject or array.ndim > _MOST_AXES:
        raise ValueError("no array of numbers with at most 8 axes")
    little = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    digest = array_digest(little)
    target = array_path(folder, digest)
    meanwhile = f"{_LEFTOVER_PREFIX}{secrets.token_hex(8)}"
    try:
        if target.exists() and not check_array(folder, digest):
            return digest
        with (
            replace_part(target, folder.parent, meanwhile) as handle,
            os.fdopen(handle, "wb", closefd=False) as stream,
        ):
            stream.write(_header_bytes(little.shape, little.dtype))
            stream.write(little.reshape(-1).view(np.uint8).data)
    except OSError as error:
        raise _write_error(folder, error) from error
    return digest


def map_array(folder: Path, digest: str) -> NDArray[Any]:
    """An array, memory-mapped read-only; only its header is checked.

    Raises:
        CaseError: It is missing, cut short, or no plain npy file.
    """
    path = array_path(folder, digest)
    try:
        with os.fdopen(open_part(path, folder.parent), "rb") as stream:
            return _map(path, stream)
    except OSError as error:
        raise CaseError(
            f"array {path.name} of the case cannot be read: {error.strerror or error}",
            hint="Copy the case again, with its whole arrays folder.",
            code="array-missing",
        ) from error


def _map(path: Path, stream: BinaryIO) -> NDArray[Any]:
    """The array in an open file, so that the file checked is the file mapped."""
    try:
        shape, dtype, offset = _read_header(stream)
    except (ValueError, TypeError) as error:
        raise _altered(path, "its header is not as this program writes it") from error
    size = os.fstat(stream.fileno()).st_size
    n_values = math.prod(shape)
    # Before anything is allocated: a forged header may claim any size.
    if size != offset + n_values * dtype.itemsize:
        raise _altered(path, f"{shape} {dtype} does not fill its {size} bytes")
    if n_values == 0:
        return np.empty(shape, dtype)
    return np.memmap(stream, dtype=dtype, mode="r", offset=offset, shape=shape)


def read_array(folder: Path, digest: str) -> NDArray[Any]:
    """An array in memory, its content checked against its digest.

    Raises:
        CaseError: It is missing or altered.
    """
    array = np.array(map_array(folder, digest))
    if array_digest(array) != digest:
        raise _altered(array_path(folder, digest), "its content was changed")
    return array


def check_array(folder: Path, digest: str) -> str:
    """What is wrong with a stored array; empty when it is there and unaltered."""
    try:
        if array_digest(map_array(folder, digest)) != digest:
            return f"array {digest}.npy was altered: its content was changed"
    except CaseError as error:
        return error.detail
    return ""


def remove_leftovers(folder: Path) -> None:
    """Delete half-written files of a process that was killed (caller has the lock)."""
    for path in folder.glob(f"{_LEFTOVER_PREFIX}*"):
        with contextlib.suppress(OSError):
            remove_part(path, folder.parent)


def _read_header(stream: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, dtype and length of a header as this program writes it.

    Numpy's own reader would run Python's tokenizer over the header.

    Raises:
        ValueError: It is no such header.
    """
    start = stream.read(len(_MAGIC) + 2)
    length = int.from_bytes(start[len(_MAGIC) :], "little")
    header = start + stream.read(length)
    found = _HEADER.match(header, len(_MAGIC) + 2)
    if found is None:
        raise ValueError("no npy header")
    dtype = np.dtype(found["dtype"].decode("ascii"))
    shape = tuple(int(part) for part in found["shape"].split(b",") if part.strip())
    if len(shape) > _MOST_AXES:
        raise ValueError("too many axes")
    if header not in (_header_bytes(shape, dtype), _header_bytes(shape, dtype, room=0)):
        raise ValueError("another spelling")
    return shape, dtype, len(header)


def _header_bytes(
    shape: tuple[int, ...], dtype: np.dtype[Any], *, room: int = _GROWTH_DIGITS
) -> bytes:
    """The one npy 1.0 header of an array, byte for byte that of numpy 2.

    It stays the same whatever later versions of numpy write.

    Args:
        shape: Shape of the array, in C order.
        dtype: Type of the array.
        room: Digits that the first axis has room for; 0 before numpy 1.25.
    """
    named = f"{{'descr': {dtype.str!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    spare = max(0, room - len(repr(shape[0]))) if shape else 0
    text = named.encode("latin-1") + b" " * spare
    fixed = len(_MAGIC) + 2
    text += b" " * (_ALIGNMENT - (fixed + len(text) + 1) % _ALIGNMENT) + b"\n"
    return _MAGIC + len(text).to_bytes(2, "little") + text


def _altered(path: Path, why: str) -> CaseError:
    detail = f"array {path.name} of the case was altered: {why}"
    return altered(detail, "array-altered")


def _write_error(folder: Path, error: OSError) -> CaseError:
    if error.errno in FULL_DISK:
        return CaseError(
            f"the disk of {folder} is full; results stored so far are kept",
            hint="Free some space or move the case folder, then resume.",
            code="disk-full",
        )
    return CaseError(
        f"{folder} cannot be written: {error.strerror or error}",
        hint="Check the rights of the case folder.",
        code="not-writable",
    )
