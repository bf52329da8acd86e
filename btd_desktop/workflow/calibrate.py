"""Benign scans to a calibration profile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from msgspec import UNSET

from btd_desktop import __version__
from btd_desktop.calibration.fit import ProfileHeader, fit_profile, refuse_few
from btd_desktop.calibration.join import check_joins, join_profile
from btd_desktop.calibration.places import BenignSeries
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.series import LoadedSeries
from btd_desktop.digest import array_digest, bytes_digest
from btd_desktop.errors import CalibrationError
from btd_desktop.examination.models import BoundDetector
from btd_desktop.examination.profiles import list_profiles
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.card import ModelCard
from btd_desktop.scoring.detector import Detector
from btd_desktop.scoring.engine import grid_of, score_volume
from btd_desktop.scoring.method import OWN
from btd_desktop.volume import SeriesFacts, Volume
from btd_desktop.workflow.kept_series import facts_of
from btd_desktop.workflow.score_series import make_manifest
from btd_desktop.workflow.search_copies import SearchedPlaces, sampled_copies
from btd_desktop.workflow.services import Services


def patient_of(loaded: LoadedSeries) -> str:
    """Pseudonym of a series' patient: equal for the scans of one patient.

    A series without PatientID counts as a patient of its own, so a profile may claim
    more patients than there are; the import's findings say when the tag is missing.
    """
    return patient_key(loaded.volume.source.patient_id or loaded.series_uid)


def patient_key(name: str) -> str:
    """Pseudonym of a patient's name or ID, as profiles keep it."""
    return bytes_digest(name.encode("utf-8", "replace"))[:16]


def count_patients(paths: Sequence[Path], modality: str, context: TaskContext) -> int:
    """Patients of the series of a modality below the given paths, before scoring.

    Raises:
        EvidenceError: A path does not exist.
        Cancelled: The examiner asked to stop.
    """
    found = import_evidence(paths, context).series
    return len({patient_of(s) for s in found if s.volume.modality == modality})


def calibrate_paths(
    paths: Sequence[Path],
    detector: BoundDetector,
    *,
    name: str,
    fpr: float | None,
    services: Services,
    context: TaskContext,
    notes: Sequence[str] = (),
    join: CalibrationProfile | None = None,
) -> CalibrationProfile:
    """Calibrate on the genuine scans below the given paths.

    Args:
        paths: Genuine scans: folders, files, archives.
        detector: The model.
        name: Name of the profile.
        fpr: Wanted false-positive rate, in (0, 1); None takes that of `join`.
        services: Settings and clock.
        context: Progress and cancellation.
        notes: Sentences that the profile carries.
        join: Profile whose patients those of the scans join.

    Raises:
        EvidenceError: A path does not exist.
        CalibrationError: No or too few series of the model's modality, a series that
            the model learnt from, or one that cannot join the profile.
        Cancelled: The examiner asked to stop.
    """
    modality = detector.card.preset.modality
    found = import_evidence(paths, context)
    fitting = [s for s in found.series if s.volume.modality == modality]
    if not fitting:
        raise CalibrationError(
            f"there is no {modality} series below {', '.join(map(str, paths))}",
            hint="name folders of genuine scans of the model's modality",
            code="no_series",
        )
    return calibrate_on(
        fitting,
        detector,
        name=name,
        fpr=fpr,
        services=services,
        context=context,
        notes=notes,
        join=join,
    )


def calibrate_on(
    series: Sequence[LoadedSeries],
    detector: BoundDetector,
    *,
    name: str,
    fpr: float | None,
    services: Services,
    context: TaskContext,
    notes: Sequence[str] = (),
    background: Sequence[LoadedSeries] = (),
    join: CalibrationProfile | None = None,
) -> CalibrationProfile:
    """Calibrate on genuine series that are already loaded.

    `background` widens the benign density only; the model may have learnt from it. The
    other arguments are those of `calibrate_paths`.

    Raises:
        CalibrationError: Too few series, a series that the model learnt from, or one
            that cannot join the profile.
        ValueError: A rate or a background beside `join`, which has its own, or no rate
            at all.
        Cancelled: The examiner asked to stop.
    """
    _refuse_learnt(series, detector)
    header = profile_header(detector, name, services, notes)
    own = [(s.volume, patient_of(s)) for s in series]
    if join is not None:
        if fpr is not None or background:
            raise ValueError("a profile that is joined has its own rate and density")
        # Before the work instead of after it.
        check_joins(join, header, [_evidence_of(s) for s in series])
        joining = benign_features(own, detector, context)
        context.report(0, 0, "Fitting")
        return join_profile(join, joining, header)
    if fpr is None:
        raise ValueError("calibrating alone takes a false-positive rate")
    # Before hours of scoring; without tissue there may be fewer still.
    refuse_few(len({patient for _, patient in own}))
    behind = [(s.volume, patient_of(s)) for s in background]
    found = benign_features(own, detector, context, behind)
    n = len(series)
    context.report(0, 0, "Fitting")
    return fit_profile(found[:n], header, fpr, background=found[n:])


