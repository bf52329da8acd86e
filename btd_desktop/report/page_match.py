"""The pages of a report compared with those that its own data give.

The data attached are drawn again and each page is compared with the one in the file:
its text and drawing operators, fonts, pictures, links, boxes and rotation, each as it
is after unpacking, whatever its numbering in the file. Marks of signatures lie over
pages and are compared with what may lie there.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.stamp import StaticStampStyle

from btd_desktop.errors import BtdError
from btd_desktop.report.attachments import SCORES_NAME, TWIN_NAME, derived_files
from btd_desktop.report.page_data import PAGES_NAME, library_versions, page_data_from
from btd_desktop.report.pages import SIGNATURE_BOX
from btd_desktop.report.pdf import draw_pdf
from btd_desktop.report.printed_numbers import contradictions
from btd_desktop.report.stamp import drawn_mark
from btd_desktop.report.twin import LAYOUT, values_of

_INHERITED: Final = ("/Resources", "/MediaBox", "/CropBox", "/Rotate")
_PACKING: Final = ("/Filter", "/DecodeParms", "/Length", "/DL")
_LARGEST_STREAM: Final = 1 << 28
_DEEPEST: Final = 60
_FILTERS: Final[frozenset[tuple[str, ...]]] = frozenset(
    {(), ("/FlateDecode",), ("/ASCII85Decode",), ("/ASCII85Decode", "/FlateDecode")}
)

Outcome = Literal["agree", "differ", "not compared"]


@dataclass(frozen=True, slots=True)
class PagesVerdict:
    """Whether the pages are those that the data inside give.

    Attributes:
        outcome: "agree", "differ" or "not compared".
        words: What was compared and found, or why nothing was, as a sentence.
        n_pages: Pages in the file.
        differing: Numbers of the pages that differ, from 1.
    """

    outcome: Outcome
    words: str
    n_pages: int = 0
    differing: tuple[int, ...] = ()


def compare_pages(
    reader: PdfFileReader,
    twin: Mapping[str, Any],
    files: Mapping[str, bytes],
    mark: StaticStampStyle,
) -> PagesVerdict:
    """Draw the data inside again and compare the pages.

    Args:
        reader: Reader of the whole file; its last revision is what is shown.
        twin: The JSON twin.
        files: Files attached in the signed revision, by name.
        mark: What the signer's mark on the first page shows, where there is one.
    """
    layout = twin.get("layout")
    if layout != LAYOUT:
        return _not_compared(
            f"the report has layout version {layout or 1}, this program draws {LAYOUT}"
        )
    if PAGES_NAME not in files:
        return _differing(f"The report lacks {PAGES_NAME}, so nothing gives its pages.")
    try:
        return _compared(reader, twin, files, mark)
    except BtdError as error:
        return _differing(f"The data inside cannot be drawn: {error.detail}.")
    except Exception as error:  # noqa: BLE001 - pages and data may be made to break
        # drawing and reading anywhere; those of this program never do.
        kind = type(error).__name__
        return _differing(f"The pages or the data inside are damaged ({kind}).")


def _compared(
    reader: PdfFileReader,
    twin: Mapping[str, Any],
    files: Mapping[str, bytes],
    mark: StaticStampStyle,
) -> PagesVerdict:
    data = page_data_from(files[PAGES_NAME])
    values = values_of(data.document)
    if any(twin.get(key) != value for key, value in values.items()):
        return _differing(
            f"The values in {TWIN_NAME} are not those that the pages are drawn from"
            f" ({PAGES_NAME})."
        )
    if parted := contradictions(data.document):
        return _differing(
            f"{len(parted)} printed numbers are not the values inside, such as "
            f"“{parted[0][:80]}”."
        )
    told = derived_files(data.document)
    listed = {*told, *files} - {TWIN_NAME, PAGES_NAME, SCORES_NAME}
    if other := sorted(n for n in listed if files.get(n) != told.get(n)):
        return _differing(f"{other[0]} does not hold what the data inside give.")
    drawn = PdfFileReader(io.BytesIO(draw_pdf(files)))
    found, expected = _page_digests(reader), _page_digests(drawn)
    differing = [
        number
        for number, pair in enumerate(zip(found, expected, strict=False), 1)
        if pair[0] != pair[1]
    ]
    differing += range(len(expected) + 1, len(found) + 1)
    covered, marked = _covered(reader, mark)
    differing = sorted({*differing, *covered, *marked})
    if not differing and len(found) == len(expected):
        return PagesVerdict("agree", _agreement(len(found)), len(found))
    if not covered and data.libraries != (here := library_versions()):
        return _not_compared(
            f"the pages were drawn with {_named(data.libraries)}, and {_named(here)}"
            " here draw them otherwise"
        )
    return PagesVerdict(
        "differ",
        _difference(differing, len(found), len(expected)),
        len(found),
        tuple(differing),
    )


def _not_compared(reason: str) -> PagesVerdict:
    return PagesVerdict("not compared", f"Pages not compared: {reason}.")


def _differing(words: str) -> PagesVerdict:
    return PagesVerdict("differ", words)


def _named(libraries: Mapping[str, str]) -> str:
    return " and ".join(f"{name} {libraries[name]}" for name in sorted(libraries))


def _agreement(n: int) -> str:
    pages = f"All {n} pages were" if n != 1 else "The only page was"
    return (
        f"{pages} drawn again from the data inside and agree: text, drawings, fonts and"
        " pictures."
    )


def _difference(differing: list[int], n_found: int, n_expected: int) -> str:
    if n_found < n_expected:
        return f"The data inside give {n_expected} pages, the file has {n_found}."
    listed = ", ".join(map(str, differing[:12])) + (", …" if differing[12:] else "")
    page = f"Page {listed} differs" if len(differing) == 1 else f"Pages {listed} differ"
    return f"{page} from what the data inside give."


def _pages(reader: PdfFileReader) -> Iterator[tuple[generic.Reference, dict[str, Any]]]:
    """Reference and entries of each page, inherited ones included."""
    seen: set[int] = set()

    def below(
        item: generic.IndirectObject, given: dict[str, Any]
    ) -> Iterator[tuple[generic.Reference, dict[str, Any]]]:
        if item.idnum in seen or len(seen) > 1_000_000:
            raise ValueError("the tree of pages is no tree")
        seen.add(item.idnum)
        node: Any = item.reference.get_object()
        own = {key: node.raw_get(key) for key in node}
        given = given | {key: own[key] for key in _INHERITED if key in own}
        if "/Kids" not in own:
            yield item.reference, given | own
            return
        kids = node["/Kids"]
        for i in range(len(kids)):
            yield from below(kids.raw_get(i), given)

    yield from below(reader.root.raw_get("/Pages"), {})


def _page_digests(reader: PdfFileReader) -> list[bytes]:
    """Digest of all that a page shows, marks of signatures aside."""
    pages = list(_pages(reader))
    numbers = {
        (reference.idnum, reference.generation): i
        for i, (reference, _) in enumerate(pages)
    }
    canonical = _Canonical(numbers)
    digests = []
    for _, entries in pages:
        shown = {k: v for k, v in entries.items() if k not in ("/Parent", "/Annots")}
        notes = [canonical.digest(note) for note in _notes(entries) if _is_link(note)]
        page = canonical.of_items(shown.items())
        digests.append(hashlib.sha256(page + b"".join(notes)).digest())
    return digests


def _notes(entries: Mapping[str, Any]) -> list[Any]:
    notes = _resolved(entries.get("/Annots", generic.ArrayObject()))
    return [notes[i] for i in range(len(notes))]


def _is_link(note: Any) -> bool:  # noqa: ANN401 - pyHanko has no types
    return str(note.get("/Subtype", "")) != "/Widget"


def _covered(
    reader: PdfFileReader, mark: StaticStampStyle
) -> tuple[list[int], list[int]]:
    """Pages that a field lies over, and those where the signer's mark is another."""
    expected = _Canonical({}).digest(drawn_mark(mark, SIGNATURE_BOX))
    place = [Decimal(part) for part in SIGNATURE_BOX]
    covered, marked = [], []
    is_first = True
    for number, (_, entries) in enumerate(_pages(reader), 1):
        for field_ in (note for note in _notes(entries) if not _is_link(note)):
            left, low, right, high = at = [Decimal(part) for part in field_["/Rect"]]
            is_own = is_first and number == 1 and at == place
            is_first = False
            if is_own and _Canonical({}).digest(field_["/AP"]["/N"]) != expected:
                marked.append(number)
            elif not is_own and left != right and low != high:
                covered.append(number)
    return covered, marked


