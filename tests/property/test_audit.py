# ruff: noqa: S608 - tables and columns are our own
"""Whoever edits a case outside the program is found out, whatever the edit."""

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from btd_desktop.cases.model import CaseVerdict
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CaseError
from tests.unit.cases.samples import NOW, TABLES, fill_case, make_evidence


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Iterator[Path]:
    """`home` with key and anchor, `case` closed, for the whole module."""
    folder = tmp_path_factory.mktemp("audit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(folder / "home"))
        fill_case(folder / "case")
        yield folder


@contextlib.contextmanager
def attacked(root: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    with tempfile.TemporaryDirectory(dir=root) as name:
        folder = shutil.copytree(root / "case", Path(name) / "case")
        with contextlib.closing(sqlite3.connect(folder / "case.sqlite")) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            yield folder, connection


def verify(folder: Path) -> CaseVerdict | None:
    """None when the case no longer opens, which is detection too."""
    try:
        with CaseStore.open(folder, read_only=True) as case:
            return case.verify()
    except CaseError:
        return None


def is_detected(folder: Path) -> bool:
    verdict = verify(folder)
    return verdict is None or (not verdict.is_intact and bool(verdict.problems))


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def cells(connection: sqlite3.Connection) -> list[tuple[str, str, int]]:
    return [
        (table, column, row[0])
        for table in TABLES
        for column in columns(connection, table)
        for row in connection.execute(f"SELECT rowid FROM {table}").fetchall()
    ]


def test_untouched_case_is_intact(root):
    verdict = verify(root / "case")
    assert verdict is not None
    assert verdict.is_intact
    assert verdict.key_check == "verified"
    assert verdict.n_entries == 13


new_values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.sampled_from(["{}", "[]", '{"a":1,"a":2}', "done", "dismissed", "0" * 64]),
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), value=new_values)
def test_any_changed_cell_is_detected(root, data, value):
    with attacked(root) as (folder, connection):
        table, column, key = data.draw(st.sampled_from(cells(connection)))
        where = f"FROM {table} WHERE rowid = ?"
        before = connection.execute(f"SELECT *, typeof({column}) {where}", (key,))
        old = before.fetchone()
        try:
            connection.execute(
                f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, key)
            )
        except sqlite3.IntegrityError:
            return  # SQLite itself refuses the edit: nothing changed
        after = connection.execute(
            f"SELECT *, typeof({column}) FROM {table} ORDER BY rowid = ? DESC LIMIT 1",
            (value if column == columns(connection, table)[0] else key,),
        ).fetchone()
        connection.commit()
        if after == old:
            return
        assert is_detected(folder), (table, column, old, after)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_one_changed_character_in_any_text_is_detected(root, data):
    with attacked(root) as (folder, connection):
        texts = [
            (table, column, key)
            for table, column, key in cells(connection)
            if connection.execute(
                f"SELECT typeof({column}) = 'text' AND length({column}) > 0"
                f" FROM {table} WHERE rowid = ?",
                (key,),
            ).fetchone()[0]
        ]
        table, column, key = data.draw(st.sampled_from(texts))
        (text,) = connection.execute(
            f"SELECT {column} FROM {table} WHERE rowid = ?", (key,)
        ).fetchone()
        at = data.draw(st.integers(0, len(text) - 1))
        new = (
            text[:at] + data.draw(st.sampled_from(["", " ", "x", "0"])) + text[at + 1 :]
        )
        if new == text:
            return
        connection.execute(
            f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, key)
        )
        connection.commit()
        assert is_detected(folder), (table, column, text, new)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_deleted_row_is_detected(root, data):
    with attacked(root) as (folder, connection):
        table = data.draw(st.sampled_from(TABLES))
        keys = [r[0] for r in connection.execute(f"SELECT rowid FROM {table}")]
        connection.execute(
            f"DELETE FROM {table} WHERE rowid = ?", (data.draw(st.sampled_from(keys)),)
        )
        connection.commit()
        assert is_detected(folder), table


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_inserted_copy_of_a_row_is_detected(root, data):
    with attacked(root) as (folder, connection):
        table = data.draw(st.sampled_from([t for t in TABLES if t != "audit_head"]))
        key, *names = columns(connection, table)
        unique = {"slice_result": ("slice_index", "slice_index + 50")}.get(table)
        values = ", ".join(
            unique[1] if unique and name == unique[0] else name for name in names
        )
        if table in ("run", "profile"):
            old = "manifest_digest" if table == "run" else "digest"
            values = values.replace(old, f"{old} || '0'")
        connection.execute(
            f"INSERT INTO {table} ({key}, {', '.join(names)})"
            f" SELECT MAX({key}) + 1, {values} FROM {table}"
        )
        connection.commit()
        assert is_detected(folder), table


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_two_exchanged_audit_entries_are_detected(root, data):
    with attacked(root) as (folder, connection):
        n = connection.execute("SELECT COUNT(*) FROM audit").fetchone()[0]
        first, second = data.draw(
            st.lists(st.integers(1, n), min_size=2, max_size=2, unique=True)
        )
        for old, new in ((first, -1), (second, first), (-1, second)):
            connection.execute("UPDATE audit SET seq = ? WHERE seq = ?", (new, old))
        connection.commit()
        verdict = verify(folder)
        assert verdict is not None
        assert not verdict.audit_intact


