"""Words of findings: quoted values cannot change the sentence around them."""

from __future__ import annotations

from btd_desktop.dicom.findings import concerned, counted, listed, number_text, quoted
from tests.unit.dicom.check_samples import bare_slice


def test_quoted_shows_control_and_bidi_characters_as_numbers() -> None:
    assert quoted("a\nb\x1b[2J\u202etxt\ud800") == (
        '"a<U+000A>b<U+001B>[2J<U+202E>txt<U+D800>"'
    )


def test_quoted_cuts_long_text() -> None:
    assert quoted("x" * 500) == '"' + "x" * 63 + '…"'
    assert len(quoted("x" * 500, 240)) == 242


def test_listed_sorts_drops_repeats_and_counts_the_rest() -> None:
    assert listed(["b", "a", "b"]) == '"a", "b"'
    assert listed("fedcba") == '"a", "b", "c", "d" and 2 more'


def test_number_text_is_short_for_any_size() -> None:
    assert number_text(512.0) == "512"
    assert number_text(1.7e308) == "1.7e+308"


def test_concerned_names_nobody_when_it_is_all() -> None:
    one, two = bare_slice(uid="1.1"), bare_slice(uid="1.2")
    assert concerned([one, two], [one, two]) == []
    assert concerned([two], [one, two]) == ["1.2"]


def test_counted_knows_one_from_many() -> None:
    assert counted(1, "slice") == "1 slice"
    assert counted(0, "slice") == "0 slices"
