"""All slices of a series at a glance: their state, and which of them are flagged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from btd_desktop.examination.series import State
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.view_state.states import StripState


class StripPresenter(QObject):
    """Shows all slices, and leads to those that are flagged.

    Signals:
        changed(StripState): The strip.
    """

    changed = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._state = StripState(np.zeros(0))
        session.series_selected.connect(self.refresh)
        session.voxel_changed.connect(self._on_voxel_changed)
        session.result_changed.connect(self._on_result_changed)
        session.slice_scored.connect(self._on_slice_scored)

    def refresh(self) -> None:
        """Build the strip anew."""
        self._show(strip_of(self._session))

    def on_flagged_wanted(self, *, back: bool = False) -> None:
        """Go to the next (previous) flagged slice, or slice with a finding."""
        flagged = flagged_slices(self._session)
        if not flagged:
            self._session.noticed.emit("No slice of this series is flagged.")
            return
        at, row, column = self._session.voxel
        if back:
            before = [i for i in flagged if i < at]
            target = before[-1] if before else flagged[-1]
        else:
            after = [i for i in flagged if i > at]
            target = after[0] if after else flagged[0]
        place = strongest_place(self._session, target) or (row, column)
        self._session.move_to((target, *place))

    def _on_voxel_changed(self) -> None:
        self._show(replace(self._state, index=self._session.voxel[0]))

    def _on_result_changed(self, series_id: int) -> None:
        if self._session.is_shown(series_id):
            self.refresh()

    def _on_slice_scored(self, series_id: int, index: int, raw: float) -> None:
        kept, is_shown = self._state, self._session.is_shown(series_id)
        waits = self._session.result.evaluation is None
        if is_shown and waits and index < kept.values.size:
            values = kept.values.copy()
            values[index] = raw
            self._show(replace(kept, values=values))

    def _show(self, state: StripState) -> None:
        self._state = state
        self.changed.emit(state)


def strip_of(session: Session) -> StripState:
    """All slices of the series shown: p-values, or raw scores while it is scored.

    Nothing of a series of which too little was scored: any value would look like a
    result.
    """
    n_slices = 0 if session.handle is None else session.handle.shape[0]
    index = session.voxel[0]
    values = np.full(n_slices, np.nan)
    if session.result.state is State.NOT_EXAMINED:
        words = State.NOT_EXAMINED.value
        return StripState(values, "score", NO_LIMITS, index, empty=words)
    evaluation = session.result.evaluation
    if evaluation is not None:
        slices = evaluation.kinds["anomaly"].slices
        level = evaluation.level("anomaly", "slice")
        flagged = np.zeros(n_slices, dtype=np.bool_)
        flagged[flagged_slices(session)] = True
        as_p = evaluation.scope.p_values_allowed
        for i, value in enumerate(slices[:n_slices]):
            if value is not None:
                p = value.p_value
                values[i] = p if as_p and p is not None else value.score
        return StripState(
            values,
            "p-value" if as_p else "score",
            P_LIMITS if as_p else genuine_limits(level.ecdf.scores),
            index,
            flagged,
            "nothing to score here",
            evaluation.searched("anomaly", "slice"),
        )
    run, store = session.result.run, session.store
    if run is not None and store is not None:
        for done in store.slice_results(run.run_id):
            raw = done.summary.get("injection_max")
            if raw is not None and done.slice_index < n_slices:
                values[done.slice_index] = float(raw)
    return StripState(values, "raw", NO_LIMITS, index)


P_LIMITS = (1.0, 0.001)
"""The scale of p-values, the same for every series."""

NO_LIMITS = (0.0, 1.0)
"""Of slices without a colour: they are scored, and nothing can be said of them yet."""


def genuine_limits(scores: NDArray[np.float64]) -> tuple[float, float]:
    """The scale of scores without p-value: what the genuine ones of the profile are.

    The brightest colour begins above the highest of them, so that a series that no
    calibration covers is not coloured by its own maximum.

    Args:
        scores: Of genuine slices, ascending.
    """
    low, high = float(scores[scores.size // 2]), float(scores[-1])
    return low, high if high > low else low + 1.0


def flagged_slices(session: Session) -> list[int]:
    """Slices above the threshold; where there is none, those with a finding."""
    evaluation = session.result.examined
    flagged: set[int] = set()
    if evaluation is not None:
        flagged.update(evaluation.kinds["anomaly"].flagged)
    if not flagged and session.record is not None:
        series_id = session.record.series_id
        flagged = {
            f.slice_index for f in session.findings() if f.series_id == series_id
        }
    n_slices = 0 if session.handle is None else session.handle.shape[0]
    return sorted(i for i in flagged if i < n_slices)


def strongest_place(session: Session, index: int) -> tuple[int, int] | None:
    """(row, column) of a slice's highest anomaly score."""
    from btd_desktop.examination.place import pixel_of, strongest_patch

    evaluation = session.result.evaluation
    patch = None if evaluation is None else strongest_patch(evaluation, index)
    if evaluation is None or patch is None:
        return None
    return pixel_of(evaluation, index, patch)
