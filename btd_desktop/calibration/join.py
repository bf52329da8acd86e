"""Local genuine series joined to a profile: more patients in its ranks.

Three patients cannot be calibrated on alone with any force, but they can stand beside
those of a profile. They are scored with the profile's density, which has not seen them,
so that their scores are as good as left out. The density stays what it is.

That supposes scans like those of the profile: patients are exchangeable or they are
not, however many join. How far the profile covered them before stands in the notes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from btd_desktop.calibration.fit import (
    ProfileHeader,
    ranges_of,
    scanner_mix,
    with_tissue,
)
from btd_desktop.calibration.level import (
    Alarms,
    Domain,
    LevelCalibration,
    SearchCalibration,
)
from btd_desktop.calibration.places import (
    SEARCHED_LEVELS,
    BenignSeries,
    Places,
    flatten,
    place_scores,
    scores_by_kind,
)
from btd_desktop.calibration.profile import (
    MIN_PATIENTS,
    CalibrationProfile,
)
from btd_desktop.calibration.ranks import (
    MIN_BLOCK,
    Maxima,
    Scores,
    alarms_of,
    calibrate_parts,
    calibrate_scores,
    maxima_of_slices,
    of_long_series,
    of_series,
    of_slices,
    patches_of,
    shortest,
)
from btd_desktop.calibration.regions import RegionKey, count_regions
from btd_desktop.calibration.scope import (
    Coverage,
    Scope,
    check_scope,
    with_scores,
)
from btd_desktop.errors import CalibrationError
from btd_desktop.scoring.method import OWN
from btd_desktop.volume import SeriesFacts

_MOST_REASONS = 5  # that a note gives why series are not covered


def join_profile(
    profile: CalibrationProfile,
    series: Sequence[BenignSeries],
    header: ProfileHeader,
) -> CalibrationProfile:
    """A profile of the patients of another and of local ones.

    Each level is calibrated anew, at the profile's rate, on the scores that the profile
    keeps and on those of the local patients, who are numbered after its own. A level
    that the profile lacks is there where the local patients alone give it. Of series
    those of 8 slices and more join where the profile's are so long, else all.

    Alarms are the profile's own and those of local patients, judged at the threshold
    of all others. What this leaves out: the profile keeps no slices by series, so that
    its own patients stay judged at thresholds of its own patients only.

    Args:
        profile: The profile that they join.
        series: Local genuine series, of patients of whom neither the model nor the
            profile knows any: the caller sees to the former.
        header: Name and wording of the new profile; model, preset, grid and noise
            levels as in the old one, whose backend stays.

    Raises:
        CalibrationError: The profile keeps no patients (format 3), was made with
            another model, preprocessing, grid or noise levels, does not cover a series,
            or holds a series or patient already; or no series has a place to score.
    """
    series = with_tissue(series)
    titles = [f"{s.voxel_digest[:12]}…" for s in series]
    check_joins(
        profile,
        header,
        [
            (title, s.patient, s.voxel_digest, s.facts)
            for title, s in zip(titles, series, strict=True)
        ],
    )
    density = profile.ranking
    learned = density.learned is not UNSET
    places = [
        flatten(s, density.spreads, learned=learned, centred=profile.used == OWN)
        for s in series
    ]
    by_series = [scores_by_kind(density, p) for p in places]
    scores = {kind: [own[kind] for own in by_series] for kind in profile.levels}
    anomaly = scores["anomaly"]
    levels = {
        kind: _joined_kind(profile, kind, places, own) for kind, own in scores.items()
    }
    maxima = maxima_of_slices(places, anomaly)
    whole = _joined_search(
        profile.levels["anomaly"], profile.alarms or None, maxima, profile.target_fpr
    )
    n_local = len({s.patient for s in series})
    return replace(
        profile,
        name=header.name,
        created=header.created,
        software=header.software,
        n_patients=profile.n_patients + n_local,
        n_series=profile.n_series + len(series),
        n_slices=profile.n_slices + sum(len(s.slices) for s in series),
        n_patches=profile.n_patches + sum(len(p.aerated) for p in places),
        scanners=scanner_mix(series, profile.scanners),
        ranges=ranges_of(series, profile.ranges),
        levels=levels,
        notes=(
            *profile.notes,
            *header.notes,
            _joining_note(profile, header, series, anomaly),
        ),
        evidence=tuple(
            sorted((*profile.evidence, *((s.patient, s.voxel_digest) for s in series)))
        ),
        alarms=whole.alarms,
        parts=_joined_parts(profile, places, anomaly) or UNSET,
        regions=_joined_regions(profile, series),
    )


def check_joins(
    profile: CalibrationProfile,
    header: ProfileHeader,
    series: Iterable[tuple[str, str, str, SeriesFacts]],
) -> None:
    """Refuse what cannot join a profile; needs no scores.

    Args:
        profile: The profile that is joined.
        header: Model and preprocessing that score the local series.
        series: Name for the sentence, patient key, voxel digest and facts of each.

    Raises:
        CalibrationError: As `join_profile`.
    """
    named = f"the profile “{profile.name}”"
    if profile.alarms is UNSET:
        raise CalibrationError(
            f"{named} has format {profile.format}, which does not say which score is "
            "of which patient: nobody can join it",
            hint="join a profile made by this version, or calibrate alone",
            code="join_format",
        )
    _refuse_others(profile, header, named)
    series = list(series)
    if not series:
        raise CalibrationError(
            f"no local series is left that could join {named}",
            hint="name genuine scans with tissue to score",
            code="no_series",
        )
    for title, _, _, facts in series:
        _refuse_uncovered(profile, header, named, title, facts)
    digests = {digest for _, digest in profile.evidence}
    patients = {patient for patient, _ in profile.evidence}
    again = [title for title, _, digest, _ in series if digest in digests]
    if again:
        raise CalibrationError(
            f"{named} holds series {_first_of(again)} already",
            hint="leave it out: nobody is counted twice",
            code="join_series",
        )
    known = [title for title, patient, _, _ in series if patient in patients]
    if known:
        raise CalibrationError(
            f"{named} holds the patient of series {_first_of(known)} already",
            hint="leave that patient out: nobody is counted twice",
            code="join_patient",
        )


def _scope_of(
    profile: CalibrationProfile, header: ProfileHeader, facts: SeriesFacts
) -> Scope:
    return check_scope(
        profile,
        model_digest=header.model["digest"],
        preset=header.preset,
        grid=header.grid,
        facts=facts,
        method=header.method,
    )


def _refuse_uncovered(
    profile: CalibrationProfile,
    header: ProfileHeader,
    named: str,
    title: str,
    facts: SeriesFacts,
) -> None:
    """Refuse a series that is unlike all of the profile's.

    Once it had joined, the profile would seem to cover its like.
    """
    scope = _scope_of(profile, header, facts)
    if scope.coverage is Coverage.NOT:
        raise CalibrationError(
            f"{named} does not cover series “{title}”: {'; '.join(scope.reasons)}",
            hint="leave it out, or calibrate alone",
            code="join_scope",
        )


def _first_of(titles: Sequence[str]) -> str:
    more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
    return f"“{titles[0]}”{more}"


def _refuse_others(
    profile: CalibrationProfile, header: ProfileHeader, named: str
) -> None:
    """Refuse scores that cannot be compared with those of the profile."""
    ours, theirs = header.model["digest"], profile.model["digest"]
    if ours != theirs:
        raise CalibrationError(
            f"{named} was made with model {profile.model['name']} ({theirs[:12]}…), "
            f"the local scans are scored with another ({ours[:12]}…)",
            hint="take the model of the profile, or calibrate alone",
            code="join_model",
        )
    for same, what, code in (
        (header.preset == profile.preset, "another preprocessing", "join_preset"),
        (header.grid == profile.grid, "another grid of patches", "join_grid"),
        (header.method == profile.used, "another method", "join_method"),
        (
            header.noise_levels == profile.noise_levels,
            "other noise levels",
            "join_levels",
        ),
    ):
        if not same:
            raise CalibrationError(
                f"{named} was made with {what}: scores cannot be compared",
                hint="calibrate alone",
                code=code,
            )


def _joined_level(held: LevelCalibration, own: Scores, fpr: float) -> LevelCalibration:
    """A level of the profile's patients, followed by local ones."""
    return calibrate_scores([*held.ecdf.by_patient, *own.values()], fpr)


