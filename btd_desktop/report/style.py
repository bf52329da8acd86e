"""Fonts, colours, paragraphs and tables of the printed report.

Every text goes through `paragraph`, which makes it visible and escapes it; no other
module builds a ReportLab paragraph from text that came from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, Final

import reportlab.rl_config
from reportlab.graphics.shapes import STATE_DEFAULTS
from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    KeepTogether,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)
from reportlab.platypus.tableofcontents import TableOfContents

from btd_desktop.errors import ReportError
from btd_desktop.paths import assets_dir
from btd_desktop.report.visible import markup_from_text

# Tag text may hold <img src="…">. Text is escaped; should markup ever slip through,
# ReportLab must still open neither a file nor a host.
reportlab.rl_config.trustedSchemes = []
reportlab.rl_config.trustedHosts = []
# Streams in letters would be a fifth larger, and take most of a report's time.
reportlab.rl_config.useA85 = 0

PAGE: Final = A4
MARGIN: Final = 20 * mm
FRAME_WIDTH: Final = PAGE[0] - 2 * MARGIN
FRAME_HEIGHT: Final = PAGE[1] - 2 * MARGIN - 4 * mm

INK: Final = HexColor(0x1B1F24)
GREY: Final = HexColor(0x5B6470)
LINE: Final = HexColor(0xC4CAD2)
PALE: Final = HexColor(0xF1F3F6)
ACCENT: Final = HexColor(0x1F4E79)
FLAG: Final = HexColor(0xA8431A)

_SANS, _BOLD, _MONO = "BTD-Sans", "BTD-Sans-Bold", "BTD-Mono"
_LONGEST_TEXT: Final = 3000
_KEPT: Final = 0.42 * FRAME_HEIGHT
"""Tables up to this height in points stay on one page."""
_TALL_ROW: Final = 0.5 * FRAME_HEIGHT
_ENDS: Final = 3
"""Rows that stay together at either end of a table over several pages."""
_LONGEST_WORD: Final = 24
_MEASURED_ROWS: Final = 200
_SIDE: Final = 4.0
_NUMBER_SIDE: Final = 9.0
_FILES: Final = {
    _SANS: "DejaVuSans.ttf",
    _BOLD: "DejaVuSans-Bold.ttf",
    _MONO: "DejaVuSansMono.ttf",
}


def _style(name: str, size: float, **settings: object) -> ParagraphStyle:
    settings.setdefault("fontName", _SANS)
    settings.setdefault("textColor", INK)
    settings.setdefault("leading", round(size * 1.42, 1))
    return ParagraphStyle(name, fontSize=size, **settings)


STYLES: Final = {
    "body": _style("body", 9.2, spaceAfter=5),
    "lead": _style("lead", 10.4, spaceAfter=6),
    "small": _style("small", 7.8, textColor=GREY, spaceAfter=3),
    "cell": _style("cell", 8, leading=10.6),
    "number": _style("number", 8, leading=10.6, alignment=TA_RIGHT),
    "head": _style("head", 7.6, leading=10, fontName=_BOLD, textColor=white),
    "headnumber": _style(
        "headnumber", 7.6, leading=10, fontName=_BOLD, textColor=white,
        alignment=TA_RIGHT,
    ),
    "key": _style("key", 8, leading=10.6, textColor=GREY),
    "mono": _style("mono", 7.4, leading=10, fontName=_MONO),
    "title": _style("title", 22, fontName=_BOLD, textColor=ACCENT, leading=28,
                    spaceAfter=4),
    "toc": _style("toc", 8.4, leading=12.4),
    "tocnumber": _style("tocnumber", 8.4, leading=12.4, alignment=TA_RIGHT),
    "h1": _style(
        "h1", 14, fontName=_BOLD, textColor=ACCENT, spaceBefore=14, spaceAfter=6,
    ),
    "h2": _style(
        "h2", 10.4, fontName=_BOLD, spaceBefore=9, spaceAfter=4,
    ),
    "answer": _style("answer", 11, fontName=_BOLD, leading=15.5),
}  # fmt: skip


class _Font(TTFont):  # type: ignore[misc]  # ReportLab has no types
    """A font that adds up the widths of a word's letters once."""

    @lru_cache(maxsize=65536)  # noqa: B019 - the fonts live as long as the program
    def stringWidth(self, text: str, size: float, encoding: str = "utf8") -> float:  # noqa: N802
        """Width of a text in points."""
        return float(super().stringWidth(text, size, encoding))


