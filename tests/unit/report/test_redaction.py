"""Redaction of a report: what is replaced, what stays, what is withheld unmarked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from btd_desktop.calibration.scope import Coverage
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.digest import bytes_digest, tree_digest
from btd_desktop.examination.body import picture_of_body
from btd_desktop.report.document import (
    Block,
    Bullets,
    Cell,
    Column,
    Document,
    Fact,
    Facts,
    Figure,
    Heading,
    Record,
    RedactionNote,
    Run,
    Section,
    Table,
    Text,
    cells_of,
    name,
    plain,
    quoting,
    text_of,
    unprinted,
)
from btd_desktop.report.evidence_match import compare_evidence
from btd_desktop.report.pictures import ExhibitFigure
from btd_desktop.report.redaction import redacted_document
from btd_desktop.report.scrubbing import Scrubber
from btd_desktop.report.twin import twin_value
from tests.unit.report.case_sample import (
    NOW,
    document_of_files,
    make_document,
    make_exhibit_figure,
    make_finding,
    make_outcome,
    make_record,
    make_store,
)

NOTE = RedactionNote("R-1", "ab" * 32, ("Names are replaced.",))


def pseudonym(kind: str, text: str) -> str:
    return f"{kind}:{bytes_digest(text.encode('utf-8', 'surrogateescape'))[:6]}"


def redact(document: Document, scrubber: Scrubber | None = None) -> Document:
    known = scrubber or Scrubber.of({}, {})
    return redacted_document(document, pseudonym, known, NOTE, report_id="R-1-redacted")


def everything_in(document: Document) -> str:
    """What is printed and what the twin holds."""
    blocks = [*document.cover, *(b for s in document.sections for b in s.blocks)]
    printed = [text_of(cell) for cell in cells_of(blocks)]
    head = [text_of(document.case_number), text_of(document.examiner)]
    twin = json.dumps(twin_value(document), ensure_ascii=False)
    return "\n".join([*printed, *head, twin])


def figures_of(blocks: tuple[Block, ...]) -> Iterator[ExhibitFigure]:
    for block in blocks:
        if isinstance(block, Record):
            yield from figures_of(block.blocks)
        elif isinstance(block, Figure) and isinstance(block.picture, ExhibitFigure):
            yield block.picture


@pytest.fixture(scope="module")
def full() -> Document:
    return make_document(remarks="ask Zweig")


@pytest.fixture(scope="module")
def redacted(full: Document) -> Document:
    return redact(full)


def test_an_unmarked_run_is_withheld_wherever_it_stands():
    leak = Cell((Run("LEAK"),))
    both = Cell((Run("at ", "plain"), Run("LEAK")), {"LEAK": 1})
    blocks: tuple[Block, ...] = (
        Text(leak),
        Heading(leak),
        Bullets((leak, both), "bullets"),
        Facts((Fact("", leak, "a"), Fact("shown", both, "b")), "facts"),
        Table((Column("x", 1, "x"),), ((leak,), (both,)), "table"),
        Record("records", (Text(leak), Facts((Fact("", leak, "a"),)))),
    )
    nothing = Cell((Run("LEAK"),))
    document = Document("R-1", NOW, "0.1.0", "final", nothing, nothing, blocks[:1],
                        (Section("a", "A", blocks),))  # fmt: skip
    assert "LEAK" in everything_in(document)
    shown = everything_in(redact(document))
    assert "LEAK" not in shown
    assert shown.count("withheld") >= 14


@pytest.mark.parametrize("kind", ["text", "date", "", "a kind of tomorrow"])
def test_a_name_of_any_other_kind_is_withheld(kind):
    document = document_of_files([])
    text = Text(name(kind, "LEAK", of="LEAK"))
    section = replace(document.sections[0], blocks=(text,))
    assert "LEAK" not in everything_in(redact(replace(document, sections=(section,))))


def test_values_that_the_twin_alone_holds_are_withheld_with_their_marks():
    cell = Cell((Run("x", "name", "text"),), ["LEAK", 4711, None, {"a": "LEAK"}])
    facts = Facts((Fact("", cell, "values"),))
    document = document_of_files([])
    section = replace(document.sections[0], blocks=(facts,))
    twin = twin_value(redact(replace(document, sections=(section,))))
    assert twin["values"] == ["withheld", "withheld", None, "withheld"]


def test_every_run_of_a_report_is_marked(full):
    blocks = [*full.cover, *(b for s in full.sections for b in s.blocks)]
    runs = [r for c in cells_of(blocks) for r in c.runs if isinstance(r, Run)]
    assert not [run for run in runs if run.mark is None]


def test_texts_that_people_wrote_are_withheld(full, redacted):
    everything = everything_in(full)
    shown = everything_in(redacted)
    info = make_store().info
    note = "Round density without vessels leading to it."
    texts = (info.question, info.client, "ask Zweig", "THORAX 1.0 B60f", "20250314",
             note, "DOE^JANE", "4711")  # fmt: skip
    for text in texts:
        assert text in everything, text
        assert text not in shown, text
    assert "description withheld" in shown


def test_names_of_files_and_uids_are_replaced_everywhere(full, redacted):
    shown = everything_in(redacted)
    twin = twin_value(redacted)
    for item in make_store().evidence():
        assert item.name not in shown, item.name
        for part in item.name.replace("!", "/").split("/"):
            assert len(part) < 7 or part not in shown, part
    assert twin["series"][0]["series_instance_uid"].startswith("uid:")
    assert twin["series"][0]["patient"].startswith("patient:")
    assert twin["identity"]["report_id"] == "R-1-redacted"
    assert "R-2026-0007-1" not in shown
    assert redacted.redaction == NOTE
    flagged = twin["results"][0]["flagged_slices"]
    assert all(item["sop_instance_uid"].startswith("uid:") for item in flagged)


def test_numbers_and_the_program_s_words_stay(full, redacted):
    def numbers(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: numbers(v) for k, v in value.items() if k != "redaction"}
        if isinstance(value, list):
            return [numbers(v) for v in value]
        return "text" if isinstance(value, str) else value

    assert numbers(twin_value(redacted)) == numbers(twin_value(full))
    for key in ("alternatives", "reproduction", "opinion"):
        was, now = twin_value(full)[key], twin_value(redacted)[key]
        if key == "opinion":
            assert now["conclusion"] == was["conclusion"]
            assert now["sentences"] == was["sentences"]
        elif key == "alternatives":
            # The judgements stay, the examiner's own words do not.
            assert {row["remark"] for row in now} == {"", "withheld"}
            kept = [{**row, "remark": ""} for row in was]
            assert [{**row, "remark": ""} for row in now] == kept
        else:
            assert now == was


def test_program_s_own_words_survive_a_patient_who_is_called_like_them(full):
    called = {"accepted": "P", "damaged": "P", "supports": "P", "warning": "P",
              "covered": "P", "series": "P", "search": "P", "note": "P"}  # fmt: skip
    was = twin_value(full)
    now = twin_value(redact(full, Scrubber.of(called, {})))
    assert now["items"]["counts_by_fate"] == was["items"]["counts_by_fate"]
    assert [f["fate"] for f in now["items"]["files"]] == [
        f["fate"] for f in was["items"]["files"]
    ]
    assert now["opinion"]["conclusion"] == was["opinion"]["conclusion"]
    for before, after in zip(was["results"], now["results"], strict=True):
        assert after["scope"]["scope"] == before["scope"]["scope"]
        assert after["levels"] == before["levels"]
    severities = [[f["severity"] for f in s["findings"]] for s in was["series"]]
    assert severities == [[f["severity"] for f in s["findings"]] for s in now["series"]]


def test_digests_over_names_are_taken_anew_or_left_out(full, redacted):
    was, now = twin_value(full), twin_value(redacted)

    def whole(item: dict[str, Any]) -> str:
        inside = item["container"]
        return f"{inside}!{item['name']}" if inside else str(item["name"])

    files = now["items"]["files"]
    taken = tree_digest((whole(f), f["sha256"] or "") for f in files)
    assert now["items"]["tree_digest"] == taken
    assert was["items"]["tree_digest"] not in everything_in(redacted)
    assert all(event["digest"] == "" for event in now["custody"])
    assert now["audit"] == was["audit"]
    assert [f["sha256"] for f in files] == [f["sha256"] for f in was["items"]["files"]]


def test_sentences_of_checks_lose_what_they_quote_and_keep_what_they_say():
    sentence = (
        'One series with 2 different series descriptions: "Thorax Frau Zweig" and'
        ' "X". It may be an error; born 3. Februar 1931, see CT/IM0003.dcm.'
    )
    record = make_record(findings=(SeriesFinding("x", "note", sentence),))
    outcome = make_outcome(1, Coverage.NOT, record=record)
    document = make_document(outcomes=[outcome])
    assert "Zweig" in everything_in(document)
    [series] = twin_value(redact(document))["series"]
    [finding] = series["findings"]
    assert finding["sentence"].startswith(
        'One series with 2 different series descriptions: "withheld". It may be an'
        " error; born withheld, see file:"
    )


def test_a_text_that_was_cut_for_the_summary_does_not_leak_half_a_name():
    reason = "x" * 416 + " Zweigberg is the patient"
    outcome = make_outcome(1, Coverage.NOT, problem=reason, evaluation=None)
    document = make_document(
        outcomes=[outcome], store=make_store(), custody_notes=(reason,)
    )
    shown = everything_in(redact(document, Scrubber.of({"Zweigberg": "P"}, {})))
    assert "Zwe" in everything_in(document)
    assert "Zwe" not in shown


def _slice_with_text() -> np.ndarray:
    plane = np.full((128, 128), -1000.0, dtype=np.float32)
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    plane[(x / 0.8) ** 2 + (y / 0.6) ** 2 < 1] = 40
    plane[3:11, 3:60] = 3000  # a solid bar, as large as a small body part
    plane[118:126:2, 60:124:3] = 3000
    return plane


def test_body_is_shown_and_what_is_burned_in_beside_it_is_not():
    plane = _slice_with_text()
    body = picture_of_body(plane, "CT")
    assert body[64, 64]
    assert not body[:13].any()
    assert not body[115:].any()
    assert not picture_of_body(np.full((64, 64), -1000.0), "CT").any()


def _document_with(figure: ExhibitFigure) -> Document:
    document = document_of_files([])
    section = replace(document.sections[0], blocks=(Figure(figure),))
    return replace(document, sections=(section,))


def test_exhibit_figures_hold_nothing_outside_the_body():
    plane = _slice_with_text()
    figure = replace(
        make_exhibit_figure(), slice_image=plane, crop=plane[:40, :64],
        residual=np.ones((40, 64), np.float32), crop_origin=(0, 0), place=(64, 64),
        window=(40.0, 400.0),
    )  # fmt: skip
    redacted = redact(_document_with(figure))
    [shown] = figures_of(redacted.sections[0].blocks)
    assert shown.slice_image.max() == 40
    assert shown.crop.max() <= 40
    assert (shown.crop[3:11, 3:60] == -160).all()
    assert np.isnan(shown.residual[3:11, 3:60]).all()
    assert shown.slice_image[64, 64] == plane[64, 64]


def test_pictures_of_exhibits_are_those_of_the_body():
    outcome = make_outcome(1, Coverage.COVERED, findings=(make_finding(),))
    document = make_document(outcomes=[outcome])
    index = [s.key for s in document.sections].index("results")
    [full] = figures_of(document.sections[index].blocks)
    [body] = figures_of(redact(document).sections[index].blocks)
    assert full.slice_image[0, 0] != body.slice_image[0, 0] == -160.0


@pytest.fixture
def evidence(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """Files, two of them alike, and the twin of a redacted report that lists them."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    contents = {"a.dcm": b"one", "b.dcm": b"two", "copy.dcm": b"one"}
    files = []
    for file, data in contents.items():
        (folder / file).write_bytes(data)
        files.append(("", "", file, bytes_digest(data)))
    return folder, twin_value(redact(document_of_files(files)))


