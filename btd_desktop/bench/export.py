"""Write a tampered copy of a series, marked so that it can never be evidence.

The copy carries ImageType DERIVED / SECONDARY, a derivation text and a private element
that say it was tampered with for testing, UIDs of its own, a patient name that says the
same, and a record beside it. The source is only read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from btd_desktop.bench.attacks.donors import Donor
from btd_desktop.bench.attacks.registry import Attack, attacks_named, why_unavailable
from btd_desktop.bench.corpus import donors_from, patients_of
from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.series import LoadedSeries
from btd_desktop.dicom.write import write_series
from btd_desktop.digest import array_digest, bytes_digest, json_digest
from btd_desktop.errors import EvidenceError, SettingsError
from btd_desktop.progress import TaskContext
from btd_desktop.tampering.result import TamperResult
from btd_desktop.volume import Volume

MARK: Final = "TAMPERED FOR TESTING, NOT EVIDENCE"
"""First words of the derivation text and of the private element."""

RECORD_FILE: Final = "tampered.json"
_FORMAT: Final = "btd-tampered-series"


@dataclass(frozen=True, slots=True)
class TamperedSeries:
    """A tampered copy that was written.

    Attributes:
        folder: Where its DICOM files lie.
        files: The files in slice order.
        record_path: The record beside the folder.
        record: What it says, JSON values.
    """

    folder: Path
    files: tuple[Path, ...]
    record_path: Path
    record: dict[str, Any]


def tamper_series(
    source: Path,
    out: Path,
    *,
    attack: str,
    centre: tuple[int, int, int],
    seed: int,
    donors: Sequence[Path],
    context: TaskContext,
) -> TamperedSeries:
    """Read one series, tamper with a copy and write that.

    Args:
        source: Folder, file or archive that holds exactly one series.
        out: New or empty folder; gets `series/` and `tampered.json`.
        attack: Name of the attack, see `attacks.registry`.
        centre: Voxel (slice, row, column), from 0.
        seed: Everything random follows from it.
        donors: Scans of other patients, for attacks that splice.
        context: Progress and cancellation.

    Raises:
        SettingsError: The attack, the place or the folder cannot be used.
        EvidenceError: The source does not hold exactly one series, or the copy cannot
            be written.
        ModelError: The weights of a learned attack are missing.
        Cancelled: The user asked to stop; nothing is written.
    """
    _check_folders(source, out)
    series = _only_series(source, context)
    chosen = _attack_for(attack, series.volume)
    found: list[Donor] = []
    if chosen.needs_donors and donors:
        read = import_evidence(list(donors), context)
        found = donors_from(patients_of(read.series), context)
    context.report(0, 0, "Tampering with a copy")
    done = chosen.apply(series.volume, centre, np.random.default_rng(seed), found)
    return write_tampered(
        series.volume,
        done,
        out,
        attack=chosen.name,
        seed=seed,
        series_uid=series.series_uid,
    )


def write_tampered(
    source: Volume,
    done: TamperResult,
    out: Path,
    *,
    attack: str,
    seed: int,
    series_uid: str,
) -> TamperedSeries:
    """Write a tampered volume as a marked series, and the record of what was done.

    Args:
        source: The untouched volume, for its digest.
        done: What the attack returned.
        out: New or empty folder.
        attack: Name of the attack.
        seed: Seed that the attack was given.
        series_uid: Series Instance UID of the source; only its digest is kept.

    Raises:
        SettingsError: The folder is not empty.
        EvidenceError: The files cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(
            f"{out} is not an empty folder",
            hint="tampered copies overwrite nothing: name a new folder",
            code="not_empty",
        )
    source_digest = bytes_digest(series_uid.encode())
    record = {
        "format": _FORMAT,
        "format_version": 1,
        "mark": MARK,
        "attack": attack,
        "seed": seed,
        "axes": "slice, row, column from 0",
        **asdict(done.record),
        "attack_seed": done.record.seed,
        "modality": source.modality,
        "mask_sha256": array_digest(done.mask.astype(np.uint8)),
        "voxels_sha256": array_digest(np.asarray(done.volume.voxels)),
        "source_voxels_sha256": array_digest(np.asarray(source.voxels)),
        "source_series_uid_sha256": source_digest,
    }
    record["seed"] = seed
    name = json_digest(record)[:16]
    files = write_series(
        _renamed(done.volume, name),
        out / "series",
        headers={
            "PatientID": f"TAMPERED-{name}",
            "PatientName": "TAMPERED^FOR TESTING",
            "SeriesDescription": f"TAMPERED FOR TESTING: {attack}",
        },
        uid_seed=f"tampered-{name}",
        derived=f"{MARK}. {done.record.sentence} Attack: {attack}, seed {seed}.",
        compress=True,
    )
    path = out / RECORD_FILE
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise EvidenceError(
            f"{path} cannot be written ({error.strerror}).", code="not_written"
        ) from error
    return TamperedSeries(out / "series", files, path, record)


def _renamed(volume: Volume, name: str) -> Volume:
    """The volume without the patient; scanner facts stay, since they are judged."""
    source = volume.source.with_facts(
        patient_id=f"TAMPERED-{name}",
        patient_name=None,
        series_uid=None,
        study_uid=None,
    )
    return replace(volume, source=source)


def _attack_for(name: str, volume: Volume) -> Attack:
    reasons: list[str] = []
    found = attacks_named([name], volume.modality, reasons.append)
    if found:
        why = why_unavailable(found[0], volume)
        if not why:
            return found[0]
        reasons.append(why)
    raise SettingsError(
        f"This attack cannot be made: "
        f"{'; '.join(reasons) or f'{name} is not for {volume.modality}'}.",
        hint="Choose another attack or another series.",
        code="attack",
    )


def _only_series(source: Path, context: TaskContext) -> LoadedSeries:
    found = import_evidence([source], context)
    if len(found.series) != 1:
        raise EvidenceError(
            f"{source} holds {len(found.series)} series that can be read; exactly one "
            "is needed.",
            hint="Name the folder of one series.",
            code="series",
        )
    return found.series[0]


def _check_folders(source: Path, out: Path) -> None:
    """Refuse to write over, into, around or beside the source.

    Raises:
        SettingsError: The output folder is one of these.
    """
    origin = source.resolve()
    folder = origin if origin.is_dir() else origin.parent
    target = out.resolve()
    touching = (
        target == folder
        or target.is_relative_to(folder)
        or folder.is_relative_to(target)
        or target.parent == folder.parent
    )
    if touching:
        raise SettingsError(
            f"{out} lies over, in or beside the source {source}.",
            hint="Keep tampered copies apart from evidence: name a folder elsewhere.",
            code="out",
        )
