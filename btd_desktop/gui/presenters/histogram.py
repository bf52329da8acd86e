"""This scan's scores over those of genuine scans, with a threshold to try out.

The threshold that is dragged here is for looking only: the report uses the one of the
calibration profile.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from btd_desktop.examination.series import State
from btd_desktop.gui.presenters.presenter import Presenter
from btd_desktop.gui.presenters.session import Session

if TYPE_CHECKING:
    from btd_desktop.examination.comparison import Level, Threshold
    from btd_desktop.examination.place import ScoredPlace
    from btd_desktop.examination.series import Evaluation


_N_BINS = 60
CLICKED = "clicked place"
"""What the mark of a clicked place is called."""
_EMPTY = np.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class HistogramState:
    """What the panel draws.

    Attributes:
        kind: "anomaly", "injection" or "removal".
        level: "place", "structure", "patch", "slice" or "series".
        edges: Edges of the bars, shape (B + 1,).
        scan: Share of this scan's scores per bar, shape (B,).
        scan_counts: The same as counts.
        benign: Share of genuine scores per bar, shape (B,).
        cdf_x: Scores at which the genuine CDF is drawn.
        cdf_y: The CDF there, in [0, 1].
        n_benign: Genuine scores.
        n_patients: Patients behind them.
        threshold: Or None when there is none to show.
        mark: Score of the clicked place or of the slice shown, or None.
        mark_text: What the mark is.
        message: Sentence instead of a plot.
        note: Sentence below the plot (why there is no threshold, scope).
        levels: Levels that this kind of score has.
        searched: The part of the body that was searched, or "".
        is_of_place: The mark is that of the place scored last, or of the slice that
            speaks for it.
    """

    kind: str = "anomaly"
    level: Level = "slice"
    edges: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    scan: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    scan_counts: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(0, dtype=np.int64)
    )
    benign: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    cdf_x: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    cdf_y: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    n_benign: int = 0
    n_patients: int = 0
    threshold: Threshold | None = None
    mark: float | None = None
    mark_text: str = ""
    message: str = ""
    note: str = ""
    levels: tuple[str, ...] = ("patch", "slice", "series")
    searched: str = ""
    is_of_place: bool = False


class HistogramPresenter(Presenter[HistogramState]):
    """Builds the histogram of the series shown.

    Signals:
        changed(HistogramState): Everything, drawn anew.
        threshold_changed(Threshold): Only the line moved.
        mark_changed(HistogramState): Only the mark moved.
    """

    threshold_changed = Signal(object)
    mark_changed = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        start = HistogramState(message="Open a scan to see its scores.")
        super().__init__(session.jobs, start, parent)
        self._session = session
        self._kind = "anomaly"
        self._level: Level = "slice"
        self._own: dict[tuple[str, str], float] = {}
        self._place: ScoredPlace | None = None
        session.series_selected.connect(self._on_series_selected)
        session.result_changed.connect(self._on_result_changed)
        session.voxel_changed.connect(self._on_voxel_changed)

    def on_kind_chosen(self, kind: str) -> None:
        """Show another kind of score."""
        self._kind = kind
        if self._level not in ("slice", "series") and self._place is not None:
            self._level = self._place.numbers.scores[kind].ranked_at
        self.refresh()

    def on_level_chosen(self, level: Level) -> None:
        """Show another level."""
        self._level = level
        self.refresh()

    def on_place_scored(self, place: ScoredPlace | None) -> None:
        """Mark a clicked place."""
        self._place = place
        if place is not None:
            # Only where it was ranked does it mean anything; for a suggested one its
            # slice speaks.
            anomaly = place.numbers.anomaly
            self._level = "slice" if anomaly.chosen is True else anomaly.ranked_at
        self.refresh()

    def on_threshold_dragged(self, value: float) -> None:
        """Try another threshold."""
        evaluation = self._session.result.evaluation
        if evaluation is None or self._state.threshold is None:
            return
        self._own[self._kind, self._level] = value
        from btd_desktop.examination.comparison import threshold_at

        told = threshold_at(evaluation, self._kind, self._level, value)
        self.threshold_changed.emit(told)

    def on_threshold_reset(self) -> None:
        """Back to the profile's threshold."""
        self._own.pop((self._kind, self._level), None)
        self.refresh()

    def on_bar_clicked(self, bar: int) -> None:
        """Go to the slices whose scores make a bar; the next one at each click."""
        evaluation = self._session.result.evaluation
        edges = self._state.edges
        if evaluation is None or not 0 <= bar < edges.size - 1:
            return
        low, high = float(edges[bar]), float(edges[bar + 1])
        slices = _slices_between(
            evaluation, self._kind, low, high, last=bar == edges.size - 2
        )
        if not slices:
            self._session.noticed.emit("No slice of this scan lies in that bar.")
            return
        at = self._session.voxel
        target = next((s for s in slices if s > at[0]), slices[0])
        self._session.move_to((target, at[1], at[2]))
        shown = ", ".join(str(s + 1) for s in slices[:12])
        more = f" and {len(slices) - 12} more" if len(slices) > 12 else ""
        self._session.noticed.emit(
            f"Slices in this bar: {shown}{more}. Click again for the next one."
        )

    def refresh(self) -> None:
        """Build everything anew."""
        self._show(self._built())

    def _on_series_selected(self) -> None:
        self._place = None
        self._own.clear()
        self.refresh()

    def _on_result_changed(self, series_id: int) -> None:
        if self._session.is_shown(series_id):
            self.refresh()

    def _on_voxel_changed(self) -> None:
        evaluation = self._session.result.evaluation
        if evaluation is None or self._level != "slice" or self._state.message:
            return
        # Scrolling must not draw bars that stay as they are.
        mark, text = self._mark(evaluation)
        self._state = replace(self._state, mark=mark, mark_text=text)
        self.mark_changed.emit(self._state)

    def _built(self) -> HistogramState:
        result = self._session.result
        evaluation = result.examined
        if evaluation is None:
            # Genuine scores beside nothing would look like a result.
            return HistogramState(self._kind, self._level, message=self._why_not())
        from btd_desktop.examination.comparison import compare

        levels = tuple(evaluation.profile.levels[self._kind])
        if self._level not in levels:
            # Another score, another series or another profile.
            self._level = "patch"
        own = self._own.get((self._kind, self._level))
        both = compare(evaluation, self._kind, self._level, own)
        mark, mark_text = self._mark(evaluation)
        marked = both.scan if mark is None else np.append(both.scan, mark)
        edges = _edges(both.genuine, marked)
        counts, _ = np.histogram(both.scan, edges)
        weights = np.diff(both.shares, prepend=0.0)
        genuine, _ = np.histogram(both.genuine, edges, weights=weights)
        n, step = both.genuine.size, max(1, both.genuine.size // 2000)
        return HistogramState(
            self._kind,
            self._level,
            edges,
            counts / max(both.scan.size, 1),
            counts,
            genuine,
            both.genuine[::step],
            both.shares[::step],
            n,
            both.n_patients,
            both.threshold,
            mark,
            mark_text,
            "",
            both.note,
            levels,
            both.searched,
            self._place is not None
            and (mark_text == CLICKED or self._speaks_for_place),
        )

    @property
    def _speaks_for_place(self) -> bool:
        """The slice shown is that of a place which the search suggests."""
        own = self._place
        return (
            own is not None
            and self._level == "slice"
            and own.numbers.anomaly.chosen is True
            and own.slice_index == self._session.voxel[0]
        )

    def _mark(self, evaluation: Evaluation) -> tuple[float | None, str]:
        if self._level not in ("slice", "series"):
            own = self._place
            value = None if own is None else own.numbers.scores[self._kind]
            # A score beside the distribution that it was not ranked in would mislead;
            # so would one that was chosen for being high.
            if value is None or value.ranked_at != self._level or value.chosen is True:
                return None, ""
            return value.score, CLICKED
        series = evaluation.kinds[self._kind]
        if self._level == "series":
            value = series.series
            return (None, "") if value is None else (value.score, "this series")
        index = self._session.voxel[0]
        value = series.slices[index] if index < len(series.slices) else None
        text = f"slice {index + 1}"
        return (None, "") if value is None else (value.score, text)

    def _why_not(self) -> str:
        session, result = self._session, self._session.result
        if session.record is None:
            return "Open a scan to see its scores."
        if result.state is State.NOT_EXAMINED:
            return f"Not examined: {result.reason}"
        if result.reason:
            return result.reason
        if result.run is None:
            return "Not scored yet."
        if result.is_scored:
            return "Calibrating …"
        return "Scores are compared when all slices of the series are done."


def _edges(
    benign: NDArray[np.float64], scan: NDArray[np.float64]
) -> NDArray[np.float64]:
    low, high = float(benign[0]), float(benign[-1])
    if scan.size:
        low, high = min(low, float(scan.min())), max(high, float(scan.max()))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, _N_BINS + 1)


def _slices_between(
    evaluation: Evaluation, kind: str, low: float, high: float, *, last: bool
) -> list[int]:
    found = []
    for index, scores in enumerate(evaluation.kinds[kind].patch_scores):
        finite = scores[np.isfinite(scores)]
        if finite.size == 0:
            continue
        top = float(finite.max())
        if low <= top < high or (last and top == high):
            found.append(index)
    return found
