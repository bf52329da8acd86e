"""Fixtures of the window, for these tests."""

from __future__ import annotations

from tests.window_fixtures import desk, desk_home, make_window, no_thread_left

__all__ = ["desk", "desk_home", "make_window", "no_thread_left"]
