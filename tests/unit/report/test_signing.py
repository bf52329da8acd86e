import io
import sys
from datetime import timedelta
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import pkcs12
from pyhanko.pdf_utils.reader import PdfFileReader
from pypdf import PdfReader
from pypdf.generic import NameObject

from btd_desktop.errors import ReportError
from btd_desktop.report.pages import SIGNATURE_BOX
from btd_desktop.report.pdf import render_pdf
from btd_desktop.report.signing import OWN_KEY_NAME, load_pkcs12, own_key, sign_pdf
from tests.unit.report.case_sample import NOW as WHEN
from tests.unit.report.case_sample import document_of_files
from tests.unit.report.keys import make_authority, make_signer, write_pkcs12


@pytest.fixture(scope="module")
def pdf():
    return render_pdf(document_of_files([("", "", "a.dcm", "0" * 64)]))


def test_own_key_is_made_once_and_kept_private(tmp_path):
    folder = tmp_path / "new" / "keys"
    first = own_key(folder, "Dr. A. Exämple", WHEN)
    again = own_key(folder, "somebody else", WHEN + timedelta(days=9))
    assert first.fingerprint_sha256 == again.fingerprint_sha256
    assert again.subject == "Dr. A. Exämple"
    assert first.is_self_signed
    assert [p.name for p in folder.iterdir()] == [OWN_KEY_NAME]
    if sys.platform != "win32":
        assert (folder / OWN_KEY_NAME).stat().st_mode & 0o777 == 0o600


def test_own_key_is_for_signing_documents(tmp_path):
    own_key(tmp_path, "", WHEN)
    data = (tmp_path / OWN_KEY_NAME).read_bytes()
    _, certificate, _ = pkcs12.load_key_and_certificates(data, None)
    assert certificate is not None
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.content_commitment
    assert not usage.key_cert_sign


def test_own_key_in_a_folder_that_is_a_file_raises(tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(ReportError, match="cannot be written") as caught:
        own_key(tmp_path / "taken", "A", WHEN)
    assert caught.value.hint


def test_own_key_file_that_is_damaged_raises(tmp_path):
    (tmp_path / OWN_KEY_NAME).write_bytes(b"not a key")
    with pytest.raises(ReportError, match="PKCS#12"):
        own_key(tmp_path, "A", WHEN)


def test_pkcs12_with_its_passphrase_loads(tmp_path):
    authority = make_authority()
    path = write_pkcs12(
        tmp_path / "k.p12", make_signer(authority), "geheim", (authority[1],)
    )
    key = load_pkcs12(path, "geheim")
    assert key.subject == "Court Expert"
    assert not key.is_self_signed
    assert "geheim" not in repr(key)


@pytest.mark.parametrize("passphrase", ["wrong", "", None])
def test_pkcs12_with_a_wrong_passphrase_raises_with_a_hint(tmp_path, passphrase):
    path = write_pkcs12(tmp_path / "k.p12", make_signer(make_authority()), "right")
    with pytest.raises(ReportError, match="passphrase") as caught:
        load_pkcs12(path, passphrase)
    assert caught.value.code == "passphrase"
    assert caught.value.hint


def test_pkcs12_that_is_damaged_anywhere_raises_no_other_error(tmp_path):
    whole = write_pkcs12(
        tmp_path / "k.p12", make_signer(make_authority()), "right"
    ).read_bytes()
    path = tmp_path / "cut.p12"
    for cut in (0, 1, 10, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ReportError):
            load_pkcs12(path, "right")


def test_pkcs12_that_is_absent_or_huge_raises(tmp_path):
    with pytest.raises(ReportError, match="cannot be read"):
        load_pkcs12(tmp_path / "absent.p12", None)
    (tmp_path / "huge.p12").write_bytes(bytes(2_000_000))
    with pytest.raises(ReportError, match="PKCS#12"):
        load_pkcs12(tmp_path / "huge.p12", None)


def test_pkcs12_without_key_or_with_an_unfit_key_raises(tmp_path):
    authority = make_authority()
    none = serialization.NoEncryption()
    path = tmp_path / "c.p12"
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(b"c", None, authority[1], None, none)
    )
    with pytest.raises(ReportError, match="private key"):
        load_pkcs12(path, None)
    odd = ed25519.Ed25519PrivateKey.generate()
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"c", odd, None, None, none))
    with pytest.raises(ReportError):
        load_pkcs12(path, None)


def test_signing_outside_the_validity_raises(tmp_path, pdf):
    path = write_pkcs12(tmp_path / "k.p12", make_signer(make_authority(), days=30), "x")
    key = load_pkcs12(path, "x")
    with pytest.raises(ReportError, match="expired on 2026-12-23") as caught:
        sign_pdf(pdf, key, when=WHEN + timedelta(days=40))
    assert caught.value.hint
    with pytest.raises(ReportError, match="not valid before"):
        sign_pdf(pdf, key, when=WHEN - timedelta(days=40))
    assert sign_pdf(pdf, key, when=WHEN).startswith(pdf)


def test_signing_what_is_no_pdf_raises(tmp_path):
    key = own_key(tmp_path, "A", WHEN)
    for data in (b"", b"text", b"%PDF-1.7\n"):
        with pytest.raises(ReportError, match="cannot be signed"):
            sign_pdf(data, key, when=WHEN)


@pytest.mark.parametrize(("may_countersign", "level"), [(False, 1), (True, 2)])
def test_signature_certifies_the_document_at_the_time_given(
    tmp_path, pdf, may_countersign, level
):
    key = own_key(tmp_path, "A", WHEN)
    signed = sign_pdf(
        pdf, key, when=WHEN, reason="Issued", may_countersign=may_countersign
    )
    (signature,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    assert signature.docmdp_level is not None
    assert signature.docmdp_level.value == level
    assert signature.self_reported_timestamp == WHEN
    assert signature.sig_object["/Reason"] == "Issued"
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"


def test_visible_signature_says_that_the_key_is_self_signed(tmp_path, pdf):
    key = own_key(tmp_path, "Dr. 100 % Exämple Ж", WHEN)
    signed = sign_pdf(pdf, key, when=WHEN, box=SIGNATURE_BOX)
    page = PdfReader(io.BytesIO(signed)).pages[0]
    (field,) = [a.get_object() for a in cast("list[Any]", page["/Annots"])]
    (outer,) = field["/AP"]["/N"]["/Resources"]["/XObject"].values()
    page[NameObject("/Contents")] = outer.get_object()
    page[NameObject("/Resources")] = outer.get_object()["/Resources"]
    text = page.extract_text()
    assert "Signed by Dr. 100 % Exämple Ж" in text
    assert "Self-signed key" in text
    assert key.fingerprint_sha256 in text
