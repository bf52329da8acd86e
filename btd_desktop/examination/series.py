"""The examination of one series: one type for window, report and scripts.

Whatever keeps a series from a result is a state with one reason, never an exception
in one place and silence in another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import UNSET

from btd_desktop.calibration.level import (
    SEARCH_LEVELS,
    WHOLE_BODY,
    Domain,
    domain_text,
)
from btd_desktop.cases.model import Finding, Run, SeriesRecord
from btd_desktop.digest import json_digest
from btd_desktop.examination.chosen import Chosen
from btd_desktop.examination.declared import NOTHING_DECLARED, Declared
from btd_desktop.scoring.method import OWN as OWN  # the window knows them from here
from btd_desktop.scoring.method import Method as Method

if TYPE_CHECKING:
    from btd_desktop.calibration.apply import CalibratedSeries
    from btd_desktop.calibration.level import LevelCalibration
    from btd_desktop.calibration.profile import CalibrationProfile
    from btd_desktop.calibration.scope import Scope
    from btd_desktop.examination.share import ScoredShare
    from btd_desktop.scoring.card import ModelCard, ModelFacts
    from btd_desktop.scoring.features import GridFeatures


class State(StrEnum):
    """How far the examination of a series came."""

    EXAMINED = "examined"
    NOT_COVERED = "not covered"
    NOT_EXAMINED = "not examined"
    NOT_CALIBRATED = "not calibrated"
    NOT_SCORED = "not scored"


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A finished run seen through a calibration profile.

    Attributes:
        run: The run.
        record: The series scored.
        profile: The profile used.
        scope: How far it covers the series.
        features: Stored features per slice.
        kinds: Calibrated series by kind: "anomaly", as far as it was searched for,
            "injection", "removal".
        domain: What the search looked through.
    """

    run: Run
    record: SeriesRecord
    profile: CalibrationProfile
    scope: Scope
    features: tuple[GridFeatures, ...]
    kinds: dict[str, CalibratedSeries]
    domain: Domain = WHOLE_BODY

    def level(self, kind: str, name: str) -> LevelCalibration:
        """What a score was ranked among; maxima of the anomaly score by their domain.

        Args:
            kind: "anomaly", "injection" or "removal".
            name: "patch", "slice", "series", "place" or "structure".
        """
        search = self.profile.search(self.domain) if kind == "anomaly" else None
        levels = self.profile.levels[kind]
        return {**levels, **(search.levels if search else {})}[name]

    def searched(self, kind: str, level: str) -> str:
        """The part of the body that maxima were taken over: "search of the lung".

        "" for the whole body, and for scores that are no maxima.
        """
        is_part = kind == "anomaly" and level in SEARCH_LEVELS
        is_part = is_part and self.domain != WHOLE_BODY
        return f"search of {domain_text(self.domain)}" if is_part else ""


