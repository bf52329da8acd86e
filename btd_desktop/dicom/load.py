"""Evidence to ordered volumes: the one door of this package.

Every file ends in exactly one `FileRecord`. Files are read once: the bytes that are
hashed are the bytes that are parsed. Results do not depend on which parsing process
finished first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from btd_desktop.dicom import archive, btd_layout
from btd_desktop.dicom.archive_file import FilePool
from btd_desktop.dicom.assemble import Instance, assemble_series
from btd_desktop.dicom.dicomdir import judge_references
from btd_desktop.dicom.duplicates import digest_of, mark_duplicates
from btd_desktop.dicom.grids import GridFile, load_grid
from btd_desktop.dicom.limits import DEFAULT_LIMITS, Limits
from btd_desktop.dicom.neighbours import Companion, with_companions
from btd_desktop.dicom.parsed import RejectedFileError, refused
from btd_desktop.dicom.reading import Outcome, read_all
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.dicom.series import (
    Fate,
    FileRecord,
    Import,
    LoadedSeries,
    SeriesFinding,
)
from btd_desktop.dicom.sources import Source, list_sources
from btd_desktop.digest import stream_digest
from btd_desktop.progress import TaskContext


def import_evidence(
    paths: Sequence[Path],
    context: TaskContext,
    *,
    limits: Limits = DEFAULT_LIMITS,
    ready: Sequence[Sandbox] = (),
    modality: str = "",
    wanted: Callable[[Source], bool] | None = None,
) -> Import:
    """Series, and the fate of every file, below the given paths.

    Args:
        paths: Folders, files, ZIP archives, DICOMDIRs.
        context: Progress and cancellation; reported once per file.
        limits: Ceilings for hostile input.
        ready: Parsing processes started before; used first, and closed in the end.
        modality: "CT" or "MR", stated by the examiner for files whose format does not
            name it; "" when nothing was stated.
        wanted: Which files and members are read; None for all. The others are not
            accounted for.

    Returns:
        The import. `series` is empty when nothing can be examined; the records say
        why.

    Raises:
        EvidenceError: A path does not exist, or holds far too many files.
        Cancelled: The examiner asked to stop.
    """
    context.report(0, 0, "Listing files")
    with contextlib.ExitStack() as closing:
        sources, containers = expand_archives(
            with_companions(list_sources(paths, limits)), limits, closing, context
        )
        if wanted is not None:
            sources = [source for source in sources if wanted(source)]
        outcomes, containment = read_all(sources, limits, context, ready)
    context.report(len(sources), len(sources), "Ordering slices")
    outcomes = _account_for_companions(outcomes)
    outcomes, copies, repeated = mark_duplicates(outcomes)
    outcomes = _judge_directories(outcomes)
    return Import(
        series=tuple(_build_series(outcomes, copies, repeated, modality)),
        files=tuple(outcome.record for outcome in outcomes),
        containers=tuple(containers),
        containment=containment,
    )


def expand_archives(
    sources: list[Source],
    limits: Limits,
    closing: contextlib.ExitStack,
    context: TaskContext,
) -> tuple[list[Source], list[FileRecord]]:
    """Sources with the members of archives in their place, and those archives.

    Args:
        sources: As listed.
        limits: Ceilings for hostile input.
        closing: Closes the archives; until then their members can be read.
        context: Cancellation.

    Raises:
        Cancelled: The examiner asked to stop.
    """
    expanded: list[Source] = []
    containers: list[FileRecord] = []
    pool, n_files = FilePool(), len(sources)
    for source in sources:
        context.check()
        if not archive.is_archive(source):
            expanded.append(source)
            continue
        try:
            opened = archive.open_archive(source, limits, pool)
            closing.callback(opened.close)
            n_files += len(opened.members)
            if n_files > limits.max_files:
                raise refused(
                    f"With its members there were more than {limits.max_files:,} files."
                )
            sha256, size = stream_digest(cast(BinaryIO, opened.stream))
        except RejectedFileError as rejected:
            expanded.append(replace(source, fate=rejected.fate, reason=rejected.reason))
            continue
        except OSError as error:
            words = error.strerror or type(error).__name__
            reason = f"The archive cannot be read ({words})."
            expanded.append(replace(source, fate=Fate.REFUSED, reason=reason))
            continue
        expanded.extend(opened.members)
        record = FileRecord(
            source.name, source.path, size, sha256, "", Fate.ACCEPTED, "", "", ""
        )
        containers.append(record)
    return expanded, containers


def _account_for_companions(outcomes: list[Outcome]) -> list[Outcome]:
    """Files of values say whose they are; headers whose values are not settled end."""
    records = {outcome.record.name: outcome.record for outcome in outcomes}
    headers: dict[str, list[str]] = {}
    judged = []
    for outcome in outcomes:
        beside = outcome.companion
        if beside is not None and outcome.record.fate is Fate.ACCEPTED:
            problem = _unsettled(beside, records[beside.name])
            if problem:
                record = replace(
                    outcome.record,
                    fate=Fate.REFUSED,
                    reason=f"Its data file {beside.name} {problem}.",
                    pixel_sha256="",
                )
                outcome = replace(outcome, record=record, parsed=None)
            else:
                headers.setdefault(beside.name, []).append(outcome.record.name)
        judged.append(outcome)
    return [
        replace(outcome, parsed=None, record=_of_values(outcome.record, headers))
        if outcome.record.name in headers
        else outcome
        for outcome in judged
    ]


def _unsettled(beside: Companion, record: FileRecord) -> str:
    """What speaks against values that lie in a file of their own; "" for nothing."""
    if record.sha256 != beside.sha256:
        return "changed while it was being read"
    if record.fate is Fate.ACCEPTED:
        return "is an image of its own; which of the two is meant is not clear"
    return ""


def _of_values(record: FileRecord, headers: dict[str, list[str]]) -> FileRecord:
    reason = (
        f"Holds the values of {', '.join(headers[record.name])}, with which it was "
        "read."
    )
    return replace(record, fate=Fate.NOT_AN_IMAGE, reason=reason)


def _judge_directories(outcomes: list[Outcome]) -> list[Outcome]:
    names = [outcome.record.name for outcome in outcomes]
    judged = []
    for outcome in outcomes:
        parsed = outcome.parsed
        if parsed is not None and parsed.references:
            words = judge_references(outcome.record.name, parsed.references, names)
            reason = f"{parsed.reason} {words}".strip()
            outcome = replace(outcome, record=replace(outcome.record, reason=reason))
        judged.append(outcome)
    return judged


def _build_series(
    outcomes: list[Outcome],
    copies: dict[str, int],
    found: dict[str, list[SeriesFinding]],
    modality: str,
) -> Iterator[LoadedSeries]:
    instances = [
        Instance(
            o.record.name,
            o.parsed.facts,
            o.parsed.pixels,
            o.record.pixel_sha256,
            copies.get(o.record.name, 1),
        )
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
            labelled = labels.findings(record.name)
            file = GridFile(
                record.name,
                digest_of(outcome),
                outcome.kind.value,
                is_published=bool(labelled),
                stated=modality,
            )
            yield from load_grid(file, parsed, [*labelled, *_values_apart(outcome)])


def _values_apart(outcome: Outcome) -> Iterator[SeriesFinding]:
    if outcome.companion is not None:
        sentence = (
            "The values lie in a file of their own beside the header (SHA-256 "
            f"{outcome.companion.sha256})."
        )
        yield SeriesFinding("detached_values", "note", sentence)
