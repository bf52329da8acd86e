"""Calibration profile: benign scores, and what they may be used for.

Immutable: a JSON file named by its digest. It says which model, preprocessing, grid
and scanners it was made with, and is refused for anything it does not cover.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import UNSET, Meta, UnsetType
from numpy.typing import NDArray

from btd_desktop.calibration.density import BenignDensity
from btd_desktop.calibration.ecdf import (
    Ecdf,
    Tail,
    clopper_pearson,
    is_established,
)
from btd_desktop.calibration.surprise import SurpriseScale
from btd_desktop.digest import json_digest
from btd_desktop.errors import CalibrationError
from btd_desktop.preprocess.presets import Preset
from btd_desktop.scoring.detector import Backend
from btd_desktop.scoring.features import feature_names
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.scoring.manifest import ModelName
from btd_desktop.strict_json import (
    Count,
    Rate,
    plain_json,
    record_from_json,
    split_head,
)

KINDS = ("anomaly", "injection", "removal")
LEVELS = ("patch", "slice", "series")
"""Levels that every kind has. The anomaly score may have "place" besides: one place
looked at by itself, its noise searched for elsewhere in the series too; and
"structure": such a place on a solid structure of the lung.
"""
_SEARCHED = {"place", "structure"}
# Fewer cannot show how patients differ; a profile made of fewer covers nothing fully.
MIN_PATIENTS = 3
_FORMAT = 4
_OLDEST_FORMAT = 3  # older ones hold other features, or another search for copies
_MAX_BYTES = 64 << 20
_MIN_SPREAD = 5  # scores of one level from which they must differ


def stored_scores(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores with the 7 significant digits that a profile's file keeps, any shape.

    Thresholds are drawn from these, so that threshold and p-values of a profile agree
    and are the same before it is written and after it is read.
    """
    flat = [float(f"{s:.7g}") for s in scores.ravel()]
    return np.array(flat, dtype=np.float64).reshape(scores.shape)


def _check_spread(scores: NDArray[np.float64]) -> None:
    """Refuse scores that rank nothing: of real scans hardly two are alike.

    Raises:
        ValueError: More than half of them are one value.
    """
    if scores.size >= _MIN_SPREAD:
        alike = int(np.unique(scores, return_counts=True)[1].max())
        if 2 * alike > scores.size:
            raise ValueError(f"{alike} of {scores.size} benign scores are one value")


