"""SHA-256 of files, byte streams, arrays and JSON values.

One digest per thing, always SHA-256, always lower-case hex, so that any tool of the
other party (`sha256sum`, `certutil`) can check what we print.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from btd_desktop.handles import open_leaving_times

_CHUNK = 1 << 20


def bytes_digest(data: bytes) -> str:
    """Hex SHA-256 of bytes in memory."""
    return hashlib.sha256(data).hexdigest()


def stream_digest(stream: BinaryIO) -> tuple[str, int]:
    """Hex SHA-256 and length in bytes of a stream, read once to its end."""
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def file_digest(path: Path) -> tuple[str, int]:
    """Hex SHA-256 and length in bytes of a file, opened for reading only.

    Its time of last access stays as it is, where the system allows to ask for that.

    Raises:
        OSError: The file cannot be opened or read.
    """
    with os.fdopen(open_leaving_times(path), "rb") as stream:
        return stream_digest(stream)


def array_digest(array: NDArray[Any]) -> str:
    """Hex SHA-256 of an array: dtype and shape count, memory layout does not.

    Little-endian byte order is used on every machine, so digests can be compared.
    """
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{little.dtype.str}{little.shape}".encode())
    # The bytes in place: a volume is gigabytes, and hashing lets other threads run.
    digest.update(little.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def canonical_json(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """UTF-8 JSON with sorted keys and no spaces: one value, one byte string.

    Raises:
        ValueError: The value holds NaN or an infinity, which JSON cannot carry.
    """
    text = json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )
    return text.encode()


def json_digest(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """Hex SHA-256 of the canonical JSON of a value."""
    return bytes_digest(canonical_json(value))


def tree_digest(items: Iterable[tuple[str, str]]) -> str:
    """Hex SHA-256 over (name, digest) pairs, independent of their order.

    One line `digest  name` per item, sorted, as `sha256sum` prints them: the other
    party can rebuild it with standard tools.
    """
    lines = sorted(f"{digest}  {name}\n" for name, digest in items)
    return bytes_digest("".join(lines).encode("utf-8", "surrogateescape"))
