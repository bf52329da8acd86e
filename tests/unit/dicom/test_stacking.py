"""Kinds of series that are no plain stack: split or joined, and in what words.

Built as public bug reports of this field describe them, on several axes each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset

from btd_desktop.dicom.series import LoadedSeries
from tests.unit.dicom.check_samples import assembled, codes_of, only, uid_of
from tests.unit.dicom.samples import ct_slice, enhanced_ct, picture

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
_A, _B = math.cos(0.6), math.sin(0.6)
OBLIQUE = (_A, _B, 0.0, 0.0, 0.0, -1.0)
ALL_ROUND = pytest.mark.parametrize("axes", [AXIAL, SAGITTAL, CORONAL, OBLIQUE])


def at(
    axes: Sequence[float],
    along: float,
    number: int,
    *,
    rows: float = 0.0,
    columns: float = 0.0,
    **more: Any,
) -> FileDataset:
    """A slice at a distance along its normal, shifted in its plane by mm."""
    row, column = np.array(axes[:3]), np.array(axes[3:])
    point = np.cross(row, column) * along + row * columns + column * rows
    more.setdefault("PixelSpacing", [0.7, 0.7])
    return ct_slice(
        0.0,
        number,
        ImagePositionPatient=[round(float(v), 6) for v in point],
        ImageOrientationPatient=[round(float(v), 8) for v in axes],
        **more,
    )


def numbers_of(series: LoadedSeries) -> list[int]:
    """Instance numbers in the order of the volume, from the UIDs of the samples."""
    return [int(uid.rpartition(".")[2]) for uid in series.volume.instance_uids]


def sorted_stacks(datasets: Sequence[FileDataset]) -> list[list[int]]:
    return sorted(numbers_of(series) for series in assembled(datasets))


@ALL_ROUND
def test_orientation_that_jitters_below_a_pixel_is_one_stack(
    axes: tuple[float, ...],
) -> None:
    datasets = []
    for index in range(9):
        turn = 3e-5 * (-1) ** index
        row = np.array(axes[:3]) + turn * np.array(axes[3:])
        jittered = (*(row / np.linalg.norm(row)), *axes[3:])
        datasets.append(at(axes, 3.0 * index, index + 1))
        datasets[-1].ImageOrientationPatient = [round(float(v), 7) for v in jittered]
    (series,) = assembled(datasets)
    assert series.volume.spacing_mm[0] == pytest.approx(3.0, abs=1e-3)
    assert not {"split", "gap", "uneven_spacing"} & codes_of(series.findings)


@pytest.mark.parametrize("degrees", [2.0, 15.0, 90.0])
def test_stacks_that_are_turned_against_each_other_are_split(degrees: float) -> None:
    turn = math.radians(degrees)
    turned = (math.cos(turn), math.sin(turn), 0, -math.sin(turn), math.cos(turn), 0)
    datasets = [at(AXIAL, 3.0 * i, i + 1) for i in range(5)]
    datasets += [at(turned, 3.0 * i, i + 6) for i in range(5)]
    assert sorted_stacks(datasets) == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    assert "orientation" in only(assembled(datasets)[0].findings, "split").sentence


def test_pixel_spacing_of_micrometres_is_compared_by_its_share() -> None:
    fine = [at(AXIAL, 0.004 * i, i + 1, PixelSpacing=[0.004, 0.004]) for i in range(4)]
    for index, dataset in enumerate(fine):
        dataset.SliceThickness = 0.004
        dataset.PixelSpacing = [0.004 + 1e-6 * (index % 2)] * 2
    (series,) = assembled(fine)
    assert series.volume.spacing_mm[0] == pytest.approx(0.004)
    assert "repeated_position" not in codes_of(series.findings)
    fine[2].PixelSpacing = fine[3].PixelSpacing = [0.005, 0.005]
    assert sorted_stacks(fine) == [[1, 2], [3, 4]]


@ALL_ROUND
@pytest.mark.parametrize("tilt", [0.0, 18.0, -25.0])
def test_stacks_side_by_side_are_split_and_keep_their_positions(
    axes: tuple[float, ...], tilt: float
) -> None:
    slope = math.tan(math.radians(tilt))
    datasets = []
    for index in range(8):
        for side in (0, 1):
            number, along = 2 * index + side + 1, 4.0 * index + 2.0 * side
            place = {"rows": slope * along, "columns": 180.0 * side - 90.0}
            datasets.append(at(axes, along, number, **place))
    stacks = assembled(datasets[:-1])
    assert [numbers_of(s) for s in stacks] == [[1, 3, 5, 7, 9, 11, 13, 15],
                                               [2, 4, 6, 8, 10, 12, 14]]  # fmt: skip
    for series in stacks:
        assert series.volume.spacing_mm[0] == pytest.approx(4.0, abs=1e-4)
        codes = codes_of(series.findings)
        assert "split" in codes
        assert not {"gap", "beside_the_line", "instance_number_gap"} & codes


def test_slice_beside_the_line_is_named_and_stays() -> None:
    datasets = [at(AXIAL, 2.0 * i, i + 1) for i in range(12)]
    datasets[5] = at(AXIAL, 10.0, 6, rows=7.5)
    (series,) = assembled(datasets)
    finding = only(series.findings, "beside_the_line")
    assert finding.instance_uids == (uid_of(datasets[5]),)
    assert "by up to 7.5 mm" in finding.sentence
    assert series.volume.world_mm((5, 0, 0)) == pytest.approx((0.0, 7.5, 10.0))
    assert "gantry_tilt" not in codes_of(series.findings)


def test_positions_that_jitter_in_plane_are_no_second_stack() -> None:
    rng = np.random.default_rng(4)
    datasets = [
        at(AXIAL, 2.0 * i, i + 1, rows=float(r), columns=float(c))
        for i, (r, c) in enumerate(rng.uniform(-0.8, 0.8, (30, 2)))
    ]
    (series,) = assembled(datasets)
    assert series.volume.n_slices == 30
    assert "beside_the_line" in codes_of(series.findings)


@ALL_ROUND
@pytest.mark.parametrize(("degrees", "stated"), [(18.0, 18.0), (-12.5, -12.5)])
def test_gantry_tilt_is_a_fact_and_world_points_are_exact(
    axes: tuple[float, ...], degrees: float, stated: float
) -> None:
    slope = math.tan(math.radians(degrees))
    steps = [0.0, 5.0, 10.0, 15.0, 22.0, 27.0]
    datasets = [
        at(axes, z, i + 1, rows=slope * z, GantryDetectorTilt=stated)
        for i, z in enumerate(steps)
    ]
    (series,) = assembled(datasets)
    finding = only(series.findings, "gantry_tilt")
    assert finding.severity == "note"
    assert f"{abs(degrees):g} degrees" in finding.sentence
    for index, dataset in enumerate(datasets):
        expected = np.array(dataset.ImagePositionPatient, float)
        expected += 0.7 * (3 * np.array(axes[:3]) + 2 * np.array(axes[3:]))
        assert series.volume.world_mm((index, 2, 3)) == pytest.approx(
            tuple(expected), abs=1e-5
        )


def test_tilt_that_header_and_positions_do_not_share_is_a_warning() -> None:
    straight = [at(AXIAL, 5.0 * i, i + 1, GantryDetectorTilt=18) for i in range(5)]
    for datasets in (
        straight,
        [at(AXIAL, z, i, rows=z / 3) for i, z in enumerate((0, 5, 10, 15), 1)],
    ):
        assert (
            only(assembled(datasets)[0].findings, "gantry_tilt").severity == "warning"
        )


def _phases(
    n_phases: int, n: int, mark: Callable[[FileDataset, int], None], *, off: float = 0.0
) -> list[FileDataset]:
    datasets = []
    for phase in range(n_phases):
        for index in range(n):
            number = phase * n + index + 1
            datasets.append(at(AXIAL, 2.0 * index + off * phase, number))
            mark(datasets[-1], phase)
            datasets[-1].ContentTime = f"1010{number:02d}"
    return datasets


def _cardiac(dataset: FileDataset, phase: int) -> None:
    dataset.NominalPercentageOfCardiacPhase = 35.0 * phase


def _echo(dataset: FileDataset, phase: int) -> None:
    dataset.EchoTime = (4.6, 9.2, 13.8)[phase]


def _private(dataset: FileDataset, phase: int) -> None:
    block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", str(500 * phase))


def _nested(dataset: FileDataset, phase: int) -> None:
    item = Dataset()
    item.DiffusionBValue = 500.0 * phase
    dataset.MRDiffusionSequence = [item]


def _contrast(dataset: FileDataset, phase: int) -> None:
    dataset.ContrastBolusStartTime = f"10100{phase}"


MARKS = pytest.mark.parametrize(
    ("mark", "name"),
    [
        (_cardiac, "NominalPercentageOfCardiacPhase"),
        (_echo, "EchoTime"),
        (_private, "(0019,xx0C) SIEMENS MR HEADER"),
        (_nested, "DiffusionBValue"),
        (_contrast, "ContrastBolusStartTime"),
    ],
)


@MARKS
def test_passes_are_told_apart_by_whatever_element_differs(
    mark: Callable[[FileDataset, int], None], name: str
) -> None:
    datasets = _phases(3, 8, mark)
    stacks = assembled(datasets)
    assert [numbers_of(s) for s in stacks] == [
        list(range(first, first + 8)) for first in (1, 9, 17)
    ]
    for series in stacks:
        assert f"told apart by {name};" in only(series.findings, "split").sentence
        assert series.volume.spacing_mm[0] == 2.0


@MARKS
def test_pass_that_misses_a_slice_is_split_all_the_same(
    mark: Callable[[FileDataset, int], None], name: str
) -> None:
    datasets = _phases(2, 8, mark)
    del datasets[3]
    first, second = sorted(assembled(datasets), key=lambda s: s.volume.n_slices)
    assert numbers_of(first) == [1, 2, 3, 5, 6, 7, 8]
    assert numbers_of(second) == list(range(9, 17))
    assert "gap" in codes_of(first.findings)
    assert "gap" not in codes_of(second.findings)
    assert name in first.description or name in only(first.findings, "split").sentence


@pytest.mark.parametrize("missing", [None, 0, 3, 7, 12])
@pytest.mark.parametrize("in_turns", [False, True])
def test_passes_that_nothing_marks_are_split_by_instance_number(
    missing: int | None, in_turns: bool
) -> None:
    datasets = []
    for phase in range(2):
        for index in range(8):
            number = 2 * index + phase + 1 if in_turns else 8 * phase + index + 1
            datasets.append(at(AXIAL, 2.0 * index, number))
    expected = [
        [int(d.InstanceNumber) for d in part] for part in (datasets[:8], datasets[8:])
    ]
    if missing is not None:
        number = int(datasets.pop(missing).InstanceNumber)
        expected = [[n for n in part if n != number] for part in expected]
    stacks = assembled(datasets)
    assert sorted(numbers_of(s) for s in stacks) == sorted(expected)
    for series in stacks:
        sentence = only(series.findings, "split").sentence
        assert "nothing else in the header tells them apart" in sentence


def test_passes_whose_numbers_start_anew_are_split_by_time() -> None:
    datasets = [at(AXIAL, 2.0 * (i % 8), i + 1) for i in range(16)]
    for index, dataset in enumerate(datasets):
        dataset.InstanceNumber = index % 8 + 1
        dataset.ContentTime = f"1010{index:02d}.5"
    stacks = assembled(datasets)
    assert [numbers_of(s) for s in stacks] == [list(range(1, 9)), list(range(9, 17))]
    assert "order of their ContentTime" in only(stacks[0].findings, "split").sentence


def test_film_of_one_place_is_not_cut_into_single_frames() -> None:
    datasets = [at(AXIAL, 5.0, i + 1, ContentTime=f"1010{i:02d}") for i in range(9)]
    (series,) = assembled(datasets)
    finding = only(series.findings, "repeated_position")
    assert "ContentTime differ" in finding.sentence


def test_words_name_what_else_differs_between_passes() -> None:
    datasets = [
        at(AXIAL, 2.0 * (i % 8), i + 1, TriggerTime=f"{7.3 * i:.1f}") for i in range(16)
    ]
    for series in assembled(datasets):
        sentence = only(series.findings, "split").sentence
        assert "TriggerTime differs too" in sentence
        assert "nothing else" not in sentence


def test_names_of_patients_that_tell_passes_apart_stay_out_of_the_words() -> None:
    def mark(dataset: FileDataset, phase: int) -> None:
        dataset.PatientName = ("Doe^Jane", "Roe^Richard")[phase]

    for series in assembled(_phases(2, 6, mark)):
        told = series.description + " ".join(f.sentence for f in series.findings)
        assert "PatientName" in told
        assert "Doe" not in told
        assert "Roe" not in told


def _acquisition(dataset: FileDataset, phase: int) -> None:
    dataset.AcquisitionNumber = phase + 1


@pytest.mark.parametrize("off", [0.1, 1.0, 1.9])
@pytest.mark.parametrize("mark", [_acquisition, lambda dataset, phase: None])
def test_passes_between_each_others_places_are_split(
    off: float, mark: Callable[[FileDataset, int], None]
) -> None:
    stacks = assembled(_phases(2, 10, mark, off=off))
    assert [numbers_of(s) for s in stacks] == [list(range(1, 11)), list(range(11, 21))]
    for series in stacks:
        assert series.volume.spacing_mm[0] == pytest.approx(2.0)
        assert not {"gap", "uneven_spacing"} & codes_of(series.findings)


def test_three_passes_at_thirds_of_a_step_with_slices_missing_are_split() -> None:
    datasets = _phases(3, 10, _acquisition, off=2.0 / 3)
    for index in (24, 12, 5):
        del datasets[index]
    assert sorted_stacks(datasets) == sorted(
        [n for n in range(first, first + 10) if n not in (6, 13, 25)]
        for first in (1, 11, 21)
    )


def test_slices_acquired_in_turns_are_one_stack() -> None:
    """Two packages of an MR scan, every second slice each, leave nothing between."""
    datasets = [
        at(AXIAL, 2.2 * i, i + 1, AcquisitionNumber=1 + i % 2) for i in range(12)
    ]
    (series,) = assembled(datasets)
    assert numbers_of(series) == list(range(1, 13))


def test_overlapping_reconstruction_is_one_stack_without_gap() -> None:
    datasets = [at(AXIAL, 1.0 * i, i + 1, SliceThickness=2) for i in range(12)]
    (series,) = assembled(datasets)
    assert not {"gap", "split", "skipped_position"} & codes_of(series.findings)
    del datasets[6]
    (series,) = assembled(datasets)
    assert "gap" not in codes_of(series.findings)
    assert only(series.findings, "skipped_position").severity == "note"


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("parts", "gaps"),
    [
        ([(2.5, 2.5, 14), (7.5, 7.5, 10)], 0),  # contiguous
        ([(3.0, 3.3, 8), (6.0, 6.6, 6)], 0),  # with the same share between
        ([(5.0, 5.0, 8), (5.0, 10.0, 6)], 0),  # a protocol that leaves out every other
        ([(1.25, 0.625, 10), (2.5, 1.25, 9)], 0),  # overlapping
        ([(2.0, 2.0, 6), (2.0, 6.0, 1), (2.0, 2.0, 6)], 1),
    ],
)
def test_step_that_changes_midway_is_no_gap_but_a_missing_slice_is(
    parts: list[tuple[float, float, int]], gaps: int, reverse: bool
) -> None:
    places, along = [], 0.0
    for thickness, step, count in parts:
        for _ in range(count):
            half = 0.5 * step
            places.append((along + half, thickness))
            along += step
    if reverse:
        places = [(-z, thickness) for z, thickness in places]
    datasets = [
        at(AXIAL, z, i + 1, SliceThickness=thickness)
        for i, (z, thickness) in enumerate(places)
    ]
    (series,) = assembled(datasets)
    codes = codes_of(series.findings)
    assert ("gap" in codes) is bool(gaps)
    assert "skipped_position" not in codes


def test_other_frames_of_reference_are_other_stacks() -> None:
    datasets = [
        at(AXIAL, 2.0 * i, i + 1, FrameOfReferenceUID=f"1.2.{i // 5}")
        for i in range(10)
    ]
    assert sorted_stacks(datasets) == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    assert (
        "frame of reference" in only(assembled(datasets)[0].findings, "split").sentence
    )
    for index, dataset in enumerate(datasets):
        dataset.FrameOfReferenceUID = f"1.2.{index + 1}"
    assert len(assembled(datasets)) == 1


def test_frames_of_one_file_keep_their_own_positions_and_passes() -> None:
    stored = np.stack([picture(seed) for seed in range(1, 9)])
    dataset = enhanced_ct([0.0, 3.0, 6.0, 9.0] * 2, stored)
    for index, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        frame.PlanePositionSequence[0].ImagePositionPatient[1] = index % 4 * -1.0
        content = Dataset()
        content.TemporalPositionIndex = 1 + index // 4
        frame.FrameContentSequence = [content]
    first, second = assembled([dataset])
    assert "TemporalPositionIndex" in only(first.findings, "split").sentence
    assert first.volume.world_mm((2, 0, 0)) == pytest.approx((0.0, -2.0, 6.0))
    np.testing.assert_array_equal(second.volume.voxels, stored[4:] - 100)


def _uid_per_slice(n: int, **more: Any) -> list[FileDataset]:
    more = {"FrameOfReferenceUID": "1.2.5", "SeriesNumber": 3, **more}
    return [
        at(AXIAL, 3.0 * i, i + 1, SeriesInstanceUID=f"1.2.840.7.{i + 1}", **more)
        for i in range(n)
    ]


def test_series_of_one_slice_each_are_joined_where_all_else_agrees() -> None:
    (series,) = assembled(_uid_per_slice(9))
    assert numbers_of(series) == list(range(1, 10))
    assert only(series.findings, "uid_per_slice").severity == "warning"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d, i: setattr(d, "SeriesNumber", i), "series numbers differ"),
        (lambda d, i: setattr(d, "InstanceNumber", 7 * i), "do not run on"),
        (lambda d, i: delattr(d, "FrameOfReferenceUID"), "no frame of reference"),
    ],
)
def test_series_of_one_slice_each_stay_apart_with_a_hint_where_something_does_not_fit(
    change: Callable[[FileDataset, int], None], reason: str
) -> None:
    datasets = _uid_per_slice(6)
    for index, dataset in enumerate(datasets):
        change(dataset, index)
    stacks = assembled(datasets)
    assert len(stacks) == 6
    for series in stacks:
        assert reason in only(series.findings, "series_of_one_slice").sentence


def test_single_images_of_several_places_are_not_joined() -> None:
    scouts = [
        at(
            axes,
            0.0,
            i + 1,
            SeriesInstanceUID=f"1.2.840.7.{i + 1}",
            FrameOfReferenceUID="1.2.5",
        )
        for i, axes in enumerate((AXIAL, SAGITTAL, CORONAL))
    ]
    for series in assembled(scouts):
        assert not {"uid_per_slice", "series_of_one_slice"} & codes_of(series.findings)
