"""The files attached to a report: its twin, and what the twin names by digest.

* report.json: the twin, every value of the report.
* pages.json: all that the pages are drawn from (`page_data`).
* evidence.sha256: digest and name of every file and archive received, as `sha256sum`
  prints and checks them.
* scores.csv: every score of every place (`scores`).
* files.csv, audit-log.csv: tables that would fill pages (`csv_tables`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from btd_desktop.report.csv_tables import csv_files
from btd_desktop.report.document import Document
from btd_desktop.report.page_data import PAGES_NAME, page_data_bytes
from btd_desktop.report.twin import twin_bytes, values_of

TWIN_NAME: Final = "report.json"
EVIDENCE_NAME: Final = "evidence.sha256"
SCORES_NAME: Final = "scores.csv"
ATTACHED: Final = (
    TWIN_NAME, PAGES_NAME, EVIDENCE_NAME, SCORES_NAME, "files.csv", "audit-log.csv",
)  # fmt: skip
"""Names of all files that a report may carry."""


def attached_files(document: Document) -> dict[str, bytes]:
    """Every file of a report by name.

    Raises:
        ReportError: A value cannot be stated.
    """
    others = {
        PAGES_NAME: page_data_bytes(document),
        **derived_files(document),
        **document.files,
    }
    return {TWIN_NAME: twin_bytes(document, others), **others}


def derived_files(document: Document) -> dict[str, bytes]:
    """Files that tell again what the document holds: list of evidence, tables.

    The same for a document that is read back from "pages.json".
    """
    return {EVIDENCE_NAME: evidence_list(values_of(document)), **csv_files(document)}


def evidence_list(twin: Mapping[str, Any]) -> bytes:
    """Digests and names of what lay on disk by itself, in the form of `sha256sum`.

    Members of archives are covered by the digest of the archive. Names that hold a line
    break or a backslash are escaped as `sha256sum` escapes them.
    """
    return "".join(sorted(set(_lines(twin.get("items", {}))))).encode()


def _lines(items: Mapping[str, Any]) -> Iterator[str]:
    alone = [item for item in items.get("files", ()) if not item.get("container")]
    for item in (*alone, *items.get("containers", ())):
        if not item["sha256"]:
            continue
        root, name = item.get("root"), item["name"]
        whole = f"{root}/{name}" if root else name
        shown = whole.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        mark = "" if shown == whole else "\\"
        yield f"{mark}{item['sha256']}  {shown}\n"
