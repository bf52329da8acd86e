"""The parsing process: reads requests from a pipe, answers with facts and arrays.

Started by `sandbox` as `python -m btd_desktop.dicom.worker`; receives bytes, never
paths of evidence. Before it reads the first request it limits its own memory, gives
up what reading does not need (`containment`) and says which measures hold. If native
code aborts here, the application loses one file.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from typing import BinaryIO

import msgspec
from msgspec.structs import replace

from btd_desktop.containment.channel import (
    ChannelError,
    read_message,
    take_over_pipes,
    write_message,
)
from btd_desktop.containment.inside import (
    contain_this_process,
    library_places,
    limit_memory,
)
from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import ArrayShape, ParsedFile, Request
from btd_desktop.dicom.series import Fate
from btd_desktop.strict_json import plain_json

# Beyond the file itself: its companion and some slack.
_REQUEST_HEADROOM = 1 << 20


def main() -> int:
    """Serve requests until the pipe closes."""
    requests, replies = take_over_pipes()
    parent = int(sys.argv[-2])
    limits = msgspec.json.decode(sys.argv[-1], type=Limits)
    limit_memory(limits.worker_memory_bytes)
    taken = contain_this_process(library_places(), parent)
    try:
        write_message(replies, {"containment": taken})
    except ChannelError:
        return 0
    warnings.simplefilter("ignore")
    import pydicom.config

    # Values are checked by safe_dataset; pydicom's own checks only warn and cost time.
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    ceiling = 2 * limits.max_file_bytes + _REQUEST_HEADROOM
    while True:
        try:
            header, payload = read_message(requests, ceiling)
        except ChannelError:
            return 0
        except MemoryError:
            return 3
        parsed = _parse_guarded(header, payload, limits)
        del payload
        try:
            _reply(replies, parsed)
        except ChannelError:
            return 0


def _parse_guarded(header: object, payload: bytearray, limits: Limits) -> ParsedFile:
    try:
        return _parse(msgspec.convert(header, Request), payload, limits)
    except MemoryError:
        return ParsedFile(Fate.REFUSED, "Reading it needs more memory than allowed.")
    except RecursionError:
        return ParsedFile(
            Fate.REFUSED, "It is nested deeper than this program follows."
        )
    except Exception as error:  # noqa: BLE001 - hostile input raises what it likes
        words = str(error).split("\n", 1)[0][:120]
        reason = f"The file cannot be read ({type(error).__name__}: {words})."
        return ParsedFile(Fate.DAMAGED, reason)


def _parse(request: Request, payload: bytearray, limits: Limits) -> ParsedFile:
    kind, split = request.kind, request.split
    if kind == "dicom":
        from btd_desktop.dicom.instance_file import refuse_long_tail

        refused = refuse_long_tail(memoryview(payload)[:split], limits)
        if refused is not None:
            return refused
    with memoryview(payload) as view:
        data, companion = bytes(view[:split]), bytes(view[split:])
    with contextlib.suppress(BufferError):  # somebody still looks at it
        payload.clear()
    if kind == "dicom":
        from btd_desktop.dicom.instance_file import parse_instance

        return parse_instance(data, limits)
    if kind == "tags":
        from btd_desktop.dicom.tag_walk import parse_tags

        return parse_tags(data, limits)
    if kind in ("npy", "png"):
        from btd_desktop.dicom.volume_files import pictures

        read = pictures.parse_npy if kind == "npy" else pictures.parse_png
        return read(data, limits)
    from btd_desktop.dicom.volume_files.reading import parse_volume

    return parse_volume(data, companion if request.has_companion else None, limits)


def _reply(replies: BinaryIO, parsed: ParsedFile) -> None:
    import numpy as np

    payload = memoryview(b"")
    if parsed.pixels is not None:
        pixels = np.ascontiguousarray(
            parsed.pixels, dtype=parsed.pixels.dtype.newbyteorder("<")
        )
        array, payload = ArrayShape(pixels.dtype.str, pixels.shape), pixels.data
        parsed = replace(parsed, pixels=None, array=array)
    write_message(replies, plain_json(parsed), payload)


if __name__ == "__main__":
    sys.exit(main())
