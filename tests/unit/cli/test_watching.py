"""Progress lines are seldom, and Ctrl-C lets the work stop where it is consistent."""

from __future__ import annotations

import os
import signal

import pytest

from btd_desktop.cli.watching import watched
from btd_desktop.errors import Cancelled


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("btd_desktop.cli.watching.time.monotonic", lambda: now[0])
    return now


def test_progress_off_a_terminal_is_a_line_every_five_seconds(capsys, clock):
    with watched() as context:
        for done in range(1, 21):
            clock[0] += 1.0
            context.report(done, 20, "Scoring slices")
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines == [
        "Scoring slices: 1 of 20",
        "Scoring slices: 6 of 20, 14 s left",
        "Scoring slices: 11 of 20, 9 s left",
        "Scoring slices: 16 of 20, 4 s left",
    ]


def test_new_stage_is_told_at_once_and_stages_in_turns_only_once(capsys, clock):
    with watched() as context:
        for done in range(3):
            clock[0] += 0.1
            context.report(done, 3, "Listing files")
            context.report(done, 3, "Scoring slices")
    assert capsys.readouterr().err.splitlines() == [
        "Listing files: 0 of 3",
        "Scoring slices: 0 of 3",
    ]


def test_detail_of_progress_is_made_visible(capsys, clock):
    with watched() as context:
        context.report(0, 0, "Reading", "evil\x1b[2Jname")
    assert capsys.readouterr().err == "Reading, evil⟨U+001B⟩[2Jname\n"


def test_first_interrupt_cancels_and_the_second_ends_at_once():
    before = signal.getsignal(signal.SIGINT)
    with watched() as context:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Cancelled):
            context.check()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_bar_on_a_terminal_writes_to_standard_error_only(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with watched() as context:
        context.report(1, 2, "Scoring slices", "[bold]not markup")
        context.report(1, 3, "Writing the report")
    assert capsys.readouterr().out == ""
