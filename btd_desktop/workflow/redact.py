"""The people a case names, and their pseudonyms in redacted reports."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePath

from btd_desktop.cases.audit_key import load_or_create_key
from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.parsed import Tag
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.dicom.tags import list_tags
from btd_desktop.progress import TaskContext
from btd_desktop.report.case import patient_text
from btd_desktop.report.document import Document, RedactionNote
from btd_desktop.report.redaction import REPLACED, redacted_document
from btd_desktop.report.scrubbing import (
    WITHHELD,
    Scrubber,
    forms_of_date,
    forms_of_name,
)
from btd_desktop.workflow.slice_tags import member_of

_ACTION = "key of pseudonyms made"
_PURPOSE = b"BTD Desktop pseudonyms of a case\0"
_DIGITS = 12
_SEPARATORS = re.compile(r"[\W_]+")
# Words of an institution's or a street's name that stand in any sentence.
_ANY_SENTENCE = frozenset(
    ("the", "and", "for", "from", "with", "der", "die", "das", "und", "für", "des",
     "les", "del", "per", "dep", "department", "hospital", "clinic", "street")
)  # fmt: skip

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
    "ResponsibleOrganization": "institution",
    "MilitaryRank": "person",
    "Occupation": "person",
    "PatientReligiousPreference": "person",
    "MedicalRecordLocator": "patient",
    "CountryOfResidence": "address",
    "RegionOfResidence": "address",
    "CurrentPatientLocation": "address",
    "PatientInstitutionResidence": "address",
    "AdmissionID": "study",
    "RequestedProcedureID": "study",
    "ScheduledProcedureStepID": "study",
    "PerformedProcedureStepID": "study",
    "PlacerOrderNumberImagingServiceRequest": "accession",
    "FillerOrderNumberImagingServiceRequest": "accession",
    "CodeOfPatientInsurance": "patient",
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
    "ClinicalTrialSubjectID": "patient",
    "ClinicalTrialSiteName": "institution",
}
"""Elements that name somebody (after PS3.15 table E.1-1) and the kind of pseudonym."""


@dataclass(frozen=True, slots=True)
class CasePseudonyms:
    """Pseudonyms of one case: the same text has the same one in all its reports.

    Attributes:
        key: Secret of the case; without it nobody can find a name by trying.
        patients: What a report prints of a patient → what the pseudonym is made of.
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

    The audit log holds the key: it travels with the case, which holds the names as
    well, and a change of it shows.

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
        identity = record.meta.patient_id or record.meta.patient_name
        patients[patient_text(record)] = identity or ""
    return CasePseudonyms(key, patients)


@dataclass(frozen=True, slots=True)
class CaseNames:
    """What redaction takes out of the texts of a case's report.

    Attributes:
        pseudonyms: Pseudonyms of the case.
        scrubber: Knows the people whom the headers name, and the files.
        remark: Which headers could not be read again, as a sentence, or "".
    """

    pseudonyms: CasePseudonyms
    scrubber: Scrubber
    remark: str


def case_names(store: CaseStore, now: datetime, context: TaskContext) -> CaseNames:
    """People and files that a case names; reads every header of the case again.

    Raises:
        CaseError: The case cannot be written.
        Cancelled: The examiner asked to stop.
    """
    pseudonyms = case_pseudonyms(store, now)
    learnt = _identities(store, pseudonyms, context)
    scrubber = Scrubber.of(
        learnt.identities,
        _names(store, pseudonyms) | learnt.texts,
        is_blind=learnt.n_unread > 0,
    )
    return CaseNames(pseudonyms, scrubber, learnt.remark)


def redacted_report(document: Document, pdf_sha256: str, names: CaseNames) -> Document:
    """The redacted variant of a report of the case."""
    return redacted_document(
        document,
        names.pseudonyms,
        names.scrubber,
        RedactionNote(document.report_id, pdf_sha256, REPLACED, names.remark),
        report_id=f"{document.report_id}-redacted",
    )


@dataclass(slots=True)
class _Learnt:
    """What the headers of a case say.

    Attributes:
        identities: Texts that identify people, dates among them, with pseudonyms.
        texts: Sentences and descriptions as they stand in the headers.
        n_unread: Files whose header could not be read in full.
    """

    identities: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    n_unread: int = 0

    @property
    def remark(self) -> str:
        """What could not be read, and what follows from it."""
        if not self.n_unread:
            return ""
        return (
            f"The headers of {self.n_unread} files could not be read again in full"
            " while redacting, so nobody knows which names stand in them: every"
            " sentence that may quote a file is withheld."
        )


