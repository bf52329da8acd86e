"""The theme of the whole application, with the rules that panels add to it."""

from __future__ import annotations

from dataclasses import asdict
from string import Template

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from btd_desktop.gui.theme import DARK, LIGHT, Theme, apply_theme

_PANELS = Template(
    """
QLabel[role="warning-number"] { font-size: 22px; font-weight: 600; color: $warning; }
QLabel[role="verdict-good"] { font-size: 17px; font-weight: 600; color: $good; }
QLabel[role="verdict-bad"] { font-size: 17px; font-weight: 600; color: $danger; }
/* A label is a frame to Qt, and must not get the border of the cards. */
QLabel[role="warning"], QLabel[role="danger"] { border: none; background: transparent; }
QToolButton[role="help"] {
    background: transparent; border: 1px solid transparent; color: $muted;
    border-radius: 12px; padding: 0; font-weight: 600;
}
QToolButton[role="help"]:hover { color: $text; background: $raised; }
QToolButton[role="help"]:focus { border: 2px solid $focus; color: $text; padding: 0; }
QPushButton[role="segment"] { padding: 4px 10px; }
QPushButton[role="segment"]:checked {
    background: $selection; color: $on_selection; border-color: $accent;
}
QScrollArea > QWidget > QWidget { background: transparent; }
QScrollArea { background: transparent; }
"""
)


def chosen_theme(setting: str) -> Theme:
    """Theme of a setting: "light", "dark", or "system" as the desktop has it."""
    if setting == "light":
        return LIGHT
    if setting == "system":
        scheme = QApplication.styleHints().colorScheme()
        return LIGHT if scheme == Qt.ColorScheme.Light else DARK
    return DARK


def use_theme(app: QApplication, theme: Theme) -> None:
    """Give the application a theme."""
    apply_theme(app, theme)
    app.setStyleSheet(app.styleSheet() + _PANELS.substitute(asdict(theme)))
