"""The answer on a series and on a place says what it is, and what it is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from btd_desktop.calibration.scope import Coverage
from btd_desktop.examination.headline import headline_of, verdict_of
from btd_desktop.examination.series import SeriesExamination


def series(flagged: int, *, threshold: float | None = 5.0, **changes: Any) -> Any:
    """An examination of 40 slices, so many of which are flagged."""
    level = SimpleNamespace(
        threshold=threshold,
        reason="too few patients",
        interval=(0.001, 0.02),
        establishes=lambda fpr: True,
        n_patients=400,
    )
    evaluation: Any = SimpleNamespace(
        kinds={
            "anomaly": SimpleNamespace(
                slices=(object(),) * 40, flagged=tuple(range(flagged)), series=object()
            )
        },
        profile=SimpleNamespace(target_fpr=0.01),
        scope=SimpleNamespace(
            p_values_allowed=True, coverage=Coverage.COVERED, reasons=()
        ),
        level=lambda kind, name: level,
        searched=lambda kind, name: "",
    )
    for name, value in changes.items():
        setattr(evaluation, name, value)
    run = SimpleNamespace(status="done", n_done=40)
    found: Any = SeriesExamination(
        SimpleNamespace(n_slices=40),  # type: ignore[arg-type]
        run,  # type: ignore[arg-type]
        evaluation=evaluation,
    )
    return found


@pytest.fixture(autouse=True)
def plain_p(monkeypatch):
    monkeypatch.setattr(
        "btd_desktop.examination.headline.p_text", lambda value: "p = 0.5"
    )
    monkeypatch.setattr(
        "btd_desktop.examination.headline.established_text", lambda level, fpr: ""
    )


def test_flagged_slices_stand_beside_what_genuine_ones_show():
    told = headline_of(series(16))
    assert (
        told.words == "16 of 40 slices are unusual, about 0.4 expected of genuine ones."
    )
    assert (told.step, told.tone) == ("review", "warning")


def test_nothing_flagged_is_no_proof_and_still_has_places_to_review():
    told = headline_of(series(0))
    assert told.words.startswith("None of 40 slices is unusual")
    assert "does not show that nothing was altered" in told.detail
    assert (told.step, told.tone) == ("review", "plain")


def test_calibration_without_a_threshold_calls_no_slice_unusual():
    told = headline_of(series(0, threshold=None))
    assert told.words == "No slice can be called unusual with this calibration."
    assert told.detail.startswith("Too few patients.")


def test_calibration_that_does_not_cover_leads_to_the_choice_of_another():
    scope = SimpleNamespace(
        p_values_allowed=False, coverage=Coverage.NOT, reasons=("thick slices",)
    )
    told = headline_of(series(3, scope=scope))
    assert "no error rate can be given" in told.words
    assert told.step == "calibration"
    assert "3 of" not in told.words


@pytest.mark.parametrize(
    ("n_done", "busy", "step"),
    [(0, False, "score"), (7, False, "resume"), (7, True, "")],
)
def test_series_that_is_not_scored_says_the_next_step(n_done, busy, step):
    run = SimpleNamespace(status="cancelled", n_done=n_done) if n_done else None
    record = SimpleNamespace(n_slices=40)
    found = SeriesExamination(record, run)  # type: ignore[arg-type]
    told = headline_of(found, is_busy=busy)
    assert told.step == step
    if step == "resume":
        assert "7 of 40 slices are scored" in told.words


def place(flagged: bool | None, *, chosen: bool = False, of_slice: Any = None) -> Any:
    """A scored place."""
    value = SimpleNamespace(flagged=flagged, chosen=chosen, p_value=0.1)
    kinds = {"anomaly": SimpleNamespace(slices=(of_slice,))}
    return SimpleNamespace(
        numbers=SimpleNamespace(anomaly=value),
        slice_index=0,
        evaluation=SimpleNamespace(kinds=kinds),
    )


def test_place_has_one_verdict_and_the_kind_of_change_is_not_told():
    told = verdict_of(place(True))
    assert told.words == "Unusual: above the threshold."
    assert "kind of change is not determined" in told.detail
    assert verdict_of(place(False)).tone == "plain"
    assert "too few patients" in verdict_of(place(None)).words


def test_suggested_place_is_judged_by_its_slice():
    high, low = (SimpleNamespace(flagged=f) for f in (True, False))
    assert verdict_of(place(None, chosen=True, of_slice=high)).tone == "warning"
    assert "not above" in verdict_of(place(None, chosen=True, of_slice=low)).words
