"""Train networks that are only measured: curves over steps and over patients.

Each run is trained in stages that begin where the one before ended, every stage with
its own fall of the learning rate: what a stage leaves is a finished model of that many
steps. They lie in `runs/curves/NAME-STEPS`, and an interrupted stage goes on from its
checkpoint. `btd bench networks` then measures the models side by side.

Run: python benchmarks/learning_curves.py NAME [NAME ...]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

from real_data import CREDITS, DATA, load_split, sources_of

from btd_desktop.dicom.series import LoadedSeries
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.card import WEIGHTS_FILE
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.train_model import TrainingOptions, train_on_series

ROOT = Path(__file__).resolve().parents[1]
CURVES = ROOT / "runs" / "curves"

# Level of t = 0: the reference network knows none below it.
_FIRST_LEVEL = 0.0173286


@dataclass(frozen=True, slots=True)
class Curve:
    """One run.

    Attributes:
        options: What is trained.
        kept: Steps in all after which a model is kept, ascending.
        patients: Patients learnt from and watched, the first by name; 0 for all.
    """

    options: TrainingOptions
    kept: tuple[int, ...]
    patients: int = 0


def _lean(*kept: int, patients: int = 0) -> Curve:
    options = TrainingOptions("ct96wide", learning_rate=1e-3)
    return Curve(options, kept, patients)


def _reference(preset: str, dim: int, rate: float, *kept: int) -> Curve:
    options = TrainingOptions(
        preset,
        network="reference",
        dim=dim,
        batch=8,
        crop=128 if preset == "mr128" else 96,
        learning_rate=rate,
        noise_low=_FIRST_LEVEL,
    )
    return Curve(options, kept)


NAMED = {
    "ct96-reference8": _reference("ct96", 8, 1e-3, 150, 300, 600, 1200),
    "ct96-reference32": _reference("ct96", 32, 5e-4, 100, 200),
    "mr128-reference8": _reference("mr128", 8, 1e-3, 150, 300),
    "ct96wide-lean-34": _lean(250, 500, 1000, 2000),
    "ct96wide-lean-12": _lean(1000, patients=12),
    "ct96wide-lean-4": _lean(1000, patients=4),
}


def _patient(loaded: LoadedSeries) -> str:
    return loaded.volume.source.patient_id or ""


def _of_patients(series: list[LoadedSeries], n: int) -> list[LoadedSeries]:
    """Series of n patients, evenly spread over the sorted names; of all when n is 0."""
    names = sorted({_patient(s) for s in series})
    if n:
        step = len(names) / n
        names = [names[int(k * step)] for k in range(n)]
    return [s for s in series if _patient(s) in names]


def train_curve(name: str) -> None:
    """Train one run, keeping a model at each number of steps."""
    curve = NAMED[name]
    modality = "MR" if curve.options.preset.startswith("mr") else "CT"
    series = _of_patients(list(load_split("train", modality)), curve.patients)
    before: Path | None = None
    done = 0
    for stage, steps in enumerate(curve.kept):
        out = CURVES / f"{name}-{steps}"
        options = replace(
            curve.options, steps=steps - done, start_from=before, seed=stage
        )
        before, done = out, steps
        if (out / WEIGHTS_FILE).exists():
            continue
        train_on_series(
            series,
            options,
            out=out,
            device="auto",
            services=Services(),
            context=TaskContext(),
            credits_text=CREDITS.format(sources=sources_of("train", modality)),
            patient_key=_patient,
            on_state=lambda s: print(name, s.step, s.loss, s.elapsed_s, flush=True),
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=sorted(NAMED))
    given = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit("the real scans are not beside this checkout")
    for name in given.names:
        train_curve(name)


if __name__ == "__main__":
    main()
