"""The pipe between the application and a process that reads foreign bytes.

One message is a length-prefixed JSON header and raw bytes. Nothing is ever unpickled,
and both sides check lengths before they allocate: the other process may have been taken
over by the file it read.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

_PREFIX = struct.Struct(">IQ")
_MAX_HEADER_BYTES = 256 << 20
_WRITE_CHUNK = 1 << 20


class ChannelError(Exception):
    """The other side is gone or does not keep to the protocol."""


def take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Input and output of this process under new numbers: no library prints there."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nowhere, number)
    return requests, replies


def write_message(
    stream: BinaryIO, header: Mapping[str, object], payload: bytes | memoryview = b""
) -> None:
    """Send one message.

    Raises:
        ChannelError: The other side is gone.
    """
    view = memoryview(payload).cast("B")
    encoded = json.dumps(header).encode("utf-8", "surrogatepass")
    try:
        stream.write(_PREFIX.pack(len(encoded), view.nbytes))
        stream.write(encoded)
        for start in range(0, view.nbytes, _WRITE_CHUNK):
            stream.write(view[start : start + _WRITE_CHUNK])
        stream.flush()
    except (OSError, ValueError) as error:
        raise ChannelError("the other process is gone") from error


def read_message(
    stream: BinaryIO, max_payload_bytes: int
) -> tuple[dict[str, Any], bytearray]:
    """Receive one message.

    Args:
        stream: Pipe to read from.
        max_payload_bytes: A longer announcement is a protocol error.

    Raises:
        ChannelError: The other side is gone or sent something else.
    """
    header_bytes, payload_bytes = _PREFIX.unpack(_read_exactly(stream, _PREFIX.size))
    if header_bytes > _MAX_HEADER_BYTES or payload_bytes > max_payload_bytes:
        raise ChannelError("announced more data than allowed")
    try:
        header = json.loads(bytes(_read_exactly(stream, header_bytes)))
    except (ValueError, RecursionError) as error:
        raise ChannelError("header is not JSON") from error
    if not isinstance(header, dict):
        raise ChannelError("header is not a JSON object")
    return header, _read_exactly(stream, payload_bytes)


def _read_exactly(stream: BinaryIO, n_bytes: int) -> bytearray:
    data = bytearray(n_bytes)
    view, done = memoryview(data), 0
    while done < n_bytes:
        try:
            got = stream.readinto(view[done:])  # type: ignore[attr-defined]
        except (OSError, ValueError) as error:
            raise ChannelError("the other process is gone") from error
        if not got:
            raise ChannelError("the other process ended")
        done += got
    return data