def profiles_to_join(card: ModelCard) -> list[tuple[Path, CalibrationProfile]]:
    """Profiles of a model that know their patients, so that others can join them."""
    return [
        (path, profile)
        for path, profile in list_profiles(card)
        if not isinstance(profile, str) and profile.alarms is not UNSET
    ]


def _evidence_of(loaded: LoadedSeries) -> tuple[str, str, str, SeriesFacts]:
    """Name, patient key, voxel digest and facts of a series."""
    return (
        loaded.description,
        patient_of(loaded),
        array_digest(loaded.volume.voxels),
        facts_of(loaded.volume),
    )


def profile_header(
    detector: Detector, name: str, services: Services, notes: Sequence[str] = ()
) -> ProfileHeader:
    """Name, model and preprocessing of a profile that is fitted now."""
    return ProfileHeader(
        name=name,
        created=services.now().isoformat(timespec="seconds"),
        software=__version__,
        model={"name": detector.info.name, "digest": detector.info.digest},
        preset=detector.info.preset,
        grid=grid_of(detector.info.preset, detector.info.method),
        noise_levels=detector.info.levels,
        backend=detector.info.backend,
        notes=tuple(notes),
        method=detector.info.method,
    )


def benign_features(
    series: Sequence[tuple[Volume, str]],
    detector: Detector,
    context: TaskContext,
    background: Sequence[tuple[Volume, str]] = (),
) -> list[BenignSeries]:
    """Features of genuine series, those of the background last.

    Args:
        series: Volumes, each with the key of its patient.
        detector: The model.
        context: Progress and cancellation.
        background: Further series, whose places are not searched for copied noise.

    Raises:
        Cancelled: The examiner asked to stop.
    """
    total = sum(volume.n_slices for volume, _ in (*series, *background))
    patients = list(dict.fromkeys(patient for _, patient in series))
    done = 0
    found: list[BenignSeries] = []
    for index, (volume, patient) in enumerate((*series, *background)):
        counts = index < len(series)
        # The paper knows no copies: its profiles have no level of searched places.
        searches = counts and detector.info.method == OWN
        where = "background"
        if counts:
            number = patients.index(patient) + 1
            where = f"patient {number} of {len(patients)}"

        def tell(n: int, where: str = where, before: int = done) -> None:
            context.report(before + n, total, "Scoring benign slices", where)

        found.append(_scored(volume, patient, detector, tell, search=searches))
        done += volume.n_slices
    return found


def _scored(
    volume: Volume,
    patient: str,
    detector: Detector,
    tell: Callable[[int], None],
    *,
    search: bool,
) -> BenignSeries:
    """Features of a genuine series, and how far its noise is found again in it."""
    digest = array_digest(volume.voxels)
    _, scale, grid = make_manifest(volume, digest, detector.info)
    features, residuals = [], []
    for n, scores in enumerate(
        score_volume(detector, volume, scale, grid, TaskContext()), start=1
    ):
        features.append(scores.features)
        if search:
            # In the precision in which a case keeps it.
            residuals.append(scores.residual.astype(np.float16))
        tell(n)
    copies: SearchedPlaces = ()
    structures: SearchedPlaces = ()
    if search:
        # The search is cancelled like the scoring; its progress is not counted.
        searching = TaskContext(lambda _: tell(volume.n_slices))
        copies, structures = sampled_copies(volume, features, residuals, searching)
    return BenignSeries(
        patient, tuple(features), facts_of(volume), digest, copies, structures
    )


def _refuse_learnt(series: Sequence[LoadedSeries], detector: BoundDetector) -> None:
    learnt = set(detector.card.training.get("voxel_digests", ()))
    for loaded in series:
        if array_digest(loaded.volume.voxels) in learnt:
            raise CalibrationError(
                f"the model {detector.card.name} learnt from series "
                f"“{loaded.description}”: its scores are too low to calibrate on",
                hint="calibrate on scans that were not used in training",
                code="learnt",
            )
