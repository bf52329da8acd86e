import contextlib
import sqlite3
from pathlib import Path

import pytest

from btd_desktop.cases import migrations
from btd_desktop.cases.migrations import MIGRATIONS, Migration
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CaseError


def edit(folder: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "case.sqlite")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def add_priority(connection):
    connection.execute("ALTER TABLE finding ADD COLUMN priority INTEGER DEFAULT 0")


@pytest.fixture
def newer_program(monkeypatch):
    steps = (*MIGRATIONS, Migration(1, 1, add_priority))
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)


def test_newer_major_is_refused_in_both_ways_of_opening(case_folder):
    edit(case_folder, "PRAGMA user_version = 2000")
    for read_only in (False, True):
        with pytest.raises(CaseError, match=r"format 2\.0") as caught:
            CaseStore.open(case_folder, read_only=read_only)
        assert caught.value.code == "case-newer"
        assert caught.value.hint


def test_newer_minor_is_opened(case_folder, newer_program, monkeypatch):
    CaseStore.open(case_folder).close()
    monkeypatch.setattr(migrations, "MIGRATIONS", MIGRATIONS)
    with CaseStore.open(case_folder) as case:
        assert case.findings()[0].note == "see lobe"
        assert case.verify().problems == ()


def test_older_case_is_migrated_once_with_an_entry(case_folder, newer_program):
    for _ in range(2):
        with CaseStore.open(case_folder) as case:
            entries = [e for e in case.audit_log() if "migrated" in e.action]
            assert [e.details["format"] for e in entries] == [1001]
            assert case.verify().problems == ()


def test_older_case_reads_without_being_migrated(case_folder, newer_program):
    before = (case_folder / "case.sqlite").read_bytes()
    with CaseStore.open(case_folder, read_only=True) as case:
        assert case.findings()[0].note == "see lobe"
        assert case.verify().problems == ()
    assert (case_folder / "case.sqlite").read_bytes() == before


def test_migration_does_not_launder_an_altered_row(case_folder, newer_program):
    edit(case_folder, "UPDATE finding SET note = 'nothing there'")
    with CaseStore.open(case_folder) as case:
        verdict = case.verify()
    assert not verdict.records_intact
    assert verdict.audit_intact
    assert "finding 1" in verdict.problems[0]


def test_migration_that_fails_changes_nothing(case_folder, monkeypatch):
    def broken(connection):
        connection.execute("ALTER TABLE finding ADD COLUMN half INTEGER")
        raise sqlite3.OperationalError("no such thing")

    steps = (*MIGRATIONS, Migration(1, 1, broken))
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", steps)
        with pytest.raises(sqlite3.OperationalError):
            CaseStore.open(case_folder)
    with CaseStore.open(case_folder) as case:
        assert case.verify().problems == ()


def test_format_number_changed_by_hand_is_a_problem(case_folder):
    edit(case_folder, "PRAGMA user_version = 1007")
    with CaseStore.open(case_folder, read_only=True) as case:
        assert "format number" in case.verify().problems[0]
