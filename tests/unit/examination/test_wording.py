"""Numbers in words: one spelling, never rounded to more than is true."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

import btd_desktop
from btd_desktop.calibration.level import Alarms, LevelCalibration
from btd_desktop.calibration.place import CalibratedValue
from btd_desktop.examination import wording

_PACKAGE = Path(btd_desktop.__file__).parent
_NAMES = [
    name
    for name, value in vars(wording).items()
    if not name.startswith("_") and getattr(value, "__module__", "") == wording.__name__
]
_FUNCTIONS = [getattr(wording, name) for name in _NAMES]


@pytest.mark.parametrize(
    ("p", "n", "cell", "told", "narrow"),
    [
        (0.5, 999, "0.5", "p = 0.5 (n = 999)", "p = 0.5"),
        (0.0421, 999, "0.042", "p = 0.042 (n = 999)", "p = 0.042"),
        (2e-6, 10**7, "0.000002", "p = 0.000002 (n = 10,000,000)", "p = 0.000002"),
        (0.25, 3, *("0.25 (smallest for n = 3)",),
         "p = 0.25 (smallest for n = 3)", "p ≤ 0.25"),
        (1.0, 9, "1", "p = 1 (n = 9)", "p = 1"),
        (None, 3, *("not covered by the calibration",) * 2, "not covered"),
    ],
)  # fmt: skip
def test_p_value_reads_alike_in_cells_sentences_and_marks(p, n, cell, told, narrow):
    value = CalibratedValue(1.0, p, None, n, 3, None, None)
    assert wording.p_value_text(value) == cell
    assert wording.p_text(value) == told
    assert wording.p_text(value, narrow=True) == narrow


def test_p_value_names_the_patients_that_it_was_ranked_among():
    value = CalibratedValue(1.0, 0.3, None, 999, 46, None, None, smallest_p=1 / 47)
    assert wording.p_text(value) == "p = 0.3 (46 patients)"
    least = replace(value, p_value=1 / 47)
    assert wording.p_text(least) == "p = 0.021 (smallest for 46 patients)"
    assert wording.p_text(least, narrow=True) == "p ≤ 0.021"


def test_place_that_was_chosen_for_its_score_has_no_p_value_and_says_why():
    value = CalibratedValue(1.0, None, None, 999, 46, None, None, chosen=True)
    told = "none: the search chose the place for its score"
    assert wording.p_value_text(value) == wording.p_text(value) == told
    assert wording.p_text(value, narrow=True) == "no p-value"
    assert wording.flagged_text(value) == "–"
    assert wording.flagged_text(replace(value, chosen=UNSET)) == "no threshold"


@pytest.mark.parametrize(
    ("high", "told"),
    [
        (0.03, ""),
        (0.031, "not established at 1 %: the smallest rate that 46 patients can "
         "establish is 5.5 %"),
    ],
)  # fmt: skip
def test_rate_is_established_up_to_three_times_what_was_wanted(high, told):
    scores = np.arange(9.0)
    level = LevelCalibration(scores, 46, 7.0, "", (0.0, high), 46.0, (0.0,), None)
    assert wording.established_text(level, 0.01) == told
    none = replace(level, threshold=None, interval=None)
    assert wording.established_text(none, 0.01) == ""


def test_alarms_are_told_with_their_interval():
    assert wording.alarms_text(Alarms(1, 26)) == (
        "1 of 26 genuine patients, each left out in turn (95 % interval 0.097 % to "
        "20 %)"
    )


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"), (0.0, "0 %"), (0.05, "5 %"), (0.0123, "1.2 %"), (1e-4, "0.01 %"),
        (1e-7, "0.00001 %"), (0.994, "99 %"), (0.9987, "99.9 %"),
        (0.99996, "over 99.9 %"), (1.0, "100 %"),
    ],
)  # fmt: skip
def test_share_has_two_digits_and_is_written_out(share, text):
    assert wording.percent_text(share) == text


@given(st.floats(0.0, 1.0))
def test_only_all_is_a_hundred_percent_and_only_none_is_zero(share):
    text = wording.percent_text(share)
    assert (text == "100 %") == (share == 1.0)
    assert (text == "0 %") == (share == 0.0)
    assert "e" not in text.replace("over", "")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (3.14159, "3.142"), (-0.5, "−0.5"), (12345.6, "1.235e+04")],
)
def test_score_has_four_digits(value, text):
    assert wording.number_text(value) == text


def test_no_window_command_or_report_spells_a_number_for_itself():
    names = set(_NAMES) | {"share_text", "score_text"}
    folders = ("cli", "examination", "gui", "report", "workflow")
    others = {
        (path.relative_to(_PACKAGE).as_posix(), node.name)
        for folder in folders
        for path in (_PACKAGE / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in names
    }
    # Ticks of an axis are as short as the axis is coarse.
    own = {("examination/wording.py", f.__name__) for f in _FUNCTIONS}
    assert others == own | {("gui/views/legend.py", "number_text")}


def test_code_of_no_modality_is_told_in_words():
    assert [wording.modality_text(m) for m in ("CT", "MR")] == ["CT", "MR"]
    assert wording.modality_text("OT") == "modality not known"
