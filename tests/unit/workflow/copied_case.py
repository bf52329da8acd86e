"""A scored case in which the noise of one place was pasted over another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from btd_desktop.calibration.profile import CalibrationProfile, write_profile
from btd_desktop.dicom.series import LoadedSeries
from btd_desktop.examination.models import find_model, open_detector
from btd_desktop.paths import user_profiles_dir
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.engine import tissue_of
from btd_desktop.volume import Volume
from btd_desktop.workflow.calibrate import calibrate_on
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    import_into_case,
)
from btd_desktop.workflow.score_series import score_series
from btd_desktop.workflow.services import Services
from tests.factories import make_ct_volume, make_series_folder, make_tiny_model

__all__ = [
    "COPY",
    "ORIGINAL",
    "CopiedCase",
    "copied_volume",
    "even_volume",
    "make_copied_case",
]

# (slice, row, column) from 0.
ORIGINAL = (2, 64, 37)
COPY = (2, 64, 91)
_HALF = 24  # reaches past the square that is compared and what the network looks at
FPR = 0.1


@dataclass(frozen=True)
class CopiedCase:
    """Folders and profile.

    Attributes:
        case: The case, its one series scored.
        profile: Installed, with the level "place".
    """

    case: Path
    profile: CalibrationProfile


def even_volume(seed: int, patient_id: str = "TEST-1") -> Volume:
    """A body without organs, full of noise.

    The untrained network answers to organs more than to noise, which would drown the
    copy.
    """
    made = make_ct_volume(seed, shape=(4, 128, 128), patient_id=patient_id)
    body = tissue_of(made, 0) > 0
    noise = np.random.default_rng([5, seed]).standard_normal(made.voxels.shape)
    voxels = np.where(body, 40.0, -1000.0) + 120.0 * noise
    return replace(made, voxels=np.rint(voxels).clip(-1024, 3000).astype(np.int16))


def copied_volume(seed: int = 0) -> Volume:
    """A volume in which a square was pasted over another, and one was smoothed."""
    made = even_volume(seed)
    voxels = made.voxels.copy()
    z, r, c = ORIGINAL
    _, _, to = COPY
    square = voxels[z, r - _HALF : r + _HALF, c - _HALF : c + _HALF]
    voxels[z, r - _HALF : r + _HALF, to - _HALF : to + _HALF] = square.copy()
    # So that the program's search finds a place too.
    voxels[3, r - _HALF : r + _HALF, 64 - _HALF : 64 + _HALF] = 40
    return replace(made, voxels=voxels)


def make_copied_case(root: Path) -> CopiedCase:
    """Make it; `BTD_HOME` and `BTD_MODELS_DIR` must point into `root`."""
    make_tiny_model(root / "models" / "tiny-ct")
    detector = open_detector(find_model("", "CT"))
    services, context = Services(), TaskContext()
    volumes = [even_volume(n, f"TEST-{n}") for n in range(1, 6)]
    profile = calibrate_on(
        [LoadedSeries(v, f"1.2.{n}", "", (), ()) for n, v in enumerate(volumes)],
        detector,
        name="with places",
        fpr=FPR,
        services=services,
        context=context,
    )
    write_profile(profile, user_profiles_dir() / "places.json")
    folder = make_series_folder(root / "suspect", volume=copied_volume())
    with create_case(root / "case", CaseDetails(title="Copied"), services) as store:
        [series] = import_into_case(store, [folder], services, context)
        score_series(store, series.series_id, detector, services, context)
    return CopiedCase(root / "case", profile)
