import io
import random
import re
import zipfile
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest
from pyhanko.pdf_utils.generic import pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
from pypdf import PdfReader, PdfWriter

from btd_desktop.calibration.scope import Coverage
from btd_desktop.digest import file_digest
from btd_desktop.errors import ReportError
from btd_desktop.report.attachments import TWIN_NAME, attached_files
from btd_desktop.report.document import Document
from btd_desktop.report.pages import SIGNATURE_BOX, TWIN_KEYWORD
from btd_desktop.report.pdf import render_pdf
from btd_desktop.report.signing import load_pkcs12, own_key, sign_pdf
from btd_desktop.report.twin import twin_value
from btd_desktop.report.verification import ReportVerdict, verify_report
from tests.unit.report.case_sample import NOW as WHEN
from tests.unit.report.case_sample import document_of_files, make_document, make_outcome
from tests.unit.report.keys import (
    make_authority,
    make_signer,
    write_pem,
    write_pkcs12,
)


@pytest.fixture(scope="module")
def document():
    return make_document(outcomes=[make_outcome(1, Coverage.NOT)])


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return own_key(tmp_path_factory.mktemp("keys"), "Dr. A. Example", WHEN)


@pytest.fixture(scope="module")
def pdf(document):
    return render_pdf(document)


@pytest.fixture(scope="module")
def signed(pdf, key):
    return sign_pdf(pdf, key, when=WHEN)


def verdict_of(tmp_path: Path, data: bytes, **options) -> ReportVerdict:
    path = tmp_path / "report.pdf"
    path.write_bytes(data)
    return verify_report(path, **options)


def test_signed_report_is_ok_and_named_in_full(tmp_path, signed, key, document):
    verdict = verdict_of(tmp_path, signed)
    assert verdict.ok, verdict.problems
    assert verdict.is_signed
    assert verdict.intact
    assert verdict.valid
    assert verdict.covers_whole_file
    assert verdict.signer == "Dr. A. Example"
    assert verdict.fingerprint_sha256 == key.fingerprint_sha256
    assert verdict.self_signed
    assert not verdict.trusted
    assert verdict.signed_at == WHEN
    assert verdict.twin_present
    assert verdict.twin_matches_print
    others = {n: d for n, d in attached_files(document).items() if n != TWIN_NAME}
    assert verdict.twin == twin_value(document, others)
    assert verdict.pages.outcome == "agree"
    assert not verdict.evidence_checked
    assert verdict.evidence_matches is None


def test_report_with_visible_signature_and_figures_is_ok(tmp_path, key):
    pdf = render_pdf(make_document())
    data = sign_pdf(pdf, key, when=WHEN, reason="Issued", box=SIGNATURE_BOX)
    assert verdict_of(tmp_path, data).ok


def test_every_field_of_the_verdict_is_documented():
    documented = ReportVerdict.__doc__ or ""
    assert all(f"        {item.name}:" in documented for item in fields(ReportVerdict))


@pytest.mark.parametrize("seed", range(4))
def test_any_flipped_byte_is_reported(tmp_path, signed, seed):
    rng = random.Random(seed)
    for _ in range(100):
        data = bytearray(signed)
        place = rng.randrange(len(data))
        data[place] ^= 1 << rng.randrange(8)
        verdict = verdict_of(tmp_path, bytes(data))
        assert not verdict.ok, f"a change of byte {place} went unnoticed"
        assert verdict.problems


def test_any_flipped_byte_of_the_signature_itself_is_reported(tmp_path, signed):
    start = signed.index(b"/Contents <") + len(b"/Contents ")
    end = signed.index(b">", start)
    rng = random.Random(11)
    for place in rng.sample(range(start, end + 1), 250):
        for bit in (0, 5):
            data = bytearray(signed)
            data[place] ^= 1 << bit
            verdict = verdict_of(tmp_path, bytes(data))
            assert not verdict.ok, f"byte {place - start}, bit {bit} went unnoticed"


def test_padding_of_the_signature_must_be_zeros(tmp_path, signed):
    end = signed.index(b">", signed.index(b"/Contents <"))
    assert signed[end - 8 : end] == b"0" * 8
    data = bytearray(signed)
    data[end - 4] = ord("7")
    verdict = verdict_of(tmp_path, bytes(data))
    assert verdict.intact
    assert not verdict.ok
    assert any("padding" in problem for problem in verdict.problems)


