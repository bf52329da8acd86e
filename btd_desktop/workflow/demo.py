"""The demonstration: simulate, calibrate, examine, report, compare with the truth."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from btd_desktop.calibration.profile import (
    CalibrationProfile,
    read_profile,
    write_profile,
)
from btd_desktop.cases.model import Finding
from btd_desktop.cases.store import CaseStore
from btd_desktop.diffusion.torch_part import require_torch
from btd_desktop.errors import SettingsError
from btd_desktop.examination.declared import Mandate
from btd_desktop.examination.models import find_model, open_detector
from btd_desktop.examination.statement import Asked, Received, Statement
from btd_desktop.progress import TaskContext
from btd_desktop.simulator.demo import DemoPlan, make_demo
from btd_desktop.workflow.calibrate import calibrate_paths
from btd_desktop.workflow.choose import keep_profile
from btd_desktop.workflow.examine import Examination, ExamineOptions, examine
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    holds_case,
)
from btd_desktop.workflow.issue_report import ReportOptions
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.state import state

# A finding has found a tampered place whose centre lies within a quarter of the patch's
# side (96 px) and four slices of the finding.
_FOUND_WITHIN_PX = 24
_FOUND_WITHIN_SLICES = 4
_UNFINISHED = "data.part"


@dataclass(frozen=True, slots=True)
class TruthCheck:
    """One place that was tampered with, and whether it was found.

    Attributes:
        kind: "injection" or "removal".
        slice_index, row, column: Its centre, from 0.
        finding: The finding that holds it, or None.
        p_value: p-value of the finding's slice, or None.
    """

    kind: str
    slice_index: int
    row: int
    column: int
    finding: Finding | None
    p_value: float | None

    def to_json(self) -> dict[str, object]:
        """JSON value; the slice is counted from 1."""
        return {
            "kind": self.kind,
            "slice": self.slice_index + 1,
            "x": self.column,
            "y": self.row,
            "found": self.finding is not None,
            "finding_id": None if self.finding is None else self.finding.finding_id,
            "p_value": self.p_value,
        }


@dataclass(frozen=True, slots=True, eq=False)
class DemoOutcome:
    """Result of the demonstration.

    Attributes:
        folder: Where everything lies.
        examination: Case, scores and report.
        profile: Calibration on the simulated benign scans.
        truth: One entry per tampered place.
    """

    folder: Path
    examination: Examination
    profile: CalibrationProfile
    truth: tuple[TruthCheck, ...]

    @property
    def all_found(self) -> bool:
        """True when every tampered place was flagged."""
        return all(t.finding is not None for t in self.truth)


def demo_folders(out: Path) -> dict[str, Path]:
    """Folders and files of a demonstration: data, suspect, benign, profile, case."""
    return {
        "data": out / "data",
        "suspect": out / "data" / "suspect",
        "benign": out / "data" / "benign",
        "truth": out / "data" / "truth.json",
        "profile": out / "profile.json",
        "case": out / "case",
    }


_DETAILS = CaseDetails(
    title="Demonstration (simulated)",
    case_number="DEMO-1",
    client="BTD Desktop",
    question="Was a nodule of the lung added to this simulated series, or removed?",
)
_STATEMENT = Statement(
    mandate=Asked(_DETAILS.case_number, _DETAILS.client, _DETAILS.question),
    received=Received("the program's simulator"),
    is_demonstration=True,
)
DEMO_MANDATE = Mandate("lung")
"""What the demonstration tests, declared before it is scored."""


def run_demo(
    out: Path,
    services: Services,
    context: TaskContext,
    *,
    device: str = "auto",
    workers: int = 1,
    command: str = "",
    plan: DemoPlan | None = None,
) -> DemoOutcome:
    """Run the whole demonstration in a folder, going on from what it holds already.

    Args:
        out: Folder of the demonstration; made when missing.
        services: Settings and clock.
        context: Progress and cancellation.
        device: "auto", "cpu", "cuda" or "mps".
        workers: Processes that simulate.
        command: Command that repeats it, for the report.
        plan: Size of the simulated case; the shipped one when None.

    Raises:
        SettingsError: The folder holds something else.
        BtdError: As the steps raise them.
        Cancelled: The user asked to stop; the same call goes on later.
    """
    profile = prepare_demo(
        out, services, context, device=device, workers=workers, plan=plan
    )
    where = demo_folders(out)
    if not holds_case(where["case"]):
        with create_case(where["case"], _DETAILS, services) as store:
            state(store, _STATEMENT, services)
    examination = examine(
        [where["suspect"]],
        where["case"],
        _DETAILS,
        ExamineOptions(
            profile=str(where["profile"]),
            device=device,
            mandate=DEMO_MANDATE,
            report=ReportOptions(command=command),
        ),
        services,
        context,
    )
    return DemoOutcome(out, examination, profile, _check(where["truth"], examination))


def prepare_demo(
    out: Path,
    services: Services,
    context: TaskContext,
    *,
    device: str = "auto",
    workers: int = 1,
    plan: DemoPlan | None = None,
) -> CalibrationProfile:
    """Simulate the scans of the demonstration and calibrate on the benign ones.

    Arguments and errors are those of `run_demo`.
    """
    where = demo_folders(out)
    if not where["profile"].is_file():
        # Before minutes of simulating what could not be scored.
        require_torch()
    _simulate(out, where, context, workers, plan)
    return _profile(where, services, context, device)


def open_demo(
    out: Path, services: Services, context: TaskContext, *, device: str = "auto"
) -> tuple[CaseStore, tuple[Path, ...]]:
    """The demonstration's case, with its profile, and the evidence to import into it.

    The window then imports and examines the suspect series in front of the user. A case
    that holds it already has nothing to import.
    Arguments and errors are those of `run_demo`.
    """
    profile = prepare_demo(out, services, context, device=device)
    where = demo_folders(out)
    if where["case"].exists():
        store = CaseStore.open(where["case"])
    else:
        store = create_case(where["case"], _DETAILS, services)
        state(store, _STATEMENT, services)
        keep_profile(store, profile, services)
    return store, () if store.series() else (where["suspect"],)


def _simulate(
    out: Path,
    where: dict[str, Path],
    context: TaskContext,
    workers: int,
    plan: DemoPlan | None,
) -> None:
    if where["truth"].is_file():
        return
    if out.exists() and not out.is_dir():
        raise SettingsError(f"{out} is a file, not a folder", code="demo_folder")
    unfinished = out / _UNFINISHED
    if out.exists() and any(p != unfinished for p in out.iterdir()):
        raise SettingsError(
            f"{out} holds something else",
            hint="name a new or empty folder with --out",
            code="demo_folder",
        )
    # A cancelled call left this folder behind, as its name says; it is made anew.
    if unfinished.is_dir() and not unfinished.is_symlink():
        shutil.rmtree(unfinished)
    make_demo(unfinished, context=context, workers=workers, plan=plan)
    unfinished.replace(where["data"])


def _profile(
    where: dict[str, Path], services: Services, context: TaskContext, device: str
) -> CalibrationProfile:
    entry = find_model("", "CT")
    if where["profile"].is_file():
        profile = read_profile(where["profile"])
        if entry.card is not None and profile.model.get("digest") == entry.card.digest:
            return profile
        where["profile"].replace(where["profile"].with_suffix(".old.json"))
    detector = open_detector(entry, device=device)
    profile = calibrate_paths(
        [where["benign"]],
        detector,
        name="Simulated benign scans (demonstration)",
        fpr=services.settings.default_fpr,
        services=services,
        context=context,
        notes=(
            "The benign scans are simulated: this profile covers the "
            "demonstration's simulated scanner only.",
        ),
    )
    write_profile(profile, where["profile"])
    return profile


def _check(truth: Path, examination: Examination) -> tuple[TruthCheck, ...]:
    told = json.loads(truth.read_text(encoding="utf-8"))
    places = told["suspect"]["tampered"]
    # Only places that the search found count, not those the examiner clicked.
    findings = [
        f for o in examination.outcomes for f in o.findings if f.origin == "search"
    ]
    out = []
    for place in places:
        s, r, c = (int(v) for v in place["centre_voxel"])
        check = TruthCheck(str(place["kind"]), s, r, c, None, None)
        near = [f for f in findings if _holds(f, s, r, c)]
        if near:
            found = [(f.numbers.every["slice"].p_value, f) for f in near]
            p_value, best = min(found, key=lambda item: item[0] or 1.0)
            check = replace(check, finding=best, p_value=p_value)
        out.append(check)
    return tuple(out)


def _holds(finding: Finding, s: int, r: int, c: int) -> bool:
    return (
        abs(finding.slice_index - s) <= _FOUND_WITHIN_SLICES
        and abs(finding.y - r) <= _FOUND_WITHIN_PX
        and abs(finding.x - c) <= _FOUND_WITHIN_PX
    )
