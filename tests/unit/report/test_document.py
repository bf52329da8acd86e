"""The document of a report: what sections say of a case, and the twin of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from btd_desktop.calibration.scope import Coverage
from btd_desktop.cases import audit
from btd_desktop.digest import canonical_json, json_digest
from btd_desktop.errors import ReportError
from btd_desktop.examination.conclusion import CaseConclusion
from btd_desktop.examination.measurement import details_of as measured_details
from btd_desktop.examination.measurement import measure, measurement_text
from btd_desktop.examination.series import SeriesExamination
from btd_desktop.examination.shipped_digests import MODELS
from btd_desktop.report import sections
from btd_desktop.report.document import (
    Column,
    Document,
    Fact,
    Facts,
    Record,
    Section,
    Table,
    Text,
    cells_of,
    join,
    plain,
    reference,
    text_of,
    unprinted,
)
from btd_desktop.report.evidence import FATES
from btd_desktop.report.results import results_of
from btd_desktop.report.sections.opinion import CONCLUSIONS, checked
from btd_desktop.report.twin import LAYOUT, twin_bytes, twin_value
from tests.unit.report.case_sample import (
    NOW,
    make_case,
    make_document,
    make_evidence,
    make_finding,
    make_outcome,
    make_store,
)


@pytest.fixture(scope="module")
def document() -> Document:
    return make_document()


def bare(*parts: Section) -> Document:
    nothing = unprinted("")
    return Document("R-1", NOW, "0.1.0", "final", nothing, nothing, (), parts)


def test_twin_holds_every_value_of_the_case(document):
    twin = twin_value(document)
    assert twin["format"] == "btd-report"
    assert twin["format_version"] == 3
    assert twin["layout"] == LAYOUT
    assert twin["redaction"] is None
    assert twin["mandate"]["question"] == make_store().info.question
    assert twin["identity"]["created"] == "2026-11-24T09:30:15.000000+00:00"
    files = [(f["container"], f["name"], f["fate"]) for f in twin["items"]["files"]]
    assert files == [
        (*(["MR.zip", item.name[7:]] if "!" in item.name else ["", item.name]),
         item.fate)
        for item in make_evidence() if not item.is_container
    ]  # fmt: skip
    score = twin["results"][0]["exhibits"][0]["scores"][0]
    assert score["p_value"] == 1 / 721
    assert score["n"] == 720
    assert [s["number"] for s in twin["series"]] == [1, 2, 3, 4]
    assert [r["series_number"] for r in twin["results"]] == [1, 2, 3]


def test_twin_is_canonical_and_leaves_figures_out(document):
    twin = twin_value(document)
    assert twin_bytes(document) == canonical_json(twin)
    assert json.loads(twin_bytes(document)) == twin
    assert not [key for key in twin["results"][0] if "figure" in key]


def test_counts_by_fate_name_every_fate(document):
    counts = twin_value(document)["items"]["counts_by_fate"]
    assert set(counts) == set(FATES)
    assert counts["accepted"] == 26
    assert counts["unsupported"] == 0
    assert sum(counts.values()) == 30


def test_twin_of_undecodable_file_name_is_valid_utf8():
    [item, *_] = make_evidence()
    store = make_store(evidence=[replace(item, name="CT/\udcff.dcm")])
    document = make_document(store=store, outcomes=[])
    assert twin_value(document)["items"]["files"][0]["name"] == "CT/\\udcff.dcm"
    twin_bytes(document).decode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("nan")])
def test_twin_with_a_number_that_is_none_raises_with_its_place(value):
    scores = Table((Column("x", 1, "value"),), ((plain("1", value),),), "scores")
    section = Section("a", "A", (Record("results", (scores,)),))
    with pytest.raises(ReportError, match=r"report\.results\[0\]\.scores\[0\]\.value"):
        twin_value(bare(section))


def test_two_sections_that_give_one_key_are_refused():
    facts = Facts((Fact("x", plain("1"), "x"),), "mandate")
    with pytest.raises(ReportError, match=r"two sections.*report\.mandate\.x"):
        twin_value(bare(Section("a", "A", (facts,)), Section("b", "B", (facts,))))


def test_reference_to_no_section_and_equal_keys_are_refused():
    text = Text(join(plain("see section "), reference("b")))
    with pytest.raises(ReportError, match="no section 'b'"):
        bare(Section("a", "A", (text,)))
    with pytest.raises(ReportError, match="same key"):
        bare(Section("a", "A", ()), Section("a", "A", ()))


def test_numbers_follow_the_order_and_annexes_are_lettered():
    parts = [Section(k, k, (), is_annex=k in "xy") for k in ("b", "a", "x", "c", "y")]
    assert bare(*parts).numbers() == {"b": "1", "a": "2", "c": "3", "x": "A", "y": "B"}


def test_every_module_of_sections_is_listed_and_gives_its_section(document):
    folder = Path(sections.__file__).parent
    modules = {path.stem for path in folder.glob("[!_]*.py")} - {"cover"}
    assert modules == set(sections.SECTIONS)
    assert [s.key for s in document.sections] == list(sections.SECTIONS)


def test_no_string_of_a_section_types_a_number_of_a_section():
    folder = Path(sections.__file__).parent
    for path in [*folder.glob("*.py"), folder.parent / "results.py"]:
        source = path.read_text("utf-8")
        for word in ("ection ", "nnex "):
            for part in source.split(word)[1:]:
                assert not part[:1].isdigit(), f"{path.name}: …{word}{part[:20]}"


def test_document_without_time_zone_raises():
    with pytest.raises(ReportError, match="time zone"):
        make_document(now=datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "claim",
    [
        "The scan is fake.",
        "The scan is authentic.",
        "It is 99.7 % certain that slice 4 was altered.",
        "The authenticity was confirmed.",
        "There is strong support for H1.",
        "The findings are moderately strong evidence of it.",
        "H1 is more likely than H3.",
    ],
)
def test_opinion_that_claims_too_much_raises(claim):
    with pytest.raises(ReportError, match="cannot show"):
        checked(CaseConclusion("supports", "Inconclusive.", (claim,), ()))
    with pytest.raises(ReportError, match="cannot show"):
        checked(CaseConclusion("supports", claim, (), ()))


def test_opinion_that_is_no_answer_raises_and_names_the_answers():
    with pytest.raises(ReportError) as caught:
        checked(CaseConclusion("proven", "Proven.", (), ()))  # type: ignore[arg-type]
    assert all(word in caught.value.hint for word in CONCLUSIONS)


def test_p_value_that_no_calibration_covers_is_refused():
    outcome = make_outcome(1, Coverage.COVERED)
    assert outcome.evaluation is not None
    scope = replace(outcome.evaluation.scope, coverage=Coverage.NOT)
    outcome = replace(outcome, evaluation=replace(outcome.evaluation, scope=scope))
    with pytest.raises(ReportError, match="p-value although no calibration"):
        results_of(make_case(outcomes=[outcome]))
    outcome = make_outcome(1, Coverage.NOT, findings=(make_finding(),))
    with pytest.raises(ReportError, match="p-value although no calibration"):
        results_of(make_case(outcomes=[outcome]))


def test_models_and_profiles_are_told_once_and_referred_to(document):
    twin = twin_value(document)
    assert [m["method_id"] for m in twin["methods"]] == ["M1", "M2"]
    assert [r["method_id"] for r in twin["results"]] == ["M1", "M1", "M2"]
    [calibration] = twin["calibrations"]
    used = [r["calibration_digest"] for r in twin["results"]]
    assert used == [calibration["profile_digest"]] * 2 + [None]


def test_text_of_a_cell_leaves_references_out():
    assert text_of(join(plain("a"), reference("x"), plain("b"))) == "ab"


def test_a_text_for_the_twin_alone_has_to_be_marked():
    for value in ("x", ["x"], {"a": [1, "x"]}):
        with pytest.raises(ReportError, match="without a mark"):
            unprinted(value)
    assert unprinted({"a": [1, None, True, ""]}).value == {"a": [1, None, True, ""]}


def told_by(document: Document) -> list[str]:
    blocks = [*document.cover, *(b for s in document.sections for b in s.blocks)]
    return [text_of(cell) for cell in cells_of(blocks)]


def test_dismissed_places_are_printed_with_reason_and_count():
    findings = (
        make_finding(1),
        make_finding(2, status="dismissed", note="a vessel"),
        make_finding(3, status="dismissed", slice_index=4),
        make_finding(4, status="confirmed", origin="examiner", slice_index=5),
    )
    document = make_document(outcomes=[make_outcome(1, findings=findings)])
    twin = twin_value(document)
    assert len(twin["results"][0]["exhibits"]) == 2
    dismissed = twin["marks"]["dismissed"]
    assert [(d["slice_number"], d["reason"]) for d in dismissed] == [
        (13, "a vessel"),
        (5, ""),
    ]
    assert all(d["is_flagged"] for d in dismissed)
    [counts] = twin["marks"]["series"]
    assert counts == {
        "series_number": 1, "suggested": 3, "pointed_at": 1, "confirmed": 1,
        "to_check": 1, "dismissed": 2,
    }  # fmt: skip
    told = told_by(document)
    sentence = (
        "The method suggested 3 places, the examiner pointed at 1. The examiner "
        "dismissed 2 of them (2 of the method's), 1 without a reason."
    )
    assert twin["marks"]["sentence"] == sentence
    # In the summary too, which many read alone.
    assert any(text.startswith(sentence) for text in told)
    assert {"a vessel", "no reason stated"} <= set(told)


def test_a_case_with_every_place_dismissed_says_what_it_said_before():
    def document(status: str) -> Document:
        places = [
            make_finding(k, status=status, note="a vessel", origin=origin)
            for k, origin in enumerate(("search", "search", "examiner"))
        ]
        return make_document(outcomes=[make_outcome(1, findings=tuple(places))])

    before, after = (twin_value(document(s)) for s in ("to check", "dismissed"))
    for key in ("opinion", "limitations", "validation", "calibrations"):
        assert after[key] == before[key]
    untouched = ("flagged_slices", "n_slices_scored", "levels", "calibration_digest")
    for key in untouched:
        assert after["results"][0].get(key) == before["results"][0].get(key)
    assert after["marks"]["series"][0]["dismissed"] == 3
    assert after["marks"]["series"][0]["suggested"] == 2


def test_figures_are_given_of_the_profile_in_use_alone(monkeypatch):
    def rows(outcome: SeriesExamination) -> list[object]:
        twin = twin_value(make_document(outcomes=[outcome]))
        return [row["attack"] for row in twin["validation"]]

    outcome = make_outcome(1)
    assert len(rows(outcome)) == 2
    assert rows(replace(outcome, evaluation=None, findings=(), problem="None.")) == []
    other = replace(outcome, record=replace(outcome.record, modality="MR"))
    assert rows(other) == []
    # A shipped model was measured with the profile that came with it.
    model = outcome.model
    assert model is not None
    assert outcome.evaluation is not None
    shipped = {
        "digest": model.digest,
        "metrics": json_digest(model.card.metrics),  # type: ignore[union-attr]
        "profiles": ["of the calibration that came with it"],
    }
    monkeypatch.setitem(MODELS, model.name, shipped)
    assert rows(outcome) == []
    told = told_by(make_document(outcomes=[outcome]))
    assert any("Another profile is used here" in text for text in told)
    shipped["profiles"] = [outcome.evaluation.profile.digest]
    assert len(rows(outcome)) == 2


def test_certification_answers_each_point_of_the_rules():
    document = make_document(custody_notes=("31 of 31 files are unchanged.",))
    [section] = [s for s in document.sections if s.key == "certification"]
    [facts] = [block for block in section.blocks if isinstance(block, Facts)]
    points = {fact.label: text_of(fact.cell, document.numbers()) for fact in facts.rows}
    assert [label.partition(":")[0] for label in points] == [
        "I, the qualified person", "902(13)", "902(13)", "902(13)", "902(14)",
        "902(14)", "902(11)", "Declaration",
    ]  # fmt: skip
    assert points["I, the qualified person"].startswith(
        "Dr. A. Example, Court-appointed expert; qualified by: Physicist"
    )
    assert "Registry of the court" in points["902(14): the data copied"]
    assert "31 of 31 files" in points["902(14): digital identification"]
    assert "perjury" in points["Declaration"]
    log = make_store().audit_log()[:-1]
    bare = make_document(store=make_store(audit=log))
    [section] = [s for s in bare.sections if s.key == "certification"]
    told = " ".join(text_of(cell) for cell in cells_of(section.blocks))
    assert "Dr. A. Example, ____________________; qualified by: ___" in told


def test_pixels_that_are_no_squares_are_told_with_both_sides():
    outcome = make_outcome(1)
    record = outcome.record
    oblong = replace(record, meta=record.meta.with_facts(spacing_mm=(2.0, 1.0, 0.5)))
    unnamed = replace(oblong, modality="OT", series_id=2)
    outcomes = (
        replace(outcome, record=oblong),
        replace(outcome, record=unnamed, run=None, evaluation=None, problem="Unknown."),
    )
    document = make_document(outcomes=outcomes)
    first, second = twin_value(document)["series"]
    assert first["spacing_mm"] == [2.0, 1.0, 0.5]
    assert second["modality"] == "modality not known"
    blocks = [block for section in document.sections for block in section.blocks]
    words = [text_of(cell) for cell in cells_of(blocks)]
    assert any("1 × 0.5 mm in the plane" in text for text in words)
    assert not [text for text in words if "OT," in text.split()]


def test_measurements_that_stand_are_printed_with_their_numbers():
    volume = make_store().load_volume(1)
    kept = [
        measure(volume, "length", 1, 0, [(2, 10, 5), (2, 10, 8)]),
        measure(volume, "region", 1, 0, [(2, 10, 5), (2, 14, 8)]),
    ]
    log = list(make_store().audit_log())
    for made in kept:
        log.append(
            replace(
                log[0],
                seq=len(log) + 1,
                action=audit.MEASURED,
                details=measured_details(made),
            )
        )
    taken_back = {"measurement": len(log) - 1}
    log.append(
        replace(
            log[0],
            seq=len(log) + 1,
            action=audit.MEASUREMENT_REMOVED,
            details=taken_back,
        )
    )
    document = make_document(store=make_store(audit=log))
    (row,) = twin_value(document)["measurements"]
    assert row["kind"] == "region"
    assert row["series_number"] == 1
    assert row["mean"] == kept[1].numbers.mean
    assert row["result"] == measurement_text(kept[1])
    assert twin_value(make_document())["measurements"] == []
