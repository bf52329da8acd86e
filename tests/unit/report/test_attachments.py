"""What programs read of a report: twin with its schema, scores, list of evidence."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from btd_desktop.calibration.scope import Coverage
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ReportError
from btd_desktop.report.attachments import EVIDENCE_NAME, TWIN_NAME, attached_files
from btd_desktop.report.document import Document
from btd_desktop.report.page_data import (
    PAGES_NAME,
    page_data_bytes,
    page_data_from,
)
from btd_desktop.report.schema.twin import schema_text, twin_schema
from btd_desktop.report.scores import place_scores, read_scores, scores_csv
from btd_desktop.report.twin import twin_value, values_of
from tests.unit.report.case_sample import (
    document_of_files,
    make_document,
    make_outcome,
    make_outcomes,
)
from tests.unit.report.test_redaction import redact

_SCHEMA = Path(__file__).parents[3] / "docs" / "report.schema.json"


def documents() -> dict[str, Document]:
    full = make_document(remarks="To be read with care.")
    return {
        "full": full,
        "redacted": redact(full),
        "not covered": make_document(outcomes=[make_outcome(1, Coverage.NOT)]),
        "nothing": make_document(outcomes=[]),
    }


def faults(twin: dict[str, Any]) -> list[str]:
    found = Draft202012Validator(twin_schema()).iter_errors(twin)
    return [f"{error.json_path}: {error.message[:80]}" for error in found]


def test_schema_in_the_documentation_is_that_of_the_types():
    Draft202012Validator.check_schema(twin_schema())
    assert _SCHEMA.read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("kind", documents())
def test_twins_of_all_kinds_of_reports_validate(kind):
    twin = json.loads(attached_files(documents()[kind])[TWIN_NAME])
    assert faults(twin) == []


def test_schema_refuses_what_no_twin_has():
    twin = twin_value(make_document())
    assert faults(twin | {"truth": 1})
    assert faults({key: part for key, part in twin.items() if key != "opinion"})
    twin["results"][0]["levels"][0]["score"] = "3.4"
    (fault,) = faults(twin)
    assert fault.startswith("$.results[0].levels[0].score: '3.4' is not valid")


@pytest.mark.parametrize("kind", documents())
def test_document_read_from_the_report_gives_the_same_values_and_file(kind):
    document = documents()[kind]
    read = page_data_from(page_data_bytes(document)).document
    assert values_of(read) == values_of(document)
    assert page_data_bytes(read) == page_data_bytes(document)


def test_page_data_of_a_redacted_report_hold_nothing_that_was_withheld():
    full = make_document(remarks="ask Zweig")
    assert b"DOE" in page_data_bytes(full)
    data = page_data_bytes(redact(full))
    for name in (b"DOE", b"Zweig", b"District Court", b"IM0000"):
        assert name not in data, name


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b'{"format": "btd-pages", "version": 2}']
)
def test_damaged_page_data_are_refused(data):
    with pytest.raises(ReportError):
        page_data_from(data)
    good = page_data_bytes(document_of_files([]))
    with pytest.raises(ReportError):
        page_data_from(good.replace(b'"is":"Document"', b'"is":"Path"'))


def test_scores_are_read_as_they_were_written():
    outcomes = make_outcomes()
    found = read_scores(scores_csv(outcomes))
    expected = {
        place: scores
        for number, outcome in enumerate(outcomes, 1)
        if outcome.evaluation is not None
        for place, scores in place_scores(number, outcome.evaluation)
    }
    assert found == expected
    assert {series for series, *_ in found} == {
        n for n, o in enumerate(outcomes, 1) if o.evaluation is not None
    }


def test_scores_of_single_precision_are_read_to_the_bit():
    [first, *_] = make_outcomes()
    evaluation = first.evaluation
    assert evaluation is not None
    anomaly = evaluation.kinds["anomaly"]
    single = tuple(
        (scores / 3).astype(np.float32).astype(np.float64)
        for scores in anomaly.patch_scores
    )
    removal = replace(anomaly, kind="removal", patch_scores=single)
    kinds = {"anomaly": anomaly, "removal": removal}
    outcome = replace(first, evaluation=replace(evaluation, kinds=kinds))
    assert outcome.evaluation is not None
    expected = dict(place_scores(1, outcome.evaluation))
    assert read_scores(scores_csv([outcome])) == expected


@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", b"\xff"])
def test_damaged_table_of_scores_is_refused(data):
    with pytest.raises(ReportError):
        read_scores(data)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not here")
def test_list_of_evidence_is_one_that_sha256sum_checks(tmp_path):
    names = ["a b.dcm", "back\\slash.dcm", "=cmd.csv", "line\nbreak.dcm"]
    (tmp_path / "CT").mkdir()
    files = []
    for name in names:
        (tmp_path / "CT" / name).write_bytes(name.encode())
        files.append(("CT", "", name, bytes_digest(name.encode())))
    (tmp_path / "CT" / "all.zip").write_bytes(b"zip")
    held = ("CT", "CT/all.zip", "1.dcm", bytes_digest(b"inside"))
    document = document_of_files([*files, held], [("CT/all.zip", bytes_digest(b"zip"))])
    listed = attached_files(document)[EVIDENCE_NAME]
    assert len(listed.splitlines()) == 5
    command = ["sha256sum", "--check", "--strict", "-"]
    done = subprocess.run(command, input=listed, cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr
    (tmp_path / "CT" / names[0]).write_bytes(b"other")
    done = subprocess.run(command, input=listed, cwd=tmp_path, capture_output=True)
    assert done.returncode == 1


def test_twin_names_every_other_file_by_its_digest():
    files = attached_files(make_document())
    listed = {
        f["name"]: f["sha256"] for f in json.loads(files[TWIN_NAME])["attachments"]
    }
    assert listed == {n: bytes_digest(d) for n, d in files.items() if n != TWIN_NAME}
    assert PAGES_NAME in listed
