"""The page of a report: frame, header, footer, outline, date and attached files."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from typing import Any, Final

from reportlab.lib.colors import Color
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
    PageTemplate,
    Paragraph,
)

from btd_desktop.report.document import Document, Standing, text_of
from btd_desktop.report.style import (
    FRAME_HEIGHT,
    FRAME_WIDTH,
    GREY,
    LINE,
    MARGIN,
    PAGE,
    register_fonts,
)
from btd_desktop.report.visible import visible_text
from btd_desktop.report.wording import DEMONSTRATION

TWIN_KEYWORD: Final = "btd-report-twin-sha256="
"""Prefix, in the keywords of the PDF, of the digest of the attached JSON twin."""

SIGNATURE_BOX: Final = (
    int(MARGIN),
    int(26 * mm),
    int(PAGE[0] - MARGIN),
    int(50 * mm),
)
"""Free space on the first page for a visible signature: (x1, y1, x2, y2) in points."""

_SIGNATURE_ROOM: Final = 18.0
_LEVELS: Final = {"h1": 0, "h2": 1}
_LONGEST_ENTRY: Final = 120

_ACROSS: Final[dict[Standing, tuple[str, int]]] = {
    "draft": ("DRAFT", 120),
    "demonstration": (DEMONSTRATION, 36),
}
"""What is printed across the pages of a report that is not final, and how large."""

_MEDIA_TYPES: Final = {
    "json": "/application#2Fjson",
    "csv": "/text#2Fcsv",
    "sha256": "/text#2Fplain",
}
"""Of attached files, by the ending of their names."""

_FOOTER: Final = "Forensic examination of image data – not for diagnostic use"

_SIGNATURE_NOTE: Final = (
    "Electronic signature. Check it with a PDF reader or with: btd verify REPORT.pdf"
)


class PageTotal(IndexingFlowable):  # type: ignore[misc]  # ReportLab has no types
    """Asks for one more pass until the number of pages has settled."""

    def __init__(self, document: ReportTemplate) -> None:
        super().__init__()
        self._document = document

    def isSatisfied(self) -> bool:  # noqa: N802 - ReportLab's name
        """True after a pass that printed the right page total."""
        return self._document.settle_page_total()

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        """Takes no room."""
        return 0, 0

    def draw(self) -> None:
        """Draws nothing."""


class ReportTemplate(BaseDocTemplate):  # type: ignore[misc]  # ReportLab has no types
    """Page frame with header, footer and the DRAFT mark."""

    def __init__(
        self, buffer: io.BytesIO, document: Document, twin_digest: str
    ) -> None:
        super().__init__(
            buffer,
            pagesize=PAGE,
            title=visible_text(f"Forensic examination report {document.report_id}"),
            author=visible_text(text_of(document.examiner)) or "not stated",
            subject="Forensic examination of image data",
            keywords=f"{TWIN_KEYWORD}{twin_digest}",
            creator=visible_text(f"BTD Desktop {document.software_version}"),
            lang="en",
            invariant=1,
            # ReportLab would name a font of the viewer's, which is not embedded.
            initialFontName="BTD-Sans",
        )
        self._document = document
        self._total_printed = 0
        self._headings: list[str] = []
        above = SIGNATURE_BOX[3] + _SIGNATURE_ROOM - MARGIN
        self.addPageTemplates(
            [
                PageTemplate(name, [_frame(foot)], onPage=self._furniture)
                for name, foot in (("cover", above), ("page", 0.0))
            ]
        )

    def beforeDocument(self) -> None:  # noqa: N802 - ReportLab's name
        """Count headings anew in each pass."""
        self._headings = []

    def _allSatisfied(self) -> bool:  # noqa: N802 - ReportLab's name
        """Ask all that are counted: ReportLab's own stops at the first "not yet"."""
        answers = [flowable.isSatisfied() for flowable in self._indexingFlowables]
        return all(answers)

    def settle_page_total(self) -> bool:
        """Whether the total printed in this pass was right; keeps the right one."""
        is_right = bool(self._total_printed == self.page)
        self._total_printed = self.page
        return is_right

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 - ReportLab's
        """Enter sections into the contents, all headings into the outline."""
        if not isinstance(flowable, Paragraph):
            return
        level = _LEVELS.get(flowable.style.name[:2])
        if level is None:
            return
        text = flowable.getPlainText()
        key = f"heading-{len(self._headings)}"
        self._headings.append(text)
        top = min(self.frame._y + flowable.height + 4, PAGE[1])
        self.canv.bookmarkHorizontal(key, 0, top)
        self.canv.addOutlineEntry(text[:_LONGEST_ENTRY], key, level, closed=True)
        if level == 0:
            self.notify("TOCEntry", (0, flowable.text, self.page, key))

    def _furniture(self, canvas: Canvas, _document: object) -> None:
        document = self._document
        canvas.saveState()
        if document.standing != "final":
            words, size = _ACROSS[document.standing]
            canvas.saveState()
            canvas.setFillColor(Color(0.55, 0.1, 0.1, alpha=0.09))
            canvas.setFont("BTD-Sans-Bold", size)
            canvas.translate(PAGE[0] / 2, PAGE[1] / 2)
            canvas.rotate(52)
            canvas.drawCentredString(0, -size / 3, words)
            canvas.restoreState()
        canvas.setFillColor(GREY)
        canvas.setStrokeColor(LINE)
        canvas.setLineWidth(0.4)
        canvas.setFont("BTD-Sans", 7)
        state = str(document.standing)
        if document.redaction is not None:
            state += ", redacted"
        case = text_of(document.case_number) or "not stated"
        top, bottom = PAGE[1] - MARGIN + 3 * mm, MARGIN - 5 * mm
        if self.page > 1:
            glyphs = register_fonts()["BTD-Sans"]
            left = visible_text(f"Report {document.report_id[:60]} ({state})", glyphs)
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


class ReportCanvas(Canvas):  # type: ignore[misc]  # ReportLab has no types
    """Canvas that dates the PDF by the report and attaches files to it.

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
        self.setViewerPreference("DisplayDocTitle", "true")
        self.showOutline()
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
        stream = PDFStream(
            PDFDictionary(
                {
                    "Type": PDFName("EmbeddedFile"),
                    "Subtype": _MEDIA_TYPES[name.rpartition(".")[2]],
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


def _frame(foot: float) -> Frame:
    """The frame of a page that leaves a strip at its foot free, in points."""
    return Frame(
        MARGIN,
        MARGIN + foot,
        FRAME_WIDTH,
        FRAME_HEIGHT - foot,
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )


def _set_stamp(stamp: Any, created: float) -> None:  # noqa: ANN401 - ReportLab's own
    stamp.t = created
    stamp.lt = tuple(time.gmtime(created))
    stamp.YMDhms = stamp.lt[:6]
    stamp.dhh = stamp.dmm = 0
    stamp.tzname = "UTC"
