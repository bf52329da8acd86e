"""`ReportContent` printed as a PDF: cover, one-page summary, numbered sections.

The same content gives the same bytes: ReportLab runs in its invariant mode and the
only clock is `content.identity.created`. The JSON twin and further files are attached
before signing, so that the signature covers them; the digest of the twin is printed
and stored in the document's keywords, where `verification` finds it.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from datetime import UTC
from functools import partial
from typing import Any, Final

from reportlab.lib.colors import Color
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfdoc import (
    PDFArray,
    PDFDictionary,
    PDFName,
    PDFStream,
    PDFString,
    PDFZCompress,
)
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    IndexingFlowable,
    PageBreak,
    PageTemplate,
    Paragraph,
)
from reportlab.platypus.doctemplate import LayoutError
from reportlab.platypus.tableofcontents import TableOfContents

from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ReportError
from btd_desktop.report.content import ReportContent
from btd_desktop.report.front import SIGNATURE_BOX, cover, summary
from btd_desktop.report.sections_conclusion import (
    TWIN_NAME,
    annexes,
    conclusion_sections,
)
from btd_desktop.report.sections_evidence import annex_files, evidence_sections
from btd_desktop.report.sections_method import method_sections
from btd_desktop.report.sections_results import result_section
from btd_desktop.report.style import (
    FRAME_HEIGHT,
    FRAME_WIDTH,
    GREY,
    LINE,
    MARGIN,
    PAGE,
    STYLES,
    paragraph,
    register_fonts,
)
from btd_desktop.report.visible import visible_text

__all__ = ["SIGNATURE_BOX", "TWIN_KEYWORD", "TWIN_NAME", "render_pdf"]

TWIN_KEYWORD: Final = "btd-report-twin-sha256="
"""Prefix, in the keywords of the PDF, of the digest of the attached JSON twin."""

_FOOTER: Final = "Forensic examination of image data – not for diagnostic use"


def render_pdf(
    content: ReportContent,
    *,
    twin: bytes,
    attachments: Mapping[str, bytes] | None = None,
) -> bytes:
    """The report as an unsigned PDF; the same content gives the same bytes.

    Args:
        content: What the report says.
        twin: `content.twin()`; attached as "report.json".
        attachments: Further files to attach, by name.

    Raises:
        ReportError: The twin is not the content's, an attachment takes the twin's
            name, a font is missing, or something does not fit on a page.
    """
    attached = dict(attachments or {})
    if twin != content.twin():
        raise ReportError(
            "the JSON twin does not belong to this report",
            hint="Pass content.twin() of the same content.",
        )
    if TWIN_NAME in attached:
        raise ReportError(f"no other file may be attached as {TWIN_NAME}")
    register_fonts()
    twin_digest = bytes_digest(twin)
    buffer = io.BytesIO()
    document = _ReportTemplate(buffer, content, twin_digest)
    make_canvas = partial(
        _ReportCanvas,
        created=content.identity.created.astimezone(UTC).timestamp(),
        files={TWIN_NAME: twin, **attached},
    )
    try:
        document.multiBuild(
            _story(content, twin, attached, document), canvasmaker=make_canvas
        )
    except LayoutError as error:
        raise ReportError(
            f"a part of the report does not fit on a page: {str(error)[:200]}",
            hint="Shorten the longest note or description and render again.",
        ) from error
    return buffer.getvalue()


def _story(
    content: ReportContent,
    twin: bytes,
    attached: Mapping[str, bytes],
    document: _ReportTemplate,
) -> list[Flowable]:
    twin_digest = bytes_digest(twin)
    return [
        *cover(content),
        PageBreak(),
        *summary(content),
        PageBreak(),
        paragraph("Contents", "title"),
        _contents(),
        _PageTotal(document),
        PageBreak(),
        *evidence_sections(content),
        *method_sections(content),
        *result_section(content),
        *conclusion_sections(content, twin_digest),
        *annex_files(content),
        *annexes(content, twin, attached),
    ]


def _contents() -> TableOfContents:
    contents = TableOfContents()
    contents.levelStyles = [
        ParagraphStyle("toc", parent=STYLES["body"], leading=16, spaceAfter=0)
    ]
    contents.dotsMinLevel = 0
    return contents


_SIGNATURE_NOTE: Final = (
    "Electronic signature. Check it with a PDF reader or with: btd verify REPORT.pdf"
)


class _PageTotal(IndexingFlowable):  # type: ignore[misc]  # ReportLab has no types
    """Asks for one more pass until the number of pages has settled."""

    def __init__(self, document: _ReportTemplate) -> None:
        super().__init__()
        self._document = document

    def isSatisfied(self) -> bool:  # noqa: N802 - ReportLab's name
        """True once a pass ended with the page total that it printed."""
        return self._document.settle_page_total()

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        """Nothing is drawn."""
        return 0, 0

    def draw(self) -> None:
        """Nothing is drawn."""


class _ReportTemplate(BaseDocTemplate):  # type: ignore[misc]  # ReportLab has no types
    """Page frame with header, footer and the DRAFT mark."""

    def __init__(
        self, buffer: io.BytesIO, content: ReportContent, twin_digest: str
    ) -> None:
        identity = content.identity
        super().__init__(
            buffer,
            pagesize=PAGE,
            title=visible_text(f"Forensic examination report {identity.report_id}"),
            author=visible_text(content.mandate.examiner) or "not stated",
            subject="Forensic examination of image data",
            keywords=f"{TWIN_KEYWORD}{twin_digest}",
            creator=visible_text(f"BTD Desktop {identity.software_version}"),
            lang="en",
            invariant=1,
        )
        self._content = content
        self._total_printed = 0
        frame = Frame(
            MARGIN,
            MARGIN,
            FRAME_WIDTH,
            FRAME_HEIGHT,
            leftPadding=0,
            rightPadding=0,
            topPadding=0,
            bottomPadding=0,
        )
        self.addPageTemplates([PageTemplate("page", [frame], onPage=self._furniture)])

    def settle_page_total(self) -> bool:
        """Whether the total printed in this pass was right; keeps the right one."""
        is_right = bool(self._total_printed == self.page)
        self._total_printed = self.page
        return is_right

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 - ReportLab's
        """Enter headings into the contents and the outline."""
        if not isinstance(flowable, Paragraph):
            return
        if not flowable.style.name.startswith("h1"):
            return
        text = flowable.getPlainText()
        key = f"section-{self.canv.getPageNumber()}-{bytes_digest(text.encode())[:8]}"
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(text, key, 0, closed=True)
        self.notify("TOCEntry", (0, flowable.text, self.page, key))

    def _furniture(self, canvas: Canvas, _document: object) -> None:
        identity, mandate = self._content.identity, self._content.mandate
        canvas.saveState()
        if identity.is_draft:
            canvas.saveState()
            canvas.setFillColor(Color(0.55, 0.1, 0.1, alpha=0.09))
            canvas.setFont("BTD-Sans-Bold", 120)
            canvas.translate(PAGE[0] / 2, PAGE[1] / 2)
            canvas.rotate(52)
            canvas.drawCentredString(0, -40, "DRAFT")
            canvas.restoreState()
        canvas.setFillColor(GREY)
        canvas.setStrokeColor(LINE)
        canvas.setLineWidth(0.4)
        canvas.setFont("BTD-Sans", 7)
        state = "draft" if identity.is_draft else "final"
        if self._content.redaction is not None:
            state += ", redacted"
        case = mandate.case_number or "not stated"
        top, bottom = PAGE[1] - MARGIN + 3 * mm, MARGIN - 5 * mm
        if self.page > 1:
            glyphs = register_fonts()["BTD-Sans"]
            left = visible_text(f"Report {identity.report_id[:60]} ({state})", glyphs)
            right = visible_text(f"Case {case[:60]}", glyphs)
            canvas.drawString(MARGIN, top, left)
            canvas.drawRightString(PAGE[0] - MARGIN, top, right)
            canvas.line(MARGIN, top - 4, PAGE[0] - MARGIN, top - 4)
        else:
            x1, y1, x2, y2 = SIGNATURE_BOX
            canvas.drawString(x1, y2 + 4, _SIGNATURE_NOTE)
            canvas.rect(x1, y1, x2 - x1, y2 - y1)
        canvas.line(MARGIN, bottom + 9, PAGE[0] - MARGIN, bottom + 9)
        canvas.drawString(MARGIN, bottom, _FOOTER)
        total = max(self._total_printed, self.page)
        canvas.drawRightString(PAGE[0] - MARGIN, bottom, f"Page {self.page} of {total}")
        canvas.restoreState()


class _ReportCanvas(Canvas):  # type: ignore[misc]  # ReportLab has no types
    """Canvas that dates the document by the report and attaches files to it.

    ReportLab knows neither a given creation date in its invariant mode nor attached
    files, hence the reach into its document; the tests read both back.
    """

    def __init__(
        self,
        filename: Any,  # noqa: ANN401 - a path or a stream, as ReportLab takes it
        *,
        created: float,
        files: Mapping[str, bytes],
        **settings: Any,  # noqa: ANN401 - passed on to ReportLab
    ) -> None:
        super().__init__(filename, **settings)
        self._files = files
        stamp = self._doc._timeStamp
        _set_stamp(stamp, created)
        self._doc.ensureMinPdfVersion("transparency")
        self._doc._pdfVersion = max(self._doc._pdfVersion, (1, 7))

    def save(self) -> None:
        """Attach the files, then write the document."""
        names = []
        for name, data in sorted(self._files.items()):
            names += [PDFString(name), self._attach(name, data)]
        tree = PDFDictionary({"Names": PDFArray(names)})
        self._doc.Catalog.Names = PDFDictionary({"EmbeddedFiles": tree})
        super().save()

    def _attach(self, name: str, data: bytes) -> object:
        kind = "application#2Fjson" if name.endswith(".json") else "text#2Fplain"
        stream = PDFStream(
            PDFDictionary(
                {
                    "Type": PDFName("EmbeddedFile"),
                    "Subtype": f"/{kind}",
                    "Params": PDFDictionary({"Size": len(data)}),
                }
            ),
            data,
            filters=[PDFZCompress],
        )
        reference = self._doc.Reference(stream)
        return self._doc.Reference(
            PDFDictionary(
                {
                    "Type": PDFName("Filespec"),
                    "F": PDFString(name),
                    "UF": PDFString(name),
                    "EF": PDFDictionary({"F": reference, "UF": reference}),
                    "AFRelationship": PDFName("Data"),
                }
            )
        )


def _set_stamp(stamp: Any, created: float) -> None:  # noqa: ANN401 - ReportLab's own
    stamp.t = created
    stamp.lt = tuple(time.gmtime(created))
    stamp.YMDhms = stamp.lt[:6]
    stamp.dhh = stamp.dmm = 0
    stamp.tzname = "UTC"
