"""The files received, as several sections tell of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """One file received.

    Attributes:
        name: As listed; for a member of a container its path inside the container.
        container: Name of the ZIP that held it, or "". Such a file is verified
            through the digest of its container.
        item: The case's record of it.
    """

    name: str
    container: str
    item: EvidenceItem

    @property
    def whole(self) -> str:
        """Its name with that of its container."""
        return f"{self.container}!{self.name}" if self.container else self.name


def received_files(evidence: Sequence[EvidenceItem]) -> list[ReceivedFile]:
    """Every file but the containers, whatever its fate."""
    files = []
    for item in evidence:
        if not item.is_container:
            container, _, member = item.name.partition("!")
            files.append(
                ReceivedFile(
                    member or item.name, container if member else "", item
                )
            )  # fmt: skip
    return files


def list_digest(files: Sequence[ReceivedFile]) -> str:
    """Digest over the list of names and digests."""
    return tree_digest((f.whole, f.item.sha256 or "") for f in files)


def file_cell(file: ReceivedFile) -> Cell:
    """A file as tables name it."""
    own = name("file", file.name, of=file.whole)
    if not file.container:
        return own
    return join(name("file", file.container), plain(" › "), own)
