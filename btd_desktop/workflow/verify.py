"""Is a report, or a case, still what it was?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import ReportError
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.custody import CustodyCheck, check_evidence

if TYPE_CHECKING:
    from btd_desktop.report.verification import ReportVerdict

__all__ = [
    "case_verdict_json",
    "report_verdict_json",
    "verify_case_folder",
    "verify_report_file",
]


def verify_report_file(
    path: Path,
    *,
    evidence: Sequence[Path] | None = None,
    trust: Sequence[Path] | None = None,
) -> ReportVerdict:
    """Verdict on a report; see `report.verification.verify_report`.

    Raises:
        ReportError: A trusted certificate cannot be read.
    """
    from btd_desktop.report.verification import verify_report

    return verify_report(path, evidence=evidence, trust_roots=trust)


def report_verdict_json(verdict: ReportVerdict) -> dict[str, Any]:
    """The verdict as a JSON value, without the twin."""
    value = {
        name: getattr(verdict, name)
        for name in verdict.__dataclass_fields__
        if name not in ("twin", "signed_at", "evidence_problems", "problems")
    }
    signed_at = verdict.signed_at
    return {
        "ok": verdict.ok,
        **value,
        "signed_at": None if signed_at is None else signed_at.isoformat(),
        "evidence_problems": [asdict(p) for p in verdict.evidence_problems],
        "problems": list(verdict.problems),
    }


def verify_case_folder(
    folder: Path,
    known_heads: Sequence[str] = (),
    *,
    reports: Sequence[Path] = (),
    with_evidence: bool = True,
    context: TaskContext | None = None,
) -> tuple[CustodyCheck, str]:
    """Verdict on a case and its evidence, and the case's title; nothing is written.

    Args:
        folder: The case.
        known_heads: Audit heads printed in reports at hand; each must occur.
        reports: Signed reports of the case; the log must reach what each of them
            prints, so that a case that was rolled back behind one of them shows.
        with_evidence: Digest the evidence files that are within reach.
        context: Progress and cancellation.

    Raises:
        CaseError: It is no case, of a newer format, or cannot be opened at all.
        ReportError: A report at hand does not verify, or names no audit head.
    """
    context = context or TaskContext()
    heads = [*known_heads, *(_head_of_report(path) for path in reports)]
    with CaseStore.open(folder, read_only=True) as store:
        verdict = store.verify(heads, context)
        evidence = check_evidence(store, context) if with_evidence else None
        return CustodyCheck(verdict, evidence), store.info.title


def _head_of_report(path: Path) -> str:
    """The audit head that a signed report prints.

    Raises:
        ReportError: The report does not verify: what it prints is worth nothing.
    """
    verdict = verify_report_file(path)
    if not verdict.ok or verdict.twin is None:
        why = verdict.problems[0] if verdict.problems else "it does not verify"
        raise ReportError(
            f"{path.name} cannot vouch for the case: {why}",
            hint="check it with `btd verify`",
        )
    audit = verdict.twin.get("audit")
    head = audit.get("head") if isinstance(audit, dict) else None
    if not isinstance(head, str) or not head:
        raise ReportError(f"{path.name} names no audit log")
    return head


def case_verdict_json(check: CustodyCheck) -> dict[str, Any]:
    """The verdict as a JSON value; `ok` also wants the evidence unchanged."""
    verdict = check.verdict
    return {
        "ok": check.is_intact,
        **asdict(verdict),
        "problems": list(verdict.problems),
        "evidence": None if check.evidence is None else asdict(check.evidence),
    }
