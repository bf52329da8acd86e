"""Evidence into a case: every file accounted for, every series a volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from btd_desktop import __version__
from btd_desktop.cases.model import EvidenceItem, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.series import FileRecord, Import, LoadedSeries
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import EvidenceError
from btd_desktop.progress import TaskContext
from btd_desktop.volume import Volume
from btd_desktop.workflow.services import Services

__all__ = [
    "CaseDetails",
    "create_case",
    "facts_of",
    "import_into_case",
    "keep_import",
    "open_or_create",
    "require_series",
]


@dataclass(frozen=True, slots=True)
class CaseDetails:
    """What the examiner says about a case; any may be empty."""

    title: str = ""
    case_number: str = ""
    client: str = ""
    examiner: str = ""
    question: str = ""


def create_case(folder: Path, details: CaseDetails, services: Services) -> CaseStore:
    """Make a case folder and open it.

    Raises:
        CaseError: The folder is in use or cannot be written.
    """
    return CaseStore.create(
        folder,
        now=services.now(),
        title=details.title,
        case_number=details.case_number,
        client=details.client,
        examiner=details.examiner or services.settings.examiner,
        question=details.question,
        software_version=__version__,
    )


def open_or_create(folder: Path, details: CaseDetails, services: Services) -> CaseStore:
    """The case in a folder, open for writing; made when there is none.

    Raises:
        CaseError: The folder holds something else, or the case cannot be opened.
    """
    if (folder / "case.sqlite").is_file():
        return CaseStore.open(folder)
    return create_case(folder, details, services)


def import_into_case(
    store: CaseStore,
    paths: Sequence[Path],
    services: Services,
    context: TaskContext,
) -> tuple[SeriesRecord, ...]:
    """Read evidence and keep its account and its series in the case.

    Args:
        store: Open case.
        paths: Folders, files, archives.
        services: Clock.
        context: Progress and cancellation.

    Returns:
        The series added (or found to be there already), in the order of the import.

    Raises:
        EvidenceError: A path does not exist or holds far too many files.
        CaseError: The case cannot be written.
    """
    found = import_evidence(paths, context)
    return keep_import(store, found, services)


def keep_import(
    store: CaseStore, found: Import, services: Services
) -> tuple[SeriesRecord, ...]:
    """Keep an import's account and series in the case.

    Files that the case lists already (same name, path and digest) are not listed
    twice, so importing the same folder again changes nothing.
    """
    known = {(e.name, e.path, e.sha256) for e in store.evidence()}
    items = [_item(r, is_container=True) for r in found.containers]
    items += [_item(r, is_container=False) for r in found.files]
    store.add_evidence(
        [i for i in items if (i.name, i.path, i.sha256) not in known], services.now()
    )
    ids = [_add_series(store, loaded, services) for loaded in found.series]
    by_id = {s.series_id: s for s in store.series()}
    return tuple(by_id[i] for i in dict.fromkeys(ids))


def require_series(store: CaseStore, series: Sequence[SeriesRecord]) -> None:
    """Raise `EvidenceError` when an import brought no series that can be examined."""
    if series:
        return
    fates: dict[str, int] = {}
    for item in store.evidence():
        fates[item.fate] = fates.get(item.fate, 0) + 1
    listed = ", ".join(f"{n} {fate}" for fate, n in sorted(fates.items())) or "no file"
    raise EvidenceError(
        f"nothing that was received can be examined ({listed})",
        hint="the import statement names the reason for every file",
        code="no_series",
    )


def _item(record: FileRecord, *, is_container: bool) -> EvidenceItem:
    return EvidenceItem(
        evidence_id=0,
        name=record.name,
        path=record.path,
        size_bytes=record.size_bytes,
        sha256=record.sha256,
        pixel_sha256=record.pixel_sha256,
        fate=record.fate.value.replace("_", " "),
        reason=record.reason,
        series_uid=record.series_uid,
        sop_instance_uid=record.sop_instance_uid,
        is_container=is_container,
    )


def _add_series(store: CaseStore, loaded: LoadedSeries, services: Services) -> int:
    patient = str(loaded.volume.source.get("patient_id", "")) or loaded.series_uid
    # A pseudonym that separates patients inside the case without naming them.
    key = bytes_digest(f"{store.info.case_id}/{patient}".encode("utf-8", "replace"))
    return store.add_series(
        loaded.volume,
        now=services.now(),
        series_uid=loaded.series_uid,
        description=loaded.description,
        meta={
            **loaded.volume.source,
            **facts_of(loaded.volume),
            "slice_step_mm": loaded.volume.spacing_mm[0],
        },
        findings=[
            {
                "code": f.code,
                "severity": f.severity,
                "sentence": f.sentence,
                "instance_uids": list(f.instance_uids),
            }
            for f in loaded.findings
        ],
        record_names=loaded.record_names,
        patient_key=key[:16],
    )


def facts_of(volume: Volume) -> dict[str, Any]:
    """Scanner facts that calibration and scope check compare, JSON values.

    `thickness_mm` falls back to the slice distance; absent when neither is known.
    """
    source = volume.source
    facts: dict[str, Any] = {
        "modality": volume.modality,
        "manufacturer": str(source.get("manufacturer", "")),
        "model": str(source.get("model", "")),
        "kernel": str(source.get("kernel", "")),
        "pixel_spacing_mm": round(volume.pixel_spacing_mm, 4),
        "lossy": bool(source.get("lossy", False)),
    }
    thickness = source.get("thickness_mm") or volume.spacing_mm[0]
    if thickness:
        facts["thickness_mm"] = round(float(thickness), 3)
    return facts
