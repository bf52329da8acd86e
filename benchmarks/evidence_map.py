"""Teach a learned evidence map with self-made tampering of genuine training slices.

Needs the real scans beside the checkout. Crops and checkpoint are kept in the output
folder, which must lie outside what is published: crops hold pixels of real scans. The
work can be interrupted and is resumed by the same command.

Run: python benchmarks/evidence_map.py --out runs/evidence-ct [--without FAMILY]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from real_data import CREDITS, DATA, load_split, sources_of

from btd_desktop.bench import corpus
from btd_desktop.diffusion.evidence import (
    EvidenceCard,
    EvidenceNet,
    evidence_weights,
    save_evidence,
)
from btd_desktop.diffusion.training.evidence_crops import (
    EvidenceCrops,
    join_crops,
    known_families,
    make_crops,
)
from btd_desktop.diffusion.training.evidence_training import teach, watch
from btd_desktop.diffusion.training.recipe import EvidenceRecipe
from btd_desktop.diffusion.training.state import averaged_weights
from btd_desktop.digest import array_digest, bytes_digest
from btd_desktop.examination.models import ModelEntry, open_detector
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.card import read_card
from btd_desktop.strict_json import printed_json
from btd_desktop.volume import Volume
from btd_desktop.workflow.simulate import simulated_patient

ROOT = Path(__file__).resolve().parents[1]
_STACK = 8  # slices
_WATCHED_SHARE = 0.08  # crops of watched patients for each one learnt from
_CHUNK = 50

Series = list[tuple[Volume, str]]


def split_patients(series: Series, seed: int) -> tuple[Series, Series]:
    """Series to learn from, and those of two patients that are only watched.

    One of the two has a stack, or next to nothing would be watched.
    """
    n_slices: dict[str, int] = {}
    for volume, patient in series:
        n_slices[patient] = n_slices.get(patient, 0) + volume.n_slices
    patients = sorted(n_slices)
    order = np.random.default_rng([seed, 1]).permutation(len(patients))
    drawn = sorted((patients[i] for i in order), key=lambda p: n_slices[p] < _STACK)
    watched = {drawn[0], drawn[-1]}
    learnt = [own for own in series if own[1] not in watched]
    return learnt, [own for own in series if own[1] in watched]


def simulated_patients(n: int, seed: int) -> Series:
    """Simulated series on scanners drawn at random, as the diffusion network saw.

    Sharp kernels are rare among the patients here. None of them is watched.
    """
    return [
        (
            simulated_patient("CT", np.random.default_rng([seed, 4, i])),
            f"simulated {i}",
        )
        for i in range(n)
    ]


# What a worker process holds; set once, when it starts.
_worker: dict[str, Any] = {}


def _begin(series: Series, model: Path, families: Sequence[str], seed: int) -> None:
    torch.set_num_threads(1)
    detector = open_detector(
        ModelEntry(model, read_card(model), "", shipped=False),
        device="cpu",
        dtype="float32",
    )
    _worker.update(series=series, detector=detector, families=families, seed=seed)


def _chunk(numbers: Sequence[int]) -> EvidenceCrops:
    return make_crops(
        _worker["series"],
        _worker["detector"],
        numbers,
        families=_worker["families"],
        seed=_worker["seed"],
        context=TaskContext(),
    )


def kept_crops(file: Path) -> EvidenceCrops:
    """Crops of an earlier start."""
    with np.load(file, allow_pickle=False) as kept:
        return EvidenceCrops(
            kept["channels"],
            kept["altered"],
            tuple(str(kind) for kind in kept["kinds"]),
            kept["spots"],
            tuple(str(kind) for kind in kept["second"]),
        )


def keep_crops(crops: EvidenceCrops, file: Path) -> None:
    """Keep crops where `kept_crops` reads them; an interrupted write leaves none."""
    temporary = file.with_suffix(".part.npz")
    np.savez(
        temporary,
        channels=crops.channels,
        altered=crops.altered,
        kinds=np.array(crops.kinds),
        spots=crops.spots,
        second=np.array(crops.second),
    )
    temporary.replace(file)


def crops_of(
    series: Series,
    n: int,
    given: argparse.Namespace,
    families: Sequence[str],
    kept: Path,
) -> EvidenceCrops:
    """Crops from the file of an earlier start, or made anew and kept there."""
    if kept.exists():
        return kept_crops(kept)
    began = time.monotonic()
    chunks = [range(i, min(i + _CHUNK, n)) for i in range(0, n, _CHUNK)]
    parts: list[EvidenceCrops] = []
    with ProcessPoolExecutor(
        given.processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(series, given.model, families, given.seed),
    ) as pool:
        for part in pool.map(_chunk, chunks):
            parts.append(part)
            done, seconds = sum(len(p.kinds) for p in parts), time.monotonic() - began
            print(f"{kept.stem}: {done} of {n} crops, {seconds:.0f} s", flush=True)
    crops = join_crops(parts)
    keep_crops(crops, kept)
    return crops


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "ct96wide-lean")
    parser.add_argument("--without", action="append", default=[], metavar="FAMILY")
    parser.add_argument("--crops", type=int, default=6_000)
    parser.add_argument(
        "--simulated", type=int, default=24, help="patients on scanners drawn at random"
    )
    parser.add_argument("--steps", type=int, default=3_500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit("the real scans are not beside this checkout")
    families = known_families(given.without)
    given.out.mkdir(parents=True, exist_ok=True)
    _begun_alike(given, families)
    card = read_card(given.model)
    series = list(corpus.patients_of(load_split("train", "CT")))
    learnt, watched = split_patients(series, given.seed)
    learnt += simulated_patients(given.simulated, given.seed)
    n_watched = max(16, round(_WATCHED_SHARE * given.crops))
    crops = crops_of(learnt, given.crops, given, families, given.out / "crops.npz")
    looked_at = crops_of(watched, n_watched, given, families, given.out / "watched.npz")
    torch.set_num_threads(given.processes)
    recipe = EvidenceRecipe(
        steps=given.steps, seed=given.seed, crops_digest=crops.digest
    )
    course = []
    context = TaskContext()
    for state in teach(crops, looked_at, recipe, folder=given.out, context=context):
        course.append(json.loads(printed_json(state)))
        print(json.dumps(course[-1]), flush=True)
    network = EvidenceNet(crops.channels.shape[1], recipe.widths)
    network.load_state_dict(averaged_weights(given.out)[0])
    figures = watch(network, looked_at, recipe.altered_weight)
    weights = evidence_weights(network)
    digest = bytes_digest(weights)
    counts = {kind: crops.kinds.count(kind) for kind in sorted(set(crops.kinds))}
    save_evidence(
        given.out,
        EvidenceCard(
            model_digest=card.noise_digest,
            channels=crops.channels.shape[1],
            widths=recipe.widths,
            families=families,
            weights_sha256=digest,
            training={
                "recipe": asdict(recipe),
                "left_out": given.without,
                "crops": counts,
                "patients": len({patient for _, patient in learnt}) - given.simulated,
                "patients_simulated": given.simulated,
                "voxel_digests": sorted(array_digest(v.voxels) for v, _ in series),
                "watched_patients": len({patient for _, patient in watched}),
                "watched_crops": len(looked_at.kinds),
                "credits": CREDITS.format(sources=sources_of("train", "CT")),
            },
            metrics={
                "watched": json.loads(printed_json(figures)),
                "course": course,
            },
        ),
        weights,
    )
    print(f"weights {digest[:12]} in {given.out}", flush=True)


def _begun_alike(given: argparse.Namespace, families: Sequence[str]) -> None:
    """Refuse a folder with crops of other options."""
    options = {
        "crops": given.crops,
        "seed": given.seed,
        "simulated": given.simulated,
        "families": list(families),
        "model": read_card(given.model).noise_digest,
    }
    file = given.out / "options.json"
    if file.exists() and json.loads(file.read_text("utf-8")) != options:
        raise SystemExit(f"{given.out} was begun with other options; choose another")
    file.write_text(json.dumps(options), encoding="utf-8")


if __name__ == "__main__":
    main()
