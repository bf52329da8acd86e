"""The visible mark of a signature, in the report's own font.

pyHanko's text stamps know the letters of Latin-1 at best. So that a signer's name is
printed right, the mark is drawn as a small page and placed as it is.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.content import PdfContent
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import PdfFileWriter
from pyhanko.stamp import StaticStampStyle
from reportlab.pdfgen.canvas import Canvas

from btd_desktop.report.style import GREY, INK, register_fonts
from btd_desktop.report.visible import visible_text

_FONT = "BTD-Sans"


def signature_mark(
    subject: str,
    when: datetime,
    fingerprint_sha256: str,
    *,
    is_self_signed: bool,
    box: tuple[int, int, int, int],
) -> StaticStampStyle:
    """The mark of a report's signature; the same signer and time give the same one.

    Args:
        subject: Name in the certificate.
        when: Time of signing as stated.
        fingerprint_sha256: Hex SHA-256 of the certificate.
        is_self_signed: Nobody else certified the key.
        box: Where it lies: (x1, y1, x2, y2) in points.
    """
    lines = [
        f"Stated time {when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        f"Certificate SHA-256 {fingerprint_sha256}",
    ]
    if is_self_signed:
        lines.append("Self-signed key: nobody has certified whose it is.")
    x1, y1, x2, y2 = box
    return signature_stamp(f"Signed by {subject}", lines, (x2 - x1, y2 - y1))


def drawn_mark(
    style: StaticStampStyle, box: tuple[int, int, int, int]
) -> generic.StreamObject:
    """A mark as signing draws it into its field."""
    x1, y1, x2, y2 = box
    room = BoxConstraints(width=x2 - x1, height=y2 - y1)
    writer = PdfFileWriter()  # type: ignore[no-untyped-call]
    return style.create_stamp(writer, room, {}).as_form_xobject()


def signature_stamp(
    title: str, lines: Sequence[str], size: tuple[float, float]
) -> StaticStampStyle:
    """A stamp with a title line and smaller lines below it.

    Args:
        title: First line, such as the signer's name.
        lines: Further lines.
        size: Width and height in points.
    """
    page = _drawn(title, lines, size)
    return StaticStampStyle(background=_DrawnPage(page), border_width=0)


def _drawn(title: str, lines: Sequence[str], size: tuple[float, float]) -> bytes:
    glyphs = register_fonts()[_FONT]
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size, invariant=1, initialFontName=_FONT)
    width, height = size
    y = height - 17
    for index, text in enumerate((title, *lines)):
        shown = visible_text(text, glyphs)
        font_size = 10.0 if index == 0 else 7.0
        needed = canvas.stringWidth(shown, _FONT, font_size)
        if needed > width - 16:
            font_size *= (width - 16) / needed
        canvas.setFillColor(INK if index == 0 else GREY)
        canvas.setFont(_FONT, font_size)
        canvas.drawString(8, y, shown)
        y -= 11.5
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


class _DrawnPage(PdfContent):
    """First page of a PDF in memory, as content of a stamp."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self._page = page

    def render(self) -> bytes:
        """Import the page and refer to it."""
        reader = PdfFileReader(io.BytesIO(self._page))
        imported = self._ensure_writer.import_page_as_xobject(reader)
        self.resources.xobject["/Drawn"] = imported
        x1, y1, x2, y2 = imported.get_object()["/BBox"]
        self.box = BoxConstraints(width=abs(x1 - x2), height=abs(y1 - y2))
        return b"/Drawn Do"
