"""What one series cannot have does not keep the others from their results."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from btd_desktop.calibration.profile import CalibrationProfile, write_profile
from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.series import LoadedSeries
from btd_desktop.errors import CalibrationError, CaseError, ModelError, SettingsError
from btd_desktop.examination.models import (
    ModelEntry,
    installed_model,
    model_of_run,
    open_detector,
)
from btd_desktop.examination.reading import read_case, series_of_case
from btd_desktop.examination.series import State
from btd_desktop.paths import user_profiles_dir
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.calibrate import calibrate_on
from btd_desktop.workflow.examine import Examination, ExamineOptions, examine
from btd_desktop.workflow.examine_case import report_on_case, score_place
from btd_desktop.workflow.import_series import CaseDetails
from btd_desktop.workflow.issue_report import ReportOptions
from btd_desktop.workflow.services import Services
from tests.factories import make_ct_volume, make_series_folder, make_tiny_model


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A CT and an MR series of one folder."""
    folder = tmp_path / "mixed"
    make_series_folder(folder / "ct", 0)
    ct = make_ct_volume(1)
    voxels = np.where(ct.voxels > -500, 600, 20).astype(np.int16)
    noise = np.random.default_rng(3).integers(-15, 15, voxels.shape)
    mr = replace(ct, modality="MR", unit="", voxels=(voxels + noise).astype(np.int16))
    make_series_folder(folder / "mr", volume=mr)
    return folder


def _examine(paths: Path, case: Path, **options: str) -> Examination:
    return examine(
        [paths],
        case,
        CaseDetails(examiner="T. Ester"),
        ExamineOptions(**options),  # type: ignore[arg-type]
        Services(),
        TaskContext(),
    )


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> CalibrationProfile:
    """Profile of the tiny model on four made-up patients, fitted once."""
    folder = tmp_path_factory.mktemp("models") / "tiny-ct"
    card = make_tiny_model(folder)
    detector = open_detector(ModelEntry(folder, card, "", shipped=False))
    volumes = [make_ct_volume(n, patient_id=f"TEST-{n}") for n in range(1, 5)]
    return calibrate_on(
        [LoadedSeries(v, f"1.2.{n}", "", (), ()) for n, v in enumerate(volumes)],
        detector,
        name="made once",
        fpr=0.1,
        services=Services(),
        context=TaskContext(),
    )


@pytest.fixture
def install(calibration: CalibrationProfile, tiny_model: Path) -> Callable[[str], Path]:
    """Puts the profile among the user's under a name, and gives its file."""

    def put(name: str) -> Path:
        path = user_profiles_dir() / f"{name}.json"
        write_profile(replace(calibration, name=name), path)
        return path

    return put


def test_series_without_a_model_is_reported_with_its_reason(install, mixed, tmp_path):
    install("ct")
    result = _examine(mixed, tmp_path / "case")
    by_modality = {o.record.modality: o for o in result.outcomes}
    assert by_modality["CT"].evaluation is not None
    assert by_modality["MR"].evaluation is None
    assert "no model for MR" in by_modality["MR"].reason
    assert result.report.path.is_file()


@pytest.mark.slow
def test_model_asked_for_is_not_forced_on_another_modality(install, mixed, tmp_path):
    install("ct")
    result = _examine(mixed, tmp_path / "case", model="tiny-ct")
    reasons = {o.record.modality: o.reason for o in result.outcomes}
    assert reasons["CT"] == ""
    assert "CT" in reasons["MR"]


@pytest.mark.usefixtures("tiny_model")
def test_model_asked_for_that_fits_nothing_is_an_error(mixed, tmp_path):
    with pytest.raises(SettingsError):
        _examine(mixed / "mr", tmp_path / "case", model="tiny-ct")
    with pytest.raises(ModelError, match="no model “none”"):
        _examine(mixed / "ct", tmp_path / "case2", model="none")
    assert not list((tmp_path / "case").glob("*.pdf"))


@pytest.mark.usefixtures("tiny_model")
def test_device_that_is_not_there_is_a_reason_and_not_a_crash(mixed, tmp_path):
    result = _examine(mixed / "ct", tmp_path / "case", device="abacus")
    assert "abacus" in result.outcomes[0].reason


