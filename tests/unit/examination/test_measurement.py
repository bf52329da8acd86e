"""Lengths, angles, regions and profiles are what NumPy says; the case keeps them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from btd_desktop.cases import audit
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CaseError
from btd_desktop.examination.measurement import (
    measure,
    measurement_text,
    measurements_in,
    profile_values,
)
from btd_desktop.volume import Volume
from btd_desktop.workflow.measure import keep_measurement, remove_measurement
from btd_desktop.workflow.services import Services

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def _volume(**changes) -> Volume:
    shape = (4, 30, 40)
    voxels = np.random.default_rng(3).integers(-200, 200, shape).astype(np.int16)
    volume = Volume(
        voxels=voxels,
        modality="CT",
        unit="HU",
        spacing_mm=(5.0, 0.5, 2.0),
        origin_mm=(0.0, 0.0, 0.0),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=(0.0, 5.0, 10.0, 15.0),
        instance_uids=("a", "b", "c", "d"),
    )
    return replace(volume, **changes)


def test_length_goes_by_the_spacing_of_rows_and_columns():
    made = measure(_volume(), "length", 1, 0, [(2, 10, 5), (2, 18, 8)])
    # 8 rows of 0.5 mm, 3 columns of 2 mm.
    assert made.numbers.length_mm == pytest.approx(np.hypot(4.0, 6.0))
    assert made.numbers.length_px == pytest.approx(np.hypot(8, 3))
    assert measurement_text(made) == "length 7.2 mm"


def test_length_across_slices_goes_by_their_distance():
    made = measure(_volume(), "length", 1, 2, [(0, 10, 5), (3, 10, 5)])
    assert made.numbers.length_mm == pytest.approx(15.0)


def test_without_spacing_lengths_are_pixels_and_say_so():
    volume = _volume(spacing_mm=(5.0, 0.0, 0.0))
    length = measure(volume, "length", 1, 0, [(0, 0, 0), (0, 3, 4)])
    region = measure(volume, "region", 1, 0, [(0, 0, 0), (0, 3, 4)])
    angle = measure(volume, "angle", 1, 0, [(0, 0, 5), (0, 0, 0), (0, 5, 5)])
    assert length.numbers.length_mm is None
    assert measurement_text(length) == "length 5.0 px (no pixel spacing stated)"
    assert "no pixel spacing stated" in measurement_text(region)
    assert measurement_text(angle) == "angle 45.0° by pixels (no pixel spacing stated)"


def test_angle_is_that_of_millimetres_not_of_pixels():
    made = measure(_volume(), "angle", 1, 0, [(0, 10, 9), (0, 10, 5), (0, 26, 9)])
    # The second arm: 16 rows of 0.5 mm down, 4 columns of 2 mm across.
    assert made.numbers.angle_deg == pytest.approx(45.0)
    right = measure(_volume(), "angle", 1, 0, [(0, 10, 9), (0, 10, 5), (0, 26, 5)])
    assert right.numbers.angle_deg == pytest.approx(90.0)


@pytest.mark.parametrize("corners", [((1, 4, 6), (1, 9, 15)), ((1, 9, 15), (1, 4, 6))])
def test_region_has_both_corners_and_the_statistics_of_numpy(corners):
    volume = _volume()
    made = measure(volume, "region", 1, 0, corners).numbers
    values = volume.voxels[1, 4:10, 6:16].astype(float)
    assert made.n == 60
    assert made.mean == pytest.approx(values.mean())
    assert made.sd == pytest.approx(values.std(ddof=1))
    assert (made.low, made.high) == (values.min(), values.max())
    assert made.area_mm2 == pytest.approx(6 * 0.5 * 10 * 2.0)


def test_padding_is_no_measurement():
    padding = np.zeros((4, 30, 40), np.bool_)
    padding[0, :, 20:] = True
    volume = _volume(padding=padding)
    made = measure(volume, "region", 1, 0, [(0, 0, 18), (0, 0, 22)]).numbers
    assert made.n == 2
    assert made.mean == pytest.approx(volume.voxels[0, 0, 18:20].mean())
    none = measure(volume, "region", 1, 0, [(0, 0, 30), (0, 2, 32)])
    assert none.numbers.n == 0
    assert "no value" in measurement_text(none)


def test_profile_takes_voxels_as_they_are():
    volume = _volume()
    distance, values, in_mm = profile_values(volume, [(3, 5, 2), (3, 5, 11)])
    assert in_mm
    assert values.tolist() == volume.voxels[3, 5, 2:12].tolist()
    assert distance[-1] == pytest.approx(18.0)
    slanted = profile_values(volume, [(3, 0, 0), (3, 20, 10)])[1]
    assert len(slanted) == 21
    assert set(slanted) <= set(volume.voxels[3].ravel().tolist())


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("length", [(0, 0, 0)]),
        ("length", [(0, 0, 0), (1, 1, 1)]),
        ("length", [(0, 0, 0), (0, 30, 0)]),
        ("angle", [(0, 0, 0), (0, 1, 1)]),
    ],
)
def test_what_is_no_measurement_is_refused(kind, points):
    with pytest.raises(ValueError, match="point"):
        measure(_volume(), kind, 1, 0, points)


def test_case_keeps_measurements_over_reopening_and_forgets_removed_ones(tmp_path):
    services = Services(now=lambda: NOW)
    volume = _volume()
    with CaseStore.create(tmp_path / "case", now=NOW, examiner="E. Xaminer") as store:
        series = store.add_series(volume, now=NOW)
        length = measure(volume, "length", series, 0, [(0, 0, 0), (0, 0, 5)])
        angle = measure(volume, "angle", series, 0, [(0, 0, 5), (0, 0, 0), (0, 5, 5)])
        region = measure(volume, "region", series, 1, [(0, 3, 0), (3, 3, 5)])
        for one in (length, angle, region):
            keep_measurement(store, one, services)
    with CaseStore.open(tmp_path / "case") as store:
        kept = measurements_in(store)
        assert [k.measurement for k in kept] == [length, angle, region]
        assert {k.actor for k in kept} == {"E. Xaminer"}
        n_entries = store.head()[0]
        remove_measurement(store, kept[1].number, services)
        assert store.head()[0] == n_entries + 1
        assert [k.measurement for k in measurements_in(store)] == [length, region]
        entry = store.audit_log(audit.MEASUREMENT_REMOVED)[0]
        assert "angle" in entry.details["summary"]
        assert store.verify().is_intact
        with pytest.raises(CaseError, match="no measurement"):
            remove_measurement(store, kept[1].number, services)


def test_entry_that_is_no_measurement_is_told(tmp_path):
    with CaseStore.create(tmp_path / "case", now=NOW) as store:
        store.append_audit(audit.MEASURED, {"measurement": {"kind": "x"}}, "E", NOW)
        with pytest.raises(CaseError, match="no measurement"):
            measurements_in(store)
