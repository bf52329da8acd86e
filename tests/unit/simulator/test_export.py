"""Simulated scans on disk: the same voxels, and tags that say what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from btd_desktop.progress import TaskContext
from btd_desktop.simulator.ct import simulate_ct
from btd_desktop.simulator.export import export_series
from btd_desktop.simulator.head import head_phantom
from btd_desktop.simulator.mri import simulate_mr
from btd_desktop.simulator.scanners import CT_SCANNERS, MR_SCANNERS
from btd_desktop.volume import Volume
from tests.unit.simulator.water import WaterPhantom


@pytest.fixture
def scan():
    return simulate_ct(WaterPhantom(), CT_SCANNERS[0], n_slices=3, rows=64, seed=1)


def export(scan: Volume, folder: Path, derived: str | None = None) -> tuple[Path, ...]:
    return export_series(
        scan,
        folder,
        patient_id="SIM-0042",
        series_description="water",
        uid_seed="test",
        derived=derived,
    )


def test_exported_files_hold_the_same_hu_at_the_same_places(scan, tmp_path):
    files = export(scan, tmp_path / "a")
    assert len(files) == 3
    for index, path in enumerate(files):
        dataset = pydicom.dcmread(path)
        hu = dataset.pixel_array * float(dataset.RescaleSlope) + float(
            dataset.RescaleIntercept
        )
        assert np.array_equal(hu, scan.voxels[index])
        z = float(dataset.ImagePositionPatient[2])
        assert z == pytest.approx(scan.slice_positions_mm[index])
        assert [float(v) for v in dataset.PixelSpacing] == pytest.approx([5.0, 5.0])


def test_exported_tags_say_simulated_and_derived_only_when_tampered(scan, tmp_path):
    genuine = pydicom.dcmread(export(scan, tmp_path / "a")[0])
    tampered = pydicom.dcmread(export(scan, tmp_path / "b", "A nodule.")[0])
    assert genuine.Manufacturer == "BTD SIMULATED"
    assert genuine.PatientID == "SIM-0042"
    assert genuine.ConvolutionKernel == "STANDARD"
    assert genuine.ImageType[0] == "ORIGINAL"
    assert tampered.ImageType[0] == "DERIVED"


def test_exported_mr_names_its_sequence_and_no_kernel(tmp_path):
    head = head_phantom(np.random.default_rng(1))
    scan = simulate_mr(head, MR_SCANNERS[0], n_slices=1, rows=64, seed=1)
    dataset = pydicom.dcmread(export(scan, tmp_path / "mr")[0])
    assert (dataset.Modality, dataset.ScanningSequence) == ("MR", "SE")
    assert (float(dataset.RepetitionTime), float(dataset.EchoTime)) == (550.0, 12.0)
    assert "ConvolutionKernel" not in dataset
    hu = dataset.pixel_array * float(dataset.get("RescaleSlope", 1.0)) + float(
        dataset.get("RescaleIntercept", 0.0)
    )
    assert np.array_equal(hu, scan.voxels[0])


def test_same_uid_seed_gives_the_same_files(scan, tmp_path):
    first, again = export(scan, tmp_path / "a"), export(scan, tmp_path / "b")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in again]


def test_exported_series_imports_as_the_same_volume(scan, tmp_path):
    load = pytest.importorskip(
        "btd_desktop.dicom.load", reason="dicom/load.py is not there yet"
    )
    export(scan, tmp_path)
    found = load.import_evidence([tmp_path], TaskContext())
    (series,) = found.series
    assert np.array_equal(series.volume.voxels, scan.voxels)
    assert series.volume.voxels.dtype == scan.voxels.dtype
    assert series.volume.spacing_mm == pytest.approx(scan.spacing_mm)
    assert series.volume.origin_mm == pytest.approx(scan.origin_mm)
    for key in ("manufacturer", "model", "kernel", "thickness_mm", "kvp"):
        assert getattr(series.volume.source, key) == getattr(scan.source, key)
