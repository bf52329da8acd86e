"""The paper's method from calibration to report, beside this program's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from btd_desktop.calibration.profile import CalibrationProfile, write_profile
from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.series import LoadedSeries
from btd_desktop.errors import CalibrationError
from btd_desktop.examination.models import ModelEntry, find_model, open_detector
from btd_desktop.examination.reading import read_case
from btd_desktop.examination.series import State
from btd_desktop.paths import user_profiles_dir
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.method import METHODS
from btd_desktop.strict_json import plain_json, record_from_json
from btd_desktop.workflow.calibrate import calibrate_on
from btd_desktop.workflow.examine import Examination, ExamineOptions, examine
from btd_desktop.workflow.examine_case import report_on_case, score_place
from btd_desktop.workflow.import_series import CaseDetails
from btd_desktop.workflow.issue_report import ReportOptions
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.verify import verify_report_file
from tests.factories import make_ct_volume, make_series_folder, make_tiny_model


@pytest.fixture(scope="module")
def paper_profile(tmp_path_factory: pytest.TempPathFactory) -> CalibrationProfile:
    folder = tmp_path_factory.mktemp("models") / "tiny-ct"
    card = make_tiny_model(folder)
    entry = ModelEntry(folder, card, "", shipped=False)
    volumes = [
        make_ct_volume(n, shape=(3, 128, 128), patient_id=f"TEST-{n}")
        for n in range(1, 4)
    ]
    return calibrate_on(
        [LoadedSeries(v, f"1.2.{n}", "", (), ()) for n, v in enumerate(volumes)],
        open_detector(entry, method="paper"),
        name="paper",
        fpr=0.3,
        services=Services(),
        context=TaskContext(),
    )


@pytest.fixture
def installed(paper_profile: CalibrationProfile, tiny_model: Path) -> Path:
    path = user_profiles_dir() / "paper.json"
    write_profile(paper_profile, path)
    return path


def _examine(evidence: Path, case: Path, method: str) -> Examination:
    return examine(
        [evidence],
        case,
        CaseDetails(examiner="T. Ester"),
        ExamineOptions(method=method),  # type: ignore[arg-type]
        Services(),
        TaskContext(),
    )


def test_profile_has_each_score_of_the_paper_with_its_own_threshold(paper_profile):
    assert paper_profile.used == "paper"
    assert set(paper_profile.levels) == {"anomaly", "injection", "removal"}
    assert set(paper_profile.levels["anomaly"]) == {"patch", "slice", "series"}
    for kind in ("injection", "removal"):
        level = paper_profile.levels[kind]["patch"]
        share = float(np.mean(level.scores > level.threshold))
        assert share == pytest.approx(0.3, abs=0.15)
    again = record_from_json(CalibrationProfile, plain_json(paper_profile))
    assert again.digest == paper_profile.digest


def test_search_takes_the_larger_score_in_its_genuine_spreads(paper_profile):
    rule = paper_profile.ranking
    high = np.array([rule.middle + [3.0, 0.0] * rule.spread])
    assert rule.scores(high, np.zeros(1))[0] == pytest.approx(3.0)
    both = np.array([rule.middle + [-5.0, 2.0] * rule.spread])
    assert rule.scores(both, np.zeros(1))[0] == pytest.approx(2.0)


def test_profile_without_what_ranks_its_method_is_refused(paper_profile):
    with pytest.raises(ValueError, match="ranks the scores of its method"):
        replace(paper_profile, method="own")


def test_examination_by_the_papers_method_is_reported_as_such(installed, tmp_path):
    evidence = make_series_folder(tmp_path / "scan", 9)
    case = tmp_path / "case"
    found = _examine(evidence, case, "paper")
    (outcome,) = found.outcomes
    assert outcome.evaluation is not None
    assert outcome.evaluation.profile.used == "paper"
    assert outcome.state is State.EXAMINED
    assert outcome.evaluation.run.manifest.used == "paper"
    assert outcome.evaluation.run.manifest.grid.stride == 32
    twin = verify_report_file(found.report.path).twin
    assert twin is not None
    (run,) = twin["runs"]
    assert run["method"] == "paper"
    told = json.dumps(twin["methods"])
    assert "as in the paper" in told
    assert "Mahalanobis" not in told
    # The same case by this program's own method, which this profile does not rank.
    own = _examine(evidence, case, "own")
    assert own.outcomes[0].state is State.NOT_CALIBRATED
    with CaseStore.open(case) as store:
        for method in METHODS[:2]:
            run = read_case(store, method=method)[0].run
            assert run is not None
            assert run.manifest.used == method
    outcomes, _ = report_on_case(
        case, Services(), ReportOptions(is_draft=True), method="paper"
    )
    assert outcomes[0].evaluation is not None
    assert outcomes[0].evaluation.profile.used == "paper"
    with pytest.raises(CalibrationError, match="another method"):
        report_on_case(
            case, Services(), ReportOptions(), profile=str(installed), method="own"
        )


def test_place_is_scored_by_the_method_of_its_run(installed, tmp_path):
    evidence = make_series_folder(tmp_path / "scan", 9)
    case = tmp_path / "case"
    (outcome,) = _examine(evidence, case, "paper").outcomes
    assert outcome.evaluation is not None
    grid = outcome.evaluation.features[2]
    r, c = np.argwhere(grid.scored)[0]
    place = 2, int(grid.rows[r]), int(grid.columns[c])
    scored, _ = score_place(
        case, None, place, Services(), mode="injection", method="paper"
    )
    assert scored.numbers.injection.score == grid.injection[r, c]


def test_papers_method_prefers_weights_that_were_brought_in(tiny_model):
    make_tiny_model(tiny_model.parent / "paper-ct", "ct96")
    make_tiny_model(tiny_model.parent / "ct96-reference8", "ct96", seed=1)
    assert find_model("", "CT", "paper").folder.name == "paper-ct"
    assert find_model("", "CT").folder.name != "paper-ct"
