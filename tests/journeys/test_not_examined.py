"""What was not scored is "not examined" in JSON, window and report, never "no support".

Kind A of the field cases: files of which nothing, or only a part, can be scored.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from btd_desktop.gui.presenters.overlays import OverlayChoice
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.parts import make_parts
from btd_desktop.gui.view_state.states import MprState, SliceViewState, StripState
from btd_desktop.gui.views.slice_strip import SliceStrip
from btd_desktop.workflow.services import Services
from tests.factories import make_ct_volume, make_series_folder
from tests.window_desk import wait_until

pytestmark = [pytest.mark.gui, pytest.mark.slow]

SHAPE = (5, 128, 128)


def padding_is_water(folder: Path, *, n_spared: int = 0) -> None:
    """A padding range that takes in all tissue (like field case 31)."""
    make_series_folder(folder, 21, shape=SHAPE)
    for path in sorted(folder.glob("*.dcm"))[n_spared:]:
        dataset = pydicom.dcmread(path)
        # In stored values (DICOM PS3.3 C.7.5.1.1.2), so before the rescale.
        stored = -int(dataset.RescaleIntercept)
        dataset.PixelPaddingValue = stored - 950
        dataset.PixelPaddingRangeLimit = stored + 700
        for name in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
            dataset[name].VR = "SS" if dataset.PixelRepresentation else "US"
        dataset.save_as(path)


def padding_spares_a_slice(folder: Path) -> None:
    """The same in all slices but one, which is scored."""
    padding_is_water(folder, n_spared=1)


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


@dataclass
class Shown:
    """What the window shows of a series, its overlay of p-values over every slice."""

    histogram: HistogramState
    strip: StripState
    mains: list[SliceViewState]


def _shown_by_window(case: Path) -> tuple[list[Any], dict[int, Shown]]:
    """Rows of the series, and what the window shows of each."""
    jobs = JobRunner()
    session = Session(Services(), jobs)
    parts = make_parts(session, RecentCases(5), jobs)
    session.open_store(CaseStore.open(case))
    wait_until(lambda: all(session.result_of(r).evaluation for r in session.records))
    rows = list(parts.series.state.rows)
    parts.overlays.on_chosen(OverlayChoice(name="p-value", p_shown=1.0))
    strips: list[StripState] = []
    planes: list[MprState] = []
    parts.strip.changed.connect(strips.append)
    parts.viewing.changed.connect(planes.append)
    shown = {}
    for row in rows:
        session.select_series(row.series_id)
        mains = []
        for index in range(row.record.n_slices):
            parts.viewing.on_strip_requested(index)
            mains.append(planes[-1].main)
        shown[row.series_id] = Shown(parts.histogram.state, strips[-1], mains)
    assert jobs.shut_down(30.0)
    session.close_case()
    return rows, shown


@pytest.mark.parametrize("make", [padding_is_water, padding_spares_a_slice, no_body])
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
    assert (examined["share_of_body"] > 0.0) is (make is padding_spares_a_slice)
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
    assert twin["results"][0]["levels"] == twin["results"][0]["flagged_slices"] == []

    [row], of_series = _shown_by_window(tmp_path / "case")
    assert row.state == "not examined"
    assert examined["reason"] in row.state_tip
    # Genuine scores beside nothing would look like a result.
    shown = of_series[row.series_id]
    assert shown.histogram.message == f"Not examined: {examined['reason']}"
    assert shown.histogram.benign.size == 0
    assert shown.histogram.threshold is None
    assert shown.histogram.note == ""
    # So would p-values of the few places that were scored.
    assert np.isnan(shown.strip.values).all()
    assert shown.strip.flagged is None
    strip = SliceStrip()
    strip.show_state(shown.strip)
    for index, plane in enumerate(shown.mains):
        assert strip.text_of(index).endswith(": not examined")
        assert plane.overlay is None or plane.overlay.kind == "residual"
        assert "Not examined" in plane.corners[3]


def test_case_of_which_a_series_was_left_out_says_so_in_its_headline(
    desk_home, qapp, no_thread_left, tmp_path
):
    make_series_folder(tmp_path / "evidence" / "a", 23, shape=SHAPE)
    no_body(tmp_path / "evidence" / "b")
    value = _examine(tmp_path / "evidence", tmp_path / "case")
    states = [s["examined"]["state"] for s in value["series"]]
    assert sorted(states) == ["examined", "not examined"]
    left_out = states.index("not examined") + 1
    _, of_series = _shown_by_window(tmp_path / "case")
    for number, state in enumerate(states, 1):
        is_left_out, shown = state == "not examined", of_series[number]
        message = shown.histogram.message
        assert message.startswith("Not examined: ") is is_left_out
        assert bool(shown.histogram.benign.size) is not is_left_out
        assert bool(np.isnan(shown.strip.values).all()) is is_left_out
        for plane in shown.mains:
            assert ("Not examined" in plane.corners[3]) is is_left_out
        kinds = {plane.overlay.kind for plane in shown.mains if plane.overlay}
        assert ("p-value" in kinds) is not is_left_out
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
