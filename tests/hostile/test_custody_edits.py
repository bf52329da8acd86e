# ruff: noqa: S608 - tables and columns are our own
"""Any single edit of a case or of its report shows: one by one, and counted.

Every cell, every row, every pair of neighbouring log entries, every cut of the log;
bytes of every region of the database, of each array and of the report. An edit that
is not told by `verify_case_folder` (or by `verify_report_file`) fails the test.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CaseError, ReportError
from btd_desktop.report.page_match import PagesVerdict
from btd_desktop.workflow.reports_beside import head_of_report, heads_beside
from btd_desktop.workflow.verify import verify_case_folder, verify_report_file
from tests.hostile.custody_case import NOW, fill_case, report
from tests.unit.cases.samples import TABLES

Tell = Callable[[str, Counter[str], list[str]], None]
Edit = tuple[str, Callable[[Path], None]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`home`, `case` and `evidence`, made once."""
    folder = tmp_path_factory.mktemp("custody")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(folder / "home"))
        fill_case(folder / "case", folder / "evidence")
        yield folder


def case_is_intact(folder: Path) -> bool:
    """What `btd verify-case` says; a case that no longer opens is detected too."""
    try:
        check, _ = verify_case_folder(folder, with_evidence=False)
    except CaseError:
        return False
    assert check.verdict.is_intact == (not check.verdict.problems)
    return check.verdict.is_intact


def count_undetected(root: Path, edits: list[Edit]) -> tuple[Counter[str], list[str]]:
    """Try each edit on a copy; number tried by kind, and those that were missed."""
    tried: Counter[str] = Counter()
    missed = []
    copy = root / "copy"
    for name, edit in edits:
        shutil.copytree(root / "case", copy)
        edit(copy)
        tried[name.split(":")[0]] += 1
        if case_is_intact(copy):
            missed.append(name)
        shutil.rmtree(copy)
    return tried, missed


@pytest.fixture
def heads_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verifies the same bytes of a report once, since few edits touch the report."""
    kept: dict[bytes, tuple[str, str]] = {}

    def head_of(path: Path, *, with_pages: bool) -> tuple[str, str]:
        data = path.read_bytes()
        if data not in kept:
            kept[data] = head_of_report(path, with_pages=with_pages)
        return kept[data]

    monkeypatch.setattr("btd_desktop.workflow.reports_beside.head_of_report", head_of)


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Prints how many edits were tried and how many of them were told."""

    def show(what: str, tried: Counter[str], missed: list[str]) -> None:
        total = sum(tried.values())
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(tried.items()))
        with capsys.disabled():
            sys.stdout.write(
                f"\n{what}: {total} edits tried, {total - len(missed)} detected "
                f"({kinds})\n"
            )

    return show


def in_database(work: Callable[[sqlite3.Connection], None]) -> Callable[[Path], None]:
    """An edit by SQL, with SQLite's own checks out of the way."""

    def edit(folder: Path) -> None:
        with contextlib.closing(sqlite3.connect(folder / "case.sqlite")) as database:
            database.execute("PRAGMA ignore_check_constraints = ON")
            database.execute("PRAGMA foreign_keys = OFF")
            work(database)
            database.commit()

    return edit


def columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]


def another(value: object) -> object:
    """A value that differs as little as it can."""
    if isinstance(value, str):
        if not value:
            return "x"
        at = len(value) // 2
        return value[:at] + ("0" if value[at] != "0" else "1") + value[at + 1 :]
    if isinstance(value, int):
        return value + 100
    if isinstance(value, float):
        return float(np.nextafter(value, np.inf))
    return "x"


