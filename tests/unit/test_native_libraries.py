"""A missing shared library is named with the package that brings it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from btd_desktop import native_libraries
from btd_desktop.native_libraries import (
    missing_libraries,
    missing_sentence,
    window_problem,
)

BOOTSTRAP = Path(__file__).resolve().parents[2] / "bootstrap.py"
NO_PLATFORM = (
    "This application failed to start because no Qt platform plugin could be "
    "initialized. Reinstalling the application may fix this problem."
)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux loader only")


@pytest.fixture
def all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_libraries, "_load_problem", lambda library: "")


@on_linux
def test_loader_tells_present_from_missing_libraries():
    assert missing_libraries(["libc.so.6", "libnone-such.so.9"]) == [
        "libnone-such.so.9"
    ]


@pytest.mark.usefixtures("all_there")
def test_library_that_python_names_is_given_with_its_packages():
    said = "libEGL.so.1: cannot open shared object file: No such file or directory"
    told = window_problem(said, {})
    assert told.startswith("Qt needs libEGL.so.1, which these packages bring: libegl1 ")
    assert "libglvnd-egl (Fedora" in told


@on_linux
@pytest.mark.parametrize("platform", ["", "xcb"])
def test_library_of_the_window_is_named_when_qt_finds_no_platform(
    monkeypatch, platform
):
    missing = {"libxcb-cursor.so.0": "no", "libxcb-icccm.so.4": "no"}
    monkeypatch.setattr(native_libraries, "_load_problem", lambda n: missing.get(n, ""))
    told = window_problem(NO_PLATFORM, {"QT_QPA_PLATFORM": platform, "DISPLAY": ":0"})
    assert "libxcb-cursor.so.0, libxcb-icccm.so.4" in told
    assert "libxcb-cursor0 libxcb-icccm4 (Debian" in told


@on_linux
def test_library_that_only_the_plugin_names_is_given_too(monkeypatch):
    def load(library: str) -> str:
        return (
            "libxcb-util.so.1: cannot open shared object file: No such file"
            if library.endswith("libqxcb.so")
            else ""
        )

    monkeypatch.setattr(native_libraries, "_load_problem", load)
    told = window_problem(NO_PLATFORM, {"DISPLAY": ":0"})
    assert "Qt needs libxcb-util.so.1" in told
    assert "see apt-file" in told


@on_linux
@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set"),
        ({"DISPLAY": ":77"}, "no display answers at DISPLAY=:77"),
        (
            {"QT_QPA_PLATFORM": "fo", "DISPLAY": ":0"},
            "Qt cannot start the platform of QT_QPA_PLATFORM=fo",
        ),
        ({"QT_QPA_PLATFORM": "offscreen"}, f"Qt does not start: {NO_PLATFORM}"),
    ],
)
@pytest.mark.usefixtures("all_there")
def test_without_a_missing_library_the_display_is_named(environment, words):
    assert words in window_problem(f"{NO_PLATFORM}\n", environment)


@pytest.mark.usefixtures("all_there")
def test_reason_that_is_not_known_is_qt_s_own_last_line():
    told = window_problem("first\nNo module named 'PySide6'\n", {})
    assert told == "Qt does not start: No module named 'PySide6'"
    assert "no reason" in window_problem("", {})


def test_nothing_missing_is_no_sentence():
    assert missing_sentence([]) == ""
