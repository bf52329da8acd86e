"""More than one image in a file: what lies there beside the picture that is examined.

Runs in the parsing process. Readers differ in which of two equal elements they take and
in where they think that a file ends, so that one file can show two images to two of
them. pydicom reads the file, and is watched while it does: what it passes is counted,
and what cannot be an element ends the reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple

from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag

from btd_desktop.dicom.element_stream import (
    LONG_VRS,
    PIXEL_TAGS,
    UNDEFINED,
    Element,
    read_sequences,
)
from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import refused

_SEQUENCE_END: Final = b"\xfe\xff\xdd\xe0\0\0\0\0"
_PADDING: Final = 0xFFFCFFFC
_PROVIDER: Final = 0x00287FE0
_ICONS: Final = 0x00880200
_ROWS, _COLUMNS = 0x00280010, 0x00280011
_MAX_ELEMENTS: Final = 100_000
_MOST_NAMED: Final = 5
_PEEKED: Final = 6
_TWO: Final = "Two readers may see two images."


class _Place(NamedTuple):
    tag: int
    vr: str | None
    length: int
    start: int

    @property
    def header_start(self) -> int:
        is_long = self.vr is not None and self.vr.encode("latin-1") in LONG_VRS
        return self.start - (12 if is_long else 8)


class Watch:
    """Stands beside pydicom while it reads the top level of a data set.

    Given to `read_partial` as `stop_when`; asked for `remarks` afterwards.
    """

    def __init__(
        self, data: bytes | memoryview, stream: BinaryIO, limits: Limits
    ) -> None:
        self._data, self._stream, self._limits = data, stream, limits
        self._places: list[_Place] = []
        self._has_pixels = False
        self._stopped: _Place | None = None

    def __call__(self, tag: int, vr: str | None, length: int) -> bool:
        """True where the data set has ended, whatever follows.

        Raises:
            RejectedFileError: More elements than any image has.
        """
        number, start, places = int(tag), self._stream.tell(), self._places
        place = _Place(number, vr, length, start)
        is_cut = length != UNDEFINED and start + length > len(self._data)
        # Group 0000 belongs to messages, FFFE to items; zeros look like the first.
        if number >> 16 in (0, 0xFFFE) or (self._has_pixels and is_cut):
            self._stopped = place
            return True
        if len(places) >= _MAX_ELEMENTS:
            raise refused(f"It holds more than {_MAX_ELEMENTS:,} data elements.")
        if places and 0 < start - places[0].start <= _PEEKED:
            places.pop()  # pydicom looks at the first VR before it reads
        places.append(place)
        self._has_pixels |= number in PIXEL_TAGS
        return False

    def remarks(self) -> Iterator[tuple[str, str]]:
        """(code, sentence) for all that another reader may take for the image.

        Raises:
            RejectedFileError: What follows the data set is above the limit.
        """
        yield from self._after_the_end()
        yield from self._repeated()
        yield from self._out_of_order()
        yield from self._beside()
        yield from self._in_sequences()

    def encoding_remarks(self, *, is_implicit: bool) -> Iterator[tuple[str, str]]:
        """Remark on elements that are not written as the transfer syntax says."""
        odd = [place for place in self._places if (place.vr is None) is not is_implicit]
        if odd and len(odd) == len(self._places):
            kinds = ("implicit", "explicit")
            says, found = kinds if is_implicit else kinds[::-1]
            yield (
                "TransferSyntaxUID",
                f"TransferSyntaxUID says {says} VR, the elements are written with "
                f"{found} VR; they were read as that.",
            )

    def n_bytes_after_the_end(self) -> int:
        """Bytes behind the data set.

        Raises:
            RejectedFileError: They are above the limit.
        """
        n_bytes = len(self._data) - self._end()
        if n_bytes > self._limits.max_trailing_bytes:
            raise refused(
                f"{n_bytes:,} bytes follow the end of the data set; the limit is "
                f"{self._limits.max_trailing_bytes:,}."
            )
        return n_bytes

    def _after_the_end(self) -> Iterator[tuple[str, str]]:
        n_bytes = self.n_bytes_after_the_end()
        tail = bytes(self._data[len(self._data) - n_bytes :]) if n_bytes > 0 else b""
        has_content = bool(tail.strip(b"\0"))
        if has_content or len(tail) > 8:
            words = "" if has_content else ", all of them zero"
            yield (
                "trailing_data",
                f"{n_bytes:,} bytes follow the end of the data set{words}; they were "
                f"left out. {_TWO}",
            )
        last = self._places[-1] if self._places else None
        if last is not None and last.tag == _PADDING and last.length != UNDEFINED:
            value = bytes(self._data[last.start : last.start + last.length])
            if value.strip(b"\0"):
                yield (
                    "trailing_data",
                    f"The {last.length:,} bytes of padding behind the data set "
                    "(FFFC,FFFC) are not empty; they have no meaning and were left "
                    "out.",
                )

    def _end(self) -> int:
        """Where the data set ends in the file."""
        size = len(self._data)
        if self._stopped is not None:
            return self._stopped.header_start
        if not self._places:
            return size
        last = self._places[-1]
        if last.length != UNDEFINED:
            return min(size, last.start + last.length)
        if self._stream.tell() < size:  # an item's end at the top level stops pydicom
            return self._stream.tell() - 8
        # Fewer than 8 bytes behind the end of the last sequence.
        start = max(0, size - 16)
        found = bytes(self._data[start:]).rfind(_SEQUENCE_END)
        return size if found < 0 else start + found + 8

    def _repeated(self) -> Iterator[tuple[str, str]]:
        by_tag: dict[int, list[_Place]] = {}
        for place in self._places:
            by_tag.setdefault(place.tag, []).append(place)
        several = {tag: found for tag, found in by_tag.items() if len(found) > 1}
        for tag, found in list(several.items())[:_MOST_NAMED]:
            values = {self._value(place) for place in found}
            words = "the same value" if len(values) == 1 else "different values"
            yield (
                "second_image" if tag in PIXEL_TAGS else "repeated_element",
                f"{_name(tag)} stands {len(found)} times in the data set, with "
                f"{words}; the last was used. {_TWO}",
            )
        if len(several) > _MOST_NAMED:
            n_more = len(several) - _MOST_NAMED
            words = "element stands" if n_more == 1 else "elements stand"
            yield ("repeated_element", f"{n_more} more {words} there several times.")

    def _value(self, place: _Place) -> bytes:
        if place.length == UNDEFINED:
            return b"%d" % place.start  # of unknown extent: not equal to any other
        return bytes(self._data[place.start : place.start + place.length])

    def _out_of_order(self) -> Iterator[tuple[str, str]]:
        pixels = next((i for i, p in enumerate(self._places) if p.tag in PIXEL_TAGS), 0)
        before = {place.tag for place in self._places[: pixels + 1]}
        late = [
            place.tag
            for place in self._places[pixels + 1 :]
            if place.tag < self._places[pixels].tag and place.tag not in before
        ]
        if late:
            names = ", ".join(_name(tag) for tag in late[:_MOST_NAMED])
            yield (
                "late_elements",
                f"Elements that belong before the pixel data stand behind them "
                f"({names}). A reader that stops at the pixels does not see them.",
            )

    def _beside(self) -> Iterator[tuple[str, str]]:
        kinds = {place.tag for place in self._places if place.tag in PIXEL_TAGS}
        if len(kinds) > 1:
            names = " and ".join(_name(tag) for tag in sorted(kinds))
            yield (
                "second_image",
                f"The data set holds {names}: more than one picture. PixelData was "
                f"used. {_TWO}",
            )
        if any(place.tag == _PROVIDER for place in self._places) and kinds:
            yield (
                "second_image",
                "The header names another source of pixel data (PixelDataProviderURL) "
                f"beside those in the file. {_TWO}",
            )

    def _in_sequences(self) -> Iterator[tuple[str, str]]:
        is_implicit = all(place.vr is None for place in self._places)
        places = [
            (place.tag, place.start, place.length)
            for place in self._places
            if place.vr == "SQ" or (place.vr is None and _is_sequence(place.tag))
        ]
        found = _Found()
        for tag, items in read_sequences(
            memoryview(self._data), places, is_implicit=is_implicit
        ):
            for item in items:
                found.look(item, tag)
        if found.repeated:
            names = ", ".join(_name(tag) for tag in list(found.repeated)[:_MOST_NAMED])
            yield (
                "repeated_element",
                f"{names} stands more than once in one item of a sequence; the last "
                f"was used. {_TWO}",
            )
        own = max(self._number(_ROWS), self._number(_COLUMNS))
        for tag, side in list(found.images.items())[:_MOST_NAMED]:
            if tag == _ICONS and 2 * side <= own:
                continue
            yield (
                "second_image",
                f"A further picture lies in the sequence {_name(tag)}; it was not "
                "looked at.",
            )

    def _number(self, tag: int) -> int:
        for place in reversed(self._places):
            if place.tag == tag:
                return int.from_bytes(self._value(place)[:2], "little")
        return 0


class _Found:
    """Pictures and repeated elements in the items of sequences."""

    def __init__(self) -> None:
        self.repeated: dict[int, None] = {}
        self.images: dict[int, int] = {}

    def look(self, item: Sequence[Element], sequence: int) -> None:
        """Look through one item and the items in it."""
        seen: set[int] = set()
        side = 0
        for element in item:
            if element.tag in seen:
                self.repeated[element.tag] = None
            seen.add(element.tag)
            if element.tag in (_ROWS, _COLUMNS):
                side = max(side, int.from_bytes(element.value[:2], "little"))
            for inner in element.items or ():
                self.look(inner, element.tag)
        if seen & set(PIXEL_TAGS):
            self.images[sequence] = max(side, self.images.get(sequence, 0))


def _is_sequence(tag: int) -> bool:
    return dictionary_has_tag(tag) and dictionary_VR(tag) == "SQ"


def _name(tag: int) -> str:
    number = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    keyword = keyword_for_tag(tag)
    return f"{keyword} {number}" if keyword else number