@dataclass(slots=True)
class _Canonical:
    """Digests of PDF objects that do not depend on how a file numbers or packs them."""

    pages: Mapping[tuple[int, int], int]
    known: dict[tuple[int, int], bytes] = field(default_factory=dict)
    depth: int = 0

    def digest(self, item: Any) -> bytes:  # noqa: ANN401 - pyHanko has no types
        if isinstance(item, generic.IndirectObject):
            name = (item.idnum, item.generation)
            if name in self.pages:
                return _hash(b"page", str(self.pages[name]).encode())
            if name not in self.known:
                self.known[name] = self._of(item.reference.get_object())
            return self.known[name]
        return self._of(item)

    def of_items(self, items: Iterable[tuple[str, Any]]) -> bytes:
        parts = (
            part
            for key, value in sorted(items)
            for part in (key.encode(), self.digest(value))
        )
        return _hash(b"dictionary", *parts)

    def _of(self, item: Any) -> bytes:  # noqa: ANN401 - pyHanko has no types
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ValueError("an object of a page is nested too deeply")
        try:
            match item:
                case generic.StreamObject():
                    shown = [(k, item.raw_get(k)) for k in item if k not in _PACKING]
                    return _hash(b"stream", self.of_items(shown), _unpacked(item))
                case generic.DictionaryObject():
                    return self.of_items((k, item.raw_get(k)) for k in item)
                case generic.ArrayObject():
                    parts = [self.digest(item.raw_get(i)) for i in range(len(item))]
                    return _hash(b"array", *parts)
            return _hash(*_leaf(item))
        finally:
            self.depth -= 1


