"""Fixtures of the window's tests: a plugin, so that one desk is built for all."""

from __future__ import annotations

import gc
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.window_desk import Desk, build_desk

if TYPE_CHECKING:
    from btd_desktop.gui.shell.main_window import MainWindow


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The desk, built once; "home as made" keeps what no test has changed."""
    root = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(root / "home"))
        patch.setenv("BTD_MODELS_DIR", str(root / "models"))
        made = build_desk(root)
    shutil.copytree(root / "home", root / "home as made")
    return made


@pytest.fixture
def desk_home(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The desk as the user's own folders."""
    desk.forget_copies()
    monkeypatch.setenv("BTD_HOME", str(desk.root / "home"))
    monkeypatch.setenv("BTD_MODELS_DIR", str(desk.root / "models"))
    return desk


@pytest.fixture
def no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a Qt or Python thread of ours running."""
    from PySide6.QtCore import QThread
    from shiboken6 import isValid

    before = {t.ident for t in threading.enumerate()}
    yield
    gc.collect()
    running = [
        o
        for o in gc.get_objects()
        if issubclass(type(o), QThread)
        and isValid(o)
        and o.objectName().startswith("btd-")
    ]
    alive = [t.objectName() for t in running if t.isRunning()]
    assert not alive, f"threads still run: {alive}"
    left = [
        t
        for t in threading.enumerate()
        if t.ident not in before
        and not t.daemon
        and t.name.startswith("btd")
        # A parsing process lives no longer than the thread that started it, so that
        # thread is kept as long as the program.
        and not t.name.startswith("btd-start")
    ]
    assert not left, f"threads still run: {left}"


@pytest.fixture
def make_window(
    desk_home: Desk, qtbot, no_thread_left, tmp_path: Path
) -> Iterator[Callable[[], MainWindow]]:
    """Makes windows on the desk; each is closed, and its case with it."""
    from PySide6.QtCore import QEvent
    from PySide6.QtWidgets import QApplication

    from btd_desktop.gui.app import make_window as build
    from btd_desktop.workflow.services import Services

    made: list[MainWindow] = []
    bugs: list[Exception] = []
    failed: list[Exception] = []

    def make() -> MainWindow:
        window = build(Services())
        window.session.jobs.bug.connect(bugs.append)
        window.session.failed.connect(failed.append)
        window.resize(1200, 800)
        window.show()
        made.append(window)
        return window

    yield make
    while made:
        window = made.pop()
        window.close()
        window.deleteLater()
    del make
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert not bugs
