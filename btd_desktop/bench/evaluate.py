"""How the scores rank tampered places against genuine ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from btd_desktop.bench import tables
from btd_desktop.bench.attacks.donors import Donor
from btd_desktop.bench.attacks.registry import ATTACKS
from btd_desktop.bench.detectors.registry import ranked
from btd_desktop.bench.observe import observe_series
from btd_desktop.bench.place import Observed
from btd_desktop.calibration.apply import calibrate_place
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.calibration.scope import check_scope
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.detector import Detector
from btd_desktop.volume import Volume


def observe(
    series: Iterable[tuple[Volume, str]],
    detector: Detector,
    *,
    attacks: Sequence[str],
    n_places: int,
    seed: int,
    context: TaskContext,
    donors: Sequence[Donor] = (),
    click_error_px: float = 0.0,
) -> Iterator[Observed]:
    """Tampered places of all series and their genuine partners.

    Args:
        series: Genuine series with their patients, none of whom the model has seen.
        detector: The model.
        attacks: Names of `attacks.registry.ATTACKS`.
        n_places: Tampered places per series and attack.
        seed: Everything random follows from it.
        context: Progress and cancel.
        donors: Blobs of other patients for splicing.
        click_error_px: As in `observe_series`.

    Raises:
        Cancelled: The user asked to stop.
    """
    for number, (volume, patient) in enumerate(series, start=1):
        context.report(number - 1, 0, "Measuring", f"series {number}")
        yield from observe_series(
            volume,
            patient,
            detector,
            attacks=[ATTACKS[name] for name in attacks],
            n_places=n_places,
            seed=(seed, number),
            context=context,
            donors=donors,
            click_error_px=click_error_px,
        )


def judge(observed: Observed, profile: CalibrationProfile) -> tables.Judged:
    """Scores of a place by every detector; ours exactly as a click there gives them.

    The flag is the program's own: at the threshold of the level that the place is
    ranked at, and none where the profile does not cover the series.

    Args:
        observed: The place.
        profile: Calibration, made from patients other than the place's.
    """
    # The profile was made for the model: only the scanner is in question.
    scope = check_scope(
        profile,
        model_digest=profile.model["digest"],
        preset=profile.preset,
        grid=profile.grid,
        facts=observed.scanner_facts.with_facts(modality=observed.modality),
    )
    click = calibrate_place(
        profile,
        scope,
        observed.place,
        observed.series,
        observed.copy,
        on_structure=observed.on_structure,
    )
    scores = ranked(observed, profile)
    return tables.judged(observed, scores, flagged=click["anomaly"].flagged)


def flagged_genuine(
    judged: Iterable[tables.Judged], profile: CalibrationProfile
) -> tuple[int, int] | None:
    """Number of genuine partners in the same slice above the threshold, and of all.

    The threshold is that of the profile for level "place"; None where it has none.
    """
    level = profile.levels["anomaly"].get("place")
    if level is None or level.threshold is None:
        return None
    scores = [
        own.scores["ours"]
        for own in judged
        if not own.attack and not own.site.structure
    ]
    return sum(score > level.threshold for score in scores), len(scores)
