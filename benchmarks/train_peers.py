"""Train the detectors that the paper compares itself with, on the train split of CT.

Weights (float16) and cards go to `benchmarks/peers/NAME`, outside the wheel; what is
there is gone on from. Needs the real scans beside the checkout.

Run: python benchmarks/train_peers.py [NAME ...] [--minutes 10]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from real_data import CREDITS, DATA, load_split, sources_of

from btd_desktop.bench.detectors.peers.registry import peers
from btd_desktop.bench.detectors.peers.training import train_peer
from btd_desktop.diffusion.training.dataset import TrainingSlice, split_by_patient
from btd_desktop.preprocess.foreground import foreground_mask
from btd_desktop.preprocess.presets import fit_scale, preset_named
from btd_desktop.progress import TaskContext

PEERS = Path(__file__).resolve().parent / "peers"


def main() -> None:
    """Command line."""
    known = peers()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--minutes", type=float, default=1e9, help="of each peer")
    given = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit("the real scans are not beside this checkout")
    preset = preset_named("ct96")
    slices = []
    for loaded in load_split("train", "CT"):
        scale = fit_scale(loaded.volume, preset)
        slices += [
            TrainingSlice(
                loaded.volume.source.patient_id or "",
                plane,
                foreground_mask(plane, "CT"),
                scale.zero_at,
                scale.one_at,
            )
            for plane in loaded.volume.voxels
        ]
    split = split_by_patient(slices, 0.1, 0)
    text = CREDITS.format(sources=sources_of("train", "CT"))
    for name in given.names or known:
        end = time.monotonic() + 60.0 * given.minutes
        for state in train_peer(
            known[name],
            split,
            folder=PEERS / name,
            context=TaskContext(),
            credits_text=text,
        ):
            print(name, state.step, state.loss, state.watched, flush=True)
            if time.monotonic() > end:
                break


if __name__ == "__main__":
    main()
