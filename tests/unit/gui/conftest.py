"""Every widget that a test makes is gone when the test ends."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QEventLoop
from PySide6.QtWidgets import QApplication


@pytest.fixture(scope="module", autouse=True)
def settled_memory() -> None:
    """Leave what is alive already out of every search for leaks in this module.

    Each of some thousand searches would go through all of Qt, torch and the tests. What
    a test makes is searched as before: what is frozen keeps things alive, never less.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_leaked_widgets(qapp: QApplication) -> Iterator[None]:
    """Fail a test that leaves a top-level widget alive (the idea is ndv's)."""
    before = set(map(id, QApplication.topLevelWidgets()))
    yield
    # qtbot has closed its widgets by now: pytest-qt does so before fixtures end.
    qapp.processEvents(QEventLoop.ProcessEventsFlag.AllEvents)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    left = [w for w in QApplication.topLevelWidgets() if id(w) not in before]
    assert not left, f"widgets left alive: {left}"
