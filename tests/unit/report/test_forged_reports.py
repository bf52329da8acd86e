"""What a forger does to a report and signs again is never called VERIFIED.

A key, and an authority above it, of any name is made in a second: only a root that the
verifier chose makes a signer known. What acts, or lies over the pages, is refused.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    StreamObject,
    TextStringObject,
)

from btd_desktop.calibration.scope import Coverage
from btd_desktop.cli.tables import verdict_lines
from btd_desktop.digest import bytes_digest, canonical_json
from btd_desktop.examination.wording import number_text
from btd_desktop.report import page_match, signing
from btd_desktop.report.attachments import TWIN_NAME, attached_files
from btd_desktop.report.document import Document
from btd_desktop.report.page_data import PAGES_NAME
from btd_desktop.report.pages import SIGNATURE_BOX, TWIN_KEYWORD
from btd_desktop.report.pdf import draw_pdf, render_pdf
from btd_desktop.report.signing import SigningKey, load_pkcs12, own_key, sign_pdf
from btd_desktop.report.stamp import signature_mark
from btd_desktop.report.twin import LAYOUT
from btd_desktop.report.verification import ReportVerdict, verify_report
from btd_desktop.workflow.verdict_words import report_words
from tests.unit.report.case_sample import NOW as WHEN
from tests.unit.report.case_sample import (
    make_document,
    make_outcome,
    make_store,
)
from tests.unit.report.keys import (
    make_authority,
    make_signer,
    write_pem,
    write_pkcs12,
)
from tests.unit.report.test_verification import countersign

NAME = "Dr. A. Example"
NOT_VALIDATED = "INTACT, SIGNER NOT VALIDATED"
_WHITE = b"q 1 1 1 rg 0 0 2000 2000 re f Q"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return own_key(tmp_path_factory.mktemp("keys"), NAME, WHEN)


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return render_pdf(make_document(outcomes=[make_outcome(1, Coverage.NOT)]))


def verdict_of(folder: Path, data: bytes, **options: Any) -> ReportVerdict:
    path = folder / "report.pdf"
    path.write_bytes(data)
    return verify_report(path, **options)


def root_of(key: SigningKey, folder: Path) -> Path:
    path = folder / "root.der"
    certificate: Any = key._signer.signing_cert
    path.write_bytes(certificate.dump())
    return path


def edited(pdf: bytes, change: Callable[[PdfWriter], None]) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf)))
    change(writer)
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def painted_over(writer: PdfWriter) -> None:
    white = StreamObject()
    white.set_data(_WHITE)
    page = writer.pages[0]
    contents = [page.raw_get("/Contents"), writer._add_object(white)]
    page[NameObject("/Contents")] = ArrayObject(contents)


def _script() -> DictionaryObject:
    return DictionaryObject(
        {
            NameObject("/S"): NameObject("/JavaScript"),
            NameObject("/JS"): TextStringObject("app.alert(1)"),
        }
    )


def script_on_opening(writer: PdfWriter) -> None:
    writer._root_object[NameObject("/OpenAction")] = _script()


def script_of_a_page(writer: PdfWriter) -> None:
    actions = DictionaryObject({NameObject("/O"): _script()})
    writer.pages[1][NameObject("/AA")] = actions


def named_script(writer: PdfWriter) -> None:
    names = ArrayObject([TextStringObject("x"), _script()])
    tree = DictionaryObject({NameObject("/Names"): names})
    writer._root_object["/Names"][NameObject("/JavaScript")] = tree  # type: ignore[index]


def layer(writer: PdfWriter) -> None:
    writer._root_object[NameObject("/OCProperties")] = DictionaryObject()


def _annotation(writer: PdfWriter, **more: Any) -> None:
    note = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Annot"),
            NameObject("/Rect"): ArrayObject(map(NumberObject, (0, 0, 600, 800))),
            **{NameObject(f"/{key}"): value for key, value in more.items()},
        }
    )
    page = writer.pages[0]
    page[NameObject("/Annots")] = ArrayObject([writer._add_object(note)])


def note_over_a_page(writer: PdfWriter) -> None:
    _annotation(writer, Subtype=NameObject("/FreeText"))


def link_to_elsewhere(writer: PdfWriter) -> None:
    action = {NameObject("/S"): NameObject("/URI")}
    _annotation(writer, Subtype=NameObject("/Link"), A=DictionaryObject(action))


def test_genuine_report_is_verified_for_whoever_chose_its_signer_only(
    tmp_path, pdf, key
):
    data = sign_pdf(pdf, key, when=WHEN)
    assert verdict_of(tmp_path, data).headline == NOT_VALIDATED
    known = verdict_of(tmp_path, data, trust_roots=[root_of(key, tmp_path)])
    assert known.ok
    assert known.headline == "VERIFIED"
    assert "not validated" not in report_words(known).headline


def test_self_made_authority_validates_nobody(tmp_path, pdf):
    authority = make_authority("National Forensic Root")
    path = write_pkcs12(
        tmp_path / "k.p12", make_signer(authority), "x", (authority[1],)
    )
    data = sign_pdf(pdf, load_pkcs12(path, "x"), when=WHEN)
    verdict = verdict_of(tmp_path, data)
    assert not verdict.self_signed
    assert verdict.headline == NOT_VALIDATED
    told = "\n".join(verdict_lines(verdict))
    assert "Report: VERIFIED" not in told
    assert "the name is a claim" in told
    words = report_words(verdict)
    assert words.headline.endswith("Who signed it is not validated.")
    other = write_pem(tmp_path / "other.pem", make_authority("Court")[1])
    refused = verdict_of(tmp_path, data, trust_roots=[other])
    assert refused.headline == "NOT VERIFIED"


def moved(writer: PdfWriter) -> None:
    writer.pages[0][NameObject("/MediaBox")] = ArrayObject(
        map(NumberObject, (0, 0, 300, 842))
    )


def picture_exchanged(writer: PdfWriter) -> None:
    pictures = [p for page in writer.pages for p in page.images]
    stream: Any = pictures[0].indirect_reference.get_object()  # type: ignore[union-attr]
    stream._data = zlib.compress(bytes(len(stream.get_data())))


def page_left_out(writer: PdfWriter) -> None:
    writer.remove_page(5)


def page_repeated(writer: PdfWriter) -> None:
    writer.add_page(writer.pages[3])


def font_exchanged(writer: PdfWriter) -> None:
    fonts = writer.pages[2]["/Resources"]["/Font"]  # type: ignore[index]
    first, second, *_ = sorted(fonts)
    one, other = fonts.raw_get(first), fonts.raw_get(second)
    fonts[NameObject(first)], fonts[NameObject(second)] = other, one


@pytest.mark.parametrize(
    ("change", "differing"),
    [(painted_over, (1,)), (moved, (1,)), (page_left_out, None),
     (page_repeated, None), (font_exchanged, None)],
)  # fmt: skip
def test_pages_altered_and_signed_under_the_same_name_are_noticed(
    tmp_path, pdf, key, change, differing
):
    forger = own_key(tmp_path / "forger", NAME, WHEN)
    verdict = verdict_of(tmp_path, sign_pdf(edited(pdf, change), forger, when=WHEN))
    assert verdict.signer == NAME
    assert verdict.is_unchanged
    assert verdict.headline == "NOT VERIFIED"
    assert verdict.pages.outcome == "differ"
    assert differing is None or verdict.pages.differing == differing
    words = report_words(verdict)
    assert words.headline == (
        "Do not rely on this report: its pages differ from the data inside."
    )
    (line,) = [line for line in words.lines if line.name == "Pages"]
    assert line.ok is False
    assert "Model" not in {line.name for line in words.lines}


def test_picture_exchanged_and_signed_again_is_noticed(tmp_path, key):
    data = edited(render_pdf(make_document()), picture_exchanged)
    verdict = verdict_of(tmp_path, sign_pdf(data, key, when=WHEN))
    assert verdict.pages.outcome == "differ"
    assert verdict.pages.differing


def test_mark_that_names_another_signer_is_noticed(tmp_path, pdf, key, monkeypatch):
    data = sign_pdf(pdf, key, when=WHEN, box=SIGNATURE_BOX)
    assert verdict_of(tmp_path, data).pages.outcome == "agree"
    stamp = signature_mark
    monkeypatch.setattr(
        signing, "signature_mark", lambda _, *more, **box: stamp("Judge", *more, **box)
    )
    verdict = verdict_of(tmp_path, sign_pdf(pdf, key, when=WHEN, box=SIGNATURE_BOX))
    assert verdict.pages.outcome == "differ"
    assert verdict.pages.differing == (1,)


def test_mark_over_a_whole_page_is_noticed(tmp_path, pdf, key):
    for box in ((0, 0, 595, 842), (100, 400, 400, 500)):
        verdict = verdict_of(tmp_path, sign_pdf(pdf, key, when=WHEN, box=box))
        assert verdict.pages.differing == (1,)


def test_pages_of_a_report_written_anew_by_another_program_agree(tmp_path, pdf, key):
    data = sign_pdf(edited(pdf, lambda _: None), key, when=WHEN, box=SIGNATURE_BOX)
    verdict = verdict_of(tmp_path, data)
    assert verdict.ok, verdict.problems
    assert verdict.pages.outcome == "agree"
    assert verdict.pages.n_pages == len(PdfReader(io.BytesIO(pdf)).pages)


def with_files(document: Document, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The report of files that were edited and named as a forger would name them."""
    files = attached_files(document)
    change(files)
    twin = json.loads(files[TWIN_NAME])
    twin["attachments"] = [
        {"name": n, "sha256": bytes_digest(data), "size_bytes": len(data)}
        for n, data in sorted(files.items())
        if n != TWIN_NAME
    ]
    files[TWIN_NAME] = canonical_json(twin)
    return draw_pdf(files)


