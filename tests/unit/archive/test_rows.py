"""The index of a sweep: rows, their order, reviews."""

import sqlite3
from dataclasses import replace

import pytest

from btd_desktop.archive.rows import (
    LookAt,
    Review,
    SeriesRow,
    is_known,
    mark_reviewed,
    open_index,
    read_facts,
    read_reviews,
    read_rows,
    results_digest,
    write_fact,
    write_rows,
)
from btd_desktop.errors import CaseError

ROW = SeriesRow(
    "a" * 64,
    modality="CT",
    slices=8,
    state="examined",
    score=3.5,
    p_value=0.05,
    floor=0.05,
    patients=19,
    places=(LookAt(3, 120, 88, 3.5),),
    seconds={"score": 1.25},
)


@pytest.fixture
def index(tmp_path):
    return tmp_path / "index.sqlite"


def test_rows_written_and_read_are_the_same_in_order_of_rank(index):
    rows = [
        replace(ROW, series_digest="d" * 64, p_value=None, score=None),
        replace(ROW, series_digest="c" * 64, p_value=None, score=9.0),
        replace(ROW, series_digest="b" * 64, score=4.0),
        ROW,
        replace(ROW, series_digest="e" * 64, p_value=0.04, score=1.0),
    ]
    with open_index(index) as connection:
        write_rows(connection, rows)
        assert is_known(connection, "a" * 64)
        assert not is_known(connection, "f" * 64)
    assert read_rows(index) == tuple(rows[i] for i in (4, 2, 3, 1, 0))


def test_review_outlives_a_row_written_again(index):
    review = Review("2026-11-30T10:00:00.000Z", "E. Examiner", "seen")
    with open_index(index) as connection:
        write_rows(connection, [ROW])
    mark_reviewed(index, ROW.series_digest, review)
    with open_index(index) as connection:
        write_rows(connection, [ROW])
    assert read_reviews(index) == {ROW.series_digest: review}
    mark_reviewed(index, ROW.series_digest, None)
    assert read_reviews(index) == {}
    with pytest.raises(CaseError, match="no series"):
        mark_reviewed(index, "f" * 64, review)


def test_rows_that_fail_half_way_leave_nothing(index):
    with open_index(index) as connection, pytest.raises(AttributeError):
        write_rows(connection, [ROW, None])  # type: ignore[list-item]
    assert read_rows(index) == ()


def test_index_that_is_damaged_newer_or_missing_is_refused(index):
    with pytest.raises(CaseError, match="no index"):
        read_rows(index)
    with open_index(index) as connection:
        write_rows(connection, [ROW])
        write_fact(connection, "files", {"accepted": 8})
    assert read_facts(index) == {"files": {"accepted": 8}, "format": 1}
    with sqlite3.connect(index) as connection:
        connection.execute("UPDATE series SET row = '{}'")
    with pytest.raises(CaseError, match="cannot be used"):
        read_rows(index)
    with open_index(index) as connection:
        write_fact(connection, "format", 2)
    with pytest.raises(CaseError, match="another version"), open_index(index):
        pass
    index.write_bytes(b"no database" * 100)
    with pytest.raises(CaseError, match="cannot be used"):
        read_rows(index)


def test_digest_of_results_leaves_out_time_and_place_but_no_number():
    other = replace(ROW, seconds={"score": 9.0}, evidence=("/b",), sweep=2)
    assert results_digest([ROW]) == results_digest([other])
    assert results_digest([ROW]) != results_digest([replace(ROW, p_value=0.051)])
    two = [ROW, replace(ROW, series_digest="b" * 64)]
    assert results_digest(two) == results_digest(two[::-1])


def test_p_value_is_told_with_floor_and_patients():
    assert ROW.p_words == "p ≤ 0.05 (floor 0.05, 19 patients)"
    assert replace(ROW, p_value=0.2).p_words == "p = 0.2 (floor 0.05, 19 patients)"
    none = replace(ROW, p_value=None, p_reason="not covered")
    assert none.p_words == "not established (not covered); floor 0.05, 19 patients"
    assert SeriesRow("a").p_words == "not established (no profile)"
