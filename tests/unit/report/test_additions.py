"""Counter-signatures, time-stamps, lists of revoked certificates, keys on tokens."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import tsp
from cryptography.hazmat.primitives import serialization
from pyhanko.sign.timestamps import DummyTimeStamper

from btd_desktop.__main__ import main
from btd_desktop.cli.tables import verdict_lines
from btd_desktop.errors import ReportError
from btd_desktop.report.additions import (
    counter_signed,
    time_stamp_request,
    time_stamped,
    time_stamped_by_answer,
)
from btd_desktop.report.pages import SIGNATURE_BOX
from btd_desktop.report.pdf import render_pdf
from btd_desktop.report.signing import SigningKey, load_pkcs12, own_key, sign_pdf
from btd_desktop.report.verification import ReportVerdict, verify_report
from tests.unit.report.case_sample import NOW as WHEN
from tests.unit.report.case_sample import document_of_files
from tests.unit.report.keys import (
    Pair,
    make_authority,
    make_signer,
    write_crl,
    write_pem,
    write_pkcs12,
)

LATER = WHEN + timedelta(hours=1)
_CI = os.environ.get("CI") == "true"


def needs(program: str) -> pytest.MarkDecorator:
    """Skips, with the reason, where a program is missing; on CI the test fails then."""
    missing = shutil.which(program) is None and not _CI
    return pytest.mark.skipif(missing, reason=f"{program} is not installed")


@pytest.fixture(scope="module")
def authority() -> Pair:
    return make_authority("Chamber of Experts")


@pytest.fixture(scope="module")
def stamping() -> Pair:
    return make_authority("Time Root")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("additions")


@pytest.fixture(scope="module")
def expert(authority: Pair) -> Pair:
    return make_signer(authority)


@pytest.fixture(scope="module")
def key(folder: Path, authority: Pair, expert: Pair) -> SigningKey:
    path = write_pkcs12(folder / "k.p12", expert, "x", (authority[1],))
    return load_pkcs12(path, "x")


@pytest.fixture(scope="module")
def clock(folder: Path, stamping: Pair) -> SigningKey:
    pair = make_signer(stamping, name="Time Office", for_time=True)
    path = write_pkcs12(folder / "t.p12", pair, "x", (stamping[1],))
    return load_pkcs12(path, "x")


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return render_pdf(document_of_files([("CT", "", "1.dcm", "0" * 64)]))


@pytest.fixture(scope="module")
def final(pdf: bytes, key: SigningKey) -> bytes:
    return sign_pdf(pdf, key, when=WHEN, box=SIGNATURE_BOX)


@pytest.fixture(scope="module")
def open_one(pdf: bytes, key: SigningKey) -> bytes:
    return sign_pdf(pdf, key, when=WHEN, box=SIGNATURE_BOX, may_countersign=True)


def verdict_of(tmp_path: Path, data: bytes, *roots: Pair, **more: Any) -> ReportVerdict:
    path = tmp_path / "report.pdf"
    path.write_bytes(data)
    trusted = [write_pem(tmp_path / f"{i}.pem", r[1]) for i, r in enumerate(roots)]
    return verify_report(path, trust_roots=trusted or None, **more)


def test_counter_signature_of_a_reviewer_is_named_and_changes_nothing(
    tmp_path, open_one, authority
):
    reviewer = own_key(tmp_path / "reviewer", "Reviewer R", WHEN)
    data = counter_signed(open_one, reviewer, when=LATER)
    verdict = verdict_of(tmp_path, data, authority)
    assert verdict.headline == "VERIFIED", verdict.problems
    [found] = verdict.later
    assert (found.kind, found.name, found.trusted) == (
        "counter-signature", "Reviewer R", False,
    )  # fmt: skip
    assert found.time == LATER
    assert verdict.later_changes == (
        "Counter-signed by Reviewer R (not validated), as the first signature allows."
    )
    assert verdict.pages.outcome == "agree"


def test_counter_signature_under_a_root_of_the_verifier_is_validated(
    tmp_path, open_one, authority
):
    pair = make_signer(authority, name="Second Expert")
    path = write_pkcs12(tmp_path / "r.p12", pair, "x", (authority[1],))
    data = counter_signed(open_one, load_pkcs12(path, "x"), when=LATER)
    twice = counter_signed(data, own_key(tmp_path / "o", "Third", WHEN), when=LATER)
    verdict = verdict_of(tmp_path, twice, authority)
    assert verdict.ok, verdict.problems
    assert [item.trusted for item in verdict.later] == [True, False]


def test_final_report_is_not_counter_signed(final, key):
    with pytest.raises(ReportError, match="does not allow a counter-signature"):
        counter_signed(final, key, when=LATER)
    with pytest.raises(ReportError, match="not signed"):
        counter_signed(render_pdf(document_of_files([])), key, when=LATER)


def test_time_stamp_of_a_local_authority_says_when_the_report_was_there(
    tmp_path, final, clock, authority, stamping
):
    data = time_stamped(final, clock, when=LATER)
    verdict = verdict_of(tmp_path, data, authority, stamping)
    assert verdict.headline == "VERIFIED", verdict.problems
    assert verdict.is_unchanged
    [stamp] = verdict.later
    assert (stamp.kind, stamp.name, stamp.trusted) == (
        "time-stamp",
        "Time Office",
        True,
    )
    assert stamp.time == LATER
    told = "\n".join(verdict_lines(verdict))
    assert "2026-11-24 10:30:15 UTC, by the word of Time Office, certified by" in told
    assert "nobody else vouches" not in told


def test_time_stamp_of_an_unknown_authority_is_not_validated(
    tmp_path, final, clock, authority
):
    verdict = verdict_of(tmp_path, time_stamped(final, clock, when=LATER), authority)
    assert verdict.headline == "VERIFIED", verdict.problems
    assert not verdict.later[0].trusted
    assert "Time Office, who is not validated" in "\n".join(verdict_lines(verdict))


def test_certificate_of_a_person_stamps_no_time(final, key):
    with pytest.raises(ReportError, match="not one for time-stamping"):
        time_stamped(final, key, when=LATER)


def test_time_stamp_brought_by_file_fits_the_request_of_this_report_only(
    tmp_path, final, open_one, clock, stamping
):
    request = time_stamp_request(final)
    assert request == time_stamp_request(final)
    signer: Any = clock._signer
    office = DummyTimeStamper(
        signer.signing_cert, signer.signing_key, signer.cert_registry, fixed_dt=LATER
    )
    answer = office.request_tsa_response(tsp.TimeStampReq.load(request)).dump()
    data = time_stamped_by_answer(final, answer)
    verdict = verdict_of(tmp_path, data, stamping)
    assert verdict.later[0].trusted
    assert verdict.later[0].time == LATER
    assert verdict.is_unchanged
    with pytest.raises(ReportError, match="answers another request"):
        time_stamped_by_answer(open_one, answer)
    with pytest.raises(ReportError, match="cannot be time-stamped"):
        time_stamped_by_answer(final, b"nothing")


def test_lists_of_revoked_certificates_are_kept_and_count(
    tmp_path, final, clock, authority, expert
):
    clean = write_crl(authority, [], LATER)
    data = time_stamped(final, clock, when=LATER, crls=[clean])
    verdict = verdict_of(tmp_path, data, authority)
    assert verdict.headline == "VERIFIED", verdict.problems
    assert verdict.pages.outcome == "agree"
    revoked = write_crl(authority, [(expert, WHEN - timedelta(hours=2))], LATER)
    data = time_stamped(final, clock, when=LATER, crls=[revoked])
    verdict = verdict_of(tmp_path, data, authority)
    assert verdict.headline == "NOT VERIFIED"
    assert any("was revoked" in problem for problem in verdict.problems)
    (tmp_path / "list.crl").write_bytes(revoked)
    brought = verdict_of(tmp_path, final, authority, crls=[tmp_path / "list.crl"])
    assert any("was revoked" in problem for problem in brought.problems)
    assert "revoked" in "\n".join(verdict_lines(brought)).splitlines()[0]


def test_certificate_revoked_after_signing_was_good_then(
    tmp_path, final, authority, expert
):
    data = write_crl(authority, [(expert, LATER)], LATER + timedelta(hours=1))
    (tmp_path / "list.crl").write_bytes(data)
    verdict = verdict_of(tmp_path, final, authority, crls=[tmp_path / "list.crl"])
    assert verdict.headline == "VERIFIED", verdict.problems


def test_all_together_and_every_byte_counts(
    tmp_path, open_one, clock, authority, stamping
):
    reviewer = own_key(tmp_path / "reviewer", "Reviewer R", WHEN)
    data = counter_signed(open_one, reviewer, when=LATER)
    data = time_stamped(data, clock, when=LATER, crls=[write_crl(authority, [], LATER)])
    verdict = verdict_of(tmp_path, data, authority, stamping)
    assert verdict.headline == "VERIFIED", verdict.problems
    assert verdict.later_changes.startswith("Counter-signed by Reviewer R (not valid")
    assert "time-stamped by Time Office, as" in verdict.later_changes
    for place in range(len(open_one) + 7, len(data), (len(data) - len(open_one)) // 12):
        changed = bytearray(data)
        changed[place] ^= 1
        assert not verdict_of(tmp_path, bytes(changed), authority, stamping).ok, place


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expert: Pair) -> Any:
    """A token of SoftHSM2 with the expert's key."""
    pkcs11 = pytest.importorskip("pkcs11") if not _CI else __import__("pkcs11")
    from btd_desktop.report.token import Token

    (tmp_path / "tokens").mkdir()
    conf = tmp_path / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(conf))
    setup = ["softhsm2-util", "--init-token", "--free", "--label", "card", "--pin",
             "1234", "--so-pin", "5678"]  # fmt: skip
    subprocess.run(setup, check=True, capture_output=True)
    pem = tmp_path / "key.pem"
    pem.write_bytes(
        expert[0].private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    put = ["softhsm2-util", "--import", str(pem), "--token", "card", "--label",
           "expert", "--id", "01", "--pin", "1234"]  # fmt: skip
    subprocess.run(put, check=True, capture_output=True)
    library = next(
        path
        for folder in ("/usr/lib/softhsm", "/usr/lib/x86_64-linux-gnu/softhsm")
        if (path := Path(folder, "libsofthsm2.so")).exists()
    )
    lib = pkcs11.lib(str(library))
    lib.reinitialize()
    with lib.get_token(token_label="card").open(user_pin="1234", rw=True) as session:
        session.create_object(
            {
                pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
                pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                pkcs11.Attribute.TOKEN: True,
                pkcs11.Attribute.LABEL: "expert",
                pkcs11.Attribute.ID: b"\x01",
                pkcs11.Attribute.SUBJECT: expert[1].subject.public_bytes(),
                pkcs11.Attribute.VALUE: expert[1].public_bytes(
                    serialization.Encoding.DER
                ),
            }
        )
    return Token(library, "card", pin="1234")


@needs("softhsm2-util")
def test_key_on_a_token_signs_and_says_what_is_wrong(tmp_path, pdf, token, authority):
    from dataclasses import replace

    from btd_desktop.report.token import load_token

    signer = load_token(token)
    assert signer.subject == "Court Expert"
    data = sign_pdf(pdf, signer, when=WHEN, box=SIGNATURE_BOX)
    verdict = verdict_of(tmp_path, data, authority)
    assert verdict.headline == "VERIFIED", verdict.problems
    assert "1234" not in repr(token)
    for change, reason in (
        ({"name": "other"}, "the token cannot be used"),
        ({"key": "nobody"}, "holds no certificate named nobody"),
        ({"library": tmp_path / "none.so"}, "the token cannot be used"),
    ):
        with pytest.raises(ReportError, match=reason):
            load_token(replace(token, **change))


def call(*words: object) -> tuple[int, dict[str, Any]]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = main([*map(str, words), "--json"])
    return status, json.loads(printed.getvalue())


@pytest.fixture
def at_hand(tmp_path: Path, open_one: bytes, authority: Pair, stamping: Pair) -> Path:
    """A folder with a report, a reviewer's key, an authority and a passphrase."""
    (tmp_path / "report.pdf").write_bytes(open_one)
    (tmp_path / "pass").write_text("x")
    reviewer = make_signer(authority, name="Reviewer", days=4000)
    write_pkcs12(tmp_path / "reviewer.p12", reviewer, "x", (authority[1],))
    office = make_signer(stamping, name="Time Office", for_time=True, days=4000)
    write_pkcs12(tmp_path / "office.p12", office, "x", (stamping[1],))
    return tmp_path


def test_commands_add_to_a_copy_and_never_overwrite(at_hand):
    secret = ("--passphrase-file", at_hand / "pass")
    report, signed, stamped = (at_hand / f"{n}.pdf" for n in ("report", "s", "t"))
    before = report.read_bytes()
    signing = ("--pkcs12", at_hand / "reviewer.p12", *secret)
    status, told = call("countersign", report, "--out", signed, *signing)
    assert (status, told["ok"], told["later"][0]["name"]) == (0, True, "Reviewer")
    stamping = ("--authority", at_hand / "office.p12", *secret)
    status, told = call("timestamp", signed, "--out", stamped, *stamping)
    assert (status, told["ok"]) == (0, True)
    assert [item["kind"] for item in told["later"]] == [
        "counter-signature", "time-stamp",
    ]  # fmt: skip
    assert report.read_bytes() == before
    status, told = call("countersign", report, "--out", signed, *signing)
    assert status == 7
    assert "exists" in told["error"]["detail"]
    request = at_hand / "r.tsq"
    assert call("timestamp", report, "--request", request)[0] == 0
    assert tsp.TimeStampReq.load(request.read_bytes())["message_imprint"]
    for words in ((), ("--request", request, "--out", stamped), (*stamping,)):
        assert call("timestamp", report, *words)[0] == 8
    report.write_bytes(before.replace(b"/Producer", b"/Producex", 1))
    status, told = call("countersign", report, "--out", at_hand / "n.pdf", *signing)
    assert status == 7
    assert "does not verify" in told["error"]["detail"]


@needs("qpdf")
@needs("pdfsig")
def test_qpdf_and_pdfsig_agree(tmp_path, open_one, clock, authority):
    reviewer = own_key(tmp_path / "reviewer", "Reviewer R", WHEN)
    data = counter_signed(open_one, reviewer, when=LATER)
    data = time_stamped(data, clock, when=LATER, crls=[write_crl(authority, [], LATER)])
    path = tmp_path / "report.pdf"
    path.write_bytes(data)
    done = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    told = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True)
    assert told.stdout.count("Signature Validation: Signature is Valid.") >= 2
    assert "Signature #3" in told.stdout
    path.write_bytes(data.replace(b"/Producer", b"/Producex", 1))
    told = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True)
    assert "Signature Validation: Signature is Valid." not in told.stdout
