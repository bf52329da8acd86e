"""Which map lies over a slice: raw residual, anomaly score or p-value per patch."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from btd_desktop.cases.model import Run
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CaseError
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.view_state.states import OverlayState

if TYPE_CHECKING:
    from btd_desktop.examination.series import Evaluation


ScoreKind = Literal["anomaly", "injection", "removal"]
OverlayName = Literal["none", "residual", "score", "p-value"]
SlicePlace = tuple[int, tuple[int, int]]
"""Slice from 0, and its (rows, columns)."""

_N_CACHED = 12


@dataclass(frozen=True, slots=True)
class OverlayChoice:
    """What the examiner wants to see over the slice.

    Attributes:
        name: Which map; "p-value" and "score" fall back to "residual" while there are
            none.
        kind: Score that the map is of.
        opacity: In [0, 1].
        p_shown: p-values above it stay transparent.
        visible: False while the bare slice is compared.
        colour_map: Name known to `views/colour_maps.py`.
    """

    name: OverlayName = "p-value"
    kind: ScoreKind = "anomaly"
    opacity: float = 0.5
    p_shown: float = 0.01
    visible: bool = True
    colour_map: str = "inferno"


class ResidualCache:
    """Residual maps of the slices looked at lately."""

    def __init__(self) -> None:
        self._maps: OrderedDict[tuple[int, int], NDArray[np.float32]] = OrderedDict()
        self._limits: dict[int, tuple[float, float]] = {}

    def clear(self) -> None:
        """Forget everything (another case)."""
        self._maps.clear()
        self._limits.clear()

    def overlay(
        self, store: CaseStore, run: Run, place: SlicePlace, choice: OverlayChoice
    ) -> OverlayState | None:
        """The residual map of a slice, or None when it has none yet."""
        magnitude = self._magnitude(store, run.run_id, *place)
        if magnitude is None:
            return None
        return OverlayState(
            magnitude,
            "residual",
            self._limits[run.run_id],
            opacity=choice.opacity,
            colour_map=choice.colour_map,
            visible=choice.visible,
            label="Residual |F|, not calibrated",
        )

    def _magnitude(
        self, store: CaseStore, run_id: int, index: int, shape: tuple[int, int]
    ) -> NDArray[np.float32] | None:
        from btd_desktop.examination.stored import load_residual

        key = (run_id, index)
        if key in self._maps:
            self._maps.move_to_end(key)
            return self._maps[key]
        try:
            magnitude = np.abs(load_residual(store, run_id, index, shape))
        except CaseError:
            return None
        if run_id not in self._limits:
            # One scale per run, so that colours of different slices compare.
            self._limits[run_id] = (0.0, float(np.percentile(magnitude, 99.8)) or 1.0)
        self._maps[key] = magnitude
        while len(self._maps) > _N_CACHED:
            self._maps.popitem(last=False)
        return magnitude


class OverlayPresenter(QObject):
    """Keeps what the examiner wants to see over the slice, and finds its map.

    Signals:
        changed(OverlayChoice): The choice.
    """

    changed = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.choice = OverlayChoice()
        self._residuals = ResidualCache()
        self._key: object = None
        self._kept: OverlayState | None = None
        session.case_changed.connect(self._on_case_changed)

    def on_chosen(self, choice: OverlayChoice) -> None:
        """Change the overlay."""
        if choice != self.choice:
            self.choice = choice
            self.changed.emit(choice)

    def on_toggled(self) -> None:
        """Show or hide the overlay."""
        self.on_chosen(replace(self.choice, visible=not self.choice.visible))

    def on_opacity_stepped(self, notches: int) -> None:
        """Make the overlay more or less opaque."""
        opacity = min(max(self.choice.opacity + 0.05 * notches, 0.0), 1.0)
        self.on_chosen(replace(self.choice, opacity=round(opacity, 3)))

    def shown(self) -> OverlayState | None:
        """The map over the slice shown; None without one."""
        session, choice = self._session, self.choice
        run, store = session.result.run, session.store
        if choice.name == "none" or not (run and store and session.volume):
            return None
        index, evaluation = session.voxel[0], session.result.examined
        if choice.name == "residual" or evaluation is None:
            place = (index, session.volume.shape[1:])
            return self._residuals.overlay(store, run, place, choice)
        key = (id(evaluation), index, choice)
        if self._key != key:
            # The same object while nothing changes lets the view keep its picture.
            self._key, self._kept = key, grid_overlay(evaluation, index, choice)
        return self._kept

    def _on_case_changed(self) -> None:
        self._residuals.clear()
        self._key = self._kept = None


def grid_overlay(
    evaluation: Evaluation, index: int, choice: OverlayChoice
) -> OverlayState | None:
    """Score or p-value of every patch of a slice; None when the slice has none."""
    if index >= len(evaluation.features):
        return None
    series = evaluation.kinds[choice.kind]
    level = evaluation.profile.levels[choice.kind]["patch"]
    as_p = choice.name == "p-value" and evaluation.scope.p_values_allowed
    values = (series.patch_p if as_p else series.patch_scores)[index]
    if not np.isfinite(values).any():
        return None
    features = evaluation.features[index]
    stride = float(evaluation.run.manifest.grid.stride)
    if as_p:
        # Patients cannot give a smaller one: below it nothing would ever be shown.
        smallest = level.ecdf.smallest_p
        limits = (1.0, max(smallest, 1e-4))
        threshold: float | None = max(choice.p_shown, smallest)
    else:
        benign = level.ecdf.scores  # ascending
        low = float(benign[benign.size // 2])
        high = float(benign[min(int(benign.size * 0.999), benign.size - 1)])
        limits = (low, high if high > low else low + 1.0)
        threshold = limits[0]
    return OverlayState(
        values.astype(np.float32),
        "p-value" if as_p else "score",
        limits,
        threshold=threshold,
        opacity=choice.opacity,
        colour_map=choice.colour_map,
        visible=choice.visible,
        origin=(
            float(features.columns[0]) - stride / 2,
            float(features.rows[0]) - stride / 2,
        ),
        cell=(stride, stride),
        label=f"{choice.kind.capitalize()}, {'p-value' if as_p else 'score'} per patch",
    )
