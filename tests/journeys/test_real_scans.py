"""The shipped models on real scans: from files to a verified report."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from btd_desktop.calibration.scope import Coverage
from btd_desktop.examination.models import list_models
from btd_desktop.examination.profiles import list_profiles
from btd_desktop.paths import shipped_models_dir
from btd_desktop.progress import TaskContext
from btd_desktop.report.verification import verify_report
from btd_desktop.workflow.examine import ExamineOptions, examine
from btd_desktop.workflow.import_series import CaseDetails
from btd_desktop.workflow.services import Services

N_SLICES = 4


def test_every_shipped_model_is_what_its_card_says_and_has_a_profile():
    entries = [e for e in list_models() if e.folder.parent == shipped_models_dir()]
    assert {"ct96wide-lean", "mr128-lean"} <= {e.folder.name for e in entries}
    for entry in entries:
        assert entry.card is not None, entry.problem
        profiles = [p for _, p in list_profiles(entry.card)]
        assert profiles
        assert not [p for p in profiles if isinstance(p, str)]
        assert entry.card.training["credits"]
        assert entry.card.limits


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("series", "model", "coverage"),
    [
        ("ct/ct06", "ct96wide-lean", Coverage.COVERED),
        # 5 mm thick; the one calibration patient has 1.5 mm: no p-value may be given.
        ("mr/mr06", "mr128-lean", Coverage.NOT),
    ],
)
def test_real_series_ends_in_a_report_that_verifies(
    shared_data: Path, tmp_path: Path, series: str, model: str, coverage: Coverage
):
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    files = sorted((shared_data / series).iterdir())
    middle = len(files) // 2
    for path in files[middle : middle + N_SLICES]:
        shutil.copy(path, evidence)
    done = examine(
        [evidence],
        tmp_path / "case",
        CaseDetails(),
        ExamineOptions(),
        Services(),
        TaskContext(),
    )
    assert done.fates.get("accepted") == N_SLICES
    for outcome in done.outcomes:
        evaluation = outcome.evaluation
        assert evaluation is not None, outcome.reason
        assert evaluation.run.manifest.model["name"] == model
        assert evaluation.scope.coverage is coverage
        values = [v for v in evaluation.kinds["anomaly"].slices if v is not None]
        assert values
        shown = [v.p_value is not None for v in values]
        assert all(shown) if coverage is Coverage.COVERED else not any(shown)
    verdict = verify_report(done.report.path, evidence=[evidence])
    assert verdict.ok, verdict.problems
    assert verdict.evidence_matches
