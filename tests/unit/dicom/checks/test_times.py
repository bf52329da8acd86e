"""Dates and times: readable, possible, in order, together."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from btd_desktop.dicom.moments import moment_of
from tests.unit.dicom.check_samples import codes_of, findings, only, stack_of, uid_of
from tests.unit.dicom.samples import ct_slice

IN_ORDER: dict[str, Any] = {
    "StudyDate": "20200504",
    "StudyTime": "101500",
    "SeriesDate": "20200504",
    "SeriesTime": "102000",
    "AcquisitionDate": "20200504",
    "AcquisitionTime": "102130.5",
    "ContentDate": "20200504",
    "ContentTime": "102200",
    "InstanceCreationDate": "20200504",
    "InstanceCreationTime": "102210",
    "PatientBirthDate": "19500101",
}


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("20200504", "101530.123", (2020, 5, 4, 10, 15, 30)),
        ("2020.05.04", "10:15", (2020, 5, 4, 10, 15, 0)),
        ("20200504", "", (2020, 5, 4, 0, 0, 0)),
        ("20200504", "235960", (2020, 5, 4, 23, 59, 59)),
        ("20200504", "noon", (2020, 5, 4, 0, 0, 0)),
        ("20200230", "", None),
        ("2020", "", None),
        ("", "101500", None),
        ("0000٠٠٠٠", "", None),
    ],
)
def test_moment_of_reads_dates_as_the_standard_writes_them(
    date: str, time: str, expected: tuple[int, ...] | None
) -> None:
    moment = moment_of(date, time)
    if expected is None:
        assert moment is None
    else:
        assert moment == datetime.datetime(*expected, tzinfo=datetime.UTC)  # type: ignore[misc, arg-type]


def test_dates_in_order_are_not_worth_a_word() -> None:
    found = findings(stack_of(3, **IN_ORDER))
    words = ("date", "birth", "creation", "acquisition", "patient")
    assert not {code for code in codes_of(found) if any(w in code for w in words)}


@pytest.mark.parametrize(
    ("change", "severity", "words"),
    [
        ({"AcquisitionDate": "20200503"}, "warning", "acquisition (2020-05-03"),
        ({"AcquisitionTime": "083000"}, "warning", "study (2020-05-04 10:15"),
        ({"InstanceCreationDate": "20190504"}, "warning", "creation of the file"),
        ({"SeriesTime": "120000"}, "note", "series (2020-05-04 12:00"),
    ],
)
def test_dates_out_of_order_are_quoted(
    change: dict[str, str], severity: str, words: str
) -> None:
    finding = only(findings([ct_slice(**{**IN_ORDER, **change})]), "dates")
    assert finding.severity == severity
    assert words in finding.sentence


def test_clocks_that_differ_by_minutes_are_not_worth_a_word() -> None:
    dataset = ct_slice(**{**IN_ORDER, "InstanceCreationTime": "101630"})
    assert "dates" not in codes_of(findings([dataset]))


def test_without_a_time_only_days_are_compared() -> None:
    dataset = ct_slice(StudyDate="20200504", StudyTime="230000", SeriesDate="20200504")
    assert "dates" not in codes_of(findings([dataset]))


def test_birth_after_the_study_is_a_warning() -> None:
    dataset = ct_slice(**{**IN_ORDER, "PatientBirthDate": "20210101"})
    finding = only(findings([dataset]), "birth_after_study")
    assert finding.severity == "warning"
    assert "241 days" in finding.sentence
    assert "2021" not in finding.sentence


def test_impossible_age_and_early_study_are_notes() -> None:
    old = ct_slice(**{**IN_ORDER, "PatientBirthDate": "18000101"})
    assert only(findings([old]), "old_patient").severity == "note"
    early = ct_slice(StudyDate="19600101")
    assert only(findings([early]), "early_date").severity == "note"


@pytest.mark.filterwarnings("ignore:Invalid value")
def test_unreadable_date_is_quoted() -> None:
    finding = only(findings([ct_slice(StudyDate="ANONYM")]), "unreadable_date")
    assert '"ANONYM"' in finding.sentence
    assert "study" in finding.sentence


def test_late_creation_says_how_many_days() -> None:
    dataset = ct_slice(**{**IN_ORDER, "InstanceCreationDate": "20200604"})
    finding = only(findings([dataset]), "late_creation")
    assert finding.severity == "note"
    assert "31 days" in finding.sentence


def test_slices_created_apart_from_the_rest_are_named() -> None:
    datasets = stack_of(5, **IN_ORDER)
    datasets[3].InstanceCreationDate = "20210607"
    found = findings(datasets)
    finding = only(found, "creation_apart")
    assert finding.severity == "warning"
    assert finding.instance_uids == (uid_of(datasets[3]),)
    assert "2021-06-07" in finding.sentence
    assert "acquisition_apart" not in codes_of(found)


def test_dates_changed_by_an_anonymiser_are_told() -> None:
    dataset = ct_slice(LongitudinalTemporalInformationModified="MODIFIED")
    assert only(findings([dataset]), "dates_modified").severity == "note"