def test_signature_digits_in_mixed_case_are_reported(tmp_path, signed):
    start = signed.index(b"/Contents <") + len(b"/Contents <")
    place = next(i for i in range(start, start + 500) if signed[i : i + 1].isalpha())
    data = bytearray(signed)
    data[place] ^= 0x20
    verdict = verdict_of(tmp_path, bytes(data))
    assert verdict.intact
    assert verdict.valid
    assert not verdict.ok


@pytest.mark.parametrize(
    "data",
    [b"", b"%PDF-", b"%PDF-1.7\n%%EOF", b"not a pdf", b"PK\x03\x04", bytes(1000),
     b"%PDF-1.7\n" + b"1 0 obj <<" * 2000, b"%PDF-1.7\n" + b"[" * 50_000],
)  # fmt: skip
def test_what_is_no_report_gets_a_verdict(tmp_path, data):
    verdict = verdict_of(tmp_path, data)
    assert not verdict.ok
    assert not verdict.is_signed
    assert verdict.problems


def test_absent_file_and_folder_get_a_verdict(tmp_path):
    assert "not a file" in verify_report(tmp_path / "absent.pdf").problems[0]
    assert "not a file" in verify_report(tmp_path).problems[0]


def test_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "huge.pdf"
    with path.open("wb") as stream:
        stream.truncate((1 << 29) + 1)
    assert "larger" in verify_report(path).problems[0]


def test_unsigned_report_is_said_to_be_unsigned(tmp_path, pdf):
    verdict = verdict_of(tmp_path, pdf)
    assert not verdict.is_signed
    assert verdict.problems == ("the PDF is not signed",)


def test_truncated_report_is_not_ok(tmp_path, signed):
    rng = random.Random(5)
    for cut in [1, 2, 10, *rng.sample(range(len(signed)), 40)]:
        assert not verdict_of(tmp_path, signed[:-cut]).ok


def test_bytes_added_behind_the_report_are_reported(tmp_path, signed):
    for extra in (b"\n", b"x", b"%PDF-1.7\n", bytes(100)):
        verdict = verdict_of(tmp_path, signed + extra)
        assert not verdict.ok
        assert not verdict.covers_whole_file


def test_appended_revision_is_reported(tmp_path, signed):
    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    writer.root["/Lang"] = pdf_string("xx")
    writer.update_root()  # type: ignore[no-untyped-call]
    output = io.BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    verdict = verdict_of(tmp_path, output.getvalue())
    assert verdict.is_signed
    assert not verdict.ok
    assert not verdict.covers_whole_file
    assert verdict.later_changes
    assert verdict.twin_matches_print


def test_rewritten_report_is_reported(tmp_path, signed):
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(signed)))
    output = io.BytesIO()
    writer.write(output)
    assert not verdict_of(tmp_path, output.getvalue()).ok


def test_twin_other_than_the_one_printed_is_reported(tmp_path, pdf, key):
    stated = pdf.index(TWIN_KEYWORD.encode()) + len(TWIN_KEYWORD)
    data = bytearray(pdf)
    data[stated : stated + 64] = b"0" * 64
    verdict = verdict_of(tmp_path, sign_pdf(bytes(data), key, when=WHEN))
    assert verdict.intact
    assert verdict.twin_present
    assert not verdict.twin_matches_print
    assert not verdict.ok


def test_signed_pdf_without_twin_is_reported(tmp_path, pdf, key):
    writer = PdfWriter()
    writer.add_page(PdfReader(io.BytesIO(pdf)).pages[0])
    output = io.BytesIO()
    writer.write(output)
    data = sign_pdf(output.getvalue(), key, when=WHEN)
    verdict = verdict_of(tmp_path, data, evidence=[tmp_path])
    assert verdict.intact
    assert not verdict.twin_present
    assert not verdict.ok
    assert verdict.evidence_matches is False


def countersign(data: bytes, signer) -> bytes:
    metadata = PdfSignatureMetadata(
        field_name="Reviewer", subfilter=SigSeedSubFilter.PADES, name="Reviewer"
    )
    output = io.BytesIO()
    PdfSigner(
        metadata, signer._signer, new_field_spec=SigFieldSpec("Reviewer")
    ).sign_pdf(IncrementalPdfFileWriter(io.BytesIO(data)), output=output)
    return output.getvalue()


