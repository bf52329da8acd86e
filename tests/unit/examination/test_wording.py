"""Numbers in words: one spelling, never rounded to more than is true."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import btd_desktop
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
    assert wording.p_value_text(p, n) == cell
    assert wording.p_text(p, n) == told
    assert wording.p_text(p, n, narrow=True) == narrow


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