def _identities(
    store: CaseStore, pseudonyms: CasePseudonyms, context: TaskContext
) -> _Learnt:
    """What the headers of a case say of people, and how many could not be read again.

    They come from the header of every file of the case: one slice of a series may name
    another patient than the others do.
    """
    learnt = _Learnt()
    found = learnt.identities
    by_series = {}
    for record in store.series():
        patient = pseudonyms("patient", patient_text(record))
        by_series[record.series_uid] = patient
        for identity in (record.meta.patient_name, record.meta.patient_id):
            _learn(found, identity or "", patient)
        if serial := record.meta.device_serial:
            _learn(found, serial, pseudonyms("device", serial))
    evidence = store.evidence()
    items = [i for i in evidence if not i.is_container and i.fate in _WITH_HEADER]
    with Sandbox(DEFAULT_LIMITS) as sandbox:
        for number, item in enumerate(items):
            context.report(number, len(items), "Looking for names in the headers")
            listed = list_tags(
                Path(item.path),
                member=member_of(item, evidence),
                sha256=item.sha256,
                sandbox=sandbox,
            )
            patient = by_series.get(item.series_uid, "")
            cut = [_learn_tag(learnt, tag, patient, pseudonyms) for tag in listed.tags]
            is_whole = not (listed.reason or listed.note or any(cut))
            learnt.n_unread += item.fate == "accepted" and not is_whole
    return learnt


# The others hold no header that DICOM readers agree on.
_WITH_HEADER = ("accepted", "duplicate", "unsupported", "damaged")


def _learn_tag(
    learnt: _Learnt, tag: Tag, patient: str, pseudonyms: CasePseudonyms
) -> bool:
    """Learn an element; True when it names somebody and is not shown in full.

    Every VR of PN names somebody (PS3.5 6.2); of other texts each is learnt as it
    stands, but for those that a report states.
    """
    found = learnt.identities
    kind = _IDENTITY_KINDS.get(tag.keyword, "person" if tag.vr == "PN" else "")
    if kind and tag.value:
        is_known = kind == "patient" and patient
        alias = patient if is_known else pseudonyms(kind, tag.value)
        _learn(found, tag.value, alias, is_name=tag.vr == "PN" or kind == "patient")
    if tag.vr in ("DA", "DT"):
        for form in forms_of_date(tag.value):
            found.setdefault(form, WITHHELD)
    elif tag.vr in _TEXTS and tag.keyword not in _STATED and _is_telling(tag.value):
        learnt.texts.setdefault(tag.value, WITHHELD)
    return bool(kind and (tag.digest or tag.value.startswith("not readable (")))


_TEXTS = ("LO", "SH", "ST", "LT", "UT", "UC", "AE")
_STATED = frozenset(
    ("Manufacturer", "ManufacturerModelName", "ConvolutionKernel", "SoftwareVersions",
     "FilterType", "Private creator")
)  # fmt: skip
"""Texts of headers that a report states of the scanner."""


def _is_telling(text: str) -> bool:
    """Whether a text is more than a word that stands in any sentence."""
    has_digit = any(character.isdigit() for character in text)
    return len(text.split()) > 1 or (len(text) > 5 and has_digit)


def _learn(
    found: dict[str, str], text: str, alias: str, *, is_name: bool = True
) -> None:
    """Learn a text and its parts, of a name also in other orders."""
    parts = (text, *_SEPARATORS.split(text))
    for part in forms_of_name(text) if is_name else parts:
        if part.strip() and (is_name or part.lower() not in _ANY_SENTENCE):
            found.setdefault(part.strip(), alias)


def _names(store: CaseStore, pseudonyms: CasePseudonyms) -> dict[str, str]:
    """Names of files and folders and UIDs of the case, with their pseudonyms."""
    evidence = store.evidence()
    names = dict.fromkeys(
        way for item in evidence for way in _ways(item.name, item.path)
    )
    known = {name: pseudonyms("file", name) for name in names}
    uids = {item.series_uid for item in evidence}
    uids |= {item.sop_instance_uid for item in evidence}
    for record in store.series():
        uids |= {record.series_uid, record.meta.study_uid or ""}
    known |= {uid: pseudonyms("uid", uid) for uid in uids if uid}
    known[str(store.folder)] = pseudonyms("file", str(store.folder))
    return known


def _ways(name: str, path: str) -> Iterator[str]:
    """How a text may name a file: as listed, by its last part, its path, a folder."""
    yield name
    yield path
    yield from (str(folder) for folder in PurePath(path).parents if folder.name)
    last = name.replace("!", "/").rpartition("/")[2]
    # A bare word ("image") would be replaced in sentences that mean no file.
    if not last.isalpha():
        yield last
