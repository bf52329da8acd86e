"""What the sections of a report read: the case and its examination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.cases.model import EvidenceItem, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.series import (
    SeriesExamination,
    distinct_models,
    method_id,
)
from btd_desktop.examination.statement import Statement, statement_in
from btd_desktop.report.document import Standing
from btd_desktop.scoring.card import ModelFacts


@dataclass(frozen=True, slots=True, eq=False)
class ReportCase:
    """Everything that the sections of one report are made from.

    Attributes:
        store: Open case.
        examinations: The series examined; their order numbers them.
        report_id: Identity of the report.
        now: Time of the report, aware.
        is_draft: Print DRAFT, whatever the report states.
        remarks: The examiner's own words on the opinion.
        command: Command that repeats the examination; "" gives the general one.
        stated: What the examiner states; None takes what the case holds.
        custody_notes: What the check of custody before the report found, as sentences.
    """

    store: CaseStore
    examinations: Sequence[SeriesExamination]
    report_id: str
    now: datetime
    is_draft: bool = False
    remarks: str = ""
    command: str = ""
    custody_notes: Sequence[str] = ()
    stated: Statement | None = None

    @property
    def statement(self) -> Statement:
        """What the examiner states."""
        return self.stated or statement_in(self.store)

    @property
    def standing(self) -> Standing:
        """Whether it is a final report, a draft or a demonstration."""
        statement = self.statement
        if statement.is_demonstration:
            return "demonstration"
        return "draft" if self.is_draft or statement.missing else "final"

    @property
    def files(self) -> list[EvidenceItem]:
        """Every file received but the containers, whatever its fate."""
        return [item for item in self.store.evidence() if not item.is_container]

    @property
    def numbered(self) -> list[tuple[int, SeriesExamination]]:
        """Series with their number in the report."""
        return list(enumerate(self.examinations, 1))

    @property
    def methods(self) -> list[tuple[str, ModelFacts]]:
        """The models used, each once, with their references ("M1", "M2", ...)."""
        models = distinct_models(self.examinations)
        return [(method_id(model, models), model) for model in models]

    @property
    def profiles(self) -> dict[str, CalibrationProfile]:
        """Calibration profiles used, by digest, in order of use."""
        found: dict[str, CalibrationProfile] = {}
        for examination in self.examinations:
            if examination.evaluation is not None:
                profile = examination.evaluation.profile
                found.setdefault(profile.digest, profile)
        return found


def patient_text(record: SeriesRecord) -> str:
    """Name and identity of the patient as a report prints them; "" when unknown."""
    return " / ".join(filter(None, (record.meta.patient_name, record.meta.patient_id)))
