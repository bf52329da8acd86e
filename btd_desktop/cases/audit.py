"""Append-only audit log: a hash chain that anybody can check, sealed with a key.

Each entry carries two values over the same canonical JSON of its number, time, actor,
action, details, key id and the previous entry's hash:

* `hash`, a SHA-256. Anybody can recompute the chain with no secret. It proves order
  and content *relative to its last hash*: who trusts one hash (printed in a signed
  report, say) can trust everything before it. It does not stop a forger who rewrites
  all entries and recomputes all hashes.
* `mac`, an HMAC-SHA256 with 32 random bytes that lie outside the case, on the computer
  where the work was done. Who has the key can tell that each entry was made with it.
  It does not prove anything to somebody who distrusts the owner of the key: the owner
  could rewrite the log. For that, the head printed in a signed, time-stamped report
  is the anchor.

Cutting entries from the end leaves a valid chain. Three anchors show it: the head
record in the case (sealed like the entries), the head that this computer saw last
(outside the case, see `anchor`), and the heads printed in reports.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from btd_desktop.cases.audit_key import AuditKey
from btd_desktop.cases.columns import Columns
from btd_desktop.cases.model import AuditEntry
from btd_desktop.cases.records import insert_row
from btd_desktop.cases.text import altered, dict_from_json, json_text, storable_text
from btd_desktop.digest import bytes_digest, canonical_json

ADOPTED = "unauthenticated case adopted"
CHOSEN = "calibration chosen"
DECLARED = "tests declared"
FINDING_RESTORED = "finding restored"
FINDING_WITHDRAWN = "finding withdrawn"
MEASURED = "measurement kept"
MEASUREMENT_REMOVED = "measurement removed"
RUN_STARTED = "run started"
STATED = "examiner's statement"
FIRST_PREVIOUS_HASH = "0" * 64
Head = tuple[int, str]


def signed_bytes(entry: AuditEntry) -> bytes:
    """What `hash` and `mac` are computed over: UTF-8 canonical JSON of the rest."""
    return canonical_json(
        {
            "seq": entry.seq,
            "utc": entry.utc,
            "actor": entry.actor,
            "action": entry.action,
            "details": entry.details,
            "previous_hash": entry.previous_hash,
            "key_id": entry.key_id,
        }
    )


def append_entry(
    connection: sqlite3.Connection,
    key: AuditKey,
    *,
    utc: str,
    actor: str,
    action: str,
    details: Mapping[str, object],
) -> None:
    """Add an entry and move the head, inside the caller's transaction."""
    n_entries, previous_hash = read_head(connection)
    details_text = json_text(details)
    draft = AuditEntry(
        seq=n_entries + 1,
        utc=utc,
        actor=storable_text(actor),
        action=storable_text(action),
        details=dict_from_json(details_text),
        previous_hash=previous_hash,
        hash="",
        key_id=key.key_id,
    )
    message = signed_bytes(draft)
    head = (draft.seq, bytes_digest(message))
    sealed = {"details": details_text, "hash": head[1], "mac": key.mac(message)}
    insert_row(connection, "audit", asdict(draft) | sealed)
    connection.execute(
        "INSERT OR REPLACE INTO audit_head (head_id, n_entries, hash, key_id, mac)"
        " VALUES (1, ?, ?, ?, ?)",
        (*head, key.key_id, head_mac(key, head)),
    )


def read_head(connection: sqlite3.Connection) -> Head:
    """Number of entries and last hash, as the case's head record has them.

    Raises:
        CaseError: The record is no such pair.
    """
    row = connection.execute(
        "SELECT n_entries, hash FROM audit_head WHERE head_id = 1"
    ).fetchone()
    if row is None:
        return 0, FIRST_PREVIOUS_HASH
    if not isinstance(row[0], int) or not isinstance(row[1], str):
        raise altered("the head record of the case's audit log was altered")
    return row[0], row[1]


def head_mac(key: AuditKey, head: Head) -> str:
    """Seal of a head record; the prefix keeps it from passing as an entry's."""
    return key.mac(b"head\0" + canonical_json([head[0], head[1]]))


def entry_from_row(row: sqlite3.Row) -> AuditEntry:
    """An `audit` row as a dataclass.

    Raises:
        CaseError: Its details are no JSON object, or a text is something else.
    """
    columns = Columns(row, f"audit entry {row['seq']}")
    details = columns.table("details")
    return AuditEntry(seq=row["seq"], details=details, **columns.texts_of(AuditEntry))


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds: "2026-03-01T09:30:00.000Z".

    Raises:
        ValueError: The time has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("times must be aware (UTC)")
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def verify_order(entries: Sequence[AuditEntry]) -> list[str]:
    """Problems of the unkeyed chain, which anybody can check; empty when intact."""
    problems = []
    previous = FIRST_PREVIOUS_HASH
    for number, entry in enumerate(entries, start=1):
        if entry.seq != number:
            problems.append(f"audit entry {number} is missing or out of order")
            break
        if entry.previous_hash != previous:
            problems.append(f"audit entry {number} does not follow entry {number - 1}")
        if bytes_digest(signed_bytes(entry)) != entry.hash:
            problems.append(f"audit entry {number} was changed after it was written")
        previous = entry.hash
    return problems
