"""The middle of the window while a case is open: overlay bar, planes, slice strip."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QMenu,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.answering import AnswerState
from btd_desktop.gui.presenters.comparing import CompareState
from btd_desktop.gui.shell.parts import Parts
from btd_desktop.gui.views.answer_banner import AnswerBanner
from btd_desktop.gui.views.compare_bar import CompareBar
from btd_desktop.gui.views.mpr_view import MprView
from btd_desktop.gui.views.overlay_bar import OverlayBar
from btd_desktop.gui.views.slice_strip import SliceStrip
from btd_desktop.gui.views.slice_view import SliceView
from btd_desktop.gui.views.strip_legend import StripLegend
from btd_desktop.gui.window_presets import presets_for

_HOLD_MS = 350
_CINE_PER_S = (2, 5, 10, 15, 20, 30)
_CINE_FIRST = 3


class Workspace(QWidget):
    """Image views and their controls, connected to their presenters.

    Attributes:
        mpr: The three planes.
        second: A slice of a second series beside them; hidden while there is none.
        compare_bar: How both are linked.
        strip: All slices at a glance.
        legend: What its colours mean.
        overlay_bar: What lies over them.
        cine: Ticks while slices run by themselves. Qt drops a tick while the slice
            before is being painted: a slow machine shows fewer slices and keeps up.
        banner: A sentence above the case.
        answer: The answer on the series shown.

    Signals:
        pointer_changed(str): What lies under the pointer, in words.
    """

    pointer_changed = Signal(str)

    def __init__(self, parts: Parts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts = parts
        self.mpr = MprView()
        self.second = SliceView()
        self.second.hide()
        self.compare_bar = CompareBar()
        self.strip = SliceStrip()
        self.overlay_bar = OverlayBar()
        self.cine = QTimer(self)
        self._cine_speed = _CINE_FIRST
        self.cine.setInterval(round(1000 / _CINE_PER_S[_CINE_FIRST]))
        self._held = QElapsedTimer()
        across = QHBoxLayout()
        across.setSpacing(3)
        self.legend = StripLegend()
        side = QVBoxLayout()
        side.setSpacing(0)
        side.addWidget(self.strip, 1)
        side.addWidget(self.legend)
        across.addLayout(side)
        self._beside = QSplitter(Qt.Orientation.Horizontal)
        self._beside.setHandleWidth(3)
        self._beside.setChildrenCollapsible(False)
        self._beside.addWidget(self.mpr)
        self._beside.addWidget(self.second)
        across.addWidget(self._beside, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self.banner = PlainLabel("", wrap=True, role="danger")
        self.banner.setContentsMargins(10, 8, 10, 4)
        self.banner.hide()
        layout.addWidget(self.banner)
        self.answer = AnswerBanner()
        layout.addWidget(self.answer)
        layout.addWidget(self.overlay_bar)
        layout.addWidget(self.compare_bar)
        layout.addLayout(across, 1)
        self._connect(parts)

    def _connect(self, parts: Parts) -> None:
        viewing, mpr = parts.viewing, self.mpr
        viewing.changed.connect(mpr.show_state)
        parts.strip.changed.connect(self.strip.show_state)
        parts.strip.changed.connect(self.legend.show_state)
        parts.answering.changed.connect(self._show_answer)
        parts.overlays.changed.connect(self.overlay_bar.show_choice)
        self.strip.slice_requested.connect(viewing.on_strip_requested)
        self.strip.slice_step_requested.connect(viewing.on_strip_stepped)
        self.overlay_bar.choice_changed.connect(parts.overlays.on_chosen)
        self.cine.timeout.connect(viewing.on_cine_ticked)
        for view in mpr.views:
            view.slice_step_requested.connect(viewing.on_slice_stepped)
            view.slice_requested.connect(viewing.on_slice_requested)
            view.crosshair_requested.connect(viewing.on_crosshair_requested)
            view.score_requested.connect(viewing.on_score_requested)
            view.measured.connect(parts.measuring.on_measured)
            view.window_changed.connect(parts.display.on_window_changed)
            view.opacity_step_requested.connect(parts.overlays.on_opacity_stepped)
            view.context_menu_requested.connect(self._on_menu)
            view.pointer_moved.connect(self._on_pointer)
            view.pointer_left.connect(self._on_pointer_left)
            view.installEventFilter(self)
        self._connect_compare(parts)

    def _connect_compare(self, parts: Parts) -> None:
        comparing, bar = parts.comparing, self.compare_bar
        comparing.changed.connect(self._show_compare)
        bar.chosen.connect(comparing.on_chosen)
        bar.linked.connect(comparing.on_linked)
        bar.difference_wanted.connect(comparing.on_difference)
        view, main = self.second, self.mpr.views[0]
        view.slice_step_requested.connect(comparing.on_stepped)
        view.slice_requested.connect(comparing.on_slice_requested)
        view.window_changed.connect(parts.display.on_window_changed)
        view.pointer_moved.connect(self._on_compared_pointer)
        view.pointer_left.connect(self._on_pointer_left)
        view.zoomed.connect(main.follow)
        main.zoomed.connect(view.follow)

    def _show_compare(self, state: CompareState) -> None:
        is_compared = state.other is not None
        self.compare_bar.show_state(state)
        self.second.show_state(state.view)
        self.second.setAccessibleName("Slice of the second series")
        if is_compared == self.second.isHidden():
            self.second.setVisible(is_compared)
            self.mpr.show_reformats(not is_compared)
            half = self._beside.width() // 2
            self._beside.setSizes([half, half])
        if is_compared:
            transform = self.mpr.views[0].transform
            self.second.follow(transform.points_per_mm, *transform.pan)

    def _show_answer(self, state: AnswerState) -> None:
        self.answer.show_state(state)
        self.overlay_bar.show_speaker(state.speaker)

    def show_banner(self, words: str) -> None:
        """Show a sentence above the case as long as it is open; "" shows none."""
        self.banner.setText(words)
        self.banner.setVisible(bool(words))

    def toggle_cine(self) -> None:
        """Let slices run by themselves, or stop them."""
        if self.cine.isActive():
            self.cine.stop()
        else:
            self.cine.start()

    def watch_keys(self, panel: QWidget) -> None:
        """Let the overlay's key act in the lists of a panel too."""
        for view in panel.findChildren(QAbstractItemView):
            view.installEventFilter(self)

    def change_cine(self, step: int) -> None:
        """Let slices run faster (1) or slower (-1), and say how fast."""
        speed = min(max(self._cine_speed + step, 0), len(_CINE_PER_S) - 1)
        self._cine_speed = speed
        self.cine.setInterval(round(1000 / _CINE_PER_S[speed]))
        self._parts.session.noticed.emit(f"{_CINE_PER_S[speed]} slices a second.")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hide the overlay while O is held; a tap toggles it."""
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_O:
            plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
            if event.type() == QEvent.Type.KeyPress and plain:
                if not event.isAutoRepeat():
                    self._held.start()
                    self._parts.overlays.on_toggled()
                return True
            if event.type() == QEvent.Type.KeyRelease and plain:
                if not event.isAutoRepeat() and self._held.isValid():
                    if self._held.elapsed() > _HOLD_MS:
                        self._parts.overlays.on_toggled()
                    self._held.invalidate()
                return True
        return super().eventFilter(watched, event)

    def _on_pointer(self, s: int, r: int, c: int, value: float) -> None:
        unit = self._parts.viewing.unit
        shown = f"{value:.0f}" if float(value).is_integer() else f"{value:.4g}"
        self.pointer_changed.emit(
            f"x {c}, y {r}, slice {s + 1}: {shown} {unit}".strip()
        )

    def _on_compared_pointer(self, s: int, r: int, c: int, value: float) -> None:
        if self._parts.comparing.state.is_difference:
            told = "not covered" if value != value else f"difference {value:+.4g}"
            self.pointer_changed.emit(f"x {c}, y {r}: {told}")
        else:
            self.pointer_changed.emit(
                f"second series, x {c}, y {r}, slice {s + 1}: {value:.4g}"
            )

    def _on_pointer_left(self) -> None:
        self.pointer_changed.emit("")

    def _on_menu(self, spot: QPoint, s: int, r: int, c: int) -> None:
        viewing = self._parts.viewing
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        score = menu.addAction("Score here")
        cross = menu.addAction("Crosshair here")
        windows = menu.addMenu("Window")
        keys = {}
        for preset in presets_for(viewing.modality):
            action = windows.addAction(f"{preset.name}\t{preset.key}")
            keys[action] = preset.key
        copy = menu.addAction("Copy SOP Instance UID")
        menu.addSeparator()
        reset = menu.addAction("Reset zoom and position")
        chosen = menu.exec(spot)
        if chosen is score:
            viewing.on_score_requested(s, r, c)
        elif chosen is cross:
            viewing.on_crosshair_requested(s, r, c)
        elif chosen is copy:
            viewing.on_copy_uid()
        elif chosen is reset:
            self.mpr.reset_views()
        elif chosen in keys:
            self._parts.display.on_preset_chosen(keys[chosen])
