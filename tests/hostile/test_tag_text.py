"""Tag text is plain text everywhere: paper, terminal, window, log, whatever it says.

One case holds every payload as patient, description, scanner, finding, file name and
reason. Whatever shows a part of the case must show the payload as it is, with what the
eye would not see written as ⟨U+XXXX⟩, and must do nothing that it says.
"""

from __future__ import annotations

import ast
import contextlib
import csv
import io
import itertools
import json
import logging
import re
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pypdf import PdfReader

from btd_desktop.__main__ import main
from btd_desktop.cases.model import EvidenceItem
from btd_desktop.cases.store import CaseStore
from btd_desktop.cases.text import storable_text
from btd_desktop.cli.output import columns, say, warn
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.errors import EvidenceError
from btd_desktop.logs import close_logging, configure_logging
from btd_desktop.report.csv_tables import csv_files
from btd_desktop.report.document import Column, Section, Table, quoting
from btd_desktop.report.document import name as naming
from btd_desktop.report.style import register_fonts
from btd_desktop.report.visible import visible_text
from btd_desktop.volume import SeriesFacts
from btd_desktop.workflow.table_file import write_table
from tests.factories import make_ct_volume
from tests.hostile.payloads import PAYLOADS
from tests.unit.report.case_sample import make_document

PACKAGE = Path(__file__).resolve().parents[2] / "btd_desktop"
NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
TITLE = PAYLOADS["image"] + PAYLOADS["bidi"] + PAYLOADS["terminal"]
MIN_SHOWN = 200
"""So much of a payload is looked for; longer ones may be cut, with a remark."""

by_name = pytest.mark.parametrize("name", PAYLOADS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("tags")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(root / "home"))
        patch.setenv("BTD_MODELS_DIR", str(root / "models"))
        yield root


@pytest.fixture(scope="module")
def case(home: Path) -> Path:
    """A case with one small series per payload."""
    folder = home / "case"
    volume = make_ct_volume(0, shape=(2, 32, 32))
    created = CaseStore.create(
        folder, now=NOW, title=TITLE, case_number=PAYLOADS["formula"],
        client=PAYLOADS["image http"], examiner=PAYLOADS["unclosed"],
        question=PAYLOADS["doctype"],
    )  # fmt: skip
    with created as store:
        store.add_evidence(
            [
                EvidenceItem(0, text, text, 10, f"{i:064x}", "", "damaged", text)
                for i, text in enumerate(PAYLOADS.values())
            ],
            NOW,
        )
        for number, text in enumerate(PAYLOADS.values()):
            store.add_series(
                volume,
                now=NOW,
                series_uid=f"1.2.{number}",
                description=text,
                meta=SeriesFacts(
                    patient_name=text, patient_id=text, model=text,
                    manufacturer=text, kernel=text, body_part=text,
                    study_date=text, slice_step_mm=1.0, pixel_spacing_mm=1.0,
                ),
                findings=[SeriesFinding("x", "warning", text)],
                record_names=[text, text],
                patient_key=str(number),
            )  # fmt: skip
    return folder


