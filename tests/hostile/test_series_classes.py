"""Files that are sound alone and contradict each other: classes of whole series."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from btd_desktop.dicom.series import Import
from tests.hostile.campaign_evidence import import_violations
from tests.hostile.file_classes import ct_of
from tests.unit.dicom.samples import (
    enhanced_ct,
    file_bytes,
    load,
    picture,
    save,
)

Files = dict[str, bytes]
_MR = "1.2.840.10008.5.1.4.1.1.4"
ACCEPTED, DUPLICATE = {"accepted": 4}, {"accepted": 4, "duplicate": 1}


@dataclass(frozen=True, slots=True)
class SeriesClass:
    """A class of series: its files, and what the import makes of them.

    Attributes:
        make: Files by name; the argument is the name of the class.
        n_series: Stacks that can be examined.
        codes: Findings on one or more of them.
        fates: Number of files by fate.
    """

    make: Callable[[str], Files]
    n_series: int
    codes: set[str]
    fates: dict[str, int]


def _slice(name: str, i: int, **more: Any) -> bytes:
    """Slice `i` of a series: like the one before, 2 mm further."""
    values: dict[str, Any] = {
        "InstanceNumber": i + 1,
        "ImagePositionPatient": [0.0, 0.0, 2.0 * i],
        "pixels": picture(i),
        **more,
    }
    dataset = ct_of(name, **values)
    dataset.SOPInstanceUID = f"{dataset.SOPInstanceUID}.{i}"
    return file_bytes(dataset)


def _stack(name: str, n: int = 4, **more: Any) -> Files:
    return {f"{i}.dcm": _slice(name, i, **more) for i in range(n)}


def _last(**more: Any) -> Callable[[str], Files]:
    """Four slices, the last of which differs."""
    return lambda name: {**_stack(name, 3), "3.dcm": _slice(name, 3, **more)}


def _all(**more: Any) -> Callable[[str], Files]:
    return lambda name: _stack(name, **more)


def _copy(**more: Any) -> Callable[[str], Files]:
    """Four slices and a fifth file that claims to be the first one."""

    def make(name: str) -> Files:
        return {**_stack(name), "9.dcm": _slice(name, 0, **more)}

    return make


def _two_scanners(name: str) -> Files:
    files = _stack(name, 3, DeviceSerialNumber="1001")
    return {**files, "3.dcm": _slice(name, 3, DeviceSerialNumber="2002")}


def _reused_pixels(name: str) -> Files:
    return _stack(name, pixels=picture(77))


def _tilted(name: str) -> Files:
    places = [[0.0, 0.7 * i, 2.0 * i] for i in range(4)]
    return {
        f"{i}.dcm": _slice(name, i, ImagePositionPatient=place)
        for i, place in enumerate(places)
    }


def _phases(name: str) -> Files:
    """Two times at each of two positions (4D)."""
    return {
        f"{i}{t}.dcm": _slice(
            name,
            2 * i + t,
            ImagePositionPatient=[0.0, 0.0, 2.0 * i],
            TemporalPositionIdentifier=t + 1,
        )
        for i in range(2)
        for t in range(2)
    }


def _multi_frame(name: str, **more: Any) -> Files:
    frames = np.stack([picture(i) for i in range(5)])
    dataset = enhanced_ct([8.0, 2.0, 4.0, 6.0, 0.0], frames)
    dataset.SeriesInstanceUID = ct_of(name).SeriesInstanceUID
    dataset.SOPInstanceUID = ct_of(name).SOPInstanceUID
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    return {"0.dcm": file_bytes(dataset)}


def _multi_frame_mr(name: str) -> Files:
    return _multi_frame(name, SOPClassUID=f"{_MR}.1", Modality="MR")


def _study_of_two(name: str) -> Files:
    """Two series of one study, each of another patient."""
    study = ct_of(name).StudyInstanceUID
    second = _stack(f"{name} 2", 2, StudyInstanceUID=study, PatientID="P2")
    first = _stack(name, 2, PatientID="P1")
    return {**first, **{f"second/{file}": data for file, data in second.items()}}


def _mixed_endings(name: str) -> Files:
    """One slice cut short: its series is examined without it, and says so."""
    files = _stack(name, 5)
    return {**files, "2.dcm": files["2.dcm"][:-100]}


CLASSES: dict[str, SeriesClass] = {
    "as it should be": SeriesClass(_all(), 1, set(), ACCEPTED),
    "same UID, same bytes": SeriesClass(_copy(), 1, set(), DUPLICATE),
    "same UID, other header": SeriesClass(_copy(PatientID="P2"), 1, set(), DUPLICATE),
    "same UID, other pixels": SeriesClass(
        _copy(pixels=picture(99)), 1, {"conflicting_copy"}, DUPLICATE
    ),
    "same pixels under four UIDs": SeriesClass(
        _reused_pixels, 1, {"repeated_pixels"}, ACCEPTED
    ),
    "mixed image size": SeriesClass(
        _last(pixels=picture(3, (20, 30))), 2, {"split"}, ACCEPTED
    ),
    "mixed pixel spacing": SeriesClass(
        _last(PixelSpacing=[0.5, 0.5]), 2, {"split"}, ACCEPTED
    ),
    "mixed orientation": SeriesClass(
        _last(ImageOrientationPatient=[0, 1, 0, 0, 0, 1]), 2, {"split"}, ACCEPTED
    ),
    "CT and MR in one series": SeriesClass(
        _last(SOPClassUID=_MR, Modality="MR"),
        2,
        {"split"},
        ACCEPTED,
    ),
    "another patient inside": SeriesClass(
        _last(PatientID="P2"), 1, {"mixed_patient"}, ACCEPTED
    ),
    "another patient in the study": SeriesClass(
        _study_of_two, 2, {"study_of_several_patients"}, ACCEPTED
    ),
    "another scanner inside": SeriesClass(_two_scanners, 1, {"mixed_device"}, ACCEPTED),
    "another rescale rule inside": SeriesClass(
        _last(RescaleIntercept=-1000), 1, {"mixed_rescale"}, ACCEPTED
    ),
    "a gap": SeriesClass(
        _last(ImagePositionPatient=[0.0, 0.0, 14.0]), 1, {"gap"}, ACCEPTED
    ),
    "a position twice": SeriesClass(
        _last(ImagePositionPatient=[0.0, 0.0, 4.0]), 1, {"repeated_position"}, ACCEPTED
    ),
    "no positions": SeriesClass(
        _all(ImagePositionPatient=None), 1, {"no_geometry"}, ACCEPTED
    ),
    "one position missing": SeriesClass(
        _last(ImagePositionPatient=None), 2, {"no_geometry"}, ACCEPTED
    ),
    "gantry tilt": SeriesClass(_tilted, 1, {"gantry_tilt"}, ACCEPTED),
    "4D": SeriesClass(_phases, 2, set(), ACCEPTED),
    "enhanced multi-frame": SeriesClass(_multi_frame, 1, set(), {"accepted": 1}),
    "enhanced multi-frame MR": SeriesClass(_multi_frame_mr, 1, set(), {"accepted": 1}),
    "a slice cut short": SeriesClass(
        _mixed_endings, 1, {"gap"}, {"accepted": 4, "damaged": 1}
    ),
    "no UIDs at all": SeriesClass(
        _all(SeriesInstanceUID=None), 1, {"no_series_uid"}, ACCEPTED
    ),
}


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Import:
    root = tmp_path_factory.mktemp("series")
    for index, (name, kind) in enumerate(CLASSES.items()):
        for file, data in kind.make(name).items():
            save(root, f"{index:02d}/{file}", data)
    return load(root)


def test_no_import_of_contradictions_breaks_a_rule(imported: Import) -> None:
    assert import_violations(imported) == []
    n_files = sum(sum(kind.fates.values()) for kind in CLASSES.values())
    assert len(imported.files) == n_files


@pytest.mark.parametrize("name", CLASSES)
def test_class_of_series_is_told(name: str, imported: Import) -> None:
    kind, folder = CLASSES[name], f"{list(CLASSES).index(name):02d}/"
    records = [r for r in imported.files if r.name.startswith(folder)]
    assert Counter(r.fate.value for r in records) == kind.fates
    assert all(bool(r.reason) != (r.fate.value == "accepted") for r in records)
    series = [s for s in imported.series if s.record_names[0].startswith(folder)]
    assert len(series) == kind.n_series
    codes = {finding.code for item in series for finding in item.findings}
    assert kind.codes <= codes
    for item in series:
        assert (np.diff(item.volume.slice_positions_mm) >= 0).all()


@pytest.mark.parametrize(
    ("name", "modality"),
    [("enhanced multi-frame", "CT"), ("enhanced multi-frame MR", "MR")],
)
def test_multi_frame_is_ordered_by_position(
    name: str, modality: str, imported: Import
) -> None:
    folder = f"{list(CLASSES).index(name):02d}/"
    (series,) = [s for s in imported.series if s.record_names[0].startswith(folder)]
    wanted = np.stack([picture(i) for i in (4, 1, 2, 3, 0)])
    np.testing.assert_array_equal(series.volume.voxels, wanted - 100)
    assert series.volume.modality == modality


@pytest.mark.slow
def test_series_of_5000_slices_is_one_volume(tmp_path: Path) -> None:
    """One template with number, position and UID written in: 5,000 files in seconds."""
    name = "long"
    dataset = ct_of(
        name, pixels=picture(1, (8, 8)), ImagePositionPatient=["0", "0", "10000.00"]
    )
    dataset.SOPInstanceUID = f"{dataset.SeriesInstanceUID}.10000"
    dataset.InstanceNumber = 10000
    data = file_bytes(dataset)
    head, tail = data[:-128], data[-128:]
    for i in range(5000):
        changed = head.replace(b".10000", b".%d" % (10000 + i))
        changed = changed.replace(b"10000.00", b"%08.2f" % (2.0 * i))
        changed = changed.replace(b"\x05\x0010000", b"\x05\x00%05d" % i)
        (tmp_path / f"{(i * 37) % 5000:04d}.dcm").write_bytes(
            changed + struct.pack("<h", i) + tail[2:]
        )
    result = load(tmp_path)
    (series,) = result.series
    assert series.volume.shape == (5000, 8, 8)
    assert len(result.files) == 5000
    first = series.volume.voxels[:, 0, 0].astype(int)
    np.testing.assert_array_equal(first, np.arange(5000) - 24)
