"""Verdicts on reports and cases in plain words, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from btd_desktop.cases.model import CaseVerdict
from btd_desktop.workflow.verify import (
    adoption_in,
    marks_in,
    standing_in,
    standings,
)

if TYPE_CHECKING:
    from btd_desktop.report.verification import ReportVerdict


_STATES = {
    "final": "The report calls itself final.",
    "draft": "DRAFT, not for use in proceedings.",
    "demonstration": "Demonstration, not an examination.",
}
_PAGES_OK = {"agree": True, "differ": False, "not compared": None}


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One thing that was checked.

    Attributes:
        name: What was checked.
        ok: Passed or failed; None for a statement, or when it could not be checked.
        words: The result in a sentence.
    """

    name: str
    ok: bool | None
    words: str


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """A verdict in words.

    Attributes:
        headline: The verdict in one sentence.
        ok: True when the verdict is good.
        lines: What was checked.
        problems: Every reason against it, as sentences.
    """

    headline: str
    ok: bool
    lines: tuple[CheckLine, ...]
    problems: tuple[str, ...]


def report_words(verdict: ReportVerdict) -> VerdictWords:
    """The verdict on a report."""
    return VerdictWords(
        _report_headline(verdict),
        verdict.ok,
        _report_lines(verdict),
        verdict.problems,
    )


def case_words(verdict: CaseVerdict) -> VerdictWords:
    """The verdict on a case."""
    headline = "The case was altered, or is not complete."
    if verdict.is_intact:
        headline = {
            "authenticated": "The case is unchanged as far as it can be checked here.",
            "adopted": "The case is unchanged since it was adopted.",
            "not authenticated": "NOT AUTHENTICATED: the case agrees with itself, but "
            "was not sealed with this computer's key.",
        }[verdict.authentication]
    ok = verdict.is_intact and verdict.is_authenticated
    return VerdictWords(headline, ok, _case_lines(verdict), tuple(verdict.problems))


def _checked(name: str, ok: bool, passed: str, failed: str) -> CheckLine:
    return CheckLine(name, ok, passed if ok else failed)


def _report_headline(verdict: ReportVerdict) -> str:
    if not verdict.is_signed:
        return "This file is not a signed report: nothing vouches for its content."
    if not verdict.ok:
        return f"Do not rely on this report: {_first_reason(verdict)}."
    words = "The report is unchanged since it was signed."
    if verdict.evidence_checked:
        words = (
            "The report is unchanged, and the evidence is the evidence it describes."
        )
    if not verdict.trusted:
        words += " Who signed it is not validated."
    return words


def _first_reason(verdict: ReportVerdict) -> str:
    """The gravest reason against a report, as the end of a sentence."""
    if not verdict.is_unchanged:
        return "it was changed after it was signed"
    if verdict.active_content:
        return "it holds content that acts or lies over its pages"
    if not (verdict.twin_present and verdict.twin_matches_print):
        return "the data inside are not those that it states"
    if verdict.pages.outcome == "differ":
        return "its pages differ from the data inside"
    if verdict.evidence_matches is False:
        return "the evidence is not the evidence that it describes"
    if verdict.signer_revoked:
        return "the signer's certificate was revoked"
    if verdict.signer_refused:
        return "who signed it is none of those whom you trust"
    return "it does not verify"


def _report_lines(verdict: ReportVerdict) -> tuple[CheckLine, ...]:
    """What was checked of a report, line by line."""
    if not verdict.is_signed:
        return (CheckLine("Signature", False, "The file holds no signature."),)
    return (
        _checked(
            "Unchanged",
            verdict.is_unchanged,
            "Nothing was changed since it was signed, by whoever signed it."
            if not verdict.trusted
            else "Nothing was changed since it was signed.",
            "The document was changed after signing.",
        ),
        _checked(
            "Signature fits",
            verdict.valid,
            "The signature was made with the key of the certificate it names.",
            "The signature does not fit the certificate.",
        ),
        CheckLine("Later revisions", verdict.is_covered, verdict.later_changes),
        CheckLine(
            "Signer", False if verdict.signer_refused else None,
            _signer_words(verdict),
        ),
        CheckLine("Fingerprint", None, _grouped(verdict.fingerprint_sha256)),
        *_time_lines(verdict),
        _checked(
            "Active content",
            not verdict.active_content,
            "None: nothing acts or lies over the pages.",
            "The document holds what a report never does; it is named below.",
        ),
        CheckLine(
            "Data inside",
            verdict.twin_present and verdict.twin_matches_print,
            _twin_words(verdict),
        ),
        CheckLine(
            "Pages", _PAGES_OK[verdict.pages.outcome], verdict.pages.words
        ),
        _evidence_line(verdict),
        *_stated_lines(verdict),
    )  # fmt: skip


