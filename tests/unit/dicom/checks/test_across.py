"""What series of one import share, and second files under one UID."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import FileDataset

from btd_desktop.dicom.series import Fate
from tests.unit.dicom.check_samples import assembled, codes_of, only, stack_of, uid_of
from tests.unit.dicom.samples import ct_slice, load, picture, record, save


def _other_series(n_slices: int, first_seed: int, **more: Any) -> list[FileDataset]:
    datasets = []
    for index in range(n_slices):
        number = first_seed + index
        dataset = ct_slice(2.0 * index, number, SeriesInstanceUID="1.2.77", **more)
        datasets.append(dataset)
    return datasets


def test_series_of_one_study_are_not_worth_a_word() -> None:
    series = assembled([*stack_of(3), *_other_series(3, 50)])
    assert len(series) == 2
    codes = codes_of(series[0].findings) | codes_of(series[1].findings)
    assert not {"pixels_elsewhere", "study_of_several_patients"} & codes


def test_pixels_of_another_series_are_named_in_both() -> None:
    first, second = stack_of(3), _other_series(3, 50)
    second[1].PixelData = first[2].PixelData
    series = assembled([*first, *second])
    found = {s.series_uid: only(s.findings, "pixels_elsewhere") for s in series}
    assert found["1.2.77"].instance_uids == (uid_of(second[1]),)
    assert found[str(first[0].SeriesInstanceUID)].instance_uids == (uid_of(first[2]),)
    assert '"1.2.77"' in found[str(first[0].SeriesInstanceUID)].sentence


def test_empty_slices_are_alike_on_their_own() -> None:
    first, second = stack_of(2), _other_series(2, 50)
    for dataset in (first[0], second[0]):
        dataset.PixelData = np.zeros_like(picture(1)).tobytes()
    for series in assembled([*first, *second]):
        assert "pixels_elsewhere" not in codes_of(series.findings)


def test_uids_shared_by_patients_are_a_warning() -> None:
    first = stack_of(2, FrameOfReferenceUID="1.2.9")
    second = _other_series(2, 50, PatientID="P2", FrameOfReferenceUID="1.2.9")
    for series in assembled([*first, *second]):
        finding = only(series.findings, "study_of_several_patients")
        assert finding.severity == "warning"
        assert "2 Patient IDs" in finding.sentence
        assert "P2" not in finding.sentence
        assert "frame_of_several_patients" in codes_of(series.findings)


def test_second_file_in_another_series_is_a_reused_uid(tmp_path: Path) -> None:
    save(tmp_path, "a.dcm", ct_slice())
    save(tmp_path, "b.dcm", ct_slice(SeriesInstanceUID="1.2.77", PatientID="P2"))
    result = load(tmp_path)
    # Whatever the UIDs say, both are examined.
    assert record(result, "b.dcm").fate is Fate.ACCEPTED
    assert [s.record_names for s in result.series] == [("a.dcm",), ("b.dcm",)]
    for series in result.series:
        finding = only(series.findings, "reused_uid")
        assert finding.severity == "warning"
        assert "another patient" in finding.sentence
        assert "with the same pixels" in finding.sentence
        assert "P2" not in finding.sentence
    assert '"1.2.77"' in only(result.series[0].findings, "reused_uid").sentence


def test_second_file_of_the_same_series_is_only_a_duplicate(tmp_path: Path) -> None:
    save(tmp_path, "a.dcm", ct_slice())
    save(tmp_path, "b.dcm", ct_slice(StationName="CT2"))
    result = load(tmp_path)
    assert not {"reused_uid", "conflicting_copy"} & codes_of(result.series[0].findings)
