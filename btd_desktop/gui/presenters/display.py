"""How pictures are shown: display window, inversion, smoothing; the tool in use."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.presenters.slice_looks import default_window
from btd_desktop.gui.view_state.states import Tool
from btd_desktop.gui.window_presets import WINDOW_PRESETS, preset_window


@dataclass(frozen=True, slots=True)
class Look:
    """How all planes are shown.

    Attributes:
        window: Centre and width of the display window, in modality values.
        inverted: White for low values.
        smooth: Pixels are blended on screen instead of shown as measured.
        show_info: Corner texts, letters and scale bar are drawn.
        tool: What the left button does.
    """

    window: tuple[float, float] = (40.0, 400.0)
    inverted: bool = False
    smooth: bool = False
    show_info: bool = True
    tool: Tool = "browse"


class DisplayPresenter(QObject):
    """Keeps the look, and for each series its display window.

    Signals:
        changed(Look): Show pictures like this.
    """

    changed = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.look = Look()
        self._windows: dict[int, tuple[float, float]] = {}
        self._own_window: tuple[float, float] | None = None
        session.case_changed.connect(self._on_case_changed)
        session.series_selected.connect(self._on_series_selected)

    def on_window_changed(self, centre: float, width: float) -> None:
        """Set the display window."""
        self._own_window = (centre, max(width, 1e-3))
        self._show_window(self._own_window)

    def on_preset_chosen(self, key: int) -> None:
        """Set the display window of a key from 1 to 9."""
        volume = self._session.volume
        preset = next((p for p in WINDOW_PRESETS if p.key == key), None)
        if volume is None or preset is None:
            return
        window = preset_window(
            preset,
            volume.voxels,
            file_window=volume.source.window or None,
            user_window=self._own_window,
        )
        if window is None:
            missing = (
                "Set a window by dragging first: it is kept as your own."
                if preset.source == "user"
                else "The files propose no display window."
            )
            self._session.noticed.emit(missing)
            return
        self._show_window(window)

    def on_inverted_toggled(self) -> None:
        """White for low values, or back."""
        self._show(replace(self.look, inverted=not self.look.inverted))

    def on_smooth_toggled(self) -> None:
        """Blend pixels on screen, or show each as measured."""
        self._show(replace(self.look, smooth=not self.look.smooth))

    def on_info_toggled(self) -> None:
        """Show or hide corner text, letters and scale bar."""
        self._show(replace(self.look, show_info=not self.look.show_info))

    def on_tool_chosen(self, tool: Tool) -> None:
        """Choose what the left button does."""
        self._show(replace(self.look, tool=tool))

    def _show_window(self, window: tuple[float, float]) -> None:
        if self._session.record is not None:
            self._windows[self._session.record.series_id] = window
        self._show(replace(self.look, window=window))

    def _on_case_changed(self) -> None:
        self._windows.clear()

    def _on_series_selected(self) -> None:
        volume, record = self._session.volume, self._session.record
        if volume is not None:
            known = None if record is None else self._windows.get(record.series_id)
            window = known or default_window(volume)
            self._show(replace(self.look, window=window))

    def _show(self, look: Look) -> None:
        self.look = look
        self.changed.emit(look)
