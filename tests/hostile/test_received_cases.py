"""A case that the other party handed over reaches nothing of the examiner's.

Journals that SQLite would carry out, links to exhibits, schemas with code in them, a
log sealed anew: each is refused or named, and no file outside the case changes.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from pypdf import PdfReader

from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import BtdError, CaseError, UnauthenticatedError
from btd_desktop.workflow.verify import (
    adoption_in,
    case_verdict_json,
    verify_case_folder,
    verify_report_file,
)
from tests.hostile.custody_case import fill_case, report
from tests.hostile.received_case import (
    add_note,
    left_open,
    place_journal,
    reforge,
    run_sql,
    write_schema,
)

pytestmark = pytest.mark.skipif(
    not hasattr(os, "mkfifo"), reason="links and pipes as POSIX has them"
)
EXHIBIT = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`home` and `case`, made once."""
    folder = tmp_path_factory.mktemp("received")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(folder / "home"))
        fill_case(folder / "case", folder / "evidence")
    return folder


@pytest.fixture
def case(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the case, on a computer that made it."""
    shutil.copytree(made / "home", tmp_path / "home")
    shutil.copytree(made / "case", tmp_path / "case")
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    return tmp_path / "case"


@pytest.fixture
def exhibit(tmp_path: Path) -> Path:
    """A file of the examiner's that no case may reach."""
    path = tmp_path / "exhibit.dcm"
    path.write_bytes(EXHIBIT)
    return path


def issue(folder: Path, reason: str = "") -> Path:
    with CaseStore.open(folder) as store:
        return report(store, adopt_reason=reason).path


def test_journal_that_names_a_file_is_not_carried_out(case: Path, exhibit: Path):
    # What SQLite itself does with it, so that the attack is known to be one.
    victim = exhibit.with_name("victim")
    victim.write_bytes(b"")
    copy = case.with_name("copy")
    shutil.copytree(case, copy)
    run_sql(copy, "PRAGMA journal_mode = DELETE")
    place_journal(copy, victim)
    with sqlite3.connect(copy / "case.sqlite") as database:
        database.execute("SELECT COUNT(*) FROM case_info").fetchone()
    database.close()
    assert not (copy / "case.sqlite-journal").exists()

    for journal_mode in ("WAL", "DELETE"):
        run_sql(case, f"PRAGMA journal_mode = {journal_mode}")
        place_journal(case, exhibit)
        before = (case / "case.sqlite").read_bytes()
        for read_only in (True, False):
            with pytest.raises(CaseError, match=r"case\.sqlite-journal") as caught:
                CaseStore.open(case, read_only=read_only)
            assert caught.value.code == "unsafe-case"
        assert exhibit.read_bytes() == EXHIBIT
        assert (case / "case.sqlite").read_bytes() == before
        (case / "case.sqlite-journal").unlink()


def _link(path: Path, exhibit: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(exhibit)


def _second_name(path: Path, exhibit: Path) -> None:
    path.unlink(missing_ok=True)
    os.link(exhibit, path)


def _pipe(path: Path, exhibit: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _dangling(path: Path, exhibit: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(exhibit.with_name("made-by-the-program"))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("place", [_link, _second_name, _pipe, _dangling])
@pytest.mark.parametrize(
    "name",
    [
        "case.lock",
        "case.sqlite",
        "case.sqlite-wal",
        "case.sqlite-shm",
        "case.sqlite-journal",
    ],
)
def test_file_of_a_case_that_is_no_file_of_its_own_is_refused_by_its_name(
    case: Path, exhibit: Path, name: str, place: Callable[[Path, Path], None]
):
    place(case / name, exhibit)
    with pytest.raises(CaseError, match=name) as caught:
        CaseStore.open(case)
    assert caught.value.code == "unsafe-case"
    assert exhibit.read_bytes() == EXHIBIT
    assert not exhibit.with_name("made-by-the-program").exists()


def test_arrays_folder_that_is_a_link_is_neither_written_nor_cleared(
    case: Path, tmp_path: Path
):
    elsewhere = tmp_path / "elsewhere"
    (case / "arrays").rename(elsewhere)
    (elsewhere / ".writing-exhibit").write_bytes(EXHIBIT)
    (case / "arrays").symlink_to(elsewhere)
    names = sorted(p.name for p in elsewhere.iterdir())
    for read_only in (True, False):
        with pytest.raises(CaseError, match="arrays is a link"):
            CaseStore.open(case, read_only=read_only)
    assert sorted(p.name for p in elsewhere.iterdir()) == names


def test_array_that_is_a_link_is_named_and_not_read(case: Path, tmp_path: Path):
    array = next(iter(sorted((case / "arrays").iterdir())))
    array.rename(tmp_path / array.name)
    array.symlink_to(tmp_path / array.name)
    check, _ = verify_case_folder(case, with_evidence=False)
    assert any(array.name in p and "link" in p for p in check.verdict.problems)


def test_report_is_not_written_through_a_link(case: Path, exhibit: Path):
    (case / "report-2.pdf.part").symlink_to(exhibit)
    assert issue(case).name == "report-2.pdf"
    assert exhibit.read_bytes() == EXHIBIT
    (case / "report-3.pdf").symlink_to(exhibit)
    with pytest.raises(CaseError, match=r"report-3\.pdf is a link"):
        issue(case)
    assert exhibit.read_bytes() == EXHIBIT


SCHEMAS = {
    "trigger": "CREATE TRIGGER t AFTER INSERT ON finding BEGIN SELECT 1; END",
    "view": "CREATE VIEW v AS SELECT * FROM finding",
    "virtual table": "CREATE VIRTUAL TABLE vt USING fts5(a)",
    "table": "CREATE TABLE more (a TEXT)",
    "generated column": "ALTER TABLE finding ADD COLUMN g AS (upper(note))",
    "column": "ALTER TABLE finding ADD COLUMN c TEXT",
    "index": "CREATE INDEX i ON finding (note)",
    "computing index": "CREATE INDEX i ON finding (upper(note))",
}


@pytest.mark.parametrize("kind", SCHEMAS)
@pytest.mark.parametrize("read_only", [True, False])
def test_schema_with_anything_besides_ours_is_refused(
    case: Path, kind: str, read_only: bool
):
    run_sql(case, SCHEMAS[kind])
    before = (case / "case.sqlite").read_bytes()
    with pytest.raises(CaseError) as caught:
        CaseStore.open(case, read_only=read_only)
    assert caught.value.code == "case-damaged"
    assert (case / "case.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sqlite_master SET sql = replace(sql, 'note TEXT NOT NULL',"
        " 'note TEXT NOT NULL CHECK (length(note) < 9)') WHERE name = 'finding'",
        "UPDATE sqlite_master SET sql = replace(sql, 'status TEXT NOT NULL',"
        " 'status TEXT NOT NULL DEFAULT (upper(''x''))') WHERE name = 'run'",
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master"
        " WHERE name = 'finding') WHERE name = 'report'",
    ],
)
def test_altered_text_or_place_of_a_table_is_refused(case: Path, change: str):
    write_schema(case, change)
    with pytest.raises(CaseError) as caught:
        CaseStore.open(case)
    assert caught.value.code == "case-damaged"


@pytest.mark.parametrize(
    "kind", ["trigger", "view", "virtual table", "generated column", "computing index"]
)
def test_newer_minor_format_does_not_excuse_code(case: Path, kind: str):
    run_sql(case, SCHEMAS[kind], "PRAGMA user_version = 1007")
    with pytest.raises(CaseError) as caught:
        CaseStore.open(case, read_only=True)
    assert caught.value.code == "case-damaged"


@pytest.mark.parametrize("pragma", ["application_id = 1", "user_version = 7"])
def test_foreign_numbers_of_the_file_are_refused(case: Path, pragma: str):
    run_sql(case, f"PRAGMA {pragma}")
    with pytest.raises(CaseError):
        CaseStore.open(case)


def test_log_that_a_killed_writer_left_is_taken_up_here_and_nowhere_else(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    left = tmp_path / "left"
    left_open(case, left, add_note)
    # What is kept of the other copy, which was closed, is not of this one.
    shutil.rmtree(tmp_path / "home" / "data" / "audit-heads")
    before = {p: p.read_bytes() for p in left.rglob("*") if p.is_file()}
    with monkeypatch.context() as patch:
        patch.setenv("BTD_HOME", str(tmp_path / "another-home"))
        with CaseStore.open(left, read_only=True) as store:
            assert store.audit_log()[-1].details == {"why": "again"}
        with pytest.raises(CaseError, match=r"case\.sqlite-wal") as caught:
            CaseStore.open(left)
        assert caught.value.code == "unsafe-case"
    assert {p: p.read_bytes() for p in before} == before
    with CaseStore.open(left) as store:
        assert store.audit_log()[-1].details == {"why": "again"}
        assert store.verify().problems == ()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE finding SET note = 'nothing there'",
        "CREATE TRIGGER t AFTER INSERT ON finding BEGIN SELECT 1; END",
    ],
)
def test_log_with_foreign_work_is_not_taken_up(case: Path, tmp_path: Path, change: str):
    left = tmp_path / "left"

    def alter(store: CaseStore) -> None:
        run_sql(store.folder, change)

    left_open(case, left, alter)
    before = (left / "case.sqlite").read_bytes()
    with pytest.raises(CaseError) as caught:
        CaseStore.open(left)
    assert caught.value.code in ("unsafe-case", "case-damaged")
    assert (left / "case.sqlite").read_bytes() == before


FORGED = (
    "UPDATE slice_result SET summary = replace(summary, '0.', '0.0')",
    "UPDATE case_info SET case_id = 'another'",
    "DELETE FROM report",
)


def test_case_sealed_anew_is_not_authenticated_and_nothing_is_signed_over_it(
    case: Path,
):
    reforge(case, *FORGED)
    check, _ = verify_case_folder(case, with_evidence=False)
    # It agrees with itself in everything that anybody can compute.
    assert check.verdict.is_intact, check.verdict.problems
    assert check.verdict.authentication == "not authenticated"
    assert check.verdict.headline == "NOT AUTHENTICATED"
    assert case_verdict_json(check)["ok"] is False
    names = sorted(p.name for p in case.iterdir())
    with pytest.raises(UnauthenticatedError, match="NOT AUTHENTICATED") as caught:
        issue(case)
    assert caught.value.exit_code == 9
    assert sorted(p.name for p in case.iterdir()) == names


def test_adopted_case_says_so_in_log_report_and_verification(case: Path):
    reforge(case, *FORGED)
    path = issue(case, reason="handed over in court by the clerk")
    with CaseStore.open(case, read_only=True) as store:
        (entry,) = [e for e in store.audit_log() if "adopted" in e.action]
    assert entry.details["reason"] == "handed over in court by the clerk"
    check, _ = verify_case_folder(case, with_evidence=False)
    assert check.verdict.authentication == "adopted"
    assert check.verdict.headline == "INTACT SINCE ITS ADOPTION"
    assert case_verdict_json(check)["ok"] is True
    verdict = verify_report_file(path)
    assert verdict.ok
    assert "handed over in court by the clerk" in adoption_in(verdict.twin)
    summary = " ".join(PdfReader(path).pages[1].extract_text().split())
    assert "handed over in court by the clerk" in summary
    # The next report needs no second adoption, and still says so.
    assert adoption_in(verify_report_file(issue(case)).twin)


def test_adoption_holds_for_what_came_before_it_only(case: Path):
    reforge(case, *FORGED)
    issue(case, reason="known to me")
    reforge(case, "UPDATE finding SET note = 'other'")
    check, _ = verify_case_folder(case, with_evidence=False)
    assert check.verdict.authentication == "not authenticated"


def test_altered_case_cannot_be_adopted(case: Path):
    reforge(case, *FORGED)
    run_sql(case, "UPDATE finding SET note = 'nothing there'")
    with pytest.raises(CaseError, match="altered"):
        issue(case, reason="known to me")


@pytest.mark.parametrize("reason", ["", "known to me"])
def test_refused_case_keeps_every_name_and_every_record(case: Path, reason: str):
    (case / "report-2.pdf").write_bytes(b"%PDF-1.7 of whom?")
    (case / "report-2.pdf.part").write_bytes(b"half")
    run_sql(case, "UPDATE finding SET note = 'nothing there'")

    def kept() -> tuple[list[str], list[str]]:
        names = sorted(p.name for p in case.iterdir() if "sqlite" not in p.name)
        with CaseStore.open(case, read_only=True) as store:
            return names, [e.action for e in store.audit_log()]

    names, actions = kept()
    with pytest.raises(CaseError, match="altered"):
        issue(case, reason)
    assert kept() == (names, [*actions, "case checked before the report"])


def test_case_rolled_back_behind_a_report_beside_it_is_told(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    older = tmp_path / "older"
    shutil.copytree(case, older)
    with CaseStore.open(case) as store:
        add_note(store)
        later = report(store).path
    shutil.copy(later, older / later.name)
    # Another computer, which never saw the case and has the same key only.
    shutil.rmtree(tmp_path / "home" / "data" / "audit-heads")
    check, _ = verify_case_folder(older, with_evidence=False)
    assert not check.verdict.audit_complete
    assert any(later.name in problem for problem in check.verdict.problems)


def test_report_of_another_case_beside_it_says_nothing(case: Path, tmp_path: Path):
    (tmp_path / "evidence-2").mkdir()
    fill_case(tmp_path / "second", tmp_path / "evidence-2" / "files")
    shutil.copy(tmp_path / "second" / "report-1.pdf", case / "of-another.pdf")
    check, _ = verify_case_folder(case, with_evidence=False)
    assert check.verdict.problems == ()


HOSTILE_CONTENT = [
    "UPDATE finding SET slice_index = 99",
    "UPDATE finding SET slice_index = -1",
    "UPDATE finding SET x = 1e9",
    "UPDATE finding SET y = 'left'",
    "UPDATE finding SET y = 9e999",
    "UPDATE finding SET numbers = '{\"anomaly\":3}'",
    'UPDATE finding SET numbers = \'{"anomaly":{"score":"high"}}\'',
    'UPDATE finding SET numbers = \'{"injection":{"p_value":7}}\'',
    'UPDATE finding SET numbers = \'{"slice":{"score":1e999}}\'',
    "UPDATE finding SET numbers = '{\"copy\":[]}'",
    "UPDATE finding SET numbers = '[]'",
    # Well-formed, and each a record that the program never wrote.
    "UPDATE finding SET numbers = '{}'",
    *(
        f"UPDATE finding SET numbers = {change}"  # noqa: S608 - not from outside
        for change in (
            "json_remove(numbers, '$.removal')",
            "json_remove(numbers, '$.anomaly.flagged')",
            "json_remove(numbers, '$.slice.n')",
            "json_remove(numbers, '$.copy.share')",
            "json_set(numbers, '$.anomaly.level', 'slice')",
            "json_set(numbers, '$.injection.level', 'place')",
            "json_set(numbers, '$.anomaly.flagged', json('false'))",
            "json_set(numbers, '$.anomaly.threshold', null)",
            "json_set(numbers, '$.anomaly.score', 3)",
            "json_set(numbers, '$.anomaly.p_value', 0.0)",
            "json_set(numbers, '$.anomaly.n', 3.0)",
            "json_set(numbers, '$.anomaly.n', json('true'))",
            "json_set(numbers, '$.copy.copied', 1)",
            "json_set(numbers, '$.copy.column', -1)",
            "json_set(numbers, '$.copy.strength', 1e301)",
            "json_set(numbers, '$.sharpness', json('{}'))",
            "json_set(numbers, '$.copy.why', 'x')",
        )
    ),
    "UPDATE finding SET note = x'00ff'",
    "UPDATE finding SET note = printf('%.*c', 2000000, 'x')",
    "UPDATE finding SET status = 'proven'",
    "UPDATE finding SET series_id = 7",
    "UPDATE series SET n_slices = 1000000000000",
    "UPDATE series SET n_rows = 0",
    "UPDATE series SET n_cols = 47",
    "UPDATE series SET meta = '[]'",
    "UPDATE series SET meta = json_set(meta, '$.kernel', 3)",
    "UPDATE series SET meta = json_set(meta, '$.thickness_mm', '5')",
    "UPDATE series SET meta = json_set(meta, '$.spacing_mm', json('[1]'))",
    "UPDATE series SET meta = json_set(meta, '$.dose', json('"
    + "[" * 900
    + "]" * 900
    + "'))",
    "UPDATE series SET findings = '[3]'",
    "UPDATE series SET findings = '[{}]'",
    "UPDATE series SET record_names = '[3]'",
    "UPDATE series SET geometry = '{}'",
    "UPDATE run SET manifest = '[]'",
    *(
        f"UPDATE run SET manifest = {change}"  # noqa: S608 - not from outside
        for change in (
            "json_remove(manifest, '$.model.digest')",
            "json_remove(manifest, '$.scale.one_at')",
            "json_set(manifest, '$.scale.two_at', 1.0)",
            "json_set(manifest, '$.scale.zero_at', 'x')",
            "json_set(manifest, '$.grid.stride', 0)",
            "json_set(manifest, '$.grid.patch', '96')",
            "json_set(manifest, '$.preset.patch', 'x')",
            "json_set(manifest, '$.preset.low', null)",
            "json_set(manifest, '$.paper_level', 99)",
            "json_set(manifest, '$.noise_levels', json('[\"x\"]'))",
            "json_set(manifest, '$.backend', 3)",
            "json_set(manifest, '$.engine', 3.0)",
        )
    ),
    "UPDATE run SET status = 'won'",
    "UPDATE run SET started_utc = x'00'",
    "UPDATE slice_result SET slice_index = 77 WHERE slice_index = 5",
    "UPDATE slice_result SET summary = '3'",
    "UPDATE slice_result SET arrays = '{\"grid\":5}'",
    "UPDATE profile SET document = '[]'",
    "UPDATE evidence SET size_bytes = 'big'",
    "UPDATE evidence SET is_container = 5",
    "UPDATE case_info SET title = x'ff'",
    "UPDATE report SET sha256 = x'ff'",
]


def read_all(store: CaseStore) -> None:
    """Everything that a case holds, as window and report read it."""
    _ = store.info
    for record in store.series():
        store.load_volume(record.series_id)
    for run in store.runs():
        store.slice_results(run.run_id)
    store.evidence(), store.findings(), store.profiles(), store.reports()


@pytest.mark.parametrize("change", HOSTILE_CONTENT)
def test_content_that_this_program_never_writes_is_told_on_reading(
    case: Path, change: str
):
    reforge(case, "DELETE FROM report WHERE 0", change)
    with pytest.raises(CaseError) as caught, CaseStore.open(case, read_only=True) as s:
        read_all(s)
    assert len(str(caught.value)) < 400
    with pytest.raises(BtdError):
        issue(case, reason="known to me")