def other_value(files: dict[str, bytes]) -> None:
    twin = json.loads(files[TWIN_NAME])
    twin["opinion"]["conclusion"] = "no support"
    files[TWIN_NAME] = canonical_json(twin)


def other_words(files: dict[str, bytes]) -> None:
    headline = json.loads(files[TWIN_NAME])["opinion"]["headline"].encode()
    assert headline in files[PAGES_NAME]
    files[PAGES_NAME] = files[PAGES_NAME].replace(headline, b"No support.")


@pytest.mark.parametrize("change", [other_value, other_words])
def test_data_that_contradict_one_another_are_noticed(tmp_path, key, change):
    document = make_document(outcomes=[make_outcome(1, Coverage.NOT)])
    data = sign_pdf(with_files(document, change), key, when=WHEN)
    verdict = verdict_of(tmp_path, data)
    assert verdict.headline == "NOT VERIFIED"
    assert "not those that the pages are drawn from" in verdict.pages.words


def other_number(files: dict[str, bytes]) -> None:
    highest = json.loads(files[TWIN_NAME])["results"][0]["highest_places"]
    score = highest[0]["score"]
    cell = canonical_json({"text": [number_text(score)], "value": score})
    assert cell in files[PAGES_NAME]
    other = canonical_json({"text": [number_text(score + 3)], "value": score})
    files[PAGES_NAME] = files[PAGES_NAME].replace(cell, other)


