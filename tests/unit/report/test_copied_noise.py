"""Copied noise and the level "place" in the printed report and its twin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec import UNSET

from btd_desktop.calibration.scope import Coverage
from btd_desktop.report.document import Document
from btd_desktop.report.exhibits import plain_words
from btd_desktop.report.pdf import render_pdf
from btd_desktop.report.twin import twin_value
from tests.unit.report.case_sample import (
    make_document,
    make_finding,
    make_outcome,
    make_place_numbers,
)
from tests.unit.report.test_pdf import squeezed, text_of

_NOISE = (
    "The noise of this place is found again at x 29, y 33, slice 7 (correlation 0.88 "
    "over 32×32 px of 3 slices, 19 times the spread; 5 % of genuine places reach 5.4)."
)
_TO_QUOTE = (
    "The program's search chose this place for its anomaly score, so that the p-value "
    "of the place is smaller than chance alone would make it. The p-value to quote is "
    "that of its slice: 0.0064."
)


def report_of(*findings: Any) -> Document:
    outcome = make_outcome(1, Coverage.COVERED, findings=findings)
    return make_document(outcomes=[outcome])


def exhibit_of(document: Document) -> dict[str, Any]:
    [exhibit] = twin_value(document)["results"][0]["exhibits"]
    assert isinstance(exhibit, dict)
    return exhibit


@pytest.fixture(scope="module")
def printed() -> str:
    return squeezed(text_of(render_pdf(report_of(make_finding()))))


def test_print_gives_units_patients_and_rate_of_each_level(printed):
    for words in (
        "Anomaly score: ranked among 720 genuine places of 24 patients, each judged in"
        " the same way. At its threshold the FPR per place is 5 %, 95 % interval 1.2 %"
        " to 9 %.",
        "Injection score (paper): ranked among 4,823 genuine patches of 24 patients.",
        "Anomaly score of the slice: ranked among 311 genuine slices of 24 patients. At"
        " its threshold the FPR per slice is 5 %, 95 % interval 4.3 % to 5.8 %.",
        "anomaly score of the slice",
        "311 slices",
        "720 places",
        "720 (24 patients)",
        _NOISE,
    ):
        assert squeezed(words) in printed, words


def test_print_explains_copies_and_the_level(printed):
    for words in (
        "Image noise never repeats",
        "level “place” of section 13",
        "Levels: “patch” ranks any patch of the grid",
        "copied noise",
    ):
        assert squeezed(words) in printed, words


def test_place_of_the_search_is_told_to_be_quoted_by_its_slice(printed):
    assert squeezed(_TO_QUOTE) in printed


def test_place_of_the_examiner_or_without_p_value_is_not():
    found = make_finding()
    numbers = found.numbers
    nothing = {k: replace(getattr(numbers, k), p_value=None)
               for k in (*numbers.scores, "slice")}  # fmt: skip
    without = replace(numbers, **nothing)
    of_place = replace(numbers, slice=UNSET)
    for finding in (
        replace(found, origin="examiner"),
        replace(found, numbers=of_place),
        replace(found, numbers=without),
    ):
        text = squeezed(text_of(render_pdf(report_of(finding))))
        assert "toquote" not in text


def test_report_without_such_a_level_says_nothing_of_copies():
    outcome = make_outcome(1, Coverage.COVERED, findings=())
    assert outcome.evaluation is not None
    levels: Any = outcome.evaluation.profile.levels
    del levels["anomaly"]["place"]
    text = squeezed(text_of(render_pdf(make_document(outcomes=[outcome]))))
    for words in ("Image noise never repeats", "level “place” of section 13"):
        assert squeezed(words) not in text


def test_twin_holds_place_and_strength_of_the_copy():
    document = report_of(make_finding())
    exhibit = exhibit_of(document)
    assert exhibit["copied_noise"] == {
        "slice_number": 7,
        "column": 29,
        "row": 33,
        "correlation": 0.88,
        "strength": 19.0,
        "side_px": 32,
        "n_slices": 3,
        "surprise": 6.2,
        "is_copied": True,
    }
    assert exhibit["noise_sentence"] == _NOISE
    assert exhibit["scores"][0]["level"] == "place"
    levels = twin_value(document)["calibrations"][0]["levels"]
    assert [level["level"] for level in levels] == ["place", "patch", "slice", "series"]


def test_place_that_was_not_searched_for_says_nothing():
    numbers = replace(make_finding().numbers, copy=UNSET)
    exhibit = exhibit_of(report_of(make_finding(numbers=numbers)))
    assert (exhibit["copied_noise"], exhibit["noise_sentence"]) == (None, "")


def test_plain_words_quote_the_rank_that_counts_and_say_when_nothing_can_be_said():
    numbers = make_place_numbers()
    scores = list(numbers.every.items())
    told = plain_words(scores, numbers.copy or None)
    assert "At most about 0.64 % of genuine slices show as much" in told
    assert "a second time" in told
    alone = [("anomaly", replace(numbers.anomaly, flagged=False))]
    assert "as genuine scans show it too" in plain_words(alone, None)
    unranked = [("anomaly", replace(numbers.anomaly, p_value=None, flagged=None))]
    assert "nothing says how often" in plain_words(unranked, None)
