"""Cases and reports of an earlier version open, verify and give the same numbers."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from btd_desktop.cases.database import DATABASE_NAME
from btd_desktop.cases.records import geometry_text
from btd_desktop.cases.store import CaseStore
from btd_desktop.cases.text import json_text
from btd_desktop.examination.reading import read_case
from btd_desktop.strict_json import plain_json
from btd_desktop.workflow.examine import outcome_json
from btd_desktop.workflow.verify import verify_case_folder, verify_report_file
from tests.earlier_cases import EARLIER_CASES, expected_of, unpack_earlier


@pytest.fixture(params=EARLIER_CASES)
def name(request: pytest.FixtureRequest) -> str:
    """Name of an earlier case."""
    return str(request.param)


@pytest.fixture
def earlier(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its folder, on the computer that made it."""
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    return unpack_earlier(name, tmp_path)


def lost(old: object, new: object, place: str = "") -> list[str]:
    """Where a value of old is another one, or gone; what was added does not count."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            line
            for key, value in old.items()
            for line in lost(value, new.get(key, "gone"), f"{place}/{key}")
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            line
            for index, pair in enumerate(zip(old, new, strict=True))
            for line in lost(*pair, f"{place}/{index}")
        ]
    # A reason that was left empty then may be given now; one that was given stays.
    is_told_now = place.endswith("/reason") and old == "" and isinstance(new, str)
    return [] if old == new or is_told_now else [f"{place}: {old!r} became {new!r}"]


def test_earlier_case_verifies_and_says_what_it_said(name: str, earlier: Path):
    expected = expected_of(name)
    before = {p: p.read_bytes() for p in earlier.rglob("*") if p.is_file()}
    check, title = verify_case_folder(earlier, with_evidence=False)
    assert check.verdict.problems == ()
    assert title == expected["title"]
    assert check.verdict.head == expected["head"]
    assert check.verdict.n_entries == expected["n_entries"]
    assert check.verdict.key_check == expected["key_check"]
    with CaseStore.open(earlier, read_only=True) as store:
        series = [outcome_json(outcome) for outcome in read_case(store)]
    assert lost(expected["series"], series) == []
    assert {p: p.read_bytes() for p in before} == before


def test_earlier_case_opens_for_writing_with_the_same_numbers(name: str, earlier: Path):
    with CaseStore.open(earlier) as store:
        series = [outcome_json(outcome) for outcome in read_case(store)]
        assert store.verify().problems == ()
    assert lost(expected_of(name)["series"], series) == []


def test_records_of_earlier_cases_are_written_as_they_were_read(
    name: str, earlier: Path
):
    with contextlib.closing(sqlite3.connect(earlier / DATABASE_NAME)) as database:
        rows = database.execute("SELECT finding_id, numbers FROM finding").fetchall()
        runs = database.execute("SELECT run_id, manifest FROM run").fetchall()
        kept = database.execute("SELECT meta, findings, geometry FROM series")
        (series,) = kept.fetchall()
    assert runs
    assert rows or name == "not_covered"
    with CaseStore.open(earlier, read_only=True) as store:
        for finding_id, text in rows:
            assert json_text(plain_json(store.finding(finding_id).numbers)) == text
        (record,) = store.series()
        found = [plain_json(finding) for finding in record.findings]
        geometry = geometry_text(store.load_volume(record.series_id))
        assert (json_text(record.meta.to_json()), json_text(found), geometry) == series
        for run_id, text in runs:
            run = store.run(run_id)
            assert json_text(plain_json(run.manifest)) == text
            assert run.manifest.digest == run.manifest_digest


def test_earlier_reports_verify(name: str, earlier: Path):
    reports = expected_of(name)["reports"]
    assert reports.keys() == {path.name for path in earlier.glob("report-*.pdf")}
    for file_name, said in reports.items():
        verdict = verify_report_file(earlier / file_name)
        assert verdict.ok, verdict.problems
        assert verdict.twin is not None
        assert verdict.twin["identity"]["report_id"] == said["report_id"]
        assert verdict.twin["audit"]["head"] == said["audit_head"]
    check, _ = verify_case_folder(
        earlier, reports=sorted(earlier.glob("report-*.pdf")), with_evidence=False
    )
    assert check.verdict.is_intact
