"""Damaged DICOM files and ZIP archives through the program's own import."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.parsed import ParsedFile
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.dicom.series import Fate, Import, LoadedSeries
from btd_desktop.progress import TaskContext
from tests.hostile.figures import Figures, peak_bytes_of
from tests.hostile.mutations_archive import member_count, mutated_archives
from tests.hostile.mutations_dicom import mutated_dicoms
from tests.hostile.mutations_volume import mutated_volumes

__all__ = [
    "archive_campaign",
    "dicom_campaign",
    "import_violations",
    "series_violations",
    "volume_campaign",
]

_MIB = 1 << 20
# The program's own limits with less memory and time, so that a leak or a hang shows.
LIMITS = replace(
    DEFAULT_LIMITS,
    workers=1,
    worker_memory_bytes=2048 * _MIB,
    max_pixel_bytes=256 * _MIB,
    max_inflated_bytes=256 * _MIB,
)
# Resident memory that parsing files of at most 50 kB may take.
_PEAK_LIMIT = 1024 * _MIB
_BATCH = 1000


class WatchedSandbox(Sandbox):
    """The import's own parsing process, with a look at its time and memory."""

    def __init__(self, figures: Figures) -> None:
        super().__init__(LIMITS)
        self._figures = figures

    def parse(
        self, kind: str, data: bytes, *, companion: bytes | None = None
    ) -> ParsedFile:
        """As the sandbox does it."""
        start = time.monotonic()
        parsed = super().parse(kind, data, companion=companion)
        self._figures.time(parsed.reason or "accepted", time.monotonic() - start)
        if self._contained is not None:
            peak = peak_bytes_of(self._contained.process.pid)
            self._figures.peak_bytes = max(self._figures.peak_bytes, peak)
        return parsed


def dicom_campaign(n: int, seed: int) -> Figures:
    """`n` damaged DICOM files, a thousand to an import."""
    return _file_campaign("DICOM headers and pixel streams", mutated_dicoms(n, seed))


def volume_campaign(n: int, seed: int) -> Figures:
    """`n` damaged NIfTI, NRRD, MetaImage, NumPy and PNG files."""
    return _file_campaign("volume files", mutated_volumes(n, seed))


def _file_campaign(what: str, files: Iterator[tuple[str, bytes]]) -> Figures:
    figures = Figures(what, peak_limit_bytes=_PEAK_LIMIT)
    start = time.monotonic()
    while batch := list(islice(files, _BATCH)):
        with tempfile.TemporaryDirectory(prefix="btd-hostile-") as folder:
            names = _write(Path(folder), batch)
            result = _import(Path(folder), figures)
        _account(figures, names, result)
    figures.seconds = time.monotonic() - start
    return figures


def archive_campaign(n: int, seed: int) -> Figures:
    """`n` damaged ZIP archives; every member that the directory lists counts."""
    figures = Figures("ZIP archives", peak_limit_bytes=_PEAK_LIMIT)
    start = time.monotonic()
    archives = mutated_archives(n, seed)
    while batch := list(islice(archives, _BATCH)):
        with tempfile.TemporaryDirectory(prefix="btd-hostile-") as folder:
            names = _write(Path(folder), batch)
            members = {name: member_count(data) for name, data in batch}
            result = _import(Path(folder), figures)
        _account_archives(figures, names, members, result)
    figures.seconds = time.monotonic() - start
    return figures


def _write(folder: Path, batch: list[tuple[str, bytes]]) -> list[str]:
    for name, data in batch:
        (folder / name).write_bytes(data)
    return [name for name, _ in batch]


def _import(folder: Path, figures: Figures) -> Import:
    sandbox = WatchedSandbox(figures)
    result = import_evidence([folder], TaskContext(), limits=LIMITS, ready=[sandbox])
    figures.crashes += sandbox.n_restarts
    if figures.peak_bytes > figures.peak_limit_bytes:
        figures.violations.append("the parsing process took more memory than allowed")
    return result


def _account(figures: Figures, names: list[str], result: Import) -> None:
    if sorted(names) != sorted(record.name for record in result.files):
        figures.violations.append("files and records do not match")
    for record in result.files:
        is_accepted = record.fate is Fate.ACCEPTED
        figures.add(record.fate.value, record.reason, survived=is_accepted)
        if bool(record.reason) == is_accepted:
            figures.violations.append(f"{record.name}: fate and reason do not fit")
        if len(record.sha256) != 64:
            figures.violations.append(f"{record.name}: no digest")
        if "longer than" in record.reason:
            figures.violations.append(f"{record.name}: hung")
    figures.violations += import_violations(result)


def _account_archives(
    figures: Figures, names: list[str], members: dict[str, int | None], result: Import
) -> None:
    opened = {record.name for record in result.containers}
    alone = {record.name: record for record in result.files if "!" not in record.name}
    inside: Counter[str] = Counter()
    for record in result.files:
        of, is_member, _ = record.name.partition("!")
        if is_member:
            inside[of] += 1
            figures.outcomes[f"members {record.fate.value}"] += 1
        if record.fate is not Fate.ACCEPTED and not record.reason:
            figures.violations.append(f"{record.name}: no reason")
    for name in names:
        if (name in opened) == (name in alone):
            figures.violations.append(f"{name}: not listed exactly once")
        elif name in opened:
            figures.add("opened", survived=True)
            if inside[name] < (members[name] or 0):
                figures.violations.append(f"{name}: members are not all listed")
        else:
            figures.add(alone[name].fate.value, alone[name].reason)
    figures.violations += import_violations(result)


def import_violations(result: Import) -> list[str]:
    """What no import may give, whatever went in."""
    found: list[str] = []
    accepted = {r.name for r in result.files if r.fate is Fate.ACCEPTED}
    used: set[str] = set()
    for series in result.series:
        used.update(series.record_names)
        found += series_violations(series)
    if used != accepted:
        found.append(
            f"accepted files that are in no series: {sorted(accepted ^ used)[:3]}"
        )
    return found


def series_violations(series: LoadedSeries) -> Iterator[str]:
    """What no series may be: not finite, out of order, not storable."""
    volume, name = series.volume, series.record_names[0]
    if not np.isfinite(volume.voxels).all():
        yield f"{name}: voxels are not finite"
    step, rows, columns = volume.spacing_mm
    if not (math.isfinite(step) and step >= 0 and 0 < rows < 1e6 and 0 < columns < 1e6):
        yield f"{name}: spacing {volume.spacing_mm}"
    positions = np.asarray(volume.slice_positions_mm)
    if not np.isfinite(positions).all() or (np.diff(positions) < -0.01).any():
        yield f"{name}: positions do not ascend"
    directions = (*volume.row_direction, *volume.column_direction, *volume.origin_mm)
    if not np.isfinite(directions).all():
        yield f"{name}: directions are not finite"
    try:
        json.dumps(volume.source.to_json(), allow_nan=False)
    except (TypeError, ValueError) as error:
        yield f"{name}: facts are not JSON ({error})"
