"""DICOM digital signatures: matching, broken, and those that cannot be checked."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pydicom
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import HealthCheck, given, settings
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from btd_desktop.dicom.digital_signatures import read_signatures
from btd_desktop.dicom.instance import SignatureFacts
from btd_desktop.dicom.instance_file import parse_instance
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from tests.unit.dicom import signing
from tests.unit.dicom.foreign_signatures import SIGNED_BY_DCMSIGN, file_of
from tests.unit.dicom.samples import ct_slice, encoded, file_bytes, picture
from tests.unit.dicom.signing import in_one_piece, rsa_key, sign, stream_of

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
HEADER_TAGS = [0x00080018, 0x00100020, 0x00280010, 0x00281053]
PIXELS = 0x7FE00010


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa_key()


def checked(data: bytes, syntax: str = EXPLICIT) -> SignatureFacts:
    """The one signature of a file."""
    (facts,) = read_signatures(data, syntax, is_stated=True)
    return facts


def signed_slice(key: Any, tags: list[int] | None = None, **more: Any) -> FileDataset:
    return sign(ct_slice(), key, tags or [*HEADER_TAGS, PIXELS], **more)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA1", "SHA256", "SHA384", "SHA512"])
def test_signature_of_every_hash_matches(key: Any, algorithm: str) -> None:
    facts = checked(file_bytes(signed_slice(key, algorithm=algorithm)))
    assert facts.state == "verified"
    assert facts.algorithm == algorithm
    assert facts.covers_pixels
    assert facts.n_elements == 5
    assert "Scanner 7" in facts.signer
    assert facts.signed_at == "20260601120000"
    is_weak = any("forger" in remark for remark in facts.remarks)
    assert is_weak == (algorithm in ("MD5", "SHA1"))


def test_ripemd_signature_matches(key: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # `cryptography` cannot sign with RIPEMD-160: pad by hand (RFC 8017 9.2), then the
    # bare RSA operation.
    def by_hand(private: Any, message: bytes, kind: Any) -> bytes:
        del kind
        try:
            digest = hashlib.new("ripemd160", message).digest()
        except ValueError:
            pytest.skip("this OpenSSL has no RIPEMD-160")
        info = bytes.fromhex("3021300906052b2403020105000414") + digest
        numbers = private.private_numbers()
        n_bytes = (numbers.public_numbers.n.bit_length() + 7) // 8
        block = b"\0\1" + b"\xff" * (n_bytes - 3 - len(info)) + b"\0" + info
        power = pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n)
        return bytes(power.to_bytes(n_bytes, "big"))

    monkeypatch.setattr(signing, "_signature", by_hand)
    monkeypatch.setitem(signing._HASHES, "RIPEMD160", signing._HASHES["SHA1"])
    assert checked(file_bytes(signed_slice(key, algorithm="RIPEMD160"))).state == (
        "verified"
    )


def test_one_changed_byte_of_the_pixels_breaks_the_signature(key: Any) -> None:
    data = bytearray(file_bytes(signed_slice(key)))
    at = data.index(picture(1).astype("<i2").tobytes()) + 400
    data[at] ^= 1
    facts = checked(bytes(data))
    assert facts.state == "failed"
    assert facts.covers_pixels


def test_changed_pixels_outside_the_signed_list_do_not_break_it(key: Any) -> None:
    data = bytearray(file_bytes(signed_slice(key, HEADER_TAGS)))
    at = data.index(picture(1).astype("<i2").tobytes()) + 400
    data[at] ^= 1
    facts = checked(bytes(data))
    assert facts.state == "verified"
    assert not facts.covers_pixels


def test_changed_signed_header_element_breaks_it(key: Any) -> None:
    dataset = signed_slice(key)
    dataset.PatientID = "P2"
    assert checked(file_bytes(dataset)).state == "failed"


def test_signed_element_that_was_removed_breaks_it(key: Any) -> None:
    dataset = signed_slice(key)
    del dataset.PatientID
    assert checked(file_bytes(dataset)).state == "failed"


def test_changed_date_of_the_signature_breaks_it(key: Any) -> None:
    dataset = signed_slice(key)
    dataset.DigitalSignaturesSequence[0].DigitalSignatureDateTime = "20250601120000"
    assert checked(file_bytes(dataset)).state == "failed"


def test_certificate_of_another_key_breaks_it(key: Any) -> None:
    dataset = signed_slice(key)
    other = signed_slice(rsa_key()).DigitalSignaturesSequence[0].CertificateOfSigner
    dataset.DigitalSignaturesSequence[0].CertificateOfSigner = other
    assert checked(file_bytes(dataset)).state == "failed"


def test_implicit_and_explicit_file_match_the_same_signature(key: Any) -> None:
    dataset = signed_slice(key)
    assert checked(file_bytes(dataset, IMPLICIT), IMPLICIT).state == "verified"


def test_undefined_lengths_of_sequences_do_not_matter(key: Any) -> None:
    assert checked(in_one_piece(signed_slice(key))).state == "verified"


def _with_sequence() -> FileDataset:
    dataset, code, inner = ct_slice(), Dataset(), Dataset()
    inner.CodeValue = "113100"
    code.CodeMeaning = "nested"
    code.PurposeOfReferenceCodeSequence = Sequence([inner])
    dataset.DeidentificationMethodCodeSequence = Sequence([code, Dataset()])
    return dataset


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_signed_sequence_matches_with_its_items(key: Any, syntax: str) -> None:
    dataset = sign(_with_sequence(), key, [0x00120064, PIXELS])
    assert checked(file_bytes(dataset, syntax), syntax).state == "verified"
    inner = dataset.DeidentificationMethodCodeSequence[0]
    inner.PurposeOfReferenceCodeSequence[0].CodeValue = "113101"
    assert checked(file_bytes(dataset, syntax), syntax).state == "failed"


def test_curve_signature_matches_and_breaks() -> None:
    for _ in range(4):  # its length varies, and with it the padding
        key = ec.generate_private_key(ec.SECP256R1())
        dataset = signed_slice(key)
        assert checked(file_bytes(dataset)).state == "verified"
        dataset.PatientID = "P2"
        assert checked(file_bytes(dataset)).state == "failed"


def test_compressed_pixels_signed_as_they_are_match(key: Any) -> None:
    syntax = "1.2.840.10008.1.2.4.80"
    dataset = pydicom.dcmread(io.BytesIO(encoded(picture(3), syntax)))
    sign(dataset, key, [*HEADER_TAGS, PIXELS], syntax=syntax)
    data = file_bytes(dataset)
    assert checked(data, syntax).state == "verified"
    dataset.PixelData = encapsulate([b"\xff\xd8" + bytes(40)])
    assert checked(file_bytes(dataset), syntax).state == "failed"


def test_pixels_compressed_after_signing_cannot_be_checked(key: Any) -> None:
    dataset = signed_slice(key)
    facts = checked(file_bytes(dataset), "1.2.840.10008.1.2.4.80")
    assert facts.state == "unchecked"
    assert "re-encoded" in facts.reason
    assert facts.covers_pixels


def _other_mac_id(dataset: FileDataset) -> None:
    dataset.DigitalSignaturesSequence[0].MACIDNumber = 2


def _second_parameters(dataset: FileDataset) -> None:
    dataset.MACParametersSequence.append(dataset.MACParametersSequence[0])


def _odd_hash(dataset: FileDataset) -> None:
    dataset.MACParametersSequence[0].MACAlgorithm = "CRC32"


def _odd_certificate(dataset: FileDataset) -> None:
    dataset.DigitalSignaturesSequence[0].CertificateOfSigner = b"no certificate"


def _odd_type(dataset: FileDataset) -> None:
    dataset.DigitalSignaturesSequence[0].CertificateType = "PGP"


def _no_value(dataset: FileDataset) -> None:
    dataset.DigitalSignaturesSequence[0].Signature = b""


def _big_endian(dataset: FileDataset) -> None:
    parameters = dataset.MACParametersSequence[0]
    parameters.MACCalculationTransferSyntaxUID = "1.2.840.10008.1.2.2"


def _no_list(dataset: FileDataset) -> None:
    del dataset.MACParametersSequence[0].DataElementsSigned


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_other_mac_id, "0 sets of MAC parameters"),
        (_second_parameters, "2 sets of MAC parameters"),
        (_odd_hash, "CRC32"),
        (_odd_certificate, "certificate cannot be read"),
        (_odd_type, "PGP"),
        (_no_value, "no signature value"),
        (_big_endian, "1.2.840.10008.1.2.2"),
        (_no_list, "list of signed elements"),
    ],
)
def test_signature_that_cannot_be_checked_says_why(
    key: Any, change: Callable[[FileDataset], None], words: str
) -> None:
    dataset = signed_slice(key)
    change(dataset)
    facts = checked(file_bytes(dataset))
    assert facts.state == "unchecked"
    assert words in facts.reason


def test_private_element_in_implicit_file_cannot_be_checked(key: Any) -> None:
    dataset = ct_slice()
    block = dataset.private_block(0x0011, "ACME", create=True)
    block.add_new(0x01, "LO", "x")
    sign(dataset, key, [0x00110010, 0x00111001])
    assert checked(file_bytes(dataset)).state == "verified"
    facts = checked(file_bytes(dataset, IMPLICIT), IMPLICIT)
    assert facts.state == "unchecked"
    assert "(0011,1001)" in facts.reason


def test_certificate_out_of_its_time_is_remarked_on(key: Any) -> None:
    dataset = signed_slice(key, DigitalSignatureDateTime="20300601120000")
    facts = checked(file_bytes(dataset))
    assert facts.state == "verified"
    assert any("not valid" in remark for remark in facts.remarks)


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("20260601", ""),
        ("2026060112", ""),
        ("20300601", "not valid"),
        ("", "no date that can be read"),
        ("yesterday", "no date that can be read"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value")
def test_date_of_a_signature_may_be_short_but_must_be_one(
    key: Any, date: str, words: str
) -> None:
    facts = checked(file_bytes(signed_slice(key, DigitalSignatureDateTime=date)))
    assert facts.state == "verified"
    about_dates = [remark for remark in facts.remarks if "date" in remark]
    assert len(about_dates) == bool(words)
    assert all(words in remark for remark in about_dates)


def test_signature_inside_an_item_is_told_but_not_checked(key: Any) -> None:
    dataset, item = ct_slice(), Dataset()
    item.CodeValue = "1"
    item.DigitalSignaturesSequence = Sequence([Dataset()])
    dataset.DeidentificationMethodCodeSequence = Sequence([item])
    (facts,) = read_signatures(file_bytes(dataset), EXPLICIT, is_stated=False)
    assert facts.state == "unchecked"
    assert "item inside a sequence" in facts.reason


def test_mark_among_the_pixels_is_no_signature() -> None:
    pixels = picture(1)
    pixels[3, 4:6] = -6  # FA FF FA FF
    data = file_bytes(ct_slice(pixels=pixels))
    assert read_signatures(data, EXPLICIT, is_stated=False) == ()
    facts = parse_instance(data, DEFAULT_LIMITS).facts
    assert facts is not None
    assert facts.signatures == ()


def test_stream_of_the_fixture_is_that_of_the_standard() -> None:
    """Written out by hand from the rules: lengths of SQ and items left out."""
    dataset, item = Dataset(), Dataset()
    item.CodeValue = "AB"
    dataset.PurposeOfReferenceCodeSequence = Sequence([item])
    assert stream_of(dataset["PurposeOfReferenceCodeSequence"]) == (
        b"\x40\x00\x70\xa1SQ\0\0"
        b"\xfe\xff\x00\xe0"
        b"\x08\x00\x00\x01SH\x02\x00AB"
        b"\xfe\xff\xdd\xe0"
    )


def test_parsed_instance_carries_its_signatures(key: Any) -> None:
    facts = parse_instance(file_bytes(signed_slice(key)), DEFAULT_LIMITS).facts
    assert facts is not None
    assert [item.state for item in facts.signatures] == ["verified"]


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_mutated_signed_file_never_raises(key: Any, data: st.DataObject) -> None:
    whole = bytearray(file_bytes(signed_slice(key)))
    start = whole.index(b"\xfe\x4f\x01\x00")
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(start, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(start, len(whole)))
    for facts in read_signatures(bytes(whole[:cut]), EXPLICIT, is_stated=True):
        assert facts.state in ("verified", "failed", "unchecked")


@pytest.mark.parametrize("name", sorted(SIGNED_BY_DCMSIGN))
def test_file_signed_by_another_program_matches_until_a_byte_changes(name: str) -> None:
    """The oracle: `dcmsign` of DCMTK, which shares no code with this program."""
    data = file_of(name)
    form, algorithm = name.split()
    syntax = IMPLICIT if form == "implicit" else EXPLICIT
    facts = checked(data, syntax)
    if facts.state == "unchecked" and algorithm == "RIPEMD160":
        pytest.skip("this OpenSSL has no RIPEMD-160")
    assert (facts.state, facts.algorithm) == ("verified", algorithm)
    assert facts.covers_pixels
    at = data.index(picture(1, (8, 10)).astype("<i2").tobytes())
    for offset in (0, 77, 159):
        changed = bytearray(data)
        changed[at + offset] ^= 1
        assert checked(bytes(changed), syntax).state == "failed"