def test_number_printed_otherwise_than_its_value_is_noticed(tmp_path, key):
    data = sign_pdf(with_files(make_document(), other_number), key, when=WHEN)
    verdict = verdict_of(tmp_path, data)
    assert verdict.headline == "NOT VERIFIED"
    assert "printed numbers are not the values inside" in verdict.pages.words


@pytest.mark.parametrize("name", ["evidence.sha256", "files.csv", "audit-log.csv"])
def test_list_that_tells_other_things_than_the_data_is_noticed(tmp_path, key, name):
    def other_list(files: dict[str, bytes]) -> None:
        first, rest = files[name].split(b"\n", 1)
        files[name] = rest if rest else first + b"x\n"

    document = make_document(
        store=make_store(),
        outcomes=[make_outcome(1, Coverage.NOT)],
    )
    genuine = sign_pdf(with_files(document, lambda _: None), key, when=WHEN)
    assert verdict_of(tmp_path, genuine).pages.outcome == "agree"
    data = sign_pdf(with_files(document, other_list), key, when=WHEN)
    verdict = verdict_of(tmp_path, data)
    assert verdict.headline == "NOT VERIFIED"
    assert f"{name} does not hold what the data inside give" in verdict.pages.words


def test_layout_of_another_version_is_not_compared_and_not_called_altered(
    tmp_path, key
):
    def other_layout(files: dict[str, bytes]) -> None:
        twin = json.loads(files[TWIN_NAME])
        twin["layout"] = LAYOUT + 1
        files[TWIN_NAME] = canonical_json(twin)

    document = make_document(outcomes=[make_outcome(1, Coverage.NOT)])
    data = sign_pdf(with_files(document, other_layout), key, when=WHEN)
    verdict = verdict_of(tmp_path, data, trust_roots=[root_of(key, tmp_path)])
    assert verdict.headline == "VERIFIED"
    assert verdict.pages.outcome == "not compared"
    told = "\n".join(verdict_lines(verdict))
    assert f"Pages not compared: the report has layout version {LAYOUT + 1}" in told
    assert "altered" not in told


