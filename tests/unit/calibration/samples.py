"""Synthetic genuine patients: features with scanner offsets and correlated noise."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.calibration.fit import ProfileHeader, fit_profile
from btd_desktop.calibration.places import BenignSeries
from btd_desktop.calibration.profile import CalibrationProfile, profile_from_json
from btd_desktop.calibration.surprise import fit_surprise
from btd_desktop.preprocess.presets import PRESETS
from btd_desktop.scoring.detector import Backend
from btd_desktop.scoring.features import GridFeatures, feature_names
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.strict_json import plain_json
from btd_desktop.volume import SeriesFacts

LEVELS = (0.0173286, 0.055)
N_FEATURES = len(feature_names(LEVELS))
MODEL = {"name": "tiny", "digest": "a" * 64}
PRESET = PRESETS["ct96wide"]
GRID = PatchGrid(96)
FACTS = SeriesFacts(
    modality="CT",
    manufacturer="ACME",
    model="One",
    kernel="B30f",
    body_part="CHEST",
    thickness_mm=2.0,
    pixel_spacing_mm=0.7,
    lossy=False,
)
# Neighbouring zones of one level are alike, as in real features.
_MIX = np.linalg.cholesky(0.6 * np.eye(N_FEATURES) + 0.4)


def grid_slice(
    rng: np.random.Generator,
    offset: NDArray[np.float64] | float = 0.0,
    side: int = 10,
    spread: float = 1.0,
) -> GridFeatures:
    """One slice with 3 rows of air, a lung on the left and solid tissue.

    The last 3 rows scatter as many times more widely as `spread` says: were it all of
    them, the series' own spread would take it for its ordinary noise.
    """
    shape = (side, side)
    features = rng.standard_normal((*shape, N_FEATURES)) @ _MIX.T
    features[-3:] *= spread
    features = 0.1 * features + offset
    injection = 1.0 + 0.1 * rng.standard_normal(shape) + 0.2 * np.mean(offset)
    removal = 1.0 + 0.05 * rng.standard_normal(shape) + 0.2 * np.mean(offset)
    aerated = np.zeros(shape)
    aerated[:, : side // 2] = 0.9
    features[:, : side // 2] *= 1.5
    for array in (features, injection, removal):
        array[:3] = np.nan
    centres = np.arange(side) * 16
    return GridFeatures(
        centres,
        centres,
        *(a.astype(np.float32) for a in (injection, removal, features, aerated)),
    )


def series_of(
    patient: str,
    seed: int,
    *,
    n_slices: int = 8,
    offset: float = 0.5,
    spread: float = 0.0,
    **facts: Any,
) -> BenignSeries:
    """A genuine series: its scanner shifts all features by a random offset."""
    rng = np.random.default_rng(seed)
    shift = offset * rng.standard_normal(N_FEATURES)
    noisier = float(np.exp(spread * rng.standard_normal()))
    slices = tuple(grid_slice(rng, shift, spread=noisier) for _ in range(n_slices))
    return BenignSeries(patient, slices, FACTS.with_facts(**facts), f"{seed:064x}")


def searched(
    series: BenignSeries, seed: int, n: int = 30, *, to: str = "copies"
) -> BenignSeries:
    """The series with the surprises of copies that genuine places show by chance."""
    rng = np.random.default_rng(seed)
    copies = []
    for k in range(n):
        s = k % len(series.slices)
        scored = np.argwhere(series.slices[s].scored)
        i, j = scored[rng.integers(len(scored))]
        copies.append(((s, int(i), int(j)), -float(np.log10(1.0 - rng.random()))))
    if to == "structures":
        return replace(series, structures=tuple(copies))
    return replace(series, copies=tuple(copies))


def header(**changes: Any) -> ProfileHeader:
    values: dict[str, Any] = {
        "name": "local",
        "created": "2026-03-14T09:26:53+00:00",
        "software": "0.1.0",
        "model": MODEL,
        "preset": PRESET,
        "grid": GRID,
        "noise_levels": LEVELS,
        "backend": Backend("cpu", dtype="float32"),
        "notes": ("synthetic",),
    }
    return ProfileHeader(**{**values, **changes})


def profile_of(
    n_patients: int = 5, fpr: float = 0.05, *, copies: bool = False, **options: Any
) -> CalibrationProfile:
    series = [series_of(f"p{i}", i, **options) for i in range(n_patients)]
    if copies:
        series = [searched(s, i) for i, s in enumerate(series)]
    return fit_profile(series, header(), fpr)


def older(profile: CalibrationProfile) -> CalibrationProfile:
    """As the version before wrote it: each score counts, copies on a scale."""
    value = json.loads(json.dumps(profile.to_json()))
    for by_level in value["levels"].values():
        for level in by_level.values():
            for key in ("patients", "block"):
                level.pop(key, None)
    del value["alarms"], value["regions"]
    value.pop("parts", None)
    value["density"].pop("spreads", None)
    value["format"] = 3
    strengths = np.random.default_rng(1).normal(5.3, 0.3, 400)
    value["copies"] = plain_json(fit_surprise(np.log(strengths)))
    return profile_from_json(value, "file")
