"""What a forger does to a report and signs again is never called VERIFIED.

A key, and an authority above it, of any name is made in a second: only a root that the
verifier chose makes a signer known. What acts, or lies over the pages, is refused.
"""

from __future__ import annotations

import io
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
from btd_desktop.report.pages import TWIN_KEYWORD
from btd_desktop.report.pdf import render_pdf
from btd_desktop.report.signing import SigningKey, load_pkcs12, own_key, sign_pdf
from btd_desktop.report.verification import ReportVerdict, verify_report
from btd_desktop.workflow.verdict_words import report_words
from tests.unit.report.case_sample import NOW as WHEN
from tests.unit.report.case_sample import make_document, make_outcome
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


def test_page_painted_over_and_signed_under_the_same_name_is_not_verified(
    tmp_path, pdf, key
):
    forger = own_key(tmp_path / "forger", NAME, WHEN)
    data = sign_pdf(edited(pdf, painted_over), forger, when=WHEN)
    verdict = verdict_of(tmp_path, data)
    assert verdict.signer == NAME
    assert verdict.headline == NOT_VALIDATED
    told = "\n".join(verdict_lines(verdict))
    assert "Pages: Not compared with the data inside" in told
    assert "match the print" not in told
    known = verdict_of(tmp_path, data, trust_roots=[root_of(key, tmp_path)])
    assert known.headline == "NOT VERIFIED"


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
