"""This program's anomaly score, exactly as a click on the place gives it."""

from __future__ import annotations

from btd_desktop.bench.detectors.detector import BenchDetector
from btd_desktop.bench.place import Observed
from btd_desktop.bench.shift import AS_IF
from btd_desktop.calibration.apply import calibrate_place
from btd_desktop.calibration.profile import CalibrationProfile


def _whole(seen: Observed, profile: CalibrationProfile) -> float:
    found = calibrate_place(profile, AS_IF, seen.place, seen.series, seen.copy)
    return found["anomaly"].score


def _features(seen: Observed, profile: CalibrationProfile) -> float:
    found = calibrate_place(profile, AS_IF, seen.place, seen.series)
    return found["anomaly"].score


OURS = BenchDetector("ours", "ours", ranks=_whole)
OURS_FEATURES = BenchDetector(
    "ours_features", "ours, no search for copies", ranks=_features
)
