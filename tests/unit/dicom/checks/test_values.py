"""Stored values: range, combs, stated extremes, padding."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.uid import MRImageStorage

from btd_desktop.dicom.checks.values import check_voxels, skipped_share
from btd_desktop.volume import Volume
from tests.unit.dicom.check_samples import codes_of, findings, only, stack_of, uid_of
from tests.unit.dicom.samples import ct_slice

SIDE = 160


def tissue(seed: int, n_bits: int = 12) -> NDArray[np.int16]:
    """Stored values of air and tissue with noise, as a scanner rounds them."""
    rng = np.random.default_rng(seed)
    plane = np.full((SIDE, SIDE), 24.0)
    plane[20:140, 20:140] = 1060.0
    plane[60:90, 60:90] = 1300.0
    noisy = plane + rng.normal(0, 25, plane.shape)
    return noisy.round().clip(0, 2**n_bits - 1).astype(np.int16)


def test_values_of_a_scanner_are_not_worth_a_word() -> None:
    datasets = [
        ct_slice(2.0 * i, i + 1, tissue(i), RescaleIntercept=-1024) for i in range(6)
    ]
    words = {"comb", "few_values", "clipped", "clipped_low", "stated_range", "constant"}
    assert not words & codes_of(findings(datasets))


@pytest.mark.parametrize("factor", [1.25, 1.7, 3.0])
def test_values_stretched_after_rounding_leave_a_comb(factor: float) -> None:
    planes = [(tissue(i) * factor).round().astype(np.int16) for i in range(6)]
    datasets = [ct_slice(2.0 * i, i + 1, plane) for i, plane in enumerate(planes)]
    finding = only(findings(datasets), "comb")
    assert finding.severity == "warning"


def test_comb_in_mr_is_a_note() -> None:
    datasets = [
        ct_slice(
            2.0 * i,
            i + 1,
            (tissue(i) * 1.7).astype(np.int16),
            SOPClassUID=MRImageStorage,
            Modality="MR",
        )
        for i in range(6)
    ]
    assert only(findings(datasets), "comb").severity == "note"


def test_values_that_went_through_eight_bits_are_few() -> None:
    planes = [((tissue(i) // 16) * 16).astype(np.int16) for i in range(6)]
    datasets = [ct_slice(2.0 * i, i + 1, plane) for i, plane in enumerate(planes)]
    finding = only(findings(datasets), "few_values")
    assert finding.severity == "warning"


def test_skipped_share_of_plain_and_combed_counts() -> None:
    plain = np.full(400, 1000, dtype=np.int64)
    assert skipped_share(plain) == 0.0
    combed = plain.copy()
    combed[::5] = 0
    assert skipped_share(combed) == pytest.approx(0.2, abs=0.02)
    assert skipped_share(np.ones(400, dtype=np.int64)) == 0.0
    assert skipped_share(np.array([5], dtype=np.int64)) == 0.0


def test_clipped_top_and_bottom_quote_the_value() -> None:
    planes = [tissue(i).clip(0, 1100) for i in range(2)]
    datasets = [ct_slice(2.0 * i, i + 1, plane) for i, plane in enumerate(planes)]
    assert "exactly 1076" in only(findings(datasets), "clipped").sentence
    planes = [tissue(i).clip(500, 3000) for i in range(2)]
    datasets = [ct_slice(2.0 * i, i + 1, plane) for i, plane in enumerate(planes)]
    assert "exactly 476 HU" in only(findings(datasets), "clipped_low").sentence


def test_fractional_slope_is_quoted() -> None:
    found = findings([ct_slice(RescaleSlope=1.25)])
    finding = only(found, "fractional_hu")
    assert finding.severity == "note"
    assert "1.25" in finding.sentence
    assert "fractional_hu" not in codes_of(findings([ct_slice()]))


def test_stated_extremes_that_are_not_those_of_the_pixels_name_the_slice() -> None:
    datasets = stack_of(3)
    for dataset in datasets:
        stored = np.frombuffer(dataset.PixelData, dtype="<i2")
        dataset.add_new(0x00280106, "SS", int(stored.min()))
        dataset.add_new(0x00280107, "SS", int(stored.max()))
    assert "stated_range" not in codes_of(findings(datasets))
    datasets[1].add_new(0x00280107, "SS", 3071)
    finding = only(findings(datasets), "stated_range")
    assert finding.severity == "note"
    assert finding.instance_uids == (uid_of(datasets[1]),)
    assert "3071" in finding.sentence


def test_stated_extremes_as_unsigned_bits_are_the_same() -> None:
    dataset = ct_slice()
    stored = np.frombuffer(dataset.PixelData, dtype="<i2")
    dataset.add_new(0x00280106, "US", int(stored.min()) % 65536)
    dataset.add_new(0x00280107, "US", int(stored.max()))
    assert "stated_range" not in codes_of(findings([dataset]))


def _padded(value: int, *, inside: bool) -> NDArray[np.int16]:
    plane = tissue(1)
    plane[:10] = value
    if inside:
        plane[70:74, 70:75] = value
    return plane


def test_padding_inside_the_picture_is_counted() -> None:
    around = ct_slice(pixels=_padded(-2000, inside=False))
    around.add_new(0x00280120, "SS", -2000)
    assert "padding_inside" not in codes_of(findings([around]))
    inside = ct_slice(pixels=_padded(-2000, inside=True))
    inside.add_new(0x00280120, "SS", -2000)
    finding = only(findings([inside]), "padding_inside")
    assert finding.severity == "note"
    assert "20 pixels" in finding.sentence


@pytest.mark.parametrize(
    ("low", "limit", "covers"),
    [(-1024, 1024, True), (0, 2000, True), (1040, 1080, True), (-2000, 100, False)],
)
def test_padding_range_over_tissue_is_a_warning_with_its_share(
    low: int, limit: int, covers: bool
) -> None:
    datasets = [
        ct_slice(2.0 * i, i + 1, tissue(i), RescaleIntercept=-1024) for i in range(3)
    ]
    for dataset in datasets:
        dataset.add_new(0x00280120, "SS", low)
        dataset.add_new(0x00280121, "SS", limit)
    found = findings(datasets)
    assert ("padding_covers" in codes_of(found)) is covers
    if covers:
        finding = only(found, "padding_covers")
        assert finding.severity == "warning"
        assert "% of what is not air" in finding.sentence


def test_slice_that_is_padding_as_a_whole_is_named() -> None:
    datasets = [
        ct_slice(2.0 * i, i + 1, tissue(i), RescaleIntercept=-1024) for i in range(3)
    ]
    datasets[1].PixelData = np.full((SIDE, SIDE), -2000, "<i2").tobytes()
    for dataset in datasets:
        dataset.add_new(0x00280120, "SS", -2000)
    finding = only(findings(datasets), "padding_slices")
    assert finding.severity == "warning"
    assert finding.instance_uids == (uid_of(datasets[1]),)


def test_values_beyond_the_stated_bits_give_both_ranges_once_for_all_slices() -> None:
    datasets = []
    for index in range(5):
        plane = tissue(index)
        plane[70:75, 70:75] = 4600 + index
        more = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0}
        datasets.append(ct_slice(2.0 * index, index + 1, plane, **more))
    finding = only(findings(datasets), "element:high_bits")
    assert "to 4604, cut to the bits stored from" in finding.sentence
    assert "No overlay element" in finding.sentence
    assert "perhaps" not in finding.sentence


def test_mixed_padding_values_are_a_warning() -> None:
    datasets = stack_of(3)
    for index, dataset in enumerate(datasets):
        dataset.add_new(0x00280120, "SS", -2000 if index else -1000)
    assert only(findings(datasets), "mixed_padding").severity == "warning"


def test_constant_values_are_no_picture() -> None:
    flat = ct_slice(pixels=np.zeros((24, 32), dtype=np.int16))
    assert only(findings([flat]), "constant").severity == "warning"


def test_voxels_of_other_formats_are_checked_too() -> None:
    values = (tissue(1)[np.newaxis] - 1024).astype(np.float32) + 0.5
    volume = Volume(
        voxels=values,
        modality="CT",
        unit="HU",
        spacing_mm=(0.0, 1.0, 1.0),
        origin_mm=(0.0, 0.0, 0.0),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=(0.0,),
        instance_uids=("1",),
    )
    assert "fractional_hu" in codes_of(check_voxels(volume))
