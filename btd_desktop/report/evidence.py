"""Names and digests of the files received, as several sections state them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btd_desktop.cases.model import EvidenceItem
from btd_desktop.digest import tree_digest
from btd_desktop.report.document import Cell, join, name, plain

FATES: Final = (
    "accepted",
    "not an image",
    "unsupported",
    "damaged",
    "duplicate",
    "refused",
)
"""What can become of a file received; each file has exactly one fate."""


def list_digest(files: Sequence[EvidenceItem]) -> str:
    """Hex SHA-256 over the list of names and digests; "" stands for no digest."""
    return tree_digest((file.name, file.sha256 or "") for file in files)


def own_name(file: EvidenceItem) -> Cell:
    """A file's name as listed; for a member of a ZIP its path inside the ZIP."""
    return name("file", file.name.partition("!")[2] or file.name, of=file.name)


def container_name(file: EvidenceItem) -> Cell:
    """Name of the ZIP that holds a file; empty for a file of its own."""
    container, _, member = file.name.partition("!")
    return name("file", container if member else "")


def file_cell(file: EvidenceItem) -> Cell:
    """A file as tables name it."""
    if not file.name.partition("!")[2]:
        return own_name(file)
    return join(container_name(file), plain(" › "), own_name(file))