def sql_edits(root: Path) -> list[Edit]:
    edits: list[Edit] = []

    def run(*statements: tuple[str, tuple[object, ...]]) -> Callable[[Path], None]:
        def work(database: sqlite3.Connection) -> None:
            for sql, values in statements:
                database.execute(sql, values)

        return in_database(work)

    with contextlib.closing(sqlite3.connect(root / "case" / "case.sqlite")) as database:
        for table in TABLES:
            names = columns(database, table)
            keys = [row[0] for row in database.execute(f"SELECT rowid FROM {table}")]
            assert keys, table
            # The log is edited in every entry, other tables in their first and last.
            chosen = keys if table == "audit" else sorted({keys[0], keys[-1]})
            for key in chosen:
                row = database.execute(
                    f"SELECT * FROM {table} WHERE rowid = ?", (key,)
                ).fetchone()
                for name, value in zip(names, row, strict=True):
                    sql = f"UPDATE {table} SET {name} = ? WHERE rowid = ?"
                    edits.append(
                        (
                            f"cell: {table}.{name} {key}",
                            run((sql, (another(value), key))),
                        )
                    )
            for key in keys:
                sql = f"DELETE FROM {table} WHERE rowid = ?"
                edits.append((f"row deleted: {table} {key}", run((sql, (key,)))))
            edits.append((f"table emptied: {table}", run((f"DELETE FROM {table}", ()))))
            edits.append((f"table dropped: {table}", run((f"DROP TABLE {table}", ()))))
        (n,) = database.execute("SELECT COUNT(*) FROM audit").fetchone()
    for first in range(1, n):
        swap = [
            ("UPDATE audit SET seq = ? WHERE seq = ?", pair)
            for pair in ((-1, first), (first, first + 1), (first + 1, -1))
        ]
        edits.append((f"log reordered: {first}", run(*swap)))
    to_last = (
        "UPDATE audit_head SET n_entries = (SELECT COUNT(*) FROM audit),"
        " hash = (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1)"
    )
    for kept in range(1, n):
        cut = ("DELETE FROM audit WHERE seq > ?", (kept,))
        edits.append((f"log cut: {kept}", run(cut)))
        edits.append((f"log and head cut: {kept}", run(cut, (to_last, ()))))
    return edits


@pytest.mark.usefixtures("heads_kept")
def test_every_edit_by_sql_is_detected(root: Path, tell: Tell) -> None:
    assert case_is_intact(root / "case")
    tried, missed = count_undetected(root, sql_edits(root))
    tell("case database, by SQL", tried, missed)
    assert missed == []
    assert sum(tried.values()) > 300


