"""Genuine series to a calibration profile, split by patient.

Scores are cross-fitted: each patient is scored with a density fitted on the others,
so that the profile describes patients the density has not seen. The profile keeps the
density of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from msgspec import UNSET

from btd_desktop.calibration.paper_rule import PaperRule
from btd_desktop.calibration.places import (
    SEARCHED_LEVELS,
    BenignSeries,
    Fitting,
    cross_fitted,
    density_of,
    flatten,
    place_scores,
    spreads_of,
)
from btd_desktop.calibration.profile import (
    MIN_PATIENTS,
    CalibrationProfile,
    Scanner,
)
from btd_desktop.calibration.ranks import (
    alarms_of,
    calibrate_kind,
    calibrate_parts,
    calibrate_scores,
    maxima_of_slices,
)
from btd_desktop.calibration.regions import count_regions
from btd_desktop.errors import CalibrationError
from btd_desktop.preprocess.presets import Preset
from btd_desktop.scoring.detector import Backend
from btd_desktop.scoring.features import ACROSS, LEARNED, feature_names
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.scoring.manifest import ModelName
from btd_desktop.scoring.method import OWN, Method


@dataclass(frozen=True, slots=True)
class ProfileHeader:
    """What a profile says of itself besides its numbers; see `CalibrationProfile`."""

    name: str
    created: str
    software: str
    model: ModelName
    preset: Preset
    grid: PatchGrid
    noise_levels: tuple[float, ...]
    backend: Backend
    notes: tuple[str, ...] = ()
    method: Method = OWN


def refuse_few(n_patients: int) -> None:
    """Refuse fewer patients than any rate can be drawn from.

    Raises:
        CalibrationError: They are too few.
    """
    if n_patients < MIN_PATIENTS:
        raise CalibrationError(
            f"{n_patients} patients are too few to calibrate on: at least "
            f"{MIN_PATIENTS} are needed",
            hint="add genuine scans of other patients",
            code="too_few",
        )


def fit_profile(
    series: Sequence[BenignSeries],
    header: ProfileHeader,
    target_fpr: float,
    *,
    background: Sequence[BenignSeries] = (),
) -> CalibrationProfile:
    """Fit density, distributions and thresholds on genuine series.

    Args:
        series: Genuine series, of patients none of whom the model was trained on:
            the caller sees to that.
        background: Further genuine series, which widen the density only (the model
            may have learnt from them); no score of theirs enters a distribution.
        header: Model, preprocessing and wording.
        target_fpr: Wanted false-positive rate, in (0, 1).

    Raises:
        CalibrationError: Fewer than 3 patients, or too few places.
    """
    if not 0.0 < target_fpr < 1.0:
        raise CalibrationError(
            f"a false-positive rate lies between 0 and 1, got {target_fpr:g}",
            code="fpr",
        )
    series = with_tissue(series)
    patients = sorted({s.patient for s in series})
    refuse_few(len(patients))
    is_own = header.method == OWN
    n_columns = series[0].slices[0].features.shape[-1]
    learned = is_own and n_columns > len(feature_names(header.noise_levels))
    names = feature_names(header.noise_levels, learned=learned)
    alone = [i for i, n in enumerate(names) if not n.startswith((ACROSS, LEARNED))]
    background = with_tissue(background)
    if learned:
        background = [_without_evidence(s) for s in background]
    # A patient left out below counts here: where its spread is known it divides itself
    # out, because a density does not mind the unit of a feature.
    spreads = spreads_of([*series, *background]) if is_own else UNSET
    places, behind = (
        [flatten(s, spreads, learned=learned, centred=is_own) for s in part]
        for part in (series, background)
    )
    fitting = Fitting(places, behind, tuple(alone), spreads, learned, not is_own)
    scores = cross_fitted(fitting, patients)
    anomaly = scores["anomaly"]
    levels = {
        kind: calibrate_kind(places, own, target_fpr) for kind, own in scores.items()
    }
    for level in SEARCHED_LEVELS:
        own = place_scores(places, anomaly, level)
        if len(own) >= MIN_PATIENTS:
            levels["anomaly"][level] = calibrate_scores(list(own.values()), target_fpr)
    ranking = density_of(fitting, patients)
    return CalibrationProfile(
        name=header.name,
        created=header.created,
        software=header.software,
        model=header.model,
        preset=header.preset,
        grid=header.grid,
        noise_levels=header.noise_levels,
        backend=header.backend,
        target_fpr=target_fpr,
        n_patients=len(patients),
        n_series=len(places),
        n_slices=sum(len(s.slices) for s in series),
        n_patches=sum(len(p.aerated) for p in places),
        scanners=scanner_mix(series),
        ranges=ranges_of(series),
        density=None if isinstance(ranking, PaperRule) else ranking,
        copies=None,
        levels=levels,
        notes=header.notes,
        evidence=tuple(sorted((s.patient, s.voxel_digest) for s in series)),
        alarms=alarms_of(maxima_of_slices(places, anomaly), target_fpr),
        parts=calibrate_parts(places, anomaly, target_fpr) or UNSET,
        regions=count_regions((s.patient, s.facts) for s in series),
        method=UNSET if is_own else header.method,
        paper=ranking if isinstance(ranking, PaperRule) else UNSET,
    )


def with_tissue(series: Sequence[BenignSeries]) -> list[BenignSeries]:
    """The series with a place to score: the others stand behind no number."""
    return [s for s in series if any(grid.scored.any() for grid in s.slices)]


def _without_evidence(series: BenignSeries) -> BenignSeries:
    """The series with its learned evidence not known: the map may know its scans."""
    slices = []
    for grid in series.slices:
        features = grid.features.copy()
        features[..., -1] = np.nan
        slices.append(replace(grid, features=features))
    return replace(series, slices=tuple(slices))


def ranges_of(
    series: Sequence[BenignSeries],
    held: Mapping[str, tuple[float, float]] | None = None,
) -> dict[str, tuple[float, float]]:
    """Smallest and largest pixel spacing and slice thickness; 0 where none is known.

    Args:
        series: Genuine series.
        held: Ranges of the profile that they join.
    """
    found = dict(held or {})
    for key in ("pixel_spacing_mm", "thickness_mm"):
        known = [v for v in found.get(key, ()) if v > 0.0]
        known += [float(v) for s in series if (v := getattr(s.facts, key))]
        found[key] = (min(known), max(known)) if known else (0.0, 0.0)
    return found


def scanner_mix(
    series: Sequence[BenignSeries], held: Sequence[Scanner] = ()
) -> tuple[Scanner, ...]:
    """Slices of each scanner, kernel and thickness; `held` are those of a profile."""
    mix: Counter[tuple[str, str, str, float | Literal[""]]] = Counter()
    for scanner in held:
        named = scanner.manufacturer, scanner.model, scanner.kernel
        mix[(*named, scanner.thickness_mm)] += scanner.n_slices
    for own in series:
        facts, thickness = own.facts, own.facts.thickness_mm
        named = facts.manufacturer or "", facts.model or "", facts.kernel or ""
        mix[(*named, "" if thickness is None else thickness)] += len(own.slices)
    ordered = sorted(mix.items(), key=lambda item: str(item[0]))
    return tuple(Scanner(*key, n_slices=n) for key, n in ordered)
