"""Write the results of a case as DICOM objects of the study that the scan came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from btd_desktop import __version__
from btd_desktop.cases import audit
from btd_desktop.cases.files import read_part
from btd_desktop.cases.model import ReportRecord, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import CaseError, EvidenceError, ReportError
from btd_desktop.examination.conclusion import CaseConclusion, conclude
from btd_desktop.examination.reading import Choice, read_case
from btd_desktop.examination.series import SeriesExamination
from btd_desktop.examination.statement import statement_in
from btd_desktop.progress import TaskContext
from btd_desktop.volume import Volume
from btd_desktop.workflow.custody import (
    check_custody,
    refuse_altered,
    require_authenticated,
)
from btd_desktop.workflow.import_series import count_fates
from btd_desktop.workflow.redact import CaseNames, case_names
from btd_desktop.workflow.report_names import is_variant
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.slice_tags import tags_of_slice

BEFORE_EXPORT = "before an export to DICOM"
_ACTION = "results exported as DICOM"
_FIRST_NUMBER = 9000
_NUMBERS_EACH = 10
_STAGE = "Writing DICOM objects"


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How results are exported.

    Attributes:
        out: Folder to write into; new or empty.
        redacted: Pseudonyms of the case in place of patient, study and UIDs, with the
            redacted variant of the report; else headers as stated, with the full one.
        with_report: Encapsulate the newest report of the case.
        profile: Calibration profile asked for; "" takes the one used last.
    """

    out: Path
    redacted: bool = False
    with_report: bool = True
    profile: str = ""


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One object.

    Attributes:
        name: File name.
        sha256: Digest of the file.
    """

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class DicomExport:
    """What was written.

    Attributes:
        folder: Where.
        files: The objects.
        left_out: What was not written, and why, a sentence each.
    """

    folder: Path
    files: tuple[ExportedFile, ...]
    left_out: tuple[str, ...]


def export_case(
    folder: Path, services: Services, options: ExportOptions, context: TaskContext
) -> DicomExport:
    """Export the results of a case folder; see `export_dicom`."""
    _check_folder(options.out)
    with CaseStore.open(folder) as store:
        outcomes = read_case(store, options.profile)
        return export_dicom(store, outcomes, services, options, context)


def export_chosen(
    store: CaseStore,
    choices: dict[int, Choice],
    services: Services,
    options: ExportOptions,
    context: TaskContext,
) -> DicomExport:
    """Export what a window shows: runs and profiles by id of the series."""
    outcomes = read_case(store, options.profile, choices)
    return export_dicom(store, outcomes, services, options, context)


def export_dicom(
    store: CaseStore,
    outcomes: Sequence[SeriesExamination],
    services: Services,
    options: ExportOptions,
    context: TaskContext,
) -> DicomExport:
    """Write map, flags, structured report, pictures and the signed report; log it.

    Headers are read from the evidence, where it was imported from and unchanged; pixels
    come from the case. Evidence is only read. Nothing is written before everything is
    made.

    Raises:
        UnauthenticatedError: This computer did not seal the case.
        CaseError: The case was altered, or cannot be written.
        EvidenceError: No series can be exported, or a header cannot be read.
        ReportError: There is no report of the kind asked for, or the folder cannot be
            written.
        Cancelled: The examiner asked to stop; nothing was written.
    """
    _check_folder(options.out)
    _check_apart(store, options.out)
    require_authenticated(store, "", services, context)
    check = check_custody(store, services, context, BEFORE_EXPORT, with_evidence=False)
    refuse_altered(check, store.folder)
    report = _report_of(store, options) if options.with_report else None
    names = case_names(store, services.now(), context) if options.redacted else None
    job = _Export(store, outcomes, services, options, context, report, names)
    made, left_out = job.make()
    files = _write(options.out, made)
    told = {
        "files": [{"name": f.name, "sha256": f.sha256} for f in files],
        "redacted": options.redacted,
        "report": "" if report is None else report[0].sha256,
        "left_out": list(left_out),
    }
    store.append_audit(_ACTION, told, store.actor, services.now())
    return DicomExport(options.out, files, left_out)


class _Export:
    """One export while it is made."""

    def __init__(
        self,
        store: CaseStore,
        outcomes: Sequence[SeriesExamination],
        services: Services,
        options: ExportOptions,
        context: TaskContext,
        report: tuple[ReportRecord, bytes] | None,
        names: CaseNames | None,
    ) -> None:
        self._store, self._outcomes, self._context = store, outcomes, context
        self._report, self._names = report, names
        self._now = services.now()
        self._redacted = options.redacted
        self._filed: set[str] = set()

    def make(self) -> tuple[dict[str, bytes], tuple[str, ...]]:
        """Files by name, and what was left out."""
        fates = count_fates(self._store.evidence())
        conclusion = conclude(self._outcomes, fates)
        made: dict[str, bytes] = {}
        left_out = []
        with Sandbox(DEFAULT_LIMITS) as sandbox:
            for number, outcome in enumerate(self._outcomes, 1):
                self._context.report(number - 1, len(self._outcomes), _STAGE)
                if outcome.examined is None:
                    why = outcome.reason.rstrip(".") or "it was not scored"
                    left_out.append(f"Series {number} was left out: {why}.")
                    continue
                made |= self._of_series(number, outcome, conclusion, sandbox)
        if not made:
            raise EvidenceError(
                "no series of the case has results that can be exported"
                + "".join(f"; {text.rstrip('.')}" for text in left_out),
                hint="score and calibrate the series first",
                code="nothing_to_export",
            )
        return made, tuple(left_out)

    def _of_series(
        self,
        number: int,
        outcome: SeriesExamination,
        conclusion: CaseConclusion,
        sandbox: Sandbox,
    ) -> dict[str, bytes]:
        # The library that writes the objects takes a while to load.
        from btd_desktop.dicom.output.encapsulated_pdf import encapsulated_pdf
        from btd_desktop.dicom.output.envelope import Envelope
        from btd_desktop.dicom.output.origin import origin_of
        from btd_desktop.dicom.output.parametric_map import parametric_map
        from btd_desktop.dicom.output.secondary_capture import secondary_captures
        from btd_desktop.dicom.output.segmentation import segmentation
        from btd_desktop.dicom.output.structured_report import structured_report
        from btd_desktop.workflow.dicom_results import (
            flagged_regions,
            patch_maps,
            place_pictures,
            reported_series,
        )

        record, evaluation = outcome.record, outcome.evaluation
        if evaluation is None:
            return {}
        volume = self._store.load_volume(record.series_id, check=True)
        headers = self._headers(record, volume, sandbox)
        alias = None if self._names is None else self._names.pseudonyms
        origin = origin_of(volume, headers, alias)
        place = f"{self._store.info.case_id}\n{audit.utc_text(self._now)}\n{number}"
        envelope = Envelope(
            f"{place}\n{'redacted' if self._redacted else 'full'}",
            self._now,
            __version__,
            _FIRST_NUMBER + _NUMBERS_EACH * number,
        )
        stem = f"series-{number}"
        told = reported_series(
            number,
            outcome,
            evaluation,
            conclusion,
            "" if self._report is None else self._report[0].sha256,
            self._clean,
            None if self._redacted else self._examiner(),
        )
        pictures = place_pictures(number, outcome, volume, redacted=self._redacted)
        made = {
            f"{stem}-map-{n}.dcm": data
            for n, data in enumerate(
                parametric_map(volume, origin, envelope, patch_maps(evaluation)), 1
            )
        }
        regions = flagged_regions(outcome, evaluation)
        flags = segmentation(origin, envelope, regions, told.method)
        if flags is not None:
            made[f"{stem}-flags.dcm"] = flags
        made[f"{stem}-results.dcm"] = structured_report(origin, envelope, told)
        for n, data in enumerate(secondary_captures(origin, envelope, pictures), 1):
            made[f"{stem}-place-{n}.dcm"] = data
        study = str(origin.first.StudyInstanceUID)
        if self._report is not None and study not in self._filed:
            self._filed.add(study)
            title = "Report of an examination of image data"
            pdf = self._report[1]
            made[f"{stem}-report.dcm"] = encapsulated_pdf(origin, envelope, pdf, title)
        return made

    def _headers(
        self, record: SeriesRecord, volume: Volume, sandbox: Sandbox
    ) -> list[dict[str, str]]:
        from btd_desktop.dicom.output.origin import header_of

        headers = []
        for index in range(volume.n_slices):
            self._context.report(index, volume.n_slices, "Reading headers")
            listed = tags_of_slice(self._store, record.series_id, index, sandbox)
            if listed.reason:
                raise EvidenceError(
                    f"the header of slice {index + 1} of series {record.series_id} "
                    f"cannot be read: {listed.reason.rstrip('.')}",
                    hint="Results go back to the study that the files name: connect "
                    "the evidence where it was imported from.",
                    code="no_header",
                )
            headers.append(dict(header_of(listed.tags)))
        return headers

    def _clean(self, text: str) -> str:
        return text if self._names is None else self._names.scrubber.clean(text)

    def _examiner(self) -> str:
        return statement_in(self._store).examiner.name or self._store.info.examiner


def _report_of(store: CaseStore, options: ExportOptions) -> tuple[ReportRecord, bytes]:
    """The newest report of the kind asked for, as it was recorded.

    Raises:
        ReportError: There is none, it is not in the case folder, or it was changed.
        EvidenceError: The case holds several patients, whom the report names together.
    """
    patients = {record.patient_key for record in store.series()}
    if len(patients) > 1 and not options.redacted:
        raise EvidenceError(
            f"the case holds series of {len(patients)} patients, and its report names "
            "them all: it is not filed under one of them",
            hint="Leave the report out (--no-report), or make a case for each patient.",
            code="several_patients",
        )
    wanted = [r for r in store.reports() if is_variant(r.path_name) == options.redacted]
    if not wanted:
        kind = "redacted report" if options.redacted else "report"
        option = " --redacted" if options.redacted else ""
        raise ReportError(
            f"the case has no {kind} to go with its results",
            hint=f"write it first (btd report CASE{option}), or leave it out "
            "(--no-report)",
            code="no_report",
        )
    record = wanted[-1]
    path = store.folder / record.path_name
    try:
        data = read_part(path, store.folder)
    except (OSError, CaseError) as error:
        raise ReportError(
            f"the newest report, {record.path_name}, cannot be read from the case "
            "folder",
            hint="put it back, or leave the report out (--no-report)",
            code="no_report",
        ) from error
    if bytes_digest(data) != record.sha256:
        raise ReportError(
            f"{record.path_name} was changed since it was signed",
            hint="see `btd verify`; put the signed file back",
            code="report_changed",
        )
    return record, data


def _check_folder(out: Path) -> None:
    try:
        is_used = out.exists() and (not out.is_dir() or any(out.iterdir()))
    except OSError as error:
        raise ReportError(
            f"{out} cannot be looked at: {error.strerror}",
            hint="choose a folder that you may write to",
        ) from error
    if is_used:
        raise ReportError(
            f"{out} is not empty",
            hint="nothing is overwritten or mixed with other files: choose a new one",
            code="not_empty",
        )


def _check_apart(store: CaseStore, out: Path) -> None:
    """Refuse a folder among the evidence or in the case: both would be added to."""
    target = out.resolve()
    archives = {item.path for item in store.evidence() if item.is_container}
    evidence = {item.path for item in store.evidence()} - archives
    taken = {Path(path).parent.resolve() for path in evidence}
    taken.add(store.folder.resolve())
    if taken & {target, *target.parents}:
        raise ReportError(
            f"{out} lies among the evidence or in the case",
            hint="choose a folder elsewhere",
            code="not_apart",
        )


def _write(out: Path, made: dict[str, bytes]) -> tuple[ExportedFile, ...]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, data in made.items():
            with (out / name).open("xb") as stream:
                stream.write(data)
    except OSError as error:
        raise ReportError(
            f"the objects cannot be written to {out}: {error.strerror}",
            hint="choose an empty folder with room",
        ) from error
    return tuple(ExportedFile(name, bytes_digest(data)) for name, data in made.items())
