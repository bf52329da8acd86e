"""Databases and arrays of received cases that are not what their names say.

Texts of the schema that differ by letters that look like spaces, files with holes that
are as large as their sender likes, arrays of another kind with digests that fit.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from btd_desktop.cases.arrays import write_array
from btd_desktop.cases.audit_key import load_key
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CaseError, ReportError
from btd_desktop.examination.stored import load_features, load_residual
from btd_desktop.report.signing import OWN_KEY_NAME
from tests.hostile.custody_case import fill_case, report
from tests.hostile.received_case import reforge, run_sql, write_schema

pytestmark = pytest.mark.skipif(
    not hasattr(os, "mkfifo"), reason="files with holes as POSIX has them"
)


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


NO_SPACES = "\N{NO-BREAK SPACE}\N{EM SPACE}\N{IDEOGRAPHIC SPACE}\x1c\x85"


@pytest.mark.parametrize("letter", NO_SPACES, ids=ascii)
@pytest.mark.parametrize(
    ("table", "constraint"),
    [
        ("finding", "note TEXT NOT NULL"),
        ("evidence", "evidence_id INTEGER PRIMARY KEY"),
        ("finding", "run_id INTEGER REFERENCES run"),
    ],
)
def test_letter_that_looks_like_a_space_does_not_take_a_constraint_away(
    case: Path, table: str, constraint: str, letter: str
):
    name, kind, rest = constraint.split(" ", 2)
    other = f"{name} {kind}{letter}{rest.replace(' ', letter)}"
    write_schema(
        case,
        f"UPDATE sqlite_master SET sql = replace(sql, '{constraint}', '{other}')"  # noqa: S608
        f" WHERE name = '{table}'",
    )
    for read_only in (True, False):
        with pytest.raises(CaseError) as caught:
            CaseStore.open(case, read_only=read_only)
        assert caught.value.code == "case-damaged"


def _grow(name: str, n_bytes: int) -> Callable[[Path], None]:
    def attack(folder: Path) -> None:
        with (folder / name).open("ab") as stream:
            stream.truncate(n_bytes)

    return attack


@pytest.mark.parametrize("name", ["case.sqlite", "case.sqlite-wal"])
@pytest.mark.parametrize("n_bytes", [20 << 30, 15 << 40])
def test_database_with_a_hole_is_refused_by_its_size(
    case: Path, name: str, n_bytes: int
):
    try:
        _grow(name, n_bytes)(case)
    except OSError as error:
        pytest.skip(f"no such file can be made here: {error.strerror}")
    for read_only in (True, False):
        with pytest.raises(CaseError, match=f"{name} has") as caught:
            CaseStore.open(case, read_only=read_only)
        assert caught.value.code == "unsafe-case"


@pytest.mark.timeout(60)
def test_report_with_a_hole_is_told_and_not_read_to_its_end(case: Path):
    try:
        _grow("report-1.pdf", 15 << 40)(case)
    except OSError as error:
        pytest.skip(f"no such file can be made here: {error.strerror}")
    with CaseStore.open(case, read_only=True) as store:
        problems = store.verify().problems
    assert any("report-1.pdf" in problem for problem in problems)


def test_key_that_signs_is_not_read_for_a_case_that_was_altered(
    case: Path, tmp_path: Path
):
    (key,) = (tmp_path / "home").rglob(OWN_KEY_NAME)
    key.write_bytes(b"no key: reading it fails")
    with CaseStore.open(case) as store, pytest.raises(ReportError):
        report(store)
    run_sql(case, "UPDATE finding SET note = 'nothing there'")
    with (
        CaseStore.open(case) as store,
        pytest.raises(CaseError, match="was altered") as caught,
    ):
        report(store)
    assert caught.value.code == "case-altered"


ARRAYS = {
    "complex": np.zeros((48, 48), np.complex128),
    "truth values": np.zeros((48, 48), np.bool_),
    "one number": np.array(1.0),
    "another shape": np.zeros((4, 4), np.float16),
    "more axes": np.zeros((2, 2, 2, 2), np.float32),
    "no values": np.zeros((0, 48), np.float16),
    "infinite": np.full((48, 48), np.inf, np.float16),
}


@pytest.mark.parametrize("part", ["grid", "residual"])
@pytest.mark.parametrize("kind", ARRAYS)
def test_array_of_another_kind_with_a_digest_that_fits_is_named(
    case: Path, part: str, kind: str
):
    digest = write_array(case / "arrays", ARRAYS[kind])
    arrays = f"json_set(arrays, '$.{part}', '{digest}')"
    reforge(case, f"UPDATE slice_result SET arrays = {arrays}")  # noqa: S608
    with CaseStore.open(case, read_only=True) as store:
        (run,) = store.runs()
        load: Callable[[], object] = (
            partial(load_features, store, run)
            if part == "grid"
            else partial(load_residual, store, run.run_id, 0, (48, 48))
        )
        with pytest.raises(CaseError, match=r"(is|are) damaged") as caught:
            load()
    assert caught.value.code in ("features", "residual")


def test_arrays_folder_that_nobody_may_enter_is_a_sentence(
    case: Path, monkeypatch: pytest.MonkeyPatch
):
    def stat(path: Path, **how: bool) -> os.stat_result:
        if path.parent.name == "arrays":
            raise PermissionError(13, "Permission denied")
        return os.stat(path, **how)  # noqa: PTH116 - what it stands for

    (case / "arrays").chmod(0)
    if os.geteuid() == 0:  # to whom every folder is open
        monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(CaseError, match="cannot be written") as caught:
        write_array(case / "arrays", np.ones((3, 3)))
    (case / "arrays").chmod(0o755)
    assert caught.value.code == "not-writable"


def test_log_that_only_names_this_computer_s_key_is_not_authenticated(case: Path):
    known = load_key()
    assert known is not None
    reforge(case, "DELETE FROM report")
    run_sql(
        case,
        f"UPDATE audit SET key_id = '{known.key_id}'",  # noqa: S608
        f"UPDATE audit_head SET key_id = '{known.key_id}'",  # noqa: S608
    )
    with CaseStore.open(case) as store:
        assert store.authentication() == ("not authenticated", None)
        for reason in ("", "known to me"):
            with pytest.raises(CaseError):
                report(store, adopt_reason=reason)
        assert not any("adopted" in e.action for e in store.audit_log())
