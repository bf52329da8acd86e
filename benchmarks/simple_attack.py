"""Detection of a simple in-project attack, beside the paper's scores and a trivial one.

Rows: attack. Columns: AUC of the anomaly score (ours), of the paper's injection and
removal scores, and of local high-pass variance (the trivial detector), with a
patient-wise bootstrap interval for ours. Tampered and genuine places are drawn at
random in the same slices of patients that neither model nor calibration has seen.

Run: python benchmarks/simple_attack.py [--model NAME] [--simulated] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from real_data import DATA, load_split
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from btd_desktop.calibration.density import centred_on, series_reference
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.errors import BtdError
from btd_desktop.preprocess.foreground import Tissue, tissue_map
from btd_desktop.preprocess.presets import (
    IntensityScale,
    fit_scale,
    preset_named,
    scaled_slice,
)
from btd_desktop.scoring.engine import grid_of
from btd_desktop.scoring.features import GridFeatures, grid_features
from btd_desktop.simulator.chest import chest_phantom
from btd_desktop.simulator.ct import simulate_ct
from btd_desktop.simulator.head import head_phantom
from btd_desktop.simulator.mri import simulate_mr
from btd_desktop.simulator.scanners import CT_SCANNERS, MR_SCANNERS
from btd_desktop.simulator.tamper import inject_nodule, remove_nodule
from btd_desktop.volume import Volume
from btd_desktop.workflow.model_library import (
    BoundDetector,
    choose_profile,
    find_model,
    open_detector,
)

SCORES = ("anomaly", "injection", "removal", "high-pass")
_NEIGHBOURS = 3  # slices kept on either side of the judged one: attacks are 3-D
_CROP = 256  # enough for the patch and the network's receptive field around it
_BOOTSTRAPS = 500


@dataclass(frozen=True)
class Sample:
    """One judged place."""

    patient: str
    attack: str  # "" for genuine
    scores: tuple[float, ...]  # in the order of SCORES


Attack = Callable[[Volume, tuple[int, int, int], np.random.Generator], NDArray[Any]]


def _inject(
    volume: Volume, centre: tuple[int, int, int], rng: np.random.Generator
) -> NDArray[Any]:
    diameter = float(rng.uniform(8.0, 16.0))
    return np.asarray(inject_nodule(volume, centre, diameter, rng).volume.voxels)


def _remove(
    volume: Volume, centre: tuple[int, int, int], rng: np.random.Generator
) -> NDArray[Any]:
    diameter = float(rng.uniform(10.0, 18.0))
    return np.asarray(remove_nodule(volume, centre, diameter, rng).volume.voxels)


def _redraw(
    volume: Volume, centre: tuple[int, int, int], rng: np.random.Generator
) -> NDArray[Any]:
    """Tissue smoothed (what a generator redraws), noise of another place on top.

    Works for any modality; a disc of 11 to 16 px in the judged slice and its
    neighbours, soft rim, values rounded as the series has them.
    """
    voxels = np.asarray(volume.voxels)
    s, r, c = centre
    radius = float(rng.uniform(11.0, 16.0))
    rows, columns = np.ogrid[: voxels.shape[1], : voxels.shape[2]]
    distance = np.hypot(rows - r, columns - c)
    weight = np.clip((radius + 3.0 - distance) / 3.0, 0.0, 1.0)
    inside = distance < radius + 4.0
    out = voxels.astype(np.float32)
    for z in range(max(0, s - 2), min(len(voxels), s + 3)):
        plane = out[z]
        smooth = ndimage.gaussian_filter(plane, 2.0)
        noise = plane - ndimage.gaussian_filter(plane, 1.2)
        # Noise of the same slice, 2.5 radii away, in a random direction.
        angle = rng.uniform(0.0, 2.0 * np.pi)
        shift = 2.5 * radius * np.array([np.sin(angle), np.cos(angle)])
        other = np.roll(noise, tuple(np.rint(shift).astype(int)), axis=(0, 1))
        spread = noise[inside].std() / max(float(other[inside].std()), 1e-6)
        redrawn = smooth + other * spread
        out[z] = plane * (1.0 - weight) + redrawn * weight
    if voxels.dtype == np.int16:
        return np.rint(out).clip(-32768, 32767).astype(np.int16)
    return out


ATTACKS: dict[str, tuple[str, Attack]] = {
    "injected nodule": ("CT", _inject),
    "removed by in-painting, copied noise": ("CT", _remove),
    "redrawn smooth, noise of the scan": ("any", _redraw),
}


def _high_pass(plane: NDArray[Any], r: int, c: int) -> float:
    part = plane[max(0, r - 24) : r + 24, max(0, c - 24) : c + 24].astype(np.float32)
    residual = part - ndimage.uniform_filter(part, 3)
    middle = residual[8:-8, 8:-8]
    return float(np.mean(middle**2))


def _places(tissue: NDArray[np.uint8], modality: str) -> NDArray[np.int64]:
    wanted = Tissue.AERATED if modality == "CT" else Tissue.SOFT
    deep = ndimage.binary_erosion(tissue == wanted, iterations=18)
    deep[:56], deep[-56:], deep[:, :56], deep[:, -56:] = False, False, False, False
    return np.argwhere(deep)


def samples_of_series(  # noqa: C901 - one loop over slices, places and attacks
    volume: Volume,
    patient: str,
    detector: BoundDetector,
    profile: CalibrationProfile,
    *,
    n_slices: int,
    rng: np.random.Generator,
) -> Iterator[Sample]:
    """Genuine and tampered places of a few slices of a series."""
    scale = fit_scale(volume, preset_named(str(detector.card.preset["name"])))
    grid = grid_of(detector.card.preset)
    level = detector.info.paper_level
    chosen = np.linspace(0, volume.n_slices - 1, n_slices + 2)[1:-1]
    if volume.n_slices <= n_slices:
        chosen = np.arange(volume.n_slices)
    slices, judged = [], []
    for s in sorted({round(float(i)) for i in chosen}):
        plane = np.asarray(volume.voxels[s])
        tissue = tissue_map(plane, volume.modality)
        maps = detector.predict_noise(scaled_slice(plane, scale))
        slices.append(grid_features(maps, tissue, grid, paper_level=level))
        places = _places(tissue, volume.modality)
        if len(places) < 20:
            continue
        picks = places[rng.permutation(len(places))[:10]]
        for r, c in picks[:4]:
            at = (int(r), int(c))
            own = grid_features(maps, tissue, grid, paper_level=level, at=at)
            judged.append(("", own, _high_pass(plane, *at)))
        for (name, (modality, attack)), places_of in zip(
            ATTACKS.items(), (picks[4:6], picks[6:8], picks[8:10]), strict=True
        ):
            if modality not in ("any", volume.modality):
                continue
            for r, c in places_of:
                at = (int(r), int(c))
                tampered = _tampered(volume, s, at, attack, rng)
                if tampered is not None:
                    own = _features_after(tampered, maps, at, detector, scale, volume)
                    judged.append((name, own, _high_pass(tampered, *at)))
    found = [g for g in slices if g.scored.any()]
    if not found:
        return
    reference = series_reference(
        np.concatenate([g.features[g.scored] for g in found]),
        np.concatenate([g.aerated[g.scored] for g in found]),
    )
    for attack_name, own, high_pass in judged:
        if not own.scored.all():
            continue
        air = own.aerated.reshape(1)
        centred = centred_on(reference, own.features.reshape(1, -1), air)
        score = float(profile.density.scores(centred, air)[0])
        paper = (float(own.injection[0, 0]), float(own.removal[0, 0]))
        yield Sample(patient, attack_name, (score, *paper, high_pass))


def _tampered(
    volume: Volume,
    s: int,
    at: tuple[int, int],
    attack: Attack,
    rng: np.random.Generator,
) -> NDArray[Any] | None:
    low, high = max(0, s - _NEIGHBOURS), min(volume.n_slices, s + _NEIGHBOURS + 1)
    part = replace(
        volume,
        voxels=np.asarray(volume.voxels[low:high]),
        slice_positions_mm=volume.slice_positions_mm[low:high],
        instance_uids=volume.instance_uids[low:high],
        padding=None,
    )
    try:
        return attack(part, (s - low, *at), rng)[s - low]
    except BtdError as error:
        print(f"  no attack at {at}: {error}")
        return None


def _features_after(
    plane: NDArray[Any],
    maps: NDArray[np.float32],
    at: tuple[int, int],
    detector: BoundDetector,
    scale: IntensityScale,
    volume: Volume,
) -> GridFeatures:
    """Features of the tampered slice: only its maps near the place have changed."""
    h, w = plane.shape
    size = min(_CROP, h, w)
    # Corners on multiples of 4: the network's own grid.
    r0 = int(np.clip((at[0] - size // 2) // 4 * 4, 0, h - size))
    c0 = int(np.clip((at[1] - size // 2) // 4 * 4, 0, w - size))
    scaled = scaled_slice(plane, scale)
    part = detector.predict_noise(scaled[r0 : r0 + size, c0 : c0 + size])
    rim = 32
    joined = maps.copy()
    top, left = (0 if r0 == 0 else rim), (0 if c0 == 0 else rim)
    joined[:, r0 + top : r0 + size - rim, c0 + left : c0 + size - rim] = part[
        :, top : size - rim, left : size - rim
    ]
    tissue = tissue_map(plane, volume.modality)
    grid, level = grid_of(detector.card.preset), detector.info.paper_level
    return grid_features(joined, tissue, grid, paper_level=level, at=at)


def table(samples: Sequence[Sample], modality: str, data: str) -> list[dict[str, Any]]:
    """One row per attack: AUC of each score, interval of ours, counts."""
    rows = []
    genuine = [s for s in samples if not s.attack]
    for attack in ATTACKS:
        own = [s for s in samples if s.attack == attack]
        if len(own) < 10 or len(genuine) < 10:
            continue
        both = genuine + own
        labels = np.array([bool(s.attack) for s in both])
        values = np.array([s.scores for s in both])
        aucs = [float(roc_auc_score(labels, values[:, k])) for k in range(len(SCORES))]
        limit = float(np.quantile(values[~labels, 0], 0.95))
        rows.append(
            {
                "attack": attack,
                "modality": modality,
                "data": data,
                "auc": round(aucs[0], 3),
                "auc_interval": _interval(both),
                "auc_paper_injection": round(aucs[1], 3),
                "auc_paper_removal": round(aucs[2], 3),
                "auc_high_pass": round(aucs[3], 3),
                "tpr_at_5_percent": round(float((values[labels, 0] > limit).mean()), 3),
                "n_tampered": int(labels.sum()),
                "n_genuine": int((~labels).sum()),
                "n_patients": len({s.patient for s in both}),
            }
        )
    return rows


def _interval(samples: Sequence[Sample]) -> list[float]:
    """95 % interval of the anomaly score's AUC, patients drawn with replacement."""
    rng = np.random.default_rng(0)
    patients = sorted({s.patient for s in samples})
    by_patient = {p: [s for s in samples if s.patient == p] for p in patients}
    aucs = []
    for _ in range(_BOOTSTRAPS):
        drawn = [by_patient[p] for p in rng.choice(patients, len(patients))]
        some = [s for own in drawn for s in own]
        labels = [bool(s.attack) for s in some]
        if len(set(labels)) == 2:
            aucs.append(roc_auc_score(labels, [s.scores[0] for s in some]))
    low, high = np.percentile(aucs, [2.5, 97.5])
    return [round(float(low), 3), round(float(high), 3)]