@dataclass(frozen=True, slots=True, eq=False)
class SeriesExamination:
    """What the examination of one series found.

    Attributes:
        record: The series.
        run: The run chosen, or the newest while none is finished; None before the
            first.
        model: The model of the run; None before the first.
        evaluation: Scores with p-values; None when there are none.
        findings: Findings whose numbers come from this run and this profile.
        others: Findings of the series whose numbers come from another run, another
            profile or another search; printed as such.
        problem: Why there is no evaluation; "" when there is one.
        remarks: What else a reader must know, as sentences.
        share: How much of the series was scored; None while no run is finished.
        declared: What was to be tested.
        first: The evaluation under the tests declared before scoring, where others are
            in force by now; else None.
        chosen: Which run and calibration spoke for the series, oldest first.
    """

    record: SeriesRecord
    run: Run | None = None
    model: ModelFacts | None = None
    evaluation: Evaluation | None = None
    findings: tuple[Finding, ...] = ()
    others: tuple[Finding, ...] = ()
    problem: str = ""
    remarks: tuple[str, ...] = ()
    share: ScoredShare | None = None
    declared: Declared = NOTHING_DECLARED
    first: Evaluation | None = None
    chosen: tuple[Chosen, ...] = ()

    @property
    def card(self) -> ModelCard | None:
        """Card of the model; None where the model is not installed."""
        return None if self.model is None else self.model.card

    @property
    def is_scored(self) -> bool:
        """True when the run is finished."""
        return self.run is not None and self.run.status == "done"

    @property
    def state(self) -> State:
        """How far it came."""
        if self.evaluation is None:
            return State.NOT_CALIBRATED if self.is_scored else State.NOT_SCORED
        nothing = self.evaluation.kinds["anomaly"].series is None
        if nothing or (self.share is not None and not self.share.is_enough):
            return State.NOT_EXAMINED
        if not self.evaluation.scope.p_values_allowed:
            return State.NOT_COVERED
        return State.EXAMINED

    def seen_by(self, finding: Finding) -> Evaluation | None:
        """The evaluation whose search a finding belongs to: the one in force or first.

        None for what a search of neither brought up. A place that the examiner named or
        clicked depends on no search.
        """
        value = finding.numbers.slice
        if value is UNSET or self.first is None:
            return self.evaluation
        for evaluation in filter(None, (self.evaluation, self.first)):
            now = evaluation.kinds["anomaly"].slices[finding.slice_index]
            if now and (now.score, now.threshold) == (value.score, value.threshold):
                return evaluation
        return None

    def labelled(self, number: int) -> Iterator[tuple[str, Finding, Evaluation]]:
        """Places as a report labels them: E1.1, E1.2; those dismissed D1.1, D1.2.

        Args:
            number: Of the series in the report, from 1.
        """
        n_of = {"E": 0, "D": 0}
        for finding in self.findings:
            evaluation = self.seen_by(finding)
            if evaluation is not None:
                letter = "D" if finding.status == "dismissed" else "E"
                n_of[letter] += 1
                yield f"{letter}{number}.{n_of[letter]}", finding, evaluation

    @property
    def examined(self) -> Evaluation | None:
        """The evaluation where it may be shown as a result: enough was scored."""
        return None if self.state is State.NOT_EXAMINED else self.evaluation

    @property
    def reason(self) -> str:
        """Why it is not examined; "" when it is."""
        if self.evaluation is None:
            return self.problem
        if self.state is State.NOT_EXAMINED:
            scope = self.evaluation.scope
            told = ["nothing was scored" if self.share is None else self.share.sentence]
            # The reasons may explain it: no body is found in values that are no HU.
            more = [] if scope.p_values_allowed else scope.reasons
            return " ".join(told + [f"{text[:1].upper()}{text[1:]}" for text in more])
        if self.state is State.NOT_COVERED:
            return "; ".join(self.evaluation.scope.reasons)
        return ""


def result_digest(examinations: Sequence[SeriesExamination]) -> str:
    """Digest over all slice scores, rounded to 4 significant digits.

    Rounding makes a repetition with another number of threads agree.
    """
    value = []
    for examination in examinations:
        if examination.evaluation is None:
            continue
        series = examination.evaluation.kinds["anomaly"]
        value.append([None if v is None else f"{v.score:.4g}" for v in series.slices])
    return json_digest(value)


def distinct_models(examinations: Sequence[SeriesExamination]) -> list[ModelFacts]:
    """The models used, each once by method, in order of use."""
    found: dict[tuple[str, str], ModelFacts] = {}
    for examination in examinations:
        model = examination.model
        if model is not None:
            found.setdefault((model.digest, model.method), model)
    return list(found.values())


def method_id(model: ModelFacts, models: Sequence[ModelFacts]) -> str:
    """Reference of a model within a report: "M1", "M2", ..."""
    used = [(m.digest, m.method) for m in models]
    return f"M{used.index((model.digest, model.method)) + 1}"