def test_counter_signature_is_ok_when_the_first_allows_it(tmp_path, pdf, key):
    reviewer = own_key(tmp_path / "reviewer", "Reviewer R", WHEN)
    first = sign_pdf(pdf, key, when=WHEN, may_countersign=True)
    both = countersign(first, reviewer)
    verdict = verdict_of(tmp_path, both)
    assert verdict.ok, verdict.problems
    assert verdict.signer == "Dr. A. Example"
    assert "Reviewer R" in verdict.later_changes
    assert not verdict_of(tmp_path, both + b"\n").ok
    rng = random.Random(2)
    for _ in range(60):
        data = bytearray(both)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        assert not verdict_of(tmp_path, bytes(data)).ok


def test_signer_of_a_trusted_authority_is_trusted(tmp_path, pdf):
    authority = make_authority()
    path = write_pkcs12(
        tmp_path / "k.p12", make_signer(authority), "x", (authority[1],)
    )
    data = sign_pdf(pdf, load_pkcs12(path, "x"), when=WHEN)
    root = write_pem(tmp_path / "root.pem", authority[1])
    stranger = write_pem(tmp_path / "other.pem", make_authority("Other")[1])
    trusted = verdict_of(tmp_path, data, trust_roots=[root])
    assert trusted.ok, trusted.problems
    assert trusted.trusted
    assert not trusted.self_signed
    assert trusted.signer == "Court Expert"
    untrusted = verdict_of(tmp_path, data, trust_roots=[stranger])
    assert untrusted.intact
    assert not untrusted.trusted
    assert not untrusted.ok
    undecided = verdict_of(tmp_path, data)
    assert undecided.ok
    assert not undecided.trusted


def test_flipped_byte_in_the_chain_of_a_signature_is_reported(tmp_path, pdf):
    authority = make_authority()
    path = write_pkcs12(
        tmp_path / "k.p12", make_signer(authority), "x", (authority[1],)
    )
    signed = sign_pdf(pdf, load_pkcs12(path, "x"), when=WHEN)
    assert verdict_of(tmp_path, signed).ok
    start = signed.index(b"/Contents <") + len(b"/Contents <")
    end = signed.index(b">", start)
    for place in random.Random(8).sample(range(start, end), 200):
        data = bytearray(signed)
        data[place] ^= 1
        assert not verdict_of(tmp_path, bytes(data)).ok, place - start


def test_own_key_can_be_trusted_by_its_certificate(tmp_path, signed):
    reader = PdfFileReader(io.BytesIO(signed))
    root = tmp_path / "own.der"
    root.write_bytes(reader.embedded_signatures[0].signer_cert.dump())
    verdict = verdict_of(tmp_path, signed, trust_roots=[root])
    assert verdict.trusted
    assert verdict.self_signed
    assert verdict.ok


def test_trust_root_that_is_no_certificate_raises(tmp_path, signed):
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    with pytest.raises(ReportError, match=r"bad\.pem"):
        verdict_of(tmp_path, signed, trust_roots=[bad])


def test_report_with_an_expired_certificate_verifies_at_its_time(tmp_path, pdf):
    authority = make_authority()
    path = write_pkcs12(tmp_path / "k.p12", make_signer(authority, days=2), "x")
    key = load_pkcs12(path, "x")
    data = sign_pdf(pdf, key, when=WHEN + timedelta(hours=3))
    assert verdict_of(tmp_path, data).ok


def make_evidence(folder: Path) -> Document:
    (folder / "CT").mkdir(parents=True)
    for i in range(3):
        (folder / "CT" / f"IM{i}.dcm").write_bytes(bytes([i]) * 500)
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.writestr("a/IM9.dcm", b"inside")
    paths = sorted(p for p in folder.rglob("*.dcm"))
    files = [
        ("", "", p.relative_to(folder).as_posix(), file_digest(p)[0]) for p in paths
    ]
    inside = ("", "more.zip", "a/IM9.dcm", "0" * 64)
    container = ("more.zip", file_digest(folder / "more.zip")[0])
    return document_of_files([*files, inside], [container])


@pytest.fixture
def with_evidence(tmp_path, key):
    folder = tmp_path / "evidence"
    data = sign_pdf(render_pdf(make_evidence(folder)), key, when=WHEN)
    report = tmp_path / "report.pdf"
    report.write_bytes(data)
    return report, folder


