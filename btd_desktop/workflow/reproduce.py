"""Score a report's evidence again and compare number by number with the report."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from btd_desktop.calibration.level import Domain
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import EvidenceError, ModelError, ReportError
from btd_desktop.examination.declared import Mandate
from btd_desktop.examination.models import ModelEntry, list_models, open_detector
from btd_desktop.examination.profiles import find_profile
from btd_desktop.examination.reading import Choice, read_series, required_evaluation
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.manifest import ENGINE_VERSION
from btd_desktop.scoring.method import OWN
from btd_desktop.workflow.declare import declare
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    import_into_case,
)
from btd_desktop.workflow.score_series import score_series
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.verify import verify_report_file

if TYPE_CHECKING:
    from btd_desktop.report.scores import Place, Scores
    from btd_desktop.report.verification import ReportVerdict

TOLERANCE: Final = 1e-5
"""Largest difference, as a share of a score or of 1 where that is more, called close.

Another number of threads or another processor adds the same numbers in another order.
"""

Agreement = Literal["exact", "close", "differs"]
_WORST: Final[tuple[Agreement, ...]] = ("exact", "close", "differs")


@dataclass(frozen=True, slots=True)
class SeriesAgreement:
    """How the scores of one series agree.

    Attributes:
        series: Number in the report, from 1.
        agreement: "exact", "close" (within `TOLERANCE`) or "differs".
        n_compared: Numbers compared.
        n_unequal: Numbers that are not the same to the last digit.
        n_differing: Numbers that differ by more than `TOLERANCE`, those that only one
            side has included.
        largest: Largest difference, as a share of the score or of 1.
        same_manifest: The run has the very manifest of the report; else model, software
            or backend are of another version.
    """

    series: int
    agreement: Agreement
    n_compared: int
    n_unequal: int
    n_differing: int
    largest: float
    same_manifest: bool


@dataclass(frozen=True, slots=True)
class Reproduction:
    """How a repetition agrees with a report.

    Attributes:
        report_id: The report's identity.
        headline: The report's verdict; who signed it is not the question here.
        n_files: Evidence files whose digests were compared.
        series: Each series that the report gives scores of.
    """

    report_id: str
    headline: str
    n_files: int
    series: tuple[SeriesAgreement, ...]

    @property
    def agreement(self) -> Agreement:
        """The worst of all series."""
        return max((s.agreement for s in self.series), key=_WORST.index)


def reproduce_report(
    report: Path,
    evidence: Sequence[Path],
    services: Services,
    context: TaskContext,
    *,
    profile: str = "",
    device: str = "auto",
) -> Reproduction:
    """Import and score a report's evidence in a case of its own, and compare.

    Model, profile, precision and the part of the body searched are those that the
    report names; nothing is kept.

    Args:
        report: The PDF.
        evidence: Folders and files received; opened for reading only.
        services: Settings and clock.
        context: Progress and cancellation.
        profile: File of the calibration profile; "" takes the installed one with the
            digest that the report names.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        ReportError: The report does not verify, or carries no manifest and scores.
        EvidenceError: Evidence is missing or has other digests, or gives other voxels.
        ModelError: A model of the report is not installed here.
        CalibrationError: Its profile is not installed here.
        BtdError: As import and scoring raise them.
        Cancelled: The examiner asked to stop.
    """
    from btd_desktop.report.attachments import SCORES_NAME
    from btd_desktop.report.scores import read_scores

    verdict = verify_report_file(report, evidence=evidence)
    _require_intact(verdict)
    twin = verdict.twin or {}
    runs = [run for run in twin.get("runs", []) if run["profile_digest"]]
    if not runs or SCORES_NAME not in verdict.files:
        raise ReportError(
            "the report carries no scores to compare with",
            hint="reports of earlier versions do not, nor do those without calibration",
        )
    models = [_model(run, profile) for run in runs]
    printed = read_scores(verdict.files[SCORES_NAME])
    with tempfile.TemporaryDirectory(prefix="btd-reproduce-") as folder:
        details = CaseDetails(title="Reproduction")
        with create_case(Path(folder) / "case", details, services) as store:
            import_into_case(
                store, evidence, services, context, modality=_modality(twin)
            )
            domain: Domain = runs[0]["domain"]
            declare(store, Mandate(domain), services)
            series = [
                _compared(
                    run["series_number"],
                    {p: s for p, s in printed.items() if p[0] == run["series_number"]},
                    dict(found),
                    same,
                )
                for run, model in zip(runs, models, strict=True)
                for found, same in (
                    _scored(store, run, model, services, context, profile, device),
                )
            ]
    return Reproduction(
        str(twin["identity"]["report_id"]),
        verdict.headline,
        verdict.n_evidence_compared,
        tuple(series),
    )


def _require_intact(verdict: ReportVerdict) -> None:
    of_evidence = {problem.sentence for problem in verdict.evidence_problems}
    others = [text for text in verdict.problems if text not in of_evidence]
    if others:
        raise ReportError(
            f"the report does not verify: {others[0]}",
            hint="`btd verify` says everything that is wrong with it",
        )
    # A file that is there beyond the list alters nothing.
    lacking = [p.sentence for p in verdict.evidence_problems if p.kind != "extra"]
    if lacking:
        more = f", and {len(lacking) - 1} more differences" if lacking[1:] else ""
        raise EvidenceError(
            f"this is not the evidence of the report: {lacking[0]}{more}",
            hint="give the folder or files as they were received",
            code="other_evidence",
        )


def _model(run: Mapping[str, Any], profile: str) -> ModelEntry:
    """The installed model of a run, if its profile is here and the engine the same."""
    if run["engine"] != ENGINE_VERSION:
        raise ReportError(
            f"the report was scored by version {run['engine']} of the scoring engine, "
            f"this program has version {ENGINE_VERSION}",
            hint=f"reproduce it with BTD Desktop {run['software_version']}",
        )
    for entry in list_models():
        if entry.card is not None and entry.card.digest == run["model_digest"]:
            wanted = profile or run["profile_digest"]
            if find_profile(wanted, entry.card).digest != run["profile_digest"]:
                raise ReportError(f"{profile} is not the profile that the report names")
            return entry
    raise ModelError(
        f"the report was scored with model {run['model_name']} "
        f"({str(run['model_digest'])[:12]}…), which is not installed here",
        hint="put that model into the models folder (`btd doctor` names it)",
        code="no_model",
    )


def _modality(twin: Mapping[str, Any]) -> str:
    """The modality stated for files that do not tell it; "" where series differ."""
    stated = {series["modality"] for series in twin["series"]}
    return str(stated.pop()) if len(stated) == 1 else ""


def _scored(
    store: CaseStore,
    run: Mapping[str, Any],
    model: ModelEntry,
    services: Services,
    context: TaskContext,
    profile: str,
    device: str,
) -> tuple[Iterator[tuple[Place, Scores]], bool]:
    """Scores of a series, scored anew, and whether the manifest is the report's."""
    from btd_desktop.report.scores import place_scores

    number = run["series_number"]
    records = [s for s in store.series() if s.volume_digest == run["volume_digest"]]
    if not records:
        raise EvidenceError(
            f"no series of this evidence has the voxels of series {number} of the "
            "report",
            hint="state the modality as it was stated then, and give all files",
            code="other_voxels",
        )
    detector = open_detector(
        model,
        device=device,
        dtype=run["dtype"] or "auto",
        method=run.get("method", OWN),
    )
    done = score_series(store, records[0].series_id, detector, services, context)
    choice = Choice(done.run_id, profile or run["profile_digest"])
    evaluation = required_evaluation(read_series(store, records[0], choice))
    return (
        place_scores(number, evaluation),
        done.manifest_digest == run["manifest_digest"],
    )


def _compared(
    number: int,
    printed: Mapping[Place, Scores],
    found: Mapping[Place, Scores],
    same_manifest: bool,
) -> SeriesAgreement:
    n, n_unequal, n_differing, largest = 0, 0, 0, 0.0
    for place in printed.keys() | found.keys():
        said, now = printed.get(place, {}), found.get(place, {})
        for kind in said.keys() | now.keys():
            n += 1
            if kind not in said or kind not in now:
                n_unequal, n_differing = n_unequal + 1, n_differing + 1
                continue
            difference = abs(said[kind] - now[kind]) / max(1.0, abs(said[kind]))
            largest = max(largest, difference)
            n_unequal += difference > 0
            n_differing += difference > TOLERANCE
    agreement = _WORST[2 if n_differing or not n else 1 if n_unequal else 0]
    return SeriesAgreement(
        number, agreement, n, n_unequal, n_differing, largest, same_manifest
    )
