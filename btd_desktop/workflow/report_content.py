"""The case to what a report says: every number comes from the case, none is typed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from btd_desktop import __version__
from btd_desktop.cases.model import AuditEntry, EvidenceItem, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.digest import json_digest, tree_digest
from btd_desktop.examination.series import (
    SeriesExamination,
    distinct_models,
    method_id,
    result_digest,
)
from btd_desktop.report import content as rc
from btd_desktop.workflow.report_methods import (
    calibrations_used,
    methods_used,
    software_components,
    validation_facts,
)
from btd_desktop.workflow.report_results import series_result
from btd_desktop.workflow.report_words import ALTERNATIVES, LIMITATIONS, opinion_for

__all__ = ["build_content", "patient_text"]


def build_content(
    store: CaseStore,
    outcomes: Sequence[SeriesExamination],
    *,
    report_id: str,
    now: datetime,
    is_draft: bool = False,
    remarks: str = "",
    command: str = "",
    custody_notes: Sequence[str] = (),
) -> rc.ReportContent:
    """Everything the report says, from the case.

    Args:
        store: Open case.
        outcomes: The series examined.
        report_id: Identity of the report.
        now: Time of the report, aware.
        is_draft: Print DRAFT across the pages.
        remarks: The examiner's own words on the opinion.
        command: Command that repeats the examination; "" gives the general one.
        custody_notes: What the check before the report found, as sentences.
    """
    info = store.info
    models = distinct_models(outcomes)
    n_entries, head = store.head()
    evaluated = [o for o in outcomes if o.evaluation is not None]
    manifests = sorted(
        o.run.manifest_digest
        for o in outcomes
        if o.run is not None and o.run.status == "done"
    )
    return rc.ReportContent(
        identity=rc.ReportIdentity(
            report_id=report_id,
            created=now,
            created_local=now.astimezone().isoformat(timespec="seconds"),
            software_version=__version__,
            is_draft=is_draft,
        ),
        mandate=rc.Mandate(
            case_number=info.case_number,
            client=info.client,
            examiner=info.examiner,
            question=info.question,
        ),
        items=_items(store.evidence()),
        series=tuple(_series(n, o.record) for n, o in enumerate(outcomes, 1)),
        methods=methods_used(outcomes),
        calibrations=calibrations_used(evaluated),
        results=tuple(
            series_result(store, n, method_id(o.model, models), o)
            for n, o in enumerate(outcomes, 1)
            if o.model is not None and o.run is not None and o.run.status == "done"
        ),
        opinion=opinion_for(outcomes, remarks),
        reproduction=rc.Reproduction(
            commands=(
                command or "btd examine EVIDENCE --out CASE",
                "btd verify REPORT.pdf --evidence EVIDENCE",
            ),
            manifest_digest=manifests[0]
            if len(manifests) == 1
            else json_digest(manifests),
            result_digest=result_digest(outcomes),
            remark=(
                "The result digest is taken over the anomaly scores of all slices, "
                "rounded to four significant digits. The same model on the same kind "
                "of backend and precision gives it again. Between bfloat16 and float32 "
                "scores differ by 0.02 (root mean square; 0.17 at most in 2,196 places "
                "measured), which moves a p-value by about a twentieth of itself."
            ),
        ),
        custody=_custody(store),
        validation=validation_facts(outcomes),
        not_validated=tuple(
            dict.fromkeys(s for o in outcomes if o.card for s in o.card.limits)
        ),
        alternatives=ALTERNATIVES,
        limitations=LIMITATIONS
        + tuple(custody_notes)
        + tuple(
            dict.fromkeys(s for o in outcomes for s in (o.problem, *o.remarks) if s)
        ),
        audit=rc.AuditAnchor(head, n_entries),
        components=software_components(),
    )


def _items(evidence: Sequence[EvidenceItem]) -> rc.ItemsReceived:
    files = []
    for item in evidence:
        if item.is_container:
            continue
        container, _, member = item.name.partition("!")
        inside = bool(member)
        files.append(
            rc.FileItem(
                name=member if inside else item.name,
                size_bytes=item.size_bytes,
                sha256=item.sha256 or None,
                fate=item.fate,
                reason=item.reason,
                container=container if inside else "",
            )
        )
    containers = tuple(
        rc.ContainerItem(
            name=item.name,
            kind="ZIP",
            n_files=sum(f.container == item.name for f in files),
            size_bytes=item.size_bytes,
            sha256=item.sha256 or None,
        )
        for item in evidence
        if item.is_container
    )
    digests = [
        (f"{f.container}!{f.name}" if f.container else f.name, f.sha256 or "")
        for f in files
    ]
    return rc.ItemsReceived(tuple(files), tree_digest(digests), containers)


_FACT_NAMES = (
    ("manufacturer", "Manufacturer"),
    ("model", "Scanner"),
    ("kernel", "Kernel"),
    ("thickness_mm", "Slice thickness, mm"),
    ("kvp", "kVp"),
    ("study_date", "Study date"),
    ("body_part", "Body part"),
    ("lossy", "Lossy compression"),
)


def patient_text(record: SeriesRecord) -> str:
    """Name and identity of the patient as a report prints them; "" when unknown."""
    keys = ("patient_name", "patient_id")
    return " / ".join(str(record.meta[k]) for k in keys if record.meta.get(k))


def _series(number: int, record: SeriesRecord) -> rc.SeriesExamined:
    meta = record.meta
    spacing = float(meta.get("pixel_spacing_mm") or 0.0)
    facts = []
    for key, name in _FACT_NAMES:
        value = meta.get(key)
        if isinstance(value, bool):
            value = "yes" if value else "no"
        if value not in (None, ""):
            facts.append(rc.Fact(name, str(value)))
    return rc.SeriesExamined(
        number=number,
        description=record.description,
        modality=record.modality,
        series_instance_uid=record.series_uid,
        n_slices=record.n_slices,
        n_rows=record.rows,
        n_columns=record.cols,
        spacing_mm=(float(meta.get("slice_step_mm") or 0.0), spacing, spacing),
        unit="HU" if record.modality == "CT" else "modality value",
        volume_digest=record.volume_digest,
        patient=patient_text(record),
        facts=tuple(facts),
        findings=tuple(
            rc.SeriesFinding(str(f["severity"]), str(f["sentence"]))
            for f in record.findings
        ),
    )


def _custody(store: CaseStore) -> tuple[rc.CustodyEvent, ...]:
    """Audit entries but for the per-slice ones, which would fill pages."""
    return tuple(
        rc.CustodyEvent(
            when=datetime.fromisoformat(entry.utc),
            person=entry.actor,
            event=_event_words(entry),
            digest=entry.hash,
        )
        for entry in store.audit_log()
        if entry.action != "slice scored"
    )


def _event_words(entry: AuditEntry) -> str:
    """What happened, and what a check came to."""
    summary = entry.details.get("summary")
    return f"{entry.action}: {summary}" if isinstance(summary, str) else entry.action
