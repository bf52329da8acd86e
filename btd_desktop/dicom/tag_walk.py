"""Every data element of a DICOM file as short plain text. Runs in the parsing process.

Pixels are never decoded. Whatever an element holds, it becomes one row: a value that
cannot be read as the standard says is shown as its bytes, read as Latin-1.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from typing import Any, Final

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

from btd_desktop.dicom.element_stream import UNDEFINED
from btd_desktop.dicom.elements import PYDICOM_ERRORS
from btd_desktop.dicom.instance_file import inflate_dataset
from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import ParsedFile, RejectedFileError, Tag
from btd_desktop.dicom.safe_dataset import as_list
from btd_desktop.dicom.series import Fate

MAX_TAGS: Final = 4000
MAX_DEPTH: Final = 32
MAX_VALUE_CHARACTERS: Final = 200


def parse_tags(data: bytes, limits: Limits) -> ParsedFile:
    """Elements of a file, and in `note` what is missing of them.

    That is: of a file cut short, of sequences nested deeper than `MAX_DEPTH`, of more
    than `MAX_TAGS` elements.
    """
    try:
        plain, _ = inflate_dataset(data, limits.max_inflated_bytes)
    except RejectedFileError as rejected:
        return ParsedFile(rejected.fate, rejected.reason)
    dataset, notes = _read_as_far_as_possible(plain)
    walk = _Walk()
    for part in (getattr(dataset, "file_meta", None), dataset):
        if part is not None:
            walk.add(part, "", 0)
    if not walk.rows:
        return ParsedFile(Fate.DAMAGED, "The file holds no data element.")
    note = " ".join((*notes, *walk.notes))
    return ParsedFile(Fate.ACCEPTED, tags=tuple(walk.rows), note=note)


class _Reader:
    """Reads a file's top level, stopping at the element that cannot be read.

    Attributes:
        last: Where the value of the last element starts that was reached.
        broken_at: Tag of the element that reading stopped at; None at the end.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.last = -1
        self.broken_at: int | None = None

    def read(self, stop_at: int | None) -> Dataset:
        """Elements up to the one whose value starts at `stop_at` (None: to the end)."""
        stream = io.BytesIO(self._data)

        def stop(tag: int, vr: str | None, length: int) -> bool:
            del vr
            start = stream.tell()
            is_cut = length != UNDEFINED and start + length > len(self._data)
            if is_cut or start == stop_at:
                self.broken_at = int(tag)
                return True
            self.last = start
            return False

        return read_partial(stream, stop_when=stop, force=True)


def _read_as_far_as_possible(data: bytes) -> tuple[Dataset, list[str]]:
    reader = _Reader(data)
    try:
        dataset = reader.read(None)
        # pydicom drops every element when one of undefined length has no end.
        if len(dataset) == 0 and reader.broken_at is None:
            dataset = reader.read(reader.last)
    except PYDICOM_ERRORS:
        dataset = reader.read(reader.last)
    if reader.broken_at is None:
        return dataset, []
    path = str(BaseTag(reader.broken_at))
    return dataset, [f"The file cannot be read from {path} on; it may be cut short."]


class _Walk:
    """Collects rows, depth first, in the order of the file."""

    def __init__(self) -> None:
        self.rows: list[Tag] = []
        self.notes: list[str] = []

    def add(self, dataset: Dataset, prefix: str, depth: int) -> None:
        """Add the elements of a dataset, and of the sequences in it."""
        for tag in list(dataset.keys()):
            if len(self.rows) >= MAX_TAGS:
                self._note(f"Only the first {MAX_TAGS:,} elements are listed.")
                return
            path = prefix + str(tag)
            keyword, vr, value = _element(dataset, int(tag))
            if vr != "SQ":
                self.rows.append(Tag(path, keyword, vr, *_shown(value)))
                continue
            items = _items(value)
            words = "1 item" if len(items) == 1 else f"{len(items)} items"
            self.rows.append(Tag(path, keyword, vr, words))
            if items and depth + 1 >= MAX_DEPTH:
                self._note(
                    f"Sequences nested deeper than {MAX_DEPTH} levels are not followed."
                )
                continue
            for index, item in enumerate(items):
                self.add(item, f"{path}[{index}]", depth + 1)

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)


def _element(dataset: Dataset, tag: int) -> tuple[str, str, object]:
    """Keyword, VR and value; the value is bytes where it cannot be read."""
    try:
        element = dataset[tag]
        vr, value = str(element.VR), element.value
        return _keyword(tag, element), vr, value
    except PYDICOM_ERRORS:
        raw: Any = dataset.get_item(tag, keep_deferred=True)
        value = getattr(raw, "value", None)
        vr = str(getattr(raw, "VR", None) or "??")
        as_text = value.decode("latin-1") if isinstance(value, bytes) else ""
        return keyword_for_tag(tag), "??" if vr == "SQ" else vr, as_text


def _keyword(tag: int, element: Any) -> str:  # noqa: ANN401 - as pydicom has it
    if not tag >> 16 & 1:
        return keyword_for_tag(tag)
    if 0x10 <= tag & 0xFFFF <= 0xFF:
        return "Private creator"
    creator = getattr(element, "private_creator", None)
    name = str(element.name).strip("[]")
    known = "" if name in ("", "Private tag data") else f": {name}"
    return f"Private ({creator or 'no creator'}){known}"


def _items(value: object) -> list[Dataset]:
    if not isinstance(value, Iterable):
        return []
    return [item for item in value if isinstance(item, Dataset)]


def _shown(value: object) -> tuple[str, str]:
    """Short text, and a digest of the whole where the text does not show it all."""
    if isinstance(value, bytes | bytearray):
        return f"{len(value):,} bytes", hashlib.sha256(value).hexdigest()
    try:
        values = as_list(value)
        text = "\\".join("" if item is None else str(item) for item in values)
    except PYDICOM_ERRORS as error:  # names decode only when asked for text
        return f"not readable ({type(error).__name__})", ""
    text = text.rstrip("\0 ")
    if len(text) <= MAX_VALUE_CHARACTERS:
        return text, ""
    whole = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[: MAX_VALUE_CHARACTERS - 1]}…", whole
