"""Evidence to ordered volumes: the one door of this package.

Every file ends in exactly one `FileRecord`. Files are read once: the bytes that are
hashed are the bytes that are parsed. Results do not depend on which parsing process
finished first.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Final

from numpy.typing import NDArray

from btd_desktop.dicom import archive, btd_layout
from btd_desktop.dicom.assemble import Instance, assemble_series, series_key
from btd_desktop.dicom.dicomdir import judge_references
from btd_desktop.dicom.grids import load_grid
from btd_desktop.dicom.limits import DEFAULT_LIMITS, Limits
from btd_desktop.dicom.parsed import ParsedFile, RejectedFileError
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.dicom.series import (
    Fate,
    FileRecord,
    Import,
    LoadedSeries,
    SeriesFinding,
)
from btd_desktop.dicom.sniff import HEAD_BYTES, Kind
from btd_desktop.dicom.sources import (
    Received,
    Source,
    list_sources,
    open_evidence,
    receive,
)
from btd_desktop.dicom.volume_file import companion_name
from btd_desktop.digest import array_digest, file_digest
from btd_desktop.progress import TaskContext

__all__ = ["DEFAULT_LIMITS", "Limits", "import_evidence", "summarise_fates"]

_STAGE: Final = "Reading files"
_TURN_S: Final = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome:
    """One source, read and parsed."""

    record: FileRecord
    kind: Kind
    parsed: ParsedFile | None
    companion: str | None = None
    index: tuple[btd_layout.IndexRow, ...] = ()


def import_evidence(
    paths: Sequence[Path], context: TaskContext, *, limits: Limits = DEFAULT_LIMITS
) -> Import:
    """Series, and the fate of every file, below the given paths.

    Args:
        paths: Folders, files, ZIP archives, DICOMDIRs.
        context: Progress and cancellation; reported once per file.
        limits: Ceilings for hostile input.

    Returns:
        The import. `series` is empty when nothing can be examined; the records say
        why.

    Raises:
        EvidenceError: A path does not exist, or holds far too many files.
        Cancelled: The examiner asked to stop.
    """
    context.report(0, 0, "Listing files")
    with contextlib.ExitStack() as closing:
        sources, containers = _expand_archives(
            list_sources(paths, limits), limits, closing, context
        )
        outcomes = _read_all(sources, limits, context)
    context.report(len(sources), len(sources), "Ordering slices")
    outcomes = _account_for_companions(outcomes)
    outcomes, repeated = _mark_duplicates(outcomes)
    outcomes = _judge_directories(outcomes)
    return Import(
        series=tuple(_build_series(outcomes, repeated)),
        files=tuple(outcome.record for outcome in outcomes),
        containers=tuple(containers),
    )


def summarise_fates(files: Iterable[FileRecord]) -> dict[str, int]:
    """Number of files per fate, every fate present."""
    counts = {fate.value: 0 for fate in Fate}
    for record in files:
        counts[record.fate.value] += 1
    return counts


def _expand_archives(
    sources: list[Source],
    limits: Limits,
    closing: contextlib.ExitStack,
    context: TaskContext,
) -> tuple[list[Source], list[FileRecord]]:
    expanded: list[Source] = []
    containers: list[FileRecord] = []
    for source in sources:
        context.check()
        if not archive.is_archive(source):
            expanded.append(source)
            continue
        try:
            opened = archive.open_archive(source, limits)
            sha256, size = file_digest(Path(source.path))
        except RejectedFileError as rejected:
            expanded.append(replace(source, fate=rejected.fate, reason=rejected.reason))
            continue
        except OSError as error:
            reason = f"The archive cannot be read ({error.strerror})."
            expanded.append(replace(source, fate=Fate.REFUSED, reason=reason))
            continue
        closing.callback(opened.archive.close)
        expanded.extend(opened.members)
        record = FileRecord(
            source.name, source.path, size, sha256, "", Fate.ACCEPTED, "", "", ""
        )
        containers.append(record)
    return expanded, containers


def _read_all(
    sources: list[Source], limits: Limits, context: TaskContext
) -> list[_Outcome]:
    """Outcomes in the order of the sources; reading runs in a few threads."""
    done: queue.Queue[tuple[int, _Outcome] | BaseException] = queue.Queue()
    turn: Iterator[tuple[int, Source]] = iter(enumerate(sources))
    lock, stop = threading.Lock(), threading.Event()
    sandboxes = [Sandbox(limits) for _ in range(min(limits.workers, len(sources)))]

    def serve(sandbox: Sandbox) -> None:
        try:
            while not stop.is_set():
                with lock:
                    step = next(turn, None)
                if step is None:
                    return
                done.put((step[0], _read_one(step[1], sandbox, limits)))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            done.put(error)

    threads = [
        threading.Thread(target=serve, args=(sandbox,), name="btd-import")
        for sandbox in sandboxes
    ]
    outcomes: dict[int, _Outcome] = {}
    try:
        for thread in threads:
            thread.start()
        while len(outcomes) < len(sources):
            context.check()
            try:
                item = done.get(timeout=_TURN_S)
            except queue.Empty:
                continue
            if isinstance(item, BaseException):
                raise item
            outcomes[item[0]] = item[1]
            context.report(len(outcomes), len(sources), _STAGE)
    finally:
        stop.set()
        for sandbox in sandboxes:
            sandbox.close()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    return [outcomes[index] for index in range(len(sources))]


def _read_one(source: Source, sandbox: Sandbox, limits: Limits) -> _Outcome:
    received = receive(source, limits)
    if received.fate is not Fate.ACCEPTED:
        return _rejected(source, received, received.fate, received.reason)
    kind = received.kind
    if kind is Kind.OTHER:
        reason = f"Not a scan: {received.looks_like}."
        return _rejected(source, received, Fate.NOT_AN_IMAGE, reason)
    if kind is Kind.ZIP:
        reason = source.reason or "An archive inside an archive is not opened."
        return _rejected(source, received, Fate.REFUSED, reason)
    if kind is Kind.CSV:
        return _read_index(source, received)
    return _parse(source, received, sandbox, limits)


def _rejected(source: Source, received: Received, fate: Fate, reason: str) -> _Outcome:
    return _Outcome(_record(source, received, fate, reason), received.kind, None)


def _read_index(source: Source, received: Received) -> _Outcome:
    rows = btd_layout.read_index(received.data)
    words = (
        f"An index of the published test sets: {len(rows)} labelled places."
        if rows
        else "Not a scan: a table."
    )
    record = _record(source, received, Fate.NOT_AN_IMAGE, words)
    return _Outcome(record, received.kind, None, index=rows)


def _parse(
    source: Source, received: Received, sandbox: Sandbox, limits: Limits
) -> _Outcome:
    companion, companion_path = b"", None
    suffix = ""
    if received.kind is Kind.VOLUME:
        suffix = _volume_suffix(source.name, received.data)
        companion, companion_path = _companion(source, received, limits)
    is_dicom = received.kind in (Kind.DICOM, Kind.DICOM_WITHOUT_PREAMBLE)
    parsed = sandbox.parse(
        "dicom" if is_dicom else received.kind.value,
        received.data,
        companion=companion,
        suffix=suffix,
    )
    record = _record(source, received, parsed.fate, parsed.reason)
    if parsed.facts is not None:
        record = replace(
            record,
            series_uid=parsed.facts.text.get("series_uid", ""),
            sop_instance_uid=parsed.facts.text.get("sop_instance_uid", ""),
        )
    if parsed.pixels is not None:
        record = replace(record, pixel_sha256=_pixel_digest(parsed.pixels))
    return _Outcome(record, received.kind, parsed, companion=companion_path)


def _pixel_digest(pixels: NDArray[Any]) -> str:
    # A single volume counts as (S, H, W), like the frames of one instance.
    return array_digest(pixels[0] if pixels.ndim == 4 and len(pixels) == 1 else pixels)


def _record(source: Source, received: Received, fate: Fate, reason: str) -> FileRecord:
    return FileRecord(
        name=source.name,
        path=source.path,
        size_bytes=received.size_bytes,
        sha256=received.sha256,
        pixel_sha256="",
        fate=fate,
        reason=reason,
        series_uid="",
        sop_instance_uid="",
    )


def _volume_suffix(name: str, data: bytes) -> str:
    lower = name.lower()
    if lower.endswith(".nii.gz") or data[:2] == b"\x1f\x8b":
        return ".nii.gz"
    if data.startswith(b"NRRD000"):
        return ".nhdr" if companion_name(data[:HEAD_BYTES]) else ".nrrd"
    if b"ElementDataFile" in data[:HEAD_BYTES]:
        return ".mhd" if companion_name(data[:HEAD_BYTES]) else ".mha"
    return ".nii"


def _companion(
    source: Source, received: Received, limits: Limits
) -> tuple[bytes, str | None]:
    """Detached data beside a header on disk; never outside its folder."""
    name = companion_name(received.data[:HEAD_BYTES])
    if name is None or source.is_member or PurePath(name).name != name:
        return b"", None
    if "\\" in name or ":" in name or name in (".", ".."):
        return b"", None
    path = str(Path(source.path).parent / name)
    try:
        with open_evidence(path) as stream:
            data = stream.read(limits.max_file_bytes + 1)
    except OSError:
        return b"", None
    return (data, path) if len(data) <= limits.max_file_bytes else (b"", None)


def _account_for_companions(outcomes: list[_Outcome]) -> list[_Outcome]:
    """Data files that were read with their header say so."""
    headers = {
        outcome.companion: outcome.record.name
        for outcome in outcomes
        if outcome.companion is not None
    }
    return [
        replace(
            outcome,
            record=replace(
                outcome.record,
                reason=f"Holds the values of {headers[outcome.record.path]}, with "
                "which it was read.",
            ),
        )
        if outcome.record.path in headers and outcome.record.fate is Fate.NOT_AN_IMAGE
        else outcome
        for outcome in outcomes
    ]


def _mark_duplicates(
    outcomes: list[_Outcome],
) -> tuple[list[_Outcome], dict[str, list[SeriesFinding]]]:
    """The first of equal instances stays; the others become duplicates of it."""
    first: dict[str, FileRecord] = {}
    marked: list[_Outcome] = []
    found: dict[str, list[SeriesFinding]] = {}
    for outcome in outcomes:
        record, parsed = outcome.record, outcome.parsed
        if record.fate is not Fate.ACCEPTED or parsed is None:
            marked.append(outcome)
            continue
        key = record.sop_instance_uid or f"sha256:{record.sha256}"
        original = first.setdefault(key, record)
        if original is record:
            marked.append(outcome)
            continue
        duplicate = replace(
            record, fate=Fate.DUPLICATE, reason=_why_duplicate(original, record)
        )
        marked.append(replace(outcome, record=duplicate, parsed=None))
        if original.pixel_sha256 != record.pixel_sha256 and parsed.facts is not None:
            sentence = (
                f"Two files claim the SOP Instance UID {key} with different pixels "
                f"({original.name} was used, {record.name} was not)."
            )
            finding = SeriesFinding("conflicting_copy", "warning", sentence, (key,))
            of_series = original.series_uid or series_key(original.name, parsed.facts)
            found.setdefault(of_series, []).append(finding)
    return marked, found


def _why_duplicate(original: FileRecord, record: FileRecord) -> str:
    if original.sha256 == record.sha256:
        return f"The same bytes as {original.name}."
    if original.pixel_sha256 == record.pixel_sha256:
        return (
            f"The same SOP Instance UID and pixels as {original.name}; other header "
            "or encoding."
        )
    return (
        f"The same SOP Instance UID as {original.name}, but its content DIFFERS: one "
        "of the two was altered."
    )


def _judge_directories(outcomes: list[_Outcome]) -> list[_Outcome]:
    names = [outcome.record.name for outcome in outcomes]
    judged = []
    for outcome in outcomes:
        parsed = outcome.parsed
        if parsed is not None and "references" in parsed.extra:
            words = judge_references(
                outcome.record.name, parsed.extra["references"], names
            )
            reason = f"{parsed.reason} {words}".strip()
            outcome = replace(outcome, record=replace(outcome.record, reason=reason))
        judged.append(outcome)
    return judged


def _build_series(
    outcomes: list[_Outcome], found: dict[str, list[SeriesFinding]]
) -> Iterator[LoadedSeries]:
    instances = [
        Instance(o.record.name, o.parsed.facts, o.parsed.pixels, o.record.pixel_sha256)
        for o in outcomes
        if o.record.fate is Fate.ACCEPTED
        and o.parsed is not None
        and o.parsed.facts is not None
        and o.parsed.pixels is not None
    ]
    yield from assemble_series(instances, found)
    labels = btd_layout.LabelledPlaces(
        [(o.record.name, o.index) for o in outcomes if o.index]
    )
    for outcome in outcomes:
        record, parsed = outcome.record, outcome.parsed
        if record.fate is not Fate.ACCEPTED or parsed is None:
            continue
        if parsed.facts is None and parsed.pixels is not None:
            yield from load_grid(
                record.name,
                record.sha256,
                outcome.kind.value,
                parsed.pixels,
                parsed.grid,
                labels.findings(record.name),
            )
