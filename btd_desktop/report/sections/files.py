"""Every file received with its fate and digest."""

from __future__ import annotations

from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Cell,
    Column,
    Section,
    Text,
    digest,
    name,
    plain,
    quoting,
    table_of,
    unprinted,
    word,
)
from btd_desktop.report.evidence import FATES, ReceivedFile, file_cell, received_files
from btd_desktop.report.wording import size_text


def section(case: ReportCase) -> Section:
    """The list of files, as long as it is."""
    introduction = (
        "Every file received, with its size in bytes, its fate and its SHA-256 digest."
        " A file inside a container is protected by the container's digest as well."
    )
    table = table_of(
        received_files(case.store.evidence()),
        (
            (Column("File", 5.2), file_cell),
            (
                Column("Bytes", 1.9, "size_bytes", "number"),
                lambda f: plain(size_text(f.item.size_bytes), f.item.size_bytes),
            ),
            (Column("Fate", 1.9, "fate"), lambda f: word(f.item.fate, FATES)),
            (Column("SHA-256", 6.2, "sha256", "mono"), _sha256),
            (Column(None, 0, "name"), lambda f: name("file", f.name, of=f.whole)),
            (Column(None, 0, "container"), lambda f: name("file", f.container)),
            (Column(None, 0, "reason"), lambda f: quoting(f.item.reason)),
            (Column(None, 0, "root"), lambda _: unprinted("")),
        ),
        "items.files",
    )
    return Section(
        "files", "Files received", (Text(plain(introduction)), table), is_annex=True
    )


def _sha256(file: ReceivedFile) -> Cell:
    if file.item.sha256:
        return digest(file.item.sha256)
    return plain("could not be read", None)
