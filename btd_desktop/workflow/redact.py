"""Whom a case is about, and the pseudonyms that stand for them in redacted reports."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from btd_desktop.cases.audit_key import load_or_create_key
from btd_desktop.cases.model import SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.report.content import RedactionNote, ReportContent
from btd_desktop.report.redaction import REPLACED, Scrubber, redacted_content
from btd_desktop.workflow.report_content import patient_text
from btd_desktop.workflow.slice_tags import tags_of_slice

__all__ = ["CasePseudonyms", "case_pseudonyms", "redacted_report"]

_ACTION = "key of pseudonyms made"
_PURPOSE = b"BTD Desktop pseudonyms of a case\0"
_DIGITS = 12
_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SEPARATORS = re.compile(r"[\^=\\/,;\s]+")

_IDENTITY_KINDS = {
    "PatientName": "patient",
    "PatientID": "patient",
    "OtherPatientNames": "patient",
    "OtherPatientIDs": "patient",
    "PatientBirthName": "patient",
    "PatientMotherBirthName": "person",
    "PatientAddress": "address",
    "PatientTelephoneNumbers": "telephone",
    "PatientBirthDate": "birth-date",
    "AccessionNumber": "accession",
    "StudyID": "study",
    "InstitutionName": "institution",
    "InstitutionAddress": "institution",
    "InstitutionalDepartmentName": "department",
    "ReferringPhysicianName": "physician",
    "ReferringPhysicianAddress": "physician",
    "PhysiciansOfRecord": "physician",
    "PerformingPhysicianName": "physician",
    "RequestingPhysician": "physician",
    "NameOfPhysiciansReadingStudy": "physician",
    "OperatorsName": "person",
    "StationName": "station",
    "DeviceSerialNumber": "device",
}
"""Elements that name somebody (after PS3.15 table E.1-1) and the kind of pseudonym."""


@dataclass(frozen=True, slots=True)
class CasePseudonyms:
    """Pseudonyms of one case: the same text has the same one in all its reports.

    Attributes:
        key: Secret of the case; without it a name cannot be found by trying.
        patients: What a report prints of a patient to what the pseudonym is made of.
    """

    key: bytes
    patients: Mapping[str, str]

    def __call__(self, kind: str, text: str) -> str:
        """Pseudonym of a text: "patient-3f9a…", or for kind "uid" a UID under 2.25."""
        if kind == "patient":
            text = self.patients.get(text, text)
        message = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
        mac = hmac.new(self.key, message, hashlib.sha256).hexdigest()
        if kind == "uid":
            return f"2.25.{int(mac[:30], 16)}"  # PS3.5 B.2: a UID from a number
        return f"{kind}-{mac[:_DIGITS]}"

    def __repr__(self) -> str:
        return "CasePseudonyms(…)"


def case_pseudonyms(store: CaseStore, now: datetime) -> CasePseudonyms:
    """The pseudonyms of a case; their key is made on first use and kept in the case.

    The key stands in the audit log, so that it travels with the case, which holds the
    names as well, and any change of it shows.

    Args:
        store: Case open for writing.
        now: Time, aware.

    Raises:
        CaseError: The case cannot be written.
    """
    kept = [e for e in store.audit_log() if e.action == _ACTION]
    if kept:
        key = bytes.fromhex(str(kept[0].details["key"]))
    else:
        purpose = _PURPOSE + store.info.case_id.encode()
        key = bytes.fromhex(load_or_create_key().mac(purpose))
        store.append_audit(_ACTION, {"key": key.hex()}, store.actor, now)
    patients = {}
    for record in store.series():
        identity = record.meta.get("patient_id") or record.meta.get("patient_name")
        patients[patient_text(record)] = str(identity or "")
    return CasePseudonyms(key, patients)


def redacted_report(
    store: CaseStore,
    content: ReportContent,
    pdf_sha256: str,
    pseudonyms: CasePseudonyms,
) -> ReportContent:
    """The redacted variant of a report of the case.

    Args:
        store: Open case.
        content: The full report.
        pdf_sha256: Digest of its signed PDF.
        pseudonyms: Of the case.
    """
    identities, remark = _identities(store, pseudonyms)
    return redacted_content(
        content,
        pseudonyms,
        Scrubber.of(identities, _names(store, pseudonyms)),
        RedactionNote(content.identity.report_id, pdf_sha256, REPLACED, remark),
        report_id=f"{content.identity.report_id}-redacted",
    )


def _identities(
    store: CaseStore, pseudonyms: CasePseudonyms
) -> tuple[dict[str, str], str]:
    """Texts that identify people, with pseudonyms, and what could not be looked at."""
    found: dict[str, str] = {}
    unread = []
    for number, record in enumerate(store.series(), 1):
        patient = pseudonyms("patient", patient_text(record))
        for key in ("patient_name", "patient_id"):
            _learn(found, str(record.meta.get(key) or ""), patient)
        if serial := str(record.meta.get("device_serial") or ""):
            _learn(found, serial, pseudonyms("device", serial))
        reason = _learn_from_tags(found, store, record, patient, pseudonyms)
        if reason:
            unread.append(str(number))
    if not unread:
        return found, ""
    return found, (
        f"The header of series {', '.join(unread)} could not be read again while"
        " redacting; texts of the examiner were cleared of the patient's name and"
        " identity only, as the case holds them."
    )


def _learn_from_tags(
    found: dict[str, str],
    store: CaseStore,
    record: SeriesRecord,
    patient: str,
    pseudonyms: CasePseudonyms,
) -> str:
    listed = tags_of_slice(store, record.series_id, 0)
    for tag in listed.tags:
        kind = _IDENTITY_KINDS.get(tag.keyword)
        if kind is not None and tag.value:
            alias = patient if kind == "patient" else pseudonyms(kind, tag.value)
            _learn(found, tag.value, alias)
    return listed.reason


def _learn(found: dict[str, str], text: str, alias: str) -> None:
    """Take in a text, its parts, and for a date the ways in which people write it."""
    for part in (text, *_SEPARATORS.split(text)):
        if part.strip():
            found.setdefault(part.strip(), alias)
    date = _DATE.fullmatch(text)
    if date is not None:
        year, month, day = date.groups()
        for written in (
            f"{year}-{month}-{day}",
            f"{day}.{month}.{year}",
            f"{int(day)}.{int(month)}.{year}",
            f"{day}/{month}/{year}",
            f"{month}/{day}/{year}",
        ):
            found.setdefault(written, alias)


def _names(store: CaseStore, pseudonyms: CasePseudonyms) -> dict[str, str]:
    """Names of files and folders and UIDs of the case, with their pseudonyms."""
    names = dict.fromkeys(
        alias for item in store.evidence() for alias in _ways(item.name, item.path)
    )
    known = {name: pseudonyms("file", name) for name in names}
    uids = {item.series_uid for item in store.evidence()}
    uids |= {item.sop_instance_uid for item in store.evidence()}
    for record in store.series():
        uids |= {record.series_uid, str(record.meta.get("study_uid") or "")}
    known |= {uid: pseudonyms("uid", uid) for uid in uids if uid}
    known[str(store.folder)] = pseudonyms("file", str(store.folder))
    return known


def _ways(name: str, path: str) -> Iterator[str]:
    """How a text may call a file: as listed, by its last part, by its whole path."""
    yield name
    yield path
    yield from (str(folder) for folder in PurePath(path).parents if folder.name)
    last = name.replace("!", "/").rpartition("/")[2]
    # A bare word ("image") would be replaced in sentences that mean no file.
    if not last.isalpha():
        yield last
