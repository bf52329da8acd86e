"""Tables: right counts, right order, and the same figures in all three formats."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from btd_desktop.bench.detectors.registry import DETECTORS
from btd_desktop.bench.metrics import auc
from btd_desktop.bench.place import Site
from btd_desktop.bench.tables import (
    Judged,
    Row,
    mean_rows,
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


def structure(patient: str, value: float, *, content: float = 0.2, **options) -> Judged:
    site = Site(f"{patient} 1", "GE", content, structure=True)
    return judged(patient, "", value, site=site, **options)


def injected(patient: str, value: float, **options) -> Judged:
    site = Site(f"{patient} 1", "GE", 0.2)
    return judged(patient, "drawn", value, site=site, **options)


def test_injections_are_judged_against_structures_and_removals_are_not():
    places = [
        *(injected("A", 1.0, flagged=True) for _ in range(3)),
        *(judged("A", "wiped", 1.0, flagged=False) for _ in range(2)),
        *(judged("A", "", 0.0, flagged=False, genuine_for=("drawn",)) for _ in "12"),
        *(judged("A", "", 0.5, flagged=False, genuine_for=("wiped",)) for _ in "12"),
        *(structure("A", 2.0, flagged=True) for _ in range(4)),
        *(structure("B", 2.0, flagged=False) for _ in range(4)),
    ]
    drawn, wiped = rows_of(places, KINDS, n_draws=20)
    assert drawn.against_structures
    assert drawn.partners == {"same series": 3}
    assert (drawn.n_tampered, drawn.n_genuine) == (3, 3)
    assert drawn.figures["ours"]["auc"].value == 0.0
    assert drawn.against_lung["ours"]["auc"].value == 1.0
    assert not wiped.against_structures
    assert wiped.partners == {"lung": 2}
    assert wiped.against_lung == {}
    assert wiped.figures["ours"]["auc"].value == 1.0
    for row in (drawn, wiped):
        assert row.structures_flagged is not None
        assert (row.structures_flagged.value, row.structures_flagged.n) == (0.5, 8)
    assert drawn.found is not None
    assert drawn.partners_flagged is not None
    assert (drawn.found.value, drawn.partners_flagged.value) == (1.0, 1.0)
    assert wiped.partners_flagged is not None
    assert wiped.partners_flagged.value == 0.0
    (mean, _) = mean_rows(places, KINDS, n_draws=20)
    assert mean.figures["ours"]["auc"].value == 0.0
    assert mean.partners == drawn.partners


def test_places_without_a_flag_are_in_no_rate():
    places = [
        injected("A", 1.0, flagged=True),
        injected("A", 1.0, flagged=None),
        structure("A", 0.0, flagged=None),
        structure("A", 0.0, flagged=None),
    ]
    (row,) = rows_of(places, KINDS, n_draws=5)
    assert row.found is not None
    assert (row.found.value, row.found.n) == (1.0, 1)
    assert row.structures_flagged is row.partners_flagged is None
    cells = to_markdown([row]).splitlines()[2].split(" | ")
    assert cells[-5:-2] == ["1.00 [0.03–1.00]", "–", "–"]


def test_found_share_and_partners_stand_in_all_three_formats():
    places = [
        *(injected(p, 1.0, flagged=p == "A") for p in "AB"),
        *(judged(p, "", 0.0, genuine_for=("drawn",)) for p in "AB"),
        *(structure(p, 0.0, flagged=False) for p in "AAABBB"),
    ]
    rows = rows_of(places, KINDS, n_draws=5)
    text = to_markdown(rows)
    assert "flagged by the program: genuine solid structures [95 %]" in text
    assert "against lung without a nodule" in text
    assert "| 0.50 [0.01–0.99] | 0.00 [0.00–0.84] | 0.00 [0.00–0.84] |" in text
    assert len({line.count("|") for line in text.splitlines()}) == 1
    ours = next(
        r for r in csv.DictReader(io.StringIO(to_csv(rows))) if r["method"] == "ours"
    )
    assert (ours["found"], ours["structures_flagged"]) == ("0.5", "0")
    assert float(ours["structures_flagged_high"]) == pytest.approx(0.8419, abs=1e-4)
    assert float(ours["auc_against_lung"]) == 1.0
    read = json.loads(to_json(rows, {}))["rows"][0]
    assert read["found"]["n_patients"] == 2
    assert sum(read["partners"].values()) == 2


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