def simulated_series(modality: str, n: int) -> Iterator[tuple[Volume, str]]:
    """Simulated genuine series on all scanner profiles in turn."""
    for i in range(n):
        rng = np.random.default_rng([77, i])
        if modality == "CT":
            scanner = CT_SCANNERS[i % len(CT_SCANNERS)]
            yield (
                simulate_ct(chest_phantom(rng), scanner, n_slices=7, rows=512, seed=i),
                f"SIM-{i}",
            )
        else:
            mr = MR_SCANNERS[i % len(MR_SCANNERS)]
            yield (
                simulate_mr(head_phantom(rng), mr, n_slices=7, rows=256, seed=i),
                f"SIM-{i}",
            )


def measure(
    detector: BoundDetector,
    profile: CalibrationProfile,
    *,
    simulated: bool,
    n_slices: int = 6,
    n_simulated: int = 10,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """The table of one model on real `test` patients or on simulated ones."""
    modality = str(detector.card.preset["modality"])
    rng = np.random.default_rng(seed)
    series: Iterator[tuple[Volume, str]]
    if simulated:
        series = simulated_series(modality, n_simulated)
    else:
        series = (
            (s.volume, str(s.volume.source.get("patient_id", s.series_uid)))
            for s in load_split("test", modality)
        )
    samples: list[Sample] = []
    for volume, patient in series:
        samples += samples_of_series(
            volume, patient, detector, profile, n_slices=n_slices, rng=rng
        )
    return table(samples, modality, "simulated" if simulated else "real test split")


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as a table."""
    print(
        "attack                                | data            | ours  [95 %]        "
        "| paper inj | paper rem | high-pass | TPR@5% | tampered/genuine/patients"
    )
    for r in rows:
        low, high = r["auc_interval"]
        print(
            f"{r['modality']} {r['attack']:<34} | {r['data']:<15} | {r['auc']:.3f} "
            f"[{low:.3f}–{high:.3f}] | {r['auc_paper_injection']:.3f}     | "
            f"{r['auc_paper_removal']:.3f}     | {r['auc_high_pass']:.3f}     | "
            f"{r['tpr_at_5_percent']:.2f}   | {r['n_tampered']}/{r['n_genuine']}"
            f"/{r['n_patients']}"
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="", help="name or folder of a model")
    parser.add_argument("--modality", default="CT", choices=("CT", "MR"))
    parser.add_argument("--simulated", action="store_true")
    parser.add_argument("--slices", type=int, default=6)
    parser.add_argument("--patients", type=int, default=10, help="simulated only")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if not given.simulated and not DATA.is_dir():
        raise SystemExit("the real scans are not beside this checkout")
    detector = open_detector(find_model(given.model, given.modality))
    chosen = choose_profile(
        detector.card,
        grid_of(detector.card.preset).to_json(),
        {"modality": given.modality},
    )
    if chosen is None:
        raise SystemExit(f"no calibration profile for {detector.card.name}")
    rows = measure(
        detector,
        chosen[0],
        simulated=given.simulated,
        n_slices=given.slices,
        n_simulated=given.patients,
    )
    print_table(rows)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
