"""Pack a case into one file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from btd_desktop import __version__
from btd_desktop.cases import audit
from btd_desktop.cases.database import DATABASE_NAME
from btd_desktop.cases.files import open_part
from btd_desktop.cases.model import EvidenceItem
from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.sources import open_evidence
from btd_desktop.digest import bytes_digest, stream_digest
from btd_desktop.errors import CaseError
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.custody import (
    check_custody,
    refuse_altered,
    require_authenticated,
)
from btd_desktop.workflow.portable.container import (
    Manifest,
    Opener,
    Part,
    write_bundle,
)
from btd_desktop.workflow.services import Services

BEFORE_PACKING = "before it was packed"
_ACTION = "case packed"

Parts = dict[str, tuple[Part, Opener]]


@dataclass(frozen=True, slots=True)
class PackedCase:
    """A bundle that was written.

    Attributes:
        path: The file.
        sha256: Its digest.
        manifest_sha256: Digest of its manifest, which covers every part.
        n_parts: Files in it, the manifest left out.
        n_evidence: Evidence files among them.
    """

    path: Path
    sha256: str
    manifest_sha256: str
    n_parts: int
    n_evidence: int


def pack_case(
    folder: Path,
    out: Path,
    services: Services,
    context: TaskContext,
    *,
    with_evidence: bool = False,
) -> PackedCase:
    """Write a case, its reports and, if wanted, its evidence into one file; log it.

    Raises:
        UnauthenticatedError: This computer did not seal the case, and nobody adopted
            it.
        CaseError: The case was altered, evidence is out of reach or changed, or the
            file exists or cannot be written.
        Cancelled: The examiner asked to stop; there is no file.
    """
    if out.exists():
        raise CaseError(
            f"{out} exists",
            hint="nothing is overwritten: choose another name",
            code="exists",
        )
    with CaseStore.open(folder) as store:
        require_authenticated(store, "", services, context)
        check = check_custody(
            store, services, context, BEFORE_PACKING, with_evidence=False
        )
        refuse_altered(check, folder)
        evidence = _evidence_parts(store, context) if with_evidence else {}
        now = services.now()
        told = {"n_evidence": len(evidence), "software": __version__}
        store.append_audit(_ACTION, told, store.actor, now)
        case_id, (n_entries, head) = store.info.case_id, store.head()
        reports = [record.path_name for record in store.reports()]
    # Closed: the database is one file now, without a log beside it.
    parts = {**_case_parts(folder, reports, context), **evidence}
    manifest = Manifest(
        case_id,
        audit.utc_text(now),
        __version__,
        n_entries,
        head,
        tuple(part for _, (part, _) in sorted(parts.items())),
    ).to_bytes()
    sha256 = _write(out, manifest, parts, context)
    return PackedCase(out, sha256, bytes_digest(manifest), len(parts), len(evidence))


def evidence_files(store: CaseStore) -> list[EvidenceItem]:
    """Files and archives that a case received; members lie in their archive."""
    evidence = store.evidence()
    archives = {item.path for item in evidence if item.is_container}
    return [i for i in evidence if i.is_container or i.path not in archives]


def _evidence_parts(store: CaseStore, context: TaskContext) -> Parts:
    parts: Parts = {}
    digests: set[str] = set()
    items = evidence_files(store)
    for number, item in enumerate(items):
        context.report(number, len(items), "Reading the evidence")
        if not item.sha256 or item.sha256 in digests:
            continue
        opener = _evidence_opener(item.path)
        try:
            with opener() as stream:
                found, size = stream_digest(stream)
        except OSError as error:
            raise CaseError(
                f"the evidence file {item.name} is out of reach:"
                f" {error.strerror or error}",
                hint="connect it where it was imported from, or pack without evidence",
                code="evidence-unreachable",
            ) from error
        if found != item.sha256:
            raise CaseError(
                f"the evidence file {item.name} has changed since it was imported",
                hint="put back the original, or pack without evidence",
                code="evidence-changed",
            )
        digests.add(found)
        name = f"evidence/{len(parts) + 1:06d}"
        parts[name] = Part(name, size, found), opener
    return parts


def _case_parts(folder: Path, reports: Sequence[str], context: TaskContext) -> Parts:
    """Database, arrays and recorded reports of a closed case."""
    names = [DATABASE_NAME]
    names += [f"arrays/{p.name}" for p in sorted((folder / "arrays").glob("*.npy"))]
    # A report that was written elsewhere, or moved away, is not in the folder.
    names += [name for name in dict.fromkeys(reports) if (folder / name).is_file()]
    parts: Parts = {}
    for number, inside in enumerate(names):
        context.report(number, len(names), "Reading the case")
        name, opener = f"case/{inside}", _part_opener(folder, inside)
        with opener() as stream:
            sha256, size = stream_digest(stream)
        parts[name] = Part(name, size, sha256), opener
    return parts


def _evidence_opener(path: str) -> Opener:
    return lambda: open_evidence(path)


def _part_opener(folder: Path, name: str) -> Opener:
    return lambda: os.fdopen(open_part(folder / name, folder), "rb")


def _write(out: Path, manifest: bytes, parts: Parts, context: TaskContext) -> str:
    meanwhile = out.with_name(f"{out.name}.part")
    openers = {name: (part.size_bytes, open_) for name, (part, open_) in parts.items()}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with meanwhile.open("wb") as stream:
            sha256 = write_bundle(stream, manifest, openers, context)
            stream.flush()
            os.fsync(stream.fileno())
        meanwhile.replace(out)
    except OSError as error:
        meanwhile.unlink(missing_ok=True)
        raise CaseError(
            f"{out} cannot be written: {error.strerror or error}",
            hint="choose a folder with room that you may write to",
            code="not-writable",
        ) from error
    except BaseException:
        meanwhile.unlink(missing_ok=True)
        raise
    return sha256