class _Paragraph(Paragraph):  # type: ignore[misc]  # ReportLab has no types
    """A paragraph that breaks its lines once a width, however often a table asks."""

    _broken: dict[float, dict[str, Any]] | None = None

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        """Size in points, whatever height is left."""
        if self._broken is None:
            self._broken = {}
        if width not in self._broken:
            size: tuple[float, float] = super().wrap(width, height)
            if size[0] != width:  # there is no room at all
                return size
            names = ("width", "height", "blPara", "_wrapWidths")
            self._broken[width] = {name: getattr(self, name) for name in names}
        self.__dict__.update(self._broken[width])
        return self.width, self.height


@cache
def register_fonts() -> dict[str, frozenset[int]]:
    """Register the fonts once; code points that each can draw, by font name.

    Raises:
        ReportError: A font of the installation is missing or damaged.
    """
    glyphs = {}
    for name, file_name in _FILES.items():
        path = assets_dir() / "fonts" / file_name
        try:
            font = _Font(name, str(path))
        except (TTFError, OSError) as error:
            raise ReportError(
                f"the font {file_name} is missing or damaged: {error}",
                hint="Reinstall the program; reports need its assets folder.",
            ) from error
        registerFont(font)
        glyphs[name] = frozenset(font.face.charToGlyph)
    # Else each drawing would begin in a font of the viewer's, which is not embedded.
    STATE_DEFAULTS["fontName"] = _SANS
    return glyphs


def paragraph(text: str, style: str = "body") -> Paragraph:
    """A paragraph of text from anywhere: made visible, escaped, never interpreted.

    A text longer than a page can show is cut with a remark; the JSON twin holds it.
    """
    look = STYLES[style]
    glyphs = register_fonts()
    if len(text) > _LONGEST_TEXT:
        text = (
            f"{text[:_LONGEST_TEXT]} … (cut here: {len(text):,} characters in all, the"
            " whole text is in the attached report.json)"
        )
    markup = markup_from_text(text, glyphs[look.fontName])
    wide = markup_from_text(text, glyphs[_SANS])
    if markup == wide:
        return _Paragraph(markup, look)
    # The bold and the fixed-width font lack letters that the text font has.
    look = ParagraphStyle(f"{style}-wide", parent=look, fontName=_SANS)
    return _Paragraph(wide, look)


def heading(text: str, level: int = 1) -> list[Flowable]:
    """A heading that never stands alone at the foot of a page.

    Level 1 enters the contents and the outline. ReportLab's keep-with-next would push
    a long table to the next page as a whole; asking for some room does not.
    """
    return [CondPageBreak(105 if level == 1 else 85), paragraph(text, f"h{level}")]


