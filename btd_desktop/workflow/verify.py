"""Is a report, or a case, still what it was?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from btd_desktop.cases.model import CaseVerdict
from btd_desktop.cases.store import CaseStore

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
    folder: Path, known_heads: Sequence[str] = ()
) -> tuple[CaseVerdict, str]:
    """Verdict on a case, and the case's title; nothing in the folder is written.

    Args:
        folder: The case.
        known_heads: Audit heads printed in reports at hand; each must occur.

    Raises:
        CaseError: It is no case, of a newer format, or cannot be opened at all.
    """
    with CaseStore.open(folder, read_only=True) as store:
        return store.verify(known_heads), store.info.title


def case_verdict_json(verdict: CaseVerdict) -> dict[str, Any]:
    """The verdict as a JSON value."""
    return {
        "ok": verdict.is_intact,
        **asdict(verdict),
        "problems": list(verdict.problems),
    }
