"""Calibration profile: benign scores, and what they may be used for.

Immutable: a JSON file named by its digest. It says which model, preprocessing, grid
and scanners it was made with, and is refused for anything it does not cover.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.calibration.density import BenignDensity
from btd_desktop.calibration.ecdf import Ecdf, Tail
from btd_desktop.calibration.surprise import SurpriseScale
from btd_desktop.digest import json_digest
from btd_desktop.errors import CalibrationError
from btd_desktop.scoring.features import feature_names

KINDS = ("anomaly", "injection", "removal")
LEVELS = ("patch", "slice", "series")
"""Levels that every kind has. The anomaly score may have "place" besides: one place
looked at by itself, its noise searched for elsewhere in the series too.
"""
_FORMAT = 3
_OLDEST_FORMAT = 3  # older ones hold other features, or another search for copies
_MAX_BYTES = 64 << 20
_MIN_SPREAD = 5  # scores of one level from which they must differ
# What a hand-made or damaged JSON value can raise on its way through the parsers.
_BAD_VALUE = (
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
)


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
        ecdf: Of the benign scores: patches, slice maxima or series maxima.
        n_patients: Patients behind them: the number that counts as independent.
        threshold: Scores strictly above it are flagged; None when the scores are too
            few for the wanted rate.
        reason: Why there is no threshold; "" when there is one.
        interval: 95 % interval of the true false-positive rate at the threshold:
            Clopper-Pearson at the effective sample size, which between-patient
            spread makes smaller than the number of scores. None without threshold.
        effective_n: That sample size; 0 without threshold.
        patient_fpr: Share flagged in each patient when threshold and density come
            from all others, ascending: what a new patient may see.
        tail: Parametric tail; None when the scores are too few for one.
    """

    ecdf: Ecdf
    n_patients: int
    threshold: float | None
    reason: str
    interval: tuple[float, float] | None
    effective_n: float
    patient_fpr: tuple[float, ...]
    tail: Tail | None

    def to_json(self) -> dict[str, Any]:
        """JSON value; scores keep 7 significant digits."""
        tail = self.tail
        return {
            "scores": stored_scores(self.ecdf.scores).tolist(),
            "n_patients": self.n_patients,
            "threshold": self.threshold,
            "reason": self.reason,
            "interval": list(self.interval) if self.interval else None,
            "effective_n": self.effective_n,
            "patient_fpr": list(self.patient_fpr),
            "tail": None
            if tail is None
            else [tail.start, tail.share, tail.shape, tail.scale],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> LevelCalibration:
        """Inverse of `to_json`; raises `KeyError`, `TypeError` or `ValueError`."""
        scores = np.array(value["scores"], dtype=np.float64)
        ascending = scores.ndim == 1 and scores.size and np.all(np.diff(scores) >= 0)
        if not ascending or not np.isfinite(scores).all():
            raise ValueError("benign scores are not ascending finite numbers")
        _check_spread(scores)
        interval = value["interval"]
        tail = value["tail"]
        threshold = value["threshold"]
        return cls(
            Ecdf(scores),
            int(value["n_patients"]),
            None if threshold is None else float(threshold),
            str(value["reason"]),
            None if interval is None else (float(interval[0]), float(interval[1])),
            float(value["effective_n"]),
            tuple(float(f) for f in value["patient_fpr"]),
            None if tail is None else Tail(*(float(t) for t in tail)),
        )


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationProfile:
    """Benign distribution of a model's scores.

    Attributes:
        name: Shown to the examiner.
        created: ISO 8601 UTC.
        software: Version of this program.
        model: {"name", "digest"} of the model.
        preset: JSON value of the preprocessing preset.
        grid: JSON value of the patch grid.
        noise_levels: Noise levels of the maps.
        backend: Device and precision the scores were computed with.
        target_fpr: Wanted false-positive rate.
        n_patients, n_series, n_slices, n_patches: Benign scans behind it.
        scanners: One entry per scanner, kernel and thickness: {"manufacturer",
            "model", "kernel", "thickness_mm", "n_slices"}.
        ranges: Smallest and largest value seen of pixel_spacing_mm and thickness_mm.
        density: Benign density of the features.
        copies: From log strength of a copy (`scoring.copies`) to share of genuine
            places; None when calibration did not search for copies.
        levels: kind -> level -> calibration.
        notes: Sentences for the report (simulated scans, brain only, ...).
        evidence: (patient key, digest of the series' voxels) of each series used.
    """

    name: str
    created: str
    software: str
    model: dict[str, str]
    preset: dict[str, Any]
    grid: dict[str, Any]
    noise_levels: tuple[float, ...]
    backend: dict[str, Any]
    target_fpr: float
    n_patients: int
    n_series: int
    n_slices: int
    n_patches: int
    scanners: tuple[dict[str, Any], ...]
    ranges: dict[str, tuple[float, float]]
    density: BenignDensity
    copies: SurpriseScale | None
    levels: Mapping[str, Mapping[str, LevelCalibration]]
    notes: tuple[str, ...] = ()
    evidence: tuple[tuple[str, str], ...] = ()

    @property
    def digest(self) -> str:
        """Digest of the profile's canonical JSON."""
        return json_digest(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """JSON value of the profile file, the digest left out."""
        return {
            "format": _FORMAT,
            "name": self.name,
            "created": self.created,
            "software": self.software,
            "model": dict(self.model),
            "preset": self.preset,
            "grid": self.grid,
            "noise_levels": list(self.noise_levels),
            "backend": self.backend,
            "target_fpr": self.target_fpr,
            "n_patients": self.n_patients,
            "n_series": self.n_series,
            "n_slices": self.n_slices,
            "n_patches": self.n_patches,
            "scanners": list(self.scanners),
            "ranges": {k: list(v) for k, v in self.ranges.items()},
            "density": self.density.to_json(),
            "copies": None if self.copies is None else self.copies.to_json(),
            "levels": {
                kind: {level: c.to_json() for level, c in by_level.items()}
                for kind, by_level in self.levels.items()
            },
            "notes": list(self.notes),
            "evidence": [list(e) for e in self.evidence],
        }


def profile_from_json(value: dict[str, Any], where: str) -> CalibrationProfile:
    """The profile in a JSON value.

    Args:
        value: As `to_json` gives it; a "digest" beside it is checked.
        where: Name of the file or case, for the error's sentence.

    Raises:
        CalibrationError: It is not a profile, damaged, altered or of a newer format.
    """
    stated = value.get("digest") if isinstance(value, dict) else None
    try:
        if int(value["format"]) > _FORMAT:
            raise CalibrationError(
                f"{where} has format {value['format']}; this program reads up to "
                f"{_FORMAT}",
                hint="use a newer version of the program",
                code="profile_format",
            )
        if int(value["format"]) < _OLDEST_FORMAT:
            raise CalibrationError(
                f"{where} has format {value['format']}, whose scores this program no "
                "longer computes",
                hint="calibrate again, or read it with the version that made it",
                code="profile_format",
            )
        profile = _parse(value)
        actual = profile.digest
    except _BAD_VALUE as error:
        raise CalibrationError(
            f"{where} is not a calibration profile: {error}", code="profile"
        ) from error
    if stated is not None and stated != actual:
        raise CalibrationError(
            f"{where} was altered: its digest is {actual[:12]}…, it says "
            f"{str(stated)[:12]}…",
            hint="restore the profile, or calibrate again",
            code="profile_digest",
        )
    return profile


def _parse(value: dict[str, Any]) -> CalibrationProfile:
    levels = {
        kind: {
            level: LevelCalibration.from_json(value["levels"][kind][level])
            for level in LEVELS
        }
        for kind in KINDS
    }
    place = value["levels"]["anomaly"].get("place")
    if place is not None:
        levels["anomaly"]["place"] = LevelCalibration.from_json(place)
    copies = value["copies"]
    if (place is None) != (copies is None):
        raise ValueError("the scale of copies and the level of places go together")
    fpr = float(value["target_fpr"])
    if not 0.0 < fpr < 1.0:
        raise ValueError(f"target_fpr {fpr:g}")
    noise_levels = tuple(float(v) for v in value["noise_levels"])
    density = BenignDensity.from_json(value["density"])
    n_features = len(feature_names(noise_levels))
    if density.n_features != n_features:
        raise ValueError(f"the density does not have {n_features} features")
    return CalibrationProfile(
        name=str(value["name"]),
        created=str(value["created"]),
        software=str(value["software"]),
        model={k: str(v) for k, v in value["model"].items()},
        preset=dict(value["preset"]),
        grid=dict(value["grid"]),
        noise_levels=noise_levels,
        backend=dict(value["backend"]),
        target_fpr=fpr,
        n_patients=int(value["n_patients"]),
        n_series=int(value["n_series"]),
        n_slices=int(value["n_slices"]),
        n_patches=int(value["n_patches"]),
        scanners=tuple(dict(s) for s in value["scanners"]),
        ranges={k: (float(v[0]), float(v[1])) for k, v in value["ranges"].items()},
        density=density,
        copies=None if copies is None else SurpriseScale.from_json(copies),
        levels=levels,
        notes=tuple(str(n) for n in value["notes"]),
        evidence=tuple((str(a), str(b)) for a, b in value["evidence"]),
    )


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
