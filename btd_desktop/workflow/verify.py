"""Verify that a report or a case is unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.shipped_models import (
    Standing,
    model_standing,
    profile_standing,
)
from btd_desktop.progress import TaskContext
from btd_desktop.strict_json import plain_json
from btd_desktop.workflow.custody import (
    ADOPTION,
    ON_OPENING,
    CustodyCheck,
    check_custody,
)
from btd_desktop.workflow.reports_beside import head_of_report
from btd_desktop.workflow.services import default_services

if TYPE_CHECKING:
    from btd_desktop.report.verification import ReportVerdict

_MOST_DISMISSED = 12
_TOLD_OTHERWISE = (
    "twin", "files", "signed_at", "later", "pages", "evidence_problems", "problems",
)  # fmt: skip
_NO_MARKS = "This report does not state how many places the examiner dismissed."


def verify_report_file(
    path: Path,
    *,
    evidence: Sequence[Path] | None = None,
    trust: Sequence[Path] | None = None,
    crls: Sequence[Path] = (),
) -> ReportVerdict:
    """Verdict on a report; see `report.verification.verify_report`.

    Raises:
        ReportError: A trusted certificate or a list of revoked ones cannot be read.
    """
    from btd_desktop.report.verification import verify_report

    return verify_report(path, evidence=evidence, trust_roots=trust, crls=crls)


def report_verdict_json(verdict: ReportVerdict) -> dict[str, object]:
    """The verdict as a JSON value, without the twin."""
    value = {
        name: getattr(verdict, name)
        for name in verdict.__dataclass_fields__
        if name not in _TOLD_OTHERWISE
    }
    signed_at = verdict.signed_at
    models, profiles = standings(verdict)
    return {
        "ok": verdict.ok,
        "headline": verdict.headline,
        **value,
        "models": [plain_json(model) for model in models],
        "profiles": [plain_json(profile) for profile in profiles],
        "later": [plain_json(item) for item in verdict.later],
        "pages": plain_json(verdict.pages),
        "signed_at": None if signed_at is None else signed_at.isoformat(),
        "evidence_problems": [asdict(p) for p in verdict.evidence_problems],
        "problems": list(verdict.problems),
        "adoption": adoption_in(verdict.twin),
        "standing": standing_in(verdict.twin),
        "marks": list(marks_in(verdict.twin)),
    }


def adoption_in(twin: dict[str, object] | None) -> str:
    """What a report says of the adoption of its case; "" when there was none."""
    pending: list[object] = [twin]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending += value.values()
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, str) and value.startswith(ADOPTION):
            return value
    return ""


def standing_in(twin: dict[str, object] | None) -> str:
    """Its own word for a report: final, draft or demonstration; "" if it gives none."""
    identity = (twin or {}).get("identity")
    if not isinstance(identity, dict):
        return ""
    standing = identity.get("standing")
    if standing is None and isinstance(identity.get("is_draft"), bool):
        return "draft" if identity["is_draft"] else "final"
    return standing if standing in ("final", "draft", "demonstration") else ""


def marks_in(twin: dict[str, object] | None) -> tuple[str, ...]:
    """What a report says of places suggested and dismissed, as sentences.

    Reports of earlier versions do not list dismissed places, or by series only.
    """
    if twin is None:
        return ()
    marks = twin.get("marks")
    if not isinstance(marks, dict):
        return (_NO_MARKS,)
    sentence, dismissed = marks.get("sentence"), marks.get("dismissed")
    rows = dismissed if isinstance(dismissed, list) else []
    told = [_dismissal(row) for row in rows if isinstance(row, dict)]
    more = len(told) - _MOST_DISMISSED
    return (
        str(sentence or _NO_MARKS),
        *told[:_MOST_DISMISSED],
        *([f"{more:,} more dismissed places: see the report."] if more > 0 else []),
    )


def _dismissal(row: Mapping[str, object]) -> str:
    place = row.get("place")
    at = ", ".join(map(str, place)) if isinstance(place, list) else "not stated"
    flagged = ", flagged" if row.get("is_flagged") is True else ""
    return (
        f"Dismissed: series {row.get('series_number')}, slice "
        f"{row.get('slice_number')}, column and row {at}{flagged}; reason: "
        f"{row.get('reason') or 'none stated'}"
    )


def standings(verdict: ReportVerdict) -> tuple[list[Standing], list[Standing]]:
    """Models and profiles that a report names, compared with those of this version.

    The names come from the report's own data: where it does not verify, they count for
    nothing.
    """
    twin = verdict.twin if isinstance(verdict.twin, dict) else {}

    def rows(key: str, name: str, digest: str) -> list[tuple[str, str]]:
        listed = twin.get(key)
        parts = listed if isinstance(listed, list) else []
        known = [part for part in parts if isinstance(part, dict)]
        return [(str(p.get(name, "")), str(p.get(digest, ""))) for p in known]

    models = rows("methods", "model_name", "card_digest")
    profiles = rows("calibrations", "profile_name", "profile_digest")
    return (
        [model_standing(name.split(" (NOT", 1)[0], d) for name, d in models],
        [profile_standing(name, d) for name, d in profiles],
    )


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
        known_heads: Audit heads printed in reports at hand; the log must hold each.
        reports: Signed reports of the case; the log must hold the head that each of
            them prints, so that a case rolled back behind one of them shows.
        with_evidence: Digest the evidence files within reach as well.
        context: Progress and cancellation.

    Raises:
        CaseError: It is no case, has a newer format, or cannot be opened.
        ReportError: A report at hand does not verify, or names no audit head.
    """
    context = context or TaskContext()
    heads = dict.fromkeys(known_heads, "a report")
    heads |= {head_of_report(path)[0]: path.name for path in reports}
    with CaseStore.open(folder, read_only=True) as store:
        check = check_custody(
            store,
            default_services(),
            context,
            ON_OPENING,
            known_heads=heads,
            with_evidence=with_evidence,
        )
        return check, store.info.title


def case_verdict_json(check: CustodyCheck) -> dict[str, object]:
    """The verdict as a JSON value.

    `ok` is true when case and evidence are unchanged, and the case is authenticated or
    adopted.
    """
    verdict = check.verdict
    return {
        "ok": check.is_intact and verdict.is_authenticated,
        "headline": verdict.headline,
        **asdict(verdict),
        "problems": list(verdict.problems),
        "evidence": None if check.evidence is None else asdict(check.evidence),
    }
