"""Simulated series on disk, genuine or tampered with on purpose."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from btd_desktop.errors import SettingsError
from btd_desktop.progress import TaskContext
from btd_desktop.simulator.chest import chest_phantom
from btd_desktop.simulator.ct import simulate_ct
from btd_desktop.simulator.demo import injection_place, nearest_voxel
from btd_desktop.simulator.export import export_series
from btd_desktop.simulator.head import head_phantom
from btd_desktop.simulator.mri import simulate_mr
from btd_desktop.simulator.scanners import (
    CT_SCANNERS,
    MR_SCANNERS,
    CtScanner,
    MrScanner,
    drawn_ct_scanner,
    drawn_mr_scanner,
)
from btd_desktop.tampering.nodules import inject_nodule, remove_nodule
from btd_desktop.tampering.result import TamperResult
from btd_desktop.volume import Volume

_INJECTED_MM = 12.0
_SLICES_LEARNT = 3
_Scanner = TypeVar("_Scanner", CtScanner, MrScanner)


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """What is simulated.

    Attributes:
        modality: "CT" or "MR".
        scanner: Name of a scanner of `simulator.scanners`, the letter in it, or "" for
            the first.
        n_slices: Number of slices.
        rows: Rows and columns of each slice.
        seed: Seed of everything drawn at random.
        tamper: "", "inject" or "remove" (CT only).
    """

    modality: str
    scanner: str = ""
    n_slices: int = 40
    rows: int = 320
    seed: int = 1
    tamper: str = ""


@dataclass(frozen=True, slots=True)
class SimulatedSeries:
    """A simulated series that was written.

    Attributes:
        folder: Where its files lie.
        files: The files in slice order.
        scanner: Name of the scanner.
        truth: What was tampered with, as in `truth.json`; None for a genuine series.
    """

    folder: Path
    files: tuple[Path, ...]
    scanner: str
    truth: dict[str, object] | None

    @property
    def n_slices(self) -> int:
        """Number of slices written."""
        return len(self.files)

    def to_json(self) -> dict[str, object]:
        """JSON value."""
        return {
            "folder": str(self.folder),
            "n_slices": self.n_slices,
            "scanner": self.scanner,
            "truth": self.truth,
        }


def simulate_series(
    folder: Path, options: SimulationOptions, context: TaskContext
) -> SimulatedSeries:
    """Simulate a series and write it as DICOM.

    A tampered one is marked as a derived copy: its files go into `folder/series`, and
    `folder/truth.json` says what was done.

    Raises:
        SettingsError: An option cannot be used, or the folder is not empty.
        EvidenceError: The files cannot be written.
        Cancelled: The user asked to stop; nothing is written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(
            f"{folder} is not an empty folder",
            hint="simulated scans overwrite nothing: name a new folder",
            code="not_empty",
        )
    if options.tamper not in ("", "inject", "remove"):
        raise SettingsError(
            f"there is no tampering “{options.tamper}”", hint="use inject or remove"
        )
    if options.modality == "CT":
        scanner, volume, done = _simulate_ct(options, context)
    elif options.modality == "MR":
        if options.tamper:
            raise SettingsError("only simulated CT can be tampered with", code="tamper")
        scanner, volume, done = _simulate_mr(options, context)
    else:
        raise SettingsError(
            f"{options.modality} cannot be simulated", hint="use ct or mr"
        )
    slices = folder if done is None else folder / "series"
    files = export_series(
        volume,
        slices,
        patient_id=volume.source.patient_id or "",
        series_description=f"{scanner}, {'tampered' if done else 'genuine'}",
        uid_seed="simulated-" + json.dumps(asdict(options), sort_keys=True),
        derived=None if done is None else done.record.sentence,
    )
    truth = None
    if done is not None:
        truth = {
            "simulated": True,
            "axes": "slice, row, column from 0",
            **asdict(done.record),
        }
        text = json.dumps(truth, indent=2, ensure_ascii=False) + "\n"
        (folder / "truth.json").write_text(text, encoding="utf-8")
    return SimulatedSeries(slices, files, scanner, truth)


def simulated_patient(modality: str, rng: np.random.Generator) -> Volume:
    """Three slices of a patient on a scanner drawn at random, to learn from.

    Args:
        modality: "CT" (512×512) or "MR" (256×256).
        rng: Everything follows from it.
    """
    noise = int(rng.integers(2**31))
    if modality == "MR":
        return simulate_mr(
            head_phantom(rng),
            drawn_mr_scanner(rng),
            n_slices=_SLICES_LEARNT,
            rows=256,
            seed=noise,
        )
    scanner = drawn_ct_scanner(rng)
    # Apart from each other, so that they show different anatomy.
    positions = sorted(rng.uniform(-60.0, 60.0, _SLICES_LEARNT).tolist())
    return simulate_ct(
        chest_phantom(rng),
        scanner,
        n_slices=_SLICES_LEARNT,
        rows=512,
        seed=noise,
        positions_mm=positions,
    )


def _simulate_ct(
    options: SimulationOptions, context: TaskContext
) -> tuple[str, Volume, TamperResult | None]:
    scanner = _scanner(options.scanner, CT_SCANNERS)
    phantom = chest_phantom(np.random.default_rng([options.seed, 0]))
    volume = simulate_ct(
        phantom,
        scanner,
        n_slices=options.n_slices,
        rows=options.rows,
        seed=options.seed,
        patient_id=f"SIM-{options.seed:04d}",
        context=context,
    )
    if not options.tamper:
        return scanner.name, volume, None
    rng = np.random.default_rng([options.seed, 7])
    if options.tamper == "remove":
        z = volume.slice_positions_mm
        inside = [n for n in phantom.nodules if z[0] <= n.centre_mm[2] <= z[-1]]
        if not inside:
            raise SettingsError(
                "no nodule lies in the simulated slices",
                hint="simulate more slices or take another seed",
                code="tamper",
            )
        nodule = max(inside, key=lambda n: n.diameter_mm)
        at = nearest_voxel(volume, np.array(nodule.centre_mm))
        done = remove_nodule(volume, at, nodule.diameter_mm, rng)
    else:
        done = inject_nodule(
            volume, injection_place(volume, phantom, rng), _INJECTED_MM, rng
        )
    return scanner.name, done.volume, done


def _simulate_mr(
    options: SimulationOptions, context: TaskContext
) -> tuple[str, Volume, None]:
    scanner = _scanner(options.scanner, MR_SCANNERS)
    volume = simulate_mr(
        head_phantom(np.random.default_rng([options.seed, 0])),
        scanner,
        n_slices=options.n_slices,
        rows=options.rows,
        seed=options.seed,
        patient_id=f"SIM-{options.seed:04d}",
        context=context,
    )
    return scanner.name, volume, None


def _scanner(wanted: str, known: tuple[_Scanner, ...]) -> _Scanner:
    for scanner in known:
        letter = scanner.name.split()[1]
        if wanted.casefold() in ("", letter.casefold(), scanner.name.casefold()):
            return scanner
    names = "; ".join(s.name for s in known)
    raise SettingsError(
        f"there is no simulated scanner “{wanted}”",
        hint=f"there are: {names}",
        code="scanner",
    )
