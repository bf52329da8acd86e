"""What may be called HU: both halves of the rescale, values that materials have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    MRImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    VLEndoscopicImageStorage,
)

from btd_desktop.dicom.hounsfield import why_not_hu
from btd_desktop.dicom.series import LoadedSeries
from tests.unit.dicom.check_samples import assembled, codes_of, only
from tests.unit.dicom.samples import ct_slice

N = 4
SIDE = 96
ROW, COLUMN = np.mgrid[:SIDE, :SIDE]


def body(seed: int) -> NDArray[np.int16]:
    """HU of a slice as a scanner keeps them: air, soft tissue, a lung, bone, noise."""
    rng = np.random.default_rng(seed)
    plane = np.full((SIDE, SIDE), -1000.0)
    inside = np.hypot((ROW - 48) / 0.8, COLUMN - 48) < 40
    plane[inside] = 40.0
    plane[np.hypot(ROW - 46, COLUMN - 34) < 11] = -850.0
    plane[np.hypot(ROW - 60, COLUMN - 50) < 6] = 600.0
    noisy = (plane + rng.normal(0, 12, plane.shape)).round()
    return noisy.clip(-1024, 3071).astype(np.int16)


def stack(offset: int = 1024, scale: float = 1.0, **more: Any) -> list[FileDataset]:
    """CT slices with stored values of HU times `scale` plus `offset`."""
    headers: dict[str, Any] = {"RescaleIntercept": -1024, **more}
    return [
        ct_slice(
            2.0 * index,
            index + 1,
            (body(index) * scale + offset).round().astype(np.int16),
            **headers,
        )
        for index in range(N)
    ]


def one(datasets: list[FileDataset]) -> LoadedSeries:
    (series,) = assembled(datasets)
    return series


def _reasons(series: LoadedSeries) -> str:
    return " ".join(series.volume.source.not_covered or ())


def test_plain_ct_is_in_hu_and_may_be_covered() -> None:
    series = one(stack())
    assert series.volume.unit == "HU"
    assert not series.volume.source.not_covered
    assert not {"not_hu", "no_intercept", "no_rescale"} & codes_of(series.findings)


def _float_map(unit: str) -> Sequence:
    code, mapping = Dataset(), Dataset()
    code.CodeValue = unit
    mapping.MeasurementUnitsCodeSequence = Sequence([code])
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 1.0, -1024.0
    return Sequence([mapping])


NOT_HU: dict[str, tuple[dict[str, Any], str]] = {
    "no intercept": ({"RescaleIntercept": None}, "RescaleIntercept is missing"),
    "no slope": ({"RescaleSlope": None}, "RescaleSlope is missing"),
    "slope zero": ({"RescaleSlope": 0}, "RescaleSlope is missing, zero"),
    "two slopes": ({"RescaleSlope": [1, 2]}, "RescaleSlope is missing"),
    "wrong intercept": ({"RescaleIntercept": 0}, "what looks like air lies at"),
    "intercept of the other sign": (
        {"RescaleIntercept": 1024},
        "what looks like air lies at",
    ),
    "intercept applied twice": (
        {"offset": 0, "RescaleIntercept": -1024},
        "what looks like air lies at",
    ),
    "stretched": ({"scale": 3.0, "offset": 2048}, "nothing lies where soft tissue"),
    "type US": ({"RescaleType": "US"}, 'RescaleType says "US"'),
    "type of iodine": ({"RescaleType": "MGML"}, 'RescaleType says "MGML"'),
    "another real-world unit": (
        {"RealWorldValueMappingSequence": _float_map("mg/ml")},
        "another unit",
    ),
    "localizer": (
        {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        "a projection has no HU",
    ),
    "secondary capture": (
        {"SOPClassUID": SecondaryCaptureImageStorage, "RescaleType": "HU"},
        "secondary capture",
    ),
    "look-up table": ({"ModalityLUTSequence": Sequence([Dataset()])}, "look-up table"),
    "all below the body": ({"scale": 0.1, "offset": 100}, "without a body"),
}


@pytest.mark.parametrize("name", NOT_HU)
def test_values_without_a_sound_rule_are_not_called_hu(name: str) -> None:
    more, words = NOT_HU[name]
    series = one(stack(**more))
    assert series.volume.unit != "HU"
    assert words in _reasons(series)
    finding = only(series.findings, "not_hu")
    assert finding.severity == "warning"
    assert words in finding.sentence
    assert "fractional_hu" not in codes_of(series.findings)


def test_unit_is_what_the_rescale_type_says() -> None:
    assert one(stack(RescaleType="MGML")).volume.unit == "mg/ml"
    assert one(stack(RescaleType="US")).volume.unit == ""
    assert one(stack(RescaleType="HU")).volume.unit == "HU"


def test_missing_half_of_the_rule_names_its_slices_alone() -> None:
    datasets = stack()
    del datasets[1].RescaleIntercept
    finding = only(one(datasets).findings, "no_intercept")
    assert finding.instance_uids == (str(datasets[1].SOPInstanceUID),)


def test_eight_bits_are_no_hu() -> None:
    planes = [(body(i) // 8 + 128).clip(0, 255).astype(np.uint8) for i in range(N)]
    datasets = stack(RescaleSlope=8, BitsStored=8, HighBit=7, BitsAllocated=8)
    for dataset, plane in zip(datasets, planes, strict=True):
        dataset.PixelRepresentation = 0
        dataset.PixelData = plane.tobytes()
    assert "8 bits do not hold" in _reasons(one(datasets))


@pytest.mark.parametrize(
    ("signed", "pasted", "shown"),
    [(0, 65533, "64509"), (1, -20000, "-21024"), (0, 64000, "62976")],
)
def test_impossible_values_are_named_with_their_slice(
    signed: int, pasted: int, shown: str
) -> None:
    datasets = stack(PixelRepresentation=signed)
    stored = np.frombuffer(datasets[2].PixelData, "<u2").copy()
    stored[1000:1040] = pasted & 0xFFFF
    datasets[2].PixelData = stored.tobytes()
    series = one(datasets)
    finding = only(series.findings, "impossible_hu")
    assert finding.severity == "warning"
    assert shown in finding.sentence
    assert "40 pixels of 1 slice" in finding.sentence
    assert finding.instance_uids == (str(datasets[2].SOPInstanceUID),)
    assert "fractional_hu" not in codes_of(series.findings)
    assert series.volume.unit != "HU"


def test_declared_padding_is_not_impossible() -> None:
    datasets = stack(PixelRepresentation=0)
    for dataset in datasets:
        stored = np.frombuffer(dataset.PixelData, "<u2").copy()
        stored[:200] = 63536
        dataset.PixelData = stored.tobytes()
        dataset.add_new(0x00280120, "US", 63536)
    series = one(datasets)
    assert series.volume.unit == "HU"
    assert not {"impossible_hu", "wrapped_values"} & codes_of(series.findings)


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_wrapped_values_say_what_they_are_with_the_other_sign(modality: str) -> None:
    more: dict[str, Any] = {"PixelRepresentation": 0}
    if modality == "MR":
        more |= {"SOPClassUID": MRImageStorage, "Modality": "MR"}
    datasets = stack(**more)
    stored = np.frombuffer(datasets[0].PixelData, "<u2").copy()
    stored[500:510] = 65533
    datasets[0].PixelData = stored.tobytes()
    finding = only(one(datasets).findings, "wrapped_values")
    assert "they are -3 to -3" in finding.sentence
    assert "wrapped_values" not in codes_of(one(stack(**more)).findings)


def test_mr_is_asked_for_no_rescale() -> None:
    more: dict[str, Any] = {"SOPClassUID": MRImageStorage, "Modality": "MR"}
    series = one(stack(RescaleSlope=None, RescaleIntercept=None, **more))
    codes = codes_of(series.findings)
    assert not {"not_hu", "no_rescale", "no_intercept"} & codes
    assert series.volume.unit == ""


@pytest.mark.parametrize("low", [-3024, -2048, -1024])
def test_surroundings_below_air_are_no_reason(low: int) -> None:
    planes = np.stack([body(index) for index in range(N)])
    planes[:, np.hypot(ROW - 48, COLUMN - 48) > 47] = low
    assert why_not_hu(planes, None) == ()


@pytest.mark.parametrize("part", ["soft tissue alone", "lung alone", "brain and skull"])
def test_parts_of_a_body_without_air_are_no_reason(part: str) -> None:
    rng = np.random.default_rng(3)
    planes = rng.normal(40, 15, (N, 64, 64))
    if part == "lung alone":
        planes -= 880
        planes[:, 20:30, 20:30] = 30.0
    elif part == "brain and skull":
        planes[:, :4] = rng.normal(1000, 250, (N, 4, 64))
    assert why_not_hu(planes.round().astype(np.int16), None) == ()


def test_mapping_to_hu_beside_another_rescale_is_a_note() -> None:
    same = one(stack(RealWorldValueMappingSequence=_float_map("[hnsf'U]")))
    assert "real_world_map" not in codes_of(same.findings)
    assert same.volume.unit == "HU"
    more: dict[str, Any] = {"RealWorldValueMappingSequence": _float_map("[hnsf'U]")}
    other = one(stack(offset=1000, RescaleIntercept=-1000, **more))
    assert only(other.findings, "real_world_map").severity == "note"


def test_per_frame_rescale_type_counts() -> None:
    datasets = stack()
    for dataset in datasets:
        rule, group = Dataset(), Dataset()
        rule.RescaleSlope, rule.RescaleIntercept, rule.RescaleType = 1, -1024, "Z_EFF"
        group.PixelValueTransformationSequence = Sequence([rule])
        dataset.SharedFunctionalGroupsSequence = Sequence([group])
    assert one(datasets).volume.unit == "Z_EFF"


def test_secondary_captures_of_mr_are_covered_by_nothing() -> None:
    series = one(stack(SOPClassUID=SecondaryCaptureImageStorage, Modality="MR"))
    assert series.volume.modality == "MR"
    assert series.volume.unit == ""
    assert "secondary captures" in _reasons(series)
    assert "not_hu" not in codes_of(series.findings)


def test_secondary_captures_of_several_frames_are_told_and_other_classes_are_not() -> (
    None
):
    words = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    found = one(stack(SOPClassUID=words, RescaleType="HU"))
    assert "secondary capture" in _reasons(found)
    assert only(found.findings, "secondary_capture").severity == "warning"
    # Its UID begins with the digits of the class, and goes on: 77, not 7.
    other = one(stack(SOPClassUID=VLEndoscopicImageStorage))
    assert "secondary_capture" not in codes_of(other.findings)
    assert other.volume.unit == "HU"
