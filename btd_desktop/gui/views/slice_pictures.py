"""Pictures of a state, made again only when what they show has changed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF
from PySide6.QtGui import QImage

from btd_desktop.gui.qimage import (
    GreyPicture,
    OverlayPicture,
    overlay_table,
    remarkableness,
)
from btd_desktop.gui.view_state.states import OverlayState, SliceViewState
from btd_desktop.gui.views.colour_maps import colour_table

_SMALLEST_OUTLINED = 2.0
_MOST_EDGES = 700


class SlicePictures:
    """Grey picture and overlay picture of one view; buffers are kept between slices."""

    def __init__(self) -> None:
        self._grey: GreyPicture | None = None
        self._grey_of: tuple[object, ...] = ()
        self._overlay: OverlayPicture | None = None
        self._overlay_of: OverlayState | None = None
        self._outline: list[QLineF] = []
        self._outline_of: OverlayState | None = None

    def grey(self, state: SliceViewState) -> QImage | None:
        """The plane under its display window, or None without a volume."""
        plane = state.picture
        if plane is None:
            return None
        wanted = (
            state.volume,
            state.layout,
            state.index,
            state.window,
            state.inverted,
        )
        if self._grey is None or self._grey.size != plane.shape:
            self._grey = GreyPicture(*plane.shape)
            self._grey_of = ()
        if self._grey_of != wanted:
            self._grey.show(plane, state.window, inverted=state.inverted)
            self._grey_of = wanted
        return self._grey.image

    def overlay(self, overlay: OverlayState) -> QImage:
        """The map in its colours, transparent below its threshold."""
        rows, columns = overlay.values.shape
        if self._overlay is None or self._overlay.size != (rows, columns):
            self._overlay = OverlayPicture(rows, columns)
            self._overlay_of = None
        if self._overlay_of is not overlay:
            place = threshold_place(overlay)
            table = _table(overlay.colour_map, overlay.opacity, place)
            self._overlay.show(overlay.values, overlay.kind, overlay.limits, table)
            self._overlay_of = overlay
        return self._overlay.image

    def outline(self, overlay: OverlayState) -> list[QLineF]:
        """Edges between cells that are shown and cells that are not.

        In pixels of the slice. Empty without threshold, and for maps as fine as the
        slice or as ragged as noise, where edges would hide what they surround.
        """
        if self._outline_of is not overlay:
            self._outline = _edges(overlay)
            self._outline_of = overlay
        return self._outline


def _edges(overlay: OverlayState) -> list[QLineF]:
    if overlay.threshold is None or min(overlay.cell) < _SMALLEST_OUTLINED:
        return []
    places = remarkableness(overlay.values, overlay.kind, overlay.limits)
    with np.errstate(invalid="ignore"):
        shown = np.pad(places >= threshold_place(overlay), 1)
    (left, top), (width, height) = overlay.origin, overlay.cell
    lying = np.argwhere(shown[1:] != shown[:-1])
    upright = np.argwhere(shown[:, 1:] != shown[:, :-1])
    if len(lying) + len(upright) > _MOST_EDGES:
        return []
    lines = []
    for row, column in lying.tolist():
        x, y = left + (column - 1) * width, top + row * height
        lines.append(QLineF(x, y, x + width, y))
    for row, column in upright.tolist():
        x, y = left + column * width, top + (row - 1) * height
        lines.append(QLineF(x, y, x, y + height))
    return lines


def threshold_place(overlay: OverlayState) -> float:
    """Where the threshold lies between the dull end 0 and the bright end 1."""
    if overlay.threshold is None:
        return 0.0
    return _place(overlay.threshold, overlay.kind, overlay.limits)


@lru_cache(maxsize=64)
def _place(value: float, kind: str, limits: tuple[float, float]) -> float:
    return float(remarkableness([value], kind, limits)[0])


@lru_cache(maxsize=64)
def _table(colour_map: str, opacity: float, first_shown: float) -> NDArray[np.uint32]:
    return overlay_table(colour_table(colour_map), opacity, first_shown)
