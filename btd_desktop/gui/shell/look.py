"""The theme in use, and how it is changed."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication

from btd_desktop.gui.theme import DARK, LIGHT, Theme, apply_theme


class Look(QObject):
    """The theme of the window.

    Signals:
        changed(Theme): Draw in this one from now on.
    """

    changed = Signal(object)

    def __init__(self, setting: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = _chosen_theme(setting)
        self._apply()

    @property
    def theme(self) -> Theme:
        """The theme in use."""
        return self._theme

    def choose(self, setting: str) -> None:
        """Use the theme of a setting: "light", "dark" or "system"."""
        self._change(_chosen_theme(setting))

    def toggle(self) -> None:
        """Change between dark and light, until the program ends."""
        self._change(LIGHT if self._theme is DARK else DARK)

    def _change(self, theme: Theme) -> None:
        self._theme = theme
        self._apply()
        self.changed.emit(theme)

    def _apply(self) -> None:
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_theme(app, self._theme)


def _chosen_theme(setting: str) -> Theme:
    if setting == "light":
        return LIGHT
    if setting == "system":
        scheme = QApplication.styleHints().colorScheme()
        return LIGHT if scheme == Qt.ColorScheme.Light else DARK
    return DARK
