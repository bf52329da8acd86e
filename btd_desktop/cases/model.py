"""What a case holds, as frozen dataclasses: the store never returns rows.

Times are ISO 8601 texts in UTC with milliseconds ("2026-03-01T09:30:00.000Z"): the same
string is shown, hashed and stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from btd_desktop.calibration.place import PlaceNumbers
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.scoring.manifest import RunManifest
from btd_desktop.volume import SeriesFacts

RunStatus = Literal["running", "done", "cancelled", "failed"]
FindingStatus = Literal["to check", "confirmed", "dismissed"]
FindingOrigin = Literal["examiner", "search"]
KeyCheck = Literal["verified", "partly", "not checkable", "failed"]
Authentication = Literal["authenticated", "adopted", "not authenticated"]


@dataclass(frozen=True, slots=True)
class CaseInfo:
    """Description of a case.

    Attributes:
        case_id: Random UUID, given at creation, never changed.
        created_utc: Time of creation.
        title: Short name, shown in lists.
        case_number: The client's or court's number.
        client: Who asked.
        examiner: Who examines.
        question: The question put to the examiner.
        software_version: Version of the program that created the case.
    """

    case_id: str
    created_utc: str
    title: str
    case_number: str = ""
    client: str = ""
    examiner: str = ""
    question: str = ""
    software_version: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """One file as received, or one member of a container, and what became of it.

    Attributes:
        evidence_id: Number inside the case, from 1; 0 before it is added.
        name: Path below the input folder; inside a container `archive.zip!member`.
        path: Path of the file, or of the container that holds it. Bytes that are no
            UTF-8 are stored as visible escapes.
        size_bytes: Length of the file.
        sha256: Hex digest of the file's bytes.
        pixel_sha256: Hex digest of its pixel data; "" when it has none.
        fate: "accepted", "not an image", "unsupported", "damaged", "duplicate" or
            "refused".
        reason: Why, in one sentence; "" for an accepted file whose two readings gave
            the same digest.
        series_uid: Series Instance UID, "" when not known.
        sop_instance_uid: SOP Instance UID, "" when not known.
        is_container: True for an archive whose members are listed on their own.
    """

    evidence_id: int
    name: str
    path: str
    size_bytes: int
    sha256: str
    pixel_sha256: str = ""
    fate: str = "accepted"
    reason: str = ""
    series_uid: str = ""
    sop_instance_uid: str = ""
    is_container: bool = False


@dataclass(frozen=True, slots=True)
class SeriesRecord:
    """One series of the case; `CaseStore.load_volume` gives its voxels.

    Attributes:
        series_id: Number inside the case, from 1.
        series_uid: Series Instance UID.
        description: Series description.
        modality: "CT", "MR", or "OT" while it is not known.
        n_slices: Number of slices S.
        rows: Height H in pixels.
        cols: Width W in pixels.
        meta: Facts about the series.
        findings: Results of the checks at import.
        record_names: Names of the files the slices came from, in slice order.
        volume_digest: `array_digest` of the voxels.
        patient_key: Pseudonym that separates patients without naming them.
    """

    series_id: int
    series_uid: str
    description: str
    modality: str
    n_slices: int
    rows: int
    cols: int
    meta: SeriesFacts
    findings: tuple[SeriesFinding, ...]
    record_names: tuple[str, ...]
    volume_digest: str
    patient_key: str


@dataclass(frozen=True, slots=True)
class Run:
    """One scoring of one series under one manifest.

    Attributes:
        run_id: Number inside the case, from 1.
        series_id: The series scored.
        manifest: Everything that decides the numbers (model, grid, preprocessing).
        manifest_digest: `json_digest` of the manifest; equal manifests resume.
        status: "running" also after a crash: it then waits to be resumed.
        started_utc: Time of the first start.
        finished_utc: Time of the last end, None while running.
        n_done: Number of slices whose results are stored.
    """

    run_id: int
    series_id: int
    manifest: RunManifest
    manifest_digest: str
    status: RunStatus
    started_utc: str
    finished_utc: str | None
    n_done: int


@dataclass(frozen=True, slots=True)
class SliceResult:
    """Stored result of one slice of a run.

    Attributes:
        run_id: The run.
        slice_index: From 0.
        summary: Numbers of the slice, JSON values only.
        arrays: Name → `array_digest`; the array lies in `arrays/<digest>.npy`.
    """

    run_id: int
    slice_index: int
    summary: dict[str, Any]
    arrays: dict[str, str]


@dataclass(frozen=True, slots=True)
class ProfileRecord:
    """A calibration profile as it was used in this case.

    Attributes:
        digest: The profile's own digest, as the calibration computes it.
        document: The whole profile, JSON values only.
        added_utc: When it was put into the case.
    """

    digest: str
    document: dict[str, Any]
    added_utc: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A place that the search found or the examiner pointed at, with note and status.

    Attributes:
        finding_id: Number inside the case, from 1.
        run_id: The run that the numbers come from, or None.
        series_id: The series.
        slice_index: From 0.
        x: Column in pixels.
        y: Row in pixels.
        mode: Kind of score it was kept for: "anomaly", "injection" or "removal".
        numbers: Scores, p-values and their n, and where its noise is found again.
        note: The examiner's words.
        status: "to check", "confirmed" or "dismissed".
        created_utc: Time of creation.
        profile_digest: The calibration profile used, None when there was none.
        origin: "examiner" for a click, "search" for the automatic search.
        thumbnail: `array_digest` of its picture, None when there is none.
    """

    finding_id: int
    run_id: int | None
    series_id: int
    slice_index: int
    x: float
    y: float
    mode: str
    numbers: PlaceNumbers
    note: str
    status: FindingStatus
    created_utc: str
    profile_digest: str | None
    origin: FindingOrigin
    thumbnail: str | None = None


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """A report that was issued from this case.

    Attributes:
        report_id: Number inside the case, from 1.
        path_name: File name, without folder.
        sha256: Digest of the PDF's bytes.
        json_sha256: Digest of its JSON twin.
        created_utc: Time of issue.
        audit_head: Hash of the last audit entry when the report was written.
    """

    report_id: int
    path_name: str
    sha256: str
    json_sha256: str
    created_utc: str
    audit_head: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of the audit log; `audit` says what each of its hashes can prove.

    Attributes:
        seq: From 1, without gaps.
        utc: When it happened.
        actor: Who did it.
        action: What was done, in words.
        details: Facts, JSON values only. `records` lists the table rows that this
            entry created or changed, with a digest of their content.
        previous_hash: `hash` of entry seq - 1; 64 zeros for the first.
        hash: SHA-256, which anybody can recompute.
        key_id: Name of the key that made `mac`.
        mac: HMAC-SHA256, which only the owner of that key can make or check.
    """

    seq: int
    utc: str
    actor: str
    action: str
    details: dict[str, Any]
    previous_hash: str
    hash: str
    key_id: str = ""
    mac: str = ""


@dataclass(frozen=True, slots=True)
class Adoption:
    """An examiner took over a case that was not sealed with this computer's key.

    Attributes:
        seq: Number of its audit entry; the entries before it were there at adoption.
        utc: Time of the adoption.
        actor: Who adopted the case.
        reason: Why, in the examiner's words.
    """

    seq: int
    utc: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class CaseVerdict:
    """Result of verifying a case: of the folder, not of the scans.

    Attributes:
        audit_intact: No entry was edited, inserted, reordered or cut from the middle.
        audit_complete: Nothing is missing at the end: count and head agree with the
            case's own head record, with the head this computer saw last, with the
            reports issued, and with heads given by the caller.
        n_entries: Number of audit entries found.
        head: Hash of the last entry, "" when there is none.
        arrays_intact: Every array that the case refers to is there, unaltered.
        problems: Each deviation in one sentence.
        records_intact: Every table row is what the audit log says, and the database's
            bytes are those that this computer left, where it knows them.
        reports_intact: Every report in the case folder has its recorded digest; a
            report that was moved away counts as intact.
        key_check: "verified": every entry was made with this computer's key.
            "partly" or "not checkable": some or all entries were made with a key
            that is not here, so only the unkeyed chain could be checked, which a
            forger can rebuild. "failed": an entry names this key but was not made with
            it.
        authentication: "authenticated": every entry was made with this computer's key.
            "adopted": the other entries precede an adoption made with it, which vouches
            for them as they were then. "not authenticated": neither; whoever had the
            folder may have written all of it.
        adoption: The last valid adoption, None when there is none.
        is_sealed_here: The last entry was made with this computer's key.
    """

    audit_intact: bool
    audit_complete: bool
    n_entries: int
    head: str
    arrays_intact: bool
    problems: tuple[str, ...] = field(default=())
    records_intact: bool = True
    reports_intact: bool = True
    key_check: KeyCheck = "verified"
    authentication: Authentication = "authenticated"
    adoption: Adoption | None = None
    is_sealed_here: bool = True

    @property
    def is_intact(self) -> bool:
        """True when no check failed; `authentication` says who vouches for that."""
        return (
            self.audit_intact
            and self.audit_complete
            and self.arrays_intact
            and self.records_intact
            and self.reports_intact
        )

    @property
    def is_authenticated(self) -> bool:
        """True when a report may be signed over the case."""
        return self.authentication != "not authenticated"

    @property
    def headline(self) -> str:
        """The verdict in capitals, for a first line."""
        if not self.is_intact:
            return "NOT INTACT"
        return {
            "authenticated": "INTACT",
            "adopted": "INTACT SINCE ITS ADOPTION",
            "not authenticated": "NOT AUTHENTICATED",
        }[self.authentication]
