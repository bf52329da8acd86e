"""A report as a tree of few kinds of nodes: PDF, JSON twin and redacted variant follow.

Each text is made of runs, and each run is marked for what it may give away. The marks
are all that redaction looks at; a run without one is withheld.

* plain: the program's own words and numbers. Printed in every variant.
* name: names somebody, or was written by somebody: a name, an identity, the name of a
  file, a UID, a note, a description. Its kind says whether a pseudonym stands for it or
  nothing.
* quoting: a sentence of the program that may quote what a file says. What is quoted,
  dates, UIDs, names of files and all that the headers say of people are taken out.
* digest: a SHA-256. Over bytes or numbers it stays; over names ("of names") it goes,
  since a name can be found by trying; "of the list" is taken anew.

A node with a key is in the twin too: the key is a path of names joined by dots, from
the twin's root or from the record that holds the node. A column or fact with a key but
no head or label is in the twin only. Print and twin come from the same cell; where the
cell gives the twin a value of its own, the two stand side by side in the code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar

from btd_desktop.errors import ReportError
from btd_desktop.report.pictures import ExhibitFigure, SeriesFigure

NOT_STATED: Final = "not stated"

Mark = Literal["plain", "name", "quoting", "digest"]
Standing = Literal["final", "draft", "demonstration"]
T = TypeVar("T")

AS_PRINTED: Final = object()
"""Value of a cell for which the twin holds the printed text."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text under one mark.

    Attributes:
        text: As printed.
        mark: What it may give away; None is withheld by redaction.
        kind: Of a name: "patient", "file", "uid" get a pseudonym, "instead" gives way
            to `of`, every other kind ("text", "date", "description") is withheld. Of
            a digest: "", "of names" or "of the list". Of plain text: "report" for the
            report's own identity.
        of: What the pseudonym is made of, or the whole of a text that was cut; ""
            takes the text.
    """

    text: str
    mark: Mark | None = None
    kind: str = ""
    of: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """Number of the section with a key, or the digest of the twin ("twin")."""

    key: str


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place of the report.

    Attributes:
        runs: What is printed.
        value: JSON value in the twin.
    """

    runs: tuple[Run | Reference, ...]
    value: Any = AS_PRINTED


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `look` is "body", "lead", "small", "answer", "mono" or "title"."""

    cell: Cell
    look: str = "body"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section."""

    cell: Cell


@dataclass(frozen=True, slots=True)
class Bullets:
    """Sentences as a list, in the twin too; `printed` False leaves it to the twin."""

    cells: tuple[Cell, ...]
    key: str = ""
    printed: bool = True


@dataclass(frozen=True, slots=True)
class Fact:
    """A named value; a fact without a label is in the twin only.

    Attributes:
        label: The program's word for it.
        cell: The value.
        key: Key in the twin, or "".
        look: "cell", or "mono" for digests and identities.
    """

    label: str
    cell: Cell
    key: str = ""
    look: str = "cell"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names at the left, values at the right; in the twin an object."""

    rows: tuple[Fact, ...]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; a column without a head is in the twin only.

    Attributes:
        head: The program's title of the column, or None.
        width: Relative to the other columns.
        key: Key in the twin, or "".
        look: "cell", "number" (flush right), "mono", or "interval" (forest plot): the
            cell's value is (value, low, high), low and high None where not known.
    """

    head: str | None
    width: float = 1.0
    key: str = ""
    look: str = "cell"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, one for each column; in the twin a list of objects.

    `attached` names the file that holds the rows as CSV, instead of pages.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    key: str = ""
    attached: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """What must not be overlooked; `tone` is "accent" or "flag"."""

    blocks: tuple[Text, ...]
    tone: str = "accent"


@dataclass(frozen=True, slots=True)
class Attachments:
    """Table of the files attached to the PDF, filled in when it is laid out."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with its caption."""

    picture: ExhibitFigure | SeriesFigure = field(compare=False, repr=False)
    caption: Cell | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """Blocks about one thing of several; in the twin an object of the list `key`."""

    key: str
    blocks: tuple[Block, ...]


Block = Text | Heading | Bullets | Facts | Table | Box | Attachments | Figure | Record


@dataclass(frozen=True, slots=True)
class Section:
    """One section; its number is its position.

    Attributes:
        key: What references call it.
        title: The program's title of it.
        blocks: What it says.
        is_annex: Annexes come last and are lettered.
    """

    key: str
    title: str
    blocks: tuple[Block, ...]
    is_annex: bool = False


