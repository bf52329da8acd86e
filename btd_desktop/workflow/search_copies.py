"""Search for copied noise in a case and in genuine series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from btd_desktop.calibration.places import GridPlace, evenly
from btd_desktop.cases.model import Run
from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.place import may_hold_structures
from btd_desktop.examination.stored import load_residual
from btd_desktop.preprocess.solid_structures import solid_structures
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.copies import NoiseCopy, find_copies
from btd_desktop.scoring.engine import tissue_of
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.volume import Volume

_SAMPLES = 30  # genuine places of a series whose noise is searched for
_STRUCTURE_SLICES = 8

SearchedPlaces = tuple[tuple[GridPlace, float], ...]
"""Places of the grid, each with the surprise of its copy."""


def copies_in_case(
    store: CaseStore,
    run: Run,
    volume: Volume,
    places: Sequence[tuple[int, int, int]],
    context: TaskContext | None = None,
) -> list[NoiseCopy | None]:
    """For each place, where in the scored series its noise is found again best.

    Args:
        store: Open case.
        run: A finished run; the search uses its stored residuals.
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
    context: TaskContext | None = None,
) -> tuple[SearchedPlaces, SearchedPlaces]:
    """How rarely the noise of genuine places is found again as strongly.

    Returns:
        At most thirty places of the grid, evenly spread over all scored ones, and at
        most thirty on solid structures of the lung, each with the surprise of its copy.
        Places whose noise cannot be searched for are left out.
    """
    spread = _spread(
        [
            (s, int(i), int(j))
            for s, grid in enumerate(features)
            for i, j in np.argwhere(grid.scored)
        ]
    )
    on_structures = _spread(_structure_places(volume, features))
    chosen = list(dict.fromkeys([*spread, *on_structures]))
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
    known = {
        place: match.surprise
        for place, match in zip(chosen, matches, strict=True)
        if match is not None and match.surprise is not None
    }
    found, structures = (
        tuple((place, known[place]) for place in part if place in known)
        for part in (spread, on_structures)
    )
    return found, structures


def _spread(places: list[GridPlace]) -> list[GridPlace]:
    step = max(1, len(places) // _SAMPLES)
    # From the middle of each step: the first place of a slice is at the body's rim.
    return places[step // 2 :: step][:_SAMPLES]


def _structure_places(
    volume: Volume, features: Sequence[GridFeatures]
) -> list[GridPlace]:
    """Centres of the grid next to solid structures, in eight slices evenly spread."""
    if not may_hold_structures(volume):
        return []
    found: list[GridPlace] = []
    for s in evenly(volume.n_slices, _STRUCTURE_SLICES):
        grid = features[s]
        spacing = volume.spacing_mm[1], volume.spacing_mm[2]
        for own in solid_structures(volume.voxels[s], spacing):
            i = int(np.argmin(np.abs(grid.rows - own.row)))
            j = int(np.argmin(np.abs(grid.columns - own.column)))
            if grid.scored[i, j]:
                found.append((int(s), i, j))
    return list(dict.fromkeys(found))
