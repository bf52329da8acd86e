"""Tables: right counts, right order, and the same figures in all three formats."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from btd_desktop.bench.detectors.registry import DETECTORS
from btd_desktop.bench.metrics import auc
from btd_desktop.bench.tables import (
    Judged,
    Row,
    rows_of,
    to_csv,
    to_json,
    to_markdown,
)
from btd_desktop.tampering.result import Kind

KINDS: dict[str, Kind] = {"drawn": "injection", "wiped": "removal"}


def judged(patient: str, attack: str, value: float, **options) -> Judged:
    scores = dict.fromkeys(DETECTORS, value) | {"high_pass": -value}
    return Judged(patient, options.pop("modality", "CT"), attack, scores, {}, **options)


@pytest.fixture(scope="module")
def places() -> list[Judged]:
    rng = np.random.default_rng(1)
    out = []
    for patient in "ABC":
        out += [judged(patient, "drawn", float(v)) for v in rng.normal(1, 1, 10)]
        out += [judged(patient, "wiped", float(v)) for v in rng.normal(0, 1, 5)]
        out += [judged(patient, "", float(v)) for v in rng.normal(0, 1, 8)]
    out += [judged("M", "wiped", 1.0, modality="MR")]
    out += [judged("M", "", 0.0, modality="MR")]
    return out


@pytest.fixture(scope="module")
def rows(places: list[Judged]) -> list[Row]:
    return rows_of(places, KINDS, n_draws=100)


def test_rows_are_attacks_by_modality_with_counts(rows):
    assert [(r.attack, r.kind, r.modality) for r in rows] == [
        ("drawn", "injection", "CT"),
        ("wiped", "removal", "CT"),
        ("wiped", "removal", "MR"),
    ]
    assert (rows[0].n_tampered, rows[0].n_genuine, rows[0].n_patients) == (30, 24, 3)
    assert (rows[2].n_tampered, rows[2].n_genuine, rows[2].n_patients) == (1, 1, 1)


def test_figures_are_those_of_the_scores(places, rows):
    tampered = np.array([p.scores["ours"] for p in places if p.attack == "drawn"])
    genuine = np.array(
        [p.scores["ours"] for p in places if not p.attack and p.modality == "CT"]
    )
    figures = rows[0].figures
    assert figures["ours"]["auc"].value == auc(tampered, genuine)
    assert figures["high_pass"]["auc"].value == pytest.approx(
        1 - figures["ours"]["auc"].value
    )
    assert figures["ours"]["auc"].low < figures["ours"]["auc"].high


def test_genuine_partner_counts_for_its_attacks_only():
    places = [
        judged("A", "drawn", 1.0),
        judged("A", "wiped", 1.0),
        judged("A", "", 0.0, genuine_for=("drawn",)),
        judged("B", "", 2.0, genuine_for=("wiped",)),
    ]
    drawn, wiped = rows_of(places, KINDS, n_draws=20)
    assert drawn.figures["ours"]["auc"].value == 1.0
    assert wiped.figures["ours"]["auc"].value == 0.0
    assert drawn.n_genuine == wiped.n_genuine == 1


def test_attack_without_places_has_no_row():
    assert rows_of([judged("A", "", 0.0)], KINDS) == []


def test_method_that_was_not_measured_everywhere_is_left_out():
    short = Judged("A", "CT", "drawn", {"ours": 1.0}, {})
    (row,) = rows_of([short, judged("A", "", 0.0)], KINDS, n_draws=10)
    assert list(row.figures) == ["ours"]
    assert "high-pass" not in to_markdown([row])


def test_markdown_has_a_cell_per_method_and_no_interval_without_patients(rows):
    lines = to_markdown(rows).splitlines()
    assert len(lines) == 2 + len(rows)
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| drawn | injection | CT |")
    assert "[" in lines[2]
    assert "[" not in lines[4]
    assert lines[2].endswith("| 30 / 24 / 3 |")


def test_csv_has_a_line_per_method_and_empty_cells_for_nothing(rows):
    read = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert len(read) == len(rows) * len(DETECTORS)
    ours = next(r for r in read if r["attack"] == "drawn" and r["method"] == "ours")
    assert float(ours["auc"]) == pytest.approx(
        rows[0].figures["ours"]["auc"].value, rel=1e-5
    )
    assert read[-1]["auc_low"] == ""


def test_json_holds_facts_and_null_for_what_is_not_a_number(rows):
    read = json.loads(to_json(rows, {"seed": 1, "limit": float("nan")}))
    assert read["facts"] == {"seed": 1, "limit": None}
    assert read["rows"][0]["figures"]["ours"]["auc"]["value"] == pytest.approx(
        rows[0].figures["ours"]["auc"].value
    )
    assert read["rows"][2]["figures"]["ours"]["auc"]["low"] is None