@dataclass(frozen=True, slots=True, eq=False)
class LevelCalibration:
    """Benign scores of one kind at one level, and the threshold drawn from them.

    Attributes:
        scores: Benign scores of patches, slice maxima or series maxima: ascending,
            shape (N,), N >= 1, with the digits that `stored_scores` keeps.
        n_patients: Patients behind them: the number that counts as independent.
        threshold: Scores strictly above it are flagged: on average the wanted share of
            a patient's scores, each patient left out in turn. None when the patients
            cannot carry that rate.
        reason: Why there is no threshold; "" when there is one.
        interval: 95 % interval of the true false-positive rate at the threshold:
            Clopper-Pearson, patients counting (before format 4, an effective number of
            scores). None without threshold.
        effective_n: That number; 0 without threshold.
        patient_fpr: Share flagged in each patient when threshold and density come
            from all others, ascending: what a new patient may see.
        tail: Parametric tail, before format 4 only.
        patients: Number of the patient of each score, from 0, shape (N,); not set
            before format 4, where each score counted by itself.
        block: Level "series": scored slices of the shortest series behind it. A longer
            series is ranked as that many as it holds (`calibration.apply`).
    """

    scores: NDArray[np.float64]
    n_patients: Count
    threshold: float | None
    reason: str
    interval: tuple[Rate, Rate] | None
    effective_n: Annotated[float, Meta(ge=0.0)]
    patient_fpr: tuple[Rate, ...]
    tail: Tail | None
    patients: NDArray[np.int64] | UnsetType = UNSET
    block: Annotated[int, Meta(ge=1)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse scores that rank nothing, or patients that are not those of scores."""
        scores = self.scores
        if self.patients is not UNSET:
            numbers = np.unique(self.patients)
            if self.patients.shape != scores.shape or not np.array_equal(
                numbers, np.arange(self.n_patients)
            ):
                raise ValueError("its scores are not those of its patients")
        ascending = scores.ndim == 1 and scores.size and np.all(np.diff(scores) >= 0)
        if not ascending or not np.isfinite(scores).all():
            raise ValueError("benign scores are not ascending finite numbers")
        _check_spread(scores)

    @property
    def ecdf(self) -> Ecdf:
        """Distribution of the scores."""
        return Ecdf(self.scores, None if self.patients is UNSET else self.patients)

    def establishes(self, fpr: float) -> bool:
        """The upper bound of the rate is at most three times the wanted one."""
        return self.interval is not None and is_established(self.interval[1], fpr)


@dataclass(frozen=True, slots=True)
class Alarms:
    """How often the rule of the opinion speaks of genuine patients.

    Each was left out in turn: density and threshold come from all others.

    Attributes:
        n: Patients of whom it would have said that more slices are flagged than the
            error rate lets expect.
        of: Patients with a series of several scored slices.

    Raises:
        ValueError: More than there are.
    """

    n: Count
    of: Annotated[int, Meta(ge=1)]

    def __post_init__(self) -> None:
        """Refuse more alarms than patients."""
        if self.n > self.of:
            raise ValueError("more patients with an alarm than patients")

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share of genuine patients (Clopper-Pearson)."""
        return clopper_pearson(self.n, self.of)


@dataclass(frozen=True, slots=True)
class Scanner:
    """A scanner, kernel and thickness, and the slices that it gave a profile.

    Attributes:
        thickness_mm: "" where it is not known.
    """

    manufacturer: str
    model: str
    kernel: str
    thickness_mm: float | Literal[""]
    n_slices: Count


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationProfile:
    """Benign distribution of a model's scores.

    Attributes:
        name: Shown to the examiner.
        created: ISO 8601 UTC.
        software: Version of this program.
        model: {"name", "digest"} of the model.
        preset: The preprocessing preset.
        grid: The patch grid.
        noise_levels: Noise levels of the maps.
        backend: Device and precision the scores were computed with.
        target_fpr: Wanted false-positive rate.
        n_patients, n_series, n_slices, n_patches: Benign scans behind it.
        scanners: One entry per scanner, kernel and thickness.
        ranges: Smallest and largest value seen of pixel_spacing_mm and thickness_mm.
        density: Benign density of the features.
        copies: From log strength of a copy (`scoring.copies`) to share of genuine
            places, before format 4 only; now each search judges itself.
        levels: kind -> level -> calibration.
        notes: Sentences for the report (simulated scans, brain only, ...).
        evidence: (patient key, digest of the series' voxels) of each series used.
        alarms: How often the rule of the opinion speaks of genuine patients; None
            where it cannot be said; not set before format 4.
    """

    name: str
    created: str
    software: str
    model: ModelName
    preset: Preset
    grid: PatchGrid
    noise_levels: tuple[float, ...]
    backend: Backend
    target_fpr: Annotated[float, Meta(gt=0.0, lt=1.0)]
    n_patients: Count
    n_series: Count
    n_slices: Count
    n_patches: Count
    scanners: tuple[Scanner, ...]
    ranges: dict[str, tuple[float, float]]
    density: BenignDensity
    copies: SurpriseScale | None
    levels: Mapping[str, Mapping[str, LevelCalibration]]
    notes: tuple[str, ...] = ()
    evidence: tuple[tuple[str, str], ...] = ()
    alarms: Alarms | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        """Refuse what lacks a level, or has a density of other features.

        Levels get their own order: a file and a case list them in different ones.
        """
        found = {kind: set(by_level) for kind, by_level in self.levels.items()}
        places = found.get("anomaly", set()) & _SEARCHED
        if self.copies is not None and not places:
            raise ValueError("a scale of copies without a level of places")
        wanted = {kind: set(LEVELS) for kind in KINDS}
        wanted["anomaly"] |= places
        if found != wanted:
            raise ValueError("its levels are not patch, slice and series of each score")
        # Of one format throughout: scores that count by themselves give p-values that
        # patients cannot.
        older = {
            level.patients is UNSET
            for found in self.levels.values()
            for level in found.values()
        }
        if older != {self.alarms is UNSET} or (self.copies and not all(older)):
            raise ValueError("its levels are not all of one format")
        ordered = {
            kind: {
                level: self.levels[kind][level]
                for level in (*LEVELS, "place", "structure")
                if level in wanted[kind]
            }
            for kind in KINDS
        }
        object.__setattr__(self, "levels", ordered)
        n_features = len(feature_names(self.noise_levels))
        if self.density.n_features != n_features:
            raise ValueError(f"the density does not have {n_features} features")

    @property
    def format(self) -> int:
        """Format of its file: 3 where each score counts by itself, 4 where patients."""
        return _OLDEST_FORMAT if self.alarms is UNSET else _FORMAT

    @property
    def digest(self) -> str:
        """Digest of the profile's canonical JSON."""
        return json_digest(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """JSON value of the profile file, the digest left out."""
        # As it was read: the digest of an older profile stays what it is.
        return {"format": self.format, **plain_json(self)}


def profile_from_json(value: dict[str, Any], where: str) -> CalibrationProfile:
    """The profile in a JSON value.

    Args:
        value: As `to_json` gives it; a "digest" beside it is checked.
        where: Name of the file or case, for the error's sentence.

    Raises:
        CalibrationError: It is not a profile, damaged, altered or of a newer format.
    """
    try:
        found, stated, rest = split_head(value)
        if found > _FORMAT:
            raise CalibrationError(
                f"{where} has format {found}; this program reads up to {_FORMAT}",
                hint="use a newer version of the program",
                code="profile_format",
            )
        if found < _OLDEST_FORMAT:
            raise CalibrationError(
                f"{where} has format {found}, whose scores this program no longer "
                "computes",
                hint="calibrate again, or read it with the version that made it",
                code="profile_format",
            )
        profile = record_from_json(CalibrationProfile, rest)
        actual = profile.digest
    except (ValueError, RecursionError) as error:
        raise CalibrationError(
            f"{where} is not a calibration profile: {error}", code="profile"
        ) from error
    if found != profile.format:
        raise CalibrationError(
            f"{where} is not a calibration profile: it says format {found} and is of "
            f"format {profile.format}",
            code="profile",
        )
    if stated not in (None, actual):
        raise CalibrationError(
            f"{where} was altered: its digest is {actual[:12]}…, it says "
            f"{str(stated)[:12]}…",
            hint="restore the profile, or calibrate again",
            code="profile_digest",
        )
    return profile


def write_profile(profile: CalibrationProfile, path: Path) -> None:
    """Write the profile atomically; an existing file of another content is kept.

    Raises:
        CalibrationError: The file exists with another content, or cannot be written.
    """
    document = {"digest": profile.digest, **profile.to_json()}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"
    data = text.encode()
    try:
        if path.exists() and path.read_bytes() != data:
            raise CalibrationError(
                f"{path} exists and holds another profile",
                hint="profiles are never overwritten: choose another name",
                code="profile_exists",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".part")
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise CalibrationError(
            f"the profile cannot be written to {path}: {error.strerror}",
            code="profile_write",
        ) from error


def read_profile(path: Path) -> CalibrationProfile:
    """The profile in a file, checked against its digest.

    Raises:
        CalibrationError: It cannot be read, is not a profile or was altered.
    """
    try:
        if path.exists() and not path.is_file():
            # A pipe or a device would never end.
            raise CalibrationError(f"{path} is not a file", code="profile_read")
        if path.stat().st_size > _MAX_BYTES:
            raise CalibrationError(f"{path} is too large for a profile", code="size")
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CalibrationError(
            f"{path} cannot be read: {error.strerror}", code="profile_read"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CalibrationError(
            f"{path} is not a calibration profile: {error}", code="profile"
        ) from error
    if not isinstance(value, dict):
        raise CalibrationError(f"{path} is not a calibration profile", code="profile")
    if "digest" not in value:
        raise CalibrationError(
            f"{path} was altered: its digest is missing",
            hint="restore the profile, or calibrate again",
            code="profile_digest",
        )
    return profile_from_json(value, str(path))
