"""The demonstration's scans and calibration, made once and used again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from btd_desktop.progress import TaskContext
from btd_desktop.workflow.services import Services

if TYPE_CHECKING:
    from btd_desktop.calibration.profile import CalibrationProfile

__all__ = ["demo_profile", "prepare_demo"]


def prepare_demo(
    out: Path, services: Services, context: TaskContext, *, device: str
) -> CalibrationProfile:
    """Simulate suspect and benign scans below `out` and calibrate on the benign ones.

    Raises:
        SettingsError: The folder holds something else.
        ModelError: No CT model is installed.
        Cancelled: The examiner asked to stop; the same call goes on later.
    """
    from btd_desktop.calibration.profile import write_profile
    from btd_desktop.simulator.demo import make_demo
    from btd_desktop.workflow.calibrate import calibrate_paths
    from btd_desktop.workflow.demo import demo_folders
    from btd_desktop.workflow.model_library import find_model, open_detector

    where = demo_folders(out)
    entry = find_model("", "CT")
    digest = "" if entry.card is None else entry.card.digest
    if not where["truth"].is_file():
        make_demo(where["data"], context=context)
    known = demo_profile(out)
    if known is not None and known.model.get("digest") == digest:
        return known
    profile = calibrate_paths(
        [where["benign"]],
        open_detector(entry, device=device),
        name="Simulated benign scans (demonstration)",
        fpr=services.settings.default_fpr,
        services=services,
        context=context,
        notes=(
            "The benign scans are simulated: this profile speaks for the "
            "demonstration's simulated scanner only.",
        ),
    )
    if where["profile"].is_file():
        where["profile"].replace(where["profile"].with_suffix(".old.json"))
    write_profile(profile, where["profile"])
    return profile


def demo_profile(out: Path) -> CalibrationProfile | None:
    """The demonstration's profile when it was made already.

    Raises:
        CalibrationError: The file was altered.
    """
    from btd_desktop.calibration.profile import read_profile

    path = out / "profile.json"
    return read_profile(path) if path.is_file() else None
