"""Calibrates on a folder of genuine scans and compares it with the shipped profile.

    python docs/examples/compare_calibrations.py GENUINE [RATE]

GENUINE holds scans of at least three patients. Nothing is saved. Needs torch.
"""

from __future__ import annotations

import sys
from pathlib import Path

from btd_desktop.calibration.ecdf import smallest_level
from btd_desktop.calibration.level import LevelCalibration
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.errors import BtdError
from btd_desktop.examination.models import find_model, open_detector
from btd_desktop.examination.profiles import list_profiles
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.calibrate import calibrate_paths
from btd_desktop.workflow.services import Services


def told(level: LevelCalibration) -> str:
    """Threshold of a level, or why there is none."""
    if level.threshold is None or level.interval is None:
        return f"no threshold: {level.reason}"
    low, high = level.interval
    return f"threshold {level.threshold:.2f}, true rate {low:.2g} to {high:.2g}"


def tell(profile: CalibrationProfile) -> None:
    """Print what a profile says of the anomaly score, a line for each level."""
    least = smallest_level(profile.n_patients)
    print(f"{profile.name}: {profile.n_patients} patients, rate {profile.target_fpr:g}")
    print(f"  the smallest rate that they establish is {least:.2g}")
    for name, level in profile.levels["anomaly"].items():
        print(f"  {name}: {told(level)}")


def compare(genuine: Path, rate: float) -> None:
    """Print the shipped profiles of the CT model, then one fitted here."""
    detector = open_detector(find_model("", "CT"))
    for _, shipped in list_profiles(detector.card):
        if isinstance(shipped, CalibrationProfile):
            tell(shipped)
    fitted = calibrate_paths(
        [genuine],
        detector,
        name="Example",
        fpr=rate,
        services=Services(),
        context=TaskContext(),
    )
    tell(fitted)


if __name__ == "__main__":
    try:
        compare(Path(sys.argv[1]), float((sys.argv[2:] or ["0.05"])[0]))
    except BtdError as error:
        sys.exit(f"{error.detail}. {error.hint}")
