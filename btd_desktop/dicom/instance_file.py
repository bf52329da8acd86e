"""One DICOM file in memory to facts and stored pixels. Runs in the parsing process."""

from __future__ import annotations

import dataclasses
import io
import struct
import zlib
from typing import Any, BinaryIO, Final, cast

from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_partial

from btd_desktop.dicom.element_stream import (
    LONG_VRS,
    PIXEL_TAGS,
    StreamError,
    read_elements,
)
from btd_desktop.dicom.elements import PYDICOM_ERRORS
from btd_desktop.dicom.findings import counted
from btd_desktop.dicom.further_images import Watch
from btd_desktop.dicom.header import read_facts
from btd_desktop.dicom.instance import InstanceFacts, SignatureFacts
from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import (
    ParsedFile,
    RejectedFileError,
    damaged,
    not_an_image,
    refused,
    unsupported,
)
from btd_desktop.dicom.pixels import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    decode_pixels,
    read_layout,
)
from btd_desktop.dicom.safe_dataset import SafeDataset
from btd_desktop.dicom.series import Fate
from btd_desktop.dicom.sniff import preamble_kind

# Tag of the Digital Signatures Sequence as it lies in a little-endian file.
_SIGNATURE_MARK: Final = b"\xfa\xff\xfa\xff"
META_ELEMENTS: Final = {
    0x00020002: "meta_sop_class_uid",
    0x00020003: "meta_sop_instance_uid",
    0x00020012: "implementation_uid",
    0x00020013: "implementation_version",
    0x00020016: "source_ae",
}
_META_START: Final = 132
_META_REACH: Final = 1 << 16
_MAX_META_TEXT: Final = 256
_DICOMDIR_CLASS: Final = "1.2.840.10008.1.3.10"
_CLASSES_BY_MODALITY: Final = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
}
# Spectroscopy and colour MR share the stem of the MR classes but hold no such image.
_NOT_SCANS: Final = ("1.2.840.10008.5.1.4.1.1.4.2", "1.2.840.10008.5.1.4.1.1.4.3")


def parse_instance(data: bytes, limits: Limits) -> ParsedFile:
    """Facts and pixels of a DICOM file, or why it cannot be used."""
    facts: InstanceFacts | None = None
    try:
        plain, syntax = inflate_dataset(data, limits.max_inflated_bytes)
        dataset, found_beside = _read(plain, limits)
        syntax = syntax or _transfer_syntax(dataset)
        safe = SafeDataset(dataset)
        facts = _with_origin(read_facts(safe, syntax, _preamble(data)), data, plain)
        if facts.text.get("sop_class_uid") == _DICOMDIR_CLASS or (
            "DirectoryRecordSequence" in dataset
        ):
            return _directory(safe, facts)
        facts = _with_modality(facts)
        _check_is_scan(dataset, facts)
        layout = read_layout(safe, syntax, limits)
        found = decode_pixels(dataset, layout)
        facts = dataclasses.replace(
            facts,
            remarks=(*facts.remarks, *found_beside, *found.remarks),
            number={**facts.number, **found.number},
            flags=tuple(dict.fromkeys((*facts.flags, *found.flags))),
        )
        return ParsedFile(Fate.ACCEPTED, facts=facts, pixels=found.stored)
    except RejectedFileError as rejected:
        return ParsedFile(rejected.fate, rejected.reason, facts)


def refuse_long_tail(data: memoryview, limits: Limits) -> ParsedFile | None:
    """Refusal of a file with far too much behind its data set, before it is copied.

    Values are passed over, not read: a gigabyte of zeros costs what a header costs.
    """
    _, syntax = _scan_meta(bytes(data[:_META_REACH]))
    if len(data) <= limits.max_trailing_bytes or syntax == DEFLATED:
        return None
    stream = cast(BinaryIO, io.BufferedReader(_ViewStream(data)))
    watch = Watch(data, stream, limits)
    try:
        read_partial(stream, stop_when=watch, defer_size=_META_REACH, force=True)
        watch.n_bytes_after_the_end()
    except RejectedFileError as rejected:
        return ParsedFile(rejected.fate, rejected.reason)
    except PYDICOM_ERRORS:  # said when the file is read in earnest
        return None
    return None


