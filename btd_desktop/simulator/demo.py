"""The demonstration case: one simulated patient tampered with, sixteen genuine.

`suspect/` is one CT series with one nodule injected and one removed; `benign/` holds
the series to calibrate on, other phantoms on the same scanner; `truth.json` says what
was done and where. All of it follows from one seed.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.errors import SettingsError
from btd_desktop.progress import TaskContext
from btd_desktop.simulator.chest import ChestPhantom, chest_phantom
from btd_desktop.simulator.ct import (
    ct_volume,
    simulate_ct,
    simulate_ct_slice,
    slice_positions_mm,
)
from btd_desktop.simulator.export import export_series
from btd_desktop.simulator.scanners import CT_SCANNERS, CtScanner
from btd_desktop.tampering.nodules import Noise, inject_nodule, remove_nodule
from btd_desktop.tampering.result import TamperRecord
from btd_desktop.volume import Volume

DEMO_SEED = 20261122

_STAGE = "Making the demonstration case"
_STATEMENT = (
    "Demonstration only: every scan here is simulated, no patient was involved. The "
    "series in suspect/ was tampered with on purpose at the places listed."
)
_INJECTED_MM = 20.0
# Noise matched in spread but not in texture: what a hurried forger does. Noise copied
# from the scan itself is much harder to notice; `btd bench detection` tells.
_NOISE: Noise = "gaussian"
_MIN_DEPTH_MM = 25.0
_MIN_APART_MM = 60.0
_MIN_APART_Z_MM = 20.0


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """How large a demonstration case is made; the defaults are the shipped one.

    Attributes:
        seed: Everything follows from it.
        scanner: Profile of all series.
        rows: Rows and columns of each slice.
        suspect_slices: Contiguous slices of the suspect series.
        benign_patients: Genuine patients.
        benign_slices: Slices of each, next to each other as in the suspect series
            (their noise is compared), at another height in each patient.
    """

    seed: int = DEMO_SEED
    scanner: CtScanner = CT_SCANNERS[0]
    rows: int = 320
    suspect_slices: int = 40
    benign_patients: int = 16
    benign_slices: int = 10


def make_demo(
    folder: Path,
    *,
    context: TaskContext | None = None,
    workers: int = 1,
    plan: DemoPlan | None = None,
) -> None:
    """Simulate the demonstration case and write it into `folder`.

    Args:
        folder: Made when missing.
        context: Where progress is reported, and from where the work is cancelled.
        workers: Processes; 1 works in this process. The files do not depend on it.
        plan: Size of the case; the shipped one when None.

    Raises:
        Cancelled: Asked for through `context`.
        SettingsError: The folder already holds a demonstration case.
    """
    plan = plan or DemoPlan()
    context = context or TaskContext()
    suspect_folder, benign_folder = folder / "suspect", folder / "benign"
    for place in (suspect_folder, benign_folder):
        if place.exists() and any(place.iterdir()):
            raise SettingsError(
                f"{place} already holds files; the demonstration overwrites nothing.",
                hint="Choose an empty folder.",
                code="not_empty",
            )
    n_tasks = plan.suspect_slices + plan.benign_patients
    slices: dict[int, NDArray[np.int16]] = {}
    done = 0
    with _runner(workers) as run:
        tasks: list[Callable[[], tuple[int, NDArray[np.int16]] | None]] = [
            partial(_suspect_slice, plan, index) for index in range(plan.suspect_slices)
        ]
        tasks += [
            partial(_benign_patient, plan, index, benign_folder)
            for index in range(plan.benign_patients)
        ]
        for result in run(tasks):
            if result is not None:
                slices[result[0]] = result[1]
            done += 1
            context.report(done, n_tasks, _STAGE)
    stack = np.stack([slices[index] for index in range(plan.suspect_slices)])
    tampered, injected, removed = _tampered(plan, stack)
    export_series(
        tampered,
        suspect_folder,
        patient_id=tampered.source.patient_id or "",
        series_description=f"{plan.scanner.name}, tampered demonstration",
        uid_seed=f"demo-{plan.seed}-suspect",
        derived=f"{_STATEMENT} {removed.sentence} {injected.sentence}",
    )
    text = json.dumps(_truth(plan, injected, removed), indent=2, ensure_ascii=False)
    (folder / "truth.json").write_text(text + "\n", encoding="utf-8")


@contextmanager
def _runner(
    workers: int,
) -> Iterator[Callable[[list[Callable[[], Any]]], Iterator[Any]]]:
    """A function that runs tasks, here or in processes, and yields their results."""
    if workers <= 1:
        yield lambda tasks: (task() for task in tasks)
        return
    # Always "spawn": the same on every system, and safe beside threads and Qt.
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_leave_interrupts
    )
    try:

        def run(tasks: list[Callable[[], Any]]) -> Iterator[Any]:
            futures: list[Future[Any]] = [pool.submit(task) for task in tasks]
            for future in as_completed(futures):
                yield future.result()

        yield run
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; only the first one answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@lru_cache(maxsize=2)
def _phantom(seed: int, patient: int) -> ChestPhantom:
    """Phantom of a patient, rebuilt from seeds in every process."""
    return chest_phantom(np.random.default_rng([seed, patient]))


def _suspect_slice(plan: DemoPlan, index: int) -> tuple[int, NDArray[np.int16]]:
    positions = slice_positions_mm(plan.scanner, plan.suspect_slices)
    hu = simulate_ct_slice(
        _phantom(plan.seed, 0),
        plan.scanner,
        z_mm=positions[index],
        rows=plan.rows,
        seed=plan.seed,
        index=index,
    )
    return index, hu


def _benign_patient(plan: DemoPlan, index: int, benign: Path) -> None:
    patient = index + 1
    share = index / max(plan.benign_patients - 1, 1)
    step = plan.scanner.increment_mm
    first = -60.0 + share * (144.0 - step * (plan.benign_slices - 1))
    positions = [first + step * k for k in range(plan.benign_slices)]
    patient_id = f"SIM-{100 + patient:04d}"
    volume = simulate_ct(
        _phantom(plan.seed, patient),
        plan.scanner,
        n_slices=plan.benign_slices,
        rows=plan.rows,
        seed=plan.seed + patient,
        positions_mm=positions,
        patient_id=patient_id,
    )
    export_series(
        volume,
        benign / patient_id,
        patient_id=patient_id,
        series_description=f"{plan.scanner.name}, genuine demonstration",
        uid_seed=f"demo-{plan.seed}-{patient_id}",
    )


def _tampered(
    plan: DemoPlan, stack: NDArray[np.int16]
) -> tuple[Volume, TamperRecord, TamperRecord]:
    phantom = _phantom(plan.seed, 0)
    volume = ct_volume(
        stack,
        phantom,
        plan.scanner,
        slice_positions_mm(plan.scanner, plan.suspect_slices),
        seed=plan.seed,
        patient_id="SIM-0001",
    )
    rng = np.random.default_rng([plan.seed, 7])
    real = phantom.nodules[0]
    removal = remove_nodule(
        volume,
        nearest_voxel(volume, np.array(real.centre_mm)),
        real.diameter_mm,
        rng,
        noise=_NOISE,
    )
    place = injection_place(volume, phantom, rng)
    injection = inject_nodule(removal.volume, place, _INJECTED_MM, rng, noise=_NOISE)
    return injection.volume, injection.record, removal.record


def injection_place(
    volume: Volume, phantom: ChestPhantom, rng: np.random.Generator
) -> tuple[int, int, int]:
    """Voxel deep in the lung, away from every nodule and from large vessels."""
    z = volume.slice_positions_mm
    margin = 12.0
    shape = phantom.shape
    points = rng.uniform(
        (-shape.cavity_half_width, -shape.cavity_half_depth, z[0] + margin),
        (shape.cavity_half_width, shape.cavity_half_depth, z[-1] - margin),
        (20000, 3),
    )
    depth = shape.lung_depth_at(points)
    gap = np.min(
        [
            np.linalg.norm(points - np.array(nodule.centre_mm), axis=1)
            for nodule in phantom.nodules[1:]
        ],
        axis=0,
        initial=np.inf,
    )
    removed = np.array(phantom.nodules[0].centre_mm)
    apart = np.linalg.norm(points - removed, axis=1) >= _MIN_APART_MM
    apart &= np.abs(points[:, 2] - removed[2]) >= _MIN_APART_Z_MM
    usable = np.flatnonzero(apart & (gap >= 25.0))
    deep = usable[depth[usable] >= _MIN_DEPTH_MM]
    if deep.size == 0:
        deep = usable[np.argsort(-depth[usable])[:50]]
    radius = int(np.ceil(0.5 * _INJECTED_MM / volume.pixel_spacing_mm))
    voxels = [nearest_voxel(volume, points[i]) for i in deep[:300]]

    def brightness(voxel: tuple[int, int, int]) -> float:
        s, r, c = voxel
        block = volume.voxels[
            max(0, s - 2) : s + 3,
            r - radius : r + radius + 1,
            c - radius : c + radius + 1,
        ]
        return float(block.mean())

    return min(voxels, key=brightness)


def nearest_voxel(
    volume: Volume, point_mm: NDArray[np.float64]
) -> tuple[int, int, int]:
    """Voxel nearest to a world point in an axial volume."""
    offsets = np.abs(np.array(volume.slice_positions_mm) - point_mm[2])
    row = (point_mm[1] - volume.origin_mm[1]) / volume.spacing_mm[1]
    column = (point_mm[0] - volume.origin_mm[0]) / volume.spacing_mm[2]
    return int(np.argmin(offsets)), round(float(row)), round(float(column))


def _truth(
    plan: DemoPlan, injected: TamperRecord, removed: TamperRecord
) -> dict[str, object]:
    return {
        "demonstration": True,
        "statement": _STATEMENT,
        "seed": plan.seed,
        "scanner": plan.scanner.name,
        "suspect": {
            "folder": "suspect",
            "patient_id": "SIM-0001",
            "n_slices": plan.suspect_slices,
            "tampered": [
                {**asdict(record), "axes": "slice, row, column from 0"}
                for record in (injected, removed)
            ],
        },
        "benign": [
            {
                "folder": f"benign/SIM-{101 + index:04d}",
                "patient_id": f"SIM-{101 + index:04d}",
                "n_slices": plan.benign_slices,
                "tampered": [],
            }
            for index in range(plan.benign_patients)
        ],
    }
