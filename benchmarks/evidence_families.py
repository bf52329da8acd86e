"""Leave families out of a learned evidence map, and see what it makes of them.

Takes the crops of a finished `evidence_map.py`, teaches a map with those that hold no
spot of a group of families, and shows it that group on calibration patients, whom no
map was taught with. A map taught with all of the crops in as many steps stands beside
it. Groups hold what is alike: a map that knows a median filter has nearly seen
smoothing. The work can be interrupted and is resumed by the same command.

Run: python benchmarks/evidence_families.py --crops runs/evidence-ct --out runs/families
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from evidence_map import ROOT, keep_crops, kept_crops
from numpy.typing import NDArray
from real_data import DATA, load_split

from btd_desktop.bench import corpus
from btd_desktop.bench.metrics import Group, Interval, auc, mean_interval, tpr_at_fpr
from btd_desktop.bench.tables import interval_text
from btd_desktop.diffusion.evidence import EvidenceNet
from btd_desktop.diffusion.training.evidence_crops import (
    CROP_PX,
    GENUINE,
    STRUCTURE,
    EvidenceCrops,
    join_crops,
    make_crops,
)
from btd_desktop.diffusion.training.evidence_training import (
    map_logits,
    place_logits,
    teach,
)
from btd_desktop.diffusion.training.recipe import EvidenceRecipe
from btd_desktop.diffusion.training.state import averaged_weights
from btd_desktop.examination.models import ModelEntry, open_detector
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.card import read_card
from btd_desktop.tampering.teaching import ALIKE, FAMILIES
from btd_desktop.volume import Volume

_FPR = 0.01


def looked_at(given: argparse.Namespace) -> tuple[EvidenceCrops, NDArray[np.str_]]:
    """Crops of calibration patients with one spot at most, and whose each is."""
    by_patient: dict[str, list[Volume]] = {}
    for volume, patient in corpus.patients_of(load_split("calib", "CT")):
        by_patient.setdefault(patient, []).append(volume)
    folder = given.out / "seen"
    folder.mkdir(parents=True, exist_ok=True)
    entry = ModelEntry(given.model, read_card(given.model), "", shipped=False)
    detector = open_detector(entry, device="cpu", dtype="float32")
    parts, patients = [], []
    for number, patient in enumerate(sorted(by_patient)):
        series = [(volume, patient) for volume in by_patient[patient]]
        if not any(min(volume.shape[1:]) >= CROP_PX for volume, _ in series):
            continue
        kept = folder / f"{number:02}.npz"
        if not kept.exists():
            made = make_crops(
                series,
                detector,
                range(given.each),
                families=tuple(FAMILIES),
                seed=number,
                context=TaskContext(),
            )
            keep_crops(made, kept)
            print(f"crops of patient {number + 1}", flush=True)
        own = kept_crops(kept)
        own = own.taken(np.array([not second for second in own.second]))
        parts.append(own)
        patients += [patient] * len(own.kinds)
    return join_crops(parts), np.array(patients)


def seen_by(
    crops: EvidenceCrops, seen: EvidenceCrops, folder: Path, steps: int
) -> NDArray[np.float64]:
    """Logit of each place of `seen` in a map taught with `crops`."""
    recipe = EvidenceRecipe(steps=steps, crops_digest=crops.digest)
    few = seen.taken(np.arange(len(seen.kinds)) < 16)  # course is of no interest
    for state in teach(crops, few, recipe, folder=folder, context=TaskContext()):
        print(f"{folder.name}: step {state.step}, {state.elapsed_s:.0f} s", flush=True)
    network = EvidenceNet(crops.channels.shape[1], recipe.widths)
    network.load_state_dict(averaged_weights(folder)[0])
    return place_logits(map_logits(network, seen), seen)


def rows(
    families: tuple[str, ...],
    seen: EvidenceCrops,
    patients: NDArray[np.str_],
    logits: NDArray[np.float64],
) -> Iterator[tuple[str, int, int, Interval, Interval]]:
    """Family, places, patients, AUC and share found at 1 % of the genuine places."""
    kinds = np.array(seen.kinds)
    is_genuine = np.isin(kinds, (GENUINE, STRUCTURE))
    for family in families:
        taken = ((kinds == family) | is_genuine) & np.isfinite(logits)
        own = taken & ~is_genuine
        if not own.any():
            continue
        group = Group(logits[taken], ~is_genuine[taken], patients[taken])
        area, found = (
            mean_interval(metric, [group])
            for metric in (auc, partial(tpr_at_fpr, fpr=_FPR))
        )
        yield family, int(own.sum()), len({*patients[own]}), area, found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crops", type=Path, required=True, help="folder of the map")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "ct96wide-lean")
    parser.add_argument("--each", type=int, default=12, help="crops of each patient")
    parser.add_argument("--steps", type=int, default=1_500)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit("the real scans are not beside this checkout")
    crops = kept_crops(given.crops / "crops.npz")
    torch.set_num_threads(given.processes)
    seen, patients = looked_at(given)
    known = seen_by(crops, seen, given.out / "all", given.steps)
    print(
        "| Left out | Family | Places (patients) | AUC, left out | AUC, taught "
        f"| found at {_FPR:.0%}, left out | taught |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, families in ALIKE.items():
        left = seen_by(
            crops.without(families),
            seen,
            given.out / name.replace(" ", "-"),
            given.steps,
        )
        pairs = zip(
            rows(families, seen, patients, left),
            rows(families, seen, patients, known),
            strict=True,
        )
        for (family, n, m, area, found), (*_, area_known, found_known) in pairs:
            cells = map(interval_text, (area, area_known, found, found_known))
            print(
                f"| {name} | {family} | {n} ({m}) | {' | '.join(cells)} |", flush=True
            )


if __name__ == "__main__":
    main()