@settings(max_examples=30, deadline=None)
@given(n_cut=st.integers(1, 12), renumber_head=st.booleans())
def test_any_truncation_of_the_log_is_detected(root, n_cut, renumber_head):
    with attacked(root) as (folder, connection):
        connection.execute("DELETE FROM audit WHERE seq > ?", (13 - n_cut,))
        if renumber_head:
            connection.execute(
                "UPDATE audit_head SET n_entries = ?,"
                " hash = (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1)",
                (13 - n_cut,),
            )
        connection.commit()
        verdict = verify(folder)
        assert verdict is not None
        assert not verdict.audit_complete
        # What remains is a valid beginning: integrity and completeness differ.
        assert verdict.audit_intact


def test_cut_tail_is_detected_without_key_and_anchor(root, monkeypatch, tmp_path):
    monkeypatch.setenv("BTD_HOME", str(tmp_path))
    with attacked(root) as (folder, connection):
        connection.execute("DELETE FROM audit WHERE seq = 13")
        connection.commit()
        verdict = verify(folder)
        assert verdict is not None
        assert not verdict.audit_complete
        assert verdict.key_check == "not checkable"


def test_case_rolled_back_to_an_older_copy_is_detected(root, monkeypatch, tmp_path):
    home = shutil.copytree(root / "home", tmp_path / "home")
    monkeypatch.setenv("BTD_HOME", str(home))
    case_folder = shutil.copytree(root / "case", tmp_path / "case")
    with CaseStore.open(case_folder) as case:
        case.add_evidence(make_evidence(), NOW)
    now_verdict = verify(case_folder)
    assert now_verdict is not None
    assert now_verdict.is_intact
    old_verdict = verify(root / "case")
    assert old_verdict is not None
    assert old_verdict.audit_intact
    assert old_verdict.records_intact
    assert not old_verdict.audit_complete
    assert "older or another copy" in old_verdict.problems[0]


def test_work_on_a_rolled_back_copy_does_not_hide_the_rollback(
    root, monkeypatch, tmp_path
):
    home = shutil.copytree(root / "home", tmp_path / "home")
    monkeypatch.setenv("BTD_HOME", str(home))
    case_folder = shutil.copytree(root / "case", tmp_path / "case")
    with CaseStore.open(case_folder) as case:
        case.add_evidence(make_evidence(), NOW)
    old = shutil.copytree(root / "case", tmp_path / "old")
    with CaseStore.open(old) as case:
        case.append_audit("went on", {}, "E. Xaminer", NOW)
        case.append_audit("went further", {}, "E. Xaminer", NOW)
    verdict = verify(old)
    assert verdict is not None
    assert verdict.audit_intact
    assert not verdict.audit_complete


