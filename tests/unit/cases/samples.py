"""Cases and volumes for tests; every table gets rows."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from btd_desktop.cases.model import EvidenceItem
from btd_desktop.cases.store import CaseStore
from btd_desktop.volume import SeriesFacts, Volume
from tests.factories import make_manifest, make_numbers

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)

# Written down once more, so that a table that the program forgets is still attacked.
TABLES = (
    "case_info",
    "evidence",
    "series",
    "run",
    "slice_result",
    "profile",
    "finding",
    "report",
    "audit",
    "audit_head",
)


def make_volume(dtype=np.int16, *, padding=True, n_slices=3) -> Volume:
    rng = np.random.default_rng(5)
    voxels = rng.normal(-400, 300, (n_slices, 6, 5)).astype(dtype)
    return Volume(
        voxels=voxels,
        modality="CT",
        unit="HU",
        spacing_mm=(1.25, 0.7 / 3, 0.7),
        origin_mm=(-120.5, 1 / 3, -1e-17),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=tuple(1.25 * s for s in range(n_slices)),
        instance_uids=tuple(f"1.2.3.{s}" for s in range(n_slices)),
        padding=voxels < -900 if padding else None,
        source=SeriesFacts(
            series_uid="1.2.3", description="Thorax 1.25", window=(40, 400), lossy=False
        ),
    )


def make_evidence(n=3) -> list[EvidenceItem]:
    return [
        EvidenceItem(
            evidence_id=0,
            name=f"IM{i}",
            path=f"DICOM/IM{i}",
            size_bytes=1000 + i,
            sha256=f"{i:064x}",
            fate="accepted" if i else "damaged",
            reason="" if i else "the file ends early",
        )
        for i in range(n)
    ]


def slice_map(index: int) -> np.ndarray:
    return np.random.default_rng(index).normal(size=(2, 8, 8)).astype(np.float32)


def fill_case(folder: Path) -> None:
    with CaseStore.create(
        folder, now=NOW, title="Sample", examiner="E. Xaminer"
    ) as case:
        case.add_evidence(make_evidence(), NOW)
        series_id = case.add_series(make_volume(), now=NOW, patient_key="P1")
        case.add_profile({"fpr": 0.01, "n": 40}, "ab" * 32, NOW)
        run = case.start_run(series_id, make_manifest(), NOW)
        for index in range(3):
            case.save_slice(
                run.run_id, index, {"map": slice_map(index)}, {"max": index / 3}, NOW
            )
        case.finish_run(run.run_id, "done", NOW)
        finding = case.add_finding(
            run_id=run.run_id,
            series_id=series_id,
            slice_index=1,
            x=3.5,
            y=2.0,
            mode="removal",
            numbers=make_numbers(),
            profile_digest="ab" * 32,
            thumbnail=np.arange(12, dtype=np.uint8).reshape(2, 2, 3),
            now=NOW,
        )
        case.update_finding(finding.finding_id, note="see lobe", now=NOW)
        case.add_report(
            path_name="report.pdf",
            sha256="cd" * 32,
            json_sha256="ef" * 32,
            audit_head=case.head()[1],
            now=NOW,
        )
        case.append_audit("case viewed", {"why": "review"}, "E. Xaminer", NOW)
