"""A report's document printed as a PDF: cover, one-page summary, numbered sections.

The same document gives the same bytes: ReportLab runs in its invariant mode and the
only clock is `document.created`. The JSON twin and the other files are attached before
signing, so that the signature covers them; the twin's digest is printed and stored in
the PDF's keywords, where `verification` finds it, and the twin names the others'.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC
from functools import partial
from itertools import chain
from typing import Final

from reportlab.graphics.shapes import Drawing
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    Paragraph,
)
from reportlab.platypus import Table as LaidOutTable
from reportlab.platypus.doctemplate import LayoutError

from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ReportError
from btd_desktop.examination.wording import counted
from btd_desktop.report.attachments import TWIN_NAME, attached_files
from btd_desktop.report.document import (
    Attachments,
    Block,
    Box,
    Bullets,
    Cell,
    Document,
    Facts,
    Figure,
    Heading,
    Record,
    RedactionNote,
    Section,
    Table,
    Text,
    text_of,
)
from btd_desktop.report.figures import exhibit_grid
from btd_desktop.report.forest import AxisBar, ForestAxis, IntervalBar
from btd_desktop.report.page_data import PAGES_NAME, page_data_from
from btd_desktop.report.pages import PageTotal, ReportCanvas, ReportTemplate
from btd_desktop.report.pictures import ExhibitFigure
from btd_desktop.report.plots import score_histogram
from btd_desktop.report.style import (
    ACCENT,
    FLAG,
    FRAME_HEIGHT,
    FRAME_WIDTH,
    Contents,
    bullets,
    callout,
    data_table,
    fact_table,
    heading,
    paragraph,
    register_fonts,
    space,
)
from btd_desktop.report.wording import size_text

_NEW_PAGE: Final = CondPageBreak(FRAME_HEIGHT - 1)
"""Starts a page, unless one has just been started."""
_MOST_ROOM: Final = 340.0
_LEAST_ROOM: Final = 40.0
_ROOM_OF_CONTENTS: Final = 230.0
_SLACK: Final = 12.0
_FEW_ROWS: Final = 4
_START: Final = 60.0


def render_pdf(document: Document) -> bytes:
    """The report as an unsigned PDF, with its twin and its attached tables.

    The same document gives the same bytes. What is drawn is what "pages.json" holds,
    so that whoever has the PDF can draw it again.

    Raises:
        ReportError: A value cannot be stated, a font is missing, or something does not
            fit on a page.
    """
    return draw_pdf(attached_files(document))


def draw_pdf(files: Mapping[str, bytes]) -> bytes:
    """The PDF of the files that are attached to it; "pages.json" says what is drawn.

    Raises:
        ReportError: As `render_pdf` raises it, or "pages.json" is damaged.
    """
    document = page_data_from(files[PAGES_NAME]).document
    register_fonts()
    buffer = io.BytesIO()
    template = ReportTemplate(buffer, document, bytes_digest(files[TWIN_NAME]))
    make_canvas = partial(
        ReportCanvas,
        created=document.created.astimezone(UTC).timestamp(),
        files=files,
    )
    try:
        template.multiBuild(
            _Printer(document, files).story(template), canvasmaker=make_canvas
        )
    except LayoutError as error:
        raise ReportError(
            f"a part of the report does not fit on a page: {str(error)[:200]}",
            hint="Shorten the longest note or description and render again.",
        ) from error
    return buffer.getvalue()


class _Printer:
    """Turns the nodes of one document into flowables."""

    def __init__(self, document: Document, files: Mapping[str, bytes]) -> None:
        self._document = document
        self._files = files
        self._numbers = document.numbers()
        self._numbers["twin"] = bytes_digest(files[TWIN_NAME])

    def story(self, template: ReportTemplate) -> list[Flowable]:
        """The whole report: the first section on its page, then the contents."""
        first, *others = map(self._section, self._document.sections)
        return [
            NextPageTemplate("page"),
            *self._cover(),
            PageBreak(),
            *first,
            CondPageBreak(_ROOM_OF_CONTENTS),
            space(4),
            paragraph("Contents", "answer"),
            Contents(chain(first, *others)),
            PageTotal(template),
            *chain.from_iterable(others),
        ]

    def _cover(self) -> list[Flowable]:
        note = self._document.redaction
        story: list[Flowable] = [space(14)] if note is None else []
        for block in self._document.cover:
            story += self._blocks([block])
            story += [space(3)] if isinstance(block, Facts) else []
        return [*story, *_redaction(note)]

    def _section(self, section: Section) -> list[Flowable]:
        number = self._numbers[section.key]
        label = f"Annex {number}" if section.is_annex else number
        title = f"{label}  {section.title}"
        return _with_room([*heading(title), *self._blocks(section.blocks)])

    def _blocks(self, blocks: Sequence[Block]) -> list[Flowable]:
        story: list[Flowable] = []
        for block, after in zip(blocks, [*blocks[1:], None], strict=True):
            if isinstance(block, Text) and _is_heavy(after):
                story.append(CondPageBreak(_LEAST_ROOM))
            story += self._block(block)
        return story

    def _block(self, block: Block) -> list[Flowable]:
        match block:
            case Text():
                return [paragraph(self._text(block.cell), block.look)]
            case Heading():
                return heading(self._text(block.cell), 2)
            case Bullets():
                return bullets(map(self._text, block.cells)) if block.printed else []
            case Facts():
                return self._facts(block)
            case Table():
                return self._table(block)
            case _:
                return self._large(block)

    def _large(self, block: Box | Record | Figure | Attachments) -> list[Flowable]:
        match block:
            case Box():
                texts = self._blocks(block.blocks)
                return [callout(texts, colour=FLAG if block.tone == "flag" else ACCENT)]
            case Record():
                return self._record(block)
            case Figure():
                return self._figure(block)
            case Attachments():
                return [self._attachments()]

    def _record(self, record: Record) -> list[Flowable]:
        """Its blocks; a place gets a page, and its pictures what the texts leave."""
        if not any(map(_is_place, record.blocks)):
            return self._blocks(record.blocks)
        texts = [block for block in record.blocks if not _is_place(block)]
        left = FRAME_HEIGHT - sum(map(_full_height, self._blocks(texts))) - _SLACK
        inside: list[Flowable] = []
        for block in record.blocks:
            match block:
                case Figure(picture=ExhibitFigure() as picture):
                    inside.append(exhibit_grid(picture, left))
                case _:
                    inside += self._block(block)
        return [_NEW_PAGE, *inside, _NEW_PAGE]

    def _facts(self, facts: Facts) -> list[Flowable]:
        rows = [(r.label, self._text(r.cell), r.look) for r in facts.rows if r.label]
        return [fact_table(rows)] if rows else []

    def _table(self, table: Table) -> list[Flowable]:
        if table.attached:
            return self._attached(table)
        shown = [i for i, c in enumerate(table.columns) if c.head is not None]
        if not shown or not table.rows:
            return []
        columns = [table.columns[i] for i in shown]
        forest = ForestAxis.of(
            row[i].value
            for i in shown
            if table.columns[i].look == "interval"
            for row in table.rows
        )
        rows: list[list[str | Flowable]] = [
            [
                IntervalBar(forest, row[i].value)
                if table.columns[i].look == "interval"
                else self._text(row[i])
                for i in shown
            ]
            for row in table.rows
        ]
        if any(column.look == "interval" for column in columns):
            rows.append([
                AxisBar(forest) if column.look == "interval" else ""
                for column in columns
            ])  # fmt: skip
        return [
            data_table(
                [column.head or "" for column in columns],
                rows,
                [column.width for column in columns],
                [column.look for column in columns],
            )
        ]

    def _attached(self, table: Table) -> list[Flowable]:
        told = f"{table.attached}, {counted(len(table.rows), 'row')}"
        sha256 = bytes_digest(self._files[table.attached])
        rows = [("Attached file", told, "cell"), ("Its SHA-256", sha256, "mono")]
        return [fact_table(rows)]

    def _attachments(self) -> Flowable:
        rows = [
            (name, size_text(len(data)), bytes_digest(data))
            for name, data in sorted(self._files.items())
        ]
        looks = ("cell", "number", "mono")
        return data_table(("File", "Bytes", "SHA-256"), rows, (3.4, 1.6, 9.4), looks)

    def _figure(self, figure: Figure) -> list[Flowable]:
        picture = figure.picture
        if isinstance(picture, ExhibitFigure):
            return [exhibit_grid(picture, FRAME_HEIGHT)]
        drawing = score_histogram(
            picture.slice_scores,
            picture.genuine,
            picture.threshold,
            size=(FRAME_WIDTH, 140),
        )
        caption = [] if figure.caption is None else [
            paragraph(self._text(figure.caption), "small")
        ]  # fmt: skip
        return [KeepTogether([drawing, space(1.5), *caption])]

    def _text(self, cell: Cell) -> str:
        return text_of(cell, self._numbers)


def _is_heavy(block: Block | None) -> bool:
    """Whether a sentence before it would look lost at the foot of another page."""
    match block:
        case Table():
            return bool(block.rows) and any(c.head is not None for c in block.columns)
        case Facts():
            return any(row.label for row in block.rows)
        case _:
            return isinstance(block, Figure)


def _is_place(block: Block) -> bool:
    return isinstance(block, Figure) and isinstance(block.picture, ExhibitFigure)


def _full_height(flowable: Flowable) -> float:
    """Height in points that a flowable takes on a page, with the room around it."""
    if isinstance(flowable, CondPageBreak):
        return 0.0
    if isinstance(flowable, KeepTogether):
        return sum(map(_full_height, flowable._content))
    around = flowable.getSpaceBefore() + flowable.getSpaceAfter()
    return float(flowable.wrap(FRAME_WIDTH, FRAME_HEIGHT)[1] + around)


def _with_room(story: list[Flowable]) -> list[Flowable]:
    """The story of a section, each heading with room for what it heads.

    A heading with its first sentence and the start of what follows stays on one page;
    tables that are kept together count whole.
    """
    for i, flowable in enumerate(story):
        if not isinstance(flowable, CondPageBreak) or flowable.height > _MOST_ROOM:
            continue
        needed = 0.0
        for following in story[i + 1 :]:
            if following is _NEW_PAGE:
                break
            if isinstance(following, CondPageBreak):
                continue
            needed += _height(following)
            if not isinstance(following, Paragraph) or needed > _MOST_ROOM:
                break
        flowable.height = min(max(flowable.height, needed), _MOST_ROOM)
    return story


def _height(flowable: Flowable) -> float:
    """Least height in points that a flowable takes at the foot of a page."""
    if isinstance(flowable, KeepTogether | Paragraph | Drawing):
        return _full_height(flowable)
    if isinstance(flowable, LaidOutTable):
        flowable.wrap(FRAME_WIDTH, FRAME_HEIGHT)
        # Its first rows are never parted.
        return float(sum(flowable._rowHeights[:_FEW_ROWS]))
    return _START


def _redaction(note: RedactionNote | None) -> list[Flowable]:
    """For page 1: the report that this one is a variant of, and what was replaced."""
    if note is None:
        return []
    return [
        callout(
            [
                paragraph(f"Redacted variant of report {note.of_report_id}", "answer"),
                paragraph("The PDF of that report has the SHA-256 digest"),
                paragraph(note.of_sha256, "mono"),
                paragraph(" ".join(note.replaced)),
                *([paragraph(note.remark)] if note.remark else []),
            ]
        )
    ]
