"""A hand on mouse and wheel: the events that Qt would send, in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

LEFT = Qt.MouseButton.LeftButton
MIDDLE = Qt.MouseButton.MiddleButton
RIGHT = Qt.MouseButton.RightButton
NONE = Qt.MouseButton.NoButton
PLAIN = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier


def _send(
    widget: QWidget,
    kind: QEvent.Type,
    at: Sequence[float],
    button: Qt.MouseButton,
    buttons: Qt.MouseButton,
    modifiers: Qt.KeyboardModifier,
) -> None:
    point = QPointF(*at)
    event = QMouseEvent(
        kind, point, widget.mapToGlobal(point), button, buttons, modifiers
    )
    QApplication.sendEvent(widget, event)


def press(widget: QWidget, at, button=LEFT, modifiers=PLAIN, held=NONE) -> None:
    kind = QEvent.Type.MouseButtonPress
    _send(widget, kind, at, button, button | held, modifiers)


def move(widget: QWidget, at, button=NONE, modifiers=PLAIN) -> None:
    _send(widget, QEvent.Type.MouseMove, at, NONE, button, modifiers)


def release(widget: QWidget, at, button=LEFT, modifiers=PLAIN) -> None:
    _send(widget, QEvent.Type.MouseButtonRelease, at, button, NONE, modifiers)


def click(widget: QWidget, at, button=LEFT, modifiers=PLAIN) -> None:
    press(widget, at, button, modifiers)
    release(widget, at, button, modifiers)


def drag(widget: QWidget, start, end, button=LEFT, modifiers=PLAIN) -> None:
    press(widget, start, button, modifiers)
    for k in range(1, 6):
        at = [s + (e - s) * k / 5 for s, e in zip(start, end, strict=True)]
        move(widget, at, button, modifiers)
    release(widget, end, button, modifiers)


def double_click(widget: QWidget, at, button=LEFT) -> None:
    click(widget, at, button)
    _send(widget, QEvent.Type.MouseButtonDblClick, at, button, button, PLAIN)
    release(widget, at, button)


def wheel(widget: QWidget, at, notches=0.0, modifiers=PLAIN, sideways=False) -> None:
    angle = round(notches * 120)
    delta = QPoint(angle, 0) if sideways else QPoint(0, angle)
    point = QPointF(*at)
    event = QWheelEvent(
        point,
        widget.mapToGlobal(point),
        QPoint(),
        delta,
        NONE,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


class Heard(list[tuple[str, tuple[Any, ...]]]):
    """What a widget said: (signal name, arguments), in order."""

    def of(self, name: str) -> list[tuple[Any, ...]]:
        QApplication.processEvents()
        return [values for heard, values in self if heard == name]

    @property
    def names(self) -> set[str]:
        QApplication.processEvents()
        return {name for name, _ in self}


def listen(widget: QObject | tuple[QObject, ...], *names: str) -> Heard:
    """Record these intent signals of one widget or several from now on."""
    heard = Heard()

    def recorder(name: str) -> Callable[..., None]:
        def record(*values) -> None:
            heard.append((name, values))

        return record

    for one in widget if isinstance(widget, tuple) else (widget,):
        for name in names:
            getattr(one, name).connect(recorder(name))
    return heard


@contextmanager
def silence(widget: QObject | tuple[QObject, ...], *names: str):
    """Fail if the widget says anything meanwhile."""
    heard = listen(widget, *names)
    yield
    QApplication.processEvents()
    assert not heard, f"the view spoke while it was shown a state: {heard}"
