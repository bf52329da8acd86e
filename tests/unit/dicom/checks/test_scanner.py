"""Maker, modality, field of view and bits that contradict each other."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.uid import MRImageStorage

from btd_desktop.dicom.makers import (
    maker_named,
    maker_of_kernel,
    maker_of_model,
    maker_of_private_creator,
    maker_of_software,
)
from tests.unit.dicom.check_samples import codes_of, findings, only, stack_of, uid_of
from tests.unit.dicom.samples import ct_slice


@pytest.mark.parametrize(
    ("name", "maker"),
    [
        ("GE MEDICAL SYSTEMS", "GE"),
        ("ge", "GE"),
        ("SIEMENS", "Siemens"),
        ("Siemens Healthineers", "Siemens"),
        ("Philips Medical Systems", "Philips"),
        ("TOSHIBA", "Toshiba/Canon"),
        ("Canon Medical Systems", "Toshiba/Canon"),
        ("UIH", "United Imaging"),
        ("Acme", ""),
        ("", ""),
        ("Geneva Imaging", ""),
    ],
)
def test_maker_named_knows_the_common_spellings(name: str, maker: str) -> None:
    assert maker_named(name) == maker


@pytest.mark.parametrize(
    ("kernel", "maker"),
    [
        ("B30f", "Siemens"),
        ("Br40d\\3", "Siemens"),
        ("FC51", "Toshiba/Canon"),
        ("BONEPLUS", "GE"),
        ("STANDARD", ""),
        ("D", ""),
        ("59 .10.AB50", ""),
    ],
)
def test_maker_of_kernel_only_where_the_form_is_one_makers(
    kernel: str, maker: str
) -> None:
    assert maker_of_kernel(kernel) == maker


def test_makers_of_other_words() -> None:
    assert maker_of_model("LightSpeed VCT") == "GE"
    assert maker_of_model("SOMATOM Definition") == "Siemens"
    assert maker_of_model("Ingenia") == "Philips"
    assert maker_of_software("syngo CT 2007S") == "Siemens"
    assert maker_of_software("07MW18.4") == "GE"
    assert maker_of_software("V2.02ER003") == "Toshiba/Canon"
    assert maker_of_software("5.1.9") == ""
    assert maker_of_private_creator("GEMS_ACQU_01") == "GE"
    assert maker_of_private_creator("SIEMENS CSA HEADER") == "Siemens"
    assert maker_of_private_creator("Philips MR Imaging DD 001") == "Philips"
    assert maker_of_private_creator("TOSHIBA_MEC_CT3") == "Toshiba/Canon"
    assert maker_of_private_creator("CTP") == ""
    assert maker_of_private_creator("SIEMENS MED DISPLAY") == ""


@pytest.mark.parametrize(
    ("code", "elements"),
    [
        ("maker_and_model", {"ManufacturerModelName": "SOMATOM Force"}),
        ("maker_and_software", {"SoftwareVersions": "syngo CT 2012B"}),
        ("maker_and_kernel", {"ConvolutionKernel": "B30f"}),
    ],
)
def test_words_of_another_maker_are_a_warning(
    code: str, elements: dict[str, Any]
) -> None:
    found = findings([ct_slice(Manufacturer="GE MEDICAL SYSTEMS", **elements)])
    finding = only(found, code)
    assert finding.severity == "warning"
    assert "Siemens" in finding.sentence
    assert "GE MEDICAL SYSTEMS" in finding.sentence
    same = findings([ct_slice(Manufacturer="SIEMENS", **elements)])
    assert code not in codes_of(same)


def _with_blocks(manufacturer: str, *creators: str) -> Any:
    dataset = ct_slice(Manufacturer=manufacturer)
    for index, creator in enumerate(creators):
        block = dataset.private_block(0x0019 + 2 * index, creator, create=True)
        block.add_new(0x01, "LO", "x")
    return dataset


def test_private_blocks_of_another_maker_alone_are_a_warning() -> None:
    dataset = _with_blocks("SIEMENS", "GEMS_ACQU_01", "CTP")
    finding = only(findings([dataset]), "private_blocks_of_others")
    assert finding.severity == "warning"
    assert '"GEMS_ACQU_01"' in finding.sentence


def test_private_blocks_of_another_maker_beside_the_own_are_a_note() -> None:
    dataset = _with_blocks("SIEMENS", "GEMS_ACQU_01", "SIEMENS CT VA0  COAD")
    assert only(findings([dataset]), "private_blocks_of_others").severity == "note"


def test_own_private_blocks_are_not_worth_a_word() -> None:
    dataset = _with_blocks("GE MEDICAL SYSTEMS", "GEMS_ACQU_01", "MITRA LINKED")
    assert "private_blocks_of_others" not in codes_of(findings([dataset]))


def test_elements_of_another_modality_are_named() -> None:
    found = findings([ct_slice(EchoTime=90, RepetitionTime=0)])
    finding = only(found, "foreign_elements")
    assert finding.severity == "warning"
    assert "EchoTime 90" in finding.sentence
    assert "RepetitionTime" not in finding.sentence
    mr = ct_slice(SOPClassUID=MRImageStorage, Modality="MR", KVP=120, EchoTime=90)
    assert "KVP 120" in only(findings([mr]), "foreign_elements").sentence
    assert "foreign_elements" not in codes_of(findings([ct_slice(KVP=120)]))


def test_field_of_view_that_does_not_fit_names_its_slices() -> None:
    datasets = stack_of(3, PixelSpacing=[0.5, 0.5], ReconstructionDiameter=12.0)
    # 24 rows and 32 columns of 0.5 mm: 12 x 16 mm; one side fits.
    assert "field_of_view" not in codes_of(findings(datasets))
    datasets[1].ReconstructionDiameter = 500
    finding = only(findings(datasets), "field_of_view")
    assert finding.instance_uids == (uid_of(datasets[1]),)
    assert "500 mm" in finding.sentence


def test_odd_high_bit_is_a_note() -> None:
    found = findings([ct_slice(BitsStored=12, HighBit=15)])
    assert only(found, "high_bit").severity == "note"
    assert "high_bit" not in codes_of(findings([ct_slice()]))


def test_eight_bits_are_a_warning() -> None:
    found = findings([ct_slice(BitsStored=8, HighBit=7)])
    assert only(found, "eight_bit").severity == "warning"
    assert "eight_bit" not in codes_of(findings([ct_slice()]))


def test_bare_header_lists_what_is_missing() -> None:
    assert (
        "ManufacturerModelName" in only(findings([ct_slice()]), "bare_header").sentence
    )
    full = ct_slice(
        Manufacturer="SIEMENS", ManufacturerModelName="Force", StudyDate="20200101"
    )
    assert "bare_header" not in codes_of(findings([full]))
