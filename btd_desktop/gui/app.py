"""The composition root: settings, log, session and window of one process."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from btd_desktop import __version__, paths
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.crash import CrashGuard
from btd_desktop.gui.shell.main_window import MainWindow
from btd_desktop.workflow.services import Services

_log = logging.getLogger(__name__)


def make_window(services: Services) -> MainWindow:
    """The window with everything behind it, not shown yet."""
    jobs = JobRunner()
    session = Session(services, jobs)
    recent = RecentCases(services.settings.recent_cases_limit)
    window = MainWindow(session, recent)
    for owned in (jobs, session, recent):
        owned.setParent(window)
    return window


def run(path: Path | None = None) -> int:
    """Open the window and stay until it is closed.

    Args:
        path: A case, a report or evidence to open at once.

    Returns:
        Exit code of the process.
    """
    from btd_desktop.logs import configure_logging
    from btd_desktop.settings import load_settings

    loaded = load_settings()
    redactor = configure_logging(paths.log_dir(), level=loaded.settings.log_level)
    known = QApplication.instance()
    app = known if isinstance(known, QApplication) else QApplication(sys.argv[:1])
    QGuiApplication.setApplicationDisplayName("BTD Desktop")
    QApplication.setApplicationName("BTD Desktop")
    QApplication.setApplicationVersion(__version__)
    window = make_window(Services(loaded.settings))
    window.session.redactor = redactor
    guard = CrashGuard(window)
    guard.install()
    window.session.jobs.bug.connect(guard.show)
    window.show()
    for problem in loaded.problems:
        _log.warning("setting skipped: %s", problem)
        window.strip.show_notice(f"Settings: {problem}.")
    if path is not None:
        window.open_paths([path])
    try:
        return int(app.exec())
    finally:
        guard.remove()