class _ViewStream(io.RawIOBase):
    """A view of memory as a stream, without a copy."""

    name = ""  # pydicom asks a buffered stream for it

    def __init__(self, view: memoryview) -> None:
        self._view, self._at = view, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._view)}
        self._at = max(0, start[whence] + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        part = self._view[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def inflate_dataset(data: bytes, max_bytes: int) -> tuple[bytes, str]:
    """File with its dataset inflated, and the transfer syntax if it was deflated.

    The result carries a new file meta group (explicit VR little endian); other files
    come back unchanged with "".

    Raises:
        RejectedFileError: It inflates to more than `max_bytes`, or not at all.
    """
    end, syntax = _scan_meta(data)
    if syntax != DEFLATED:
        return data, ""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(data[end:], max_bytes)
    except zlib.error as error:
        raise damaged(f"The deflated dataset is damaged ({error}).") from error
    if inflater.unconsumed_tail:
        raise refused(f"The deflated dataset unpacks to more than {max_bytes:,} B.")
    uid = EXPLICIT_LITTLE.encode() + b"\0" * (len(EXPLICIT_LITTLE) % 2)
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(uid)) + uid
    # What follows the deflated stream follows the data set, and is remarked on as that.
    rest = inflater.unused_data
    inflated += rest if rest.strip(b"\0") or len(rest) > 1 else b""
    return b"\0" * 128 + b"DICM" + meta + inflated, DEFLATED


def _scan_meta(data: bytes) -> tuple[int, str]:
    """End of the file meta group and its transfer syntax, "" when not found."""
    offset, syntax = _META_START, ""
    if data[128:132] != b"DICM":
        return 0, ""
    while offset + 8 <= len(data):
        group, element, vr, length = struct.unpack_from("<HH2sH", data, offset)
        if group != 2:
            break
        start = offset + 8
        if vr in LONG_VRS:
            if offset + 12 > len(data):
                break
            (length,) = struct.unpack_from("<I", data, offset + 8)
            start = offset + 12
        if element == 0x10:
            raw = data[start : start + min(length, 64)]
            syntax = raw.rstrip(b"\0 ").decode("ascii", "replace")
        offset = start + length
    return offset, syntax


def read_file_meta(data: bytes) -> dict[str, str]:
    """Which program wrote a file: the elements of `META_ELEMENTS` that are there.

    Read from the bytes as received (PS3.10 7.1), because a deflated dataset is given a
    new meta group before it is parsed.
    """
    found: dict[str, str] = {}
    if data[128:_META_START] != b"DICM":
        return found
    head = memoryview(data)[_META_START : _META_START + _META_REACH]
    try:
        for element in read_elements(head, is_implicit=False):
            if element.tag >> 16 != 2:
                break
            name = META_ELEMENTS.get(element.tag)
            text = bytes(element.value).decode("latin-1").strip("\0 ")[:_MAX_META_TEXT]
            if name is not None and text:
                found[name] = text
    except StreamError:
        # Whatever comes before the break is a fact all the same.
        return found
    return found


def _read(data: bytes, limits: Limits) -> tuple[FileDataset, list[tuple[str, str]]]:
    """The data set, and remarks on what lies beside its picture."""
    start, _ = _scan_meta(data)
    if start and data[start : start + 8] == bytes(8):
        raise damaged("Begins like DICOM but holds no data elements.")
    try:
        stream = io.BytesIO(data)
        watch = Watch(data, stream, limits)
        dataset = read_partial(stream, stop_when=watch, force=True)
        if len(dataset) == 0:
            # pydicom drops everything when the last element breaks off; the elements
            # before the pixels still say which series is damaged.
            stream = io.BytesIO(data)
            watch = Watch(data, stream, limits)
            dataset = read_partial(
                stream,
                stop_when=lambda *args: watch(*args) or int(args[0]) in PIXEL_TAGS,
                force=True,
            )
            return dataset, []
        is_implicit = _transfer_syntax(dataset) == IMPLICIT_LITTLE
        encoding = watch.encoding_remarks(is_implicit=is_implicit)
        return dataset, [*watch.remarks(), *encoding]
    except RejectedFileError:
        raise
    except RecursionError as error:
        raise refused(
            "Sequences are nested deeper than this program follows."
        ) from error
    except MemoryError:
        raise
    except InvalidDicomError as error:
        raise not_an_image("This is not a DICOM file.") from error
    except Exception as error:  # pydicom raises many types
        words = str(error).split("\n", 1)[0][:120] or type(error).__name__
        raise damaged(f"The DICOM header cannot be read ({words}).") from error


def _preamble(data: bytes) -> str:
    return preamble_kind(data[:132]) if data[128:132] == b"DICM" else ""


def _transfer_syntax(dataset: FileDataset) -> str:
    stated = SafeDataset(dataset.file_meta).text("TransferSyntaxUID")
    if stated:
        return stated
    is_implicit, is_little = dataset.original_encoding
    if is_implicit:
        return IMPLICIT_LITTLE
    return EXPLICIT_LITTLE if is_little in (True, None) else EXPLICIT_BIG


def _with_origin(facts: InstanceFacts, data: bytes, plain: bytes) -> InstanceFacts:
    """Facts with what the file says about its writer, and its signatures."""
    is_signed = "signed" in facts.flags
    signatures: tuple[SignatureFacts, ...] = ()
    # The mark also occurs among pixels; then there is nothing to be found.
    if is_signed or _SIGNATURE_MARK in plain:
        # Loads the library for certificates, which few files need.
        from btd_desktop.dicom.digital_signatures import read_signatures

        syntax = facts.text["transfer_syntax"]
        signatures = read_signatures(plain, syntax, is_stated=is_signed)
    text = {**facts.text, **read_file_meta(data)}
    return dataclasses.replace(facts, text=text, signatures=signatures)


def _with_modality(facts: InstanceFacts) -> InstanceFacts:
    """Facts with `modality` set from the SOP class where that is CT or MR."""
    uid = facts.text.get("sop_class_uid", "")
    for modality, stem in _CLASSES_BY_MODALITY.items():
        if f"{uid}.".startswith(f"{stem}.") and uid not in _NOT_SCANS:
            text = {**facts.text, "modality": modality}
            stated = facts.text.get("modality")
            remarks = facts.remarks
            if stated != modality:
                sentence = (
                    f"Modality says {stated or 'nothing'}, the SOP class {modality}."
                )
                remarks = (*remarks, ("modality_mismatch", sentence))
            return dataclasses.replace(facts, text=text, remarks=remarks)
    return facts


def _check_is_scan(dataset: FileDataset, facts: InstanceFacts) -> None:
    name, modality = facts.text["sop_class"], facts.text.get("modality", "")
    has_pixels = "PixelData" in dataset
    has_floats = "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset
    if not has_pixels and not has_floats:
        if "Rows" in dataset or "Image Storage" in name:
            raise damaged(f"An image object ({name}) without pixel data: cut short.")
        if len(dataset) == 0:
            raise damaged("Begins like DICOM but holds no data elements.")
        raise not_an_image(f"Valid DICOM, holds no image: {name}.")
    if modality not in ("CT", "MR"):
        stated = f"modality {modality}" if modality else "no modality stated"
        raise unsupported(f"Not a CT or MR image: {stated} ({name}).")
    if has_floats and not has_pixels:
        raise unsupported(f"Holds computed floating-point values ({name}).")
    if "mosaic" in facts.flags:
        raise unsupported(
            "A mosaic: slices lie side by side as tiles of one picture. This is "
            "unsupported; export the slices one by one."
        )
    photometric = facts.text.get("photometric", "MONOCHROME2")
    if not photometric.startswith("MONOCHROME"):
        raise unsupported(f"A colour picture ({photometric}), not a grey scan.")


def _directory(dataset: SafeDataset, facts: InstanceFacts) -> ParsedFile:
    """A DICOMDIR: the file IDs that it refers to (PS3.3 F.3.2.2)."""
    records = dataset.items("DirectoryRecordSequence")
    names = (record.text("ReferencedFileID") for record in records)
    references = tuple(name for name in names if name)
    return ParsedFile(
        Fate.NOT_AN_IMAGE,
        f"A DICOM directory (DICOMDIR) that names {counted(len(references), 'file')}.",
        facts,
        references=references,
    )
