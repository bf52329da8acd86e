"""What was not scored is "not examined" in JSON, window and report, never "no support".

Kind A of the field cases: files of which nothing, or only a part, can be scored.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pypdf import PdfReader

from btd_desktop.__main__ import main
from btd_desktop.cases.store import CaseStore
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.histogram import HistogramState
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.parts import make_parts
from btd_desktop.workflow.services import Services
from tests.factories import make_ct_volume, make_series_folder
from tests.window_desk import wait_until

pytestmark = [pytest.mark.gui, pytest.mark.slow]

SHAPE = (5, 128, 128)


def padding_is_water(folder: Path) -> None:
    """A padding range that takes in all tissue (like field case 31)."""
    make_series_folder(folder, 21, shape=SHAPE)
    for path in folder.glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        # In stored values (DICOM PS3.3 C.7.5.1.1.2), so before the rescale.
        stored = -int(dataset.RescaleIntercept)
        dataset.PixelPaddingValue = stored - 950
        dataset.PixelPaddingRangeLimit = stored + 700
        for name in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
            dataset[name].VR = "SS" if dataset.PixelRepresentation else "US"
        dataset.save_as(path)


def no_body(folder: Path) -> None:
    """Slices without a body: nothing lies inside the mask."""
    volume = make_ct_volume(22, shape=SHAPE, patient_id="TEST-22")
    air = np.clip(volume.voxels, -1024, -900).astype(np.int16)
    make_series_folder(folder, 22, volume=replace(volume, voxels=air))


def _examine(evidence: Path, case: Path) -> dict[str, Any]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = main(["examine", str(evidence), "--out", str(case), "--json"])
    assert status == 0, out.getvalue()
    value: dict[str, Any] = json.loads(out.getvalue())
    return value


def _report(value: dict[str, Any]) -> tuple[dict[str, Any], str]:
    reader = PdfReader(value["report"]["path"])
    (attached,) = reader.attachments["report.json"]
    pages = " ".join(page.extract_text() for page in reader.pages)
    return json.loads(attached), " ".join(pages.split())


def _shown_by_window(case: Path) -> tuple[list[Any], dict[int, HistogramState]]:
    """Rows of the series, and the histogram that each of them shows."""
    jobs = JobRunner()
    session = Session(Services(), jobs)
    parts = make_parts(session, RecentCases(5), jobs)
    session.open_store(CaseStore.open(case))
    wait_until(lambda: all(session.result_of(r).evaluation for r in session.records))
    rows = list(parts.series.state.rows)
    histograms = {}
    for row in rows:
        session.select_series(row.series_id)
        histograms[row.series_id] = parts.histogram.state
    assert jobs.shut_down(30.0)
    session.close_case()
    return rows, histograms


@pytest.mark.parametrize("make", [padding_is_water, no_body])
def test_series_that_cannot_be_scored_is_not_examined_everywhere(
    make: Callable[[Path], None], desk_home, qapp, no_thread_left, tmp_path
):
    make(tmp_path / "evidence")
    value = _examine(tmp_path / "evidence", tmp_path / "case")
    [series] = value["series"]
    examined = series["examined"]
    assert examined["state"] == "not examined"
    assert examined["reason"]
    assert examined["left_out"]
    assert examined["share_of_body"] < 0.5
    assert value["conclusion"]["conclusion"] == "not examined"
    assert value["conclusion"]["headline"] == (
        "No opinion: the series was not examined."
    )

    twin, pages = _report(value)
    assert twin["series"][0]["examined"] == examined
    assert twin["opinion"]["conclusion"] == "not examined"
    assert twin["opinion"]["headline"] == value["conclusion"]["headline"]
    assert value["conclusion"]["headline"] in pages
    assert "No support for an alteration was found" not in pages

    [row], histograms = _shown_by_window(tmp_path / "case")
    assert row.state == "not examined"
    assert examined["reason"] in row.state_tip
    # Genuine scores beside nothing would look like a result.
    shown = histograms[row.series_id]
    assert shown.message == f"Not examined: {examined['reason']}"
    assert shown.benign.size == 0
    assert shown.threshold is None
    assert shown.note == ""


def test_case_of_which_a_series_was_left_out_says_so_in_its_headline(
    desk_home, qapp, no_thread_left, tmp_path
):
    make_series_folder(tmp_path / "evidence" / "a", 23, shape=SHAPE)
    no_body(tmp_path / "evidence" / "b")
    value = _examine(tmp_path / "evidence", tmp_path / "case")
    states = [s["examined"]["state"] for s in value["series"]]
    assert sorted(states) == ["examined", "not examined"]
    left_out = states.index("not examined") + 1
    _, histograms = _shown_by_window(tmp_path / "case")
    for number, state in enumerate(states, 1):
        is_left_out = state == "not examined"
        assert histograms[number].message.startswith("Not examined: ") is is_left_out
        assert bool(histograms[number].benign.size) is not is_left_out
    conclusion = value["conclusion"]
    if conclusion["conclusion"] == "partly examined":
        assert f"series {left_out} was not examined" in conclusion["headline"]
    else:
        # Of four tiny patients a fifth may well be flagged; never silence.
        assert conclusion["conclusion"] in ("inconclusive", "supports")
    assert any(f"Series {left_out} was not examined" in s
               for s in conclusion["sentences"])  # fmt: skip
    _, pages = _report(value)
    assert "No support for an alteration was found. " not in pages
    assert conclusion["headline"] in pages
