"""Open a portable case: every digest first, then the case, for reading only."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.sources import Source
from btd_desktop.digest import bytes_digest, stream_digest
from btd_desktop.errors import CaseError
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.custody import CustodyCheck, EvidenceCheck
from btd_desktop.workflow.portable.container import (
    MANIFEST_NAME,
    UNREADABLE,
    Manifest,
    Members,
    Opener,
    open_member,
    open_members,
    read_manifest,
    write_bundle,
)
from btd_desktop.workflow.portable.packing import evidence_files
from btd_desktop.workflow.reports_beside import heads_beside

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class BundleCheck:
    """A bundle, compared with its manifest.

    Attributes:
        manifest: The manifest; None when it cannot be used.
        manifest_sha256: Its digest; "" when it cannot be used.
        problems: What was altered, a sentence each; empty for an unaltered bundle.
    """

    manifest: Manifest | None
    manifest_sha256: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PortableVerdict:
    """What is to be said of a bundle.

    Attributes:
        bundle: The file, compared with its manifest.
        check: The case in it and its evidence; None where the file was altered.
        title: Of the case.
    """

    bundle: BundleCheck
    check: CustodyCheck | None
    title: str


def check_bundle(path: Path, into: Path | None, context: TaskContext) -> BundleCheck:
    """Compare a bundle with its manifest, and take its parts out if that is wanted.

    Args:
        path: The bundle.
        into: An empty folder that gets the parts as they are read; None takes none.
        context: Progress and cancellation.

    Raises:
        CaseError: It is refused, see `container.open_members`.
        Cancelled: The examiner asked to stop.
    """
    members = open_members(path)
    try:
        manifest, data = read_manifest(members)
        if manifest is None:
            words = f"{MANIFEST_NAME} was altered: it is none that this program writes"
            return BundleCheck(None, "", (words,))
        problems = list(_differences(members, manifest, into, context))
        if not problems and not _is_as_written(members, manifest, data):
            problems.append(
                "the file was altered between its parts: its bytes are not those that"
                " its parts give"
            )
        return BundleCheck(manifest, bytes_digest(data), tuple(problems))
    finally:
        members.opened.close()


class PortableCase(CaseStore):
    """The case of a bundle: a snapshot in a private folder that goes with it."""

    def close(self) -> None:
        """Close the case and remove its folder."""
        super().close()
        shutil.rmtree(self.folder.parent, ignore_errors=True)


def open_portable(path: Path, context: TaskContext) -> PortableCase:
    """The case of a bundle, open for reading only, after every digest was compared.

    Raises:
        CaseError: The bundle was altered, or is refused.
        Cancelled: The examiner asked to stop.
    """
    folder = Path(tempfile.mkdtemp(prefix="btd-case-"))
    try:
        _refuse_altered(path, check_bundle(path, folder, context).problems)
        store = PortableCase.open(folder / "case", read_only=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    # Where nobody closes it, it goes when the program ends.
    weakref.finalize(store, shutil.rmtree, folder, ignore_errors=True)
    return cast(PortableCase, store)


def verify_portable(
    path: Path, heads: Mapping[str, str], context: TaskContext
) -> PortableVerdict:
    """Verdict on a bundle, on the case in it and on the evidence in it.

    Args:
        path: The bundle.
        heads: Audit heads printed in reports at hand, with words for the report;
            reports inside the bundle are read without being named here.
        context: Progress and cancellation.

    Raises:
        CaseError: It is refused, or the case in it cannot be opened.
        Cancelled: The examiner asked to stop.
    """
    with tempfile.TemporaryDirectory(prefix="btd-case-") as name:
        folder = Path(name)
        bundle = check_bundle(path, folder, context)
        if bundle.problems or bundle.manifest is None:
            return PortableVerdict(bundle, None, "")
        with CaseStore.open(folder / "case", read_only=True) as store:
            verdict = store.verify({**heads_beside(store), **heads}, context)
            evidence = evidence_inside(store, bundle.manifest)
            check = CustodyCheck(verdict, evidence)
            return PortableVerdict(bundle, check, store.info.title)


def unpack_case(path: Path, out: Path, context: TaskContext) -> BundleCheck:
    """Take a bundle apart into a new folder, for work on the case or the evidence.

    Raises:
        CaseError: The bundle was altered or is refused, or the folder exists; nothing
            is left.
        Cancelled: The examiner asked to stop; nothing is left.
    """
    if out.exists():
        raise CaseError(
            f"{out} exists", hint="choose the name of a new folder", code="exists"
        )
    try:
        out.mkdir(parents=True)
        check = check_bundle(path, out, context)
        _refuse_altered(path, check.problems)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise
    return check


def evidence_inside(store: CaseStore, manifest: Manifest) -> EvidenceCheck:
    """The evidence of a case, looked for by digest among the parts of its bundle."""
    held = {p.sha256 for p in manifest.parts if p.name.startswith("evidence/")}
    wanted = {item.sha256: item.name for item in evidence_files(store) if item.sha256}
    missing = tuple(name for digest, name in wanted.items() if digest not in held)
    return EvidenceCheck(len(wanted), len(wanted) - len(missing), (), missing)


def _refuse_altered(path: Path, problems: Sequence[str]) -> None:
    if not problems:
        return
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    raise CaseError(
        f"the portable case {path.name} was altered: {problems[0]}{more}",
        hint="See all with `btd verify-case`; ask for an unaltered copy.",
        code="bundle-altered",
    )


def _differences(
    members: Members, manifest: Manifest, into: Path | None, context: TaskContext
) -> Iterator[str]:
    listed = {part.name: part for part in manifest.parts}
    held = members.by_name
    for name in sorted(listed.keys() - held.keys()):
        yield f"{name} is missing"
    for name in sorted(held.keys() - listed.keys() - {MANIFEST_NAME}):
        yield f"{name} was added: the manifest does not name it"
    known = sorted(listed.keys() & held.keys())
    for number, name in enumerate(known):
        context.report(number, len(known), "Comparing digests")
        part = listed[name]
        try:
            found = _taken_out(held[name], None if into is None else into / name)
        except UNREADABLE as error:
            yield f"{name} was altered: it cannot be read ({str(error)[:80]})"
            continue
        if found != (part.sha256, part.size_bytes):
            yield (
                f"{name} was altered: its SHA-256 is {found[0]}, the manifest has "
                f"{part.sha256}"
            )


def _taken_out(member: Source, target: Path | None) -> tuple[str, int]:
    """Digest and size of a member, copied to a new file where one is named."""
    if target is None:
        with open_member(member) as stream:
            return stream_digest(stream)
    # Names are matched when the bundle is opened: none leads out of the folder.
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with open_member(member) as stream, target.open("xb") as copy:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            copy.write(chunk)
    return digest.hexdigest(), size


def _is_as_written(members: Members, manifest: Manifest, data: bytes) -> bool:
    """True when the bundle, written again from its parts, has the same bytes."""
    openers = {
        part.name: (part.size_bytes, _opener(members.by_name[part.name]))
        for part in manifest.parts
    }
    again = write_bundle(None, data, openers, TaskContext())
    members.opened.stream.seek(0)
    return again == stream_digest(cast(BinaryIO, members.opened.stream))[0]


def _opener(member: Source) -> Opener:
    return lambda: open_member(member)
