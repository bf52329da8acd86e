"""What this computer remembers of a case: its head at once, its bytes when closed."""

from pathlib import Path

import pytest

from btd_desktop.cases.anchor import Anchor, database_digest, read_anchor, set_anchor
from btd_desktop.cases.store import CaseStore
from tests.unit.cases.samples import NOW, make_evidence


def case_id_of(folder: Path) -> str:
    with CaseStore.open(folder, read_only=True) as case:
        return case.info.case_id


def anchor_of(folder: Path) -> Anchor:
    anchor = read_anchor(case_id_of(folder))
    assert anchor is not None
    return anchor


def problems_of(folder: Path) -> tuple[str, ...]:
    with CaseStore.open(folder, read_only=True) as case:
        return case.verify().problems


def flip_unused_byte(folder: Path) -> None:
    """A byte between cell pointers and cells of the first page: nobody reads it."""
    path = folder / "case.sqlite"
    content = bytearray(path.read_bytes())
    pointers = 108 + 2 * int.from_bytes(content[103:105], "big")
    cells = int.from_bytes(content[105:107], "big")
    assert cells - pointers > 2
    content[(pointers + cells) // 2] ^= 1
    path.write_bytes(bytes(content))


def test_head_is_remembered_with_every_change_and_bytes_at_the_end(case_folder):
    with CaseStore.open(case_folder) as case:
        case.append_audit("looked", {}, "E. Xaminer", NOW)
        during = read_anchor(case.info.case_id)
        assert during == Anchor(case.head())
    after = anchor_of(case_folder)
    assert during is not None
    assert after.head == during.head
    assert after.database_sha256 == database_digest(case_folder) != ""


def test_changed_bytes_of_no_record_are_told_in_both_ways_of_opening(case_folder):
    # The template's home was copied with it, so its anchor knows the bytes.
    assert problems_of(case_folder) == ()
    flip_unused_byte(case_folder)
    (problem,) = problems_of(case_folder)
    assert "case.sqlite is not, byte for byte" in problem
    with CaseStore.open(case_folder) as case:
        assert case.verify().problems == (problem,)
        assert not case.verify().records_intact


def test_session_that_changes_nothing_does_not_vouch_for_foreign_bytes(case_folder):
    flip_unused_byte(case_folder)
    before = anchor_of(case_folder)
    CaseStore.open(case_folder).close()
    assert anchor_of(case_folder) == before
    assert problems_of(case_folder)


def test_write_ahead_log_put_beside_a_closed_case_is_told(case_folder):
    (case_folder / "case.sqlite-wal").write_bytes(b"\0" * 64)
    assert any("byte for byte" in problem for problem in problems_of(case_folder))


def test_case_that_was_not_closed_has_no_bytes_to_compare(case_folder):
    with CaseStore.open(case_folder) as case:
        case.add_evidence(make_evidence(), NOW)
        # As a process leaves it that dies here.
        case._remember_bytes = lambda *_: None  # type: ignore[method-assign]
    assert anchor_of(case_folder).database_sha256 == ""
    flip_unused_byte(case_folder)
    assert problems_of(case_folder) == ()


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"n_entries":"x","head":1}', "\0"]
)
def test_damaged_anchor_says_less_and_never_something_wrong(case_folder, home, content):
    (path,) = (home / "data" / "audit-heads").glob("*.json")
    path.write_text(content)
    assert problems_of(case_folder) == ()


def test_anchor_that_cannot_be_written_leaves_nothing(case_folder, home, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = anchor_of(case_folder)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        set_anchor(case_id_of(case_folder), Anchor((99, "0" * 64)))
    assert anchor_of(case_folder) == before
    assert len(list((home / "data" / "audit-heads").iterdir())) == 1
