"""Order, distances and locations of slices against what the header states."""

from __future__ import annotations

from tests.unit.dicom.check_samples import codes_of, findings, only, stack_of, uid_of
from tests.unit.dicom.samples import picture


def test_regular_stack_is_not_worth_a_word() -> None:
    datasets = stack_of(5, SpacingBetweenSlices=2, SliceThickness=2)
    for index, dataset in enumerate(datasets):
        dataset.SliceLocation = 100 + 2 * index
    words = ("spac", "thick", "location", "order", "gap", "repeat", "number")
    assert not {
        code for code in codes_of(findings(datasets)) if any(w in code for w in words)
    }


def test_slice_with_a_number_out_of_order_is_named() -> None:
    datasets = stack_of(6)
    datasets[2].InstanceNumber = 40
    finding = only(findings(datasets), "instance_order")
    assert finding.instance_uids == (uid_of(datasets[2]),)


def test_order_against_the_normal_is_no_finding() -> None:
    datasets = stack_of(6)
    for index, dataset in enumerate(datasets):
        dataset.InstanceNumber = 10 - index
    assert "instance_order" not in codes_of(findings(datasets))
    datasets[1].InstanceNumber = 2
    finding = only(findings(datasets), "instance_order")
    assert finding.instance_uids == (uid_of(datasets[1]),)


def test_instance_numbers_of_any_size_are_counted() -> None:
    datasets = stack_of(3)
    datasets[2].InstanceNumber = 2**31 - 1
    assert "instance_number_gap" in codes_of(findings(datasets))


def test_repeated_pixels_name_their_slices() -> None:
    datasets = stack_of(4)
    datasets[3].PixelData = datasets[1].PixelData
    finding = only(findings(datasets), "repeated_pixels")
    assert set(finding.instance_uids) == {uid_of(datasets[1]), uid_of(datasets[3])}


def test_stated_spacing_that_differs_is_a_note() -> None:
    finding = only(findings(stack_of(4, SpacingBetweenSlices=5)), "stated_spacing")
    assert finding.severity == "note"
    assert "says 5 mm" in finding.sentence
    assert "say 2 mm" in finding.sentence


def test_negative_stated_spacing_counts_by_its_size() -> None:
    found = findings(stack_of(4, SpacingBetweenSlices=-2))
    assert "stated_spacing" not in codes_of(found)


def test_slices_thinner_than_their_distance_are_a_note() -> None:
    finding = only(findings(stack_of(4, SliceThickness=1)), "spaced_slices")
    assert finding.severity == "note"
    thick = findings(stack_of(4, SliceThickness=5))
    assert "spaced_slices" not in codes_of(thick)


def test_slice_of_another_thickness_is_named() -> None:
    datasets = stack_of(5)
    datasets[3].SliceThickness = 1.25
    finding = only(findings(datasets), "mixed_thickness")
    assert finding.severity == "warning"
    assert finding.instance_uids == (uid_of(datasets[3]),)


def test_slice_whose_location_does_not_follow_is_named() -> None:
    datasets = stack_of(7)
    for index, dataset in enumerate(datasets):
        dataset.SliceLocation = 50 - 2 * index
    assert "slice_location" not in codes_of(findings(datasets))
    datasets[4].SliceLocation = 77
    finding = only(findings(datasets), "slice_location")
    assert finding.instance_uids == (uid_of(datasets[4]),)


def test_locations_along_another_axis_are_no_finding() -> None:
    datasets = stack_of(7)
    for index, dataset in enumerate(datasets):
        dataset.SliceLocation = 3.3 * index
    assert "slice_location" not in codes_of(findings(datasets))


def test_pictures_of_the_samples_differ() -> None:
    """The other tests rest on it."""
    assert not (picture(1) == picture(2)).all()
