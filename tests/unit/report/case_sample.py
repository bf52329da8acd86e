"""A case as a report reads it, every kind of outcome in it, with fixed numbers.

Four series: one with flagged slices and exhibits, one scored but not covered, one whose
run has no profile, one that was never scored. The store answers what a report asks of
a case and holds nothing on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from btd_desktop.calibration.apply import CalibratedSeries
from btd_desktop.calibration.ecdf import Ecdf
from btd_desktop.calibration.level import WHOLE_BODY, Alarms, LevelCalibration
from btd_desktop.calibration.place import CalibratedValue, PlaceNumbers
from btd_desktop.calibration.profile import Scanner
from btd_desktop.calibration.scope import Coverage, Scope
from btd_desktop.cases import audit
from btd_desktop.cases.model import (
    AuditEntry,
    CaseInfo,
    EvidenceItem,
    Finding,
    Run,
    SeriesRecord,
)
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.digest import bytes_digest
from btd_desktop.examination.series import Evaluation, SeriesExamination
from btd_desktop.examination.share import ScoredShare
from btd_desktop.examination.statement import (
    Asked,
    Examiner,
    Received,
    Statement,
    Weighed,
    details_of,
)
from btd_desktop.preprocess.presets import Preset
from btd_desktop.report.case import ReportCase
from btd_desktop.report.compose import document_of
from btd_desktop.report.document import (
    Column,
    Document,
    Section,
    Table,
    Text,
    name,
    plain,
    unprinted,
)
from btd_desktop.report.document import digest as digest_cell
from btd_desktop.report.pictures import ExhibitFigure
from btd_desktop.scoring.card import LeanNetwork, ModelFacts
from btd_desktop.scoring.copies import NoiseCopy
from btd_desktop.scoring.detector import Backend
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.volume import SeriesFacts
from tests.factories import make_ct_volume, make_manifest

__all__ = [
    "NOW",
    "FakeStore",
    "digest",
    "document_of_files",
    "make_case",
    "make_document",
    "make_evidence",
    "make_exhibit_figure",
    "make_finding",
    "make_outcome",
    "make_outcomes",
    "make_place_numbers",
    "make_record",
    "make_statement",
    "make_store",
]

NOW = datetime(2026, 11, 24, 9, 30, 15, tzinfo=UTC)
N_SLICES = 24
_SHAPE = (N_SLICES, 160, 160)


def digest(text: str) -> str:
    return bytes_digest(text.encode())


class FakeStore:
    """What a report asks of a case, answered from memory."""

    def __init__(self, **parts: Any) -> None:
        self.info: CaseInfo = parts["info"]
        self._parts = parts
        self._volumes: dict[int, Any] = {}

    def evidence(self) -> tuple[EvidenceItem, ...]:
        return tuple(self._parts["evidence"])

    def series(self) -> tuple[SeriesRecord, ...]:
        return tuple(self._parts["series"])

    def audit_log(self, action: str | None = None) -> tuple[AuditEntry, ...]:
        every = tuple(self._parts["audit"])
        return tuple(e for e in every if action in (None, e.action))

    def head(self) -> tuple[int, str]:
        log = self.audit_log()
        return len(log), log[-1].hash

    def load_volume(self, series_id: int, *, check: bool = False) -> Any:
        if series_id not in self._volumes:
            self._volumes[series_id] = make_ct_volume(series_id, shape=_SHAPE)
        return self._volumes[series_id]

    def load_slice(
        self, run_id: int, slice_index: int, names: Sequence[str]
    ) -> tuple[dict[str, NDArray[np.float16]], dict[str, Any]]:
        rng = np.random.default_rng([run_id, slice_index])
        residual = rng.normal(0, 0.02, _SHAPE[1:])
        residual[70:90, 60:80] -= 0.04
        return {"residual": residual.astype(np.float16)}, {}


def make_evidence() -> list[EvidenceItem]:
    """Files of a folder and members of a ZIP, each fate at least once."""
    uid = "1.2.3.1.{}"
    items = [
        EvidenceItem(
            0, f"CT/IM{i:04d}.dcm", f"/media/stick/CT/IM{i:04d}.dcm", 526_336 + i,
            digest(f"file {i}"), series_uid="1.2.3.1", sop_instance_uid=uid.format(i),
        )
        for i in range(N_SLICES)
    ]  # fmt: skip
    items += [
        EvidenceItem(0, "README.txt", "/media/stick/README.txt", 812, digest("readme"),
                     fate="not an image", reason="plain text"),
        EvidenceItem(0, "CT/IM0099.dcm", "/media/stick/CT/IM0099.dcm", 10_240,
                     digest("cut"), fate="damaged",
                     reason="pixel data end after 9,812 of 524,288 bytes"),
        EvidenceItem(0, "CT/copy of IM0001.dcm", "/media/stick/CT/copy of IM0001.dcm",
                     526_337, digest("file 1"), fate="duplicate",
                     reason="same bytes as CT/IM0001.dcm"),
        EvidenceItem(0, "gone.dcm", "/media/stick/gone.dcm", 0, "", fate="refused",
                     reason="the file cannot be read"),
        EvidenceItem(0, "MR.zip", "/media/stick/MR.zip", 9_000_000, digest("zip"),
                     is_container=True),
        EvidenceItem(0, "MR.zip!a/1.dcm", "/media/stick/MR.zip", 131_072,
                     digest("mr 1"), series_uid="1.2.3.2",
                     sop_instance_uid="1.2.3.2.0"),
        EvidenceItem(0, "MR.zip!a/2.dcm", "/media/stick/MR.zip", 131_072,
                     digest("mr 2"), series_uid="1.2.3.2",
                     sop_instance_uid="1.2.3.2.1"),
    ]  # fmt: skip
    return items


def make_record(series_id: int = 1, **changes: Any) -> SeriesRecord:
    values: dict[str, Any] = {
        "series_id": series_id,
        "series_uid": f"1.2.3.{series_id}",
        "description": "THORAX 1.0 B60f",
        "modality": "CT",
        "n_slices": N_SLICES,
        "rows": _SHAPE[1],
        "cols": _SHAPE[2],
        "meta": SeriesFacts(
            patient_name="DOE^JANE",
            patient_id="4711",
            manufacturer="SIEMENS",
            model="Sensation 64",
            kernel="B60f",
            thickness_mm=1.0,
            kvp=120.0,
            study_date="20250314",
            body_part="CHEST",
            lossy=False,
            pixel_spacing_mm=0.7031,
            slice_step_mm=1.0,
            study_uid="1.2.3",
            device_serial="S-9981",
        ),
        "findings": (
            SeriesFinding(
                "order",
                "note",
                "InstanceNumber runs against the position of the slices;"
                " the order of the positions was used.",
            ),
            SeriesFinding(
                "uid_root",
                "warning",
                "Slice 57: SOP Instance UID has another root than its"
                " neighbours, as other software would write it.",
            ),
        ),
        "record_names": (),
        "volume_digest": digest(f"volume {series_id}"),
        "patient_key": "p1",
    }
    return SeriesRecord(**(values | changes))


def make_card(name: str = "ct-lean-wide", **changes: Any) -> Any:
    values: dict[str, Any] = {
        "name": name,
        "title": "Lean network, wide window",
        "network": LeanNetwork(),
        "n_parameters": 358_553,
        "preset": Preset("ct-wide", "CT", "window", -1024.0, 1000.0, 32, 16),
        "levels": (0.01, 0.0173, 0.03, 0.055, 0.1),
        "weights_sha256": digest(f"weights {name}"),
        "evidence_sha256": UNSET,
        "digest": digest(f"card {name}"),
        "training": {"slices_learnt": 12_000, "patients_learnt": 62, "steps": 60_000,
                     "credits": "LIDC-IDRI (CC BY 3.0), see the model card"},
        "metrics": {
            "model_digest": digest(f"card {name}"),
            "detection": [
                {"attack": "nodule of another patient, blended", "modality": "CT",
                 "n_patients": 5, "n_tampered": 750, "auc": 0.87,
                 "auc_interval": [0.79, 0.93], "tpr_at_1_percent": 0.41,
                 "remark": "unseen scanners"},
                {"attack": "in-painted away, copied noise", "modality": "CT",
                 "n_patients": 1, "n_tampered": 75, "auc": 0.93,
                 "auc_interval": [0.88, 0.97]},
            ]
        },
        "limits": ("MR of the breast was not measured.",),
    }  # fmt: skip
    return SimpleNamespace(**(values | changes))


def _level(n: int, threshold: float | None, seed: int, **changes: Any) -> Any:
    scores = np.sort(np.random.default_rng(seed).gamma(2.0, 0.4, n))
    values: dict[str, Any] = {
        "scores": scores,
        "n_patients": 24,
        "threshold": threshold,
        "reason": "" if threshold is not None else "24 patients are too few.",
        "interval": (0.0426, 0.0583) if threshold is not None else None,
        "effective_n": 300.0,
        "patient_fpr": (0.0, 0.05, 0.112),
        "tail": None,
    }
    return LevelCalibration(**(values | changes))


def make_profile(**changes: Any) -> Any:
    anomaly = {
        "place": _level(720, 2.5, 4, interval=(0.012, 0.09)),
        "patch": _level(4_823, 1.9, 1),
        "slice": _level(311, 2.2, 2),
        "series": _level(24, None, 3, patient_fpr=()),
    }
    other = {
        "patch": _level(4_823, 2.1, 5),
        "slice": _level(311, 2.4, 6),
        "series": _level(24, None, 7),
    }
    values: dict[str, Any] = {
        "name": "ct-lean-wide, calibration patients",
        "digest": digest("profile"),
        "created": "2026-10-02T08:00:00+00:00",
        "target_fpr": 0.05,
        "n_patients": 24,
        "n_series": 24,
        "n_slices": 311,
        "n_patches": 4_823,
        "scanners": (
            Scanner("SIEMENS", "Sensation 64", "B60f", 1.0, 150),
            Scanner("GE", "LightSpeed VCT", "", "", 161),
        ),
        "levels": {"anomaly": anomaly, "injection": other, "removal": other},
        "regions": {"chest": 22, "abdomen": 4, "not known": 1},
        "notes": ("Chest only.",),
        "alarms": Alarms(0, 24),
        "model": {"name": "ct-lean-wide", "digest": digest("card ct-lean-wide")},
        "grid": PatchGrid(32, 16),
    }  # fmt: skip
    made = SimpleNamespace(**(values | changes))
    made.search = lambda domain: (
        SimpleNamespace(levels=made.levels["anomaly"], alarms=made.alarms)
        if domain == WHOLE_BODY
        else None
    )
    return made


def make_value(score: float, *, allowed: bool, n: int, threshold: float | None) -> Any:
    p_value = (1 + round(n * 10**-score)) / (n + 1) if allowed else None
    flagged = score > threshold if allowed and threshold is not None else None
    return CalibratedValue(
        score, p_value, None, n, 24, threshold if allowed else None, flagged
    )


def _calibrated(*, allowed: bool) -> CalibratedSeries:
    rng = np.random.default_rng(11)
    patches, slices = [], []
    for index in range(N_SLICES):
        scores = rng.gamma(2.0, 0.35, (4, 4))
        if 10 <= index < 15:
            scores[1, 2] = 2.6 + 0.2 * (index - 10)
        patches.append(scores)
        top = float(scores.max())
        slices.append(
            None if index == 0
            else make_value(top, allowed=allowed, n=311, threshold=2.2)
        )  # fmt: skip
    best = max(v.score for v in slices if v is not None)
    whole = make_value(best, allowed=allowed, n=24, threshold=None)
    empty = tuple(np.full((4, 4), np.nan) for _ in patches)
    return CalibratedSeries("anomaly", tuple(patches), empty, tuple(slices), whole)


def make_place_numbers() -> PlaceNumbers:
    """Of a place that the search chose, its noise found again elsewhere."""
    return PlaceNumbers(
        CalibratedValue(3.4, 1 / 721, None, 720, 24, 2.5, flagged=True, level="place"),
        CalibratedValue(0.0133, 0.012, None, 4_823, 24, 2.1, flagged=False),
        CalibratedValue(0.0102, 0.31, None, 4_823, 24, 2.1, flagged=False),
        NoiseCopy(
            strength=19.0, correlation=0.88, side_px=32, n_slices=3, slice_index=6,
            row=33, column=29, surprise=6.2, copied=True, share=0.05,
            usual_strength=5.4,
        ),
        CalibratedValue(3.0, 0.0064, None, 311, 24, 2.2, flagged=True),
    )  # fmt: skip


def make_finding(finding_id: int = 1, **changes: Any) -> Finding:
    """A place that the search chose."""
    values: dict[str, Any] = {
        "finding_id": finding_id,
        "run_id": 1,
        "series_id": 1,
        "slice_index": 12,
        "x": 70.0,
        "y": 80.0,
        "mode": "anomaly",
        "numbers": make_place_numbers(),
        "note": "",
        "status": "to check",
        "created_utc": "2026-11-24T09:00:00.000Z",
        "profile_digest": digest("profile"),
        "origin": "search",
    }
    return Finding(**(values | changes))


def _examiners_finding(finding_id: int = 2) -> Finding:
    patch = CalibratedValue(1.1, 0.081, None, 4_823, 24, 1.9, flagged=False)
    return make_finding(
        finding_id,
        slice_index=3,
        x=100.2,
        y=61.7,
        mode="injection",
        numbers=PlaceNumbers(patch, patch, patch, copy=None),
        note="Round density without vessels leading to it.",
        status="confirmed",
        origin="examiner",
    )


def make_run(series_id: int = 1) -> Run:
    manifest = make_manifest(
        model={"name": "ct-lean-wide", "digest": digest("card ct-lean-wide")},
        grid=PatchGrid(32, 16),
        backend=Backend("cpu", dtype="float32", torch_version="2.13.0"),
    )
    return Run(
        series_id, series_id, manifest, digest(f"manifest {series_id}"), "done",
        "2026-11-24T08:50:00.000Z", "2026-11-24T08:59:00.000Z", N_SLICES,
    )  # fmt: skip


def make_outcome(
    number: int = 1, coverage: Coverage = Coverage.PARTLY, **changes: Any
) -> SeriesExamination:
    """A scored series; its calibration covers it as far as is said."""
    reasons = {
        Coverage.COVERED: (),
        Coverage.PARTLY: ("Slice thickness 1 mm lies between those covered.",),
        Coverage.NOT: ("No profile holds this scanner.",),
    }
    allowed = coverage is not Coverage.NOT
    record, run = make_record(number), make_run(number)
    grid = SimpleNamespace(
        rows=np.array([32, 64, 96, 128]), columns=np.array([30, 62, 94, 126])
    )
    features: Any = (grid,) * N_SLICES
    evaluation = Evaluation(
        run=run,
        record=record,
        profile=make_profile(),
        scope=Scope(coverage, reasons[coverage]),
        features=features,
        kinds={"anomaly": _calibrated(allowed=allowed)},
    )
    outcome = SeriesExamination(
        record=record,
        run=run,
        model=model_facts(make_card()),
        evaluation=evaluation,
        findings=(make_finding(), _examiners_finding()) if allowed else (),
        share=ScoredShare(N_SLICES, N_SLICES, 400, 400, ()),
    )
    return replace(outcome, **changes)


def model_facts(card: Any) -> ModelFacts:
    """Facts of an installed model."""
    return ModelFacts(card.name, card.digest, card.preset, card.levels, card)


def make_outcomes() -> list[SeriesExamination]:
    """One of each kind."""
    bare = make_record(
        3, modality="MR", description="", series_uid="", findings=(),
        meta=SeriesFacts(patient_id="4711", lossy=True),
    )  # fmt: skip
    return [
        make_outcome(1, Coverage.PARTLY),
        make_outcome(2, Coverage.NOT),
        SeriesExamination(
            bare,
            make_run(3),
            model_facts(make_card("mr-lean")),
            problem="There is no calibration profile for model mr-lean",
        ),
        SeriesExamination(
            make_record(4, description="SCOUT"),
            problem="series 4 has not been scored to its end",
        ),
    ]


def _entry(seq: int, action: str, **details: Any) -> AuditEntry:
    return AuditEntry(
        seq, f"2026-11-24T08:{30 + seq}:00.000+00:00", "A. Example", action, details,
        digest(f"entry {seq - 1}"), digest(f"entry {seq}"),
    )  # fmt: skip


def make_statement(**changes: Any) -> Statement:
    """All that an examiner can state, but for what the case itself keeps."""
    values: dict[str, Any] = {
        "examiner": Examiner(
            role="Court-appointed expert",
            qualification="Physicist; 12 years of work with CT.\nCourse of 2024.",
            independence="No ties to the parties; paid by the hour.",
            reviewer="Dr. B. Second",
        ),
        "mandate": Asked(not_asked="Whether the patient is ill."),
        "received": Received(
            "Registry of the court, Ms. C. Clerk",
            "USB stick in a sealed envelope, seal intact",
            "2 November 2026",
            (digest("zip"), digest("never received")),
        ),
        "alternatives": {
            "metal": Weighed("excluded", "No metal in the field of view."),
            "kernel": Weighed("considered", "The header names one kernel."),
            "compression": Weighed("remains", "The archive compresses with loss."),
        },
    }
    return Statement(**(values | changes))


def make_store(**changes: Any) -> Any:
    """The case of `make_outcomes`."""
    parts: dict[str, Any] = {
        "info": CaseInfo(
            "0f3a9c1e-0000-4000-8000-000000000000", "2026-11-24T08:30:00.000Z", "Case",
            "2026/117", "District Court, 3rd Civil Chamber", "Dr. A. Example",
            "Were nodules added to or removed from the chest CT of 14 March 2025?",
        ),
        "evidence": make_evidence(),
        "series": [o.record for o in make_outcomes()],
        "audit": [
            _entry(1, "case created"),
            _entry(2, "evidence imported", records=31),
            _entry(3, "slice scored", slice=0),
            _entry(4, "custody checked", summary="31 of 31 files are unchanged"),
            _entry(5, audit.STATED, **details_of(make_statement())),
        ],
    }  # fmt: skip
    return FakeStore(**(parts | changes))


def make_case(*, store: Any = None, outcomes: Any = None, **changes: Any) -> ReportCase:
    """The case of all kinds of outcomes, or of those given."""
    outcomes = make_outcomes() if outcomes is None else outcomes
    changes = {"report_id": "R-2026-0007-1", "now": NOW, **changes}
    return ReportCase(store or make_store(), outcomes, **changes)


def make_document(**changes: Any) -> Document:
    """The report of `make_case`."""
    return document_of(make_case(**changes))


def document_of_files(
    files: Sequence[tuple[str, str, str, str]],
    containers: Sequence[tuple[str, str]] = (),
) -> Document:
    """A report of nothing but a list of files.

    Args:
        files: (root, container, name, digest) of each.
        containers: (name, digest) of each.
    """
    keys = ("root", "container", "name", "sha256")
    rows = tuple(
        (name("file", root), name("file", container), name("file", file),
         digest_cell(sha256))
        for root, container, file, sha256 in files
    )  # fmt: skip
    listed = Table(tuple(Column(None, 0, key) for key in keys), rows, "items.files")
    held = Table(
        (Column("Item", 1, "name"), Column(None, 0, "sha256")),
        tuple((name("file", item), digest_cell(sha256)) for item, sha256 in containers),
        "items.containers",
    )
    section = Section("files", "Files", (Text(plain("Files.")), listed, held))
    nothing = unprinted("")
    return Document("R-1", NOW, "0.1.0", "final", nothing, nothing, (), (section,))


def make_exhibit_figure() -> ExhibitFigure:
    rng = np.random.default_rng(7)
    image = _chest(rng)
    rows, columns = slice(237, 365), slice(148, 276)
    residual = rng.normal(0, 0.02, (128, 128)).astype(np.float32)
    y, x = np.mgrid[:128, :128]
    disc = (y - 64) ** 2 + (x - 64) ** 2 < 12**2
    residual[disc] *= 0.2
    residual[disc] -= 0.03
    return ExhibitFigure(
        crop=image[rows, columns],
        crop_origin=(148, 237),
        residual=residual,
        box=(164, 253, 96, 96),
        window=(-600.0, 1500.0),
        pixel_mm=(0.7031, 0.7031),
        slice_image=image,
        genuine=Ecdf(np.sort(rng.chisquare(20, 48_230))),
        score=97.3,
        threshold=31.2,
        orientation=("R", "L", "A", "P"),
        place=(212, 301),
    )


def _chest(rng: np.random.Generator) -> NDArray[np.float32]:
    y, x = np.mgrid[:512, :512]
    image = np.full((512, 512), -1000.0, dtype=np.float32)
    image[((y - 256) / 180) ** 2 + ((x - 256) / 230) ** 2 < 1] = 40
    for centre in (150, 362):
        image[((y - 256) / 130) ** 2 + ((x - centre) / 80) ** 2 < 1] = -860
    image[(y - 301) ** 2 + (x - 212) ** 2 < 10**2] = 20
    image += rng.normal(0, 35, image.shape).astype(np.float32)
    return image
