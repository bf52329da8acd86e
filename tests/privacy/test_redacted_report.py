"""A redacted report names nobody, holds the same numbers and verifies."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, StreamObject

from btd_desktop.cases.store import CaseStore
from btd_desktop.digest import bytes_digest
from tests.privacy.marked import (
    FILE_MARKER,
    FORBIDDEN,
    HEADERS,
    MarkedDesk,
    btd,
)

REMARKS = (
    "Mr. Zqgiven ZQNAME, born 03.02.1931, was seen at ZQHOSPITAL by Dr. ZQDOC; "
    "accession ZQACCESS9, see ZQFILE_ZQNAME_001.dcm."
)


def _everything_in(pdf: bytes) -> str:
    """Page text, metadata and every stream and string of a PDF, unpacked."""
    reader = PdfReader(io.BytesIO(pdf))
    parts = [page.extract_text() for page in reader.pages]
    parts += [f"{k} {v}" for k, v in (reader.metadata or {}).items()]
    seen: set[int] = set()

    def walk(value: object) -> None:
        if isinstance(value, IndirectObject):
            if value.idnum in seen:
                return
            seen.add(value.idnum)
            value = value.get_object()
        if isinstance(value, StreamObject):
            parts.append(value.get_data().decode("latin-1"))
        if isinstance(value, DictionaryObject):
            for key, item in value.items():
                parts.append(str(key))
                walk(item)
        elif isinstance(value, ArrayObject):
            for item in value:
                walk(item)
        else:
            parts.append(str(value))

    walk(reader.trailer)
    parts.append(pdf.decode("latin-1"))
    text = "\n".join(parts)
    # A long word may be broken over two lines of a table.
    return text + "\n" + "".join(text.split())


def _twin(pdf: bytes) -> dict[str, Any]:
    (attached,) = PdfReader(io.BytesIO(pdf)).attachments["report.json"]
    value = json.loads(attached)
    assert isinstance(value, dict)
    return value


@pytest.fixture(scope="module")
def reported(desk: MarkedDesk) -> tuple[Path, dict[str, Any]]:
    """A case with a noted finding and a report with its redacted variant."""
    case = desk.root / "case"
    status, _ = btd("import", desk.evidence, "--out", case, "--title", "Case 7")
    assert status == 0
    status, _ = btd("score", case, "--profile", desk.profile)
    assert status == 0
    status, _ = btd(
        "score", case, "--at", "64,64,2", "--mode", "injection", "--keep",
        "--profile", desk.profile, "--note", "as ZQREFER wrote",
    )  # fmt: skip
    assert status == 0
    status, told = btd(
        "report", case, "--profile", desk.profile, "--redacted", "--remarks", REMARKS
    )
    assert status == 0
    return case, told["report"]


def test_full_report_names_the_patient_and_the_redacted_one_nobody(reported):
    _, report = reported
    full = _everything_in(Path(report["path"]).read_bytes())
    assert "ZQNAME" in full
    assert HEADERS["PatientID"] in full
    assert HEADERS["SeriesDescription"] in full
    assert HEADERS["StudyDate"] in full
    assert f"{FILE_MARKER}_ZQNAME_001.dcm" in full
    assert f"{FILE_MARKER}_half.dcm" in full
    assert "ZQHOSPITAL" in full
    redacted = _everything_in(Path(report["redacted"]["path"]).read_bytes()).upper()
    found = [marker for marker in FORBIDDEN if marker in redacted]
    at = redacted.find(found[0]) if found else 0
    assert not found, redacted[max(0, at - 200) : at + 200]


def test_redacted_report_holds_no_uid_of_the_evidence(reported):
    case, report = reported
    with CaseStore.open(case, read_only=True) as store:
        uids = {e.sop_instance_uid for e in store.evidence()}
        uids |= {s.series_uid for s in store.series()}
    uids.discard("")
    assert len(uids) > 2
    redacted = _everything_in(Path(report["redacted"]["path"]).read_bytes())
    assert not [uid for uid in uids if uid in redacted]


def test_redacted_report_holds_the_same_numbers(reported):
    _, report = reported
    full = _twin(Path(report["path"]).read_bytes())
    redacted = _twin(Path(report["redacted"]["path"]).read_bytes())
    assert full["results"][0]["exhibits"], "nothing to redact in an exhibit"

    def numbers(value: object) -> object:
        if isinstance(value, dict):
            left_out = (
                "report_id", "tree_digest", "digest", "redaction", "attachments",
            )  # fmt: skip
            kept = {k: v for k, v in value.items() if k not in left_out}
            return {k: numbers(v) for k, v in kept.items()}
        if isinstance(value, list):
            return [numbers(v) for v in value]
        return value if not isinstance(value, str) else "text"

    assert numbers(redacted) == numbers(full)
    scores = [
        PdfReader(io.BytesIO(Path(path).read_bytes())).attachments["scores.csv"]
        for path in (report["path"], report["redacted"]["path"])
    ]
    assert scores[0] == scores[1]
    assert [f["sha256"] for f in redacted["items"]["files"]] == [
        f["sha256"] for f in full["items"]["files"]
    ]
    assert (
        redacted["reproduction"]["result_digest"]
        == (full["reproduction"]["result_digest"])
    )


def test_page_one_says_which_report_it_is_a_variant_of(reported):
    _, report = reported
    pdf = Path(report["path"]).read_bytes()
    variant = Path(report["redacted"]["path"]).read_bytes()
    first = "".join(PdfReader(io.BytesIO(variant)).pages[0].extract_text().split())
    number = _twin(pdf)["identity"]["report_id"]
    assert f"Redactedvariantofreport{number}" in first
    assert bytes_digest(pdf) in first
    assert _twin(variant)["redaction"]["of_sha256"] == report["sha256"]
    assert _twin(pdf)["redaction"] is None


def test_redacted_report_verifies_with_the_evidence(desk, reported, tmp_path):
    _, report = reported
    path = report["redacted"]["path"]
    status, verdict = btd("verify", path, "--evidence", desk.evidence)
    assert (status, verdict["ok"]) == (0, True), verdict["problems"]
    n_files = sum(p.is_file() for p in desk.evidence.rglob("*"))
    assert verdict["n_evidence_compared"] == n_files
    copy = shutil.copytree(desk.evidence, tmp_path / "copy")
    victim = next(iter(sorted(copy.rglob(f"{FILE_MARKER}_ZQNAME_001.dcm"))))
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)
    status, verdict = btd("verify", path, "--evidence", copy)
    assert status == 7
    kinds = sorted(p["kind"] for p in verdict["evidence_problems"])
    assert kinds == ["extra", "missing"]


def test_one_changed_byte_of_a_redacted_report_is_told(reported, tmp_path):
    _, report = reported
    changed = bytearray(Path(report["redacted"]["path"]).read_bytes())
    changed[changed.index(b"/Title") + 9] ^= 1
    forged = tmp_path / "forged.pdf"
    forged.write_bytes(changed)
    status, verdict = btd("verify", forged)
    assert (status, verdict["ok"]) == (7, False)


def test_pseudonyms_are_the_same_in_all_reports_of_a_case(desk, reported):
    case, report = reported
    before = _twin(Path(report["redacted"]["path"]).read_bytes())
    status, told = btd("report", case, "--profile", desk.profile, "--redacted")
    assert status == 0
    assert Path(told["report"]["path"]).name == "report-2.pdf"
    after = _twin(Path(told["report"]["redacted"]["path"]).read_bytes())
    assert after["series"][0]["patient"] == before["series"][0]["patient"]
    assert after["series"][0]["patient"].startswith("patient-")
    assert [f["name"] for f in after["items"]["files"]] == [
        f["name"] for f in before["items"]["files"]
    ]
    status, verdict = btd("verify-case", case)
    assert (status, verdict["ok"]) == (0, True)


def test_pseudonyms_travel_with_the_case_to_a_computer_with_another_key(
    desk, reported, tmp_path, monkeypatch
):
    case, report = reported
    moved = shutil.copytree(case, tmp_path / "case")
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "other home"))
    status, told = btd(
        "report", moved, "--profile", desk.profile, "--redacted",
        "--adopt-unauthenticated", "Mr. Zqname brought it himself",
    )  # fmt: skip
    assert status == 0
    before = _twin(Path(report["redacted"]["path"]).read_bytes())
    variant = Path(told["report"]["redacted"]["path"]).read_bytes()
    after = _twin(variant)
    assert after["series"][0]["patient"] == before["series"][0]["patient"]
    assert "could not be authenticated" in _everything_in(variant)
    assert "ZQNAME" not in _everything_in(variant).upper()


def test_another_case_gives_another_pseudonym(desk, reported, tmp_path):
    _, report = reported
    status, _ = btd("import", desk.evidence, "--out", tmp_path / "other")
    assert status == 0
    status, told = btd("report", tmp_path / "other", "--redacted")
    assert status == 0
    before = _twin(Path(report["redacted"]["path"]).read_bytes())
    after = _twin(Path(told["report"]["redacted"]["path"]).read_bytes())
    assert after["series"][0]["patient"] != before["series"][0]["patient"]


def test_pictures_of_a_redacted_report_show_nothing_outside_the_body(reported):
    _, report = reported
    full = _pictures(Path(report["path"]).read_bytes())
    redacted = _pictures(Path(report["redacted"]["path"]).read_bytes())
    assert len(full) == len(redacted) > 0
    # The letters lie in the corner at the top left of every slice.
    assert any(np.ptp(_corner(picture)) > 200 for picture in full)
    # Black, or white where a residual is left out: nothing is drawn there.
    assert all(np.ptp(_corner(picture)) < 10 for picture in redacted)
    assert all(picture.max() > 100 for picture in redacted)


def _pictures(pdf: bytes) -> list[np.ndarray]:
    return [
        np.asarray(image.image.convert("L"))
        for page in PdfReader(io.BytesIO(pdf)).pages
        for image in page.images
        if image.image is not None
    ]


def _corner(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape
    return picture[: height // 11, : width // 3]


def test_redacted_report_says_when_headers_were_not_at_hand(desk, tmp_path):
    moved = shutil.copytree(desk.evidence, tmp_path / "evidence")
    status, _ = btd("import", moved, "--out", tmp_path / "case")
    assert status == 0
    shutil.rmtree(moved)
    status, told = btd("report", tmp_path / "case", "--redacted")
    assert status == 0
    variant = Path(told["report"]["redacted"]["path"]).read_bytes()
    twin = _twin(variant)
    assert "could not be read again" in twin["redaction"]["remark"]
    # Nobody knows which names stand in those headers: nothing that quotes gets out.
    assert set(twin["opinion"]["sentences"]) <= {"withheld"}
    said = [f["sentence"] for series in twin["series"] for f in series["findings"]]
    assert set(said) == {"withheld"}
    assert HEADERS["PatientID"] not in _everything_in(variant)


def test_report_that_would_be_taken_for_a_variant_is_refused(desk, reported, tmp_path):
    case, _ = reported
    status, told = btd("report", case, "--out", tmp_path / "x-redacted.pdf")
    assert status == 7
    assert "redacted variant" in told["error"]["detail"]
