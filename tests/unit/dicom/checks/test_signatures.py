"""Findings about digital signatures, from a signed file to the sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec import convert

from btd_desktop.dicom.instance import InstanceFacts, SignatureFacts
from btd_desktop.strict_json import plain_json
from tests.unit.dicom.check_samples import (
    codes_of,
    findings,
    instances,
    only,
    stack_of,
    uid_of,
)
from tests.unit.dicom.samples import file_bytes, load, picture, save
from tests.unit.dicom.signing import rsa_key, sign

TAGS = [0x00080018, 0x00100020, 0x7FE00010]


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa_key()


def _signed_files(key: rsa.RSAPrivateKey, n_slices: int) -> list[bytes]:
    return [file_bytes(sign(dataset, key, TAGS)) for dataset in stack_of(n_slices)]


def test_matching_signatures_are_one_note(key: rsa.RSAPrivateKey) -> None:
    found = findings(_signed_files(key, 3))
    finding = only(found, "signature_matches")
    assert finding.severity == "note"
    assert finding.instance_uids == ()
    assert "3 slices" in finding.sentence
    assert "Scanner 7" in finding.sentence
    assert "the pixels among them" in finding.sentence
    assert "not checked against any authority" in finding.sentence
    assert not {"signature_fails", "partly_signed"} & codes_of(found)


def test_one_changed_byte_is_a_warning_that_names_the_slice(
    key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    """Through the parsing process, as the import does it."""
    files = _signed_files(key, 3)
    at = files[1].index(picture(2).astype("<i2").tobytes()) + 100
    files[1] = files[1][:at] + bytes([files[1][at] ^ 1]) + files[1][at + 1 :]
    for index, data in enumerate(files):
        save(tmp_path, f"{index}.dcm", data)
    (series,) = load(tmp_path).series
    finding = only(series.findings, "signature_fails")
    assert finding.severity == "warning"
    assert finding.instance_uids == (series.volume.instance_uids[1],)
    matching = only(series.findings, "signature_matches")
    assert len(matching.instance_uids) == 2


def test_unsigned_slices_of_a_signed_series_are_named(key: rsa.RSAPrivateKey) -> None:
    datasets = stack_of(4)
    for index in (0, 1, 3):
        sign(datasets[index], key, TAGS)
    finding = only(findings(datasets), "partly_signed")
    assert finding.severity == "warning"
    assert finding.instance_uids == (uid_of(datasets[2]),)


def test_unchecked_signature_gives_its_reason(key: rsa.RSAPrivateKey) -> None:
    (dataset,) = stack_of(1)
    sign(dataset, key, TAGS)
    dataset.MACParametersSequence[0].MACAlgorithm = "CRC32"
    finding = only(findings([dataset]), "signature_unchecked")
    assert finding.severity == "note"
    assert "could not be checked" in finding.sentence
    assert "CRC32" in finding.sentence


def test_signature_without_pixels_says_so(key: rsa.RSAPrivateKey) -> None:
    (dataset,) = stack_of(1)
    sign(dataset, key, TAGS[:2])
    finding = only(findings([dataset]), "signature_matches")
    assert "NOT the pixels" in finding.sentence


def test_signature_facts_survive_the_pipe(key: rsa.RSAPrivateKey) -> None:
    (instance,) = instances(_signed_files(key, 1))
    assert convert(plain_json(instance.facts), InstanceFacts) == instance.facts
    assert isinstance(instance.facts.signatures[0], SignatureFacts)


@pytest.mark.parametrize(
    ("name", "value"),
    [("state", "fine"), ("state", 1), ("n_elements", "many"), ("remarks", 3)],
)
def test_signature_facts_from_a_bad_answer_are_refused(
    key: rsa.RSAPrivateKey, name: str, value: object
) -> None:
    (instance,) = instances(_signed_files(key, 1))
    answer = plain_json(instance.facts)
    answer["signatures"][0][name] = value
    with pytest.raises(ValueError, match=name):
        convert(answer, InstanceFacts)
