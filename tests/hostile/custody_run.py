"""A whole examination as a process of its own, for tests that look at what it leaves.

    python -m tests.hostile.custody_run EVIDENCE WORK

Import, score, click and keep a place, report, verify report and case. Every attempt to
open something below EVIDENCE for writing, or to rename, remove or touch it, is counted
by an audit hook, also where the system would have refused it. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

__all__ = ["main"]

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = (
    "os.chmod",
    "os.chown",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.setxattr",
    "os.symlink",
    "os.truncate",
    "os.utime",
)


def _watch(evidence: Path, attempts: list[str]) -> None:
    inside = str(evidence)
    names = {place.name for place in evidence.rglob("*")}

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            named = isinstance(path, str | bytes | os.PathLike)
            # Opened by the handle of its folder, a file has only its name here.
            if named and (
                os.fsdecode(path).startswith(inside) or os.fsdecode(path) in names
            ):
                writes = isinstance(flags, int) and flags & _WRITING
                if writes or (isinstance(mode, str) and set(mode) & set("wax+")):
                    attempts.append(f"open {os.fsdecode(path)} {mode} {flags}")
        elif event in _CHANGES and any(str(a).startswith(inside) for a in arguments):
            attempts.append(f"{event} {arguments}")

    sys.addaudithook(hook)


def main(evidence: Path, work: Path) -> dict[str, Any]:
    """Run it all; see the module."""
    from btd_desktop.calibration.profile import write_profile
    from btd_desktop.dicom.series import LoadedSeries
    from btd_desktop.examination.models import ModelEntry, open_detector
    from btd_desktop.paths import user_profiles_dir
    from btd_desktop.progress import TaskContext
    from btd_desktop.workflow.calibrate import calibrate_on
    from btd_desktop.workflow.examine import ExamineOptions, examine
    from btd_desktop.workflow.examine_case import report_on_case, score_place
    from btd_desktop.workflow.import_series import CaseDetails
    from btd_desktop.workflow.issue_report import ReportOptions
    from btd_desktop.workflow.services import Services
    from btd_desktop.workflow.verify import verify_case_folder, verify_report_file
    from tests.factories import make_ct_volume, make_tiny_model

    services, context, case = Services(), TaskContext(), work / "case"
    card = make_tiny_model(work / "models" / "tiny-ct")
    detector = open_detector(
        ModelEntry(work / "models" / "tiny-ct", card, "", shipped=False)
    )
    volumes = [make_ct_volume(n, patient_id=f"T-{n}") for n in range(1, 5)]
    benign = [LoadedSeries(v, f"1.2.{n}", "", (), ()) for n, v in enumerate(volumes, 1)]
    profile = calibrate_on(
        benign, detector, name="p", fpr=0.1, services=services, context=context
    )
    write_profile(replace(profile, name="p"), user_profiles_dir() / "p.json")
    attempts: list[str] = []
    _watch(evidence, attempts)
    examined = examine(
        [evidence], case, CaseDetails(), ExamineOptions(), services, context
    )
    _, finding = score_place(
        case, 1, (1, 48, 48), services, mode="anomaly", keep=True, note="here"
    )
    _, issued = report_on_case(case, services, ReportOptions())
    verdict = verify_report_file(issued.path, evidence=[evidence])
    check, _ = verify_case_folder(case, reports=[issued.path, examined.report.path])
    return {
        "attempts": attempts,
        "fates": examined.fates,
        "finding": finding is not None,
        "report_ok": verdict.ok,
        "report_problems": list(verdict.problems),
        "n_evidence_compared": verdict.n_evidence_compared,
        "case_intact": check.is_intact,
        "evidence": check.summary,
    }


if __name__ == "__main__":
    os.environ["BTD_HOME"] = str(Path(sys.argv[2]) / "home")
    os.environ["BTD_MODELS_DIR"] = str(Path(sys.argv[2]) / "models")
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
