"""Redaction of a report's content: what is replaced, what stays, what is black."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from btd_desktop.digest import bytes_digest, tree_digest
from btd_desktop.report.content import (
    Fact,
    RedactionNote,
    ReportContent,
    ScopeVerdict,
    SeriesFinding,
)
from btd_desktop.report.evidence_match import compare_evidence
from btd_desktop.report.redaction import Scrubber, picture_of_body, redacted_content
from tests.unit.report.sample import make_content, make_items, make_series

NOTE = RedactionNote("R-1", "ab" * 32, ("Names are replaced.",))


def pseudonym(kind: str, text: str) -> str:
    return f"{kind}:{bytes_digest(text.encode())[:6]}"


def redact(content: ReportContent, scrubber: Scrubber | None = None) -> ReportContent:
    known = scrubber or Scrubber.of({}, {})
    return redacted_content(content, pseudonym, known, NOTE, report_id="R-1-redacted")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Jane DOE was seen", "P P was seen"),
        ("DOE^JANE", "P^P"),
        ("he does", "he does"),
        ("the id PAT-4711-7 in xPAT-4711-7y", "the id I in xIy"),
        ("born 1970-01-01.", "born B."),
        ("the same bytes as CT/a b.dcm.", "the same bytes as F1."),
        ("see a b.dcm", "see F2"),
        ("no start, but art: ART", "no start, but F3: F3"),
        ("İstanbul DOE", "İstanbul P"),
        ("", ""),
    ],
)
def test_known_texts_are_replaced_where_words_allow(text, cleaned):
    scrubber = Scrubber.of(
        {"doe": "P", "Jane": "P", "PAT-4711-7": "I", "1970-01-01": "B", "X": "no"},
        {"CT/a b.dcm": "F1", "a b.dcm": "F2", "art": "F3"},
    )
    assert scrubber.clean(text) == cleaned


def test_longest_of_several_known_texts_wins():
    scrubber = Scrubber.of({"ANNA": "A", "ANNABEL LEE": "B"}, {"a/b.dcm": "1",
                           "x/a/b.dcm": "2"})  # fmt: skip
    assert scrubber.clean("Annabel Lee, Anna: x/a/b.dcm, a/b.dcm") == "B, A: 2, 1"


def test_many_file_names_are_looked_up_in_time():
    names = {f"study/series {i % 90}/IM{i:06d}.dcm": f"f{i}" for i in range(100_000)}
    scrubber = Scrubber.of({"DOE": "P"}, names)
    started = time.monotonic()
    for i in range(0, 100_000, 50):
        text = f"The same bytes as study/series {i % 90}/IM{i:06d}.dcm."
        assert scrubber.clean(text) == f"The same bytes as f{i}."
    assert time.monotonic() - started < 60.0


def test_fields_of_their_own_are_replaced_whatever_they_say():
    content = make_content(
        series=(
            make_series(
                patient="UNKNOWN^TO^THE^SCRUBBER",
                facts=(Fact("Study date", "20250314"), Fact("Scanner", "S 64")),
            ),
        )
    )
    redacted = redact(content)
    series = redacted.series[0]
    assert series.patient.startswith("patient:")
    assert series.description == "description withheld"
    assert series.series_instance_uid.startswith("uid:")
    assert series.facts == (Fact("Study date", "withheld"), Fact("Scanner", "S 64"))
    names = {item.name for item in content.items.files}
    shown = repr(redacted)
    assert not [name for name in names if name in shown]
    assert "UNKNOWN" not in shown
    assert "20250314" not in shown
    assert redacted.identity.report_id == "R-1-redacted"
    assert redacted.redaction == NOTE


def test_program_s_own_words_survive_a_patient_who_is_called_like_them():
    words = {"accepted": "P", "damaged": "P", "supports": "P", "warning": "P",
             "covered": "P", "series": "P", "search": "P", "note": "P"}  # fmt: skip
    content = make_content()
    redacted = redact(content, Scrubber.of(words, {}))
    assert redacted.items.counts_by_fate == content.items.counts_by_fate
    assert redacted.opinion.conclusion == content.opinion.conclusion
    assert redacted.results[0].scope.scope == content.results[0].scope.scope
    assert redacted.results[0].levels == content.results[0].levels
    assert redacted.methods == content.methods
    assert redacted.calibrations == content.calibrations


def test_free_texts_are_cleared():
    content = make_content(
        series=(make_series(findings=(SeriesFinding("note", "seen by Dr. Zweig"),)),),
        limitations=("Zweig says so",),
    )
    content = replace(
        content,
        opinion=replace(content.opinion, remarks="ask Zweig"),
        mandate=replace(content.mandate, question="Is Zweig right?"),
        results=tuple(
            replace(r, scope=ScopeVerdict(r.scope.scope, ("Zweig",)),
                    exhibits=tuple(replace(e, note="Zweig") for e in r.exhibits))
            for r in content.results
        ),
    )  # fmt: skip
    shown = repr(redact(content, Scrubber.of({"Zweig": "physician-1"}, {})))
    assert "Zweig" not in shown
    assert shown.count("physician-1") >= 6


def test_digests_over_names_are_taken_anew_or_left_out():
    content = make_content()
    redacted = redact(content)
    assert redacted.items.tree_digest == tree_digest(
        (f.name, f.sha256 or "") for f in redacted.items.files
    )
    assert redacted.items.tree_digest != content.items.tree_digest
    assert all(event.digest == "" for event in redacted.custody)
    assert redacted.audit == content.audit
    assert [f.sha256 for f in redacted.items.files] == [
        f.sha256 for f in content.items.files
    ]


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


def test_exhibit_figures_hold_nothing_outside_the_body():
    content = make_content()
    (result,) = content.results
    exhibit = result.exhibits[0]
    assert exhibit.figure is not None
    plane = _slice_with_text()
    figure = replace(
        exhibit.figure, slice_image=plane, crop=plane[:40, :64],
        residual=np.ones((40, 64), np.float32), crop_origin=(0, 0),
        p_map=np.full((40, 64), 0.01, np.float32), window=(40.0, 400.0),
    )  # fmt: skip
    result = replace(
        result, exhibits=(replace(exhibit, column=64, row=64, figure=figure),)
    )
    shown = redact(replace(content, results=(result,))).results[0].exhibits[0].figure
    assert shown is not None
    assert shown.slice_image is not None
    assert shown.p_map is not None
    assert shown.slice_image.max() == 40
    assert shown.crop.max() <= 40
    assert (shown.crop[3:11, 3:60] == -160).all()
    assert np.isnan(shown.residual[3:11, 3:60]).all()
    assert np.isnan(shown.p_map[3:11, 3:60]).all()
    assert shown.slice_image[64, 64] == plane[64, 64]


def test_figure_without_its_slice_is_left_out():
    content = make_content()
    (result,) = content.results
    exhibit = result.exhibits[0]
    assert exhibit.figure is not None
    bare = replace(exhibit, figure=replace(exhibit.figure, slice_image=None))
    content = replace(content, results=(replace(result, exhibits=(bare,)),))
    assert redact(content).results[0].exhibits[0].figure is None


@pytest.fixture
def evidence(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """Files, two of them alike, and the twin of a redacted report that lists them."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    contents = {"a.dcm": b"one", "b.dcm": b"two", "copy.dcm": b"one"}
    sample = make_items().files[0]
    files = []
    for name, data in contents.items():
        (folder / name).write_bytes(data)
        files.append(replace(sample, name=name, sha256=bytes_digest(data)))
    content = make_content(items=make_items(tuple(files)))
    return folder, redact(content).to_json()


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