def test_pages_of_other_libraries_that_differ_are_not_called_altered(
    tmp_path, pdf, key, monkeypatch
):
    data = sign_pdf(edited(pdf, painted_over), key, when=WHEN)
    assert verdict_of(tmp_path, data).pages.outcome == "differ"
    monkeypatch.setattr(page_match, "library_versions", lambda: {"reportlab": "9"})
    verdict = verdict_of(tmp_path, data)
    assert verdict.pages.outcome == "not compared"
    assert "reportlab 9 here" in verdict.pages.words


def foreign_file(writer: PdfWriter) -> None:
    writer.add_attachment("expert.docx", b"read this instead")


def second_list(writer: PdfWriter) -> None:
    tree = writer._root_object["/Names"]["/EmbeddedFiles"]  # type: ignore[index]
    tree[NameObject("/Kids")] = ArrayObject()


def file_beside(writer: PdfWriter) -> None:
    held = DictionaryObject({NameObject("/EF"): DictionaryObject()})
    writer._root_object[NameObject("/AF")] = ArrayObject([writer._add_object(held)])


def other_scores(writer: PdfWriter) -> None:
    names = writer._root_object["/Names"]["/EmbeddedFiles"]["/Names"]  # type: ignore[index]
    place = [str(name) for name in names].index("evidence.sha256")
    names[place + 1].get_object()["/EF"]["/F"].set_data(b"nothing")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (foreign_file, "a foreign file is attached: 'expert.docx'"),
        (second_list, "a form that reports never have"),
        (file_beside, "a file outside its list of files"),
        (other_scores, "evidence.sha256 is not the one that the report names"),
    ],
)
def test_foreign_and_exchanged_attachments_are_refused(
    tmp_path, pdf, key, change, problem
):
    data = sign_pdf(edited(pdf, change), key, when=WHEN)
    verdict = verdict_of(tmp_path, data, trust_roots=[root_of(key, tmp_path)])
    assert verdict.headline == "NOT VERIFIED"
    assert any(problem in told for told in verdict.problems), verdict.problems