def _joined_maxima(
    held: Mapping[str, LevelCalibration], maxima: Maxima, fpr: float
) -> dict[str, LevelCalibration]:
    """Levels "slice" and "series"."""
    series = held["series"]
    # The profile's series are all long, or of any length: so are those that join.
    is_long = series.block is UNSET or series.block >= MIN_BLOCK
    chosen = of_long_series(maxima) if is_long else maxima
    block = series.block
    if block is not UNSET and chosen:
        block = min(block, shortest(chosen))
    return {
        "slice": _joined_level(held["slice"], of_slices(maxima), fpr),
        "series": replace(_joined_level(series, of_series(chosen), fpr), block=block),
    }


def _joined_kind(
    profile: CalibrationProfile,
    kind: str,
    places: Sequence[Places],
    scores: Sequence[NDArray[np.float64]],
) -> dict[str, LevelCalibration]:
    held, fpr = profile.levels[kind], profile.target_fpr
    levels = {
        "patch": _joined_level(held["patch"], patches_of(places, scores), fpr),
        **_joined_maxima(held, maxima_of_slices(places, scores), fpr),
    }
    for level in SEARCHED_LEVELS if kind == "anomaly" else ():
        own = place_scores(places, scores, level)
        if level in held:
            levels[level] = _joined_level(held[level], own, fpr)
        elif len(own) >= MIN_PATIENTS:
            levels[level] = calibrate_scores(list(own.values()), fpr)
    return levels


