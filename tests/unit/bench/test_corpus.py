"""Series by split through the import, and simulated ones that repeat."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from btd_desktop.bench.corpus import (
    donors_from,
    load_split,
    patients_of,
    simulated_series,
    sources_of,
    unseen,
)
from btd_desktop.digest import array_digest
from btd_desktop.errors import EvidenceError, SettingsError
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.calibrate import patient_key
from tests.factories import make_series_folder

COLUMNS = ("file", "split", "modality", "patient", "source")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two patients in different splits."""
    rows = []
    for number, split in ((1, "train"), (2, "test")):
        make_series_folder(tmp_path / f"p{number}", number, shape=(3, 64, 64))
        rows += [
            (f"p{number}/{name}", split, "CT", f"TEST-{number}", f"source {number}")
            for name in ("00001.dcm", "00002.dcm", "00003.dcm")
        ]
    write_manifest(tmp_path, rows)
    return tmp_path


def write_manifest(folder: Path, rows, columns=COLUMNS) -> None:
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def test_split_holds_its_own_patients_only(data):
    series, lost = load_split(data, "test", "CT", TaskContext())
    assert [name for _, name in patients_of(series)] == ["TEST-2"]
    assert series[0].volume.n_slices == 3
    assert lost == []
    assert sources_of(data, "test", "CT") == "source 2"
    assert load_split(data, "test", "MR", TaskContext()) == ((), [])


def test_file_that_cannot_be_read_is_told(data):
    (data / "p2" / "00002.dcm").write_bytes(b"no image")
    series, lost = load_split(data, "test", "CT", TaskContext())
    assert series[0].volume.n_slices == 2
    assert [record.fate.value for record in lost] == ["not_an_image"]


def test_folder_without_manifest_is_refused(tmp_path):
    with pytest.raises(EvidenceError, match=r"manifest\.csv cannot be read"):
        load_split(tmp_path, "test", "CT", TaskContext())


def test_manifest_without_splits_is_refused(tmp_path):
    write_manifest(tmp_path, [("a.dcm", "CT")], ("file", "modality"))
    with pytest.raises(EvidenceError, match="lacks the columns patient, source, split"):
        load_split(tmp_path, "test", "CT", TaskContext())


def test_unknown_split_is_refused(data):
    with pytest.raises(SettingsError, match="no split"):
        load_split(data, "holdout", "CT", TaskContext())


def test_manifest_that_leads_out_of_its_folder_is_refused(tmp_path):
    write_manifest(tmp_path, [("../x.dcm", "test", "CT", "A", "B")])
    with pytest.raises(EvidenceError, match="outside its folder"):
        load_split(tmp_path, "test", "CT", TaskContext())


@pytest.mark.parametrize(("modality", "rows"), [("CT", 160), ("MR", 128)])
def test_simulated_series_repeat_and_differ_by_patient(modality, rows):
    context = TaskContext()
    first = list(simulated_series(modality, 2, context, n_slices=3, rows=rows))
    (again,) = simulated_series(modality, 1, context, n_slices=3, rows=rows, first=1)
    assert [name for _, name in first] == ["SIM-0", "SIM-1"]
    assert again[1] == "SIM-1"
    assert np.array_equal(again[0].voxels, first[1][0].voxels)
    assert not np.array_equal(first[0][0].voxels, first[1][0].voxels)
    assert first[0][0].source.model != first[1][0].source.model
    assert again[0].source.patient_id == "SIM-1"


def test_other_modality_cannot_be_simulated():
    with pytest.raises(SettingsError, match="cannot be simulated"):
        list(simulated_series("US", 1, TaskContext()))


def test_donors_are_named_after_their_patients(other_chest, head):
    found = donors_from([(other_chest, "B"), (head, "C")], TaskContext())
    assert [donor.patient for donor in found] == ["B"]


def test_patients_of_the_profile_and_series_of_the_training_are_left_out(
    other_chest, head
):
    profile = SimpleNamespace(evidence=((patient_key("B"), "0" * 64),))
    training = {"voxel_digests": [array_digest(head.voxels)]}
    given = [(other_chest, "A"), (other_chest, "B"), (head, "C")]
    lost: list[None] = []
    kept = unseen(given, cast(Any, profile), training, lambda: lost.append(None))
    assert [patient for _, patient in kept] == ["A"]
    assert len(lost) == 2


@pytest.mark.realdata
def test_real_test_split_shares_no_patient_with_training(shared_data):
    with (shared_data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    by_split: dict[str, set[str]] = {}
    for row in rows:
        by_split.setdefault(row["split"], set()).add(row["patient"])
    assert not by_split["test"] & by_split["train"]
    assert not by_split["test"] & by_split["calib"]
    assert "LIDC" in sources_of(shared_data, "calib", "CT")
