"""Every file of `data/odd` ends in exactly one fate with a reason; nothing raises."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.series import Fate, Import
from btd_desktop.progress import TaskContext

pytestmark = pytest.mark.realdata

_NO_IMAGE = (
    "ExplVR_LitEndNoMeta.dcm",
    "reportsi.dcm",
    "rtplan_truncated.dcm",
    "rtstruct.dcm",
)
_DAMAGED = ("MR_truncated.dcm", *(f"truncated_j2k_{i}.dcm" for i in range(4)))
_LOSSLESS = (
    "BigEndian",
    "Deflated",
    "LosslessOnly",
    "LSLossless",
    "14SV1",
    "14Transfer",
    "RLE",
)


@pytest.fixture(scope="module")
def odd(shared_data: Path) -> Path:
    return shared_data / "odd"


@pytest.fixture(scope="module")
def one_by_one(odd: Path) -> dict[str, Import]:
    """Each file imported on its own, so that none is a duplicate."""
    return {
        path.name: import_evidence([path], TaskContext())
        for path in sorted(odd.iterdir())
    }


def test_whole_folder_accounts_for_every_file(
    odd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = import_evidence([odd], TaskContext())
    with capsys.disabled():
        sys.stdout.write(
            f"\n[odd] {Counter(file.fate.value for file in result.files)}\n"
        )
        for entry in result.files:
            sys.stdout.write(
                f"[odd] {entry.fate:<13} {entry.name[:58]:<58} {entry.reason}\n"
            )
    assert sorted(entry.name for entry in result.files) == sorted(
        path.name for path in odd.iterdir()
    )
    for entry in result.files:
        assert bool(entry.reason) == (entry.fate is not Fate.ACCEPTED)
        assert len(entry.sha256) == 64
    used = [name for series in result.series for name in series.record_names]
    accepted = {e.name for e in result.files if e.fate is Fate.ACCEPTED}
    assert set(used) == accepted


def test_each_file_alone_ends_in_one_record(one_by_one: dict[str, Import]) -> None:
    for name, result in one_by_one.items():
        (entry,) = result.files
        assert entry.name == name
        assert bool(result.series) == (entry.fate is Fate.ACCEPTED)


def test_objects_without_an_image_are_named_as_such(
    one_by_one: dict[str, Import],
) -> None:
    for name in _NO_IMAGE:
        (entry,) = one_by_one[name].files
        assert entry.fate is Fate.NOT_AN_IMAGE
        assert "holds no image" in entry.reason


def test_truncated_pixels_are_damaged(one_by_one: dict[str, Import]) -> None:
    for name in _DAMAGED:
        assert one_by_one[name].files[0].fate is Fate.DAMAGED


def test_one_image_in_every_lossless_syntax_has_the_same_pixels(
    one_by_one: dict[str, Import],
) -> None:
    plain = one_by_one["CTImage.dcm"]
    compared = [
        result
        for name, result in one_by_one.items()
        if name.startswith("CTImage.dcm_") and any(part in name for part in _LOSSLESS)
    ]
    assert len(compared) == len(_LOSSLESS)
    for result in compared:
        assert result.files[0].pixel_sha256 == plain.files[0].pixel_sha256
        np.testing.assert_array_equal(
            result.series[0].volume.voxels, plain.series[0].volume.voxels
        )


def test_lossy_images_say_so(one_by_one: dict[str, Import]) -> None:
    lossy = [
        n for n in one_by_one if "LSLossy" in n or "Process1T" in n or "Process2" in n
    ]
    assert len(lossy) == 3
    for name in lossy:
        (series,) = one_by_one[name].series
        assert "lossy" in {finding.code for finding in series.findings}


def test_enhanced_multiframe_is_the_same_in_every_encoding(
    one_by_one: dict[str, Import],
) -> None:
    names = [n for n in one_by_one if n.startswith("emri_small") and "short" not in n]
    assert len(names) == 4
    digests = {one_by_one[name].files[0].pixel_sha256 for name in names}
    assert len(digests) == 1
    assert one_by_one[names[0]].series[0].volume.n_slices == 10
