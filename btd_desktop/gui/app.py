"""The composition root: settings, log, session and window of one process."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from btd_desktop import __version__, paths
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.crash import CrashGuard
from btd_desktop.gui.shell.main_window import MainWindow
from btd_desktop.native_libraries import window_problem
from btd_desktop.workflow.services import Services

_log = logging.getLogger(__name__)
_PROBE_S = 1.0

Refuse = Callable[[str], NoReturn]
"""Tells why there is no window and ends the process: Qt would dump core."""


def make_application(refuse: Refuse) -> QApplication:
    """The process's Qt application, new or known.

    Args:
        refuse: Called with one sentence where Qt cannot start: there is no display, or
            a library of the system is missing.
    """
    known = QApplication.instance()
    if isinstance(known, QApplication):
        return known
    said: list[str] = []

    def listen(kind: QtMsgType, _: QMessageLogContext, text: str) -> None:
        said.append(text)
        if kind == QtMsgType.QtFatalMsg:
            refuse(window_problem("\n".join(said), os.environ))

    before = qInstallMessageHandler(listen)
    try:
        return QApplication(sys.argv[:1])
    finally:
        qInstallMessageHandler(before)
        for text in said:
            _log.info("Qt said at its start: %s", text)


def probe(refuse: Refuse) -> tuple[str, int, int]:
    """Open the window for a moment, as the self-test does.

    Returns:
        Name of Qt's platform, width and height of the window in px.
    """
    app = make_application(refuse)
    window = make_window(Services())
    window.show()
    end = time.monotonic() + _PROBE_S
    while time.monotonic() < end:
        app.processEvents()
    picture = window.grab()
    told = app.platformName(), picture.width(), picture.height()
    window.close()
    app.processEvents()
    return told


def make_window(services: Services) -> MainWindow:
    """The window with everything behind it, not shown yet."""
    jobs = JobRunner()
    session = Session(services, jobs)
    recent = RecentCases(services.settings.recent_cases_limit)
    window = MainWindow(session, recent)
    for owned in (jobs, session, recent):
        owned.setParent(window)
    return window


def run(path: Path | None, refuse: Refuse) -> int:
    """Open the window and stay until it is closed.

    Args:
        path: A case, a report or evidence to open at once.
        refuse: As `make_application` takes it.

    Returns:
        Exit code of the process.
    """
    from btd_desktop.logs import configure_logging
    from btd_desktop.settings import load_settings

    loaded = load_settings()
    redactor = configure_logging(paths.log_dir(), level=loaded.settings.log_level)
    app = make_application(refuse)
    QGuiApplication.setApplicationDisplayName("BTD Desktop")
    QApplication.setApplicationName("BTD Desktop")
    QGuiApplication.setDesktopFileName("btd-desktop")  # whose icon Wayland shows
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