class Contents(TableOfContents):  # type: ignore[misc]  # ReportLab has no types
    """The sections with their pages in two columns, each linked to its place.

    The titles are known before the first pass, only the pages are not: so the first
    pass breaks the pages as the last one does, and two are enough.
    """

    def __init__(self, story: Iterable[Flowable]) -> None:
        super().__init__()
        for flowable in story:
            if isinstance(flowable, Paragraph) and flowable.style.name[:2] == "h1":
                self.addEntry(0, flowable.text, 0, "heading-0")

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        """Size in points; the entries are those of the pass before."""
        lines = [
            (Paragraph(f'<a href="#{key}">{text}</a>', STYLES["toc"]),
             paragraph(f"{page}", "tocnumber"))
            for _, text, page, key in self._lastEntries
        ] or [(paragraph(" "), paragraph(" "))]  # fmt: skip
        half = (len(lines) + 1) // 2
        empty = (paragraph(" ", "toc"), paragraph(" ", "toc"))
        right = [*lines[half:], *([empty] * (2 * half - len(lines)))]
        rows = [[*a, "", *b] for a, b in zip(lines[:half], right, strict=True)]
        number, gap = 24.0, 22.0
        title = (FRAME_WIDTH - gap) / 2 - number
        self._table = Table(rows, colWidths=[title, number, gap, title, number])
        line = [("LINEBELOW", (i, 0), (i + 1, -1), 0.3, LINE) for i in (0, 3)]
        self._table.setStyle(TableStyle([_TOP, *padding(0, 0, 1, 2), *line]))
        self._table.spaceAfter = 8
        return self._table.wrapOn(self.canv, width, height)  # type: ignore[no-any-return]


def space(height_mm: float) -> Spacer:
    """Vertical space."""
    return Spacer(1, height_mm * mm)


def bullets(sentences: Iterable[str]) -> list[Flowable]:
    """Sentences as a list with dashes, one table row each, so that the list splits."""
    rows = [[paragraph("–"), paragraph(text)] for text in sentences]
    if not rows:
        return []
    table = Table(rows, colWidths=[5 * mm, FRAME_WIDTH - 5 * mm])
    table.setStyle(TableStyle([_TOP, *padding(0, 0, 0, 0)]))
    return [table]


def fact_table(facts: Iterable[tuple[str, str, str]]) -> Flowable:
    """Names at the left, values at the right, each value in the style that it names."""
    rows = [[paragraph(name, "key"), paragraph(value, look)]
            for name, value, look in facts]  # fmt: skip
    table = Table(rows, colWidths=[48 * mm, FRAME_WIDTH - 48 * mm])
    line = ("LINEBELOW", (0, 0), (-1, -1), 0.3, LINE)
    table.setStyle(TableStyle([_TOP, *padding(0, 0, 2.4, 2.8), line]))
    table.spaceAfter = 6
    return _held_together(table)


def data_table(
    header: Sequence[str],
    rows: Iterable[Sequence[str | Flowable]],
    widths: Sequence[float],
    looks: Sequence[str],
) -> Flowable:
    """A table that repeats its head on each page.

    Args:
        header: Column titles.
        rows: Cells as text, or drawings that `stretch` to the height of their row.
        widths: Relative column widths; they are scaled to the frame, and no word that
            is not very long is cut.
        looks: Style of each column: "cell", "number" (flush right), "mono" (digests).
    """
    head = [
        paragraph(text, "headnumber" if look == "number" else "head")
        for text, look in zip(header, looks, strict=True)
    ]
    texts = [list(row) for row in rows]
    body = [
        [
            paragraph(entry, "cell" if look == "interval" else look)
            if isinstance(entry, str)
            else entry
            for entry, look in zip(row, looks, strict=True)
        ]
        for row in texts
    ]
    measured = [list(header), *texts[:_MEASURED_ROWS]]
    columns = _column_widths(measured, widths, looks)
    for row in body:
        _stretch(row, columns)
    table = Table([head, *body], colWidths=columns, repeatRows=1)
    numbers = [
        ("RIGHTPADDING", (i, 0), (i, -1), _NUMBER_SIDE)
        for i, look in enumerate(looks)
        if look == "number"
    ]
    table.setStyle(
        TableStyle(
            [
                _TOP,
                *padding(_SIDE, _SIDE, 2.4, 3),
                *numbers,
                ("BACKGROUND", (0, 0), (-1, 0), ACCENT),
                ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, PALE]),
                ("LINEBELOW", (0, -1), (-1, -1), 0.5, LINE),
            ]
        )
    )
    table.spaceBefore, table.spaceAfter = 3, 7
    return _held_together(table)


