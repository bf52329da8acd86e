"""Every file received with its fate and digest."""

from __future__ import annotations

from btd_desktop.cases.model import EvidenceItem
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Cell,
    Column,
    Section,
    Text,
    digest,
    plain,
    quoting,
    table_of,
    unprinted,
    word,
)
from btd_desktop.report.evidence import FATES, container_name, file_cell, own_name
from btd_desktop.report.wording import size_text


def section(case: ReportCase) -> Section:
    """The list of files, as long as it is."""
    introduction = (
        "Every file received, with its size in bytes, its fate and its SHA-256 digest."
        " A file inside a container is protected by the container's digest as well."
    )
    table = table_of(
        case.files,
        (
            (Column("File", 5.2), file_cell),
            (
                Column("Bytes", 1.9, "size_bytes", "number"),
                lambda f: plain(size_text(f.size_bytes), f.size_bytes),
            ),
            (Column("Fate", 1.9, "fate"), lambda f: word(f.fate, FATES)),
            (Column("SHA-256", 6.2, "sha256", "mono"), _sha256),
            (Column(None, 0, "name"), own_name),
            (Column(None, 0, "container"), container_name),
            (Column(None, 0, "reason"), lambda f: quoting(f.reason)),
            (Column(None, 0, "root"), lambda _: unprinted("")),
        ),
        "items.files",
    )
    return Section(
        "files", "Files received", (Text(plain(introduction)), table), is_annex=True
    )


def _sha256(file: EvidenceItem) -> Cell:
    if file.sha256:
        return digest(file.sha256)
    return plain("could not be read", None)
