"""A whole series that was processed is told from one that a scanner reconstructed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.dicom.checks.processing import (
    TRACES,
    check_processing,
    declared_processing,
    with_processing,
)
from btd_desktop.dicom.instance import FrameFacts, InstanceFacts
from btd_desktop.dicom.processing import measure_processing
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.dicom.stack import Slice
from btd_desktop.simulator.chest import chest_phantom
from btd_desktop.simulator.ct import simulate_ct
from btd_desktop.simulator.scanners import CT_SCANNERS
from btd_desktop.volume import Volume, integral_or_float
from tests.unit.dicom.check_samples import codes_of

Array = NDArray[np.float32]
N_SLICES = 3
SHIFTED = ("smoothed_noise", "directional_noise")


@functools.cache
def scan(scanner: int = 0) -> Volume:
    """A simulated chest on one of the simulated scanners."""
    return simulate_ct(
        chest_phantom(np.random.default_rng(3)),
        CT_SCANNERS[scanner],
        n_slices=N_SLICES,
        rows=512,
        seed=3,
    )


def changed(volume: Volume, work: Callable[[Array], Array]) -> Volume:
    """Every slice processed and rounded to whole HU again."""
    planes = np.stack([work(plane) for plane in volume.voxels.astype(np.float32)])
    return dataclasses.replace(volume, voxels=integral_or_float(np.rint(planes)))


def zoomed(plane: Array, rows: int) -> Array:
    factor = rows / plane.shape[0]
    made: Array = ndimage.zoom(plane, factor, order=1, grid_mode=True, mode="nearest")
    return made


def with_noise(plane: Array) -> Array:
    noise = np.random.default_rng(0).normal(0.0, 15.0, plane.shape)
    return np.asarray(plane + noise, np.float32)


def found(volume: Volume, slices: tuple[Slice, ...] = ()) -> list[SeriesFinding]:
    return list(check_processing(slices, volume))


def headed(**text: str) -> Slice:
    """A slice of 512 pixels with these texts in its header."""
    flags = ("lossy",) if text.pop("lossy", "") else ()
    facts = InstanceFacts(
        {"modality": "CT", **text}, {}, frames=(FrameFacts(),), flags=flags
    )
    stored = np.zeros((512, 512), np.int16)
    return Slice("1", "1.dcm", facts, facts.frames[0], 0, stored, "")


@pytest.mark.parametrize("scanner", range(len(CT_SCANNERS)))
def test_reconstructions_of_every_kernel_and_dose_give_no_warning(scanner: int) -> None:
    findings = found(scan(scanner))
    assert codes_of(findings) <= {"white_noise"}
    assert {finding.severity for finding in findings} <= {"note"}


@pytest.mark.parametrize(
    ("work", "codes"),
    [
        (lambda p: ndimage.shift(p, (0.0, 0.5), order=1), SHIFTED),
        (lambda p: ndimage.shift(p, (0.5, 0.5), order=3), SHIFTED),
        (lambda p: ndimage.gaussian_filter(p, 1.0), ("smoothed_noise",)),
        (lambda p: ndimage.median_filter(p, 3), ("repeated_values",)),
        (lambda p: zoomed(zoomed(p, 480), 512), ("resampled_grid",)),
        (lambda p: zoomed(p, 400), ("resampled_grid",)),
        (with_noise, ("white_noise",)),
        (lambda p: 2.0 * np.rint(p / 2.0), ("odd_levels",)),
        (lambda p: 8.0 * np.rint(p / 8.0), ("odd_levels",)),
        (lambda p: 1.02 * p, ("odd_levels",)),
    ],
    ids=[
        "half a pixel along rows",
        "half a pixel both ways",
        "smoothed",
        "median",
        "another grid and back",
        "another grid",
        "white noise added",
        "steps of 2 HU",
        "steps of 8 HU",
        "times 1.02",
    ],
)
def test_processing_is_found_and_its_rate_on_genuine_series_said(
    work: Callable[[Array], Array], codes: tuple[str, ...]
) -> None:
    findings = [f for f in found(changed(scan(), work)) if f.code in codes]
    assert findings
    for finding in findings:
        is_note = TRACES[finding.code].is_note
        assert finding.severity == ("note" if is_note else "warning")
        n_series = TRACES[finding.code].genuine.n_series
        assert n_series > 30
        assert f"of {n_series} genuine CT series" in finding.sentence


def test_slices_drawn_between_slices_are_told_from_overlapping_ones() -> None:
    apart = scan()
    planes = apart.voxels.astype(np.float32)
    doubled = np.empty((2 * N_SLICES - 1, *planes.shape[1:]), np.float32)
    doubled[::2], doubled[1::2] = planes, (planes[1:] + planes[:-1]) / 2
    n = len(doubled)
    volume = dataclasses.replace(
        apart,
        voxels=integral_or_float(np.rint(doubled)),
        slice_positions_mm=tuple(float(i) for i in range(n)),
        instance_uids=tuple(str(i) for i in range(n)),
        slice_origins_mm=None,
        padding=None,
    )
    assert "interpolated_slices" in codes_of(found(volume))


def test_a_border_shifted_by_part_of_a_pixel_is_soft() -> None:
    rows, columns = np.mgrid[:512, :512] - 255.5
    outside = rows**2 + columns**2 > 255**2
    padded = changed(scan(), lambda p: np.where(outside, np.float32(-2000), p))
    assert "soft_border" not in codes_of(found(padded))
    moved = changed(padded, lambda p: ndimage.shift(p, 0.3, order=1, mode="nearest"))
    assert "soft_border" in codes_of(found(moved))


@pytest.mark.parametrize(
    "text",
    [
        {"image_type": "DERIVED\\SECONDARY\\MPR"},
        {"lossy": "yes"},
        {"kernel": "I31f\\3"},
        {"kernel": "Br40d\\3"},
        {"kernel": "STANDARD", "description": "CHEST ASIR-V 50%"},
        {"reconstruction": "ITERATIVE"},
        {"derivation": "smoothed for display"},
        {"modality": "MR", "acquisition_matrix": "[256, 0, 0, 192]"},
        {"modality": "MR", "acquisition_matrix": "256\\0\\0\\256"},
        {"modality": "MR", "scan_options": "FAST\\ZIP512"},
    ],
)
def test_what_the_header_declares_is_a_note(text: dict[str, str]) -> None:
    slices = (headed(**text), headed(**text))
    smooth = changed(scan(), lambda p: ndimage.gaussian_filter(p, 1.0))
    findings = found(smooth, slices)
    assert {"processing_declared", "smoothed_noise"} <= codes_of(findings)
    assert {finding.severity for finding in findings} == {"note"}
    assert not with_processing(smooth, findings).source.processing


@pytest.mark.parametrize(
    "text",
    [
        {},
        {"image_type": "ORIGINAL\\PRIMARY\\AXIAL"},
        {"kernel": "B30f"},
        {"kernel": "STANDARD", "description": "FIRST PASS", "protocol": "IRIS clinic"},
        {"reconstruction": "FILTER_BACK_PROJ"},
        {"derivation": "3:1 JPEGLOSSLESSPROCFIRSTORDERREDICT"},
        {"modality": "MR", "acquisition_matrix": "[0, 512, 512, 0]"},
        {"modality": "MR", "acquisition_matrix": "nonsense"},
    ],
)
def test_an_ordinary_header_declares_nothing(text: dict[str, str]) -> None:
    assert declared_processing([headed(**text)]) == []


def test_one_slice_that_declares_does_not_excuse_the_others() -> None:
    assert declared_processing([headed(lossy="yes"), headed()]) == []
    assert declared_processing([]) == []


def test_undeclared_traces_are_kept_for_the_scope_in_words() -> None:
    smooth = changed(scan(), lambda p: ndimage.gaussian_filter(p, 1.0))
    kept = with_processing(smooth, found(smooth))
    assert TRACES["smoothed_noise"].words in (kept.source.processing or ())
    assert with_processing(scan(), found(scan())) is scan()


@pytest.mark.parametrize("modality", ["MR", "CT"])
def test_traces_without_hu_are_notes(modality: str) -> None:
    smooth = changed(scan(), lambda p: 8.0 * np.rint((p + 1024.0) / 8.0))
    findings = found(dataclasses.replace(smooth, modality=modality, unit=""))
    assert "odd_levels" in codes_of(findings)
    assert {finding.severity for finding in findings} == {"note"}


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (2, 64, 64), (1, 128, 200), (3, 129, 128)]
)
@pytest.mark.parametrize("fill", ["constant", "noise", "huge"])
def test_any_picture_is_measured_without_an_error(
    shape: tuple[int, int, int], fill: str
) -> None:
    rng = np.random.default_rng(1)
    values = {
        "constant": np.zeros(shape),
        "noise": rng.normal(0.0, 20.0, shape).round(),
        "huge": rng.normal(0.0, 1e30, shape),
    }[fill]
    volume = dataclasses.replace(
        scan(),
        voxels=integral_or_float(values),
        slice_positions_mm=tuple(float(i) for i in range(shape[0])),
        instance_uids=tuple(str(i) for i in range(shape[0])),
        slice_origins_mm=None,
        padding=None,
    )
    with np.errstate(all="raise", under="ignore"):
        for unit in ("HU", ""):
            made = measure_processing(dataclasses.replace(volume, unit=unit))
            assert all(np.isfinite(value) for value in made.values())


def test_the_same_series_gives_the_same_numbers() -> None:
    assert measure_processing(scan()) == measure_processing(scan())
