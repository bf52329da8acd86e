"""Calibrate on genuine scans and write the profile to a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import UNSET

from btd_desktop import paths as places
from btd_desktop.calibration.profile import CalibrationProfile, write_profile
from btd_desktop.errors import CalibrationError
from btd_desktop.examination.models import find_model, open_detector
from btd_desktop.examination.profiles import find_profile
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.method import OWN, Method
from btd_desktop.strict_json import plain_json
from btd_desktop.workflow.calibrate import calibrate_paths
from btd_desktop.workflow.services import Services


def make_profile(
    paths: Sequence[Path],
    *,
    model: str,
    modality: str,
    name: str,
    fpr: float | None,
    out: Path | None,
    device: str,
    dtype: str,
    services: Services,
    context: TaskContext,
    notes: Sequence[str] = (),
    join: str = "",
    method: Method = OWN,
) -> tuple[CalibrationProfile, Path]:
    """Calibrate a model on genuine scans and write the profile.

    Args:
        paths: Genuine scans: folders, files, archives.
        model: Name or folder of the model; "" takes the default of the modality.
        modality: "CT" or "MR"; used only where no model is named.
        name: Name of the profile.
        fpr: Wanted false-positive rate, in (0, 1); None takes that of `join`.
        out: File to write; None writes it among the user's profiles.
        device: "auto", "cpu", "cuda" or "mps".
        dtype: "auto", "float32" or "bfloat16".
        services: Settings and clock.
        context: Progress and cancellation.
        notes: Sentences that the profile carries.
        join: File, name or digest of the profile whose patients those of the scans
            join; "" calibrates on the scans alone.
        method: What is done with the model.

    Returns:
        The profile and the file it was written to.

    Raises:
        CalibrationError: Too few patients, a series that the model learnt from or that
            cannot join the profile, no such profile, or a file of that name exists.
        ModelError: There is no usable model.
        Cancelled: The user asked to stop; nothing is written.
    """
    target = out or default_profile_path(name)
    if target.exists():
        # Before the work instead of after it.
        raise CalibrationError(
            f"{target} exists",
            hint="profiles are never overwritten: choose another name",
            code="profile_exists",
        )
    detector = open_detector(
        find_model(model, modality, method), device=device, dtype=dtype, method=method
    )
    joined = find_profile(join, detector.card) if join else None
    profile = calibrate_paths(
        paths,
        detector,
        name=name,
        fpr=fpr,
        services=services,
        context=context,
        notes=notes,
        join=joined,
    )
    write_profile(profile, target)
    return profile, target


def save_profile(profile: CalibrationProfile) -> Path:
    """Write a profile into the user's folder, under its name or the next free one.

    Raises:
        CalibrationError: Its name makes no file name, or the file cannot be written.
    """
    path = first = default_profile_path(profile.name)
    number = 2
    while path.exists():
        path = first.with_stem(f"{first.stem}-{number}")
        number += 1
    write_profile(profile, path)
    return path


def default_profile_path(name: str) -> Path:
    """File in the user's folder for a profile of that name.

    Raises:
        CalibrationError: The name holds no character that a file name may have.
    """
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    if not stem:
        raise CalibrationError(f"“{name}” is no name for a profile", code="name")
    return places.user_profiles_dir() / f"{stem}.json"


def profile_summary(profile: CalibrationProfile) -> dict[str, Any]:
    """What a profile holds, without its scores, as a JSON value."""
    return {
        "name": profile.name,
        "digest": profile.digest,
        "model": dict(profile.model),
        "target_fpr": profile.target_fpr,
        "n_patients": profile.n_patients,
        "n_series": profile.n_series,
        "n_slices": profile.n_slices,
        "n_patches": profile.n_patches,
        "regions": {} if profile.regions is UNSET else dict(profile.regions),
        "scanners": [plain_json(scanner) for scanner in profile.scanners],
        "levels": [
            {
                "kind": kind,
                "level": level,
                "n": c.ecdf.n,
                "n_patients": c.n_patients,
                "threshold": c.threshold,
                "interval": None if c.interval is None else list(c.interval),
                "smallest_p": c.ecdf.smallest_p,
                "reason": c.reason,
            }
            for kind, by_level in profile.levels.items()
            for level, c in by_level.items()
        ],
    }
