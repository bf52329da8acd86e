"""What a mouse or wheel movement over a slice means, apart from any widget.

The conventions are those of the common DICOM viewers: wheel for slices, left for
window and level, middle for pan, right for zoom.
"""

from __future__ import annotations

from enum import Enum, auto

from PySide6.QtCore import Qt
from PySide6.QtGui import QWheelEvent

from btd_desktop.gui.view_state.states import MEASURING, Tool

CLICK_RADIUS = 4.0
"""Logical pixels that the pointer may move while a press still counts as a click."""

FAST_STEP = 10
"""Slices per notch with Shift."""

_NOTCH = 120
# Screen pixels that double the zoom, and that widen the window by its own width.
_ZOOM_DISTANCE = 150.0
_WINDOW_DISTANCE = 300.0
_Button = Qt.MouseButton
_Key = Qt.KeyboardModifier


class Drag(Enum):
    """What moving the mouse with a button down does."""

    NOTHING = auto()
    WINDOW = auto()
    SCORE = auto()
    CROSSHAIR = auto()
    PAN = auto()
    ZOOM = auto()
    MEASURE = auto()


class Wheel(Enum):
    """What turning the wheel does."""

    SLICE = auto()
    FAST_SLICE = auto()
    ZOOM = auto()
    OPACITY = auto()


_DRAG_OF_TOOL: dict[Tool, Drag] = {
    "browse": Drag.WINDOW,
    "score": Drag.SCORE,
    "crosshair": Drag.CROSSHAIR,
    "pan": Drag.PAN,
    "zoom": Drag.ZOOM,
    **dict.fromkeys(MEASURING, Drag.MEASURE),
}


def drag_meaning(
    button: Qt.MouseButton, modifiers: Qt.KeyboardModifier, tool: Tool
) -> Drag:
    """What a drag does, decided when the button goes down."""
    if button == _Button.MiddleButton:
        return Drag.PAN
    if button == _Button.RightButton:
        return Drag.ZOOM
    if button != _Button.LeftButton:
        return Drag.NOTHING
    if modifiers & _Key.ShiftModifier:
        return Drag.PAN
    return Drag.SCORE if click_scores(modifiers, tool) else _DRAG_OF_TOOL[tool]


def click_scores(modifiers: Qt.KeyboardModifier, tool: Tool) -> bool:
    """Whether a left click scores the place instead of moving the crosshair."""
    return tool == "score" or bool(modifiers & _Key.AltModifier)


def wheel_meaning(modifiers: Qt.KeyboardModifier) -> Wheel:
    """What the wheel does while these keys are held; Ctrl is Cmd on a Mac."""
    if modifiers & _Key.ControlModifier:
        return Wheel.ZOOM
    if modifiers & _Key.AltModifier:
        return Wheel.OPACITY
    if modifiers & _Key.ShiftModifier:
        return Wheel.FAST_SLICE
    return Wheel.SLICE


class WheelSteps:
    """Whole notches out of the fractions that a touchpad or a fine wheel sends."""

    def __init__(self) -> None:
        self._rest = 0

    def notches(self, event: QWheelEvent) -> int:
        """Notches completed by this event, positive away from the examiner."""
        # Qt turns the wheel sideways while Alt (and on a Mac Shift) is held.
        angle = event.angleDelta().y() or event.angleDelta().x()
        if angle * self._rest < 0:
            self._rest = 0
        self._rest += angle
        whole = int(self._rest / _NOTCH)
        self._rest -= whole * _NOTCH
        return whole


def dragged_window(
    window: tuple[float, float], dx: float, dy: float, *, whole: bool
) -> tuple[float, float]:
    """Display window after a drag: right widens, up lowers the centre (brighter).

    The step follows the width, so that a narrow brain window and a wide bone window
    are equally easy to set.

    Args:
        window: Centre and width when the button went down.
        dx: Logical pixels to the right since then.
        dy: Logical pixels downwards since then.
        whole: Modality values are whole numbers; so are centre and width then.
    """
    centre, width = window
    step = max(width, 1.0 if whole else 1e-3) / _WINDOW_DISTANCE
    if whole:
        step = max(step, 0.5)
    new_centre, new_width = centre + dy * step, width + dx * step
    if whole:
        return float(round(new_centre)), float(max(round(new_width), 1))
    return new_centre, max(new_width, 1e-3)


def zoom_factor(distance: float) -> float:
    """Zoom for logical pixels of an upward movement; 1 for none, 2 for 150."""
    return float(2.0 ** (distance / _ZOOM_DISTANCE))
