"""Elements that should be alike in all slices of a series."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.dicom.check_samples import codes_of, findings, only, stack_of, uid_of

NOT_QUOTED = (
    "mixed_patient",
    "mixed_patient_name",
    "mixed_birth_date",
    "mixed_device",
    "mixed_station",
)


@pytest.mark.parametrize(
    ("code", "keyword", "usual", "odd"),
    [
        ("mixed_patient", "PatientID", "P1", "P2"),
        ("mixed_patient_name", "PatientName", "A", "B"),
        ("mixed_patient_sex", "PatientSex", "F", "M"),
        ("mixed_birth_date", "PatientBirthDate", "19500101", "19510101"),
        ("mixed_study", "StudyInstanceUID", "1.2.3", "1.2.4"),
        ("mixed_frame_of_reference", "FrameOfReferenceUID", "1.2.3", "1.2.4"),
        ("mixed_manufacturer", "Manufacturer", "SIEMENS", "GE"),
        ("mixed_model", "ManufacturerModelName", "Force", "Flash"),
        ("mixed_device", "DeviceSerialNumber", "1", "2"),
        ("mixed_station", "StationName", "CT1", "CT2"),
        ("mixed_software", "SoftwareVersions", "1", "2"),
        ("mixed_kernel", "ConvolutionKernel", "B30f", "B70f"),
        ("mixed_study_date", "StudyDate", "20200101", "20200102"),
        ("mixed_kvp", "KVP", 120, 100),
        ("mixed_series_number", "SeriesNumber", 2, 3),
        ("mixed_description", "SeriesDescription", "thorax", "abdomen"),
    ],
)
def test_slice_that_differs_is_named_and_values_quoted(
    code: str, keyword: str, usual: Any, odd: Any
) -> None:
    datasets = stack_of(4, **{keyword: usual})
    assert code not in codes_of(findings(datasets))
    setattr(datasets[2], keyword, odd)
    finding = only(findings(datasets), code)
    assert finding.instance_uids == (uid_of(datasets[2]),)
    names_somebody = code in NOT_QUOTED
    for value in (odd, usual):
        assert (f'"{value}"' in finding.sentence) is not names_somebody


def test_patients_and_places_are_not_named_in_a_sentence() -> None:
    datasets = stack_of(3, PatientName="Doe^Jane", StationName="ERLANGEN")
    datasets[1].PatientName, datasets[1].StationName = "Roe^Richard", "HAIFA"
    words = " ".join(finding.sentence for finding in findings(datasets))
    assert {"mixed_patient_name", "mixed_station"} <= codes_of(findings(datasets))
    for name in ("Doe", "Jane", "Roe", "Richard", "ERLANGEN", "HAIFA"):
        assert name not in words


@pytest.mark.filterwarnings("ignore:Invalid value")
@pytest.mark.parametrize("birth_date", ["20991231", "17000101", "ZQDATE"])
def test_no_check_quotes_what_names_a_patient_or_a_place(birth_date: str) -> None:
    marked = {
        "PatientID": "ZQID",
        "OtherPatientIDs": "ZQOTHER",
        "PatientName": "ZQNAME^ZQGIVEN",
        "StationName": "ZQSTATION",
        "DeviceSerialNumber": "ZQSERIAL",
    }
    datasets = stack_of(4, StudyDate="20200101", PatientBirthDate=birth_date, **marked)
    for index, dataset in enumerate(datasets):
        dataset.file_meta.SourceApplicationEntityTitle = f"ZQTITLE{index // 3}"
    for keyword, value in marked.items():
        setattr(datasets[1], keyword, f"{value}2")
    found = findings(datasets)
    assert {*NOT_QUOTED, "mixed_source"} - {"mixed_birth_date"} <= codes_of(found)
    for finding in found:
        assert "ZQ" not in finding.sentence
        assert birth_date not in finding.sentence


def test_frame_of_reference_of_its_own_for_every_slice_is_a_note() -> None:
    datasets = stack_of(4)
    for index, dataset in enumerate(datasets):
        dataset.FrameOfReferenceUID = f"1.2.3.{index}"
    finding = only(findings(datasets), "mixed_frame_of_reference")
    assert finding.severity == "note"
    assert finding.instance_uids == ()


def test_without_a_majority_no_slice_is_called_odd() -> None:
    datasets = stack_of(4)
    for index, dataset in enumerate(datasets):
        dataset.StationName = f"CT{index // 2}"
    assert only(findings(datasets), "mixed_station").instance_uids == ()


def test_value_that_would_rewrite_the_sentence_is_made_visible() -> None:
    datasets = stack_of(3, SpecificCharacterSet="ISO_IR 192", ProtocolName="A")
    datasets[1].ProtocolName = "\u202eeviL\n</b>"
    sentence = only(findings(datasets), "mixed_protocol").sentence
    assert "\n" not in sentence
    assert "\u202e" not in sentence
    assert "<U+202E>" in sentence


def test_rescale_findings() -> None:
    datasets = stack_of(3, RescaleType="US")
    assert '"US"' in only(findings(datasets), "rescale_type").sentence
    datasets[1].RescaleIntercept = -1024
    assert only(findings(datasets), "mixed_rescale").severity == "warning"