def _leaf(item: Any) -> tuple[bytes, bytes]:  # noqa: ANN401 - pyHanko has no types
    match item:
        case generic.BooleanObject():
            return b"boolean", str(item.value).encode()
        case generic.NumberObject() | generic.FloatObject():
            return b"number", str(Decimal(item).normalize()).encode()
        case generic.NameObject():
            return b"name", str(item).encode()
        case generic.TextStringObject():
            return b"text", str(item).encode("utf-8", "surrogatepass")
        case generic.ByteStringObject():
            return b"bytes", bytes(item)
        case generic.NullObject():
            return b"null", b""
    raise ValueError(f"a page holds a {type(item).__name__}")


def _hash(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def _resolved(item: Any) -> Any:  # noqa: ANN401 - pyHanko has no types
    is_reference = isinstance(item, generic.IndirectObject)
    return item.get_object() if is_reference else item


def _unpacked(stream: generic.StreamObject) -> bytes:
    """Bytes of a stream, if it is packed in a way that every viewer unpacks alike."""
    filters = stream.get("/Filter", generic.ArrayObject())
    names = [filters] if isinstance(filters, generic.NameObject) else list(filters)
    kinds = tuple(str(_resolved(name)) for name in names)
    if kinds not in _FILTERS or "/DecodeParms" in stream:
        raise ValueError("a part of a page is packed in a way that reports never are")
    data: bytes = stream.encoded_data
    if "/ASCII85Decode" in kinds:
        data = base64.a85decode(data.strip().removesuffix(b"~>"))
    if "/FlateDecode" in kinds:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(data, _LARGEST_STREAM)
        if not unpacker.eof:
            raise ValueError("a part of a page cannot be unpacked")
    return data