def overwrite(name: str, change: Callable[[bytearray], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / name
        content = bytearray(path.read_bytes())
        before = bytes(content)
        change(content)
        assert bytes(content) != before
        path.write_bytes(bytes(content))

    return edit


def flip(at: int, mask: int) -> Callable[[bytearray], None]:
    def change(content: bytearray) -> None:
        content[at] ^= mask

    return change


def cut_to(length: int) -> Callable[[bytearray], None]:
    def change(content: bytearray) -> None:
        del content[length:]

    return change


def put_behind(content: bytearray) -> None:
    content += b"\0"


def page_regions(page: bytes, *, is_first: bool) -> dict[str, tuple[int, int]]:
    """Parts of a SQLite b-tree page (file format, 1.6): name → [start, end)."""
    start = 100 if is_first else 0
    regions = {"file header": (0, 100)} if is_first else {}
    kind = page[start]
    if kind not in (2, 5, 10, 13):
        return regions | {"free or overflow page": (0, len(page))}
    header = 12 if kind in (2, 5) else 8
    n_cells = int.from_bytes(page[start + 3 : start + 5], "big")
    content = int.from_bytes(page[start + 5 : start + 7], "big") or len(page)
    pointers = start + header + 2 * n_cells
    regions |= {
        "page header": (start, start + header),
        "cell pointers": (start + header, pointers),
        "unused space": (pointers, content),
        "cells": (content, len(page)),
    }
    return {name: span for name, span in regions.items() if span[0] < span[1]}


def database_edits(root: Path, rng: np.random.Generator) -> list[Edit]:
    data = (root / "case" / "case.sqlite").read_bytes()
    size = int.from_bytes(data[16:18], "big")
    edits: list[Edit] = []
    for start in range(0, len(data), size):
        page = data[start : start + size]
        for name, (low, high) in page_regions(page, is_first=start == 0).items():
            for at in rng.integers(low, high, 2):
                mask = int(rng.integers(1, 256))
                edits.append(
                    (
                        f"byte in {name}: {start + at} ^ {mask}",
                        overwrite("case.sqlite", flip(start + int(at), mask)),
                    )
                )
    edits += [
        (f"database cut: {length}", overwrite("case.sqlite", cut_to(length)))
        for length in (0, 50, size, len(data) // 2, len(data) - 1)
    ]
    edits.append(("database longer: 1", overwrite("case.sqlite", put_behind)))
    edits.append(("database gone: 1", lambda folder: (folder / "case.sqlite").unlink()))
    return edits


def array_edits(root: Path, rng: np.random.Generator) -> list[Edit]:
    edits: list[Edit] = []
    arrays = sorted((root / "case" / "arrays").glob("*.npy"))
    for number, path in enumerate(arrays):
        name = f"arrays/{path.name}"
        size = path.stat().st_size
        places = {
            "magic and length": (0, 10),
            "header": (10, 128),
            "values": (128, size),
        }
        for what, (low, high) in places.items():
            for at in rng.integers(low, high, 3):
                mask = int(rng.integers(1, 256))
                edits.append(
                    (f"byte in {what}: {at}", overwrite(name, flip(int(at), mask)))
                )
        # A space of the header that becomes a tab changes no meaning.
        edits.append(
            (f"header spelt otherwise: {number}", overwrite(name, flip(126, 0x29)))
        )
        edits.append((f"array cut: {number}", overwrite(name, cut_to(size - 1))))
        edits.append((f"array longer: {number}", overwrite(name, put_behind)))

        def remove(folder: Path, name: str = name) -> None:
            (folder / name).unlink()

        def exchange(
            folder: Path, name: str = name, other: Path = arrays[number - 1]
        ) -> None:
            shutil.copyfile(other, folder / name)

        edits.append((f"array gone: {number}", remove))
        edits.append((f"array exchanged: {number}", exchange))
    return edits


@pytest.mark.usefixtures("heads_kept")
def test_every_edit_of_bytes_of_the_case_is_detected(root: Path, tell: Tell) -> None:
    rng = np.random.default_rng(5)
    edits = database_edits(root, rng) + array_edits(root, rng)
    tried, missed = count_undetected(root, edits)
    tell("case files, by bytes", tried, missed)
    assert missed == []
    assert sum(tried.values()) > 250


def test_bytes_of_unused_space_are_beyond_another_computer(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Said in docs/custody.md: without the anchor only records can be checked."""
    data = (root / "case" / "case.sqlite").read_bytes()
    low, high = page_regions(data[:4096], is_first=True)["unused space"]
    copy = Path(shutil.copytree(root / "case", tmp_path / "case"))
    overwrite("case.sqlite", flip((low + high) // 2, 1))(copy)
    assert not case_is_intact(copy)
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "elsewhere"))
    assert case_is_intact(copy)


def pdf_regions(data: bytes) -> dict[str, list[tuple[int, int]]]:
    """Parts of a signed PDF by what they hold."""
    regions: dict[str, list[tuple[int, int]]] = {
        "header": [(0, 9)],
        "cross references": [
            m.span() for m in re.finditer(rb"(?s)xref\n.*?trailer", data)
        ],
        "trailer": [m.span() for m in re.finditer(rb"(?s)trailer.*?%%EOF", data)],
        "signature": [
            m.span(1) for m in re.finditer(rb"/Contents <([0-9a-fA-F]+)>", data)
        ],
        "byte range": [m.span() for m in re.finditer(rb"/ByteRange \[[^\]]*\]", data)],
        "stream": [
            m.span(1) for m in re.finditer(rb"(?s)stream\r?\n(.*?)endstream", data)
        ],
        "object": [
            m.span() for m in re.finditer(rb"(?s)\d+ 0 obj.*?(?=stream|endobj)", data)
        ],
    }
    twin = data.find(b"/EmbeddedFile")
    regions["twin"] = [s for s in regions["stream"] if 0 < s[0] - twin < 2000] or []
    return {name: spans for name, spans in regions.items() if spans}


def pdf_edits(data: bytes, rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    for name, spans in pdf_regions(data).items():
        for number in rng.integers(0, len(spans), 25):
            low, high = spans[number]
            at, mask = int(rng.integers(low, high)), int(rng.integers(1, 256))
            content = bytearray(data)
            content[at] ^= mask
            yield f"byte in {name}: {at} ^ {mask}", bytes(content)
    for at in rng.integers(0, len(data), 10):
        yield f"cut: {at}", data[: int(at)]
        yield f"byte removed: {at}", data[: int(at)] + data[int(at) + 1 :]
        yield f"byte put in: {at}", data[: int(at)] + b" " + data[int(at) :]
    yield "longer: newline", data + b"\n"
    yield "longer: comment", data + b"% nothing\n"
    # A second revision behind the signed one, as an incremental save writes it.
    (start,) = re.findall(rb"startxref\n(\d+)\n%%EOF", data)[-1:]
    empty = b"xref\n0 0\ntrailer\n<< /Prev " + start + b" >>\nstartxref\n%d\n%%%%EOF\n"
    yield "revision appended: empty", data + empty % len(data)
    pages = [m.span() for m in re.finditer(rb"/Kids \[[^\]]*\]", data)]
    for low, high in pages[:1]:
        kids = re.findall(rb"\d+ 0 R", data[low:high])
        swapped = b"/Kids [ " + b" ".join([kids[1], kids[0], *kids[2:]]) + b" ]"
        yield "pages exchanged: 1", data[:low] + swapped + data[high:]
    for low, high in pdf_regions(data)["stream"]:
        packed = data[low:high]
        try:
            text = zlib.decompress(packed)
        except zlib.error:
            continue
        if b'"format":"btd-report"' in text:
            other = zlib.compress(
                text.replace(b'"fate":"accepted"', b'"fate":"damaged!"')
            )
            assert other != packed
            yield "twin rewritten: 1", data[:low] + other + data[high:]


def test_every_edit_of_a_report_and_its_twin_is_detected(
    root: Path, tmp_path: Path, tell: Tell
) -> None:
    source = root / "case" / "report-1.pdf"
    assert verify_report_file(source).ok
    data = source.read_bytes()
    tried: Counter[str] = Counter()
    missed = []
    path = tmp_path / "report.pdf"
    for name, content in pdf_edits(data, np.random.default_rng(6)):
        path.write_bytes(content)
        tried[name.split(":")[0]] += 1
        if verify_report_file(path).ok:
            missed.append(name)
    tell("report and twin", tried, missed)
    assert missed == []
    assert sum(tried.values()) > 150
    assert {"twin rewritten", "revision appended", "byte in signature"} <= set(tried)


def test_changed_report_in_the_case_folder_is_told_by_the_case(
    root: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(root / "case", tmp_path / "case"))
    overwrite("report-1.pdf", flip(5000, 1))(copy)
    check, _ = verify_case_folder(copy, with_evidence=False)
    assert not check.verdict.reports_intact
    assert not check.is_intact
    assert "report-1.pdf" in check.verdict.problems[0]
    (copy / "report-1.pdf").unlink()
    assert case_is_intact(copy)


def test_case_rolled_back_behind_a_report_is_told_by_the_report(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the computer's own memory was rolled back with the case."""
    shutil.copytree(root / "home", tmp_path / "home")
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    copy = Path(shutil.copytree(root / "case", tmp_path / "case"))
    with CaseStore.open(copy) as store:
        store.append_audit("second look", {}, "E. Xaminer", NOW)
        issued = report(store, tmp_path / "second.pdf")
    check, _ = verify_case_folder(copy, reports=[issued.path], with_evidence=False)
    assert check.is_intact
    # This computer remembers the later state of the case.
    check, _ = verify_case_folder(root / "case", with_evidence=False)
    assert not check.verdict.audit_complete
    assert check.verdict.audit_intact
    assert "older or another copy" in check.verdict.problems[0]
    # Home and case from the same old backup: nothing here knows of the later state.
    monkeypatch.setenv("BTD_HOME", str(root / "home"))
    assert case_is_intact(root / "case")
    check, _ = verify_case_folder(
        root / "case", reports=[issued.path], with_evidence=False
    )
    assert not check.verdict.audit_complete
    assert check.verdict.audit_intact


def test_opening_draws_no_page_but_a_report_that_is_named_is_compared(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = root / "case"
    drawn = []

    def differ(*_: object) -> PagesVerdict:
        drawn.append(1)
        return PagesVerdict("differ", "Page 1 differs.")

    monkeypatch.setattr("btd_desktop.report.verification.compare_pages", differ)
    with CaseStore.open(case, read_only=True) as store:
        assert list(heads_beside(store).values()) == ["report-1.pdf in the case folder"]
    assert drawn == []
    with pytest.raises(ReportError, match="pages differ from the data"):
        verify_case_folder(case, reports=[case / "report-1.pdf"], with_evidence=False)
    assert drawn == [1]
