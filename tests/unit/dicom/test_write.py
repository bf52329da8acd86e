"""Volume to DICOM and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from btd_desktop.dicom.header import PRIVATE_CREATOR
from btd_desktop.dicom.write import write_series
from btd_desktop.errors import EvidenceError
from btd_desktop.volume import SeriesFacts, Volume
from tests.unit.dicom.samples import codes, load, picture


def _volume(**more: Any) -> Volume:
    voxels = np.stack([picture(seed) for seed in range(4)])
    fields: dict[str, Any] = {
        "voxels": voxels,
        "modality": "CT",
        "unit": "HU",
        "spacing_mm": (2.5, 0.7, 0.8),
        "origin_mm": (-100.123456, 50.0, 1234.5),
        "row_direction": (1.0, 0.0, 0.0),
        "column_direction": (0.0, 0.8, 0.6),
        "slice_positions_mm": (0.0, 2.5, 5.0, 7.5),
        "instance_uids": ("a", "b", "c", "d"),
        "source": SeriesFacts(
            manufacturer="Maker",
            model="Model X",
            kernel="B30f",
            kvp=120.0,
            thickness_mm=3.0,
            window=(40.0, 400.0),
        ),
    }
    return Volume(**{**fields, **more})


@pytest.mark.parametrize("compress", [False, True])
def test_written_volume_comes_back_equal(tmp_path: Path, compress: bool) -> None:
    volume = _volume()
    paths = write_series(
        volume, tmp_path, headers={}, uid_seed="s", derived=None, compress=compress
    )
    assert len(paths) == 4
    (series,) = load(tmp_path).series
    back = series.volume
    np.testing.assert_array_equal(back.voxels, volume.voxels)
    assert back.voxels.dtype == np.int16
    assert back.spacing_mm == pytest.approx(volume.spacing_mm)
    assert back.origin_mm == pytest.approx(volume.origin_mm)
    assert back.column_direction == pytest.approx(volume.column_direction)
    for name in ("manufacturer", "model", "kernel", "kvp", "thickness_mm", "window"):
        assert getattr(back.source, name) == getattr(volume.source, name)
    assert {f.code for f in series.findings} == {"oblique", "uid_random"}


def test_written_files_have_an_empty_preamble(tmp_path: Path) -> None:
    for path in write_series(_volume(), tmp_path, headers={}, uid_seed="s"):
        head = path.read_bytes()[:132]
        assert head == bytes(128) + b"DICM", "another format could hide there"


def test_intercept_is_minus_1024_where_it_fits_else_0(tmp_path: Path) -> None:
    low = _volume(voxels=np.full((4, 3, 3), -2000, np.int16))
    write_series(low, tmp_path / "a", headers={}, uid_seed="s")
    write_series(_volume(), tmp_path / "b", headers={}, uid_seed="s")
    intercepts = [
        float(pydicom.dcmread(tmp_path / name / "00001.dcm").RescaleIntercept)
        for name in ("a", "b")
    ]
    assert intercepts == [0.0, -1024.0]
    assert (load(tmp_path / "a").series[0].volume.voxels == -2000).all()


def test_derived_series_is_marked_and_recognised(tmp_path: Path) -> None:
    write_series(
        _volume(), tmp_path, headers={}, uid_seed="s", derived="nodule injected"
    )
    dataset = pydicom.dcmread(tmp_path / "00001.dcm")
    assert list(dataset.ImageType) == ["DERIVED", "SECONDARY"]
    assert dataset.DerivationDescription == "nodule injected"
    assert (
        dataset.private_block(0x0009, PRIVATE_CREATOR)[0x02].value == "nodule injected"
    )
    assert {"simulated", "derived"} <= codes(load(tmp_path))


def test_uids_depend_on_the_seed_and_nothing_else(tmp_path: Path) -> None:
    for name, seed in (("a", "one"), ("b", "one"), ("c", "two")):
        write_series(_volume(), tmp_path / name, headers={}, uid_seed=seed)
    files = {n: (tmp_path / n / "00002.dcm").read_bytes() for n in "abc"}
    assert files["a"] == files["b"]
    uids = [pydicom.dcmread(tmp_path / n / "00002.dcm").SOPInstanceUID for n in "ac"]
    assert uids[0] != uids[1]
    assert all(uid.is_valid for uid in uids)


def test_headers_win_over_the_source(tmp_path: Path) -> None:
    headers = {"PatientID": "P7", "StudyDate": "20260101", "SeriesNumber": "5"}
    write_series(_volume(), tmp_path, headers=headers, uid_seed="s")
    source = load(tmp_path).series[0].volume.source
    assert (source.patient_id, source.study_date) == ("P7", "20260101")


def test_unknown_header_and_bad_value_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="NoSuchThing"):
        write_series(_volume(), tmp_path, headers={"NoSuchThing": "1"}, uid_seed="s")
    with pytest.raises(EvidenceError, match="SeriesNumber"):
        write_series(_volume(), tmp_path, headers={"SeriesNumber": "x"}, uid_seed="s")


def test_fractional_values_need_their_rescale_rule(tmp_path: Path) -> None:
    steps = picture(1)[np.newaxis].repeat(4, axis=0)
    values = (steps * 0.25 + 0.5).astype(np.float32)
    volume = _volume(voxels=values)
    with pytest.raises(EvidenceError) as caught:
        write_series(volume, tmp_path, headers={}, uid_seed="s")
    assert caught.value.code == "not_integral"
    ruled = replace(volume, source=volume.source.with_facts(rescale=(0.25, 0.5)))
    write_series(ruled, tmp_path, headers={}, uid_seed="s")
    np.testing.assert_array_equal(load(tmp_path).series[0].volume.voxels, values)


def test_existing_files_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "00003.dcm").write_bytes(b"mine")
    with pytest.raises(EvidenceError, match=r"00003\.dcm"):
        write_series(_volume(), tmp_path, headers={}, uid_seed="s")
    assert (tmp_path / "00003.dcm").read_bytes() == b"mine"


def test_padding_survives(tmp_path: Path) -> None:
    voxels = np.stack([picture(seed) for seed in range(4)])
    padding = np.zeros(voxels.shape, bool)
    padding[:, :3] = True
    voxels[padding] = -2000
    write_series(
        _volume(voxels=voxels, padding=padding), tmp_path, headers={}, uid_seed="s"
    )
    back = load(tmp_path).series[0].volume
    assert back.padding is not None
    np.testing.assert_array_equal(back.padding, padding)


def test_mr_round_trip(tmp_path: Path) -> None:
    voxels = np.abs(np.stack([picture(seed) for seed in range(4)]))
    volume = _volume(voxels=voxels, modality="MR", unit="")
    write_series(volume, tmp_path, headers={}, uid_seed="s", compress=True)
    (series,) = load(tmp_path).series
    assert series.volume.modality == "MR"
    np.testing.assert_array_equal(series.volume.voxels, voxels)