def test_case_whose_model_is_gone_is_reported_and_takes_no_clicks(
    install, tiny_model, mixed, tmp_path
):
    install("ct")
    case = tmp_path / "case"
    [before] = _examine(mixed / "ct", case).outcomes
    shutil.rmtree(tiny_model)
    make_tiny_model(tiny_model, seed=9)
    (user_profiles_dir() / "ct.json").unlink()
    [after], issued = report_on_case(case, Services(), ReportOptions())
    assert before.evaluation is not None
    assert after.evaluation is not None
    assert after.evaluation.kinds["anomaly"].series == (
        before.evaluation.kinds["anomaly"].series
    )
    assert after.card is None
    assert after.model is not None
    assert after.model.name == "tiny-ct"
    assert "not installed here" in after.remarks[0]
    assert issued.path.is_file()
    with pytest.raises(ModelError, match="places cannot be scored"):
        score_place(case, None, (2, 64, 64), Services(), mode="anomaly")


@pytest.mark.usefixtures("tiny_model")
def test_scored_case_without_a_calibration_is_reported_with_its_reason(mixed, tmp_path):
    case = tmp_path / "case"
    _examine(mixed / "ct", case)
    [series], issued = report_on_case(case, Services(), ReportOptions())
    assert series.state is State.NOT_CALIBRATED
    assert "no calibration profile" in series.reason
    assert issued.path.is_file()
    with pytest.raises(CalibrationError, match="no calibration profile"):
        score_place(case, None, (2, 64, 64), Services(), mode="anomaly")


def test_report_takes_the_profile_that_the_findings_were_made_with(
    install, mixed, tmp_path
):
    first = install("first")
    case = tmp_path / "case"
    _examine(mixed / "ct", case)
    _, finding = score_place(
        case, None, (2, 64, 64), Services(), mode="injection", keep=True, note="here"
    )
    assert finding is not None
    # Another profile appears, and the old one leaves the computer.
    first.unlink()
    install("second")
    outcomes, _ = report_on_case(case, Services(), ReportOptions())
    evaluation = outcomes[0].evaluation
    assert evaluation is not None
    assert evaluation.profile.name == "first"
    assert finding in outcomes[0].findings
    # Asked for by name, the other one is taken, and the finding, whose p-values are
    # not its own, stands apart with a note.
    outcomes, _ = report_on_case(case, Services(), ReportOptions(), profile="second")
    assert outcomes[0].evaluation is not None
    assert outcomes[0].evaluation.profile.name == "second"
    assert finding not in outcomes[0].findings
    assert outcomes[0].others == (finding,)
    assert "1 place was judged under another" in outcomes[0].remarks[0]


def test_looking_at_a_place_writes_nothing(install, mixed, tmp_path):
    install("p")
    case = tmp_path / "case"
    _examine(mixed / "ct", case)
    before = {p: p.stat().st_mtime_ns for p in case.rglob("*") if p.is_file()}
    _, finding = score_place(case, None, (2, 64, 64), Services(), mode="anomaly")
    assert finding is None
    assert {p: p.stat().st_mtime_ns for p in case.rglob("*") if p.is_file()} == before


def test_series_that_was_not_scored_is_named_in_the_report_of_its_case(
    install, mixed, tmp_path
):
    install("p")
    case = tmp_path / "case"
    _examine(mixed / "ct", case)
    from btd_desktop.workflow.import_series import import_statement

    import_statement([mixed / "mr"], case, CaseDetails(), Services(), TaskContext())
    with CaseStore.open(case) as store:
        outcomes = read_case(store)
        assert [o.evaluation is None for o in outcomes] == [False, True]
        assert "not been scored" in outcomes[1].reason
        with pytest.raises(CaseError, match="2 series"):
            series_of_case(store, None)
        assert series_of_case(store, 2).modality == "MR"
        (run,) = store.runs()
        model = model_of_run(run.manifest)
        assert installed_model(model).folder.name == "tiny-ct"