def _column_widths(
    rows: Sequence[Sequence[str | Flowable]],
    widths: Sequence[float],
    looks: Sequence[str],
) -> list[float]:
    """Widths in points; a column too narrow for a word takes room from the others."""
    total = sum(widths)
    given = [FRAME_WIDTH * width / total for width in widths]
    least = [
        max((_longest_word(row[i], look, n == 0) for n, row in enumerate(rows)))
        + _SIDE + (_NUMBER_SIDE if look == "number" else _SIDE) + 0.5
        for i, look in enumerate(looks)
    ]  # fmt: skip
    needed = sum(max(a - b, 0) for a, b in zip(least, given, strict=True))
    spare = sum(max(b - a, 0) for a, b in zip(least, given, strict=True))
    if needed > spare:
        return given
    return [
        a if a > b else b - needed * (b - a) / spare
        for a, b in zip(least, given, strict=True)
    ]


def _longest_word(entry: str | Flowable, look: str, is_head: bool) -> float:
    """Width of the widest word that must not be cut; digests and the like may be."""
    if not isinstance(entry, str) or (look == "mono" and not is_head):
        return 0.0
    style = STYLES["head" if is_head else "cell"]
    words = [word for word in entry.split() if len(word) <= _LONGEST_WORD]
    return max((stringWidth(w, style.fontName, style.fontSize) for w in words),
               default=0.0)  # fmt: skip


def _stretch(row: Sequence[Flowable], columns: Sequence[float]) -> None:
    """Drawings of a row get the height that its texts need."""
    drawings = [cell for cell in row if hasattr(cell, "stretch")]
    if drawings:
        height = max(
            (
                cell.wrap(width - 2 * _SIDE, FRAME_HEIGHT)[1]
                for cell, width in zip(row, columns, strict=True)
                if isinstance(cell, Paragraph)
            ),
            default=0.0,
        )
        for drawing in drawings:
            drawing.stretch(height)


def _held_together(table: Table) -> Flowable:
    """The table on one page where it is short; else no row of it stands alone."""
    height = table.wrap(FRAME_WIDTH, FRAME_HEIGHT)[1]
    if max(table._rowHeights, default=0.0) > _TALL_ROW:
        table.splitInRow = 1
        return table
    if height <= _KEPT:
        return KeepTogether([table])
    n = table.repeatRows + _ENDS
    heights = table._rowHeights
    if max(sum(heights[:n]), sum(heights[-_ENDS:])) <= _KEPT:
        ends = [("NOSPLIT", (0, 0), (0, n - 1)), ("NOSPLIT", (0, -_ENDS), (0, -1))]
        table.setStyle(TableStyle(ends))
    return table


def callout(content: Sequence[Flowable], *, colour: Color = ACCENT) -> Table:
    """A box with a coloured edge for what must not be overlooked."""
    table = Table([[list(content)]], colWidths=[FRAME_WIDTH])
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, -1), PALE),
                ("LINEBEFORE", (0, 0), (0, -1), 3, colour),
                *padding(11, 9, 7, 5),
            ]
        )
    )
    table.spaceBefore, table.spaceAfter = 4, 8
    return table


_TOP: Final = ("VALIGN", (0, 0), (-1, -1), "TOP")


def padding(
    left: float, right: float, top: float, bottom: float
) -> Iterator[tuple[object, ...]]:
    """Style commands for the room within every cell of a table, in points.

    The font is that of cells without a paragraph, which else is not embedded.
    """
    sides = {"LEFT": left, "RIGHT": right, "TOP": top, "BOTTOM": bottom}
    yield ("FONTNAME", (0, 0), (-1, -1), _SANS)
    yield from (
        (f"{s}PADDING", (0, 0), (-1, -1), points) for s, points in sides.items()
    )
