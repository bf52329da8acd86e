"""What the examiner states of a modality reaches case, log, JSON and model choice."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from btd_desktop.__main__ import main
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import ModelError
from btd_desktop.examination.models import find_model
from tests.factories import make_manifest
from tests.unit.dicom.volume_samples import nifti, stack


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "scan.nii"
    path.write_bytes(nifti(abs(stack((3, 8, 9)))))
    return path


def _import(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["import", "--json", *arguments]) == 0
    (series,) = json.loads(capsys.readouterr().out)["series"]
    assert isinstance(series, dict)
    return series


@pytest.mark.parametrize("stated", ["MR", "ct"])
def test_statement_is_kept_and_printed_as_the_examiners(volume, capsys, stated):
    case = volume.parent / "case"
    arguments = (str(volume), "--out", str(case), "--modality", stated)
    series = _import(capsys, *arguments)
    assert series["modality"] == stated.upper()
    assert series["modality_from"] == "examiner"
    with CaseStore.open(case) as store:
        (record,) = store.series()
        assert record.meta.modality_from == "examiner"
        logged = [e for e in store.audit_log() if e.action == "modality stated"]
        assert [e.details["modality"] for e in logged] == [stated.upper()]
    assert main(["import", *arguments]) == 0
    assert f"{stated.upper()}, as the examiner stated" in capsys.readouterr().out


def test_without_a_statement_nothing_is_assumed_and_no_model_chosen(volume, capsys):
    series = _import(capsys, str(volume), "--out", str(volume.parent / "case"))
    assert series["modality"] == "OT"
    assert series["modality_from"] == ""
    with pytest.raises(ModelError, match="modality of this series is not known"):
        find_model("", "OT")


def test_other_words_are_refused(volume, capsys):
    arguments = ["import", str(volume), "--out", "x", "--modality", "PET"]
    assert main(arguments) == 2
    assert "CT or MR" in capsys.readouterr().err


def test_statement_on_a_second_import_holds_for_the_series_of_the_first(volume, capsys):
    case = volume.parent / "case"
    arguments = (str(volume), "--out", str(case))
    assert _import(capsys, *arguments)["modality"] == "OT"
    for stated in ("CT", "MR"):
        series = _import(capsys, *arguments, "--modality", stated)
        assert series["modality"] == stated
        assert series["modality_from"] == "examiner"
    # Nothing stated takes nothing back.
    assert _import(capsys, *arguments)["modality"] == "MR"
    with CaseStore.open(case) as store:
        (record,) = store.series()
        assert store.load_volume(record.series_id).modality == "MR"
        codes = {finding.code for finding in record.findings}
        assert "stated_modality" in codes
        assert "unknown_modality" not in codes
        logged = [e.details for e in store.audit_log() if e.action == "series restated"]
    assert [(d["before"], d["after"]) for d in logged] == [("OT", "CT"), ("CT", "MR")]
    assert main(["verify-case", str(case)]) == 0


def test_statement_after_scoring_is_refused_and_changes_nothing(volume, capsys):
    case = volume.parent / "case"
    arguments = (str(volume), "--out", str(case))
    _import(capsys, *arguments, "--modality", "CT")
    with CaseStore.open(case) as store:
        (record,) = store.series()
        store.start_run(record.series_id, make_manifest(), datetime.now(UTC))
    assert main(["import", *arguments, "--modality", "MR"]) == 6
    assert "was scored as CT" in capsys.readouterr().err
    with CaseStore.open(case) as store:
        assert [record.modality for record in store.series()] == ["CT"]
