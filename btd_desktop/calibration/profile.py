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

from msgspec import UNSET, Meta, UnsetType

from btd_desktop.calibration.density import BenignDensity
from btd_desktop.calibration.level import (
    LEVELS,
    PARTS,
    SEARCH_LEVELS,
    WHOLE_BODY,
    Alarms,
    Domain,
    LevelCalibration,
    SearchCalibration,
)
from btd_desktop.calibration.paper_rule import PaperRule
from btd_desktop.calibration.regions import RegionKey
from btd_desktop.calibration.surprise import SurpriseScale
from btd_desktop.digest import json_digest
from btd_desktop.errors import CalibrationError
from btd_desktop.preprocess.presets import Preset
from btd_desktop.scoring.detector import Backend
from btd_desktop.scoring.features import feature_names
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.scoring.manifest import ModelName
from btd_desktop.scoring.method import OWN, Method
from btd_desktop.strict_json import (
    Count,
    plain_json,
    record_from_json,
    split_head,
)

KINDS = ("anomaly", "injection", "removal")
UNTAUGHT = "untaught"
"""The anomaly score without the learned evidence map, a kind where there is one."""
_SEARCHED = {"place", "structure"}
# Fewer cannot show how patients differ; a profile made of fewer covers nothing fully.
MIN_PATIENTS = 3
_FORMAT = 4
_OLDEST_FORMAT = 3  # older ones hold other features, or another search for copies
_MAX_BYTES = 64 << 20


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
        density: Benign density of the features; None in the paper's method.
        copies: From log strength of a copy (`scoring.copies`) to share of genuine
            places, before format 4 only; now each search judges itself.
        levels: kind -> level -> calibration.
        notes: Sentences for the report (simulated scans, brain only, ...).
        evidence: (patient key, digest of the series' voxels) of each series used.
        alarms: How often the rule of the opinion speaks of genuine patients; None
            where it cannot be said; not set before format 4.
        parts: What a search of a part of the body is judged by; not set, or without a
            part, where too few patients show it.
        regions: Patients of each region of the body (`calibration.regions`); not set
            before version 0.3.
        method: What is done with the model; not set for this program's own.
        paper: Order of places in the paper's method; not set in this program's own.
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
    density: BenignDensity | None
    copies: SurpriseScale | None
    levels: Mapping[str, Mapping[str, LevelCalibration]]
    notes: tuple[str, ...] = ()
    evidence: tuple[tuple[str, str], ...] = ()
    alarms: Alarms | UnsetType | None = UNSET
    parts: Mapping[Domain, SearchCalibration] | UnsetType = UNSET
    regions: dict[RegionKey, Count] | UnsetType = UNSET
    method: Method | UnsetType = UNSET
    paper: PaperRule | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse what lacks a level, or has a density of other features.

        Levels get their own order: a file and a case list them in different ones.
        """
        is_paper = self.used != OWN
        if is_paper != (self.paper is not UNSET) or is_paper != (self.density is None):
            raise ValueError("it does not hold what ranks the scores of its method")
        found = {kind: set(by_level) for kind, by_level in self.levels.items()}
        places = found.get("anomaly", set()) & _SEARCHED
        if self.copies is not None and not places:
            raise ValueError("a scale of copies without a level of places")
        kinds = KINDS if self.ranking.learned is UNSET else (*KINDS, UNTAUGHT)
        wanted = {kind: set(LEVELS) for kind in kinds}
        wanted["anomaly"] |= places
        if found != wanted:
            raise ValueError("its levels are not patch, slice and series of each score")
        # Of one format throughout: scores that count by themselves give p-values that
        # patients cannot.
        parts = {} if self.parts is UNSET else dict(self.parts)
        if not set(parts) <= set(PARTS):
            raise ValueError(
                "it is calibrated for a part of the body that there is not"
            )
        older = {
            level.patients is UNSET
            for found in (*self.levels.values(), *(p.levels for p in parts.values()))
            for level in found.values()
        }
        if older != {self.alarms is UNSET} or (self.copies and not all(older)):
            raise ValueError("its levels are not all of one format")
        regions = {} if self.regions is UNSET else self.regions
        if max(regions.values(), default=0) > self.n_patients:
            raise ValueError("more patients of a region than patients")
        ordered = {
            kind: {
                level: self.levels[kind][level]
                for level in (*LEVELS, "place", "structure")
                if level in wanted[kind]
            }
            for kind in kinds
        }
        object.__setattr__(self, "levels", ordered)
        if self.parts is not UNSET:
            object.__setattr__(
                self, "parts", {part: parts[part] for part in PARTS if part in parts}
            )
        n_features = len(feature_names(self.noise_levels))
        if self.density is not None and self.density.n_features != n_features:
            raise ValueError(f"the density does not have {n_features} features")

    @property
    def used(self) -> Method:
        """What is done with the model."""
        return OWN if self.method is UNSET else self.method

    @property
    def ranking(self) -> BenignDensity | PaperRule:
        """What makes one score of a place's features."""
        if self.density is not None:
            return self.density
        if self.paper is UNSET:
            raise ValueError("it holds nothing that ranks scores")
        return self.paper

    @property
    def format(self) -> int:
        """Format of its file: 3 where each score counts by itself, 4 where patients."""
        return _OLDEST_FORMAT if self.alarms is UNSET else _FORMAT

    def search(self, domain: Domain) -> SearchCalibration | None:
        """What a search of a domain is judged by; None where that is not known."""
        if domain == WHOLE_BODY:
            own = {level: self.levels["anomaly"][level] for level in SEARCH_LEVELS}
            return SearchCalibration(own, self.alarms or None)
        return None if self.parts is UNSET else self.parts.get(domain)

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