def plain_json(value: object) -> str:
    """The documented encoding, written anew: no code of the program is trusted."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def forge_chain(connection: sqlite3.Connection) -> None:
    """What an attacker without the key can do: edit, then recompute every hash."""
    connection.row_factory = sqlite3.Row
    previous = "0" * 64
    for row in connection.execute("SELECT * FROM audit ORDER BY seq").fetchall():
        details = json.loads(row["details"])
        if row["action"] == "finding changed":
            finding = connection.execute("SELECT * FROM finding").fetchone()
            text = plain_json([dict(finding)])
            digest = hashlib.sha256(text.encode()).hexdigest()
            details["records"][0]["sha256"] = digest
        names = ("seq", "utc", "actor", "action", "key_id")
        signed = {name: row[name] for name in names}
        signed |= {"details": details, "previous_hash": previous}
        own = hashlib.sha256(plain_json(signed).encode()).hexdigest()
        connection.execute(
            "UPDATE audit SET details = ?, previous_hash = ?, hash = ? WHERE seq = ?",
            (plain_json(details), previous, own, row["seq"]),
        )
        previous = own
    connection.execute("UPDATE audit_head SET hash = ?", (previous,))
    connection.execute("UPDATE report SET audit_head = ?", (previous,))


def test_rebuilt_chain_is_detected_with_the_key(root):
    with attacked(root) as (folder, connection):
        connection.execute("UPDATE finding SET status = 'dismissed'")
        forge_chain(connection)
        connection.commit()
        verdict = verify(folder)
    assert verdict is not None
    assert verdict.key_check == "failed"
    assert not verdict.audit_intact


def test_rebuilt_chain_without_the_key_is_said_to_be_uncheckable(
    root, monkeypatch, tmp_path
):
    monkeypatch.setenv("BTD_HOME", str(tmp_path))
    with CaseStore.open(root / "case", read_only=True) as case:
        true_head = case.head()[1]
    with attacked(root) as (folder, connection):
        connection.execute("UPDATE finding SET status = 'dismissed'")
        forge_chain(connection)
        connection.commit()
        with CaseStore.open(folder, read_only=True) as case:
            verdict = case.verify()
            anchored = case.verify({true_head: "a report"})
    # The unkeyed chain alone cannot see it, and the verdict must say so.
    assert verdict.audit_intact
    assert verdict.key_check == "not checkable"
    assert not anchored.audit_complete


def test_work_continued_with_another_key_is_partly_checkable(
    root, monkeypatch, tmp_path
):
    case_folder = shutil.copytree(root / "case", tmp_path / "case")
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "colleague"))
    with CaseStore.open(case_folder) as case:
        case.append_audit("second look", {}, "Colleague", NOW)
        assert case.verify().key_check == "partly"
        assert case.verify().is_intact


def test_key_lies_outside_the_case_and_is_private(root):
    key = root / "home" / "data" / "keys" / "audit.key"
    assert len(key.read_bytes()) == 32
    if os.name != "nt":
        assert key.stat().st_mode & 0o777 == 0o600
    secret = key.read_bytes()
    for path in (root / "case").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert secret not in content
            assert secret.hex().encode() not in content


def test_damaged_key_is_refused_not_replaced(root, monkeypatch, tmp_path):
    home = shutil.copytree(root / "home", tmp_path / "home")
    key = home / "data" / "keys" / "audit.key"
    key.write_bytes(b"short")
    monkeypatch.setenv("BTD_HOME", str(home))
    case_folder = shutil.copytree(root / "case", tmp_path / "case")
    with pytest.raises(CaseError, match="damaged"):
        CaseStore.open(case_folder)
    assert key.read_bytes() == b"short"


def test_forged_huge_claim_costs_no_memory(root):
    with attacked(root) as (folder, connection):
        claim = {"table": "evidence", "first": 1, "last": 2**62, "sha256": "0" * 64}
        bad = [claim, {"table": "run", "first": "x"}, 7, {"table": "run"}]
        connection.execute(
            "UPDATE audit SET details = ? WHERE seq = 2",
            (json.dumps({"records": bad}),),
        )
        connection.commit()
        assert is_detected(folder)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_flipped_byte_of_a_used_page_never_raises(root, data):
    """Flips in slack space change no record; all others are found or refused."""
    with tempfile.TemporaryDirectory(dir=root) as name:
        folder = shutil.copytree(root / "case", Path(name) / "case")
        path = folder / "case.sqlite"
        content = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
        path.write_bytes(bytes(content))
        verdict = verify(folder)
        if verdict is None or not verdict.is_intact:
            return
        with (
            CaseStore.open(folder, read_only=True) as case,
            CaseStore.open(root / "case", read_only=True) as original,
        ):
            assert case.findings() == original.findings()
            assert case.evidence() == original.evidence()
            assert case.slice_results(1) == original.slice_results(1)
            assert case.audit_log() == original.audit_log()
