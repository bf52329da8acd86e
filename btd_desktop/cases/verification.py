"""Verify that a case is what its audit log says.

Integrity (nothing changed) and completeness (nothing missing at the end) are separate
answers, because they rest on different evidence: see `audit`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence

from btd_desktop.cases import audit, records
from btd_desktop.cases.anchor import read_anchor
from btd_desktop.cases.audit_key import AuditKey
from btd_desktop.cases.migrations import RECORD_TABLES, format_version
from btd_desktop.cases.model import (
    Adoption,
    AuditEntry,
    Authentication,
    CaseVerdict,
    KeyCheck,
)
from btd_desktop.cases.records import record_claim
from btd_desktop.cases.text import json_text
from btd_desktop.errors import CaseError

_MOST_PROBLEMS = 20
_KEY_LIMIT = 1 << 63  # what SQLite can compare with
Claims = dict[str, dict[tuple[int, int], str]]


def verify_case(
    connection: sqlite3.Connection,
    key: AuditKey | None,
    *,
    lost_arrays: Sequence[str] = (),
    file_problems: Sequence[str] = (),
    lost_reports: Sequence[str] = (),
    known_heads: Mapping[str, str] | None = None,
) -> CaseVerdict:
    """Check the log and the rows it vouches for, and gather all problems.

    Args:
        connection: Database of the case.
        key: This computer's audit key, None when there is none.
        lost_arrays: Problems already found with its arrays.
        file_problems: Problems already found with the bytes of the database.
        lost_reports: Problems already found with its report files.
        known_heads: Hashes of audit entries known from elsewhere (signed reports), each
            with words for its source.
    """
    try:
        entries, malformed = _read_entries(connection)
        reports = connection.execute("SELECT report_id, audit_head FROM report")
        heads = {str(r[1]): f"report {r[0]} of the case" for r in reports}
        case_id = connection.execute("SELECT case_id FROM case_info").fetchone()
        row_problems = [
            *_storage_problems(connection),
            *_record_problems(connection, entries),
            *_content_problems(connection),
            *_version_problems(entries, format_version(connection)),
            *file_problems,
        ]
        head_problems = _head_problems(connection, entries, key)
    except (sqlite3.Error, UnicodeDecodeError, CaseError) as error:
        return unreadable(str(error))
    heads |= known_heads or {}
    chain_problems = malformed + audit.verify_order(entries)
    key_check, seal_problems = _check_seals(entries, key)
    authentication, adoption = authenticated_by(entries, key)
    anchor = read_anchor(str(case_id[0])) if case_id else None
    seen = anchor.head if anchor is not None else None
    end_problems = head_problems + _anchor_problems(entries, seen, heads)
    return CaseVerdict(
        audit_intact=not chain_problems and not seal_problems,
        audit_complete=not end_problems,
        n_entries=len(entries),
        head=entries[-1].hash if entries else "",
        arrays_intact=not lost_arrays,
        problems=(
            *chain_problems,
            *seal_problems,
            *end_problems,
            *row_problems,
            *lost_arrays,
            *lost_reports,
        ),
        records_intact=not row_problems,
        reports_intact=not lost_reports,
        key_check=key_check,
        authentication="not authenticated" if seal_problems else authentication,
        adoption=adoption,
        is_sealed_here=not seal_problems
        and authenticated_by(entries[-1:], key)[0] == "authenticated",
    )


def authenticated_by(
    entries: Sequence[AuditEntry], key: AuditKey | None
) -> tuple[Authentication, Adoption | None]:
    """Whether this computer's key vouches for the log, and by which adoption.

    Every seal covers the hash of the entry before it, and so all earlier entries: an
    adoption sealed with our key vouches for all of them. An entry that only names the
    key, as anybody can write it, is not sealed with it.
    """
    foreign = [
        e.seq
        for e in entries
        if key is None
        or e.key_id != key.key_id
        or not key.is_mac(audit.signed_bytes(e), e.mac)
    ]
    last_foreign = max(foreign, default=0)
    adoptions = [
        Adoption(e.seq, e.utc, e.actor, str(e.details.get("reason", "")))
        for e in entries
        if e.action == audit.ADOPTED and e.seq > last_foreign
    ]
    if foreign and adoptions:
        return "adopted", adoptions[-1]
    return ("not authenticated" if foreign or not entries else "authenticated"), None


def intact_claims(connection: sqlite3.Connection) -> list[tuple[str, int, int]]:
    """Row ranges that the log vouches for and that agree with it now."""
    entries, _ = _read_entries(connection)
    return [
        (table, first, last)
        for table, ranges in _claims(entries).items()
        for (first, last), digest in ranges.items()
        if record_claim(connection, table, first, last)["sha256"] == digest
    ]


def unreadable(why: str) -> CaseVerdict:
    """The verdict on a database that cannot be read."""
    return CaseVerdict(
        audit_intact=False,
        audit_complete=False,
        n_entries=0,
        head="",
        arrays_intact=False,
        problems=(f"the case database cannot be read: {why}",),
        records_intact=False,
        key_check="not checkable",
        authentication="not authenticated",
        is_sealed_here=False,
    )


def _read_entries(
    connection: sqlite3.Connection,
) -> tuple[list[AuditEntry], list[str]]:
    entries, problems = [], []
    for row in connection.execute("SELECT * FROM audit ORDER BY seq"):
        try:
            entry = audit.entry_from_row(row)
            text = json_text(entry.details)
        except (CaseError, ValueError, TypeError) as error:
            problems.append(f"audit entry {row['seq']} was changed: {error}")
            continue
        # The hash covers parsed values; their spelling must be canonical too.
        if text == row["details"]:
            entries.append(entry)
        else:
            why = "its details are not canonical JSON"
            problems.append(f"audit entry {entry.seq} was changed: {why}")
    return entries, problems


def _check_seals(
    entries: list[AuditEntry], key: AuditKey | None
) -> tuple[KeyCheck, list[str]]:
    problems = []
    n_foreign = 0
    for entry in entries:
        if key is None or entry.key_id != key.key_id:
            n_foreign += 1
        elif not key.is_mac(audit.signed_bytes(entry), entry.mac):
            problems.append(
                f"audit entry {entry.seq} was not made with the key it names"
            )
    if problems:
        return "failed", problems
    if n_foreign == 0 and entries:
        return "verified", []
    return ("not checkable" if n_foreign == len(entries) else "partly"), []


def _head_problems(
    connection: sqlite3.Connection,
    entries: list[AuditEntry],
    key: AuditKey | None,
) -> list[str]:
    row = connection.execute("SELECT * FROM audit_head").fetchone()
    if row is None or not entries:
        return ["the record of the last audit entry is missing"]
    head = row["n_entries"], row["hash"]
    if head != (len(entries), entries[-1].hash):
        return [
            f"the audit log has {len(entries)} entries, its head record says"
            f" {row['n_entries']}: entries are missing or were added"
        ]
    if row["key_id"] != entries[-1].key_id:
        return ["the head record names another key than the last audit entry"]
    is_own = key is not None and row["key_id"] == key.key_id
    if key is not None and is_own and audit.head_mac(key, head) != row["mac"]:
        return ["the head record was not made with the key it names"]
    return []


def _anchor_problems(
    entries: list[AuditEntry], anchor: audit.Head | None, heads: dict[str, str]
) -> list[str]:
    problems = []
    if anchor is not None and not (
        1 <= anchor[0] <= len(entries) and entries[anchor[0] - 1].hash == anchor[1]
    ):
        problems.append(
            f"this computer last saw the case with {anchor[0]} audit entries ending in"
            f" {anchor[1][:16]}…: this is an older or another copy"
        )
    hashes = {entry.hash for entry in entries}
    problems += [
        f"the audit entry {head[:16]}… named by {place} is not in the log"
        for head, place in heads.items()
        if head not in hashes
    ]
    return problems


def _claims(entries: list[AuditEntry]) -> Claims:
    """The last digest that the log gives for each range of rows."""
    claims: Claims = {table: {} for table in RECORD_TABLES}
    for entry in entries:
        listed = entry.details.get("records")
        for claim in listed if isinstance(listed, list) else ():
            match claim:
                case {
                    "table": str(table),
                    "first": int(first),
                    "last": int(last),
                    "sha256": str(digest),
                } if table in claims and max(abs(first), abs(last)) < _KEY_LIMIT:
                    claims[table][first, last] = digest
    return claims


def _record_problems(
    connection: sqlite3.Connection, entries: list[AuditEntry]
) -> list[str]:
    problems = []
    for table, ranges in _claims(entries).items():
        for (first, last), digest in ranges.items():
            if record_claim(connection, table, first, last)["sha256"] != digest:
                which = f"{first}" if first == last else f"{first} to {last}"
                problems.append(
                    f"{table} {which}: the record is not what the audit log says"
                )
        problems += [
            f"{table} {key}: the audit log knows nothing of this record"
            for key in _unclaimed(connection, table, ranges)
        ]
    return problems


def _unclaimed(
    connection: sqlite3.Connection, table: str, ranges: Iterable[tuple[int, int]]
) -> list[int]:
    """Keys of rows that no range covers."""
    name = RECORD_TABLES[table]
    rows = connection.execute(f"SELECT {name} FROM {table} ORDER BY 1")  # noqa: S608
    ordered = sorted(ranges)
    unclaimed = []
    position = 0
    for (key,) in rows:
        # Ranges are compared, not expanded: a forged one may span billions.
        while position < len(ordered) and ordered[position][1] < key:
            position += 1
        if position == len(ordered) or key < ordered[position][0]:
            unclaimed.append(key)
    return unclaimed


def _content_problems(connection: sqlite3.Connection) -> list[str]:
    """A sentence for each row that holds what this program never writes."""
    problems = []
    readers: tuple[tuple[str, Callable[[sqlite3.Row], object]], ...] = (
        ("SELECT * FROM case_info", records.info_from_row),
        ("SELECT * FROM evidence", records.evidence_from_row),
        ("SELECT * FROM series", records.series_from_row),
        (records.RUNS, records.run_from_row),
        (records.RESULTS, records.slice_from_row),
        ("SELECT * FROM profile", records.profile_from_row),
        (records.FINDINGS, records.finding_from_row),
        ("SELECT * FROM report", records.report_from_row),
    )
    for sql, read in readers:
        for row in connection.execute(sql):
            try:
                read(row)
            except CaseError as error:
                problems.append(error.detail)
    return problems[:_MOST_PROBLEMS]


def _storage_problems(connection: sqlite3.Connection) -> list[str]:
    problems = [
        f"database: {row[0]}"
        for row in connection.execute("PRAGMA integrity_check(5)")
        if row[0] != "ok"
    ]
    problems += [
        f"database: a row of {row[0]} refers to a missing row of {row[2]}"
        for row in connection.execute("PRAGMA foreign_key_check")
    ]
    return problems


def _version_problems(entries: list[AuditEntry], version: int) -> list[str]:
    said = [e.details["format"] for e in entries if "format" in e.details]
    if not said or said[-1] != version:
        return [f"the format number {version} is not the one in the audit log"]
    return []