def _run(*words: str | Path) -> tuple[int, str]:
    """One call of the program for a person: exit status and both streams."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        status = main([str(word) for word in words])
    return status, printed.getvalue()


def _hidden(text: str, allowed: str = "\n") -> set[str]:
    """Characters of a text that a reader would not see."""
    kinds = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    return {c for c in text if unicodedata.category(c) in kinds and c not in allowed}


def _shown(name: str, glyphs: frozenset[int] | None = None) -> str:
    """How a payload reads once it was stored and made visible, spaces left out."""
    stored = storable_text(PAYLOADS[name])
    return "".join(visible_text(stored[:MIN_SHOWN], glyphs).split())


@pytest.fixture(scope="module")
def reports(case: Path) -> tuple[bytes, bytes]:
    """The PDF of the case and its redacted variant."""
    status, told = _run("report", case, "--redacted", "--remarks", PAYLOADS["draw"])
    assert status == 0, told
    pdf, variant = case / "report-1.pdf", case / "report-1-redacted.pdf"
    return pdf.read_bytes(), variant.read_bytes()


@pytest.fixture(scope="module")
def paper(reports: tuple[bytes, bytes]) -> str:
    """All that is printed on the PDF, spaces and page ends left out."""
    pages = PdfReader(io.BytesIO(reports[0])).pages
    text = "".join(page.extract_text() for page in pages)
    return "".join(text.split())


@by_name
def test_paper_prints_the_payload(paper, name):
    # Patient twice, five scanner facts, the finding, file name and reason.
    shown = _printed(name)
    assert paper.count(shown) >= 5, shown


def _printed(name: str) -> str:
    """As on paper: spaces do not count, and a line feed ends a line."""
    glyphs = frozenset(register_fonts()["BTD-Sans"])
    stored = storable_text(PAYLOADS[name]).replace("\r\n", "\n")[:MIN_SHOWN]
    lines = (visible_text(line, glyphs) for line in stored.split("\n"))
    return "".join("".join(lines).split())[:40]


def test_paper_shows_no_picture_and_links_nowhere(reports):
    for pdf in reports:
        reader = PdfReader(io.BytesIO(pdf))
        assert sum(len(page.images) for page in reader.pages) == 0
        for page in reader.pages:
            for annotation in page.get("/Annots", []):
                # The contents page links to sections, and nothing links elsewhere.
                action = annotation.get_object().get("/A", {})
                assert action.get("/S", "/GoTo") == "/GoTo"
        assert not re.search(rb"/(JavaScript|Launch|URI|GoToR|OpenAction)\b", pdf)
    facts = PdfReader(io.BytesIO(reports[0])).metadata
    assert facts is not None
    assert str(facts["/Author"]) == PAYLOADS["unclosed"]


def test_twin_holds_the_payloads_exactly(reports):
    (attached,) = PdfReader(io.BytesIO(reports[0])).attachments["report.json"]
    twin = json.loads(attached)
    stored = [storable_text(text) for text in PAYLOADS.values()]
    assert [s["description"] for s in twin["series"]] == stored
    assert [f["reason"] for f in twin["items"]["files"]] == stored


def test_report_of_payloads_verifies(case, reports):
    status, told = _run("verify", case / "report-1.pdf")
    assert status == 0, told
    assert not _hidden(told)


def test_terminal_gets_no_character_that_it_would_obey(case):
    status, told = _run("report", case, "--draft", "--out", case.parent / "draft.pdf")
    assert status == 0
    assert not _hidden(told)
    squeezed = "".join(told.split())
    for name in PAYLOADS:
        assert squeezed.count(_shown(name)[:40]) >= 2, name


def test_json_on_the_terminal_is_ascii_and_exact(case):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = main(["report", str(case), "--out", str(case.parent / "again.pdf"),
                       "--json"])  # fmt: skip
    assert status == 0
    told = printed.getvalue()
    assert told.isascii()
    assert not _hidden(told)
    described = [s["description"] for s in json.loads(told)["series"]]
    assert described == [storable_text(text) for text in PAYLOADS.values()]


@by_name
def test_every_way_to_the_terminal_makes_it_visible(capsys, name):
    text = PAYLOADS[name]
    say(text)
    warn(text)
    say(*columns(("name", "reason"), [(text, text)]))
    streams = capsys.readouterr()
    for stream in (streams.out, streams.err):
        assert not _hidden(stream)
        assert visible_text(text)[:40] in stream
    assert streams.err.count("\n") == 1


@by_name
def test_payload_as_an_argument_is_told_visibly(home, name):
    text = PAYLOADS[name]
    if "\x00" in text or name == "surrogate":
        pytest.skip("no argument of a process can hold this")
    status, told = _run("report", text)
    assert status not in (0, 70)
    assert not _hidden(told)


def test_log_keeps_one_line_for_each_payload(tmp_path):
    configure_logging(tmp_path)
    log = logging.getLogger("btd_desktop.hostile")
    try:
        for text in PAYLOADS.values():
            log.info("series %s", text)
    finally:
        close_logging()
    lines = (tmp_path / "btd.log").read_text("utf-8").splitlines()
    assert len(lines) == len(PAYLOADS)
    for line in lines:
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO btd_desktop", line)
        assert not _hidden(line)


@by_name
def test_trace_of_a_payload_forges_no_line(tmp_path, name):
    configure_logging(tmp_path)
    log = logging.getLogger("btd_desktop.hostile")
    try:
        log.error("bad value", exc_info=ValueError(PAYLOADS[name]))
    finally:
        close_logging()
    text = (tmp_path / "btd.log").read_text("utf-8")
    assert not _hidden(text)
    first, *rest = text.splitlines()
    assert "bad value" in first
    assert all(line.startswith("    ") for line in rest)


def test_no_tag_text_is_written_to_a_spreadsheet():
    # A cell that starts with = + - @ is a formula to a spreadsheet. The bench's tables
    # hold names of our own methods and figures, a report's scores only numbers, its
    # other tables and those of the window what the next two tests ask; what writes
    # another one belongs here with a test of its own.
    writers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and (node.attr == "DictWriter" or ast.unparse(node) == "csv.writer")
    }
    told = {"report/csv_tables.py", "report/scores.py", "workflow/table_file.py"}
    assert writers <= {"bench/tables.py", *told}


@by_name
def test_table_of_the_window_holds_a_payload_as_plain_text(name, tmp_path):
    rows = [[lead + PAYLOADS[name], "-12.5"] for lead in ("", " ", "=")]
    write_table(tmp_path / "t.csv", ["a", "b"], rows)
    data = (tmp_path / "t.csv").read_bytes().decode()
    _, *written = csv.reader(io.StringIO(data, newline=""))
    assert [row[1] for row in written] == ["-12.5"] * 3
    for cell, _ in written:
        assert not cell.lstrip().startswith(("=", "+", "-", "@"))
        assert not _hidden(cell)


@by_name
def test_attached_table_holds_a_payload_as_plain_text(name):
    text = PAYLOADS[name]
    columns = (Column("File", 1.0, "file"), Column("Reason", 1.0, "reason"))
    rows = tuple(
        (naming("file", lead + text), quoting(text)) for lead in ("", " ", "=")
    )
    section = Section("x", "X", (Table(columns, rows, attached="x.csv"),))
    document = make_document()
    document = replace(document, sections=(*document.sections, section))
    data = csv_files(document)["x.csv"].decode()
    _, *written = csv.reader(io.StringIO(data, newline=""))
    assert len(written) == 3
    for cell in itertools.chain(*written):
        assert not cell.lstrip().startswith(("=", "+", "-", "@"))
        assert not _hidden(cell)


# The window


@pytest.fixture
def window(home, qtbot):
    from btd_desktop.gui.app import make_window
    from btd_desktop.workflow.services import Services

    made = make_window(Services())
    made.resize(1200, 800)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def _wait(condition, timeout_s: float = 300.0) -> None:
    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"not so after {timeout_s:.0f} s"
        QApplication.processEvents()
        time.sleep(0.005)


def _markup_of_payloads(text: str) -> bool:
    """Whether a text holds a payload's markup unescaped."""
    return any(
        payload[:MIN_SHOWN] in text
        for payload in PAYLOADS.values()
        if payload.startswith("<")
    )


