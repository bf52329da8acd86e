"""What became of each file received: the report accounts for every one."""

from __future__ import annotations

from typing import Final

from btd_desktop.examination.wording import counted
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Block,
    Column,
    Fact,
    Facts,
    Heading,
    Section,
    Text,
    plain,
    quoting,
    stated,
    table_of,
    unprinted,
    word,
)
from btd_desktop.report.evidence import FATES, file_cell

_MEANING: Final = {
    "accepted": "holds image data that were examined or could be",
    "not an image": "readable, but holds no image data of a kind examined here",
    "unsupported": "holds image data in an encoding that the program does not read",
    "damaged": "cannot be read completely",
    "duplicate": "holds the same bytes or the same instance as another file",
    "refused": "not opened, for safety",
}


def section(case: ReportCase) -> Section:
    """Number of files per fate, and the files that were not accepted."""
    files = case.files
    counts = dict.fromkeys(FATES, 0)
    for file in files:
        counts[file.fate] = counts.get(file.fate, 0) + 1
    blocks: list[Block] = [
        Text(
            plain(
                f"{counted(len(files), 'file')} received. Each file has exactly one"
                " fate:"
            )
        ),
        table_of(
            counts.items(),
            (
                (Column("Fate", 2.2), lambda item: word(item[0], FATES)),
                (
                    Column("Files", 1.2, look="number"),
                    lambda item: plain(f"{item[1]:,}"),
                ),
                (Column("Meaning", 9), lambda item: plain(_MEANING.get(item[0], ""))),
            ),
        ),
        Facts(
            tuple(Fact("", unprinted(n), fate) for fate, n in counts.items()),
            "items.counts_by_fate",
        ),
    ]
    not_taken = [file for file in files if file.fate != FATES[0]]
    if not_taken:
        blocks += [
            Heading(plain("Files not accepted")),
            table_of(
                not_taken,
                (
                    (Column("File", 5), file_cell),
                    (Column("Fate", 2), lambda file: word(file.fate, FATES)),
                    (Column("Reason", 7), lambda file: stated(quoting(file.reason))),
                ),
            ),
        ]
    return Section("completeness", "Completeness of the import", tuple(blocks))
