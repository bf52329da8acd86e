"""How fast slices are scored: whole-slice lean network against patch-by-patch scoring.

One run measures, in turns within each repetition, so that other load on the machine
hits all alike:

* the lean network on a whole 512 x 512 slice, at the noise levels of its card and at
  one, with and without the features;
* the same lean network on the patches of the same grid, one by one and in batches;
* the reference U-Net at dim 32 and dim 8 on those patches, eager float32, each at the
  best of its batches; ours, and the published package where it can be imported.

Every time stands for the same work: all 1089 patches of the slice's grid (96 px, stride
16). Patch contenders time `--patches` of them and are scaled up. Weights are random
unless `--model` names a folder: speed does not depend on them.

    python benchmarks/speed.py
    python benchmarks/speed.py --repeat 1 --patches 4 --side 192 --dims 8  # smoke test
"""

from __future__ import annotations

import argparse
import sys
import time
import types
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import torch

from btd_desktop.diffusion.checkpoint import load_model
from btd_desktop.diffusion.denoiser import DiffusionDetector
from btd_desktop.diffusion.device import ComputeDevice, choose_device
from btd_desktop.diffusion.lean import LeanDenoiser
from btd_desktop.diffusion.networks import parameter_count
from btd_desktop.diffusion.schedule import sigmoid_schedule
from btd_desktop.diffusion.unet import ReferenceUnet
from btd_desktop.preprocess.foreground import Tissue
from btd_desktop.preprocess.presets import PRESETS
from btd_desktop.scoring.card import LeanNetwork, ModelCard
from btd_desktop.scoring.features import grid_features
from btd_desktop.scoring.grid import PatchGrid

FIRST = sigmoid_schedule().first_level
LEVELS = (0.01, round(FIRST, 7), 0.055)
PATCH = 96
LEAN_BATCHES = (1, 4, 16, 64)


@dataclass
class Contender:
    """One way to score a slice: a call, and how many of the slice's patches it does."""

    name: str
    batch: int
    call: Callable[[], object]
    share: float  # of the slice's work that one call does
    times: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """Shortest time for the whole slice, seconds."""
        return min(self.times) / self.share

    @property
    def median(self) -> float:
        """Median time for the whole slice, seconds."""
        return float(np.median(self.times)) / self.share


def shaken(network: torch.nn.Module) -> torch.nn.Module:
    """Random weights without the zeros that fresh networks start with."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.02 * torch.randn(p.shape, generator=generator))
    return network.eval().requires_grad_(False)


def lean_detector(model: Path | None, device: ComputeDevice) -> DiffusionDetector:
    if model is not None:
        network, card = load_model(model)
        if not isinstance(network, LeanDenoiser):
            sys.exit(f"{model} holds no lean network")
    else:
        torch.manual_seed(0)
        network = shaken(LeanDenoiser())
        card = ModelCard(
            "random",
            "random weights",
            LeanNetwork(),
            parameter_count(network),
            PRESETS["ct96wide"],
            LEVELS,
            "",
        )
    network.to(device.torch_device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return DiffusionDetector(network, card, device)


def published_unet(dim: int) -> torch.nn.Module | None:
    """The package that the paper's authors pin, or None where it is not installed."""
    torchvision = types.ModuleType("torchvision")
    stand_ins: dict[str, Any] = {"torchvision": torchvision}
    for name in ("transforms", "utils"):
        module = types.ModuleType(f"torchvision.{name}")
        setattr(torchvision, name, module)
        stand_ins[f"torchvision.{name}"] = module
    stand_ins["torchvision.utils"].save_image = None
    for name in ("pytorch_fid", "pytorch_fid.inception", "pytorch_fid.fid_score"):
        stand_ins[name] = MagicMock()
    # The torchvision wheel may not load beside this torch, and nothing of it is used.
    for name, module in stand_ins.items():
        sys.modules.setdefault(name, module)
    try:
        from denoising_diffusion_pytorch import Unet
    except ImportError:
        return None
    network: torch.nn.Module = Unet(dim=dim, dim_mults=(1, 2, 4, 8), channels=1)
    return shaken(network)


