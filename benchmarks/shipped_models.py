"""Rebuild a shipped model: train, calibrate, measure, write card and profile.

Needs the real scans beside the checkout. The checkpoint is kept in `runs/NAME`, so
the work can be interrupted; a finished checkpoint is used as it is.

Run: python benchmarks/shipped_models.py ct96wide-lean
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from real_data import CREDITS, DATA, load_split, sources_of
from simple_attack import measure, print_table

from btd_desktop.calibration.apply import calibrate_series
from btd_desktop.calibration.profile import CalibrationProfile, write_profile
from btd_desktop.calibration.scope import Coverage, Scope
from btd_desktop.dicom.series import LoadedSeries
from btd_desktop.diffusion.card import WEIGHTS_FILE, ModelCard
from btd_desktop.diffusion.checkpoint import save_model
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.engine import score_volume
from btd_desktop.workflow.calibrate import calibrate_on
from btd_desktop.workflow.model_library import (
    BoundDetector,
    ModelEntry,
    open_detector,
)
from btd_desktop.workflow.model_manifest import write_manifest
from btd_desktop.workflow.score_series import make_manifest
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.train_model import TrainingOptions, train_on_series

ROOT = Path(__file__).resolve().parents[1]

RECIPES = {
    "ct96wide-lean": (
        "Chest and body CT, wide window, lean network",
        TrainingOptions(
            "ct96wide",
            steps=6_000,
            learning_rate=1e-3,
            start_from=ROOT / "runs" / "ct96wide-lean-start",
        ),
    ),
    "ct96-lean": (
        "Chest and body CT, the paper's window, lean network (for comparison)",
        TrainingOptions("ct96", steps=4_000),
    ),
    "mr128-lean": (
        "Brain MR, lean network",
        TrainingOptions("mr128", steps=5_000),
    ),
}

# Trained first, where a recipe starts from them. The range of noise levels was widened
# downwards after the first models had shown where the evidence lies.
STARTS = {
    "ct96wide-lean": TrainingOptions("ct96wide", steps=12_000, noise_low=0.01),
}

LIMITS = {
    "CT": (
        "Measured against the project's own simple attacks only, on lung; attacks by "
        "other generators are not measured.",
        "Calibrated on 13 patients: series-level error rates below 1 in 14 cannot be "
        "stated.",
    ),
    "MR": (
        "Brain MR only, of seven patients in all: three learnt from, one watched, one "
        "calibrated on, two measured. Breast MR and other body parts are not measured.",
        "Calibrated on a single patient: how far genuine patients differ is not known, "
        "so every series is covered in part at most.",
        "Measured against one simple attack of the project's own only.",
    ),
}


def _patient(loaded: LoadedSeries) -> str:
    return str(loaded.volume.source["patient_id"])


def _train(name: str, title: str, options: TrainingOptions) -> ModelCard:
    start = options.start_from
    if start is not None and not (start / WEIGHTS_FILE).exists():
        _train(start.name, "", STARTS[name])
    preset_modality = "MR" if options.preset.startswith("mr") else "CT"
    card = train_on_series(
        load_split("train", preset_modality),
        options,
        out=ROOT / "runs" / name,
        device="auto",
        services=Services(),
        context=TaskContext(lambda p: print(f"\r{p.stage} {p.done}/{p.total}", end="")),
        credits_text=CREDITS.format(sources=sources_of("train", preset_modality)),
        patient_key=_patient,
    )
    print()
    return replace(card, name=name, title=title, limits=LIMITS[preset_modality])


def observed_fpr(
    series: Sequence[LoadedSeries], detector: BoundDetector, profile: CalibrationProfile
) -> dict[str, Any]:
    """Share of genuine test patches and slices flagged, per patient and in all."""
    rates: dict[str, Any] = {}
    counts = {"patch": [0, 0], "slice": [0, 0]}
    scope = Scope(Coverage.COVERED, ())
    for loaded in series:
        _, scale, grid = make_manifest(loaded.volume, "", detector.info)
        features = [
            s.features
            for s in score_volume(detector, loaded.volume, scale, grid, TaskContext())
        ]
        found = calibrate_series(profile, scope, features)["anomaly"]
        limit = profile.levels["anomaly"]["patch"].threshold
        own = {
            "patch": [
                (int((m > limit).sum()), int((m == m).sum()))
                for m in found.patch_scores
                if limit is not None
            ],
            "slice": [(int(bool(v.flagged)), 1) for v in found.slices if v is not None],
        }
        for level, pairs in own.items():
            counts[level][0] += sum(a for a, _ in pairs)
            counts[level][1] += sum(b for _, b in pairs)
    for level, (flagged, total) in counts.items():
        claimed = profile.levels["anomaly"][level].interval
        rates[level] = {
            "flagged": flagged,
            "of": total,
            "claimed_interval": list(claimed) if claimed else None,
        }
    return rates


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(RECIPES))
    parser.add_argument("--fpr", type=float, default=0.01)
    parser.add_argument("--skip-measuring", action="store_true")
    parser.add_argument("--slices", type=int, default=6, help="measured per series")
    parser.add_argument("--patients", type=int, default=10, help="simulated")
    given = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit("the real scans are not beside this checkout")
    title, options = RECIPES[given.name]
    card = _train(given.name, title, options)
    folder = ROOT / "models" / given.name
    weights = (ROOT / "runs" / given.name / WEIGHTS_FILE).read_bytes()
    save_model(folder, card, weights)
    write_manifest(folder.parent)
    modality = str(card.preset["modality"])
    detector = open_detector(ModelEntry(folder, card, "", shipped=True))
    profile = calibrate_on(
        load_split("calib", modality),
        detector,
        name=f"Public {modality} scans, calibration split",
        fpr=given.fpr,
        services=Services(),
        context=TaskContext(lambda p: print(f"\r{p.stage} {p.done}/{p.total}", end="")),
        notes=(f"Sources: {sources_of('calib', modality)}.",),
        min_patients=1 if modality == "MR" else 3,
    )
    print()
    shutil.rmtree(folder / "profiles", ignore_errors=True)
    write_profile(profile, folder / "profiles" / f"public-{modality.lower()}.json")
    write_manifest(folder.parent)
    if given.skip_measuring:
        return
    size = {"n_slices": given.slices, "n_simulated": given.patients}
    rows = measure(detector, profile, simulated=False, **size)
    rows += measure(detector, profile, simulated=True, **size)
    print_table(rows)
    rates = observed_fpr(load_split("test", modality), detector, profile)
    print(f"observed false positives on genuine test patients: {rates}")
    metrics = {**card.metrics, "detection": rows, "observed_fpr": rates}
    save_model(folder, replace(card, metrics=metrics), weights)
    write_manifest(folder.parent)


if __name__ == "__main__":
    main()
