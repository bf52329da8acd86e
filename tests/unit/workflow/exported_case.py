"""A case of real files with results that nobody computed, exported to DICOM."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from btd_desktop.calibration.scope import Coverage
from btd_desktop.cases.model import Finding
from btd_desktop.cases.store import CaseStore
from btd_desktop.digest import bytes_digest
from btd_desktop.examination.series import SeriesExamination
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.export_dicom import (
    DicomExport,
    ExportOptions,
    export_dicom,
)
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    import_into_case,
)
from btd_desktop.workflow.services import Services
from tests.factories import make_ct_volume, make_series_folder
from tests.unit.report.case_sample import make_outcome

NOW = datetime(2026, 11, 24, 9, 30, 15, tzinfo=UTC)
PDF = b"%PDF-1.7 the report, signed by nobody"
REDACTED_PDF = b"%PDF-1.7 the redacted report"
NAME, PATIENT = "TEST^NOBODY", "TEST-1"


@dataclass(frozen=True)
class ExportedCase:
    """Folders and the examination.

    Attributes:
        evidence: Folder of the scan.
        case: Folder of the case.
        outcome: What is exported.
    """

    evidence: Path
    case: Path
    outcome: SeriesExamination

    def export(self, out: Path, **options: Any) -> DicomExport:
        """Export at `NOW`."""
        outcome = options.pop("outcome", self.outcome)
        services = Services(now=lambda: NOW)
        with CaseStore.open(self.case) as store:
            chosen = ExportOptions(out, **options)
            return export_dicom(store, [outcome], services, chosen, TaskContext())


def make_exported_case(root: Path) -> ExportedCase:
    """Make it, with a report and its redacted variant; `BTD_HOME` must be set."""
    volume = make_ct_volume(1, shape=(24, 160, 160))
    evidence = make_series_folder(root / "scan", volume=volume)
    services = Services(now=lambda: NOW)
    details = CaseDetails(title="Case", examiner="Dr. A. Example")
    with create_case(root / "case", details, services) as store:
        [record] = import_into_case(store, [evidence], services, TaskContext())
        for name, data in (
            ("report-1.pdf", PDF),
            ("report-1-redacted.pdf", REDACTED_PDF),
        ):
            (store.folder / name).write_bytes(data)
            digest = bytes_digest(data)
            store.add_report(
                path_name=name,
                sha256=digest,
                json_sha256=digest,
                audit_head=store.head()[1],
                now=NOW,
            )
    return ExportedCase(evidence, root / "case", outcome_of(record))


def outcome_of(record: Any, coverage: Coverage = Coverage.PARTLY) -> SeriesExamination:
    """A search and an examiner's finding, one of them dismissed."""
    outcome = make_outcome(1, coverage, record=record)
    evaluation = outcome.evaluation
    assert evaluation is not None
    anomaly = evaluation.kinds["anomaly"]
    if coverage is not Coverage.NOT:
        p = tuple(np.exp(-scores) for scores in anomaly.patch_scores)
        anomaly = replace(anomaly, patch_p=p)
    findings: tuple[Finding, ...] = outcome.findings
    if findings:
        dismissed = replace(findings[1], finding_id=3, status="dismissed", note=NAME)
        findings = (*findings, dismissed)
    evaluation = replace(evaluation, record=record, kinds={"anomaly": anomaly})
    return replace(outcome, evaluation=evaluation, findings=findings)
