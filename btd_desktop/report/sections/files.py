"""Every file received with its fate and digest, in an attached file."""

from __future__ import annotations

from dataclasses import replace

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
from btd_desktop.report.evidence import FATES, container_name, own_name


def section(case: ReportCase) -> Section:
    """The list of files, as long as it is."""
    introduction = (
        "Every file received, with its size in bytes, its fate and its SHA-256 digest,"
        " is listed in a file attached to this PDF. Its digest is printed here, so that"
        " the list can be checked from paper. A file inside a container is protected by"
        " the container's digest as well."
    )
    table = table_of(
        case.files,
        (
            (Column(None, 0, "name"), own_name),
            (Column(None, 0, "container"), container_name),
            (Column(None, 0, "size_bytes"), lambda f: unprinted(f.size_bytes)),
            (Column(None, 0, "fate"), lambda f: word(f.fate, FATES)),
            (Column(None, 0, "sha256"), _sha256),
            (Column(None, 0, "reason"), lambda f: quoting(f.reason)),
            (Column(None, 0, "root"), lambda _: unprinted("")),
        ),
        "items.files",
    )
    attached = replace(table, attached="files.csv")
    return Section(
        "files", "Files received", (Text(plain(introduction)), attached), is_annex=True
    )


def _sha256(file: EvidenceItem) -> Cell:
    if file.sha256:
        return digest(file.sha256)
    return plain("could not be read", None)
