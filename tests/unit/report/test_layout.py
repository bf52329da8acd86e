import io
import json
import re
from dataclasses import replace

import pytest
from pypdf import PdfReader

from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ReportError
from btd_desktop.report.content import Mandate, Opinion, ReportContent, SeriesFinding
from btd_desktop.report.layout import TWIN_KEYWORD, render_pdf
from tests.unit.report.sample import (
    digest,
    make_content,
    make_exhibit,
    make_files,
    make_items,
    make_result,
    make_series,
    uncovered_result,
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


def render(content: ReportContent) -> bytes:
    return render_pdf(content, twin=content.twin())


@pytest.fixture(scope="module")
def rendered():
    content = make_content()
    return content, render_pdf(
        content, twin=content.twin(), attachments={"scores.csv": b"slice,score\n1,2\n"}
    )


def test_report_bytes_are_the_same_for_the_same_content(rendered):
    content, pdf = rendered
    again = make_content()
    attachments = {"scores.csv": b"slice,score\n1,2\n"}
    assert render_pdf(again, twin=again.twin(), attachments=attachments) == pdf
    other = replace(content, identity=replace(content.identity, report_id="R-2"))
    assert render_pdf(other, twin=other.twin(), attachments=attachments) != pdf


def test_report_is_dated_by_its_content(rendered):
    _, pdf = rendered
    information = PdfReader(io.BytesIO(pdf)).metadata
    assert information is not None
    assert str(information["/CreationDate"]).startswith("D:20261124093015")


def test_report_holds_all_sections_in_order(rendered):
    _, pdf = rendered
    outline = PdfReader(io.BytesIO(pdf)).outline
    titles = [str(entry["/Title"]) for entry in outline if isinstance(entry, dict)]
    numbers = [title.split()[0] for title in titles if title[0].isdigit()]
    assert numbers == [str(i) for i in range(1, 17)]
    assert [t.split()[1] for t in titles if t.startswith("Annex")] == list("ABCDE")


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
    content, pdf = rendered
    text = squeezed(text_of(pdf))
    for part in (
        "97.3", "0.000041", "48,230", "0.04(smallestforn=24)",
        "column212,row301", "DOE^JANE", content.items.tree_digest,
        content.methods[0].weights_digest, content.calibrations[0].profile_digest,
        digest("audit"), "9of96scoredslicesflagged", "--at212,301,48",
        squeezed(content.opinion.remarks),
    ):  # fmt: skip
        assert part in text, part


def test_twin_and_files_are_attached_and_their_digests_printed(rendered):
    content, pdf = rendered
    reader = PdfReader(io.BytesIO(pdf))
    assert sorted(reader.attachments) == ["report.json", "scores.csv"]
    (twin,) = reader.attachments["report.json"]
    assert json.loads(twin) == content.to_json()
    text = squeezed(text_of(pdf))
    assert bytes_digest(twin) in text
    assert bytes_digest(b"slice,score\n1,2\n") in text
    assert reader.metadata is not None
    assert str(reader.metadata["/Keywords"]) == TWIN_KEYWORD + bytes_digest(twin)


def test_figures_are_in_the_report(rendered):
    _, pdf = rendered
    images = sum(len(page.images) for page in PdfReader(io.BytesIO(pdf)).pages)
    assert images == 4


def test_twin_of_another_report_is_refused():
    content = make_content()
    other = make_content(limitations=())
    with pytest.raises(ReportError, match="twin"):
        render_pdf(content, twin=other.twin())
    with pytest.raises(ReportError, match=r"report\.json"):
        render_pdf(content, twin=content.twin(), attachments={"report.json": b"{}"})


def test_markup_in_received_text_is_printed_as_text_and_embeds_nothing():
    assert len(PAYLOADS) == 30
    bare = make_result(exhibits=(), figure=None)
    series = tuple(
        make_series(
            i,
            patient=payload,
            description=payload,
            facts=(),
            findings=(SeriesFinding("note", payload),),
        )
        for i, payload in enumerate(PAYLOADS, 1)
    )
    files = tuple(
        replace(make_files()[0], name=payload, fate="refused", reason=payload)
        for payload in PAYLOADS
    )
    content = make_content(
        series=series,
        items=make_items(files),
        results=(bare,),
        mandate=Mandate(
            case_number=PAYLOADS[0],
            client=PAYLOADS[1],
            examiner=PAYLOADS[2],
            question=PAYLOADS[7],
        ),
        opinion=Opinion("inconclusive", remarks="\n".join(PAYLOADS)),
    )
    pdf = render(content)
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
    content = make_content(
        series=(make_series(patient="DOE\u202eNAJ^\x1b[2J山"),),
        results=(make_result(exhibits=(), figure=None),),
    )
    text = text_of(render(content))
    assert "DOE⟨U+202E⟩NAJ^⟨U+001B⟩[2J⟨U+5C71⟩" in text.replace("\n", "")


def test_series_that_is_not_covered_gets_no_p_value():
    content = make_content(
        results=(uncovered_result(),),
        calibrations=(),
        opinion=Opinion("not covered"),
    )
    text = squeezed(text_of(render(content)))
    assert "notcoveredbythecalibration" in text
    assert "Nocalibrationprofilewasused" in text
    assert "p=" not in text
    assert "0.000041" not in text
    assert "nosliceisflagged" not in text.lower()


def test_what_the_examiner_did_not_state_is_said_plainly():
    content = make_content(
        mandate=Mandate(), custody=(), alternatives=(), validation=(),
        not_validated=(), audit=None, components=(), limitations=(),
    )  # fmt: skip
    assert text_of(render(content)).count("not stated") >= 15


def test_empty_case_still_makes_a_report():
    content = make_content(
        items=make_items(()), series=(), methods=(), calibrations=(), results=(),
        opinion=Opinion("not covered"),
    )  # fmt: skip
    text = text_of(render(content))
    assert "No series was scored." in text
    assert "No series could be examined." in text


def test_draft_is_marked_on_every_page():
    content = make_content()
    draft = replace(content, identity=replace(content.identity, is_draft=True))
    pages = PdfReader(io.BytesIO(render(draft))).pages
    assert all("DRAFT" in page.extract_text() for page in pages)
    assert "DRAFT" not in text_of(render(content))


def test_long_tables_run_over_pages_with_every_row():
    files = make_files(1200)
    content = make_content(
        items=make_items(files), results=(make_result(exhibits=(), figure=None),)
    )
    text = squeezed(text_of(render(content)))
    assert all(f"CT/IM{i:04d}.dcm" in text for i in range(1200))
    assert all((item.sha256 or "") in text for item in files[::97])


def test_many_exhibits_and_series_fit():
    exhibits = tuple(make_exhibit(f"E{i}") for i in range(1, 13))
    content = make_content(
        series=tuple(make_series(i) for i in range(1, 7)),
        results=(
            make_result(exhibits=exhibits),
            *(uncovered_result(i) for i in range(2, 7)),
        ),
    )
    pdf = render(content)
    text = text_of(pdf)
    assert all(f"Exhibit E{i}, series 1" in text for i in range(1, 13))
    images = sum(len(page.images) for page in PdfReader(io.BytesIO(pdf)).pages)
    assert images == 12 * 4


@pytest.mark.parametrize("length", [5_000, 300_000])
def test_text_longer_than_a_page_is_cut_with_a_remark(length):
    content = make_content(
        series=(make_series(patient="A" * length, description="B" * length),),
        mandate=Mandate(question="why " * (length // 4), client="C" * length),
        results=(make_result(exhibits=(), figure=None),),
    )
    text = squeezed(text_of(render(content)))
    assert f"cuthere:{length:,}charactersinall" in text
