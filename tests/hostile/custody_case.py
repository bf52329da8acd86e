"""A small case with something in every table, made without torch and without a window.

Evidence is a folder of DICOM files of a made-up scan; the detector is a few lines of
numpy. Everything else is the program's own: import, scoring, findings, signed report.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.cases.model import Run
from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.series import Fate, FileRecord, Import, LoadedSeries
from btd_desktop.digest import bytes_digest, file_digest
from btd_desktop.examination.series import SeriesExamination
from btd_desktop.preprocess.presets import preset_named
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.detector import Backend, DetectorInfo
from btd_desktop.workflow.import_series import CaseDetails, create_case, keep_import
from btd_desktop.workflow.issue_report import IssuedReport, ReportOptions, issue_report
from btd_desktop.workflow.score_series import score_series
from btd_desktop.workflow.services import Services
from tests.factories import make_ct_volume, make_numbers

__all__ = [
    "NOW",
    "PROFILE_DIGEST",
    "SERVICES",
    "FakeDetector",
    "fill_case",
    "make_evidence",
    "make_import",
    "new_case",
    "report",
    "score",
    "scores_of",
]

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SERVICES = Services(now=lambda: NOW)
PROFILE_DIGEST = "ab" * 32
N_SLICES = 6
_SHAPE = (N_SLICES, 48, 48)


class FakeDetector:
    """Five maps from each slice by blurring; what matters is that they are its own."""

    def __init__(self) -> None:
        self.info = DetectorInfo(
            name="fake",
            digest=bytes_digest(b"fake detector 1"),
            preset=preset_named("ct96wide"),
            levels=(0.01, 0.0173286, 0.03, 0.055, 0.1),
            paper_level=1,
            backend=Backend("numpy"),
        )

    def predict_noise(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """What a blur takes away, at each level; shape (5, H, W)."""
        maps = [
            (scaled - ndimage.gaussian_filter(scaled, 0.5 + level * 10)) / level
            for level in self.info.levels
        ]
        return np.stack(maps).astype(np.float32)


def make_evidence(folder: Path) -> Path:
    """Files with names, bytes and times of their own; `make_import` lists them."""
    folder.mkdir(parents=True)
    for index in range(N_SLICES):
        content = np.random.default_rng(index).bytes(500 + index)
        (folder / f"IM{index}").write_bytes(content)
    return folder


def make_import(evidence: Path) -> Import:
    """What reading the evidence gave, without the processes that parse DICOM."""
    volume = make_ct_volume(1, shape=_SHAPE)
    names = tuple(f"IM{index}" for index in range(N_SLICES))
    files = []
    for index, name in enumerate(names):
        sha256, size = file_digest(evidence / name)
        files.append(
            FileRecord(
                name=name,
                path=str(evidence / name),
                size_bytes=size,
                sha256=sha256,
                pixel_sha256=bytes_digest(volume.voxels[index].tobytes()),
                fate=Fate.ACCEPTED,
                reason="",
                series_uid="1.2.3",
                sop_instance_uid=volume.instance_uids[index],
            )
        )
    series = LoadedSeries(volume, "1.2.3", "made up", (), names)
    return Import((series,), tuple(files), ())


def new_case(folder: Path) -> None:
    """An empty case."""
    create_case(
        folder, CaseDetails(title="Small", examiner="E. Xaminer"), SERVICES
    ).close()


def score(store: CaseStore, context: TaskContext | None = None) -> Run:
    """Score the one series, going on where it stopped."""
    context = TaskContext() if context is None else context
    return score_series(store, 1, FakeDetector(), SERVICES, context)


def report(
    store: CaseStore, out: Path | None = None, *, adopt_reason: str = ""
) -> IssuedReport:
    """Write the signed report of the one series, which has no calibration."""
    record, run = store.series()[0], store.runs(1)[-1]
    outcome = SeriesExamination(record, run, problem="there is no calibration")
    options = ReportOptions(out=out, adopt_reason=adopt_reason)
    return issue_report(store, [outcome], SERVICES, options)


def scores_of(store: CaseStore) -> dict[str, object]:
    """Everything that scoring the one series stored, by content."""
    (run,) = store.runs(1)
    return {
        "manifest": run.manifest_digest,
        "status": run.status,
        "slices": [
            (r.slice_index, r.summary, r.arrays) for r in store.slice_results(1)
        ],
    }


def fill_case(folder: Path, evidence: Path) -> None:
    """A closed case with something in every table and its report beside it."""
    make_evidence(evidence)
    new_case(folder)
    with CaseStore.open(folder) as store:
        keep_import(store, make_import(evidence), SERVICES)
        store.add_profile({"fpr": 0.01, "n": 40}, PROFILE_DIGEST, NOW)
        run = score(store)
        finding = store.add_finding(
            run_id=run.run_id,
            series_id=1,
            slice_index=1,
            x=3.5,
            y=2.0,
            mode="removal",
            numbers=make_numbers(),
            profile_digest=PROFILE_DIGEST,
            thumbnail=np.arange(12, dtype=np.uint8).reshape(2, 2, 3),
            now=NOW,
        )
        store.update_finding(finding.finding_id, note="see lobe", now=NOW)
        report(store)
        store.append_audit("case viewed", {"why": "review"}, "E. Xaminer", NOW)