def _kinds(twin: dict[str, Any], folder: Path) -> list[tuple[str, str]]:
    return [(p.kind, p.name) for p in compare_evidence(twin, [folder])[1]]


def test_evidence_is_compared_with_a_redacted_list_by_digest(evidence):
    folder, twin = evidence
    assert compare_evidence(twin, [folder]) == (3, ())
    (folder / "a.dcm").rename(folder / "other name.dcm")
    assert _kinds(twin, folder) == []


def test_changed_missing_and_extra_files_are_told(evidence):
    folder, twin = evidence
    alias = {f["sha256"]: f["name"] for f in twin["items"]["files"]}
    (folder / "b.dcm").write_bytes(b"TWO")
    assert _kinds(twin, folder) == [
        ("missing", alias[bytes_digest(b"two")]),
        ("extra", "b.dcm"),
    ]
    (folder / "b.dcm").write_bytes(b"two")
    (folder / "copy.dcm").unlink()
    assert [kind for kind, _ in _kinds(twin, folder)] == ["missing"]
    (folder / "copy.dcm").write_bytes(b"one")
    (folder / "third.dcm").write_bytes(b"one")
    assert [kind for kind, _ in _kinds(twin, folder)] == ["extra"]


def test_redacted_list_without_digests_compares_nothing(evidence):
    folder, twin = evidence
    for item in twin["items"]["files"]:
        item["sha256"] = None
    assert "not listed" in [kind for kind, _ in _kinds(twin, folder)]


def test_case_number_and_examiner_are_cleared_at_the_head_of_each_page():
    store = make_store()
    store.info = replace(store.info, case_number="Zweig 7", examiner="Dr. Zweig")
    document = make_document(store=store, outcomes=[])
    redacted = redact(document, Scrubber.of({"Zweig": "P"}, {}))
    assert text_of(redacted.case_number) == "P 7"
    assert text_of(redacted.examiner) == "Dr. P"
    assert "Zweig" not in everything_in(redacted)


def test_remark_of_the_note_is_cleared():
    note = replace(NOTE, remark="Zweig could not be read")
    redacted = redacted_document(
        document_of_files([]), pseudonym, Scrubber.of({"Zweig": "P"}, {}), note,
        report_id="x",
    )  # fmt: skip
    assert redacted.redaction is not None
    assert redacted.redaction.remark == "P could not be read"


def test_plain_and_quoting_cells_say_what_they_are():
    assert plain("a").runs == (Run("a", "plain"),)
    assert quoting("a").runs == (Run("a", "quoting"),)
    assert unprinted(3).value == 3
