"""A plot as this program uses it: nothing to zoom by accident, nothing left behind."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSizePolicy

from btd_desktop.gui.theme import Theme

_RIM = 8
_LOWEST = 180  # px


def plain_plot(name: str) -> pg.PlotWidget:
    """An empty plot without menus and mouse zoom.

    Args:
        name: For screen readers.
    """
    plot = pg.PlotWidget(enableMenu=False)
    plot.hideButtons()
    plot.setAccessibleName(name)
    # pyqtgraph makes its menu without an owner, so it would outlive the plot.
    menu = plot.getPlotItem().ctrlMenu
    menu.setParent(plot, menu.windowFlags() | Qt.WindowType.Popup)
    item = plot.getPlotItem()
    item.setMouseEnabled(x=False, y=False)
    for side in ("bottom", "left", "right"):
        # "x 0.001" beside an axis is read as a value a thousand times too high.
        item.getAxis(side).enableAutoSIPrefix(False)
    # Half a number at the upper rim of the plot is read as another one.
    item.layout.setContentsMargins(0, _RIM, 0, 0)
    # A wheel that zooms would hide the tail, which is what matters.
    plot.wheelEvent = _ignore
    return plot


def colour_plot(plot: pg.PlotWidget, theme: Theme) -> None:
    """Draw a plot in the colours of a theme."""
    plot.setBackground(theme.surface)
    for side in ("bottom", "left", "right"):
        axis = plot.getPlotItem().getAxis(side)
        axis.setPen(theme.control)
        axis.setTextPen(theme.muted)


def bound_plot(plot: pg.PlotWidget) -> None:
    """Let a plot take the height that is there, instead of asking for 480 px."""
    policy = QSizePolicy.Policy
    plot.setSizePolicy(policy.Expanding, policy.Ignored)
    plot.setMinimumHeight(_LOWEST)


def _ignore(event: object) -> None:
    event.ignore()  # type: ignore[attr-defined]
