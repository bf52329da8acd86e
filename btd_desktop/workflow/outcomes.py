"""What an examination of one series came to: the hand-over to the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from btd_desktop.cases.model import Finding, Run, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.digest import json_digest
from btd_desktop.scoring.card import ModelCard
from btd_desktop.workflow.evaluate import Evaluation

__all__ = [
    "SeriesOutcome",
    "distinct_cards",
    "findings_of",
    "method_id",
    "result_digest",
]


@dataclass(frozen=True, slots=True, eq=False)
class SeriesOutcome:
    """What an examination of one series came to.

    Attributes:
        record: The series.
        evaluation: Scores with p-values; None when there are none.
        card: Card of the model; None when no model could be used.
        findings: Findings of the series that the report shows.
        reason: Why there is no evaluation; "" when there is one.
        run: The run, where there is one.
    """

    record: SeriesRecord
    evaluation: Evaluation | None
    card: ModelCard | None
    findings: tuple[Finding, ...]
    reason: str = ""
    run: Run | None = None


def findings_of(store: CaseStore, evaluation: Evaluation) -> tuple[Finding, ...]:
    """Findings of a series whose numbers come from this run and this profile.

    Others carry p-values of another calibration, which must not stand beside these.
    """
    return tuple(
        f
        for f in store.findings(evaluation.record.series_id)
        if f.run_id == evaluation.run.run_id
        and f.profile_digest == evaluation.profile.digest
    )


def result_digest(outcomes: Sequence[SeriesOutcome]) -> str:
    """Digest over all slice scores, rounded to 4 significant digits.

    Rounded, so that a repetition with another number of threads agrees.
    """
    value = []
    for outcome in outcomes:
        if outcome.evaluation is None:
            continue
        series = outcome.evaluation.kinds["anomaly"]
        value.append([None if v is None else f"{v.score:.4g}" for v in series.slices])
    return json_digest(value)


def distinct_cards(outcomes: Sequence[SeriesOutcome]) -> list[ModelCard]:
    """Cards of the models used, each once, in order of use."""
    found: dict[str, ModelCard] = {}
    for outcome in outcomes:
        if outcome.card is not None:
            found.setdefault(outcome.card.digest, outcome.card)
    return list(found.values())


def method_id(card: ModelCard, cards: Sequence[ModelCard]) -> str:
    """Reference of a model within a report: "M1", "M2", ..."""
    return f"M{[c.digest for c in cards].index(card.digest) + 1}"
