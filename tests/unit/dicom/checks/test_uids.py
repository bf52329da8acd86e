"""UIDs: form, issuer, and agreement with manufacturer and file meta."""

from __future__ import annotations

import pytest
from pydicom.uid import UID

from btd_desktop.dicom.checks.uids import uid_fault
from btd_desktop.dicom.uid_roots import RootKind, root_of, stem_of
from tests.unit.dicom.check_samples import (
    codes_of,
    findings,
    only,
    stack_of,
    uid_of,
)
from tests.unit.dicom.samples import ct_slice

GE = "1.2.840.113619.2.55.3.1.2"
TCIA = "1.3.6.1.4.1.14519.5.2.1.6279.6001"


@pytest.mark.parametrize(
    ("uid", "words"),
    [
        ("1.2.840.10008.1.2", ""),
        ("2.25.0", ""),
        ("1." + "2" * 62, ""),
        ("1." + "2" * 63, "65 characters"),
        ("1.02.3", "leading zero"),
        ("1..2", "other characters"),
        ("1.2.", "other characters"),
        ("1.2.a", "other characters"),
        ("1.2 .3", "other characters"),
        ("1.٣.2", "other characters"),
        ("3.1.2", "no authority"),
    ],
)
def test_uid_fault_names_what_breaks_the_rules(uid: str, words: str) -> None:
    fault = uid_fault(uid)
    assert (words in fault) if words else fault == ""


@pytest.mark.parametrize(
    ("uid", "owner", "kind"),
    [
        (GE, "GE", RootKind.SCANNER),
        ("1.3.12.2.1107.5.1.4.1", "Siemens", RootKind.SCANNER),
        ("1.3.46.670589.33.1.2", "Philips", RootKind.SCANNER),
        ("1.2.392.200036.9116.2.2", "Toshiba/Canon", RootKind.SCANNER),
        (TCIA, "The Cancer Imaging Archive", RootKind.ANONYMISER),
        ("1.2.826.0.1.3680043.8.498.7", "pydicom", RootKind.TOOLKIT),
        ("1.2.276.0.7230010.3.1.4", "DCMTK", RootKind.TOOLKIT),
        ("1.2.826.0.1.3680043.2.1143.5", "GDCM", RootKind.TOOLKIT),
        ("1.2.826.0.1.3680043.2.1125.1", "ITK / SimpleITK", RootKind.TOOLKIT),
        ("1.3.6.1.4.1.9590.100.1.2", "MATLAB", RootKind.TOOLKIT),
        ("2.25.123", "a random number (UUID)", RootKind.RANDOM),
    ],
)
def test_root_of_known_issuers(uid: str, owner: str, kind: RootKind) -> None:
    root = root_of(uid)
    assert root is not None
    assert (root.owner, root.kind) == (owner, kind)


def test_root_of_compares_whole_components() -> None:
    assert root_of("2.255.1") is None
    assert root_of("1.2.840.1136190.1") is None
    assert root_of("") is None


def test_stem_of_an_unknown_issuer_is_its_start() -> None:
    assert stem_of("1.2.3.4.5.6.7.8") == "1.2.3.4.5.6"
    assert stem_of(GE) == "1.2.840.113619"


def test_scanner_uids_of_the_stated_maker_are_not_worth_a_word() -> None:
    datasets = stack_of(
        3,
        Manufacturer="GE MEDICAL SYSTEMS",
        SeriesInstanceUID=f"{GE}.7",
        StudyInstanceUID=f"{GE}.8",
        FrameOfReferenceUID=f"{GE}.9",
    )
    for index, dataset in enumerate(datasets):
        dataset.SOPInstanceUID = f"{GE}.1.{index}"
    found = findings(datasets)
    assert not {code for code in codes_of(found) if "uid" in code}


def test_scanner_uids_of_another_maker_are_a_warning() -> None:
    dataset = ct_slice(Manufacturer="SIEMENS", SOPInstanceUID=f"{GE}.1")
    finding = only(findings([dataset]), "uid_other_maker")
    assert finding.severity == "warning"
    assert '"SIEMENS"' in finding.sentence
    assert "GE" in finding.sentence


@pytest.mark.parametrize(
    ("uid", "words"),
    [(f"{TCIA}.1", "Cancer Imaging Archive"), ("1.2.276.0.7230010.3.1.1", "DCMTK")],
)
def test_reissued_uids_are_a_note_that_names_the_issuer(uid: str, words: str) -> None:
    finding = only(findings([ct_slice(SOPInstanceUID=uid)]), "uid_reissued")
    assert finding.severity == "note"
    assert words in finding.sentence


def test_random_uids_are_a_note() -> None:
    found = findings([ct_slice(SOPInstanceUID="2.25.77")])
    assert only(found, "uid_random").severity == "note"


def test_slices_with_uids_of_another_issuer_are_named() -> None:
    datasets = stack_of(5)
    for index, dataset in enumerate(datasets):
        dataset.SOPInstanceUID = f"{GE}.1.{index}"
    datasets[2].SOPInstanceUID = "2.25.99"
    finding = only(findings(datasets), "mixed_uid_issuers")
    assert finding.severity == "warning"
    assert finding.instance_uids == ("2.25.99",)


def test_uids_of_one_image_from_several_issuers_are_a_note() -> None:
    dataset = ct_slice(StudyInstanceUID="1.3.12.2.1107.5.1")
    assert only(findings([dataset]), "uid_issuers_differ").severity == "note"


@pytest.mark.filterwarnings("ignore:Invalid value")
def test_bad_uid_is_quoted_and_its_slice_named() -> None:
    datasets = stack_of(3)
    datasets[1].SOPInstanceUID = UID("1.2.003")
    finding = only(findings(datasets), "bad_uid")
    assert '"1.2.003"' in finding.sentence
    assert finding.instance_uids == ("1.2.003",)


def test_missing_uids_are_found() -> None:
    found = findings([ct_slice(StudyInstanceUID=None)])
    assert "Study Instance UID" in only(found, "missing_uid").sentence
    assert "no_series_uid" in codes_of(findings([ct_slice(SeriesInstanceUID=None)]))


def test_file_meta_that_names_another_image_is_found() -> None:
    datasets = stack_of(3)
    for dataset in datasets:
        dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid_of(dataset))
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    assert not {"meta_uid", "meta_class"} & codes_of(findings(datasets))
    datasets[1].file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    datasets[1].file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.4")
    found = findings(datasets)
    assert only(found, "meta_uid").instance_uids == (uid_of(datasets[1]),)
    assert only(found, "meta_class").severity == "warning"
