"""The study that results go back to: what headers give, and when there is none."""

from __future__ import annotations

import pytest

from btd_desktop.dicom.output.origin import Header, header_of, origin_of
from btd_desktop.dicom.parsed import Tag
from btd_desktop.errors import EvidenceError
from tests.factories import make_ct_volume

VOLUME = make_ct_volume(0, shape=(3, 16, 16))


def headers(**changes: str) -> list[Header]:
    stated = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.4",
        "PatientName": "DOE^JANE",
        "PatientID": "4711",
        "PatientBirthDate": "19500102",
        "PatientSex": "F",
        "StudyDate": "20250314",
        "AccessionNumber": "A-9",
        "ReferringPhysicianName": "House^G",
        **changes,
    }
    return [{**stated, "SOPInstanceUID": f"1.2.3.4.{n}"} for n in range(3)]


def test_patient_study_and_places_are_those_stated():
    origin = origin_of(VOLUME, headers())
    assert (origin.patient_name, origin.physician_name) == ("DOE^JANE", "House^G")
    last = origin.images[2]
    assert (last.PatientID, last.StudyDate) == ("4711", "20250314")
    assert (last.AccessionNumber, last.PatientSex) == ("A-9", "F")
    assert [float(x) for x in last.ImagePositionPatient] == [0.0, 0.0, 5.0]
    assert last.SOPInstanceUID == "1.2.3.4.2"
    # Where none is stated all images still share one.
    assert len({image.FrameOfReferenceUID for image in origin.images}) == 1


def test_pseudonyms_leave_nothing_that_was_stated():
    origin = origin_of(VOLUME, headers(), lambda kind, text: f"2.25.{len(text)}")
    said = f"{origin.patient_name} {origin.physician_name} {origin.images}"
    for secret in ("DOE", "4711", "1950", "2025", "A-9", "House", "1.2.3"):
        assert secret not in said
    assert origin.is_redacted


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"StudyInstanceUID": ""}, "no usable StudyInstanceUID"),
        ({"StudyInstanceUID": "none"}, "no usable StudyInstanceUID"),
        ({"NumberOfFrames": "3"}, "frames of one file"),
    ],
)
def test_results_without_a_study_are_refused(changes, words):
    with pytest.raises(EvidenceError, match=words):
        origin_of(VOLUME, headers(**changes))


@pytest.mark.parametrize("name", ["PatientID", "PatientName", "StudyInstanceUID"])
def test_slices_of_several_patients_or_studies_are_refused(name):
    stated = [dict(header) for header in headers()]
    stated[1][name] = "1.2.99"
    with pytest.raises(EvidenceError, match=f"2 different values of {name}"):
        origin_of(VOLUME, stated)


def test_odd_values_are_left_empty():
    stated = headers(
        PatientSex="X",
        StudyDate="yesterday",
        PatientBirthDate="1.1.50",
        AccessionNumber="longer than sixteen",
        FrameOfReferenceUID="1.02.3",
    )
    first = origin_of(VOLUME, stated).first
    assert (first.PatientSex, first.AccessionNumber) == ("", "")
    assert not first.StudyDate
    assert not first.PatientBirthDate
    assert str(first.FrameOfReferenceUID).startswith("2.25.")


def test_patient_that_dicom_does_not_allow_is_refused_but_under_a_pseudonym():
    stated = headers(PatientID="9" * 70)
    with pytest.raises(EvidenceError, match="PatientID of the scan is no value"):
        origin_of(VOLUME, stated)
    assert origin_of(VOLUME, stated, lambda kind, text: "2.25.7").is_redacted


def test_elements_of_sequences_and_cut_texts_are_not_taken():
    tags = [
        Tag("(0010,0020)", "PatientID", "LO", "47\n11"),
        Tag("(0008,1140)[0](0008,0018)", "SOPInstanceUID", "UI", "9.9"),
        Tag("(0010,0010)", "PatientName", "PN", "A" * 199 + "…", "ab" * 32),
        Tag("(0010,1010)", "PatientAge", "AS", "050Y"),
    ]
    assert header_of(tags) == {"PatientID": "4711"}
