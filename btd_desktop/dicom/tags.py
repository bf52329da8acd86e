"""The data elements of one DICOM file, as text to look at; never used for a result.

The file is read once: the bytes whose digest is compared are the bytes that are
listed. They are parsed in the sandboxed process, like those of an import.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from btd_desktop.dicom.archive import open_archive
from btd_desktop.dicom.limits import DEFAULT_LIMITS, Limits
from btd_desktop.dicom.parsed import ParsedFile, RejectedFileError, Tag
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.dicom.series import Fate
from btd_desktop.dicom.sniff import Kind
from btd_desktop.dicom.sources import Received, Source, open_evidence, receive, unread

_MAX_ROWS: Final = 5000
_MAX_TEXT: Final = 2000


@dataclass(frozen=True, slots=True)
class TagList:
    """The elements of one file.

    Attributes:
        tags: In the order of the file, file meta information first.
        note: What is missing from the list, "" when nothing is.
        reason: Why there is no list, "" when there is one.
        source: Name of the file.
    """

    tags: tuple[Tag, ...] = ()
    note: str = ""
    reason: str = ""
    source: str = ""


def list_tags(
    item_path: Path,
    *,
    limits: Limits = DEFAULT_LIMITS,
    member: str = "",
    sha256: str = "",
    sandbox: Sandbox | None = None,
) -> TagList:
    """The elements of a file, or why they cannot be listed; never raises for content.

    Args:
        item_path: DICOM file, or the ZIP archive that holds it.
        limits: Ceilings on size, time and memory.
        member: Name inside the archive; "" for a file of its own.
        sha256: Digest that the file must have (hex); "" takes any.
        sandbox: Process that parses many files one after the other; None starts one.
    """
    name = f"{item_path.name}!{member}" if member else item_path.name
    received = _received(item_path, member, limits)
    if received.fate is not Fate.ACCEPTED:
        return TagList(reason=received.reason, source=name)
    if sha256 and received.sha256 != sha256:
        reason = (
            "The file has changed since it was imported: its SHA-256 is now "
            f"{received.sha256}, the case has {sha256}."
        )
        return TagList(reason=reason, source=name)
    if received.kind not in (Kind.DICOM, Kind.DICOM_WITHOUT_PREAMBLE):
        words = received.looks_like or f"{received.kind.value} data"
        return TagList(reason=f"Not a DICOM file: {words}.", source=name)
    if sandbox is not None:
        return _listed(sandbox.parse("tags", received.data), name)
    with Sandbox(limits) as own:
        return _listed(own.parse("tags", received.data), name)


def _received(path: Path, member: str, limits: Limits) -> Received:
    place = str(path)
    if not member:
        source = Source(path.name, place, 0, lambda: open_evidence(place))
        return receive(source, limits)
    try:
        size = path.stat().st_size
        archive = open_archive(Source("", place, size, None), limits)
    except RejectedFileError as rejected:
        return unread(rejected.fate, rejected.reason)
    except OSError as error:
        words = error.strerror or type(error).__name__
        return unread(Fate.REFUSED, f"The archive cannot be read ({words}).")
    try:
        wanted = f"!{member}"
        found = next((m for m in archive.members if m.name == wanted), None)
        if found is None:
            return unread(Fate.REFUSED, "The archive no longer holds this file.")
        return receive(found, limits)
    finally:
        archive.close()


def _listed(parsed: ParsedFile, name: str) -> TagList:
    """The answer of a process that may be under foreign control, checked."""
    if parsed.fate is not Fate.ACCEPTED:
        return TagList(reason=parsed.reason, source=name)
    if not parsed.tags:
        return TagList(reason="Its reader went astray.", source=name)
    tags = tuple(Tag(*(text[:_MAX_TEXT] for text in tag)) for tag in parsed.tags)
    return TagList(tags[:_MAX_ROWS], note=parsed.note[:_MAX_TEXT], source=name)
