"""What the examiner states on the command line: files, drafts, marks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from btd_desktop.cases import audit
from btd_desktop.cases.store import CaseStore
from btd_desktop.digest import file_digest
from btd_desktop.errors import CaseError
from btd_desktop.examination.statement import (
    EXPLANATIONS,
    Statement,
    statement_in,
)
from btd_desktop.settings import Settings, save_settings
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.state import state
from tests.unit.cli.conftest import CommandLine

STATED = """
remarks = "Read with the radiologist's statement."

[examiner]
name = "Dr. A. Example"
role = "Court-appointed expert"
qualification = \"\"\"Physicist.
Twelve years of work with CT.\"\"\"
independence = "No ties to the parties."

[mandate]
client = "District Court"
question = "Was a nodule added?"
not_asked = "Whether the patient is ill."

[received]
sender = "Registry of the court"
how = "USB stick, sealed"
date = "2 November 2026"

[alternatives.metal]
judgement = "excluded"
remark = "No metal in the field of view."
"""


@pytest.fixture
def case(btd: CommandLine, suspect: Path, tmp_path: Path) -> Path:
    """A case that was imported and not scored."""
    folder = tmp_path / "case"
    assert btd("import", suspect, "--out", folder).status == 0
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "me.toml"
    path.write_text(STATED, "utf-8")
    return path


def twin_of(report: Path) -> dict[str, Any]:
    from btd_desktop.workflow.verify import verify_report_file

    verdict = verify_report_file(report)
    assert verdict.ok, verdict.problems
    assert verdict.twin is not None
    return verdict.twin


def test_report_without_a_statement_is_a_draft_that_says_what_it_lacks(btd, case):
    result = btd("report", case, "--json")
    report = result.json["report"]
    assert report["standing"] == "draft"
    assert report["missing"] == (
        "Not a final report before it states the examiner's name, the examiner's role, "
        "the question asked and from whom the items were received."
    )
    assert twin_of(Path(report["path"]))["identity"]["standing"] == "draft"
    assert f"  DRAFT. {report['missing']}" in btd("report", case).out


def test_statement_makes_a_final_report_and_stays_in_the_case(btd, case, file):
    result = btd("report", case, "--statement", file, "--json")
    assert result.json["report"]["standing"] == "final"
    assert result.json["report"]["missing"] == ""
    twin = twin_of(Path(result.json["report"]["path"]))
    assert twin["identity"]["is_draft"] is False
    assert twin["mandate"]["examiner_role"] == "Court-appointed expert"
    assert twin["mandate"]["examiner_qualification"].startswith("Physicist.\nTwelve")
    assert twin["mandate"]["not_asked"] == "Whether the patient is ill."
    assert twin["items"]["received_from"] == "Registry of the court"
    assert twin["opinion"]["remarks"] == "Read with the radiologist's statement."
    rows = {row["explanation"]: row for row in twin["alternatives"]}
    assert len(rows) == len(EXPLANATIONS) == 7
    assert rows[EXPLANATIONS["metal"]]["judgement"] == "excluded"
    assert rows[EXPLANATIONS["motion"]]["judgement"] == ""
    again = btd("report", case, "--json")
    assert again.json["report"]["standing"] == "final"
    draft = btd("report", case, "--draft", "--json")
    assert draft.json["report"]["standing"] == "draft"
    assert draft.json["report"]["missing"] == ""
    assert btd("verify-case", case).status == 0
    with CaseStore.open(case, read_only=True) as store:
        # Said once, however many reports followed.
        assert len(store.audit_log(audit.STATED)) == 1


def test_later_file_prevails_field_by_field_and_json_is_read_too(
    btd, case, file, tmp_path
):
    other = tmp_path / "case.json"
    value = {
        "examiner": {"role": "Expert of the defence"},
        "alternatives": {"metal": {"judgement": "remains"}},
    }
    other.write_text(json.dumps(value), "utf-8")
    words = ("--statement", file, "--statement", other, "--json")
    twin = twin_of(Path(btd("report", case, *words).json["report"]["path"]))
    assert twin["mandate"]["examiner_role"] == "Expert of the defence"
    assert twin["mandate"]["examiner"] == "Dr. A. Example"
    metal = twin["alternatives"][0]
    assert metal["judgement"] == "remains"
    assert metal["remark"] == "No metal in the field of view."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[examiner]\nrol = 'x'", "[examiner] has no “rol”; it has name, role, "),
        ("[examinr]\nname = 'x'", "a statement has no “examinr”; it has examiner, "),
        ("examiner = 'x'", "examiner must be a table of fields"),
        ("[examiner]\nname = 3", "examiner.name must be text, got int"),
        ("is_demonstration = true", "a statement has no “is_demonstration”"),
        ("[alternatives.noise]\nremark = 'x'", "[alternatives] has no “noise”"),
        ("[alternatives]\nmetal = 'excluded'", "alternatives.metal must be a table"),
        (
            "[alternatives.metal]\njudgement = 'proven'",
            "alternatives.metal: a judgement is considered, excluded or remains",
        ),
        ("[received]\ndigests = ['xyz']", "received.digests[0] must be 64 hexa"),
        (f"[examiner]\nname = '{'x' * 501}'", "examiner.name must be text of length"),
        ("[examiner\n", "is no valid TOML"),
        ("\x00", "is no valid TOML"),
    ],
)
def test_bad_statement_is_refused_in_a_sentence_that_names_the_file(
    btd, case, tmp_path, text, told
):
    path = tmp_path / "bad.toml"
    path.write_text(text, "utf-8")
    result = btd("report", case, "--statement", path)
    assert result.status == 8
    assert "bad.toml" in result.err
    assert told in result.err
    assert "Traceback" not in result.err
    assert not list(case.glob("report-*.pdf"))


@pytest.mark.parametrize(
    "name", ["gone.toml", "folder.toml", "bytes.json", "list.json"]
)
def test_statement_that_cannot_be_read_is_refused(btd, case, tmp_path, name):
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    (tmp_path / "list.json").write_text("[]")
    result = btd("report", case, "--statement", tmp_path / name)
    assert result.status == 8
    assert name in result.err


def test_profile_of_the_settings_fills_what_the_same_examiner_left_out(
    btd, case, tmp_path, file
):
    save_settings(
        Settings(
            examiner="Dr. A. Example",
            examiner_role="Head of the laboratory",
            examiner_qualification="Line one\nline “two”",
        )
    )
    bare = tmp_path / "case.toml"
    bare.write_text("[mandate]\nquestion = 'Q?'\n[received]\nsender = 'S'\n")
    result = btd("report", case, "--statement", bare, "--json")
    assert result.json["report"]["standing"] == "final"
    twin = twin_of(Path(result.json["report"]["path"]))
    assert twin["mandate"]["examiner_role"] == "Head of the laboratory"
    assert twin["mandate"]["examiner_qualification"] == "Line one\nline “two”"
    other = tmp_path / "other.toml"
    other.write_text("[examiner]\nname = 'B. Other'\nrole = ''\n")
    result = btd("report", case, "--statement", other, "--json")
    # Another examiner has not the first one's role.
    assert result.json["report"]["standing"] == "draft"


def test_sender_s_digest_is_compared_with_what_was_received(
    btd, case, suspect, tmp_path
):
    known, _ = file_digest(next(suspect.glob("*")))
    path = tmp_path / "digests.toml"
    path.write_text(f"[received]\ndigests = ['{known}', '{'0' * 64}']\n")
    result = btd("report", case, "--statement", path, "--json")
    told = twin_of(Path(result.json["report"]["path"]))["items"]["digests_stated"]
    assert told == (
        f"2; NO item received has 1 of them, the first of which is {'0' * 64}."
    )


def test_demonstration_stays_one_whatever_is_stated_later(btd, case, file):
    services = Services()
    with CaseStore.open(case) as store:
        state(store, Statement(is_demonstration=True), services)
    result = btd("report", case, "--statement", file, "--draft", "--json")
    report = result.json["report"]
    assert report["standing"] == "demonstration"
    twin = twin_of(Path(report["path"]))
    assert twin["identity"]["standing"] == "demonstration"
    with CaseStore.open(case) as store:
        state(store, Statement(), services)
        assert statement_in(store).is_demonstration


@pytest.mark.parametrize(
    "value", [None, 3, [], {"examiner": 3}, {"examiner": {"rol": ""}}, {"x": 1}]
)
def test_entry_that_is_no_statement_is_a_damaged_case(case, value):
    services = Services()
    with CaseStore.open(case) as store:
        store.append_audit(audit.STATED, {"statement": value}, "E.", services.now())
        with pytest.raises(CaseError, match="no statement of the examiner"):
            statement_in(store)
