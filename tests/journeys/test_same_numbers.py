"""Window, command line and a Python call give one and the same numbers, to the bit."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from btd_desktop.__main__ import main
from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.load import import_evidence
from btd_desktop.examination.models import find_model, open_detector
from btd_desktop.examination.stored import latest_run, load_features
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.engine import score_volume
from btd_desktop.scoring.features import ACROSS, GridFeatures, feature_names
from btd_desktop.workflow.score_series import make_manifest
from tests.window_desk import drop, open_dialog, wait_until

pytestmark = [pytest.mark.gui, pytest.mark.slow]


def _compared_with_neighbours(features: GridFeatures) -> bool:
    info = open_detector(find_model("", "CT")).info
    names = feature_names(info.levels, learned=info.learned)
    across = [n.startswith(ACROSS) for n in names]
    return bool(np.isfinite(features.features[features.scored][:, across]).all())


def _of_case(folder: Path) -> tuple[GridFeatures, ...]:
    with CaseStore.open(folder, read_only=True) as store:
        run = latest_run(store, 1)
        assert run is not None
        return load_features(store, run)


def _by_python(suspect: Path) -> list[GridFeatures]:
    (series,) = import_evidence([suspect], TaskContext()).series
    detector = open_detector(find_model("", "CT"))
    _, scale, grid = make_manifest(series.volume, "", detector.info)
    found = score_volume(detector, series.volume, scale, grid, TaskContext())
    return [s.features for s in found]


def _by_command_line(suspect: Path, case: Path) -> dict[str, Any]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["examine", str(suspect), "--out", str(case), "--json"]) == 0
    value: dict[str, Any] = json.loads(out.getvalue())
    return value


def test_window_command_line_and_python_agree_to_the_bit(
    make_window, desk_home, tmp_path
):
    suspect = desk_home.suspect
    by_python = _by_python(suspect)
    # Each way of scoring has to look at the slices before and after.
    assert all(map(_compared_with_neighbours, by_python))
    printed = _by_command_line(suspect, tmp_path / "by command")

    window = make_window()
    drop(window, [suspect])
    dialog = open_dialog(window, "CaseDialog")
    dialog._folder.set_path(tmp_path / "by window")
    dialog.accept()
    wait_until(lambda: window.session.result.evaluation or window.session.result.reason)
    evaluation = window.session.result.evaluation
    assert evaluation is not None

    for stored in (_of_case(tmp_path / "by command"), evaluation.features):
        assert len(stored) == len(by_python)
        for one, other in zip(stored, by_python, strict=True):
            for name in ("injection", "removal", "features"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    shown = [None if v is None else v.score for v in evaluation.kinds["anomaly"].slices]
    listed = printed["series"][0]["scores"]["anomaly"]["slices"]
    assert shown == [None if v is None else v["score"] for v in listed]
    assert any(v is not None for v in shown)
