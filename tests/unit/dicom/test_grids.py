"""The modality of a file that does not name it: known, stated, or asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.dicom import grids, hounsfield
from btd_desktop.dicom.grids import GridFile, load_grid
from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.parsed import Modality, ParsedFile
from btd_desktop.dicom.series import Fate, LoadedSeries
from btd_desktop.progress import TaskContext
from tests.unit.dicom.samples import ONE_WORKER, save
from tests.unit.dicom.volume_samples import nifti, stack


def _ct(shape: tuple[int, int, int] = (4, 64, 64)) -> NDArray[np.int16]:
    """Air, a body of soft tissue and a bone, each with noise."""
    rng = np.random.default_rng(3)
    values = np.full(shape, -1000.0)
    values[:, 12:52, 12:52] = 40.0
    values[:, 30:36, 30:36] = 700.0
    return (values + rng.normal(0, 12, shape)).astype(np.int16)


def _mr(shape: tuple[int, int, int] = (4, 64, 64)) -> NDArray[np.int16]:
    rng = np.random.default_rng(4)
    values = np.abs(rng.normal(0, 9, shape))
    values[:, 10:50, 10:50] += np.linspace(150, 900, 40)
    return values.astype(np.int16)


def _phase(shape: tuple[int, int, int] = (4, 64, 64)) -> NDArray[np.int16]:
    rng = np.random.default_rng(5)
    return rng.integers(-4096, 4096, shape).astype(np.int16)


def _load(
    values: NDArray[Any], stated: str = "", header: Modality = ""
) -> LoadedSeries:
    parsed = ParsedFile(Fate.ACCEPTED, pixels=values[np.newaxis], modality=header)
    file = GridFile("x.nii", "0" * 64, "volume", stated=stated)
    (series,) = load_grid(file, parsed, [])
    return series


def _codes(series: LoadedSeries) -> set[str]:
    return {finding.code for finding in series.findings}


@pytest.mark.parametrize("offset", [0, -24])
def test_values_of_hu_are_ct(offset: int) -> None:
    series = _load(_ct() + offset)
    assert (series.volume.modality, series.volume.unit) == ("CT", "HU")
    assert not series.volume.source.not_covered
    assert "guessed_modality" in _codes(series)


@pytest.mark.parametrize("padding", [-2000, -3024])
def test_padding_far_below_air_is_no_reason_against_ct(padding: int) -> None:
    values = _ct()
    values[:, :4] = padding
    assert _load(values).volume.modality == "CT"


@pytest.mark.parametrize(
    "values",
    [
        _mr(),
        _phase(),
        np.clip(_ct(), -160, 240),
        _ct() + 1024,
        (np.clip((_ct() + 160) / 400, 0, 1) * 255).astype(np.uint8),
        (_ct() / 1000.0).astype(np.float32),
    ],
    ids=["mr", "phase", "clipped", "plus 1024", "8 bits", "scaled"],
)
def test_values_that_do_not_tell_are_of_no_modality(values: NDArray[Any]) -> None:
    series = _load(values)
    assert (series.volume.modality, series.volume.unit) == ("OT", "")
    assert "modality is not known" in (series.volume.source.not_covered or [""])[0]
    (finding,) = [f for f in series.findings if f.code == "unknown_modality"]
    assert finding.severity == "warning"
    assert "State CT or MR" in finding.sentence
    np.testing.assert_array_equal(series.volume.voxels, values)


def test_hu_plus_1024_is_told_and_not_corrected() -> None:
    values = _ct() + 1024
    (asked,) = [f for f in _load(values).findings if f.code == "unknown_modality"]
    assert "HU + 1024" in asked.sentence
    series = _load(values, stated="CT")
    assert (series.volume.modality, series.volume.unit) == ("CT", "")
    assert "HU + 1024" in (series.volume.source.not_covered or [""])[0]
    assert {"not_hu", "stated_modality"} <= _codes(series)
    np.testing.assert_array_equal(series.volume.voxels, values)
    (other,) = [f for f in _load(_mr()).findings if f.code == "unknown_modality"]
    assert "1024" not in other.sentence


@pytest.mark.parametrize("stated", ["CT", "MR"])
def test_what_the_examiner_states_holds_and_is_printed_as_his(stated: str) -> None:
    for values in (_ct(), _mr(), np.clip(_ct(), -160, 240)):
        series = _load(values, stated=stated, header="CT")
        assert series.volume.modality == stated
        assert series.volume.source.modality_from == "examiner"
        (finding,) = [f for f in series.findings if f.code == "stated_modality"]
        assert f"the examiner stated {stated}" in finding.sentence


def test_ct_cut_off_at_a_display_window_is_not_hu() -> None:
    series = _load(np.clip(_ct(), -160, 240), stated="CT")
    assert series.volume.unit == ""
    assert "from -160 to 240" in (series.volume.source.not_covered or [""])[0]


def test_header_that_names_the_modality_is_believed_and_said() -> None:
    series = _load(_mr(), header="MR")
    assert series.volume.modality == "MR"
    assert "stated_modality" in _codes(series)
    assert not series.volume.source.not_covered


def test_statement_reaches_the_volumes_of_an_import(tmp_path: Path) -> None:
    save(tmp_path, "x.nii", nifti(np.abs(stack((3, 8, 9)))))
    for stated in ("", "MR", "CT"):
        found = import_evidence(
            [tmp_path], TaskContext(), limits=ONE_WORKER, modality=stated
        )
        assert found.series[0].volume.modality == (stated or "OT")


@pytest.mark.parametrize("left_handed", [False, True])
def test_sheared_axes_keep_the_place_of_every_slice(left_handed: bool) -> None:
    sign = -1.0 if left_handed else 1.0
    along = np.array([0.0, 0.6, 0.8 * sign])
    grid = {
        "spacing": [5.0, 0.7, 0.8],
        "origin": [1.0, 2.0, 3.0],
        "row": [1.0, 0.0, 0.0],
        "column": [0.0, 1.0, 0.0],
        "slice": list(along),
    }
    values = _ct()
    parsed = ParsedFile(Fate.ACCEPTED, "", pixels=values[np.newaxis], grid=grid)
    (series,) = load_grid(GridFile("x.nrrd", "0" * 64, "volume"), parsed, [])
    volume = series.volume
    assert "gantry_tilt" in _codes(series)
    assert volume.spacing_mm == pytest.approx((4.0, 0.7, 0.8))
    assert np.diff(volume.slice_positions_mm) == pytest.approx(4.0)
    for k in range(4):
        s = 3 - k if left_handed else k
        wanted = np.array([1.0, 2.0, 3.0]) + 5.0 * k * along + [0.8 * 2, 0.7 * 9, 0]
        assert volume.world_mm((s, 9, 2)) == pytest.approx(tuple(wanted))
        assert volume.voxels[s, 9, 2] == values[k, 9, 2]


@pytest.mark.parametrize("stated", ["", "CT"])
def test_values_are_judged_once(stated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    judged, calls = hounsfield.why_not_hu, []

    def count(*arguments: Any) -> tuple[str, ...]:
        calls.append(1)
        return judged(*arguments)

    monkeypatch.setattr(grids, "why_not_hu", count)
    assert _load(_ct(), stated).volume.unit == "HU"
    assert len(calls) == 1
