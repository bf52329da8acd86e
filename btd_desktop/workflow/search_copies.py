"""The search for copied noise in a case and in genuine series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from btd_desktop.calibration.places import GridPlace
from btd_desktop.cases.model import Run
from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.stored import load_residual
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.copies import NoiseCopy, find_copies
from btd_desktop.scoring.engine import tissue_of
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.volume import Volume

# Genuine places that are searched for: of one series at least, and of all together
# where there are few series.
_SAMPLES, _SAMPLES_TOGETHER = 30, 150


def copies_in_case(
    store: CaseStore,
    run: Run,
    volume: Volume,
    places: Sequence[tuple[int, int, int]],
    context: TaskContext | None = None,
) -> list[NoiseCopy | None]:
    """Where in a scored series the noise of each place is found again best.

    Args:
        store: Open case.
        run: A finished run: its stored residuals are searched.
        volume: The series.
        places: (slice, row, column) from 0.
        context: Progress and cancellation; reported once per slice of the series.

    Raises:
        CaseError: A residual is missing or was altered.
        Cancelled: The examiner asked to stop.
    """
    return find_copies(
        lambda s: load_residual(store, run.run_id, s, volume.shape[1:]),
        lambda s: tissue_of(volume, s) > 0,
        volume.n_slices,
        places,
        context,
    )


def sampled_copies(
    volume: Volume,
    features: Sequence[GridFeatures],
    residuals: Sequence[NDArray[np.floating]],
    n_series: int,
    context: TaskContext | None = None,
) -> tuple[tuple[GridPlace, float], ...]:
    """How strongly the noise of some genuine places is found again in their series.

    Places are evenly spread over all scored centres of the grid: thirty, or so many
    more that all series of the calibration together give 150.
    """
    wanted = max(_SAMPLES, -(-_SAMPLES_TOGETHER // max(n_series, 1)))
    every = [
        (s, int(i), int(j))
        for s, grid in enumerate(features)
        for i, j in np.argwhere(grid.scored)
    ]
    if not every:
        return ()
    step = max(1, len(every) // wanted)
    # From the middle of each step: the first place of a slice is at the body's rim.
    chosen = every[step // 2 :: step][:wanted]
    matches = find_copies(
        lambda s: residuals[s],
        lambda s: tissue_of(volume, s) > 0,
        volume.n_slices,
        [
            (s, int(features[s].rows[i]), int(features[s].columns[j]))
            for s, i, j in chosen
        ],
        context,
    )
    return tuple(
        (place, match.strength)
        for place, match in zip(chosen, matches, strict=True)
        if match is not None
    )
