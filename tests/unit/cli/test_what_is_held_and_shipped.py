"""Doctor, import and verify say what holds the readers and which models these are."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from btd_desktop.calibration.scope import Coverage
from btd_desktop.cases.store import CaseStore
from btd_desktop.containment.measures import MEASURES, Containment
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.examination.shipped_digests import MODELS
from btd_desktop.report.pdf import render_pdf
from btd_desktop.report.signing import own_key, sign_pdf
from tests.factories import make_tiny_model
from tests.unit.report.case_sample import make_document, make_outcome

WHEN = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
SOME_MISSING = {"network": "the kernel has no seccomp", "files": "not on this system"}


@pytest.fixture
def weak(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading process that could take all measures but two."""

    def hear(box: Sandbox, contained: object) -> Containment:
        found = real(box, contained)  # type: ignore[arg-type]
        box.containment = replace(found, missing=SOME_MISSING)
        return box.containment

    real = Sandbox._hear_containment
    monkeypatch.setattr(Sandbox, "_hear_containment", hear)


def test_doctor_lists_every_measure_of_the_reading_process(btd, tiny_model):
    told = btd("doctor", "--json").json
    rows = told["sections"]["Reading process"]
    assert list(rows) == list(MEASURES.values())
    assert all(v == "yes" or v.startswith("no: ") for v in rows.values())
    not_held = [words for words, state in rows.items() if state != "yes"]
    remarks = [r for r in told["remarks"] if "is not held by" in r]
    assert len(remarks) == len(not_held)
    if sys.platform == "linux":
        assert rows["limits on memory, files and time"] == "yes"


@pytest.mark.usefixtures("weak")
def test_doctor_says_of_a_measure_that_does_not_hold_why(btd, tiny_model):
    result = btd("doctor")
    assert result.status == 0
    assert "no: the kernel has no seccomp" in result.out
    assert (
        "the process that parses evidence is not held by: no network (the kernel has "
        "no seccomp)" in " ".join(result.out.split())
    )


def test_doctor_calls_it_a_problem_when_nothing_can_be_parsed(
    btd, tiny_model, monkeypatch
):
    monkeypatch.setattr(
        "btd_desktop.dicom.sandbox._command", lambda: ["/nowhere/python"]
    )
    result = btd("doctor", "--json")
    assert result.status == 1
    assert result.json["sections"]["Reading process"] == {"state": "DOES NOT ANSWER"}
    assert any("cannot be parsed here" in p for p in result.json["problems"])


@pytest.mark.usefixtures("weak")
def test_import_says_what_held_its_reader_and_the_log_keeps_it(btd, suspect, tmp_path):
    result = btd("import", suspect, "--out", tmp_path / "case")
    words = " ".join(result.out.split())
    assert "Files were parsed in a process contained by: a session of its own" in words
    assert "Not held: reads the program's libraries only and writes no file" in words
    assert "no network (the kernel has no seccomp)" in words
    told = btd("import", suspect, "--out", tmp_path / "again", "--json").json
    process = told["reading_process"]
    assert len(process["held"]) == len(MEASURES) - 2
    assert len(process["not_held"]) == 2
    with CaseStore.open(tmp_path / "again", read_only=True) as store:
        logged = [e.details["reading_process"] for e in store.audit_log()
                  if "reading_process" in e.details]  # fmt: skip
    assert process in logged


def test_models_and_doctor_tell_an_impostor_from_a_model_of_one_s_own(btd, tmp_path):
    make_tiny_model(tmp_path / "models" / "ct96wide-lean")
    make_tiny_model(tmp_path / "models" / "own")
    for words in (("doctor",), ("models",)):
        out = " ".join(btd(*words).out.split())
        assert "ct96wide-lean is NOT the model shipped under this name" in out
        assert "own did not come with this version of the program" in out
    (impostor, own) = btd("models", "--json").json["models"]
    for model in (impostor, own):
        assert model["standing"]["is_shipped"] is False
        assert model["figures"] == {}


def _signed(folder: Path, name: str, digest: str) -> Path:
    """A report of one series that was scored with such a model."""
    outcome = make_outcome(1, Coverage.NOT)
    assert outcome.model is not None
    model = replace(outcome.model, name=name, digest=digest)
    document = make_document(outcomes=[replace(outcome, model=model)])
    path = folder / f"{digest[:8]}.pdf"
    key = own_key(folder, "Dr. A. Example", WHEN)
    path.write_bytes(sign_pdf(render_pdf(document), key, when=WHEN))
    return path


@pytest.mark.parametrize(
    ("name", "digest", "sentence"),
    [
        (
            "ct96wide-lean",
            MODELS["ct96wide-lean"]["digest"],
            "Model: ct96wide-lean is the model shipped so named.",
        ),
        (
            "ct96wide-lean",
            "ab" * 32,
            "Model: ct96wide-lean is NOT the model shipped under this name",
        ),
        ("mine", "ab" * 32, "Model: mine did not come with this version"),
    ],
)
def test_verify_says_which_models_a_report_names(btd, tmp_path, name, digest, sentence):
    path = _signed(tmp_path, name, digest)
    result = btd("verify", path)
    assert "Report: INTACT, SIGNER NOT VALIDATED" in result.out
    assert sentence in result.out
    (model,) = btd("verify", path, "--json").json["models"]
    assert model["is_shipped"] is sentence.endswith("so named.")
    assert (model["name"], model["digest"]) == (name, digest)
