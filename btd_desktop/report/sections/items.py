"""What was received: how many files, in which containers, with which digests."""

from __future__ import annotations

from collections.abc import Sequence

from btd_desktop.cases.model import EvidenceItem
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Bullets,
    Cell,
    Column,
    Fact,
    Facts,
    Section,
    Table,
    Text,
    digest,
    join,
    name,
    plain,
    reference,
    stated,
    table_of,
)
from btd_desktop.report.evidence import list_digest
from btd_desktop.report.wording import size_text


def section(case: ReportCase) -> Section:
    """Number of files, digest of their list, and the containers."""
    evidence = case.store.evidence()
    files = case.files
    total = sum(file.size_bytes for file in files)
    received = case.statement.received
    facts = (
        Fact("Received from", stated(name("text", received.sender)), "received_from"),
        Fact("How received", stated(name("text", received.how)), "received"),
        Fact("When received", stated(name("text", received.date)), "received_on"),
        Fact("Digests stated by the sender", _compared(received.digests, evidence),
             "digests_stated"),
        Fact("Files", plain(f"{len(files):,}, {size_text(total)} bytes in all")),
        Fact("Digest of the list", digest(list_digest(files), "of the list"),
             "tree_digest", "mono"),
    )  # fmt: skip
    note = (
        "The digest of the list is the SHA-256 of the lines “digest, two spaces, name”"
        " of all files, sorted. All digests of this report are SHA-256."
    )
    return Section(
        "items",
        "Items received",
        (
            Facts(facts, "items"),
            _containers(
                [item for item in evidence if item.is_container],
                evidence,
                received.digests,
            ),
            Bullets((), "items.findings"),
            Text(plain(note), "small"),
        ),
    )


def _containers(
    containers: Sequence[EvidenceItem],
    evidence: Sequence[EvidenceItem],
    digests: Sequence[str],
) -> Table:
    n_members = {
        item.name: sum(other.name.startswith(f"{item.name}!") for other in evidence)
        for item in containers
    }

    def sha256(item: EvidenceItem) -> Cell:
        if item.sha256:
            return digest(item.sha256)
        return join(plain("see Annex "), reference("files"), value=None)

    return table_of(
        containers,
        (
            (Column("Item", 3.2, "name"), lambda item: name("file", item.name)),
            (Column("Kind", 1.6, "kind"), lambda _: plain("ZIP")),
            (
                Column("Files", 1.2, "n_files", "number"),
                lambda item: plain(f"{n_members[item.name]:,}", n_members[item.name]),
            ),
            (
                Column("Bytes", 2, "size_bytes", "number"),
                lambda item: plain(size_text(item.size_bytes), item.size_bytes),
            ),
            (Column("SHA-256", 4.6, "sha256", "mono"), sha256),
            (
                Column("Stated by sender", 2.6, "sha256_stated"),
                lambda item: plain(
                    "the same" if item.sha256 in digests else "not stated"
                ),
            ),
        ),
        "items.containers",
    )


def _compared(digests: Sequence[str], evidence: Sequence[EvidenceItem]) -> Cell:
    """Whether items received have the digests that the sender stated."""
    if not digests:
        return stated(plain("", None))
    had = {item.sha256 for item in evidence}
    unknown = [text for text in digests if text not in had]
    if not unknown:
        return plain(f"{len(digests):,}; an item received has each of them.")
    told = plain(
        f"{len(digests):,}; NO item received has {len(unknown):,} of them, the first "
        "of which is "
    )
    return join(told, digest(unknown[0]), plain("."))
