"""The first line that `btd verify` says of a report, and of what may become of one."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from btd_desktop.__main__ import main
from btd_desktop.report.additions import counter_signed
from btd_desktop.report.pages import SIGNATURE_BOX
from btd_desktop.report.pdf import render_pdf
from btd_desktop.report.signing import SigningKey, load_pkcs12, own_key, sign_pdf
from tests.earlier_cases import unpack_earlier
from tests.unit.report.case_sample import NOW as WHEN
from tests.unit.report.case_sample import document_of_files
from tests.unit.report.keys import (
    make_authority,
    make_signer,
    write_pem,
    write_pkcs12,
)
from tests.unit.report.test_forged_reports import (
    _revised,
    blanked,
    edited,
    painted_over,
    script_on_opening,
)

NAME = "Dr. A. Example"
_UNCHANGED = "The report is unchanged since it was signed."
_NOT_KNOWN = (
    "INTACT, SIGNER NOT VALIDATED. " + _UNCHANGED + (" Who signed it is not validated.")
)
_REFUSED = "who signed it is none of those whom you trust"


def _not(reason: str) -> str:
    return f"NOT VERIFIED. Do not rely on this report: {reason}."


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def expert(desk: Path) -> SigningKey:
    """The expert, certified by chamber.pem."""
    chamber = make_authority("Chamber of Experts")
    write_pem(desk / "chamber.pem", chamber[1])
    path = desk / "expert.p12"
    write_pkcs12(path, make_signer(chamber, name=NAME), "x", (chamber[1],))
    return load_pkcs12(path, "x")


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return render_pdf(document_of_files([("CT", "", "1.dcm", "0" * 64)]))


def _genuine(pdf: bytes, key: SigningKey, _: Path) -> bytes:
    return sign_pdf(pdf, key, when=WHEN, box=SIGNATURE_BOX)


def _repainted(pdf: bytes, _: SigningKey, folder: Path) -> bytes:
    forger = own_key(folder / "forger", NAME, WHEN)
    return _genuine(edited(pdf, painted_over), forger, folder)


def _repainted_by_the_signer(pdf: bytes, key: SigningKey, folder: Path) -> bytes:
    return _genuine(edited(pdf, painted_over), key, folder)


def _self_made_root(pdf: bytes, _: SigningKey, folder: Path) -> bytes:
    root = make_authority("Chamber of Experts")
    path = folder / "self.p12"
    write_pkcs12(path, make_signer(root, name=NAME), "x", (root[1],))
    return _genuine(pdf, load_pkcs12(path, "x"), folder)


def _script(pdf: bytes, key: SigningKey, folder: Path) -> bytes:
    return _genuine(edited(pdf, script_on_opening), key, folder)


def _blanked(pdf: bytes, key: SigningKey, folder: Path) -> bytes:
    return _revised(_genuine(pdf, key, folder), blanked)


def _countersigned(pdf: bytes, key: SigningKey, folder: Path) -> bytes:
    reviewer = own_key(folder / "reviewer", "Reviewer R", WHEN)
    first = sign_pdf(pdf, key, when=WHEN, may_countersign=True)
    return counter_signed(first, reviewer, when=WHEN + timedelta(hours=1))


def _earlier(_: bytes, __: SigningKey, folder: Path) -> bytes:
    return (unpack_earlier("calibrated", folder) / "report-1.pdf").read_bytes()


_ACTS = _not("it holds content that acts or lies over its pages")
_CHANGED = _not("it was changed after it was signed")
_PAGES = "its pages differ from the data inside"
_TABLE: list[tuple[Callable[..., bytes], str, str, str]] = [
    (_genuine, _NOT_KNOWN, f"VERIFIED. {_UNCHANGED}", "agree"),
    (_repainted, _not(_PAGES), _not(_PAGES), "differ"),
    (_repainted_by_the_signer, _not(_PAGES), _not(_PAGES), "differ"),
    (_self_made_root, _NOT_KNOWN, _not(_REFUSED), "agree"),
    (_script, _ACTS, _ACTS, "not compared"),
    (_blanked, _CHANGED, _CHANGED, "not compared"),
    (_countersigned, _NOT_KNOWN, f"VERIFIED. {_UNCHANGED}", "agree"),
    (_earlier, _NOT_KNOWN, _not(_REFUSED), "not compared"),
]  # fmt: skip


def _btd(*words: object) -> tuple[int, str]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = main([*map(str, words)])
    return status, printed.getvalue()


def _json(*words: object) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(_btd(*words, "--json")[1])
    return told


@pytest.mark.parametrize(
    ("make", "unknown", "chosen", "pages"), _TABLE, ids=[m.__name__ for m, *_ in _TABLE]
)
def test_first_line_of_each_kind_of_report(
    make: Callable[..., bytes],
    unknown: str,
    chosen: str,
    pages: str,
    desk: Path,
    expert: SigningKey,
    pdf: bytes,
    tmp_path: Path,
) -> None:
    report = tmp_path / "report.pdf"
    report.write_bytes(make(pdf, expert, tmp_path))
    for words, expected in (((), unknown), (("--trust", desk / "chamber.pem"), chosen)):
        status, told = _btd("verify", report, *words)
        first, *lines = told.splitlines()
        assert first == f"Report: {expected}"
        assert status == (7 if "NOT VERIFIED" in expected else 0)
        told_json: dict[str, Any] = json.loads(
            _btd("verify", report, *words, "--json")[1]
        )
        assert told_json["pages"]["outcome"] == pages
        assert expected.startswith(told_json["headline"])
        bad = "NOT VERIFIED" in expected
        assert bad == any(line.startswith("  problem: ") for line in lines)
        if pages == "not compared":
            assert any("Pages not compared" in line for line in lines)
