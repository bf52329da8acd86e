"""From a folder of DICOM to a verified report, as an examiner does it, no window.

The model is tiny and untrained: what is tested here is that every number travels
unaltered, not that anything is detected.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from btd_desktop.__main__ import main
from btd_desktop.cases.store import CaseStore
from btd_desktop.digest import tree_digest
from btd_desktop.errors import Cancelled, CaseError, EvidenceError, ReportError
from btd_desktop.examination.stored import latest_run, load_features
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.examine import ExamineOptions
from btd_desktop.workflow.examine_case import score_case
from btd_desktop.workflow.import_series import CaseDetails, import_statement
from btd_desktop.workflow.services import Services
from tests.factories import make_series_folder, make_tiny_model

FPR = "0.05"
N_SLICES = 6


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, a suspect series with two odd files, four patients."""
    desk = tmp_path_factory.mktemp("desk")
    make_tiny_model(desk / "models" / "tiny-ct")
    make_series_folder(desk / "suspect", 0)
    (desk / "suspect" / "readme.txt").write_text("from the court")
    whole = (desk / "suspect" / "00002.dcm").read_bytes()
    (desk / "suspect" / "broken.dcm").write_bytes(whole[: len(whole) // 2])
    for patient in range(1, 5):
        make_series_folder(desk / "benign" / f"p{patient}", patient)
    return desk


@pytest.fixture(scope="module", autouse=True)
def own_folders(desk: Path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(desk / "home"))
        patch.setenv("BTD_MODELS_DIR", str(desk / "models"))
        yield


def btd(*words: str | Path) -> tuple[int, dict[str, Any]]:
    """One call of the program for a script: exit status and the object it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = main([*(str(word) for word in words), "--json"])
    return status, json.loads(printed.getvalue())


def _digests(folder: Path) -> str:
    return tree_digest(
        [
            (f"{p.name} {p.stat().st_mtime_ns}", p.read_bytes().hex())
            for p in sorted(folder.iterdir())
        ]
    )


def _examined(desk: Path, folder: Path) -> tuple[Path, dict[str, Any]]:
    """A case of its own, examined with a profile that is made when it is missing."""
    profile = desk / "local.json"
    if not profile.exists():
        words = ("--name", "local", "--fpr", FPR, "--out", profile)
        status, told = btd("calibrate", desk / "benign", *words)
        assert status == 0
        assert told["n_patients"] == 4
        assert told["n_slices"] == 4 * N_SLICES
    case = folder / "case"
    status, told = btd(
        "examine", desk / "suspect", "--out", case, "--profile", profile,
        "--case-number", "7/26", "--examiner", "A. Examiner",
    )  # fmt: skip
    assert status == 0
    return case, told


@pytest.fixture(scope="module")
def examined(desk: Path, own_folders: None) -> tuple[Path, dict[str, Any]]:
    """An examined case that tests only look at."""
    before = _digests(desk / "suspect")
    result = _examined(desk, desk)
    assert _digests(desk / "suspect") == before, "the evidence was changed"
    return result


def test_folder_to_verified_report(desk, examined):
    case, told = examined
    fates = {f["name"]: f["fate"] for f in told["files"]}
    assert len(fates) == N_SLICES + 2
    assert fates["readme.txt"] == "not an image"
    assert fates["broken.dcm"] == "damaged"
    assert all(f["sha256"] for f in told["files"])
    assert all(f["reason"] for f in told["files"] if f["fate"] != "accepted")
    (series,) = told["series"]
    assert series["reason"] == ""
    assert series["scope"]["coverage"] == "covered"
    slices = series["scores"]["anomaly"]["slices"]
    assert len(slices) == N_SLICES
    assert all(0.0 < s["p_value"] <= 1.0 and s["n"] == 4 * N_SLICES for s in slices)
    best = max(s["score"] for s in slices)
    assert series["scores"]["anomaly"]["series"]["score"] == best
    assert series["scores"]["anomaly"]["series"]["n"] == 4

    report = Path(told["report"]["path"])
    status, verdict = btd("verify", report, "--evidence", desk / "suspect")
    assert (status, verdict["ok"]) == (0, True)
    assert verdict["n_evidence_compared"] == N_SLICES + 2
    assert verdict["signer"] == "A. Examiner"
    status, verdict = btd("verify-case", case)
    assert (status, verdict["ok"], verdict["key_check"]) == (0, True, "verified")


def test_report_names_the_command_that_repeats_it(desk, examined):
    from btd_desktop.workflow.verify import verify_report_file

    _, told = examined
    twin = verify_report_file(Path(told["report"]["path"])).twin
    assert twin is not None
    commands = twin["reproduction"]["commands"]
    assert commands[0].startswith(f"btd examine {desk / 'suspect'} --out ")
    assert "--examiner 'A. Examiner'" in commands[0] or os.name == "nt"


def test_examining_again_scores_nothing_again_and_says_the_same(desk, tmp_path):
    case, first = _examined(desk, tmp_path)
    with CaseStore.open(case, read_only=True) as store:
        n_runs = len(store.runs())
    second_case, second = _examined(desk, tmp_path)
    assert second_case == case
    assert second["series"] == first["series"]
    assert second["files"] == first["files"]
    assert Path(second["report"]["path"]).name == "report-2.pdf"
    with CaseStore.open(case, read_only=True) as store:
        assert len(store.runs()) == n_runs == 1


def test_one_changed_byte_of_the_report_is_told(examined, tmp_path):
    _, told = examined
    report = Path(told["report"]["path"])
    changed = bytearray(report.read_bytes())
    place = changed.index(b"/Title") + 9
    changed[place] ^= 1
    forged = tmp_path / "forged.pdf"
    forged.write_bytes(changed)
    status, verdict = btd("verify", forged)
    assert status == ReportError.exit_code == 7
    assert verdict["ok"] is False
    assert verdict["problems"]
    assert any("changed" in problem for problem in verdict["problems"])


def test_one_changed_byte_of_the_evidence_is_told_by_name(desk, examined, tmp_path):
    _, told = examined
    copy = tmp_path / "evidence"
    copy.mkdir()
    for path in (desk / "suspect").iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    victim = copy / "00004.dcm"
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)
    status, verdict = btd("verify", told["report"]["path"], "--evidence", copy)
    assert status == 7
    assert verdict["intact"] is True
    assert [p["name"] for p in verdict["evidence_problems"]] == ["00004.dcm"]
    assert verdict["evidence_problems"][0]["kind"] == "changed"


def test_changed_case_is_told(desk, tmp_path):
    case, _ = _examined(desk, tmp_path)
    array = next((case / "arrays").glob("*.npy"))
    data = bytearray(array.read_bytes())
    data[-1] ^= 1
    array.write_bytes(data)
    status, verdict = btd("verify-case", case)
    assert status == CaseError.exit_code
    assert verdict["arrays_intact"] is False


def test_step_by_step_gives_what_examine_gives(desk, examined, tmp_path):
    _, whole = examined
    case = tmp_path / "steps"
    status, statement = btd("import", desk / "suspect", "--out", case)
    assert status == 0
    assert statement["files"] == whole["files"]
    profile = desk / "local.json"
    status, scored = btd("score", case, "--profile", profile)
    assert status == 0
    assert scored["series"] == whole["series"]
    status, reported = btd("report", case, "--profile", profile, "--draft")
    assert status == 0
    assert reported["series"] == whole["series"]
    status, verdict = btd(
        "verify", reported["report"]["path"], "--evidence", desk / "suspect"
    )
    assert (status, verdict["ok"]) == (0, True)


def test_click_on_the_grid_gives_the_grid_s_score(desk, examined):
    case, _ = examined
    with CaseStore.open(case, read_only=True) as store:
        run = latest_run(store, 1)
        assert run is not None
        features = load_features(store, run)[2]
    r, c = (int(v) for v in np.argwhere(features.scored)[7])
    x, y = int(features.columns[c]), int(features.rows[r])
    profile = desk / "local.json"
    status, told = btd(
        "score", case, "--at", f"{x},{y},3", "--mode", "injection",
        "--profile", profile,
    )  # fmt: skip
    assert status == 0
    assert told["score"] == pytest.approx(float(features.injection[r, c]), rel=1e-6)
    assert told["score"] == told["scores"]["injection"]["score"]
    assert told["n"] == told["scores"]["injection"]["n"] > 4 * N_SLICES
    assert set(told["scores"]) == {"anomaly", "injection", "removal"}
    assert told["finding"] is None
    with CaseStore.open(case, read_only=True) as store:
        assert [f for f in store.findings() if f.origin == "examiner"] == []


def test_kept_click_stands_in_the_report(desk, tmp_path):
    case, _ = _examined(desk, tmp_path)
    words = ("--mode", "removal", "--keep", "--note", "looks odd", "--profile")
    status, told = btd("score", case, "--at", "64,60,3", *words, desk / "local.json")
    assert status == 0
    finding = told["finding"]["finding_id"]
    status, reported = btd("report", case)
    assert status == 0
    (series,) = reported["series"]
    kept = {f["finding_id"]: f for f in series["findings"]}[finding]
    assert (kept["x"], kept["y"], kept["slice"]) == (64.0, 60.0, 3)
    assert (kept["mode"], kept["note"]) == ("removal", "looks odd")
    # Nobody named a profile: the report took the one that the finding was made with.
    assert series["profile"]["digest"] == told["profile"]["digest"]


@pytest.mark.parametrize("place", ["64,64,7", "64,64,0", "128,64,1", "1,1,1"])
def test_click_beside_the_body_is_refused(desk, examined, place):
    case, _ = examined
    status, told = btd("score", case, "--at", place, "--profile", desk / "local.json")
    assert status == EvidenceError.exit_code
    assert told["error"]["code"] == "place"


def test_folder_without_a_scan_keeps_its_account(tmp_path):
    empty = tmp_path / "papers"
    empty.mkdir()
    (empty / "letter.txt").write_text("no scan")
    status, told = btd("import", empty, "--out", tmp_path / "case")
    assert status == EvidenceError.exit_code
    assert told["error"]["code"] == "no_series"
    assert [f["name"] for f in told["files"]] == ["letter.txt"]


def _stop_after(n_slices: int) -> TaskContext:
    context = TaskContext()

    def listen(progress) -> None:
        if progress.stage == "Scoring slices" and progress.done == n_slices:
            context.cancel()

    context.listener = listen
    return context


def _stored(case: Path) -> list[dict[str, str]]:
    with CaseStore.open(case, read_only=True) as store:
        (run,) = store.runs()
        return [r.arrays for r in store.slice_results(run.run_id)]


@pytest.mark.slow
@pytest.mark.parametrize("n_slices", [0, 2, 5])
def test_resuming_after_a_cancel_gives_identical_results(desk, tmp_path, n_slices):
    services = Services()
    cases = [tmp_path / "whole", tmp_path / "stopped"]
    for case in cases:
        import_statement(
            [desk / "suspect"], case, CaseDetails(), services, TaskContext()
        )
    options = ExamineOptions()
    score_case(cases[0], None, options, services, TaskContext())
    with pytest.raises(Cancelled):
        score_case(cases[1], None, options, services, _stop_after(n_slices))
    with CaseStore.open(cases[1], read_only=True) as store:
        (run,) = store.runs()
        assert run.status == "cancelled"
        assert n_slices <= run.n_done <= n_slices + 1
    score_case(cases[1], None, options, services, TaskContext())
    assert _stored(cases[0]) == _stored(cases[1])
    assert len(_stored(cases[1])) == N_SLICES


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_interrupt_from_the_keyboard_leaves_a_case_that_goes_on(tmp_path):
    slices = 40
    volume_folder = make_series_folder(
        tmp_path / "long", 9, shape=(slices, 128, 128), patient_id="LONG"
    )
    case = tmp_path / "case"
    assert btd("import", volume_folder, "--out", case)[0] == 0
    with subprocess.Popen(
        [sys.executable, "-m", "btd_desktop", "score", str(case), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as process:
        assert process.stderr is not None
        line = b""
        while b"Scoring slices" not in line:
            line = process.stderr.readline()
            assert line, "it ended before it scored"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 130
        assert json.loads(out)["error"]["code"] == "cancelled"
    with CaseStore.open(case, read_only=True) as store:
        (run,) = store.runs()
        assert run.status == "cancelled"
        assert run.n_done < slices
        assert store.verify().is_intact
    assert btd("score", case)[0] == 0
    with CaseStore.open(case, read_only=True) as store:
        (run,) = store.runs()
        assert (run.status, run.n_done) == ("done", slices)
