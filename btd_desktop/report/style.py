"""Fonts, colours, paragraphs and tables of the printed report.

Every text goes through `paragraph`, which makes it visible and escapes it; no other
module builds a ReportLab paragraph from text that came from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final

import reportlab.rl_config
from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import registerFont
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

from btd_desktop.errors import ReportError
from btd_desktop.paths import assets_dir
from btd_desktop.report.visible import markup_from_text

# Tag text may hold <img src="…">. Text is escaped; should markup ever slip through,
# ReportLab must still open neither a file nor a host.
reportlab.rl_config.trustedSchemes = []
reportlab.rl_config.trustedHosts = []

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
_SHORT_TABLE: Final = 6
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
    "title": _style("title", 23, fontName=_BOLD, textColor=ACCENT, leading=29),
    "h1": _style(
        "h1", 14, fontName=_BOLD, textColor=ACCENT, spaceBefore=14, spaceAfter=6,
    ),
    "h2": _style(
        "h2", 10.4, fontName=_BOLD, spaceBefore=9, spaceAfter=4,
    ),
    "answer": _style("answer", 11, fontName=_BOLD, leading=15.5),
}  # fmt: skip


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
            font = TTFont(name, str(path))
        except (TTFError, OSError) as error:
            raise ReportError(
                f"the font {file_name} is missing or damaged: {error}",
                hint="Reinstall the program; reports need its assets folder.",
            ) from error
        registerFont(font)
        glyphs[name] = frozenset(font.face.charToGlyph)
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
        return Paragraph(markup, look)
    # The bold and the fixed-width font lack letters that the text font has.
    return Paragraph(wide, ParagraphStyle(f"{style}-wide", parent=look, fontName=_SANS))


def heading(text: str, level: int = 1) -> list[Flowable]:
    """A heading that never stands alone at the foot of a page.

    Level 1 enters the contents and the outline. ReportLab's keep-with-next would push
    a long table to the next page as a whole; asking for some room does not.
    """
    return [CondPageBreak(105 if level == 1 else 85), paragraph(text, f"h{level}")]


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


def fact_table(facts: Iterable[tuple[str, str, str]]) -> Table:
    """Names at the left, values at the right, each value in the style that it names."""
    rows = [[paragraph(name, "key"), paragraph(value, look)]
            for name, value, look in facts]  # fmt: skip
    table = Table(rows, colWidths=[48 * mm, FRAME_WIDTH - 48 * mm], splitInRow=1)
    line = ("LINEBELOW", (0, 0), (-1, -1), 0.3, LINE)
    table.setStyle(TableStyle([_TOP, *padding(0, 0, 2.4, 2.8), line]))
    table.spaceAfter = 6
    return table


def data_table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    widths: Sequence[float],
    looks: Sequence[str],
) -> Flowable:
    """A table that repeats its head on each page.

    Args:
        header: Column titles.
        rows: Cells as text.
        widths: Relative column widths; they are scaled to the frame.
        looks: Style of each column: "cell", "number" (flush right), "mono" (digests).
    """
    head = [
        paragraph(text, "headnumber" if look == "number" else "head")
        for text, look in zip(header, looks, strict=True)
    ]
    body = [list(map(paragraph, row, looks)) for row in rows]
    total = sum(widths)
    table = Table(
        [head, *body],
        colWidths=[FRAME_WIDTH * width / total for width in widths],
        repeatRows=1,
        splitInRow=1,
    )
    table.setStyle(
        TableStyle(
            [
                _TOP,
                *padding(4, 4, 2.4, 3),
                ("BACKGROUND", (0, 0), (-1, 0), ACCENT),
                ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, PALE]),
                ("LINEBELOW", (0, -1), (-1, -1), 0.5, LINE),
            ]
        )
    )
    table.spaceBefore, table.spaceAfter = 3, 7
    if len(body) <= _SHORT_TABLE:
        return KeepTogether([table])
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
    """Style commands for the room within every cell of a table, in points."""
    sides = {"LEFT": left, "RIGHT": right, "TOP": top, "BOTTOM": bottom}
    return ((f"{s}PADDING", (0, 0), (-1, -1), points) for s, points in sides.items())
