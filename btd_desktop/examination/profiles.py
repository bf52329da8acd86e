"""Calibration profiles on this computer: list, find, choose what covers best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from btd_desktop import paths
from btd_desktop.calibration.profile import CalibrationProfile, read_profile
from btd_desktop.calibration.scope import Coverage, Scope, check_scope
from btd_desktop.errors import CalibrationError, ModelError
from btd_desktop.examination.model_manifest import check_pinned_file
from btd_desktop.examination.models import list_models
from btd_desktop.scoring.card import ModelCard, ModelFacts
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.scoring.method import METHOD_NAMES, OWN, Method
from btd_desktop.volume import SeriesFacts

PROFILES_DIR: Final = "profiles"


def list_profiles(
    model: ModelCard | ModelFacts,
) -> Iterator[tuple[Path, CalibrationProfile | str]]:
    """Profiles for a model, from its own folder and the user's.

    Yields:
        Path and profile, or path and the reason why it cannot be used.
    """
    folders = [
        e.folder / PROFILES_DIR
        for e in list_models()
        if e.card is not None and e.card.digest == model.digest
    ]
    folders.append(paths.user_profiles_dir())
    for folder in folders:
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            try:
                profile = _checked_profile(path)
            except CalibrationError as error:
                yield path, error.detail
                continue
            if profile.model.get("digest") == model.digest:
                yield path, profile


def find_profile(wanted: str, model: ModelCard | ModelFacts) -> CalibrationProfile:
    """A profile by file or by name.

    Raises:
        CalibrationError: There is none, or it cannot be used.
    """
    path = Path(wanted)
    if path.is_file():
        return _checked_profile(path)
    known = []
    for found, profile in list_profiles(model):
        if isinstance(profile, str):
            continue
        if wanted in (found.stem, profile.name, profile.digest):
            return profile
        known.append(found.stem)
    raise CalibrationError(
        f"there is no profile “{wanted}” for model {model.name}",
        hint=f"known: {', '.join(known) or 'none'}",
        code="no_profile",
    )


def _checked_profile(path: Path) -> CalibrationProfile:
    """The profile in a file; below the shipped models only one that was shipped."""
    if not path.is_file():
        raise CalibrationError(f"{path} is not a file", code="profile_read")
    try:
        check_pinned_file(path)
    except ModelError as error:
        raise CalibrationError(
            error.detail, hint=error.hint, code="not_shipped"
        ) from error
    return read_profile(path)


_ORDER = {Coverage.COVERED: 0, Coverage.PARTLY: 1, Coverage.NOT: 2}


def choose_profile(
    model: ModelCard | ModelFacts,
    grid: PatchGrid,
    facts: SeriesFacts,
    wanted: str = "",
    kept: Sequence[CalibrationProfile] = (),
) -> tuple[CalibrationProfile, Scope] | None:
    """The profile for a series, and how far it covers the series.

    A case must show the same numbers on every computer: the profile that it used last
    comes first, unless it does not cover the series and another profile does.

    Args:
        model: Model that scored.
        grid: The patch grid.
        facts: Facts of the series.
        wanted: Profile asked for; taken whatever it covers.
        kept: Profiles that the case keeps for the model, the one used last first.

    Returns:
        Profile and scope, with the most patients among equal scopes; None when there is
        no profile for the model.

    Raises:
        CalibrationError: The profile asked for does not exist or cannot be used.
    """

    def checked(profile: CalibrationProfile) -> tuple[CalibrationProfile, Scope]:
        return profile, scope_of(profile, model, grid, facts)

    if wanted:
        return checked(_profile_asked_for(wanted, model, kept))
    last = checked(kept[0]) if kept else None
    if last is not None and last[1].p_values_allowed:
        return last
    installed = [
        p
        for _, p in list_profiles(model)
        if not isinstance(p, str) and p.used == method_of(model)
    ]
    others = [checked(p) for p in (*kept[1:], *installed)]
    best = min(
        others, key=lambda c: (_ORDER[c[1].coverage], -c[0].n_patients), default=None
    )
    if last is not None and (best is None or not best[1].p_values_allowed):
        return last
    return best


def scope_of(
    profile: CalibrationProfile,
    model: ModelCard | ModelFacts,
    grid: PatchGrid,
    facts: SeriesFacts,
) -> Scope:
    """How far a profile covers a series that a model scored on a grid."""
    return check_scope(
        profile,
        model_digest=model.digest,
        preset=model.preset,
        grid=grid,
        facts=facts,
        method=method_of(model),
    )


def method_of(model: ModelCard | ModelFacts) -> Method:
    """What a run did with a model; a model by itself is used as this program does."""
    return model.method if isinstance(model, ModelFacts) else OWN


def _profile_asked_for(
    wanted: str, model: ModelCard | ModelFacts, kept: Sequence[CalibrationProfile]
) -> CalibrationProfile:
    try:
        found = find_profile(wanted, model)
    except CalibrationError as error:
        for profile in kept:
            if error.code == "no_profile" and wanted in (profile.name, profile.digest):
                return profile
        raise
    if found.used != method_of(model):
        raise CalibrationError(
            f"profile {found.name} ranks scores of another method "
            f"({METHOD_NAMES[found.used]}) than the run's "
            f"({METHOD_NAMES[method_of(model)]})",
            hint="name a profile that was calibrated with the run's method",
            code="method",
        )
    return found
