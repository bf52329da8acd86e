"""All slices of a series at a glance: their state, and which of them are flagged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.view_state.states import StripState


def strip_of(session: Session) -> StripState:
    """All slices of the series shown: p-values, or raw scores while it is scored."""
    n_slices = 0 if session.handle is None else session.handle.shape[0]
    index = session.voxel[0]
    values = np.full(n_slices, np.nan)
    evaluation = session.result.evaluation
    if evaluation is not None:
        slices = evaluation.kinds["anomaly"].slices
        level = evaluation.profile.levels["anomaly"]["slice"]
        flagged = np.zeros(n_slices, dtype=np.bool_)
        flagged[flagged_slices(session)] = True
        as_p = evaluation.scope.p_values_allowed
        for i, value in enumerate(slices[:n_slices]):
            if value is not None:
                p = value.p_value
                values[i] = p if as_p and p is not None else value.score
        if as_p:
            limits = (1.0, max(level.ecdf.smallest_p, 1e-3))
            return StripState(values, "p-value", limits, index, flagged)
        return StripState(values, "score", score_limits(values), index, flagged)
    run, store = session.result.run, session.store
    if run is not None and store is not None:
        for done in store.slice_results(run.run_id):
            raw = done.summary.get("injection_max")
            if raw is not None and done.slice_index < n_slices:
                values[done.slice_index] = float(raw)
    return StripState(values, "score", score_limits(values), index)


def score_limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """Smallest and largest finite value; (0, 1) when there is none."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return low, high if high > low else low + 1.0


def flagged_slices(session: Session) -> list[int]:
    """Slices above the threshold; where there is none, those with a finding."""
    evaluation = session.result.evaluation
    flagged: set[int] = set()
    if evaluation is not None:
        slices = evaluation.kinds["anomaly"].slices
        flagged = {i for i, v in enumerate(slices) if v is not None and v.flagged}
    if not flagged and session.record is not None:
        series_id = session.record.series_id
        flagged = {
            f.slice_index for f in session.findings() if f.series_id == series_id
        }
    n_slices = 0 if session.handle is None else session.handle.shape[0]
    return sorted(i for i in flagged if i < n_slices)


def strongest_place(session: Session, index: int) -> tuple[int, int] | None:
    """(row, column) of a slice's highest anomaly score."""
    evaluation = session.result.evaluation
    if evaluation is None or index >= len(evaluation.features):
        return None
    scores = evaluation.kinds["anomaly"].patch_scores[index]
    if not np.isfinite(scores).any():
        return None
    r, c = np.unravel_index(int(np.nanargmax(scores)), scores.shape)
    features = evaluation.features[index]
    return int(features.rows[r]), int(features.columns[c])
