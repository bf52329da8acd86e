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


def save_layout(window: QMainWindow, *, with_panels: bool) -> None:
    """Write the window's geometry to the file.

    Args:
        window: The window.
        with_panels: The panels too; without a case they are hidden, and have no size.
    """
    settings = window_settings()
    settings.setValue("geometry", window.saveGeometry())
    if with_panels:
        settings.setValue("panels", window.saveState(_VERSION))
    settings.sync()


def restore_geometry(window: QMainWindow) -> bool:
    """Put the window where it stood; False when that is not known."""
    geometry = window_settings().value("geometry")
    return isinstance(geometry, QByteArray) and window.restoreGeometry(geometry)


def restore_panels(window: QMainWindow) -> bool:
    """Put the panels back, each at its size; False when that is not known.

    Call it while the window has its own size: panels of a window that is not laid out
    yet would be fitted to another, a little smaller at each start.
    """
    panels = window_settings().value("panels")
    return isinstance(panels, QByteArray) and window.restoreState(panels, _VERSION)
