"""Looking through what a sweep found, without a window."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from btd_desktop.archive.rows import (
    INDEX_NAME,
    LookAt,
    Review,
    SeriesRow,
    open_index,
    write_fact,
    write_rows,
)
from btd_desktop.archive.triage import (
    COLUMNS,
    Triage,
    TriageFilter,
    export_rows,
    read_triage,
    reviewed,
    shown_rows,
    volume_of,
)
from btd_desktop.digest import bytes_digest, file_digest
from btd_desktop.errors import CaseError, EvidenceError, ReportError
from btd_desktop.progress import TaskContext
from tests.factories import make_series_folder

REVIEW = Review("2026-12-01T00:00:00+00:00", "Dr. A. Example", "looks fine")
ROWS = (
    SeriesRow("a" * 64, modality="CT", state="examined", p_value=0.02, score=9.5),
    SeriesRow("b" * 64, modality="MR", state="examined", p_value=0.5, score=1.5,
              scanner="=cmd|' /C calc'!A0", slices=8),
    SeriesRow("c" * 64, modality="CT", state="not covered", score=3.0,
              reason="another kernel", evidence=("/scans/far",)),
    SeriesRow("d" * 64, state="not scored", reason="damaged"),
)  # fmt: skip


def make_index(folder: Path, rows: tuple[SeriesRow, ...] = ROWS) -> Path:
    folder.mkdir(exist_ok=True)
    with open_index(folder / INDEX_NAME) as connection:
        write_rows(connection, rows)
        flags = {"flagged": ["a" * 64], "reason": "at a rate of 10 %"}
        write_fact(connection, "flags", flags)
    return folder


@pytest.fixture
def triage(tmp_path: Path) -> Triage:
    return read_triage(make_index(tmp_path / "results"))


def letters(triage: Triage, wanted: TriageFilter, column: str = "Rank", **more) -> str:
    titles = [c.title for c in COLUMNS]
    rows = shown_rows(triage.rows, wanted, titles.index(column), **more)
    return "".join(row.row.series_digest[0] for row in rows)


def test_rows_are_ranked_flagged_and_counted(triage):
    assert letters(triage, TriageFilter()) == "abcd"
    assert [row.is_flagged for row in triage.rows] == [True, False, False, False]
    assert triage.words == "4 series, 2 examined, 1 flagged, 0 reviewed"
    assert triage.flag_reason == "at a rate of 10 %"
    assert triage.states == ("examined", "not covered", "not scored")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (TriageFilter("KERNEL"), "c"),
        (TriageFilter("far kernel"), "c"),
        (TriageFilter("ct"), "ac"),
        (TriageFilter("nothing"), ""),
        (TriageFilter(state="examined"), "ab"),
        (TriageFilter(flagged_only=True), "a"),
        (TriageFilter(open_only=True), "abcd"),
    ],
)
def test_filter_keeps_what_it_names(triage, wanted, expected):
    assert letters(triage, wanted) == expected


@pytest.mark.parametrize(
    ("column", "down", "expected"),
    [
        ("p-value", False, "abcd"),
        ("p-value", True, "bacd"),
        ("Score", True, "acbd"),
        ("Kind", False, "acbd"),
        ("Flagged", False, "abcd"),
        ("Slices", True, "bacd"),
        ("Series", True, "dcba"),
    ],
)
def test_order_puts_what_says_nothing_last(triage, column, down, expected):
    assert letters(triage, TriageFilter(), column, down=down) == expected


def test_review_is_kept_in_the_index_and_taken_back(triage):
    now = reviewed(triage, "b" * 64, REVIEW)
    assert letters(now, TriageFilter(open_only=True)) == "acd"
    again = read_triage(triage.index)
    assert again == now
    assert reviewed(again, "b" * 64, None) == triage
    assert read_triage(triage.index) == triage


def test_export_says_all_and_no_cell_is_a_formula(triage, tmp_path):
    now = reviewed(triage, "b" * 64, REVIEW)
    assert export_rows(now.rows, tmp_path / "rows.csv") == 4
    with (tmp_path / "rows.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert len(rows) == 4
    assert {len(row) for row in rows} == {len(header)}
    found = dict(zip(header, rows[1], strict=True))
    assert found["Scanner"].startswith("'=cmd")
    assert found["note"] == "looks fine"
    assert found["series digest"] == "b" * 64
    assert not any(cell[:1] in ("=", "+", "-", "@") for row in rows for cell in row)


def test_export_into_no_folder_is_one_sentence(triage, tmp_path):
    with pytest.raises(ReportError, match="could not be written"):
        export_rows(triage.rows, tmp_path / "none" / "rows.csv")


def test_folder_without_an_index_is_one_sentence(tmp_path):
    with pytest.raises(CaseError, match="no index"):
        read_triage(tmp_path)


def swept_row(folder: Path) -> SeriesRow:
    """A row of a real series, as a sweep would write it."""
    digests = sorted(file_digest(path)[0] for path in folder.iterdir())
    digest = bytes_digest("".join(f"{d}\n" for d in digests).encode())
    return SeriesRow(
        digest,
        modality="CT",
        state="examined",
        slices=len(digests),
        score=4.0,
        places=(LookAt(2, 20, 30, 4.0), LookAt(1, 60, 30, 2.0)),
        evidence=(str(folder),),
    )


def test_slices_are_read_where_the_evidence_is_what_was_swept(tmp_path):
    folder = make_series_folder(tmp_path / "scan", shape=(4, 64, 64))
    row = swept_row(folder)
    assert volume_of(row, TaskContext()).shape == (4, 64, 64)
    (folder / "more").mkdir()
    (folder / "more" / "x.dcm").write_bytes(b"of another series")
    next(folder.glob("*.dcm")).unlink()
    with pytest.raises(EvidenceError, match="not what was swept"):
        volume_of(row, TaskContext())
    with pytest.raises(EvidenceError, match="cannot be reached"):
        volume_of(replace(row, evidence=("/scans/far",)), TaskContext())
