"""The Qt binding keeps count of what it hands to Python.

PySide6 6.12.0 gives back `None` without counting it (seen with CPython 3.11): each call
of a method that returns nothing eats one reference, and after some thousand repaints
the process aborts with "none_dealloc". A window that dies in the middle of an
examination is worse than an old Qt, so a binding that does this is refused here.
"""

from __future__ import annotations

import sys

from PySide6.QtGui import QColor, QImage


def test_calls_that_return_nothing_do_not_eat_references_to_none():
    image = QImage(4, 4, QImage.Format.Format_RGB32)
    colour = QColor(1, 2, 3)
    image.fill(colour)
    before = sys.getrefcount(None)
    for _ in range(500):
        image.fill(colour)
    assert abs(sys.getrefcount(None) - before) < 100
