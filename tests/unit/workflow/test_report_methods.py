"""What a report says of a model's measured performance is what its card holds."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from btd_desktop.calibration.profile import read_profile
from btd_desktop.examination.shipped_models import MEASURED_ON
from btd_desktop.paths import shipped_models_dir
from btd_desktop.report.sections import validation
from btd_desktop.report.twin import twin_value
from btd_desktop.scoring.card import read_card
from tests.unit.report.case_sample import (
    make_case,
    make_document,
    make_outcome,
    model_facts,
)


@pytest.fixture(scope="module")
def card() -> Any:
    return read_card(shipped_models_dir() / "ct96wide-lean")


@pytest.fixture(scope="module")
def outcomes(card: Any) -> list[Any]:
    # Figures of a model count with the profile that they were measured with.
    outcome: Any = make_outcome(1)
    shipped = read_profile(
        shipped_models_dir() / "ct96wide-lean" / "profiles" / "public-ct.json"
    )
    profile: Any = copy.copy(outcome.evaluation.profile)
    profile.name, profile.digest = shipped.name, shipped.digest
    evaluation = replace(outcome.evaluation, profile=profile)
    return [replace(outcome, model=model_facts(card), evaluation=evaluation)]


def test_every_attack_of_the_card_is_told_with_its_hit_rate(card, outcomes):
    rows = card.metrics["detection"]
    facts = twin_value(make_document(outcomes=outcomes))["validation"]
    assert [f["attack"] for f in facts] == [row["attack"] for row in rows]
    assert {row["kind"] for row in rows} >= {"injection", "removal"}
    for fact, row in zip(facts, rows, strict=True):
        assert fact["auc"] == row["auc"]
        assert fact["tpr"] == row["tpr_at_1_percent"]
        assert fact["tpr_at_fpr"] == 0.01
        assert (fact["n_samples"], fact["n_patients"]) == (
            row["n_tampered"],
            row["n_patients"],
        )
    assert len(validation.figures_of(make_case(outcomes=outcomes))) == len(rows)


def test_one_patient_has_no_interval_and_says_so(card):
    own = replace(card, name="own", weights_sha256="0" * 64)
    row = {
        **card.metrics["detection"][0],
        "n_patients": 1,
        "auc_interval": [0.0, 1.0],
        "remark": "one patient: no interval by patient",
    }
    own = replace(own, metrics={MEASURED_ON: own.digest, "detection": [row]})
    outcome = replace(make_outcome(1), model=model_facts(own))
    (fact,) = twin_value(make_document(outcomes=[outcome]))["validation"]
    assert fact["auc_interval"] is None
    assert "one patient" in fact["remark"]
