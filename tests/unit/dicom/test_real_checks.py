"""Checks on real scans: genuine ones stay quiet, a changed slice is named."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, ExplicitVRLittleEndian, generate_uid
from scipy.ndimage import gaussian_filter, shift

from btd_desktop.dicom.instance_file import parse_instance
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from tests.unit.dicom.check_samples import codes_of, only
from tests.unit.dicom.samples import load

pytestmark = pytest.mark.realdata

# Two of the 88 series of this folder are one scan, sent twice to its archive.
KNOWN = {"ct/ct05": {"pixels_elsewhere": 2}, "ct/ct09": {}, "mr/mr06": {}}


@pytest.mark.parametrize("folder", sorted(KNOWN))
def test_genuine_series_give_no_other_warning(shared_data: Path, folder: str) -> None:
    warned: dict[str, int] = {}
    for series in load(shared_data / folder).series:
        for finding in series.findings:
            if finding.severity == "warning":
                warned[finding.code] = warned.get(finding.code, 0) + 1
    assert warned == KNOWN[folder]


def _smoothed(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(gaussian_filter(plane, 0.7))


def _moved(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    moved = np.asarray(shift(plane, (0.5, 0.5), order=3, mode="nearest"))
    return np.asarray(np.clip(moved, plane.min(), plane.max()))


def _changed(
    data: bytes, work: Callable[[NDArray[np.float64]], NDArray[np.float64]] = _smoothed
) -> bytes:
    """The file as a careless editor leaves it: processed, saved by a toolkit."""
    parsed = parse_instance(data, DEFAULT_LIMITS)
    assert parsed.pixels is not None
    smooth = work(parsed.pixels[0].astype(np.float64)).round()
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.PixelData = smooth.astype(parsed.pixels.dtype).tobytes()
    dataset["PixelData"].VR = "OW"
    dataset["PixelData"].is_undefined_length = False
    dataset.SOPInstanceUID = generate_uid()
    meta = dataset.file_meta
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    meta.ImplementationVersionName = "PYDICOM 3.0.2"
    buffer = io.BytesIO()
    dataset.save_as(buffer, implicit_vr=False, little_endian=True)
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore")
def test_slice_changed_by_a_toolkit_is_named_by_several_checks(
    shared_data: Path, tmp_path: Path
) -> None:
    files = sorted((shared_data / "ct" / "ct09").iterdir())
    place = len(files) // 2
    for index, path in enumerate(files):
        data = path.read_bytes()
        (tmp_path / path.name).write_bytes(_changed(data) if index == place else data)
    (series,) = load(tmp_path).series
    at = series.record_names.index(files[place].name)
    uid = series.volume.instance_uids[at]
    codes = ("mixed_writer", "mixed_uid_issuers", "mixed_transfer_syntax")
    for code in (*codes, "noise_outlier"):
        assert only(series.findings, code).instance_uids == (uid,)
    assert "conflicting_copy" not in codes_of(series.findings)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("folder", ["ct03", "ct09", "ct20", "ct22", "ct28"])
def test_a_whole_series_moved_by_half_a_pixel_is_named(
    shared_data: Path, tmp_path: Path, folder: str
) -> None:
    for path in sorted((shared_data / "ct" / folder).iterdir())[:6]:
        (tmp_path / path.name).write_bytes(_changed(path.read_bytes(), _moved))
    (series,) = load(tmp_path).series
    traces = {f.code for f in series.findings if f.severity == "warning"}
    assert traces & {"smoothed_noise", "directional_noise"}
    assert series.volume.source.processing
