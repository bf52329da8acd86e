"""What a report says of a model's measured performance is what its card holds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from btd_desktop.examination.series import SeriesExamination
from btd_desktop.paths import shipped_models_dir
from btd_desktop.scoring.card import ModelFacts, read_card
from btd_desktop.workflow.report_methods import validation_facts


def outcomes_of(card: Any) -> list[SeriesExamination]:
    record = SimpleNamespace(series_id=1)
    model = ModelFacts.of_card(card)
    return [SeriesExamination(cast(Any, record), model=model)]


@pytest.fixture(scope="module")
def card() -> Any:
    return read_card(shipped_models_dir() / "ct96wide-lean")


def test_every_attack_of_the_card_is_told_with_its_hit_rate(card):
    rows = card.metrics["detection"]
    facts = validation_facts(outcomes_of(card))
    assert [f.attack for f in facts] == [row["attack"] for row in rows]
    assert len(rows) > 10
    for fact, row in zip(facts, rows, strict=True):
        assert fact.auc == row["auc"]
        assert fact.tpr == row["tpr_at_1_percent"]
        assert fact.tpr_at_fpr == 0.01
        assert (fact.n_samples, fact.n_patients) == (
            row["n_tampered"],
            row["n_patients"],
        )


def test_one_patient_has_no_interval_and_says_so(card):
    lone = [f for f in validation_facts(outcomes_of(card)) if f.n_patients == 1]
    assert lone
    assert all(f.auc_interval is None and "one patient" in f.remark for f in lone)