def patches_of(plane: np.ndarray[Any, np.dtype[np.float32]], n: int) -> torch.Tensor:
    """The first n patches around the grid's centres, (n, 1, 96, 96), in [-1, 1]."""
    framed = np.pad(plane, PATCH // 2, constant_values=0.0)
    grid = PatchGrid(PATCH)
    centres = [
        (r, c) for r in grid.rows(plane.shape[0]) for c in grid.columns(plane.shape[1])
    ]
    # Evenly over the slice: the first rows alone would be border patches.
    chosen = [centres[i] for i in np.linspace(0, len(centres) - 1, n).astype(int)]
    stack = np.stack([framed[r : r + PATCH, c : c + PATCH] for r, c in chosen])
    return torch.from_numpy(stack[:, None] * np.float32(2.0) - np.float32(1.0))


def in_batches(
    forward: Callable[[torch.Tensor], torch.Tensor], patches: torch.Tensor, batch: int
) -> Callable[[], object]:
    """Scores of all patches, both of the paper's, in batches, as eager code does."""

    def call() -> object:
        scores = []
        with torch.no_grad():
            for start in range(0, len(patches), batch):
                squares = forward(patches[start : start + batch]).float().square()
                scores.append(squares.mean(dim=(1, 2, 3)))
                scores.append(squares[..., 32:64, 32:64].mean(dim=(1, 2, 3)))
        return torch.cat(scores)

    return call


def lean_forward(
    detector: DiffusionDetector,
) -> Callable[[torch.Tensor], torch.Tensor]:
    lower = detector.device.torch_dtype is torch.bfloat16

    def forward(x: torch.Tensor) -> torch.Tensor:
        x = x.to(detector.device.torch_device)
        x = x.contiguous(memory_format=torch.channels_last)
        sigma = torch.full((len(x),), FIRST, device=x.device)
        with torch.autocast(detector.device.kind, torch.bfloat16, enabled=lower):
            out: torch.Tensor = detector.network(x, sigma)
        return out

    return forward


def unet_forward(network: torch.nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    predict = getattr(network, "predict_at", network)

    def forward(x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = predict(x, torch.zeros(len(x), dtype=torch.long))
        return out

    return forward


def contenders(options: argparse.Namespace, device: ComputeDevice) -> list[Contender]:
    plane = np.random.default_rng(1).random((options.side, options.side), np.float32)
    tissue = np.full(plane.shape, Tissue.SOFT, dtype=np.uint8)
    grid = PatchGrid(PATCH)
    n_all = len(grid.rows(options.side)) * len(grid.columns(options.side))
    n = min(options.patches, n_all)
    patches, share = patches_of(plane, n), n / n_all
    lean = lean_detector(options.model, device)
    one = replace(lean, card=replace(lean.card, levels=(FIRST,)))

    def scored() -> object:
        maps = lean.predict_noise(plane)
        # In a series each slice is predicted once and serves its neighbours too.
        beside = (maps, tissue)
        return grid_features(
            maps, tissue, grid, paper_level=1, neighbours=(beside, beside)
        )

    n_levels = len(lean.card.levels)
    found = [
        Contender("lean, whole slice, 1 level", 0, lambda: one.predict_noise(plane), 1),
        Contender(
            f"lean, whole slice, {n_levels} levels",
            0,
            lambda: lean.predict_noise(plane),
            1,
        ),
        Contender(f"lean, whole slice, {n_levels} levels + features", 0, scored, 1),
    ]
    forward = lean_forward(lean)
    found += [
        Contender("lean, patch by patch", b, in_batches(forward, patches, b), share)
        for b in LEAN_BATCHES
        if b <= n
    ]
    for dim in options.dims:
        torch.manual_seed(0)
        rivals = {"reference U-Net (ours)": shaken(ReferenceUnet(dim))}
        published = published_unet(dim)
        if published is not None:
            rivals["lucidrains U-Net"] = published
        for name, network in rivals.items():
            for b in (b for b in options.batches if b <= n):
                call = in_batches(unet_forward(network), patches, b)
                found.append(Contender(f"{name}, dim {dim}", b, call, share))
        if published is None:
            print("denoising_diffusion_pytorch is not installed: ours alone is timed")
    return found


def measure(found: list[Contender], repeat: int) -> None:
    for own in found:
        own.call()  # the first call builds kernels and buffers
    for turn in range(repeat):
        for own in found:
            start = time.perf_counter()
            own.call()
            own.times.append(time.perf_counter() - start)
        print(f"repetition {turn + 1} of {repeat} done", file=sys.stderr)


def best_batches(found: list[Contender]) -> list[Contender]:
    """Of each name the batch with the shortest best time."""
    best: dict[str, Contender] = {}
    for own in found:
        if own.name not in best or own.best < best[own.name].best:
            best[own.name] = own
    return list(best.values())


def print_table(found: list[Contender], n_all: int) -> None:
    print(f"\n{'seconds per slice':48} {'batch':>5} {'min':>9} {'median':>9} {'/s':>8}")
    for own in found:
        batch = str(own.batch) if own.batch else "-"
        rate = n_all / own.best
        print(f"{own.name:48} {batch:>5} {own.best:9.3f} {own.median:9.3f} {rate:8.1f}")
    print("(/s: places of the grid per second, from the shortest time)")


def print_ratios(found: list[Contender]) -> None:
    best = best_batches(found)
    whole, full = best[0], best[2]
    print("\nTimes as long as the lean network on the whole slice, best batch of each")
    print(f"{'(min; median)':48} {'one level':>20} {'all levels+features':>22}")
    for own in best[3:]:
        cells = [
            f"{own.best / base.best:7.1f}; {own.median / base.median:6.1f}"
            for base in (whole, full)
        ]
        print(f"{own.name + f', batch {own.batch}':48} {cells[0]:>20} {cells[1]:>22}")
    print(
        "Patch contenders do one level and no features: 'one level' is the same work,\n"
        "'all levels+features' sets them against all that a slice costs in an\n"
        "examination but reading and storing it."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--patches", type=int, default=32, help="timed of the grid's")
    parser.add_argument("--side", type=int, default=512, help="of the slice, pixels")
    parser.add_argument("--dims", type=int, nargs="*", default=[32, 8])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--device", default="cpu", help="of the lean network")
    parser.add_argument("--dtype", default="auto", help="of the lean network")
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    parser.add_argument("--model", type=Path, help="folder of a lean model")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    device = choose_device(options.device, options.dtype)
    grid = PatchGrid(PATCH)
    n_all = len(grid.rows(options.side)) * len(grid.columns(options.side))
    print(
        f"{cpu_name()}, {torch.get_num_threads()} threads, torch {torch.__version__}\n"
        f"lean: {device.dtype} on {device.kind}; reference: float32 on the CPU, eager\n"
        f"slice of {options.side} x {options.side}: {n_all} patches of {PATCH} px; "
        f"{min(options.patches, n_all)} of them timed, {options.repeat} repetitions"
    )
    found = contenders(options, device)
    measure(found, options.repeat)
    print_table(found, n_all)
    print_ratios(found)


def cpu_name() -> str:
    """Model name of the processor where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return choose_device("cpu").name


if __name__ == "__main__":
    main()
