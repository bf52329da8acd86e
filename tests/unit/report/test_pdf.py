"""Pages of a report: what is printed, in which order, and what text may not do."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from pypdf import PdfReader

from btd_desktop.calibration.scope import Coverage
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.digest import bytes_digest
from btd_desktop.examination.series import SeriesExamination
from btd_desktop.report.attachments import attached_files
from btd_desktop.report.csv_tables import csv_files
from btd_desktop.report.pages import TWIN_KEYWORD
from btd_desktop.report.pdf import render_pdf
from btd_desktop.report.style import FRAME_HEIGHT, FRAME_WIDTH, data_table
from btd_desktop.report.twin import twin_value
from btd_desktop.volume import SeriesFacts
from tests.unit.report.case_sample import (
    digest,
    make_document,
    make_evidence,
    make_finding,
    make_outcome,
    make_place_numbers,
    make_record,
    make_store,
)

PAYLOADS = (
    "<b>bold</b>",
    "<img src='/etc/hostname'/>",
    '<img src="/etc/hostname" width="100" height="100"/>',
    "<img src='file:///etc/hostname'/>",
    "<img src='http://127.0.0.1:9/x.png'/>",
    "<a href='http://127.0.0.1/'>click</a>",
    "<a href='javascript:app.alert(1)'>click</a>",
    "<font color='white'>hidden</font>",
    "<font size='0.1'>tiny</font>",
    "<font color=\"[c for c in ().__class__.__base__]\">x</font>",
    "<para>nested</para>",
    "</para><para>",
    "<br/>",
    "<unclosed",
    "<b>unclosed",
    "&lt;script&gt;",
    "&amp;&#x41;&#65;",
    "&undefined;",
    "<!-- comment -->",
    "<![CDATA[text]]>",
    "<?xml version='1.0'?>",
    "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
    "<onDraw name='x' label='y'/>",
    "<seq id='x'/>",
    "<super>1</super><sub>2</sub>",
    "=HYPERLINK(\"http://127.0.0.1\")",
    "%s%n%x {0} {self.__class__}",
    "(paren) \\) Tj ET",
    "]]> > < & \" '",
    "DOE^JOHN<greek>a</greek>",
)  # fmt: skip


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def with_info(**changes: Any) -> Any:
    store = make_store()
    store.info = replace(store.info, **changes)
    return store


@pytest.fixture(scope="module")
def rendered():
    remarks = "To be read together with the statement of the radiologist."
    document = make_document(remarks=remarks, command="btd examine 'a folder' --out x")
    return document, render_pdf(document)


def test_report_bytes_are_the_same_for_the_same_document(rendered):
    _, pdf = rendered
    again = make_document(
        remarks="To be read together with the statement of the radiologist.",
        command="btd examine 'a folder' --out x",
    )
    assert render_pdf(again) == pdf
    other = make_document(report_id="R-2")
    assert render_pdf(other) != pdf


def test_report_is_dated_by_its_document(rendered):
    document, pdf = rendered
    information = PdfReader(io.BytesIO(pdf)).metadata
    assert information is not None
    assert document.created.tzinfo is UTC
    assert str(information["/CreationDate"]).startswith("D:20261124093015")


def test_report_holds_all_sections_in_order(rendered):
    _, pdf = rendered
    outline = PdfReader(io.BytesIO(pdf)).outline
    titles = [str(entry["/Title"]) for entry in outline if isinstance(entry, dict)]
    numbers = [title.split()[0] for title in titles if title[0].isdigit()]
    assert numbers == [str(i) for i in range(1, 18)]
    assert [t.split()[1] for t in titles if t.startswith("Annex")] == list("ABCDEF")


def test_references_print_the_number_of_their_section(rendered):
    document, pdf = rendered
    numbers, text = document.numbers(), squeezed(text_of(pdf))
    described = f"describedinsections{numbers['method']}to{numbers['calibration']},"
    assert described in text
    assert f"comparisonwithgenuinescans(section{numbers['calibration']})" in text


def test_report_prints_page_numbers_and_footer_on_every_page(rendered):
    _, pdf = rendered
    pages = PdfReader(io.BytesIO(pdf)).pages
    for number, page in enumerate(pages, 1):
        text = page.extract_text()
        assert f"Page {number} of {len(pages)}" in text
        assert "not for diagnostic use" in text


def test_summary_takes_one_page(rendered):
    _, pdf = rendered
    pages = PdfReader(io.BytesIO(pdf)).pages
    assert "1 Summary" in pages[1].extract_text()
    assert "Contents" in pages[2].extract_text()


def test_report_prints_scores_p_values_and_n(rendered):
    document, pdf = rendered
    text = squeezed(text_of(pdf))
    twin = twin_value(document)
    for part in (
        "3.4", "0.0014(smallestforn=720)", "4,823", "slice13,column70,row80",
        "DOE^JANE", twin["items"]["tree_digest"], digest("weights ct-lean-wide"),
        digest("profile"), digest("entry 5"), "7of23scoredslicesflagged",
        "btdexamine'afolder'--outx", squeezed(twin["opinion"]["remarks"]),
    ):  # fmt: skip
        assert part in text, part


def test_twin_is_attached_and_its_digest_printed(rendered):
    document, pdf = rendered
    reader = PdfReader(io.BytesIO(pdf))
    files = attached_files(document)
    assert {name: data for name, [data] in reader.attachments.items()} == files
    twin = files.pop("report.json")
    assert json.loads(twin) == twin_value(document, files)
    text = squeezed(text_of(pdf))
    assert text.count(bytes_digest(twin)) == 3
    assert reader.metadata is not None
    assert str(reader.metadata["/Keywords"]) == TWIN_KEYWORD + bytes_digest(twin)


def test_figures_are_in_the_report(rendered):
    _, pdf = rendered
    images = sum(len(page.images) for page in PdfReader(io.BytesIO(pdf)).pages)
    # The slices are as small as a crop, so that both are one picture; the noise of the
    # first place is found elsewhere, which is a picture more.
    assert images == (3 + 1) + 3


def test_markup_in_received_text_is_printed_as_text_and_embeds_nothing():
    assert len(PAYLOADS) == 30
    outcomes = []
    for i, payload in enumerate(PAYLOADS, 1):
        record = make_record(
            i, description=payload, meta=SeriesFacts(patient_name=payload),
            findings=(SeriesFinding("x", "note", payload),),
        )  # fmt: skip
        outcome = SeriesExamination(record)
        outcomes.append(outcome)
    files = [
        replace(make_evidence()[0], name=payload.replace("!", "¡"), fate="refused",
                reason=payload)
        for payload in PAYLOADS
    ]  # fmt: skip
    document = make_document(
        store=make_store(
            evidence=files,
            info=with_info(case_number=PAYLOADS[0], client=PAYLOADS[1],
                           examiner=PAYLOADS[2], question=PAYLOADS[7]).info,
        ),
        outcomes=outcomes,
        remarks="\n".join(PAYLOADS),
    )  # fmt: skip
    pdf = render_pdf(document)
    reader = PdfReader(io.BytesIO(pdf))
    text = squeezed(text_of(pdf))
    for payload in PAYLOADS:
        assert text.count(squeezed(payload)) >= 5, payload
    assert sum(len(page.images) for page in reader.pages) == 0
    for page in reader.pages:
        for annotation in page.get("/Annots", []):
            # The contents page links to sections; nothing links out of the report.
            assert "/URI" not in annotation.get_object().get("/A", {})
    assert b"/JavaScript" not in pdf


def test_invisible_characters_are_printed_visibly():
    record = make_record(meta=SeriesFacts(patient_name="DOE\u202eNAJ^\x1b[2J山"))
    outcome = make_outcome(1, Coverage.NOT, record=record)
    text = text_of(render_pdf(make_document(outcomes=[outcome])))
    assert "DOE⟨U+202E⟩NAJ^⟨U+001B⟩[2J⟨U+5C71⟩" in text.replace("\n", "")


def test_series_that_is_not_covered_gets_no_p_value():
    document = make_document(outcomes=[make_outcome(1, Coverage.NOT)])
    text = squeezed(text_of(render_pdf(document)))
    assert "notcoveredbythecalibration" in text
    assert "Noopinion:theseriesisnotcoveredbythecalibration." in text
    assert "p=" not in text
    assert "nosliceisflagged" not in text.lower()
    bare = make_outcome(1, evaluation=None, findings=(), problem="There is no profile.")
    text = squeezed(text_of(render_pdf(make_document(outcomes=[bare]))))
    assert "Nocalibrationprofilewasused" in text


def test_what_the_examiner_did_not_state_is_said_plainly():
    store = with_info(case_number="", client="", examiner="", question="")
    document = make_document(store=store, outcomes=[])
    assert text_of(render_pdf(document)).count("not stated") >= 15


def test_empty_case_still_makes_a_report():
    document = make_document(store=make_store(evidence=[]), outcomes=[])
    text = text_of(render_pdf(document))
    assert "No series was scored." in text
    assert "No series could be examined." in text


def test_draft_is_marked_on_every_page():
    draft = make_document(outcomes=[], is_draft=True)
    pages = PdfReader(io.BytesIO(render_pdf(draft))).pages
    assert all("DRAFT" in page.extract_text() for page in pages)
    assert "DRAFT" not in text_of(render_pdf(make_document(outcomes=[])))


def test_long_tables_run_over_pages_with_every_row():
    first = make_evidence()[0]
    files = [
        replace(first, name=f"CT/IM{i:04d}.dcm", sha256=digest(f"file {i}"))
        for i in range(1200)
    ]
    document = make_document(store=make_store(evidence=files), outcomes=[])
    (listed,) = PdfReader(io.BytesIO(render_pdf(document))).attachments["files.csv"]
    rows = list(csv.DictReader(io.StringIO(listed.decode())))
    assert [row["name"] for row in rows] == [item.name for item in files]
    assert [row["sha256"] for row in rows] == [item.sha256 for item in files]
    assert rows[0]["size_bytes"] == "526336"


def test_digests_of_attached_files_are_printed(rendered):
    _, pdf = rendered
    text = squeezed(text_of(pdf))
    for name, (data,) in PdfReader(io.BytesIO(pdf)).attachments.items():
        assert f"{name}{len(data):,}{bytes_digest(data)}" in text


def test_attached_cells_that_a_spreadsheet_would_carry_out_are_made_text():
    item = replace(make_evidence()[0], name="=HYPERLINK(1)")
    document = make_document(store=make_store(evidence=[item]), outcomes=[])
    assert b"'=HYPERLINK(1)" in csv_files(document)["files.csv"]


def test_every_font_is_embedded(rendered):
    _, pdf = rendered
    resources: list[Any] = [p["/Resources"] for p in PdfReader(io.BytesIO(pdf)).pages]
    used = [resource["/Font"] for resource in resources]
    fonts = {
        str(font[key]["/BaseFont"]): font[key].get("/FontDescriptor")
        for font in used
        for key in font
    }
    assert fonts
    assert all(d is not None and "/FontFile2" in d for d in fonts.values()), fonts


def test_cover_gives_title_and_answer(rendered):
    document, pdf = rendered
    first = squeezed(PdfReader(io.BytesIO(pdf)).pages[0].extract_text())
    assert "ReportonpossiblealterationsofCTandMRseriesCaseTheanswer" in first
    assert squeezed(twin_value(document)["opinion"]["headline"]) in first


def test_each_place_has_a_page_of_its_own(rendered):
    _, pdf = rendered
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]
    places = [page for page in pages if "Exhibit E" in page]
    assert len(places) == 2
    for page in places:
        assert page.count("In plain words") == 1
        assert "anomaly score" in page
        assert "The residual over the image" in page
    assert "Same noise: slice 7, column 29, row 33" in places[0]


def test_short_tables_are_not_split(rendered):
    _, pdf = rendered
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]
    tables = (
        ("Metal or other", "De-identification"),
        ("nodule of another patient", "in-painted away"),
        ("readable, but holds no image", "not opened, for safety"),
    )
    for first, last in tables:
        (page,) = [page for page in map(squeezed, pages) if squeezed(first) in page]
        assert squeezed(last) in page


def test_table_of_tall_rows_is_split():
    rows = [["x " * 240, "y"] for _ in range(6)]
    table = data_table(("A", "B"), rows, (1, 4), ("cell", "cell"))
    table.wrap(FRAME_WIDTH, FRAME_HEIGHT)
    assert len(table.split(FRAME_WIDTH, FRAME_HEIGHT)) == 2


def test_many_exhibits_and_series_fit():
    numbers = replace(make_place_numbers(), copy=None)
    findings = tuple(make_finding(i, numbers=numbers) for i in range(1, 15))
    first = make_outcome(1, Coverage.COVERED, findings=findings)
    outcomes = [first, *(make_outcome(i, Coverage.NOT) for i in range(2, 7))]
    pdf = render_pdf(make_document(outcomes=outcomes))
    text = text_of(pdf)
    assert all(f"Exhibit E1.{i}, series 1" in text for i in range(1, 13))
    assert "Exhibit E1.13" not in text
    assert "2 further places of this series: see the case." in text
    images = sum(len(page.images) for page in PdfReader(io.BytesIO(pdf)).pages)
    assert images == 12 * 3


@pytest.mark.parametrize("length", [5_000, 300_000])
def test_text_longer_than_a_page_is_cut_with_a_remark(length):
    record = make_record(
        description="B" * length, meta=SeriesFacts(patient_name="A" * length)
    )
    outcome = make_outcome(1, Coverage.NOT, record=record)
    store = with_info(question="why " * (length // 4), client="C" * length)
    document = make_document(store=store, outcomes=[outcome])
    text = squeezed(text_of(render_pdf(document)))
    assert f"cuthere:{length:,}charactersinall" in text


def test_no_heading_stands_alone_at_the_foot_of_a_page(rendered):
    document, pdf = rendered
    titles = {squeezed(section.title) for section in document.sections}
    for page in PdfReader(io.BytesIO(pdf)).pages[3:]:
        lines = [line for line in page.extract_text().splitlines() if line.strip()]
        body = [line for line in lines if "not for diagnostic use" not in line
                and not line.startswith("Page ")]  # fmt: skip
        assert not any(squeezed(body[-1]).endswith(title) for title in titles), body[-1]
