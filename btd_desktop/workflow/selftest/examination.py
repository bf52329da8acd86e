"""Step of the self-test: a phantom from evidence to a verified report.

Everything is written into the folder of the step and into `BTD_HOME`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.write import write_series
from btd_desktop.diffusion.torch_part import torch_problem
from btd_desktop.digest import array_digest
from btd_desktop.errors import BtdError, ModelError
from btd_desktop.examination.models import find_model, open_detector
from btd_desktop.examination.stored import load_features
from btd_desktop.examination.wording import reason_of
from btd_desktop.progress import TaskContext
from btd_desktop.volume import SeriesFacts, Volume
from btd_desktop.workflow.examine_case import report_on_store
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    import_into_case,
)
from btd_desktop.workflow.issue_report import ReportOptions
from btd_desktop.workflow.score_series import score_series
from btd_desktop.workflow.selftest.steps import Row, State
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.verify import verify_report_file

EXPECTED_MODEL: Final = (
    "1b0b229abcc709d08b53a508cebb3ed61e4f54c1fb76311cc604011104f86f27"
)
"""`ModelCard.noise_digest` of the model that the expected score was measured with: no
learned evidence enters it.
"""
EXPECTED_SCORE: Final = 0.155892
"""Median of the paper's injection score over the phantom's places, float32 on a CPU."""
TOLERANCE: Final = 0.005
"""Allowed relative difference on a CPU: kernels of other processors round otherwise."""
GPU_TOLERANCE: Final = 0.02
"""The same on a graphics card."""

_SHAPE: Final = (4, 160, 160)


def rows(folder: Path) -> Iterator[Row]:
    """Read a phantom as evidence, score it, report on it, verify the report."""
    services, context = Services(), TaskContext()
    details = CaseDetails(title="Self-test")
    evidence = folder / "evidence"
    volume = phantom()
    write_series(volume, evidence, headers={}, uid_seed="self-test", compress=True)
    with create_case(folder / "case", details, services) as store:
        series = import_into_case(store, [evidence], services, context)
        read = [s for s in series if s.n_slices == volume.n_slices]
        voxels = store.load_volume(read[0].series_id).voxels if read else None
        if voxels is None or array_digest(voxels) != array_digest(volume.voxels):
            fates = [f"{e.name}: {e.fate} {e.reason}" for e in store.evidence()]
            yield "evidence", "not", "; ".join(fates) or "nothing was read"
            return
        yield "evidence", "ok", f"{volume.n_slices} compressed slices read bit for bit"
        yield from _scored(store, read[0].series_id, services, context)
        yield _report(store, evidence, services, context)


def _scored(
    store: CaseStore,
    series_id: int,
    services: Services,
    context: TaskContext,
) -> Iterator[Row]:
    missing = torch_problem()
    if missing is not None:
        state: State = "not tried" if missing.code == "no_torch" else "not"
        yield "score", state, reason_of(missing)
        yield "graphics card", "not tried", "without torch nothing computes"
        return
    from btd_desktop.diffusion.device import choose_device

    try:
        score = _score_on("cpu", store, series_id, services, context)
        yield "score", *_compared(score, TOLERANCE)
    except BtdError as error:
        yield "score", "not", reason_of(error)
        yield "graphics card", "not tried", "the score on the processor failed"
        return
    device = choose_device()
    if device.kind == "cpu":
        yield "graphics card", "not tried", f"not used: {device.reason}"
        return
    try:
        score = _score_on(device.kind, store, series_id, services, context)
        state, words = _compared(score, GPU_TOLERANCE)
        yield "graphics card", state, f"{device.name}: {words}"
    except (BtdError, RuntimeError) as error:
        yield "graphics card", "not", f"{device.name}: {error}"


def _score_on(
    device: str,
    store: CaseStore,
    series_id: int,
    services: Services,
    context: TaskContext,
) -> float:
    """Median injection score of the phantom.

    Raises:
        ModelError: The model is damaged or not the one with the expected score.
    """
    detector = open_detector(find_model("", "CT"), device=device, dtype="float32")
    if detector.card.noise_digest != EXPECTED_MODEL:
        raise ModelError(
            f"the expected score is that of another model than {detector.info.name} "
            f"({detector.card.noise_digest[:12]}…)",
            code="selftest_model",
        )
    run = score_series(store, series_id, detector, services, context)
    places = [f.injection[f.scored] for f in load_features(store, run)]
    return float(np.median(np.concatenate(places).astype(np.float64)))


def _compared(score: float, tolerance: float) -> tuple[State, str]:
    agrees = abs(score / EXPECTED_SCORE - 1.0) <= tolerance
    allowed = f"± {100 * tolerance:g} %"
    words = f"phantom {score:.6g}, expected {EXPECTED_SCORE:.6g} {allowed}"
    return "ok" if agrees else "not", words


def _report(
    store: CaseStore, evidence: Path, services: Services, context: TaskContext
) -> Row:
    try:
        _, issued = report_on_store(store, services, ReportOptions(), context)
        verdict = verify_report_file(issued.path, evidence=[evidence])
        data = bytearray(issued.path.read_bytes())
        data[len(data) // 2] ^= 1
        altered = issued.path.with_name("altered.pdf")
        altered.write_bytes(data)
        changed = verify_report_file(altered)
    except BtdError as error:
        return "report", "not", reason_of(error)
    if not verdict.ok or not verdict.evidence_matches:
        return "report", "not", "; ".join(verdict.problems) or verdict.headline
    if changed.ok:
        return "report", "not", "a report with one altered byte passes"
    words = "signed, verified against its evidence; refused with one byte altered"
    return "report", "ok", words


def phantom() -> Volume:
    """A body of water with two lungs and noise, the same to the bit everywhere.

    Whole numbers only: no library's random numbers and no rounding enters.
    """
    n, h, w = _SHAPE
    z, y, x = np.mgrid[:n, :h, :w].astype(np.int64)
    body = (x - w // 2) ** 2 * 9 + (y - h // 2) ** 2 * 16 < (9 * w * w) // 5
    noise = _smooth(_noise(z * h * w + y * w + x))
    hu = np.where(body, 40, -1000)
    for side in (-1, 1):
        lung = (x - w // 2 - side * w // 5) ** 2 * 4 + (y - h // 2) ** 2 < w * w // 12
        hu[lung] = -850
    voxels = np.clip(hu + noise, -1024, 3000).astype(np.int16)
    return Volume(
        voxels=voxels,
        modality="CT",
        unit="HU",
        spacing_mm=(2.5, 1.0, 1.0),
        origin_mm=(0.0, 0.0, 0.0),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=tuple(2.5 * i for i in range(n)),
        instance_uids=tuple(f"1.2.3.{i}" for i in range(n)),
        source=SeriesFacts(
            manufacturer="BTD SELF-TEST",
            model="phantom",
            kernel="STD",
            description="self-test",
            patient_id="SELF-TEST",
            patient_name="SELF^TEST",
            thickness_mm=2.5,
        ),
    )


def _noise(index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whole numbers of mean 0 and a standard deviation near 120: a sum of hashes."""
    total = np.zeros(index.shape, np.int64)
    for salt in range(4):
        mixed = (index.astype(np.uint64) + np.uint64(salt * 7_919 + 1)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
        total += (mixed >> np.uint64(56)).astype(np.int64)
    return total - 510


def _smooth(noise: NDArray[np.int64]) -> NDArray[np.int64]:
    """Neighbours in a slice share a little of their noise, as in a scan."""
    near = sum(np.roll(noise, s, axis) for axis in (1, 2) for s in (-1, 1))
    return np.asarray((4 * noise + near) // 12, np.int64)
