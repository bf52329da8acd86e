"""Are case and evidence unchanged since import? Checked on opening and before a report.

The case is compared with its audit log, the evidence files with the digests taken at
import. Evidence that is no longer where it was is reported as out of reach: that is no
change and no reason to stop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from btd_desktop.cases.model import CaseVerdict, EvidenceItem
from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.sources import open_evidence
from btd_desktop.digest import stream_digest
from btd_desktop.errors import CaseError, UnauthenticatedError
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.reports_beside import heads_beside
from btd_desktop.workflow.services import Services

ADOPTION = "The case was made on another computer and could not be authenticated here."
"""Every report uses these words, by which `btd verify` finds the statement."""
BEFORE_REPORT = "before the report"
BEFORE_ADOPTION = "before its adoption"
ON_OPENING = "on opening"

_STAGE = "Checking the evidence"
_MOST_NAMED = 20  # names and problems in one audit entry; the counts are complete


@dataclass(frozen=True, slots=True)
class EvidenceCheck:
    """The evidence files of a case, digested again where they were imported from.

    Attributes:
        n_files: Files and archives that the case lists with a digest; members of
            archives are covered by the digest of their archive.
        n_unchanged: Those that still have that digest.
        changed: Names of those that have another digest.
        unreachable: Names of those that are gone or cannot be read.
        n_without_digest: Entries without a digest: the import could not read them.
    """

    n_files: int
    n_unchanged: int
    changed: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    n_without_digest: int = 0

    @property
    def summary(self) -> str:
        """The result in words."""
        if not self.n_files:
            return "no evidence file is listed with a digest"
        parts = [f"{self.n_unchanged} of {self.n_files} evidence files unchanged"]
        if self.changed:
            parts.append(f"{len(self.changed)} CHANGED")
        if self.unreachable:
            parts.append(f"{len(self.unreachable)} out of reach")
        return ", ".join(parts)

    def sentences(self) -> tuple[str, ...]:
        """What a reader of results must know of it, without naming a file."""
        told = []
        if self.changed:
            told.append(
                f"{len(self.changed)} of {self.n_files} evidence files no longer had "
                "the digest of their import when the report was written; the audit log "
                "names them. The results rest on the content that was imported, which "
                "the case holds unchanged."
            )
        if self.unreachable:
            told.append(
                f"{len(self.unreachable)} of {self.n_files} evidence files were out of "
                "reach when the report was written and were not compared again. The "
                "results rest on the content that was imported, which the case holds "
                "unchanged."
            )
        return tuple(told)


@dataclass(frozen=True, slots=True)
class CustodyCheck:
    """A case and its evidence, compared with what was recorded.

    Attributes:
        verdict: Verdict on the case folder.
        evidence: Check of the evidence files; None when it was not asked for.
    """

    verdict: CaseVerdict
    evidence: EvidenceCheck | None

    @property
    def is_intact(self) -> bool:
        """The case is intact, and no evidence file within reach has changed."""
        return self.verdict.is_intact and not (self.evidence and self.evidence.changed)

    @property
    def summary(self) -> str:
        """The result in words."""
        n = len(self.verdict.problems)
        words = f"case {self.verdict.headline}"
        if not self.verdict.is_intact:
            words = f"{n} PROBLEMS of the case"
        elif self.verdict.authentication == "authenticated":
            words = "case intact"
        return f"{words}; {self.evidence.summary}" if self.evidence else words

    def sentences(self) -> tuple[str, ...]:
        """What a reader of results must know of it, without naming a file."""
        told: tuple[str, ...] = ()
        adoption = self.verdict.adoption
        if adoption is not None:
            told = (
                f"{ADOPTION} {adoption.actor} adopted it on {adoption.utc} (audit "
                f"entry {adoption.seq}), giving as reason: “{adoption.reason}”. What "
                "the case held by then rests on the word of whoever handed it over.",
            )
        if not self.verdict.audit_complete:
            told += (
                "The audit log of the case does not end as this computer or an earlier "
                "report saw it end: the case is an older or another copy, and later "
                "work on it may be missing here.",
            )
        return told + (() if self.evidence is None else self.evidence.sentences())

    def to_json(self) -> dict[str, object]:
        """JSON value, as the audit log keeps it: counts, and the first names."""
        evidence = None
        if self.evidence is not None:
            evidence = {
                **asdict(self.evidence),
                "n_changed": len(self.evidence.changed),
                "n_unreachable": len(self.evidence.unreachable),
                "changed": list(self.evidence.changed[:_MOST_NAMED]),
                "unreachable": list(self.evidence.unreachable[:_MOST_NAMED]),
            }
        return {
            "summary": self.summary,
            "case_intact": self.verdict.is_intact,
            "authentication": self.verdict.authentication,
            "problems": list(self.verdict.problems[:_MOST_NAMED]),
            "evidence": evidence,
        }


def check_evidence(store: CaseStore, context: TaskContext) -> EvidenceCheck:
    """Digest the evidence again where it was imported from; nothing is written.

    Raises:
        Cancelled: The examiner asked to stop.
    """
    files, n_without = _files(store.evidence())
    changed, unreachable = [], []
    for done, (path, (name, digests)) in enumerate(files.items()):
        context.report(done, len(files), _STAGE)
        found = digest_now(path)
        if not found:
            unreachable.append(name)
        elif found not in digests:
            changed.append(name)
    n_unchanged = len(files) - len(changed) - len(unreachable)
    return EvidenceCheck(
        len(files), n_unchanged, tuple(changed), tuple(unreachable), n_without
    )


def check_custody(
    store: CaseStore,
    services: Services,
    context: TaskContext,
    moment: str,
    *,
    known_heads: Mapping[str, str] | None = None,
    with_evidence: bool = True,
) -> CustodyCheck:
    """Check a case and its evidence, and record the result where that is possible.

    Args:
        store: Open case; the audit log gets an entry when it is open for writing.
        services: Clock.
        context: Progress and cancellation.
        moment: `ON_OPENING`, `BEFORE_REPORT` or `BEFORE_ADOPTION`, for the log.
        known_heads: Audit heads printed in reports at hand, with words for the report;
            reports in the case folder are read without being named here.
        with_evidence: Digest the evidence files as well.

    Raises:
        CaseError: The result cannot be recorded.
        Cancelled: The examiner asked to stop.
    """
    verdict = store.verify({**heads_beside(store), **(known_heads or {})}, context)
    evidence = check_evidence(store, context) if with_evidence else None
    check = CustodyCheck(verdict, evidence)
    if not store.read_only:
        store.append_audit(
            f"case checked {moment}", check.to_json(), store.actor, services.now()
        )
    return check


def refuse_altered(check: CustodyCheck, folder: Path) -> None:
    """Refuse to go on with a case whose content is not what its log says.

    A log that ends too early is reported and recorded but no reason to refuse: whoever
    had to go back to a backup must be able to work.

    Raises:
        CaseError: Log, records or arrays were altered.
    """
    verdict = check.verdict
    if verdict.audit_intact and verdict.arrays_intact and verdict.records_intact:
        return
    more = len(verdict.problems) - 1
    raise CaseError(
        f"the case {folder} was altered: {verdict.problems[0]}"
        + (f" (and {more} more problems)" if more else ""),
        hint="See all with `btd verify-case`; go back to an unaltered copy.",
        code="case-altered",
    )


def require_authenticated(
    store: CaseStore, reason: str, services: Services, context: TaskContext
) -> None:
    """Refuse a case that this computer did not seal, or adopt it.

    Args:
        store: Case open for writing.
        reason: Why the examiner adopts the case as it is; "" adopts nothing.
        services: Clock.
        context: Progress and cancellation.

    Raises:
        UnauthenticatedError: It is not authenticated and there is no reason.
        CaseError: The case was altered: only one that agrees with itself is adopted.
        Cancelled: The examiner asked to stop; nothing is adopted.
    """
    if store.authentication()[0] != "not authenticated":
        return
    if not reason.strip():
        raise UnauthenticatedError(
            f"the case {store.folder} is NOT AUTHENTICATED: its audit log was not"
            " sealed with this computer's key, so whoever had the folder may have"
            " written all of it; no report is signed over it",
            hint="If you know where it comes from, adopt it and say why: in the"
            " report's dialog, or with btd report --adopt-unauthenticated REASON.",
            code="case-not-authenticated",
        )
    refuse_altered(
        check_custody(store, services, context, BEFORE_ADOPTION), store.folder
    )
    store.adopt(reason, store.actor, services.now())


def open_checked(folder: Path, services: Services, context: TaskContext) -> CaseStore:
    """Open a case for writing, compared with its log and with its evidence.

    Raises:
        CaseError: It cannot be opened, or was altered.
        Cancelled: The examiner asked to stop.
    """
    store = CaseStore.open(folder)
    try:
        refuse_altered(check_custody(store, services, context, ON_OPENING), folder)
    except BaseException:
        store.close()
        raise
    return store


def _files(
    evidence: Sequence[EvidenceItem],
) -> tuple[dict[str, tuple[str, set[str]]], int]:
    """Path → name and digests recorded for it, and how many entries have no digest."""
    archives = {item.path for item in evidence if item.is_container}
    files: dict[str, tuple[str, set[str]]] = {}
    n_without = 0
    for item in evidence:
        if item.path in archives and not item.is_container:
            continue
        if not item.sha256:
            n_without += 1
            continue
        # A file that was imported twice has two records; either digest will do.
        files.setdefault(item.path, (item.name, set()))[1].add(item.sha256)
    return files, n_without


def digest_now(path: str) -> str:
    """Digest of a file as it is now; "" when it is out of reach."""
    # A relative path would mean another file in every folder it is read from.
    if not Path(path).is_absolute():
        return ""
    try:
        with open_evidence(path) as stream:
            return stream_digest(stream)[0]
    except (OSError, ValueError):
        return ""
