"""Import evidence into a case: every file has a fate, every series is a volume."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from btd_desktop import __version__
from btd_desktop.cases.model import EvidenceItem, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.containment.measures import Containment
from btd_desktop.dicom.grids import state_modality
from btd_desktop.dicom.guess import UNKNOWN
from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.series import FileRecord, Import
from btd_desktop.dicom.sources import Source
from btd_desktop.errors import EvidenceError
from btd_desktop.examination.log_privacy import keep_patients_out_of_logs
from btd_desktop.progress import TaskContext
from btd_desktop.strict_json import plain_json
from btd_desktop.volume import Volume
from btd_desktop.workflow.custody import open_checked
from btd_desktop.workflow.kept_series import add_series
from btd_desktop.workflow.second_reading import read_again
from btd_desktop.workflow.services import Services

AskModality = Callable[[tuple[str, ...]], str]
"""Asks the examiner what the named series are: "CT", "MR", or "" for not known."""


@dataclass(frozen=True, slots=True)
class CaseDetails:
    """What the examiner says about a case; any may be empty."""

    title: str = ""
    case_number: str = ""
    client: str = ""
    examiner: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True)
class ImportStatement:
    """What a case received.

    Attributes:
        case: The case folder.
        evidence: Every file and container of the case, earlier imports included.
        series: Series of this import.
        geometry: For each of them what `geometry_json` says.
        containment: What held the processes that parsed files; None when none did.
    """

    case: Path
    evidence: tuple[EvidenceItem, ...]
    series: tuple[SeriesRecord, ...]
    geometry: tuple[dict[str, Any], ...]
    containment: Containment | None = None

    @property
    def files(self) -> tuple[EvidenceItem, ...]:
        """The files; members of archives count as files, the archives do not."""
        return tuple(e for e in self.evidence if not e.is_container)

    @property
    def fates(self) -> dict[str, int]:
        """Number of files per fate."""
        return count_fates(self.evidence)

    def to_json(self) -> dict[str, object]:
        """JSON value: every file with its fate and reason, every series."""
        return {
            "case": str(self.case),
            "fates": self.fates,
            "reading_process": self.containment and self.containment.to_json(),
            "files": [file_json(e) for e in self.files],
            "containers": [file_json(e) for e in self.evidence if e.is_container],
            "series": [
                {
                    "series_id": s.series_id,
                    "series_uid": s.series_uid,
                    "description": s.description,
                    "modality": s.modality,
                    "modality_from": "format"
                    if s.meta.modality_from is None
                    else s.meta.modality_from,
                    "n_slices": s.n_slices,
                    "rows": s.rows,
                    "columns": s.cols,
                    **place,
                    "slices": [
                        {"file": name, **one}
                        for name, one in zip(
                            s.record_names, place["slices"], strict=True
                        )
                    ],
                    "findings": [plain_json(finding) for finding in s.findings],
                }
                for s, place in zip(self.series, self.geometry, strict=True)
            ],
        }


def geometry_json(volume: Volume) -> dict[str, Any]:
    """Where a volume lies and what it measures, as a JSON value.

    `spacing_mm` is between slices (along the normal), rows and columns; `row` and
    `column` are unit vectors. Each of `slices`, in order, has its number from 1, SOP
    Instance UID, world position of its first voxel, position along the normal (LPS
    mm), and lowest and highest value in `unit`.
    """
    return {
        "unit": volume.unit,
        "spacing_mm": list(volume.spacing_mm),
        "row": list(volume.row_direction),
        "column": list(volume.column_direction),
        "slices": [
            {
                "number": s + 1,
                "instance_uid": volume.instance_uids[s],
                "position_mm": list(volume.slice_origin_mm(s)),
                "along_normal_mm": volume.slice_positions_mm[s],
                "lowest": volume.voxels[s].min().item(),
                "highest": volume.voxels[s].max().item(),
            }
            for s in range(volume.n_slices)
        ],
    }


def file_json(item: EvidenceItem) -> dict[str, object]:
    """One file as a JSON value."""
    keys = ("name", "fate", "reason", "size_bytes", "sha256")
    return {key: getattr(item, key) for key in keys}


def create_case(folder: Path, details: CaseDetails, services: Services) -> CaseStore:
    """Make a case folder and open it.

    Raises:
        CaseError: The folder is in use or cannot be written.
    """
    examiner = details.examiner or services.settings.examiner
    told = asdict(replace(details, examiner=examiner))
    now = services.now()
    return CaseStore.create(folder, now=now, software_version=__version__, **told)


def holds_case(folder: Path) -> bool:
    """True when the folder looks like a case; opening it shows whether it is one."""
    return (folder / "case.sqlite").is_file()


def open_or_create(
    folder: Path,
    details: CaseDetails,
    services: Services,
    context: TaskContext | None = None,
) -> CaseStore:
    """The case in a folder, open for writing and checked; made when there is none.

    Raises:
        CaseError: The folder holds something else, or the case cannot be opened or
            was altered.
    """
    if holds_case(folder):
        return open_checked(folder, services, context or TaskContext())
    return create_case(folder, details, services)


def import_into_case(
    store: CaseStore,
    paths: Sequence[Path],
    services: Services,
    context: TaskContext,
    *,
    modality: str = "",
    ask: AskModality | None = None,
    wanted: Callable[[Source], bool] | None = None,
) -> tuple[SeriesRecord, ...]:
    """Read evidence and keep the list of files and the series in the case.

    Every file is read twice: once to parse it, once to see that its digest is the same.

    Args:
        store: Open case.
        paths: Folders, files, archives.
        services: Clock.
        context: Progress and cancellation.
        modality: "CT" or "MR", stated by the examiner for files whose format does not
            name it; "" when nothing was stated.
        ask: Called once, with the descriptions of the series whose modality neither
            format, statement nor values tell; its answer "" leaves them unknown.
        wanted: As in `import_evidence`.

    Returns:
        The series added, or already in the case, in the order of the import.

    Raises:
        EvidenceError: A path does not exist or holds far too many files.
        CaseError: The case cannot be written.
    """
    found = import_evidence(paths, context, modality=modality, wanted=wanted)
    unknown = tuple(s.description for s in found.series if s.volume.modality == UNKNOWN)
    if ask is not None and unknown and (answer := ask(unknown)):
        stated = [
            state_modality(s, answer if s.volume.modality == UNKNOWN else "")
            for s in found.series
        ]
        found = replace(found, series=tuple(stated))
    return keep_import(store, read_again(found, context), services)


def keep_import(
    store: CaseStore, found: Import, services: Services
) -> tuple[SeriesRecord, ...]:
    """Keep an import's files and series in the case.

    Files that the case lists already (same name, path and digest) are not listed
    twice, so importing the same folder again changes nothing.
    """
    keep_patients_out_of_logs(loaded.volume.source for loaded in found.series)
    known = {(e.name, e.path, e.sha256) for e in store.evidence()}
    items = [_item(r, is_container=True) for r in found.containers]
    items += [_item(r, is_container=False) for r in found.files]
    held = found.containment
    store.add_evidence(
        [i for i in items if (i.name, i.path, i.sha256) not in known],
        services.now(),
        how={"reading_process": held.to_json()} if held else None,
    )
    ids = [add_series(store, loaded, services) for loaded in found.series]
    for loaded, series_id in zip(found.series, ids, strict=True):
        if loaded.volume.source.modality_from == "examiner":
            told = {"series_id": series_id, "modality": loaded.volume.modality}
            store.append_audit("modality stated", told, store.actor, services.now())
    by_id = {s.series_id: s for s in store.series()}
    return tuple(by_id[i] for i in dict.fromkeys(ids))


def count_fates(evidence: Iterable[EvidenceItem]) -> dict[str, int]:
    """Number of files per fate; containers are not counted, their members are."""
    fates: dict[str, int] = {}
    for item in evidence:
        if not item.is_container:
            fates[item.fate] = fates.get(item.fate, 0) + 1
    return fates


def fates_of(case: Path) -> dict[str, int]:
    """`count_fates` of a case folder."""
    with CaseStore.open(case, read_only=True) as store:
        return count_fates(store.evidence())


def import_statement(
    paths: Sequence[Path],
    folder: Path,
    details: CaseDetails,
    services: Services,
    context: TaskContext,
    modality: str = "",
) -> ImportStatement:
    """Import evidence into a case, made when missing, and state what it received.

    Args:
        paths: Folders, files, archives.
        folder: The case.
        details: Used when the case is made.
        services: Clock.
        context: Progress and cancellation.
        modality: As in `import_into_case`.

    Raises:
        EvidenceError: A path does not exist or holds far too many files.
        CaseError: The case cannot be made, opened or written.
        Cancelled: The examiner asked to stop; the case holds nothing of this import.
    """
    with open_or_create(folder, details, services, context) as store:
        read = import_evidence(paths, context, modality=modality)
        found = read_again(read, context)
        series = keep_import(store, found, services)
        geometry = tuple(geometry_json(store.load_volume(s.series_id)) for s in series)
        evidence = store.evidence()
        return ImportStatement(folder, evidence, series, geometry, found.containment)


def require_series(
    evidence: Sequence[EvidenceItem], series: Sequence[SeriesRecord]
) -> None:
    """Raise `EvidenceError` when an import brought no series that can be examined."""
    if series:
        return
    fates = count_fates(evidence)
    listed = ", ".join(f"{n} {fate}" for fate, n in sorted(fates.items())) or "no file"
    raise EvidenceError(
        f"nothing that was received can be examined ({listed})",
        hint="the import statement names the reason for every file",
        code="no_series",
    )


def _item(record: FileRecord, *, is_container: bool) -> EvidenceItem:
    values = {**asdict(record), "fate": record.fate.value.replace("_", " ")}
    return EvidenceItem(evidence_id=0, is_container=is_container, **values)