def _complaints(root) -> Iterator[str]:
    """What in a window could be taken for markup, or would not be seen."""
    from PySide6.QtWidgets import QWidget

    for widget in [root, *root.findChildren(QWidget)]:
        kind = f"{type(widget).__name__} {widget.objectName()}"
        for what in (*_outer_complaints(widget), *_inner_complaints(widget)):
            yield f"{kind}: {what}"


def _outer_complaints(widget) -> Iterator[str]:
    if _hidden(widget.windowTitle()):
        yield "hidden character in its title"
    if _hidden(widget.toolTip()):
        yield "hidden character in its tool tip"
    if _markup_of_payloads(widget.toolTip()):
        yield "markup in its tool tip"


def _inner_complaints(widget) -> Iterator[str]:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import (
        QAbstractButton,
        QAbstractItemView,
        QComboBox,
        QLabel,
        QMessageBox,
        QTextEdit,
    )

    plain = Qt.TextFormat.PlainText
    if isinstance(widget, QLabel):
        if widget.textFormat() != plain and _markup_of_payloads(widget.text()):
            yield "label that guesses rich text"
        if _hidden(widget.text()):
            yield "hidden character in a label"
    elif isinstance(widget, QMessageBox) and widget.textFormat() != plain:
        yield "message box that guesses rich text"
    elif isinstance(widget, QTextEdit) and "<img" in widget.toHtml():
        yield "a picture in its document"
    elif isinstance(widget, QAbstractButton) and _hidden(widget.text()):
        yield "hidden character on a button"
    elif isinstance(widget, QComboBox):
        texts = [widget.itemText(i) for i in range(widget.count())]
        yield from ("hidden character in its list" for t in texts if _hidden(t))
    elif isinstance(widget, QAbstractItemView) and widget.model() is not None:
        yield from _table_complaints(widget.model())