def _joined_search(
    held: Mapping[str, LevelCalibration],
    alarms: Alarms | None,
    maxima: Maxima,
    fpr: float,
) -> SearchCalibration:
    """What a search of one domain is judged by, its local patients among the others."""
    levels = _joined_maxima(held, maxima, fpr)
    if levels["slice"].threshold is None:
        return SearchCalibration(levels, None)
    own = alarms_of(maxima, fpr, held["slice"].ecdf.by_patient)
    if alarms is not None and own is not None:
        alarms = Alarms(alarms.n + own.n, alarms.of + own.of)
    return SearchCalibration(levels, alarms or own)


def _joined_parts(
    profile: CalibrationProfile,
    places: Sequence[Places],
    anomaly: Sequence[NDArray[np.float64]],
) -> dict[Domain, SearchCalibration]:
    fpr = profile.target_fpr
    found = calibrate_parts(places, anomaly, fpr)
    for part, held in ({} if profile.parts is UNSET else profile.parts).items():
        maxima = maxima_of_slices(places, anomaly, part)
        found[part] = _joined_search(held.levels, held.alarms, maxima, fpr)
    return found


def _joined_regions(
    profile: CalibrationProfile, series: Sequence[BenignSeries]
) -> dict[RegionKey, int] | UnsetType:
    # Where those of the profile are not known, the local ones would seem to be all.
    if profile.regions is UNSET:
        return UNSET
    own = count_regions((s.patient, s.facts) for s in series)
    return dict(Counter(profile.regions) + Counter(own))


def _joining_note(
    profile: CalibrationProfile,
    header: ProfileHeader,
    series: Sequence[BenignSeries],
    anomaly: Sequence[NDArray[np.float64]],
) -> str:
    """Who joined which profile, and how far it covered them."""
    scopes = [
        with_scores(_scope_of(profile, header, own.facts), profile, [scores])
        for own, scores in zip(series, anomaly, strict=True)
    ]
    n = len({s.patient for s in series})
    scanners = sorted({s.facts.scanner or "a scanner not named" for s in series})
    covered = sum(scope.coverage is Coverage.COVERED for scope in scopes)
    reasons = list(dict.fromkeys(r for scope in scopes for r in scope.reasons))
    if len(reasons) > _MOST_REASONS:
        reasons[_MOST_REASONS:] = [f"{len(reasons) - _MOST_REASONS} reasons more"]
    why = f" ({'; '.join(reasons)})" if reasons else ""
    return (
        f"{n} patient{'' if n == 1 else 's'} of {', '.join(scanners)} joined the "
        f"profile “{profile.name}” (digest {profile.digest[:12]}, "
        f"{profile.n_patients} patients), whose density had not seen them; it covered "
        f"{covered} of their {len(series)} series in full{why}."
    )
