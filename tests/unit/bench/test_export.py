"""A tampered copy on disk is marked, has new names, and import says what it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from btd_desktop.bench.attacks.registry import ATTACKS
from btd_desktop.bench.export import MARK, TamperedSeries, tamper_series
from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.series import LoadedSeries
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import EvidenceError, SettingsError
from btd_desktop.progress import TaskContext
from tests.factories import make_ct_volume, make_series_folder

ATTACK = "in-painting with copied noise"
CENTRE = (3, 64, 37)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("evidence") / "series"
    volume = make_ct_volume(3, shape=(7, 128, 128), patient_id="REAL-NAME")
    return make_series_folder(folder, 3, volume=volume)


@pytest.fixture(scope="module")
def made(source: Path, tmp_path_factory) -> TamperedSeries:
    return tampered(source, tmp_path_factory.mktemp("copies") / "a")


def tampered(source: Path, out: Path, **changes) -> TamperedSeries:
    options = {
        "attack": ATTACK,
        "centre": CENTRE,
        "seed": 5,
        "donors": (),
        "context": TaskContext(),
    }
    return tamper_series(source, out, **{**options, **changes})


def read(folder: Path) -> LoadedSeries:
    (series,) = import_evidence([folder], TaskContext()).series
    return series


def test_import_of_the_copy_gives_the_tampered_values(source, made):
    genuine, copy = read(source).volume, read(made.folder).volume
    done = ATTACKS[ATTACK].apply(genuine, CENTRE, np.random.default_rng(5), [])
    assert np.array_equal(copy.voxels, done.volume.voxels)
    assert copy.voxels.dtype == genuine.voxels.dtype
    assert copy.spacing_mm == genuine.spacing_mm
    assert np.any(copy.voxels != genuine.voxels)


def test_import_of_the_copy_warns_that_it_is_no_evidence(source, made):
    by_code = {f.code: f for f in read(made.folder).findings}
    assert by_code["simulated"].severity == "warning"
    assert "tampered copies" in by_code["simulated"].sentence
    assert not {"simulated", "derived"} & {f.code for f in read(source).findings}


def test_every_file_says_in_plain_text_that_it_was_tampered_with(made):
    import pydicom

    assert made.files
    for file in made.files:
        dataset = pydicom.dcmread(file)
        assert list(dataset.ImageType[:2]) == ["DERIVED", "SECONDARY"]
        assert dataset.DerivationDescription.startswith(MARK)
        block = dataset.private_block(0x0009, "BTD DESKTOP")
        assert block[0x02].value.startswith(MARK)
        assert str(dataset.PatientName) == "TAMPERED^FOR TESTING"
        assert "TAMPERED FOR TESTING" in dataset.SeriesDescription


def test_copy_shares_no_uid_and_no_name_with_its_source(source, made):
    import pydicom

    def names(files) -> set[str]:
        found = set()
        for file in files:
            d = pydicom.dcmread(file)
            found |= {
                d.SOPInstanceUID,
                d.SeriesInstanceUID,
                d.StudyInstanceUID,
                d.FrameOfReferenceUID,
                d.PatientID,
                str(d.PatientName),
            }
        return found

    assert not names(sorted(source.iterdir())) & names(made.files)
    for file in (*made.files, made.record_path):
        assert b"REAL-NAME" not in file.read_bytes()


def test_record_repeats_the_copy(source, made, tmp_path):
    record = json.loads(made.record_path.read_text("utf-8"))
    assert record == json.loads(json.dumps(made.record))
    assert record["attack"] == ATTACK
    assert record["seed"] == 5
    assert record["centre_voxel"] == list(CENTRE)
    uid = read(source).series_uid
    assert record["source_series_uid_sha256"] == bytes_digest(uid.encode())
    assert uid not in made.record_path.read_text("utf-8")
    again = tampered(source, tmp_path / "again")
    assert again.record == made.record
    for first, second in zip(made.files, again.files, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_another_seed_gives_other_uids(source, made, tmp_path):
    other = read(tampered(source, tmp_path / "other", seed=6).folder)
    assert other.series_uid != read(made.folder).series_uid


def test_source_is_left_as_it_was(source, tmp_path):
    before = {file.name: file.read_bytes() for file in source.iterdir()}
    tampered(source, tmp_path / "copy")
    assert {file.name: file.read_bytes() for file in source.iterdir()} == before


@pytest.mark.parametrize("where", ["", "inside", "../beside", "..", "../../../x/.."])
def test_writing_over_in_around_or_beside_the_source_is_refused(source, where):
    listing = sorted(source.parent.rglob("*"))
    with pytest.raises(SettingsError, match="over, in or beside"):
        tampered(source, source / where if where != "../../../x/.." else source / "..")
    assert sorted(source.parent.rglob("*")) == listing


def test_folder_that_is_not_empty_is_refused(source, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(SettingsError, match="not an empty folder"):
        tampered(source, tmp_path / "full")
    assert [f.name for f in (tmp_path / "full").iterdir()] == ["a.txt"]


def test_two_series_are_refused(source, tmp_path):
    make_series_folder(tmp_path / "two" / "a", 1, shape=(2, 64, 64))
    make_series_folder(tmp_path / "two" / "b", 2, shape=(2, 64, 64))
    with pytest.raises(EvidenceError, match="holds 2 series"):
        tampered(tmp_path / "two", tmp_path / "elsewhere" / "x")


def test_unknown_attack_and_impossible_place_leave_nothing(source, tmp_path):
    for changes in ({"attack": "sorcery"}, {"centre": (99, 0, 0)}):
        with pytest.raises(SettingsError):
            tampered(source, tmp_path / "none", **changes)
        assert not (tmp_path / "none").exists()


def test_splice_without_donors_says_what_it_needs(source, tmp_path):
    with pytest.raises(SettingsError, match="another patient"):
        tampered(source, tmp_path / "none", attack="splice of another patient")