def _table_complaints(model) -> Iterator[str]:
    from PySide6.QtCore import Qt

    for row in range(model.rowCount()):
        for column in range(model.columnCount()):
            index = model.index(row, column)
            shown = str(model.data(index, Qt.ItemDataRole.DisplayRole) or "")
            tip = str(model.data(index, Qt.ItemDataRole.ToolTipRole) or "")
            if _hidden(shown):
                yield f"hidden character in row {row}, column {column}"
            if _markup_of_payloads(tip) or _hidden(tip):
                yield f"markup in the tip of row {row}, column {column}"


@pytest.mark.slow
@pytest.mark.gui
def test_window_shows_every_payload_as_plain_text(window, case):
    window.parts.opening.on_case_opened(case)
    _wait(lambda: window.session.record is not None)
    assert window.windowTitle().startswith(visible_text(TITLE)[:20])
    assert not _hidden(window.windowTitle())
    assert list(_complaints(window)) == []
    for record in window.session.records:
        window.session.select_series(record.series_id)
        _wait(lambda r=record: window.session.record.series_id == r.series_id)
        assert list(_complaints(window)) == [], record.description
    window.action_set["statement"].trigger()
    window.action_set["report"].trigger()
    window.action_set["about"].trigger()
    assert list(_complaints(window)) == []


@pytest.mark.gui
def test_message_boxes_show_payloads_as_plain_text(window):
    from PySide6.QtCore import QCoreApplication, QEvent
    from PySide6.QtWidgets import QMessageBox

    wrong = {}
    for name, text in PAYLOADS.items():
        window.dialogs.show_error(EvidenceError(text, hint=text))
        (box,) = window.findChildren(QMessageBox)
        shown = box.text().casefold()
        if not shown.startswith(_boxed(text).strip()[:20].casefold()):
            wrong[name] = box.text()[:60]
        if complaints := list(_complaints(box)):
            wrong[name] = str(complaints)
        box.reject()
        box.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert wrong == {}


def _boxed(text: str) -> str:
    from btd_desktop.gui.plain_text import visible_text as visible

    return visible(text, keep_lines=True)


@pytest.mark.gui
@by_name
def test_label_tip_and_picture_show_the_payload(qtbot, name):
    from PySide6.QtGui import QImage, QPainter, QTextDocument

    from btd_desktop.gui.plain_text import PlainLabel, plain_tool_tip
    from btd_desktop.gui.views.ink import shown_line

    text = PAYLOADS[name]
    label = PlainLabel(text)
    qtbot.addWidget(label)
    label.setToolTip(text)
    assert list(_complaints(label)) == []
    assert label.text()[:30] == _boxed(text)[:30]
    document = QTextDocument()
    document.setHtml(plain_tool_tip(text))
    assert "<img" not in document.toHtml()
    tip = document.toPlainText().replace("\n", "").replace(" ", "")
    assert tip[:30] == _boxed(text).replace("\n", "").replace(" ", "")[:30]
    assert not _hidden(shown_line(text))
    image = QImage(200, 40, QImage.Format.Format_RGB32)
    image.fill(0)
    painter = QPainter(image)
    painter.drawText(5, 20, shown_line(text))
    painter.end()
    assert np.asarray(image.constBits()).any() or not shown_line(text).strip()


@pytest.mark.gui
def test_complaints_find_what_they_are_for(qtbot):
    from PySide6.QtWidgets import QLabel, QMessageBox, QVBoxLayout, QWidget

    page = QWidget()
    qtbot.addWidget(page)
    layout = QVBoxLayout(page)
    guessing = QLabel(PAYLOADS["bold"])
    layout.addWidget(guessing)
    tipped = QLabel("x")
    tipped.setToolTip(PAYLOADS["image"])
    layout.addWidget(tipped)
    hidden = QLabel("a\u202eb")
    layout.addWidget(hidden)
    box = QMessageBox(page)
    assert len(list(_complaints(page))) >= 4
    box.deleteLater()
