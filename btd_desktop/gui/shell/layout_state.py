"""Where the window and its panels stood last: Qt's own format, in a file of ours."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QSettings, QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMainWindow

from btd_desktop import paths

# Raised when docks are added or renamed, so that an old layout is not misread.
_VERSION = 2


def window_settings() -> QSettings:
    """The file; never the registry, so that removing one folder removes everything."""
    path = paths.config_dir() / "window.ini"
    path.parent.mkdir(parents=True, exist_ok=True)
    return QSettings(str(path), QSettings.Format.IniFormat)


def first_size() -> QSize:
    """Most of the screen, for a window that was never opened before."""
    screen = QGuiApplication.primaryScreen().availableGeometry()
    return QSize(
        min(max(1200, round(0.92 * screen.width())), screen.width()),
        min(max(760, round(0.92 * screen.height())), screen.height()),
    )


def save_layout(window: QMainWindow) -> None:
    """Write geometry and panels to the file."""
    settings = window_settings()
    settings.setValue("geometry", window.saveGeometry())
    settings.setValue("panels", window.saveState(_VERSION))
    settings.sync()


def restore_layout(window: QMainWindow) -> bool:
    """Put geometry and panels back; False when not all of it could be."""
    settings = window_settings()
    geometry, panels = settings.value("geometry"), settings.value("panels")
    restored = False
    if isinstance(geometry, QByteArray):
        restored = window.restoreGeometry(geometry)
    if isinstance(panels, QByteArray):
        restored = window.restoreState(panels, _VERSION) and restored
    return restored
