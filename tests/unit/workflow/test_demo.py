"""The demonstration compares with its truth, and a cancelled one goes on."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from btd_desktop.errors import Cancelled, SettingsError
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.report.schema.twin import twin_schema
from btd_desktop.report.verification import verify_report
from btd_desktop.simulator.demo import DemoPlan
from btd_desktop.simulator.scanners import CT_SCANNERS
from btd_desktop.workflow.demo import demo_folders, open_demo, run_demo
from tests.unit.cli.conftest import CommandLine

SMALL = DemoPlan(
    scanner=replace(CT_SCANNERS[0], increment_mm=5.0, views=150),
    rows=128,
    suspect_slices=20,
    benign_patients=3,
    benign_slices=8,
)


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_model")
def test_cancelled_demonstration_goes_on_to_a_verified_report(
    services, tmp_path, capsys
):
    out = tmp_path / "demo"
    context = TaskContext()

    def cancel_midway(progress: Progress) -> None:
        if progress.done == 3:
            context.cancel()

    context.listener = cancel_midway
    with pytest.raises(Cancelled):
        run_demo(out, services, context, plan=SMALL)
    assert not demo_folders(out)["data"].exists()
    result = run_demo(out, services, TaskContext(), plan=SMALL, command="btd demo")
    assert [t.kind for t in result.truth] == ["injection", "removal"]
    assert result.profile.n_patients == 3
    assert result.profile.name in (out / "profile.json").read_text(encoding="utf-8")
    assert [p.name for p in out.iterdir() if p.name.endswith(".part")] == []
    # An untrained model finds nothing reliably; whatever it found, the claim of the
    # result agrees with the single places.
    assert result.all_found == all(t.finding is not None for t in result.truth)

    # What programs read of its report has the published form.
    twin = verify_report(result.examination.report.path).twin
    assert twin is not None
    Draft202012Validator(twin_schema()).validate(twin)

    # The command line on the same folder: nothing is simulated again, and its exit
    # status says whether everything was found.
    before = (out / "data" / "truth.json").stat().st_mtime_ns
    called = CommandLine(capsys)("demo", "--out", out, "--json")
    assert (out / "data" / "truth.json").stat().st_mtime_ns == before
    told = called.json
    assert told["verification"]["ok"] is True
    assert told["verification"]["evidence_matches"] is True
    assert called.status == (0 if result.all_found else 1)
    assert told["ok"] is result.all_found
    assert [t["found"] for t in told["truth"]] == [
        t.finding is not None for t in result.truth
    ]
    if not result.all_found:
        assert "were not found" in called.err

    # The window opens what is there, and makes the case where it is not.
    store, evidence = open_demo(out, services, TaskContext())
    assert evidence == ()
    store.close()
    shutil.rmtree(out / "case")
    store, evidence = open_demo(out, services, TaskContext())
    assert evidence == (demo_folders(out)["suspect"],)
    assert store.info.case_number == "DEMO-1"
    assert [p.digest for p in store.profiles()] == [result.profile.digest]
    store.close()


def test_folder_that_holds_something_else_is_left_alone(services, tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(SettingsError, match="holds something else"):
        run_demo(tmp_path, services, TaskContext(), plan=SMALL)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
