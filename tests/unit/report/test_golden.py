"""The report of a fixed case, word for word: a change of it must be meant.

The twin and the text of each page lie beside this module. After a change that is meant:

    BTD_WRITE_GOLDEN=1 python -m pytest tests/unit/report/test_golden.py

and read the difference before it is committed.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pypdf import PdfReader

from btd_desktop import __version__
from btd_desktop.digest import bytes_digest
from btd_desktop.report.attachments import TWIN_NAME, attached_files
from btd_desktop.report.case import ReportCase
from btd_desktop.report.compose import document_of
from btd_desktop.report.page_data import PAGES_NAME
from btd_desktop.report.pdf import draw_pdf
from tests.unit.report.case_sample import NOW, make_outcomes, make_store

_FOLDER = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def printed() -> tuple[dict[str, Any], list[str], dict[str, str]]:
    """Twin of the case, text of the pages and digests of the attached files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        # Versions of libraries belong to a machine, not to the words of a report.
        patch.setattr(importlib.metadata, "version", lambda _name: "1.2.3")
        patch.setattr(
            importlib.metadata, "metadata", lambda _: SimpleNamespace(json={})
        )
        case = ReportCase(
            make_store(),
            make_outcomes(),
            report_id="0f3a9c1e-1",
            now=NOW,
            remarks="To be read together with the statement of the radiologist.",
            custody_notes=("31 of 31 files of the evidence are unchanged.",),
        )
        document = document_of(case)
        files = attached_files(document)
        twin, pdf = files[TWIN_NAME], draw_pdf(files)
    time.tzset()
    pages = [p.extract_text() for p in PdfReader(io.BytesIO(pdf)).pages]
    # Lengths and digests follow the version of the program.
    lengths = [f"{len(files[name]):,}" for name in (TWIN_NAME, PAGES_NAME)]
    if out := os.environ.get("BTD_GOLDEN_PDF"):
        Path(out).write_bytes(pdf)
    return (
        json.loads(twin),
        [re.sub("|".join(lengths), "LENGTH", p) for p in pages],
        {name: bytes_digest(files[name]) for name in (TWIN_NAME, PAGES_NAME)},
    )


def _compared(name: str, text: str) -> None:
    path = _FOLDER / name
    if os.environ.get("BTD_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    # Where a line ends follows the width of digests.
    assert text.split() == path.read_text("utf-8").split()


def test_twin_of_the_fixed_case_is_the_golden_one(printed):
    twin, _, _ = printed
    twin["identity"]["software_version"] = "VERSION"
    pages = next(f for f in twin["attachments"] if f["name"] == PAGES_NAME)
    pages["sha256"], pages["size_bytes"] = "DIGEST", "LENGTH"
    _compared("twin.json", json.dumps(twin, indent=1, sort_keys=True) + "\n")


def test_pages_of_the_fixed_case_are_the_golden_ones(printed):
    _, pages, digests = printed
    texts = [f"=== page {n}\n{text}\n" for n, text in enumerate(pages, 1)]
    text = "".join(texts).replace(__version__, "VERSION")
    for digest in digests.values():
        text = re.sub(r"\s*".join(digest), "DIGEST", text)
    _compared("pages.txt", text)