@dataclass(frozen=True, slots=True)
class RedactionNote:
    """What a redacted variant of a report says of itself.

    Attributes:
        of_report_id: The report that it is a variant of.
        of_sha256: Hex SHA-256 of that report's PDF, signature included. No digest of
            its JSON twin is given: all that a redacted twin leaves out of it are
            names, which could then be found by trying.
        replaced: What was replaced or left out, as sentences.
        remark: Which files redaction could not read again, as a sentence, or empty.
    """

    of_report_id: str
    of_sha256: str
    replaced: tuple[str, ...]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """Everything a report says.

    Attributes:
        report_id: Identity of the report, unique in the case.
        created: When it was made, aware.
        software_version: Of the program.
        standing: Anything but "final" is printed across every page.
        case_number: Printed at the head of each page.
        examiner: Author in the PDF's properties.
        cover: First page.
        sections: In the order that numbers them; the first has a page of its own.
        redaction: What a redacted variant says of itself; None for a full report.
        files: Further files to attach, by name; they name nobody.

    Raises:
        ReportError: The time has no zone, two sections have one key, or a reference
            names a section that is not here.
    """

    report_id: str
    created: datetime
    software_version: str
    standing: Standing
    case_number: Cell
    examiner: Cell
    cover: tuple[Block, ...]
    sections: tuple[Section, ...]
    redaction: RedactionNote | None = None
    files: Mapping[str, bytes] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.created.utcoffset() is None:
            raise ReportError(
                "the time of the report has no time zone",
                hint="Pass an aware UTC datetime.",
            )
        numbers = self.numbers()
        if len(numbers) < len(self.sections):
            raise ReportError("two sections of the report have the same key")
        blocks = (*self.cover, *(b for s in self.sections for b in s.blocks))
        for cell in cells_of(blocks):
            for run in cell.runs:
                if isinstance(run, Reference) and run.key not in {*numbers, "twin"}:
                    raise ReportError(f"the report has no section {run.key!r}")

    def numbers(self) -> dict[str, str]:
        """Number or letter of each section, by key."""
        body = [s.key for s in self.sections if not s.is_annex]
        annexes = [s.key for s in self.sections if s.is_annex]
        letters = (chr(ord("A") + i) for i in range(len(annexes)))
        return dict(zip(body, map(str, range(1, len(body) + 1)), strict=True)) | dict(
            zip(annexes, letters, strict=True)
        )


def cells_of(blocks: Iterable[Block]) -> Iterable[Cell]:
    """Every cell of the blocks, those inside others included."""
    for block in blocks:
        match block:
            case Text() | Heading():
                yield block.cell
            case Bullets():
                yield from block.cells
            case Facts():
                yield from (row.cell for row in block.rows)
            case Table():
                yield from (cell for row in block.rows for cell in row)
            case Box() | Record():
                yield from cells_of(block.blocks)
            case Figure():
                yield from [] if block.caption is None else [block.caption]
            case Attachments():
                pass


def plain(text: str, value: Any = AS_PRINTED) -> Cell:  # noqa: ANN401 - JSON value
    """The program's own words and numbers; nothing that came from outside."""
    return Cell((Run(text, "plain"),), value)


def name(kind: str, text: str, *, of: str = "") -> Cell:
    """What names somebody or was written by somebody; see `Run.kind`."""
    return Cell((Run(text, "name", kind, of),))


def quoting(text: str) -> Cell:
    """A sentence of the program that may quote a file."""
    return Cell((Run(text, "quoting"),))


def digest(text: str | None, kind: str = "") -> Cell:
    """A SHA-256; "not stated" when there is none."""
    return stated(Cell((Run(text or "", "digest", kind),), text))


def report_identity(text: str) -> Cell:
    """The report's own identity, which a variant replaces by its own."""
    return Cell((Run(text, "plain", "report"),))


def reference(key: str) -> Cell:
    """Number of a section."""
    return Cell((Reference(key),))


def word(text: str, known: Iterable[str]) -> Cell:
    """A stored text: plain if it is one of the program's own words, else quoting."""
    return plain(text) if text in known else quoting(text)


def stated(cell: Cell, otherwise: str = NOT_STATED) -> Cell:
    """The cell, or, printed in its place where it is empty, `otherwise`."""
    value = text_of(cell) if cell.value is AS_PRINTED else cell.value
    if text_of(cell).strip():
        return cell
    return plain(otherwise, value)


def unprinted(value: Any) -> Cell:  # noqa: ANN401 - JSON value
    """Numbers and flags for the twin alone; a text raises a ReportError."""
    if _holds_text(value):
        raise ReportError("a text is given to the twin without a mark")
    return plain("", value)


def _holds_text(value: object) -> bool:
    if isinstance(value, (dict, list, tuple)):
        parts = value.values() if isinstance(value, dict) else value
        return any(map(_holds_text, parts))
    return isinstance(value, str) and bool(value)


def join(*cells: Cell, value: Any = AS_PRINTED) -> Cell:  # noqa: ANN401 - JSON value
    """Cells one after the other as one."""
    return Cell(tuple(run for cell in cells for run in cell.runs), value)


def text_of(cell: Cell, numbers: Mapping[str, str] = MappingProxyType({})) -> str:
    """The printed text; references by the numbers given, others left out."""
    return "".join(
        run.text if isinstance(run, Run) else numbers.get(run.key, "")
        for run in cell.runs
    )


def table_of(
    items: Iterable[T],
    columns: Sequence[tuple[Column, Callable[[T], Cell]]],
    key: str = "",
) -> Table:
    """A table with a row for each item; each column says how its cell is made."""
    return Table(
        tuple(column for column, _ in columns),
        tuple(tuple(cell(item) for _, cell in columns) for item in items),
        key,
    )


def named_values(items: Iterable[tuple[str, Cell]], key: str) -> Table:
    """Names and values as rows of the twin only; `Facts` prints them elsewhere."""
    columns = (Column(None, 0, "name"), Column(None, 0, "value"))
    return Table(columns, tuple((plain(label), cell) for label, cell in items), key)


def records(key: str, items: Iterable[Sequence[Block]]) -> tuple[Block, ...]:
    """A record for each item; the twin has the list even when it is empty."""
    return (Table((), (), key), *(Record(key, tuple(blocks)) for blocks in items))