def kinds(verdict: ReportVerdict) -> list[tuple[str, str]]:
    return [(item.name, item.kind) for item in verdict.evidence_problems]


def test_evidence_as_received_matches(with_evidence):
    report, folder = with_evidence
    verdict = verify_report(report, evidence=[folder])
    assert verdict.ok, verdict.problems
    assert verdict.evidence_checked
    assert verdict.evidence_matches is True
    assert verdict.n_evidence_compared == 4


def test_evidence_with_the_report_beside_it_matches(with_evidence):
    report, folder = with_evidence
    moved = report.rename(folder / "report.pdf")
    assert verify_report(moved, evidence=[folder]).ok


@pytest.mark.parametrize("name", ["CT/IM1.dcm", "more.zip"])
def test_changed_missing_and_extra_evidence_is_named(with_evidence, name):
    report, folder = with_evidence
    data = bytearray((folder / name).read_bytes())
    data[100 % len(data)] ^= 1
    (folder / name).write_bytes(bytes(data))
    verdict = verify_report(report, evidence=[folder])
    assert kinds(verdict) == [(name, "changed")]
    assert verdict.evidence_matches is False
    assert not verdict.ok
    assert verdict.intact
    (folder / name).unlink()
    assert kinds(verify_report(report, evidence=[folder])) == [(name, "missing")]
    (folder / "new.txt").write_text("x")
    assert set(kinds(verify_report(report, evidence=[folder]))) == {
        (name, "missing"),
        ("new.txt", "extra"),
    }


def test_evidence_link_is_named_and_not_followed(with_evidence, tmp_path):
    report, folder = with_evidence
    target = tmp_path / "elsewhere"
    (folder / "CT" / "IM1.dcm").rename(target)
    try:
        (folder / "CT" / "IM1.dcm").symlink_to(target)
    except OSError:
        pytest.skip("this system does not allow symbolic links")
    assert set(kinds(verify_report(report, evidence=[folder]))) == {
        ("CT/IM1.dcm", "unreadable"),
        ("CT/IM1.dcm", "missing"),
    }


def test_evidence_folder_that_is_absent_is_named(with_evidence, tmp_path):
    report, _ = with_evidence
    verdict = verify_report(report, evidence=[tmp_path / "absent"])
    assert not verdict.ok
    assert ("absent", "missing") in kinds(verdict)


def test_names_in_the_list_never_leave_the_evidence_folder(tmp_path, key):
    secret = tmp_path / "secret.txt"
    secret.write_text("x")
    folder = tmp_path / "evidence"
    folder.mkdir()
    files = tuple(
        ("", "", name, file_digest(secret)[0])
        for name in ("../secret.txt", secret.as_posix(), "a/../../secret.txt")
    )
    report = tmp_path / "report.pdf"
    report.write_bytes(sign_pdf(render_pdf(document_of_files(files)), key, when=WHEN))
    verdict = verify_report(report, evidence=[folder])
    assert [kind for _, kind in kinds(verdict)] == ["missing"] * 3
    assert verdict.n_evidence_compared == 0


def test_files_of_two_folders_with_equal_names_are_told_apart(tmp_path, key):
    items = []
    for root in ("first", "second"):
        (tmp_path / root).mkdir()
        (tmp_path / root / "IM0.dcm").write_text(root)
        digest, _ = file_digest(tmp_path / root / "IM0.dcm")
        items.append((root, "", "IM0.dcm", digest))
    report = tmp_path / "report.pdf"
    report.write_bytes(sign_pdf(render_pdf(document_of_files(items)), key, when=WHEN))
    both = [tmp_path / "first", tmp_path / "second"]
    assert verify_report(report, evidence=both).ok
    (tmp_path / "second" / "IM0.dcm").write_text("first")
    assert kinds(verify_report(report, evidence=both)) == [("IM0.dcm", "changed")]


def test_verifying_opens_no_connection_and_writes_no_log(
    tmp_path, signed, monkeypatch, caplog, capfd
):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr("socket.socket.connect", refuse)
    assert verdict_of(tmp_path, signed).ok
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_keywords_state_the_digest_once(pdf):
    assert len(re.findall(re.escape(TWIN_KEYWORD.encode()), pdf)) == 1
