"""What the images went through: compression, derivation, programs, preamble."""

from __future__ import annotations

import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import UID

from tests.unit.dicom.check_samples import codes_of, findings, only, stack_of, uid_of
from tests.unit.dicom.samples import ct_slice, encoded, file_bytes, picture


def _written_by(dataset: FileDataset, uid: str, version: str) -> FileDataset:
    dataset.file_meta.ImplementationClassUID = UID(uid)
    dataset.file_meta.ImplementationVersionName = version
    return dataset


def test_lossy_history_quotes_method_and_ratio() -> None:
    dataset = ct_slice(
        LossyImageCompression="01",
        LossyImageCompressionRatio="12.5",
        LossyImageCompressionMethod="ISO_10918_1",
    )
    finding = only(findings([dataset]), "lossy")
    assert finding.severity == "warning"
    assert '"12.5"' in finding.sentence
    assert '"ISO_10918_1"' in finding.sentence
    assert "lossy" not in codes_of(findings([ct_slice(LossyImageCompression="00")]))


def test_lossy_syntax_under_a_header_that_denies_it_is_found() -> None:
    syntax = "1.2.840.10008.1.2.4.50"
    import imagecodecs
    import numpy as np
    from pydicom.encaps import encapsulate

    grey = (picture(1) // 16 + 60).clip(0, 255).astype(np.uint8)
    dataset = ct_slice(
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        LossyImageCompression="00",
    )
    dataset.PixelData = encapsulate([bytes(imagecodecs.jpeg8_encode(grey))])
    dataset["PixelData"].VR = "OB"
    found = findings([file_bytes(dataset, syntax)])
    assert {"lossy", "lossy_denied", "eight_bit"} <= codes_of(found)
    lossless = encoded(picture(1), "1.2.840.10008.1.2.4.80")
    assert not {"lossy", "lossy_denied"} & codes_of(findings([lossless]))


def test_derived_images_quote_their_description() -> None:
    dataset = ct_slice(
        ImageType=["DERIVED", "SECONDARY"], DerivationDescription="smoothed\x1b[2J"
    )
    finding = only(findings([dataset]), "derived")
    assert '"smoothed<U+001B>[2J"' in finding.sentence
    assert "derivation_described" not in codes_of(findings([dataset]))


def test_description_under_an_original_image_is_a_note() -> None:
    dataset = ct_slice(
        ImageType=["ORIGINAL", "PRIMARY"], DerivationDescription="averaged"
    )
    found = findings([dataset])
    assert only(found, "derivation_described").severity == "note"
    assert "derived" not in codes_of(found)


@pytest.mark.parametrize(
    ("uid", "version", "name"),
    [
        ("1.2.826.0.1.3680043.8.498.1", "PYDICOM 3.0.2", "pydicom"),
        ("1.2.276.0.7230010.3.0.3.6.1", "OFFIS_DCMTK_361", "DCMTK"),
        ("1.2.40.0.13.1.1.1", "dcm4che-1.4.35", "dcm4che"),
        ("1.2.826.0.1.3680043.2.1143.107", "", "GDCM"),
        ("2.16.840.1.113664.1.1", "PYDICOM 3.0.2", "pydicom"),
    ],
)
def test_toolkit_that_wrote_the_files_is_named(
    uid: str, version: str, name: str
) -> None:
    dataset = _written_by(ct_slice(), uid, version)
    finding = only(findings([dataset]), "written_by_toolkit")
    assert finding.severity == "note"
    assert name in finding.sentence


@pytest.mark.parametrize(
    ("uid", "version"),
    [("1.3.12.2.1107.5.99.2", "SIEMENS_MMWPE23B"), ("1.2.840.113619.6.5", "")],
)
def test_scanner_that_wrote_the_files_is_not_worth_a_word(
    uid: str, version: str
) -> None:
    dataset = _written_by(ct_slice(), uid, version)
    assert "written_by_toolkit" not in codes_of(findings([dataset]))


def test_slices_written_by_another_program_are_named() -> None:
    datasets = stack_of(5)
    for dataset in datasets:
        _written_by(dataset, "1.3.12.2.1107.5.99.2", "SIEMENS_S7VA40A")
    assert "mixed_writer" not in codes_of(findings(datasets))
    _written_by(datasets[2], "1.2.826.0.1.3680043.8.498.1", "PYDICOM 3.0.2")
    found = findings(datasets)
    finding = only(found, "mixed_writer")
    assert finding.severity == "warning"
    assert finding.instance_uids == (uid_of(datasets[2]),)
    assert only(found, "written_by_toolkit").instance_uids == (uid_of(datasets[2]),)


def test_writer_of_a_deflated_file_is_read_from_the_file_as_received() -> None:
    dataset = _written_by(ct_slice(), "1.2.276.0.7230010.3.0.3.6.7", "OFFIS_DCMTK_367")
    data = file_bytes(dataset, "1.2.840.10008.1.2.1.99")
    assert "DCMTK" in only(findings([data]), "written_by_toolkit").sentence


def test_other_source_and_syntax_are_notes_that_name_slices() -> None:
    datasets = stack_of(4)
    for dataset in datasets:
        dataset.file_meta.SourceApplicationEntityTitle = "CT99"
    datasets[1].file_meta.SourceApplicationEntityTitle = "LAPTOP"
    files = [file_bytes(dataset) for dataset in datasets]
    files[2] = file_bytes(datasets[2], "1.2.840.10008.1.2")
    found = findings(files)
    source = only(found, "mixed_source")
    assert (source.severity, source.instance_uids) == ("note", (uid_of(datasets[1]),))
    assert "LAPTOP" not in source.sentence
    syntax = only(found, "mixed_transfer_syntax")
    assert syntax.instance_uids == (uid_of(datasets[2]),)


def test_removed_names_are_told_with_the_method() -> None:
    dataset = ct_slice(PatientIdentityRemoved="YES", DeidentificationMethod="by hand")
    assert '"by hand"' in only(findings([dataset]), "deidentified").sentence


@pytest.mark.parametrize(
    ("start", "severity"),
    [(b"MZ", "warning"), (b"%PDF-1.4", "warning"), (b"II*\0", "note")],
)
def test_preamble_is_named_and_tiff_is_only_noted(start: bytes, severity: str) -> None:
    data = start.ljust(128, b"\0") + file_bytes(ct_slice())[128:]
    assert only(findings([data]), "preamble").severity == severity


def test_burned_in_annotation_is_a_note() -> None:
    found = findings([ct_slice(BurnedInAnnotation="YES")])
    assert only(found, "burned_in").severity == "note"
    assert "burned_in" not in codes_of(findings([ct_slice(BurnedInAnnotation="NO")]))
