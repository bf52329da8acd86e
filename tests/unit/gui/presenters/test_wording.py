"""Time left in words, and what may be said of a number."""

from __future__ import annotations

import pytest

from btd_desktop.gui.presenters import wording
from btd_desktop.gui.presenters.scoring import Eta
from btd_desktop.progress import Progress


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "estimating time left"),
        (3, "a few seconds left"),
        (44, "about 40 s left"),
        (170, "about 3 min left"),
        (9000, "about 2.5 h left"),
    ],
)
def test_time_left_claims_no_precision(seconds, text):
    assert wording.duration_text(seconds) == text


def test_no_help_text_claims_more_than_may_be_said():
    words = " ".join(f"{title} {text}" for title, text in wording.HELP.values())
    for forbidden in ("fake", "authentic", "certain", "proves", "likelihood"):
        assert forbidden not in words.casefold()


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _run(eta: Eta, clock: _Clock, durations: list[float], total: int) -> float | None:
    left = eta.after(Progress(0, total, "Scoring slices"))
    for done, seconds in enumerate(durations, 1):
        clock.now += seconds
        left = eta.after(Progress(done, total, "Scoring slices"))
    return left


def test_time_left_is_not_given_before_three_slices():
    clock = _Clock()
    assert _run(Eta(clock), clock, [2.0, 2.0], 10) is None


def test_time_left_follows_the_median_slice():
    clock = _Clock()
    left = _run(Eta(clock), clock, [2.0, 2.0, 60.0, 2.0, 2.0], 10)
    assert left == pytest.approx(10.0)


def test_time_left_does_not_count_a_pause():
    clock = _Clock()
    eta = Eta(clock)
    _run(eta, clock, [2.0, 2.0, 2.0], 10)
    eta.interrupted()
    clock.now += 3600.0
    eta.after(Progress(4, 10, "Scoring slices"))
    clock.now += 2.0
    assert eta.after(Progress(5, 10, "Scoring slices")) == pytest.approx(10.0)


def test_time_left_of_a_resumed_run_counts_new_slices_only():
    clock = _Clock()
    eta = Eta(clock)
    eta.after(Progress(90, 100, "Scoring slices"))
    for done in (91, 92, 93):
        clock.now += 5.0
        left = eta.after(Progress(done, 100, "Scoring slices"))
    assert left == pytest.approx(35.0)


def test_time_left_of_another_stage_starts_anew():
    clock = _Clock()
    eta = Eta(clock)
    _run(eta, clock, [60.0, 60.0, 60.0], 10)
    assert eta.after(Progress(0, 10, "Searching for copied noise")) is None
    for done in (1, 2, 3):
        clock.now += 2.0
        left = eta.after(Progress(done, 10, "Searching for copied noise"))
    assert left == pytest.approx(14.0)
