"""Score a series of a case, slice by slice, resumable at any slice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import UNSET
from msgspec.structs import replace
from numpy.typing import NDArray

from btd_desktop import __version__
from btd_desktop.cases.model import Run
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import Cancelled, ModelError
from btd_desktop.preprocess.presets import IntensityScale, fit_scale, preset_named
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.detector import Detector, DetectorInfo
from btd_desktop.scoring.engine import SliceScores, grid_of, score_volume
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.scoring.manifest import ENGINE_VERSION, RunManifest
from btd_desktop.scoring.method import OWN
from btd_desktop.scoring.packing import packed_features
from btd_desktop.volume import Volume
from btd_desktop.workflow.services import Services

OnRun = Callable[[Run], None]
OnSlice = Callable[[SliceScores], None]


def make_manifest(
    volume: Volume, volume_digest: str, info: DetectorInfo
) -> tuple[RunManifest, IntensityScale, PatchGrid]:
    """Manifest, scale and grid with which a detector scores a volume.

    Raises:
        SettingsError: The model is for another modality.
        ModelError: The model's preset is not one that this program knows.
    """
    preset = preset_named(info.preset.name)
    if preset != info.preset:
        raise ModelError(
            f"model {info.name} was trained with another version of preset "
            f"{preset.name}",
            code="preset",
        )
    scale = fit_scale(volume, preset)
    grid = grid_of(preset, info.method)
    manifest = RunManifest(
        software=__version__,
        engine=ENGINE_VERSION,
        model={"name": info.name, "digest": info.digest},
        preset=preset,
        scale=scale,
        grid=grid,
        noise_levels=info.levels,
        paper_level=info.paper_level,
        volume_digest=volume_digest,
        # Left out: what alters no score; a run may be resumed with other values.
        backend=replace(info.backend, threads=None, reason=None, name=None),
        method=UNSET if info.method == OWN else info.method,
    )
    return manifest, scale, grid


def score_series(
    store: CaseStore,
    series_id: int,
    detector: Detector,
    services: Services,
    context: TaskContext,
    *,
    on_run: OnRun | None = None,
    on_slice: OnSlice | None = None,
) -> Run:
    """Score a series; slices scored before are kept and not scored again.

    Args:
        store: Open case.
        series_id: The series.
        detector: Model on a device.
        services: Clock.
        context: Progress, pause, cancel.
        on_run: Called with the run before its first slice.
        on_slice: Called with each slice after it is stored.

    Returns:
        The finished run.

    Raises:
        Cancelled: The examiner asked to stop; finished slices are in the case.
        SettingsError: The model is for another modality.
        CaseError: The stored voxels were altered, or the case cannot be written.
    """
    record = next(s for s in store.series() if s.series_id == series_id)
    volume = store.load_volume(series_id, check=True)
    manifest, scale, grid = make_manifest(volume, record.volume_digest, detector.info)
    run = store.start_run(series_id, manifest, services.now())
    if on_run is not None:
        on_run(run)
    if run.status == "done":
        return run
    done = store.done_slices(run.run_id)
    try:
        for scores in score_volume(detector, volume, scale, grid, context, skip=done):
            _save(store, run.run_id, scores, services)
            if on_slice is not None:
                on_slice(scores)
    except Cancelled:
        store.finish_run(run.run_id, "cancelled", services.now())
        raise
    store.finish_run(run.run_id, "done", services.now())
    return store.run(run.run_id)


def _save(
    store: CaseStore, run_id: int, scores: SliceScores, services: Services
) -> None:
    features = scores.features
    found = features.scored
    summary = {
        "n_scored": int(found.sum()),
        "injection_max": scores.injection_max,
        "removal_max": float(features.removal[found].max()) if found.any() else None,
    }
    arrays: dict[str, NDArray[np.generic]] = {
        "grid": packed_features(features),
        "residual": scores.residual.astype(np.float16),
    }
    store.save_slice(run_id, scores.slice_index, arrays, summary, services.now())
