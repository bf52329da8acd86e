"""Which program wrote a file: group 0002, the file meta information (PS3.10 7.1).

Runs in the parsing process. Read from the bytes as received, because a deflated
dataset is given a new meta group before it is parsed.
"""

from __future__ import annotations

from typing import Final

from btd_desktop.dicom.element_stream import StreamError, read_elements

META_ELEMENTS: Final = {
    0x00020002: "meta_sop_class_uid",
    0x00020003: "meta_sop_instance_uid",
    0x00020012: "implementation_uid",
    0x00020013: "implementation_version",
    0x00020016: "source_ae",
}
_START: Final = 132
_MAX_META_BYTES: Final = 1 << 16
_MAX_TEXT: Final = 256


def read_file_meta(data: bytes) -> dict[str, str]:
    """Text of the elements of `META_ELEMENTS` that are there, by name."""
    found: dict[str, str] = {}
    if data[128:_START] != b"DICM":
        return found
    head = memoryview(data)[_START : _START + _MAX_META_BYTES]
    try:
        for element in read_elements(head, is_implicit=False):
            if element.tag >> 16 != 2:
                break
            name = META_ELEMENTS.get(element.tag)
            text = bytes(element.value).decode("latin-1").strip("\0 ")[:_MAX_TEXT]
            if name is not None and text:
                found[name] = text
    except StreamError:
        # Whatever comes before the break is a fact all the same.
        return found
    return found
