"""`btd mark`: nothing is dismissed without a reason, and each mark is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import SettingsError
from tests.unit.cases.samples import NOW, fill_case


@pytest.fixture
def case(btd, tmp_path) -> Path:
    """A case with one finding, its note empty."""
    fill_case(tmp_path / "case")
    with CaseStore.open(tmp_path / "case") as store:
        store.update_finding(1, note="", now=NOW)
    return Path(tmp_path / "case")


@pytest.mark.parametrize("reason", [(), ("--reason", "  ")])
def test_finding_is_not_dismissed_without_a_reason(btd, case, reason):
    result = btd("mark", case, "1", "dismissed", *reason)
    assert result.status == 8
    assert "cannot be dismissed without a reason" in result.err
    with CaseStore.open(case, read_only=True) as store:
        assert store.finding(1).status == "to check"


def test_reason_is_kept_as_the_note_and_logged(btd, case):
    result = btd("mark", case, "1", "dismissed", "--reason", "a vessel", "--json")
    assert result.status == 0
    marked = result.json["finding"]
    assert (marked["status"], marked["note"]) == ("dismissed", "a vessel")
    with CaseStore.open(case, read_only=True) as store:
        entry = store.audit_log()[-1]
        assert entry.details["after"] == {"note": "a vessel", "status": "dismissed"}
        assert entry.details["before"] == {"note": "", "status": "to check"}
    assert "confirmed" in btd("mark", case, "1", "confirmed").out


def test_reason_of_a_dismissed_finding_cannot_be_taken_away(btd, case):
    btd("mark", case, "1", "dismissed", "--reason", "a vessel")
    with CaseStore.open(case) as store:
        with pytest.raises(SettingsError, match="without a reason"):
            store.update_finding(1, note=" ", now=NOW)
        store.update_finding(1, note="", status="to check", now=NOW)
        assert store.finding(1).status == "to check"


def test_unknown_mark_and_unknown_finding_are_told(btd, case):
    assert btd("mark", case, "1", "proved").status == 2
    result = btd("mark", case, "7", "confirmed")
    assert result.status == 6
    assert "has no finding 7" in result.err