def _time_lines(verdict: ReportVerdict) -> list[CheckLine]:
    """When it was signed, by the signer's clock and by those who stamped the time."""
    when = "Not stated" if verdict.signed_at is None else _moment(verdict.signed_at)
    stamps = [item for item in verdict.later if item.kind == "time-stamp"]
    own = "by the signer's own clock" + (
        "." if stamps else "; nobody else vouches for it."
    )
    lines = [CheckLine("Time", None, f"{when}, {own}")]
    for stamp in stamps:
        at = "" if stamp.time is None else _moment(stamp.time)
        who = (
            f"{stamp.name}, certified by an authority that you trust"
            if stamp.trusted
            else f"{stamp.name}, who is not validated"
        )
        words = f"In existence by {at}, by the word of {who}."
        lines.append(CheckLine("Time-stamp", stamp.trusted or None, words))
    return lines


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S %Z").strip()


def _signer_words(verdict: ReportVerdict) -> str:
    name = verdict.signer or "not named"
    if verdict.trusted:
        return f"{name}, certified by an authority that you trust."
    if verdict.signer_refused:
        return f"{name}, whose certificate leads to none that you trust."
    if verdict.self_signed:
        return (
            f"{name}. Nobody else certified the key: the name is the signer's own "
            "claim. Compare the fingerprint with one received another way."
        )
    return (
        f"{name}. No authority that you chose vouches for the certificate: the name is "
        "a claim. Compare the fingerprint with one received another way."
    )


def _twin_words(verdict: ReportVerdict) -> str:
    if not verdict.twin_present:
        return "The machine-readable copy of the results is missing."
    if not verdict.twin_matches_print:
        return "The machine-readable copy is not the one that the report states."
    return (
        "The machine-readable copy of the results, as signed, is the one that the "
        "document states."
    )


def _evidence_line(verdict: ReportVerdict) -> CheckLine:
    if verdict.evidence_matches is None:
        return CheckLine(
            "Evidence", None, "Not compared: no evidence was given to compare."
        )
    if verdict.evidence_matches:
        n = verdict.n_evidence_compared
        files = f"All {n} files are" if n != 1 else "The file is"
        return CheckLine("Evidence", True, f"{files} there with the digests listed.")
    n = len(verdict.evidence_problems)
    return CheckLine(
        "Evidence", False, f"{n} difference{'s' if n != 1 else ''}, listed below."
    )


def _grouped(digest: str) -> str:
    return " ".join(digest[i : i + 8] for i in range(0, len(digest), 8))


def _stated_lines(verdict: ReportVerdict) -> list[CheckLine]:
    """What the report says of itself; nothing where it is not to be relied on.

    State, examiner's marks, adoption of the case, and its models and profiles compared
    with those of this version.
    """
    # That the evidence is other evidence is no reason against what the report says.
    of_evidence = {problem.sentence for problem in verdict.evidence_problems}
    if not verdict.is_unchanged or set(verdict.problems) - of_evidence:
        return []
    twin = verdict.twin
    lines = []
    if state := _STATES.get(standing_in(twin)):
        lines.append(CheckLine("State", None, state))
    lines += [CheckLine("Marks", None, sentence) for sentence in marks_in(twin)]
    models, profiles = standings(verdict)
    lines += [CheckLine("Model", None, s.sentence) for s in models]
    lines += [CheckLine("Calibration", None, s.sentence) for s in profiles]
    adoption = adoption_in(twin)
    return lines + ([CheckLine("Case", None, adoption)] if adoption else [])


def _case_lines(verdict: CaseVerdict) -> tuple[CheckLine, ...]:
    key_words = {
        "verified": "Every entry was made with this computer's key.",
        "partly": "Some entries were made with another computer's key, so for them "
        "only the chain itself could be checked.",
        "not checkable": "The entries were made with another computer's key, so only "
        "the chain itself could be checked, which a forger can rebuild.",
        "failed": "An entry claims this computer's key and was not made with it.",
    }
    key_ok = {"verified": True, "failed": False}.get(verdict.key_check)
    return (
        _checked(
            "Audit log",
            verdict.audit_intact,
            f"{verdict.n_entries:,} entries; none was edited, inserted or reordered.",
            "Entries were edited, inserted, reordered or removed.",
        ),
        _checked(
            "End of the log",
            verdict.audit_complete,
            "Nothing is missing at the end.",
            "Entries are missing at the end.",
        ),
        CheckLine("Key", key_ok, key_words[verdict.key_check]),
        _checked(
            "Records",
            verdict.records_intact,
            "Every record is what the log says it was.",
            "Records differ from what the log says.",
        ),
        _checked(
            "Voxels and maps",
            verdict.arrays_intact,
            "All are there and have their digests.",
            "Some are missing or altered.",
        ),
        _checked(
            "Reports in the case folder",
            verdict.reports_intact,
            "Each is the one that was issued.",
            "One was changed or exchanged after it was issued.",
        ),
        CheckLine("Head of the log", None, _grouped(verdict.head)),
    )
