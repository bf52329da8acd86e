"""Second files under known UIDs: one fate each, and no pixels unexamined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from btd_desktop.dicom.series import Fate, Import
from tests.unit.dicom.check_samples import codes_of, only
from tests.unit.dicom.samples import ct_slice, load, picture, record, save


def _write(folder: Path, name: str, seed: int, n: int = 5, **more: Any) -> None:
    for index in range(n):
        pixels = picture(seed + index)
        slice_ = ct_slice(2.0 * index, index + 1, pixels, **more)
        save(folder / name, f"{index}.dcm", slice_)


def _n_slices(result: Import) -> list[int]:
    return [series.volume.n_slices for series in result.series]


def _fates(result: Import) -> set[Fate]:
    return {entry.fate for entry in result.files}


def test_folder_under_known_uids_with_other_pixels_is_a_series_of_its_own(
    tmp_path: Path,
) -> None:
    _write(tmp_path, "a", 100)
    _write(tmp_path, "b", 200)
    result = load(tmp_path)
    assert _n_slices(result) == [5, 5]
    assert _fates(result) == {Fate.ACCEPTED}
    for series in result.series:
        finding = only(series.findings, "conflicting_copy")
        assert "5 files claim the UIDs of other files" in finding.sentence
        assert '"a/0.dcm" and "b/0.dcm"' in finding.sentence
    assert result.series[0].series_uid == result.series[1].series_uid
    assert "copy 2" in result.series[1].description


def test_folder_with_one_changed_slice_is_examined_whole(tmp_path: Path) -> None:
    _write(tmp_path, "a", 100)
    _write(tmp_path, "b", 100)
    save(tmp_path / "b", "3.dcm", ct_slice(6.0, 4, picture(999)))
    result = load(tmp_path)
    assert _n_slices(result) == [5, 5]
    finding = only(result.series[1].findings, "conflicting_copy")
    assert "1 of them with different pixels" in finding.sentence
    assert finding.instance_uids == (result.series[1].volume.instance_uids[3],)


def test_series_saved_anew_in_another_folder_is_a_duplicate(tmp_path: Path) -> None:
    _write(tmp_path, "a", 100)
    _write(tmp_path, "b", 100, StationName="CT2")
    result = load(tmp_path)
    assert _n_slices(result) == [5]
    assert [e.fate for e in result.files].count(Fate.DUPLICATE) == 5
    assert not {"conflicting_copy", "reused_uid"} & codes_of(result.series[0].findings)


def test_third_folder_is_a_duplicate_of_the_copy_that_it_equals(tmp_path: Path) -> None:
    for name, seed in (("a", 100), ("b", 200), ("c", 200), ("d", 300)):
        _write(tmp_path, name, seed)
    result = load(tmp_path)
    assert _n_slices(result) == [5, 5, 5]
    assert record(result, "c/2.dcm").reason == "The same bytes as b/2.dcm."
    assert {s.description[-7:-1] for s in result.series[1:]} == {"copy 2", "copy 3"}
    finding = only(result.series[0].findings, "conflicting_copy")
    assert "10 files" in finding.sentence
    assert "copies 2 to 3" in finding.sentence


def test_conflicting_files_in_one_folder_become_a_copy_too(tmp_path: Path) -> None:
    for index in range(4):
        for version in (0, 1):
            pixels = picture(100 * version + index)
            slice_ = ct_slice(2.0 * index, index + 1, pixels)
            save(tmp_path, f"v{version}-{index}.dcm", slice_)
    result = load(tmp_path)
    assert _n_slices(result) == [4, 4]
    assert result.series[1].record_names == tuple(f"v1-{i}.dcm" for i in range(4))


def test_two_series_may_number_their_instances_alike(tmp_path: Path) -> None:
    _write(tmp_path, "soft", 100)
    _write(tmp_path, "sharp", 200, SeriesInstanceUID="1.2.77")
    result = load(tmp_path)
    assert _n_slices(result) == [5, 5]
    assert _fates(result) == {Fate.ACCEPTED}
    for series in result.series:
        finding = only(series.findings, "reused_uid")
        assert "5 slices carry SOP Instance UIDs" in finding.sentence
        assert "with other pixels" in finding.sentence


def test_many_series_with_the_same_instance_uids_get_one_warning_each(
    tmp_path: Path,
) -> None:
    for number in range(7):
        uid = f"1.2.77.{number}"
        _write(tmp_path, f"s{number}", 100 * number, 2, SeriesInstanceUID=uid)
    result = load(tmp_path)
    assert _n_slices(result) == [2] * 7
    for series in result.series:
        assert "2 slices carry" in only(series.findings, "reused_uid").sentence


@pytest.mark.parametrize("n_files", [1, 4])
def test_remark_on_another_study_is_made_once(tmp_path: Path, n_files: int) -> None:
    _write(tmp_path, "a", 100, 5)
    _write(tmp_path, "b", 100, n_files, StudyInstanceUID="1.2.99")
    result = load(tmp_path)
    finding = only(result.series[0].findings, "reused_uid")
    assert 'study "1.2.99"' in finding.sentence
    assert len(finding.instance_uids) == n_files
    assert ("with 4 files" in finding.sentence) is (n_files == 4)
