"""Kinds of files that the field knows, thought up by the other party's expert."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from btd_desktop.dicom.checks.values import skipped_share
from btd_desktop.dicom.geometry import is_regular, rounding_mm
from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import RejectedFileError
from btd_desktop.dicom.safe_dataset import SafeDataset
from btd_desktop.dicom.volume_files.metaimage import read_metaimage
from btd_desktop.dicom.volume_files.nrrd import read_nrrd
from btd_desktop.dicom.volume_files.payload import parsed_volume
from tests.unit.dicom.check_samples import assembled, codes_of, findings, only
from tests.unit.dicom.samples import ct_slice
from tests.unit.dicom.test_stacking import AXIAL, OBLIQUE, at, numbers_of, sorted_stacks


@pytest.mark.parametrize("step", [0.625, 1.25, 0.9, 3.33])
@pytest.mark.parametrize("n_slices", [8, 24])
def test_positions_written_with_one_decimal_are_one_even_stack(
    step: float, n_slices: int
) -> None:
    zs = [round(step * i, 1) for i in range(n_slices)]
    datasets = [at(AXIAL, z, i + 1, SliceThickness=step) for i, z in enumerate(zs)]
    (series,) = assembled(datasets)
    assert numbers_of(series) == list(range(1, n_slices + 1))
    assert not {"uneven_spacing", "gap", "split"} & codes_of(series.findings)
    assert series.volume.spacing_mm[0] == pytest.approx(step, rel=0.02)
    assert series.volume.slice_positions_mm == pytest.approx(zs)


def test_moved_slice_is_not_taken_for_rounding() -> None:
    zs = [0.0, 0.6, 1.2, 2.0, 2.5, 3.1, 3.8, 4.4]
    datasets = [at(AXIAL, z, i + 1, SliceThickness=0.6) for i, z in enumerate(zs)]
    assert "uneven_spacing" in codes_of(findings(datasets))


def test_missing_slice_among_rounded_positions_is_a_gap() -> None:
    datasets = [
        at(AXIAL, round(0.625 * i + 1e-9, 1), i + 1, SliceThickness=0.6)
        for i in range(16)
        if i != 9
    ]
    (series,) = assembled(datasets)
    assert only(series.findings, "gap").sentence.startswith("Slices are missing at 1 ")
    assert "uneven_spacing" not in codes_of(series.findings)


def test_rounding_is_half_of_the_last_digit_along_the_normal() -> None:
    assert rounding_mm([(0.0, 0.5, 1.2), (0.0, 0.5, 1.9)], AXIAL) == pytest.approx(0.05)
    assert rounding_mm([(0.0, 0.0, 1.23456)], AXIAL) == 0.0
    assert rounding_mm([(0.1, 0.2, 0.3)], OBLIQUE) > 0.05
    assert is_regular(np.array([0.0, 0.6, 1.3, 1.9, 2.5])) == 0.0
    assert is_regular(np.array([0.0, 0.6, 1.3, 1.9, 2.5]), 0.05) == pytest.approx(0.63)
    # Whole millimetres explain nothing at steps of two.
    assert is_regular(np.array([0.0, 2.0, 4.0, 7.0, 9.0]), 0.5) == 0.0


def test_spacing_of_a_table_that_jitters_is_that_of_the_whole_stack() -> None:
    rng = np.random.default_rng(1)
    zs = [0.5 * i + float(rng.uniform(-0.01, 0.01)) for i in range(24)]
    datasets = [at(AXIAL, z, i + 1, SliceThickness=0.5) for i, z in enumerate(zs)]
    (series,) = assembled(datasets)
    assert series.volume.spacing_mm[0] == pytest.approx(0.5, abs=5e-4)


def test_sweeps_that_share_some_places_are_split_by_their_numbers() -> None:
    zs = [2.0 * i for i in range(8)] + [10.0 + 2.0 * i for i in range(8)]
    datasets = [at(AXIAL, z, i + 1) for i, z in enumerate(zs)]
    assert sorted_stacks(datasets) == [list(range(1, 9)), list(range(9, 17))]
    for series in assembled(datasets):
        assert "repeated_position" not in codes_of(series.findings)
        assert "run through each" in only(series.findings, "split").sentence


def test_one_slice_put_in_at_a_place_is_no_sweep() -> None:
    datasets = [at(AXIAL, 2.0 * i, i + 1) for i in range(8)] + [at(AXIAL, 6.0, 9)]
    (series,) = assembled(datasets)
    assert "repeated_position" in codes_of(series.findings)


def test_slices_that_all_carry_one_number_are_not_numbered() -> None:
    datasets = [ct_slice(2.0 * i, i + 1, InstanceNumber=0) for i in range(6)]
    found = findings(datasets)
    assert only(found, "no_instance_number").severity == "note"
    assert "repeated_instance_number" not in codes_of(found)


def test_value_far_from_all_others_makes_no_comb_of_what_lies_between() -> None:
    counts = np.zeros(1400, dtype=np.int64)
    counts[0] = 30_000  # a surround of -2000
    counts[1000:1200] = 100
    counts[1250:1254] = (200, 9000, 9000, 200)  # a narrow peak
    assert skipped_share(counts) == 0.0
    counts[1000:1200:2] = 0
    assert skipped_share(counts) > 0.3


def test_series_that_is_all_padding_is_not_said_to_be_constant() -> None:
    rng = np.random.default_rng(0)
    datasets = [
        ct_slice(
            2.0 * i,
            i + 1,
            rng.integers(0, 100, (64, 64)).astype(np.int16),
            PixelPaddingValue=-2000,
            PixelPaddingRangeLimit=3000,
        )
        for i in range(4)
    ]
    found = findings(datasets)
    assert "constant" not in codes_of(found)
    assert " 100 % " in only(found, "padding_covers").sentence


@pytest.mark.parametrize("with_frames", [True, False])
def test_two_patients_under_one_series_are_named_without_their_names(
    with_frames: bool,
) -> None:
    datasets = [at(AXIAL, 2.0 * i, i + 1) for i in range(12)]
    for i, dataset in enumerate(datasets):
        dataset.PatientID = f"P{i // 6}"
        dataset.ImagePositionPatient = [0, 0, 2.0 * (i % 6)]
        if with_frames:
            dataset.FrameOfReferenceUID = f"1.2.3.{i // 6}"
    stacks = assembled(datasets)
    assert sorted(map(numbers_of, stacks)) == [list(range(1, 7)), list(range(7, 13))]
    for series in stacks:
        sentence = only(series.findings, "mixed_patient").sentence
        assert "2 different Patient IDs" in sentence
        assert "P0" not in sentence


def test_pictures_sent_again_into_another_stack_are_named() -> None:
    rng = np.random.default_rng(0)
    planes = [rng.integers(0, 500, (32, 32)).astype(np.int16) for _ in range(8)]
    datasets = [at(AXIAL, 2.0 * i, i + 1) for i in range(8)]
    datasets += [at(AXIAL, 2.0 * i, i + 9) for i in (2, 3, 4)]
    for dataset, plane in zip(datasets, [*planes, *planes[2:5]], strict=True):
        dataset.Rows = dataset.Columns = 32
        dataset.PixelData = plane.tobytes()
    for dataset in datasets[8:]:
        dataset.PatientName = "Corrected"
    for series in assembled(datasets):
        sentence = only(series.findings, "repeated_pixels").sentence
        assert sentence.startswith("3 pictures of one stack of this series are in")


@pytest.mark.parametrize("n_turns", [2, 3])
def test_slices_numbered_in_turns_are_a_note_and_a_moved_one_is_not(
    n_turns: int,
) -> None:
    order = [i for turn in range(n_turns) for i in range(turn, 12, n_turns)]
    datasets = [at(AXIAL, 3.0 * place, n + 1) for n, place in enumerate(order)]
    found = findings(datasets)
    assert f"{n_turns} times" in only(found, "numbered_in_turns").sentence
    assert "instance_order" not in codes_of(found)
    order[1], order[7] = order[7], order[1]
    datasets = [at(AXIAL, 3.0 * place, n + 1) for n, place in enumerate(order)]
    assert "instance_order" in codes_of(findings(datasets))


def test_spacing_of_two_protocols_is_one_of_theirs_not_the_step_between() -> None:
    zs, thick = [0, 2, 4, 6, 11, 19, 27, 35], [2, 2, 2, 2, 8, 8, 8, 8]
    datasets = [
        at(AXIAL, z, i + 1, SliceThickness=mm)
        for i, (z, mm) in enumerate(zip(zs, thick, strict=True))
    ]
    (series,) = assembled(datasets)
    assert series.volume.spacing_mm[0] == 2.0
    assert not {"gap", "uneven_spacing"} & codes_of(series.findings)


def test_one_spacing_stands_for_both_with_a_remark() -> None:
    remarks: list[tuple[str, str]] = []
    dataset = Dataset()
    dataset.PixelSpacing = 0.7
    assert SafeDataset(dataset, remarks).sides("PixelSpacing") == (0.7, 0.7)
    assert "holds one value" in remarks[0][1]
    dataset.PixelSpacing = [0.7, 0.7, 0.7]
    assert SafeDataset(dataset, remarks).sides("PixelSpacing") is None


@pytest.mark.parametrize(
    ("image_type", "is_hu"),
    [
        (["DERIVED", "SECONDARY", "AXIAL", "CBF"], False),
        (["DERIVED", "PRIMARY", "PERFUSION", "MTT_RGB"], False),
        (["ORIGINAL", "PRIMARY", "PERFUSION", "NONE"], True),
        (["DERIVED", "SECONDARY", "MPR"], True),
    ],
)
def test_maps_computed_from_hu_are_not_hu(image_type: list[str], is_hu: bool) -> None:
    plane = np.random.default_rng(0).integers(20, 60, (64, 64)).astype(np.int16)
    datasets = [
        ct_slice(2.0 * i, i + 1, plane + i, ImageType=image_type) for i in range(4)
    ]
    (series,) = assembled(datasets)
    assert (series.volume.unit == "HU") == is_hu
    assert ("not_hu" in codes_of(series.findings)) != is_hu


@pytest.mark.parametrize("kind", ["mhd", "nhdr"])
def test_values_at_the_end_of_a_file_are_read_from_its_end(kind: str) -> None:
    values = np.arange(24, dtype="<i2").reshape(2, 3, 4)
    if kind == "mhd":
        lines = [
            "ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\nHeaderSize = -1",
            "ElementSpacing = 1 1 1\nElementType = MET_SHORT",
            "ElementDataFile = a.raw\n",
        ]
        layout = read_metaimage("\n".join(lines).encode())
    else:
        lines = [
            "NRRD0005\ntype: short\ndimension: 3\nsizes: 4 3 2\nendian: little",
            "encoding: raw\nspacings: 1 1 1\nbyte skip: -1\ndata file: a.raw\n",
        ]
        layout = read_nrrd("\n".join(lines).encode())
    companion = b"FOREIGN HEADER" + values.tobytes()
    parsed = parsed_volume(layout, b"", companion, Limits())
    assert parsed.pixels is not None
    np.testing.assert_array_equal(parsed.pixels[0], values)
    assert parsed.remarks[-1].code == "hidden_bytes"
    with pytest.raises(RejectedFileError, match="cut short"):
        parsed_volume(layout, b"", companion[-40:], Limits())
