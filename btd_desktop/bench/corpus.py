"""Series to measure on: a folder of real scans with a manifest, or simulated ones.

A data folder holds `manifest.csv` with at least the columns file, split, modality,
patient and source; splits are by patient, so that no patient is both learnt from and
measured on.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from btd_desktop.bench.attacks.donors import Donor, donor_of
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.series import Fate, FileRecord, LoadedSeries
from btd_desktop.digest import array_digest
from btd_desktop.errors import EvidenceError, SettingsError
from btd_desktop.progress import TaskContext
from btd_desktop.simulator.chest import chest_phantom
from btd_desktop.simulator.ct import simulate_ct
from btd_desktop.simulator.head import head_phantom
from btd_desktop.simulator.mri import simulate_mr
from btd_desktop.simulator.scanners import CT_SCANNERS, MR_SCANNERS
from btd_desktop.volume import Volume
from btd_desktop.workflow.calibrate import patient_key

SPLITS = ("train", "calib", "test")
_COLUMNS = {"file", "split", "modality", "patient", "source"}
_SEED = 77
_DONOR_SLICES = 40
_MIN_DONOR_SLICES = 8


def load_split(
    data: Path,
    split: str,
    modality: str,
    context: TaskContext,
    names: Sequence[str] = (),
) -> tuple[Sequence[LoadedSeries], list[FileRecord]]:
    """Series of one split through the program's own import, and files it refused.

    Args:
        data: Folder with `manifest.csv`.
        split: One of `SPLITS`.
        modality: "CT" or "MR".
        context: Progress and cancellation.
        names: Names in the manifest's column "series" to load; all when empty.

    Raises:
        EvidenceError: No manifest, or one without the columns needed.
        SettingsError: No such split.
    """
    rows = _rows(data, split, modality)
    paths = [
        _file_of(data, row) for row in rows if not names or row.get("series") in names
    ]
    if not paths:
        return (), []
    found = import_evidence(paths, context)
    lost = [record for record in found.files if record.fate is not Fate.ACCEPTED]
    return found.series, lost


def patients_of(series: Iterable[LoadedSeries]) -> Iterator[tuple[Volume, str]]:
    """Volumes with their patients; without PatientID the series counts as one."""
    for item in series:
        yield item.volume, item.volume.source.patient_id or item.series_uid


def unseen(
    series: Iterable[tuple[Volume, str]],
    profile: CalibrationProfile | None,
    training: Mapping[str, Any],
    left_out: Callable[[], None],
) -> Iterator[tuple[Volume, str]]:
    """Series of patients whom neither the profile nor the network has seen.

    Args:
        series: Series with their patients.
        profile: All series of its patients are left out; None knows nobody.
        training: `ModelCard.training`; series that the network learnt from are left
            out.
        left_out: Called for each series left out.
    """
    patients = {patient for patient, _ in profile.evidence} if profile else set()
    learnt = set(training.get("voxel_digests", ()))
    for volume, patient in series:
        if patient_key(patient) in patients or array_digest(volume.voxels) in learnt:
            left_out()
        else:
            yield volume, patient


def sources_of(data: Path, split: str, modality: str) -> str:
    """Sources that the manifest names for a split, each once, in one line.

    Raises:
        EvidenceError: No manifest, or one without the columns needed.
        SettingsError: No such split.
    """
    return "; ".join(sorted({row["source"] for row in _rows(data, split, modality)}))


def simulated_series(
    modality: str,
    n: int,
    context: TaskContext,
    *,
    n_slices: int = 15,
    rows: int = 0,
    first: int = 0,
) -> Iterator[tuple[Volume, str]]:
    """Simulated genuine series on all scanner profiles in turn, with patient names.

    Args:
        modality: "CT" or "MR".
        n: How many.
        context: Progress and cancellation.
        n_slices: Slices of each, enough for neighbours of a 32 mm cube.
        rows: Rows and columns; 512 for CT and 256 for MR when 0.
        first: Number of the first one; other numbers are other patients.

    Raises:
        SettingsError: Another modality.
    """
    if modality not in ("CT", "MR"):
        raise SettingsError(f"{modality} cannot be simulated", hint="use CT or MR")
    for i in range(first, first + n):
        rng = np.random.default_rng([_SEED, i])
        name = f"SIM-{i}"
        if modality == "CT":
            volume = simulate_ct(
                chest_phantom(rng),
                CT_SCANNERS[i % len(CT_SCANNERS)],
                n_slices=n_slices,
                rows=rows or 512,
                seed=i,
                patient_id=name,
                context=context,
            )
        else:
            volume = simulate_mr(
                head_phantom(rng),
                MR_SCANNERS[i % len(MR_SCANNERS)],
                n_slices=n_slices,
                rows=rows or 256,
                seed=i,
                patient_id=name,
                context=context,
            )
        yield volume, name


def donors_from(
    series: Iterable[tuple[Volume, str]], context: TaskContext
) -> list[Donor]:
    """Blobs that a splice can take from these scans; scans without any are left out.

    Only the middle 40 slices of a CT of at least eight are searched.
    """
    donors = []
    for number, (volume, patient) in enumerate(series):
        context.report(number, 0, "Searching donors for splices")
        if volume.modality != "CT" or volume.n_slices < _MIN_DONOR_SLICES:
            continue
        donor = donor_of(middle_slices(volume, _DONOR_SLICES), patient)
        if donor.blobs:
            donors.append(donor)
    return donors


def middle_slices(volume: Volume, n: int) -> Volume:
    """The middle n slices of a series; the whole series where it has no more."""
    extra = volume.n_slices - n
    if extra <= 0:
        return volume
    part = slice(extra // 2, extra // 2 + n)
    return replace(
        volume,
        voxels=volume.voxels[part],
        origin_mm=volume.slice_origin_mm(part.start),
        slice_positions_mm=volume.slice_positions_mm[part],
        slice_origins_mm=(
            None if volume.slice_origins_mm is None else volume.slice_origins_mm[part]
        ),
        instance_uids=volume.instance_uids[part],
        padding=None if volume.padding is None else volume.padding[part],
    )


def blocks_of(
    series: Iterable[tuple[Volume, str]], least: int, block: int = 0
) -> Iterator[tuple[Volume, str]]:
    """The series of at least so many slices, cut to the middle of so many.

    Args:
        series: Volumes with their patients.
        least: Shorter series are left out.
        block: Slices to keep; 0 keeps all.
    """
    for volume, patient in series:
        if volume.n_slices >= least:
            yield middle_slices(volume, block) if block else volume, patient


def _rows(data: Path, split: str, modality: str) -> list[dict[str, str]]:
    if split not in SPLITS:
        raise SettingsError(
            f"there is no split “{split}”", hint=f"use one of: {', '.join(SPLITS)}"
        )
    manifest = data / "manifest.csv"
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = _COLUMNS - set(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvidenceError(
            f"{manifest} cannot be read ({error}).",
            hint="Name a folder of scans with a manifest.csv, or use simulated scans.",
            code="manifest",
        ) from error
    if missing:
        raise EvidenceError(
            f"{manifest} lacks the columns {', '.join(sorted(missing))}.",
            hint="The manifest names file, split, modality, patient and source.",
            code="manifest",
        )
    return [r for r in rows if r["split"] == split and r["modality"] == modality]


def _file_of(data: Path, row: dict[str, str]) -> Path:
    path = data / row["file"]
    if not path.resolve().is_relative_to(data.resolve()):
        raise EvidenceError(
            f"The manifest names {row['file']}, which lies outside its folder.",
            code="manifest",
        )
    return path
