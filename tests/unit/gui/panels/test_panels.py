"""Panels with hand-made states: what they show, what they ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from btd_desktop.examination.comparison import Threshold
from btd_desktop.examination.wording import device_line
from btd_desktop.gui.dialogs.form import show_whole
from btd_desktop.gui.dialogs.modality_dialog import ModalityDialog
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.findings import FindingRow, FindingsState
from btd_desktop.gui.presenters.histogram import HistogramState
from btd_desktop.gui.presenters.metadata import CheckRow, FactRow, MetadataState
from btd_desktop.gui.presenters.opening import ModalityQuestion
from btd_desktop.gui.presenters.overlays import OverlayChoice
from btd_desktop.gui.presenters.placing import PlaceState, ScoreRow
from btd_desktop.gui.presenters.presenter import ProgressState
from btd_desktop.gui.views.check_list import CheckList
from btd_desktop.gui.views.finding_panel import FindingPanel
from btd_desktop.gui.views.help_button import HelpBubble, HelpButton
from btd_desktop.gui.views.histogram_panel import HistogramPanel
from btd_desktop.gui.views.metadata_panel import MetadataPanel
from btd_desktop.gui.views.overlay_bar import OverlayBar
from btd_desktop.gui.views.place_panel import PlacePanel
from btd_desktop.gui.views.status_strip import StatusStrip
from btd_desktop.progress import Progress
from btd_desktop.scoring.detector import Backend
from btd_desktop.workflow.verdict_words import CheckLine
from tests.unit.report.case_sample import make_finding

HOSTILE = '<img src="file:///etc/passwd"><b>DOE</b>\u202eJANE\x07'


def _finding(number: int, **changes) -> FindingRow:
    finding = make_finding(number, **changes)
    return FindingRow(finding, "series", np.zeros((20, 20), np.uint8))


def test_findings_are_listed_and_one_is_told_when_clicked(qtbot):
    panel = FindingPanel()
    qtbot.addWidget(panel)
    chosen: list[Any] = []
    panel.finding_selected.connect(chosen.append)
    panel.show_state(FindingsState((_finding(3), _finding(7)), 3))
    assert chosen == []
    assert panel._list.item(0).text().splitlines() == [
        "#3  Slice 13, x 70, y 80",
        "place p ≤ 0.0014",
        "slice p = 0.0064",
        "to check, found by search",
    ]
    panel._list.setCurrentRow(1)
    assert chosen == [7]


def test_finding_of_another_calibration_is_told_from_those_of_the_report(qtbot):
    panel = FindingPanel()
    qtbot.addWidget(panel)
    panel.show_state(FindingsState((replace(_finding(3), is_foreign=True),), 3))
    assert "judged under another calibration" in panel._list.item(0).text()


def test_note_being_written_survives_a_refresh(qtbot):
    panel = FindingPanel()
    qtbot.addWidget(panel)
    panel.show_state(FindingsState((_finding(3),), 3))
    panel._note.setPlainText("half a sen")
    panel.show_state(FindingsState((_finding(3), _finding(4)), 3))
    assert panel._note.toPlainText() == "half a sen"
    saved = []
    panel.note_changed.connect(lambda n, t: saved.append((n, t)))
    # Whoever clicks another finding loses nothing.
    panel.show_state(FindingsState((_finding(3), _finding(4)), 4))
    assert saved == [(3, "half a sen")]


def test_note_saves_itself_once_nobody_writes_any_more(qtbot):
    panel = FindingPanel()
    qtbot.addWidget(panel)
    panel._saving.setInterval(1)
    panel.show_state(FindingsState((_finding(3),), 3))
    with qtbot.waitSignal(panel.note_changed) as told:
        panel._note.setPlainText("a vessel")
    assert told.args == [3, "a vessel"]
    assert panel._saved.text() == "saving …"
    panel.show_state(FindingsState((_finding(3, note="a vessel"),), 3))
    assert panel._saved.text() == "saved"
    # What Undo puts back is shown.
    panel.show_state(FindingsState((_finding(3),), 3))
    assert panel._note.toPlainText() == _finding(3).finding.note


def test_status_is_told_only_when_the_examiner_changes_it(qtbot):
    panel = FindingPanel()
    qtbot.addWidget(panel)
    told: list[Any] = []
    panel.status_changed.connect(lambda n, s: told.append((n, s)))
    panel.show_state(FindingsState((_finding(3, status="confirmed"),), 3))
    assert told == []
    panel._status.setCurrentText("to check")
    assert told == [(3, "to check")]


def test_finding_is_dismissed_only_with_a_reason(qtbot):
    panel = FindingPanel()
    qtbot.addWidget(panel)
    panel.show()
    told: list[Any] = []
    panel.status_changed.connect(lambda *args: told.append(args))
    panel.marked.connect(lambda *args: told.append(args))
    panel.show_state(FindingsState((_finding(3), _finding(4)), 3))
    panel._status.setCurrentText("dismissed")
    assert told == []
    assert panel._reason_wanted.isVisible()
    assert not panel._dismiss.isEnabled()
    # A refresh, as another finding is added, keeps the question.
    panel.show_state(FindingsState((_finding(3), _finding(4), _finding(5)), 3))
    assert panel._reason_wanted.isVisible()
    panel._note.setPlainText("a vessel")
    panel._dismiss.click()
    assert told == [(3, "a vessel", "dismissed")]
    assert not panel._reason_wanted.isVisible()


def test_question_for_a_reason_ends_with_another_finding_or_status(qtbot):
    panel = FindingPanel()
    qtbot.addWidget(panel)
    panel.show()
    told: list[Any] = []
    for signal in (panel.status_changed, panel.marked, panel.note_changed):
        signal.connect(lambda *args: told.append(args))
    panel.show_state(FindingsState((_finding(3), _finding(4)), 3))
    panel._status.setCurrentText("dismissed")
    panel.show_state(FindingsState((_finding(3), _finding(4)), 4))
    assert not panel._reason_wanted.isVisible()
    assert panel._status.currentText() == "to check"
    panel._status.setCurrentText("dismissed")
    panel._status.setCurrentText("to check")
    assert not panel._reason_wanted.isVisible()
    assert told == []
    panel._note.setPlainText("a vessel")
    panel._status.setCurrentText("dismissed")
    assert told == [(4, "a vessel", "dismissed")]


def test_tag_text_is_shown_literally(qtbot):
    panel = MetadataPanel()
    qtbot.addWidget(panel)
    panel.show_state(MetadataState("s", (FactRow("Patient name", HOSTILE),), ()))
    model = panel.model
    shown = str(model.data(model.index(0, 1)))
    assert shown.startswith('<img src="file:///etc/passwd"><b>DOE</b>')
    assert "⟨U+202E⟩" in shown
    assert "⟨U+0007⟩" in shown
    tip = str(model.data(model.index(0, 1), Qt.ItemDataRole.ToolTipRole))
    assert "<img" not in tip


def test_check_that_concerns_slices_leads_there(qtbot):
    panel = MetadataPanel()
    qtbot.addWidget(panel)
    row = CheckRow("warning", "There is a gap.", (4, 5))
    chosen: list[Any] = []
    panel.check_chosen.connect(chosen.append)
    panel.show_state(MetadataState("s", (), (row,)))
    panel._check_table.clicked.emit(panel._check_table.model().index(0, 1))
    assert chosen == [row]


_ROW = ScoreRow(
    "anomaly",
    "Anomaly",
    "3.2",
    "p = 0.010",
    0.99,
    "Ranked among 300 genuine patches of 7 patients",
    "2.5",
    True,
)


def test_place_shows_score_p_n_threshold_and_scope(qtbot):
    panel = PlacePanel()
    qtbot.addWidget(panel)
    panel.show()
    panel.show_state(
        PlaceState(
            "scored",
            (2, 2, 1),
            tuple(replace(_ROW, kind=k) for k in ("anomaly", "injection", "removal")),
            "Local scans",
            "partly covered",
            ("the kernel (B70) is not among those of the profile",),
        )
    )
    box = panel._boxes["anomaly"]
    assert box._p.text() == "p = 0.010"
    assert "above the threshold 2.5" in box._score.text()
    assert "99 % of genuine scores" in box._behind.text()
    assert "7 patients" in box._behind.text()
    assert "partly covered" in panel._scope.text()
    assert "kernel (B70)" in panel._reasons.text()


def test_place_that_is_not_covered_is_not_called_ranked(qtbot):
    panel = PlacePanel()
    qtbot.addWidget(panel)
    row = replace(_ROW, p="not covered", cdf=None, threshold="none", flagged=None)
    row = replace(row, behind="Not ranked: the calibration does not cover this scan")
    panel.show_state(PlaceState("scored", (2, 2, 1), (row,), coverage="not covered"))
    behind = panel._boxes["anomaly"]._behind.text()
    assert behind == "Not ranked: the calibration does not cover this scan."


def test_place_is_marked_in_the_picture_until_it_is_kept_or_left():
    scored = PlaceState("scored", (2, 2, 1), (_ROW,))
    assert (scored.is_drawn, scored.label) == (True, "p = 0.010")
    assert replace(scored, rows=(replace(_ROW, cdf=None),)).label == "score 3.2"
    assert PlaceState("scoring", (2, 2, 1)).label == "…"
    for gone in (
        replace(scored, kept=4),
        replace(scored, is_left=True),
        replace(scored, status="failed"),
        PlaceState(),
    ):
        assert not gone.is_drawn


def test_place_is_kept_once_with_note_and_status(qtbot):
    panel = PlacePanel()
    qtbot.addWidget(panel)
    panel.show()
    state = PlaceState("scored", (2, 5, 5), (_ROW,))
    panel.show_state(state)
    asked: list[Any] = []
    panel.keep_wanted.connect(lambda n, s: asked.append((n, s)))
    panel._note.setText("odd")
    panel._status.setCurrentText("confirmed")
    panel._keep.click()
    assert asked == [("odd", "confirmed")]
    panel.show_state(replace(state, kept=4))
    panel._keep.click()
    assert len(asked) == 1


def _histogram() -> HistogramState:
    edges = np.linspace(0.0, 6.0, 7)
    return HistogramState(
        "anomaly",
        "slice",
        edges,
        np.array([0.5, 0.5, 0.0, 0.0, 0.0, 0.0]),
        np.array([2, 2, 0, 0, 0, 0]),
        np.full(6, 1 / 6),
        np.linspace(0, 6, 50),
        np.linspace(0, 1, 50),
        50,
        9,
        Threshold(4.0, 0.02, (0.001, 0.11), 0, 4, own=False),
        1.5,
        "slice 2",
    )


def test_threshold_line_tells_where_it_is_dragged_and_shows_the_rate(qtbot):
    panel = HistogramPanel()
    qtbot.addWidget(panel)
    panel.show()
    panel.show_state(_histogram())
    assert ": 2 % of the genuine slices" in panel._fpr.text()
    assert "0.1 % to 11 %, 95 %" in panel._fpr.text()
    assert "established" not in panel._fpr.text()
    doubted = Threshold(4.0, 0.02, (0.0, 0.2), 0, 4, own=False, doubt="not established")
    panel.show_threshold(doubted)
    assert panel._fpr.text().endswith("0 of 4 do. Rate not established.")
    told: list[Any] = []
    panel.threshold_dragged.connect(told.append)
    panel._plot.line.setValue(3.0)
    panel._plot.line.sigDragged.emit(panel._plot.line)
    assert told == [3.0]
    panel.show_threshold(Threshold(3.0, 0.2, (0.1, 0.4), 1, 4, own=True))
    assert panel._fpr.text().startswith("Tried threshold 3")
    assert panel._reset.isVisible()
    assert told == [3.0]


def test_histogram_names_the_part_of_the_body_that_was_searched(qtbot):
    panel = HistogramPanel()
    qtbot.addWidget(panel)
    panel.show_state(replace(_histogram(), searched="search of the lung"))
    assert panel._key.text().endswith("9 patients; search of the lung")


def test_histogram_without_scores_says_why(qtbot):
    panel = HistogramPanel()
    qtbot.addWidget(panel)
    panel.show()
    panel.show_state(HistogramState(message="Not scored yet."))
    assert panel._message.isVisible()
    assert not panel._plot.widget.isVisible()


def test_showing_a_histogram_asks_for_nothing(qtbot):
    panel = HistogramPanel()
    qtbot.addWidget(panel)
    asked: list[Any] = []
    for signal in (panel.kind_chosen, panel.level_chosen, panel.threshold_dragged):
        signal.connect(asked.append)
    panel.show_state(replace(_histogram(), kind="removal", level="patch"))
    assert asked == []


def test_overlay_bar_shows_and_tells_a_choice(qtbot):
    bar = OverlayBar()
    qtbot.addWidget(bar)
    told: list[Any] = []
    bar.choice_changed.connect(told.append)
    bar.show_choice(OverlayChoice(name="residual", opacity=0.3))
    assert told == []
    assert not bar._kinds.isEnabled()
    bar._opacity.setValue(80)
    assert told[-1] == OverlayChoice(name="residual", opacity=0.8)


def test_status_strip_shows_progress_only_while_there_is_some(qtbot):
    strip = StatusStrip()
    qtbot.addWidget(strip)
    strip.show()
    strip.progress.show_progress(ProgressState())
    assert strip.progress.text == ""
    state = ProgressState(
        "Scoring", Progress(3, 10, "Scoring slices"), 44.0, False, True
    )
    strip.progress.show_progress(state)
    assert strip.progress.text == "Scoring slices about 40 s left"
    strip.progress.show_progress(replace(state, paused=True))
    assert strip.progress.text == "Scoring slices paused"


@pytest.mark.parametrize(
    ("backend", "name", "reason"),
    [
        (
            Backend("cpu", dtype="float32", reason="torch sees no card"),
            "CPU, float32",
            "No GPU is used: torch sees no card.",
        ),
        (
            Backend("cuda", "NVIDIA X", "found", "bfloat16"),
            "NVIDIA X, bfloat16",
            "found",
        ),
    ],
)
def test_device_is_named_with_the_reason(backend, name, reason):
    line = device_line(backend)
    assert (line.name, line.reason) == (name, reason)


def test_help_explains_and_closes_with_a_key(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(600, 400)
    button = HelpButton("p-value", window)
    button.move(580, 380)
    window.show()
    button.click()
    bubble = window.findChildren(HelpBubble)[-1]
    assert window.rect().contains(bubble.geometry())
    assert "not the probability" in bubble.accessibleDescription()
    qtbot.keyClick(bubble, Qt.Key.Key_Escape)
    assert not bubble.isVisible()


def test_checks_show_failures_and_problems(qtbot):
    checks = CheckList()
    qtbot.addWidget(checks)
    checks.show_lines(
        (CheckLine("Unchanged", False, "Signed bytes were changed."),),
        ("the file was changed",),
    )
    shown = {label.text() for label in checks.findChildren(PlainLabel)}
    assert {"✗", "Signed bytes were changed.", "• The file was changed"} <= shown


def test_question_for_the_modality_is_high_enough_for_its_words(qtbot):
    dialog = ModalityDialog(ModalityQuestion(("scan.nii",), lambda answer: None))
    qtbot.addWidget(dialog)
    show_whole(dialog)
    for label in dialog.findChildren(PlainLabel):
        assert label.height() >= label.heightForWidth(label.width())
    dialog.reject()
