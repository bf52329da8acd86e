"""Import of plain DICOM: order, grouping, fates, findings."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import MRImageStorage

from btd_desktop.containment.starting import Contained, start_contained
from btd_desktop.dicom import sandbox
from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.series import Fate
from btd_desktop.digest import array_digest
from btd_desktop.errors import Cancelled, EvidenceError
from btd_desktop.progress import Progress, TaskContext
from tests.unit.dicom.samples import (
    ONE_WORKER,
    SERIES_UID,
    codes,
    ct_slice,
    enhanced_ct,
    file_bytes,
    load,
    picture,
    record,
    save,
    save_series,
)


def test_slices_are_ordered_by_position_not_by_name_or_number(tmp_path: Path) -> None:
    zs = [30.0, 0.0, 20.0, 10.0]
    save_series(tmp_path, zs)
    (series,) = load(tmp_path).series
    assert series.volume.slice_positions_mm == (0.0, 10.0, 20.0, 30.0)
    assert series.record_names == ("001.dcm", "003.dcm", "002.dcm", "000.dcm")
    assert series.volume.spacing_mm == (10.0, 0.7, 0.8)
    assert series.volume.origin_mm == (-10.0, -20.0, 0.0)
    np.testing.assert_array_equal(series.volume.voxels[0], picture(2) - 24)
    assert series.volume.voxels.dtype == np.int16
    assert series.volume.unit == "HU"
    assert "instance_order" in {f.code for f in series.findings}


def test_order_along_a_reversed_normal_follows_the_normal(tmp_path: Path) -> None:
    save_series(tmp_path, [0.0, 5.0, 10.0], ImageOrientationPatient=[1, 0, 0, 0, -1, 0])
    (series,) = load(tmp_path).series
    assert series.record_names == ("002.dcm", "001.dcm", "000.dcm")
    assert series.volume.slice_positions_mm == (-10.0, -5.0, 0.0)


def test_file_order_never_changes_the_volume(tmp_path: Path) -> None:
    zs = [0.0, 2.0, 4.0, 6.0]
    for folder, order in (("a", [0, 1, 2, 3]), ("b", [3, 1, 0, 2])):
        for place, index in enumerate(order):
            data = ct_slice(zs[index], index + 1)
            save(tmp_path / folder, f"{place}.dcm", data)
    first, second = load(tmp_path / "a").series[0], load(tmp_path / "b").series[0]
    assert array_digest(first.volume.voxels) == array_digest(second.volume.voxels)
    assert first.volume.instance_uids == second.volume.instance_uids


@pytest.mark.parametrize(("n_files", "n_processes"), [(3, 1), (40, 2)])
def test_a_process_is_started_only_for_what_outweighs_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_files: int, n_processes: int
) -> None:
    started = []

    def counted(*told: Any, **more: Any) -> Contained:
        started.append(start_contained(*told, **more))
        return started[-1]

    monkeypatch.setattr(sandbox, "start_contained", counted)
    save_series(tmp_path, [2.0 * index for index in range(n_files)])
    found = import_evidence([tmp_path], TaskContext(), limits=Limits(workers=2))
    assert {item.fate for item in found.files} == {Fate.ACCEPTED}
    assert len(started) == n_processes


def test_without_positions_instance_numbers_decide_and_a_warning_says_so(
    tmp_path: Path,
) -> None:
    for index, number in enumerate([3, 1, 2]):
        slice_ = ct_slice(0, number, ImagePositionPatient=None)
        save(tmp_path, f"{index}.dcm", slice_)
    result = load(tmp_path)
    assert result.series[0].record_names == ("1.dcm", "2.dcm", "0.dcm")
    assert "no_geometry" in codes(result)
    assert result.series[0].volume.spacing_mm[0] == 2.0


def test_gap_in_positions_is_found(tmp_path: Path) -> None:
    save_series(tmp_path, [0.0, 2.0, 4.0, 10.0, 12.0])
    result = load(tmp_path)
    (gap,) = [f for f in result.series[0].findings if f.code == "gap"]
    assert gap.severity == "warning"
    assert gap.instance_uids == (f"{SERIES_UID}.3",)
    assert "about 2" in gap.sentence


def test_mixed_image_size_splits_the_series(tmp_path: Path) -> None:
    save_series(tmp_path / "a", [0.0, 2.0, 4.0])
    wide = picture(9, (24, 40))
    save(tmp_path, "b/9.dcm", ct_slice(50.0, 9, wide))
    result = load(tmp_path)
    assert [series.volume.shape for series in result.series] == [
        (3, 24, 32),
        (1, 24, 40),
    ]
    assert "split" in codes(result, 0)
    assert "split" in codes(result, 1)
    assert result.series[0].series_uid == result.series[1].series_uid == SERIES_UID


def test_repeated_positions_are_split_by_acquisition(tmp_path: Path) -> None:
    number = 0
    for acquisition in (1, 2):
        for z in (0.0, 5.0, 10.0):
            number += 1
            slice_ = ct_slice(z, number, AcquisitionNumber=acquisition)
            save(tmp_path, f"{number}.dcm", slice_)
    result = load(tmp_path)
    assert [series.volume.n_slices for series in result.series] == [3, 3]
    assert result.series[0].record_names == ("1.dcm", "2.dcm", "3.dcm")
    assert "AcquisitionNumber 2" in result.series[1].description
    assert "repeated_position" not in codes(result, 0)


def test_repeated_positions_that_nothing_tells_apart_stay_in_number_order(
    tmp_path: Path,
) -> None:
    save_series(tmp_path, [0.0, 5.0, 5.0, 10.0])
    result = load(tmp_path)
    assert result.series[0].record_names == tuple(f"00{i}.dcm" for i in range(4))
    assert "repeated_position" in codes(result)


def test_single_slice_has_no_slice_distance(tmp_path: Path) -> None:
    save(tmp_path, "one.dcm", ct_slice())
    result = load(tmp_path / "one.dcm")
    assert result.series[0].volume.spacing_mm == (0.0, 0.7, 0.8)
    assert result.files[0].name == "one.dcm"
    assert "single_slice" in codes(result)


def test_record_holds_the_digests_of_file_and_pixels(tmp_path: Path) -> None:
    data = file_bytes(ct_slice())
    path = save(tmp_path, "sub/one.dcm", data)
    (entry,) = load(tmp_path).files
    assert entry.name == "sub/one.dcm"
    assert entry.path == str(path.resolve())
    assert entry.sha256 == hashlib.sha256(data).hexdigest()
    assert entry.size_bytes == len(data)
    assert entry.pixel_sha256 == array_digest(picture(1)[np.newaxis])
    assert (entry.fate, entry.reason) == (Fate.ACCEPTED, "")
    assert entry.series_uid == SERIES_UID


def test_same_bytes_twice_is_a_duplicate(tmp_path: Path) -> None:
    save(tmp_path, "a.dcm", ct_slice())
    save(tmp_path, "b.dcm", ct_slice())
    result = load(tmp_path)
    assert record(result, "b.dcm").fate is Fate.DUPLICATE
    assert record(result, "b.dcm").reason == "The same bytes as a.dcm."
    assert result.series[0].volume.n_slices == 1


def test_same_pixels_under_another_header_is_a_duplicate_that_says_so(
    tmp_path: Path,
) -> None:
    save(tmp_path, "a.dcm", ct_slice())
    save(tmp_path, "b.dcm", ct_slice(SliceThickness=3))
    reason = record(load(tmp_path), "b.dcm").reason
    assert "other header" in reason


def test_same_uid_with_other_pixels_warns_of_a_conflict(tmp_path: Path) -> None:
    save(tmp_path, "a.dcm", ct_slice())
    save(tmp_path, "b.dcm", ct_slice(pixels=picture(77)))
    result = load(tmp_path)
    assert record(result, "b.dcm").fate is Fate.DUPLICATE
    assert "pixels DIFFER" in record(result, "b.dcm").reason
    (finding,) = [f for f in result.series[0].findings if f.code == "conflicting_copy"]
    assert finding.severity == "warning"
    np.testing.assert_array_equal(result.series[0].volume.voxels[0], picture(1) - 24)


def test_same_pixels_under_two_uids_are_found(tmp_path: Path) -> None:
    same = picture(5)
    save(tmp_path, "a.dcm", ct_slice(0, 1, same))
    save(tmp_path, "b.dcm", ct_slice(2, 2, same))
    result = load(tmp_path)
    (finding,) = [f for f in result.series[0].findings if f.code == "repeated_pixels"]
    assert finding.instance_uids == (f"{SERIES_UID}.1", f"{SERIES_UID}.2")


def test_enhanced_multiframe_is_ordered_frame_by_frame(tmp_path: Path) -> None:
    stored = np.stack([picture(seed) for seed in (1, 2, 3)])
    save(tmp_path, "e.dcm", enhanced_ct([4.0, 0.0, 2.0], stored))
    (series,) = load(tmp_path).series
    uid = f"{SERIES_UID}.1"
    assert series.volume.instance_uids == (f"{uid}#2", f"{uid}#3", f"{uid}#1")
    assert series.volume.spacing_mm == (2.0, 0.5, 0.6)
    np.testing.assert_array_equal(series.volume.voxels, stored[[1, 2, 0]] - 100)
    assert series.record_names == ("e.dcm",) * 3


def test_fractional_rescale_gives_floats_and_is_handed_on(tmp_path: Path) -> None:
    save(tmp_path, "m.dcm", ct_slice(RescaleSlope="0.5", RescaleIntercept="1.25"))
    result = load(tmp_path)
    volume = result.series[0].volume
    assert volume.voxels.dtype == np.float32
    np.testing.assert_array_equal(volume.voxels[0], picture(1) * 0.5 + 1.25)
    assert volume.source.rescale == (0.5, 1.25)
    assert "fractional_hu" in codes(result)


def test_unreadable_rescale_slope_counts_as_one_with_warnings(tmp_path: Path) -> None:
    data = file_bytes(ct_slice(RescaleSlope="12.0")).replace(b"12.0", b"abc ")
    save(tmp_path, "m.dcm", data)
    result = load(tmp_path)
    np.testing.assert_array_equal(result.series[0].volume.voxels[0], picture(1) - 24)
    assert {"no_rescale", "element:RescaleSlope"} <= codes(result)


def test_padding_value_becomes_a_mask(tmp_path: Path) -> None:
    stored = picture(1)
    stored[:2] = -2000
    slice_ = ct_slice(pixels=stored)
    slice_.add_new(0x00280120, "SS", -2000)
    save(tmp_path, "p.dcm", slice_)
    volume = load(tmp_path).series[0].volume
    assert volume.padding is not None
    assert volume.padding[0, :2].all()
    assert not volume.padding[0, 2:].any()
    assert volume.voxels[0, 0, 0] == -2024


def test_mr_is_taken_by_sop_class_whatever_modality_says(tmp_path: Path) -> None:
    slice_ = ct_slice(SOPClassUID=MRImageStorage, Modality="OT")
    save(tmp_path, "m.dcm", slice_)
    result = load(tmp_path)
    assert result.series[0].volume.modality == "MR"
    assert "element:modality_mismatch" in codes(result)


def test_contradicting_headers_become_findings(tmp_path: Path) -> None:
    save(tmp_path, "a.dcm", ct_slice(0, 1, ConvolutionKernel="B30f"))
    other = ct_slice(
        2, 2, PatientID="P2", ConvolutionKernel="B70f", StudyDate="20200102"
    )
    other.AcquisitionDate = "20191231"
    other.BurnedInAnnotation = "YES"
    save(tmp_path, "b.dcm", other)
    assert {"mixed_patient", "mixed_kernel", "dates", "burned_in"} <= codes(
        load(tmp_path)
    )


def test_gantry_tilt_is_found(tmp_path: Path) -> None:
    for index in range(4):
        place = [0.0, index * 1.0, index * 5.0]
        slice_ = ct_slice(0, index + 1, ImagePositionPatient=place)
        save(tmp_path, f"{index}.dcm", slice_)
    assert "gantry_tilt" in codes(load(tmp_path))


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"MZ\x90\0", "a Windows program"),
        (b"\x7fELF", "a Linux program"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"%PDF-1.7", "a PDF document"),
        (b"#!/bin/sh\n", "a script"),
        (b"II*\0", "a TIFF picture"),
    ],
)
def test_preamble_that_poses_as_something_else_is_named(
    tmp_path: Path, start: bytes, words: str
) -> None:
    data = file_bytes(ct_slice())
    save(tmp_path, "poly.dcm", start.ljust(128, b"\1") + data[128:])
    result = load(tmp_path)
    (finding,) = [f for f in result.series[0].findings if f.code == "preamble"]
    assert words in finding.sentence


def test_two_folders_keep_their_names_apart(tmp_path: Path) -> None:
    save(tmp_path, "a/x.dcm", ct_slice(0, 1))
    save(tmp_path, "b/x.dcm", ct_slice(2, 2))
    names = [entry.name for entry in load(tmp_path / "a", tmp_path / "b").files]
    assert names == ["a/x.dcm", "b/x.dcm"]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = save(tmp_path, "a/x.dcm", ct_slice())
    assert len(load(tmp_path, path).files) == 1


def test_missing_path_raises_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError) as caught:
        load(tmp_path / "nowhere")
    assert "nowhere" in caught.value.detail
    assert caught.value.hint


def test_empty_folder_imports_nothing(tmp_path: Path) -> None:
    result = load(tmp_path)
    assert (result.series, result.files, result.containers) == ((), (), ())


def test_progress_reaches_the_number_of_files_and_cancel_stops(tmp_path: Path) -> None:
    save_series(tmp_path, [0.0, 2.0, 4.0])
    seen: list[Progress] = []
    import_evidence([tmp_path], TaskContext(seen.append), limits=ONE_WORKER)
    assert [p.done for p in seen if p.stage == "Reading files"] == [1, 2, 3]
    context = TaskContext()
    context.listener = lambda progress: context.cancel() if progress.done else None
    with pytest.raises(Cancelled):
        import_evidence([tmp_path], context, limits=ONE_WORKER)


def test_evidence_keeps_its_bytes_and_times(tmp_path: Path) -> None:
    path = save(tmp_path, "a.dcm", ct_slice())
    os.utime(path, ns=(10**18, 10**18))
    before = path.stat()
    load(tmp_path)
    after = path.stat()
    assert after.st_mtime_ns == before.st_mtime_ns
    assert after.st_atime_ns == before.st_atime_ns
    assert [p.name for p in tmp_path.iterdir()] == ["a.dcm"]
