"""Small made-up things for tests: a model, a volume, a series on disk.

No patient and no physics: an ellipse of water in air, two lungs in it, and noise.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from btd_desktop.calibration.place import CalibratedValue, PlaceNumbers
from btd_desktop.dicom.write import write_series
from btd_desktop.digest import bytes_digest
from btd_desktop.preprocess.presets import IntensityScale, preset_named
from btd_desktop.scoring.card import LeanNetwork, ModelCard
from btd_desktop.scoring.copies import NoiseCopy
from btd_desktop.scoring.detector import Backend
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.scoring.manifest import ENGINE_VERSION, RunManifest
from btd_desktop.volume import SeriesFacts, Volume

__all__ = [
    "make_ct_volume",
    "make_manifest",
    "make_numbers",
    "make_series_folder",
    "make_tiny_model",
]

TINY_LEVELS = (0.01, 0.0173286, 0.03, 0.055, 0.1)


def _look_for_noise(network: Any) -> None:
    """Let the first channel be what a blur takes away, and the last layer heed it.

    An untrained network finds no noise and is refused; this one finds it, crudely.
    """
    import torch

    blur = torch.tensor([1.0, 2.0, 1.0])
    sharp = -torch.outer(blur, blur) / 16.0
    sharp[1, 1] += 1.0
    with torch.no_grad():
        network.stem.weight[0, 0] = sharp
        network.head.weight.mul_(0.01)
        network.head.weight[0, 0] = 1.4


def make_tiny_model(
    folder: Path, preset: str = "ct96wide", *, seed: int = 0, **changes: Any
) -> ModelCard:
    """Write a seeded, untrained lean network of three times eight channels.

    Args:
        folder: Folder of the model; its name becomes the model's name.
        preset: Name of the preset.
        seed: Of the weights.
        changes: Other fields of the card.
    """
    import torch

    from btd_desktop.diffusion.checkpoint import save_model, weights_bytes
    from btd_desktop.diffusion.lean import LeanDenoiser
    from btd_desktop.diffusion.networks import parameter_count

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LeanDenoiser(LeanNetwork((8, 8, 8), 1))
        # Fresh last layers are zero in many networks: make sure that maps are not.
        for parameter in network.parameters():
            if not bool(parameter.any()):
                torch.nn.init.normal_(parameter, std=0.1)
        _look_for_noise(network)
    weights = weights_bytes(network.state_dict())
    card = ModelCard(
        name=folder.name,
        title=f"untrained test model, {preset}",
        network=network.config,
        n_parameters=parameter_count(network),
        preset=preset_named(preset),
        levels=TINY_LEVELS,
        weights_sha256=bytes_digest(weights),
        training={"description": "not trained"},
        limits=("A test model; it has learnt nothing.",),
        created="2026-01-01",
    )
    card = replace(card, **changes)
    save_model(folder, card, weights)
    return card


def make_ct_volume(
    seed: int = 0,
    *,
    shape: tuple[int, int, int] = (6, 128, 128),
    patient_id: str = "TEST-1",
    **source: Any,
) -> Volume:
    """A body of water with two lungs, and noise that neighbours share a little.

    Args:
        seed: Of noise and of the body's size.
        shape: (S, H, W).
        patient_id: PatientID.
        source: Other facts, as in `Volume.source`.
    """
    rng = np.random.default_rng([77, seed])
    n, h, w = shape
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    wide, deep = rng.uniform(0.82, 0.92), rng.uniform(0.66, 0.76)
    plane = np.full((h, w), -1000.0)
    plane[(x / wide) ** 2 + (y / deep) ** 2 < 1.0] = 40.0
    for side in (-1, 1):
        plane[((x - side * 0.42) / 0.3) ** 2 + ((y + 0.02) / 0.45) ** 2 < 1.0] = -850.0
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), (0.0, 0.7, 0.7))
    voxels = np.rint(plane + 60.0 * noise).clip(-1024, 3000).astype(np.int16)
    return Volume(
        voxels=voxels,
        modality="CT",
        unit="HU",
        spacing_mm=(2.5, 1.0, 1.0),
        origin_mm=(0.0, 0.0, 0.0),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=tuple(2.5 * i for i in range(n)),
        instance_uids=tuple(f"1.2.3.{seed}.{i}" for i in range(n)),
        source=SeriesFacts(
            manufacturer="TEST MAKER",
            model="TEST CT",
            kernel="STD",
            description="test series",
            patient_id=patient_id,
            patient_name="TEST^NOBODY",
            thickness_mm=2.5,
        ).with_facts(**source),
    )


def make_series_folder(
    folder: Path, seed: int = 0, *, volume: Volume | None = None, **options: Any
) -> Path:
    """Write a series as DICOM files into a folder and return the folder.

    Args:
        folder: Made when missing.
        seed: Of the volume and of the UIDs.
        volume: What to write; `make_ct_volume(seed)` with the patient TEST-seed when
            None.
        options: For `make_ct_volume`.
    """
    options.setdefault("patient_id", f"TEST-{seed}")
    made = make_ct_volume(seed, **options) if volume is None else volume
    write_series(made, folder, headers={}, uid_seed=f"test-{folder.name}-{seed}")
    return folder


def make_numbers() -> PlaceNumbers:
    """Numbers of a place that the search chose."""
    patch = CalibratedValue(0.25, 0.25, None, 3, 2, 0.5, flagged=False, level="patch")
    return PlaceNumbers(
        CalibratedValue(2.5, 0.25, 1e-05, 3, 2, 1.5, flagged=True, level="place"),
        patch,
        patch,
        NoiseCopy(
            strength=19.0, correlation=0.88, side_px=32, n_slices=3, slice_index=6,
            row=33, column=29, surprise=6.2, copied=True, share=0.05,
            usual_strength=5.4,
        ),
        CalibratedValue(3.0, 0.25, None, 3, 2, None, flagged=None),
    )  # fmt: skip


def make_manifest(**changes: Any) -> RunManifest:
    """Manifest of a run that nobody made."""
    manifest = RunManifest(
        software="0.1.0",
        engine=ENGINE_VERSION,
        model={"name": "m", "digest": "0" * 64},
        preset=preset_named("ct96wide"),
        scale=IntensityScale(-1024.0, 1000.0),
        grid=PatchGrid(96),
        noise_levels=TINY_LEVELS,
        paper_level=1,
        volume_digest="1" * 64,
        backend=Backend("cpu", dtype="float32"),
    )
    return replace(manifest, **changes)