@pytest.mark.parametrize(
    "change",
    [
        script_on_opening, script_of_a_page, named_script, layer, note_over_a_page,
        link_to_elsewhere,
    ],
)  # fmt: skip
def test_what_acts_or_lies_over_the_pages_is_refused(tmp_path, pdf, key, change):
    assert verdict_of(tmp_path, sign_pdf(edited(pdf, lambda _: None), key, when=WHEN))
    data = sign_pdf(edited(pdf, change), key, when=WHEN)
    verdict = verdict_of(tmp_path, data, trust_roots=[root_of(key, tmp_path)])
    assert verdict.headline == "NOT VERIFIED"
    assert any("which reports never do" in problem for problem in verdict.problems)


def _revised(data: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    change(writer)
    writer._update_meta = lambda: None  # type: ignore[method-assign]
    output = io.BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()


def blanked(writer: IncrementalPdfFileWriter) -> None:
    reference = writer.root["/Pages"]["/Kids"].raw_get(0)
    white = generic.StreamObject(stream_data=_WHITE)
    reference.get_object()["/Contents"] = writer.add_object(white)
    writer.mark_update(reference)


def other_xmp(writer: IncrementalPdfFileWriter) -> None:
    stream = writer.root["/Metadata"]
    old = b'rdf:about=""'
    assert old in stream.data
    kind = {
        generic.pdf_name("/Type"): generic.pdf_name("/Metadata"),
        generic.pdf_name("/Subtype"): generic.pdf_name("/XML"),
    }
    data = stream.data.replace(old, old + b' pdf:Keywords="withdrawn"')
    xmp = generic.StreamObject(kind, stream_data=data)
    writer.root["/Metadata"] = writer.add_object(xmp)
    writer.update_root()  # type: ignore[no-untyped-call]


def other_title(writer: IncrementalPdfFileWriter) -> None:
    reference = writer.trailer.raw_get("/Info")
    title = generic.pdf_string("Withdrawn")
    reference.get_object()[generic.pdf_name("/Title")] = title
    writer.mark_update(reference)


def test_page_blanked_by_a_revision_is_nowhere_called_unchanged(tmp_path, pdf, key):
    data = _revised(sign_pdf(pdf, key, when=WHEN), blanked)
    verdict = verdict_of(tmp_path, data)
    assert verdict.headline == "NOT VERIFIED"
    assert not verdict.is_unchanged
    assert "  Unchanged: The document was changed after signing." in list(
        verdict_lines(verdict)
    )
    (line,) = [x for x in report_words(verdict).lines if x.name == "Unchanged"]
    assert line.ok is False


def other_digest(writer: IncrementalPdfFileWriter) -> None:
    reference = writer.trailer.raw_get("/Info")
    words = generic.pdf_string(TWIN_KEYWORD + "0" * 64)
    reference.get_object()[generic.pdf_name("/Keywords")] = words
    writer.mark_update(reference)


def test_digest_of_the_data_is_the_one_that_was_signed(tmp_path, pdf, key):
    first = sign_pdf(pdf, key, when=WHEN, may_countersign=True)
    verdict = verdict_of(tmp_path, _revised(first, other_digest))
    assert verdict.twin_matches_print
    assert not verdict.is_unchanged


@pytest.mark.parametrize("change", [other_xmp, other_title, other_digest])
def test_properties_altered_before_a_counter_signature_are_told(
    tmp_path, pdf, key, change
):
    reviewer = own_key(tmp_path / "reviewer", "Reviewer R", WHEN)
    first = sign_pdf(pdf, key, when=WHEN, may_countersign=True)
    assert verdict_of(tmp_path, countersign(first, reviewer)).is_unchanged
    verdict = verdict_of(tmp_path, countersign(_revised(first, change), reviewer))
    assert verdict.headline == "NOT VERIFIED"
    assert not verdict.is_unchanged
