"""The state of a case as this computer last saw it, kept outside the case.

A copy of the case that ends earlier, or continues differently, does not hold the head
in its anchor. The anchor of a closed case also holds the digest of its database, so
that a change shows which alters no record (in unused space, say). Whoever can write the
folder of the anchors can also read the audit key: neither protects against the user of
this computer.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from btd_desktop.cases.audit import Head
from btd_desktop.cases.database import DATABASE_NAME, stamps_of
from btd_desktop.cases.files import part_digest
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import CaseError
from btd_desktop.paths import data_dir


@dataclass(frozen=True, slots=True)
class Anchor:
    """The state of a case as this computer last saw it.

    Attributes:
        head: Number of audit entries and hash of the last entry.
        database_sha256: Digest of the closed `case.sqlite`; "" while it is open, and
            when it was not closed properly.
    """

    head: Head
    database_sha256: str = ""


def read_anchor(case_id: str) -> Anchor | None:
    """The anchor of a case, or None when this computer never wrote the case."""
    try:
        document = json.loads(_anchor_path(case_id).read_text(encoding="utf-8"))
        head = int(document["n_entries"]), str(document["head"])
        return Anchor(head, str(document.get("database_sha256", "")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def set_anchor(case_id: str, anchor: Anchor) -> None:
    """Keep the state of a case, so that a rolled-back copy shows.

    Best effort: without the anchor verification says less, but nothing wrong.
    """
    path = _anchor_path(case_id)
    n_entries, head = anchor.head
    document = {"n_entries": n_entries, "head": head}
    if anchor.database_sha256:
        document["database_sha256"] = anchor.database_sha256
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(document, stream)
        Path(temporary).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            if temporary:
                Path(temporary).unlink()


def drop_anchor(case_id: str) -> None:
    """Forget a case that this program made for a moment and deleted."""
    with contextlib.suppress(OSError):
        _anchor_path(case_id).unlink(missing_ok=True)


def database_digest(folder: Path) -> str:
    """Digest of a closed case's database; "" when it is open or not wholly merged."""
    try:
        if stamps_of(folder)[1] is not None:
            return ""
        return part_digest(folder / DATABASE_NAME, folder)
    except (OSError, CaseError):
        return ""


def database_problem(folder: Path, anchor: Anchor | None, head: Head) -> str:
    """A change in the bytes of a case's database that no record shows.

    Args:
        folder: The case; no program has it open for writing.
        anchor: The anchor of the case.
        head: The case's own head record.

    Returns:
        A sentence; "" when the bytes are those that this computer left, or when that is
        not known.
    """
    if anchor is None or not anchor.database_sha256 or anchor.head != head:
        return ""
    if database_digest(folder) == anchor.database_sha256:
        return ""
    return (
        f"{DATABASE_NAME} is not, byte for byte, the file that this computer left when"
        " it closed the case, although the audit log has the same end: it was changed"
        " by something else"
    )


def _anchor_path(case_id: str) -> Path:
    # Hashed, since the id comes from the case and must not lead out of the folder.
    name = bytes_digest(case_id.encode("utf-8", "backslashreplace"))[:32]
    return data_dir() / "audit-heads" / f"{name}.json"
