"""Names, dates, UIDs and files are found in a sentence however they are spelled."""

from __future__ import annotations

import time
import unicodedata

import pytest

from btd_desktop.report.scrubbing import (
    Scrubber,
    forms_of_date,
    forms_of_name,
    skeleton,
)

KNOWN = {"doe": "P", "Jane": "P", "PAT-4711-7": "I", "1970-01-01": "B", "X": "no"}
FILES = {"CT/a b.dcm": "F1", "a b.dcm": "F2", "art": "F3"}


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Jane DOE was seen", "P P was seen"),
        ("DOE^JANE", "P^P"),
        ("he does", "he does"),
        ("the id PAT-4711-7 in xPAT-4711-7y", "the id I in xIy"),
        ("born 1970-01-01.", "born B."),
        ("the same bytes as CT/a b.dcm.", "the same bytes as F1."),
        ("see a b.dcm", "see F2"),
        ("no start, but art: ART", "no start, but F3: F3"),
        ("İstanbul DOE", "İstanbul P"),
        ("", ""),
    ],
)
def test_known_texts_are_replaced_where_words_allow(text, cleaned):
    assert Scrubber.of(KNOWN, FILES).clean(text) == cleaned


@pytest.mark.parametrize(
    "written",
    ["JaneDoe", "DOEJANE", "doe_jane", "Doe2026", "7DOE", "DoeScan7", "scanOfDoe",
     "Jane, Doe", "DOE=JANE"],
)  # fmt: skip
def test_short_name_is_found_run_together_and_beside_digits(written):
    known = dict.fromkeys(forms_of_name("Doe^Jane"), "P")
    cleaned = Scrubber.of(known, {}).clean(f"case {written}, closed").lower()
    assert "doe" not in cleaned
    assert "jane" not in cleaned


def test_short_name_inside_a_word_is_left_alone():
    scrubber = Scrubber.of(dict.fromkeys(forms_of_name("Doe^Al"), "P"), {})
    sentence = "he does it also, the undoer"
    assert scrubber.clean(sentence) == sentence


def test_date_of_a_header_is_found_without_century_and_separators():
    known = dict.fromkeys(forms_of_date("19310203"), "D")
    for written in ("310203", "030231", "02-03-31", "03 02 31", "02031931"):
        assert Scrubber.of(known, {}).clean(f"case {written}.") == "case D."


def test_blind_scrubber_withholds_every_sentence():
    scrubber = Scrubber.of({}, {}, is_blind=True)
    assert scrubber.clean("As a matter of fact.") == "withheld"
    assert scrubber.with_names({"a.dcm": "F"}).clean("of a.dcm") == "withheld"
    assert scrubber.clean("") == ""


def test_longest_of_several_known_texts_wins():
    scrubber = Scrubber.of({"ANNA": "A", "ANNABEL LEE": "B"}, {"a/b.dcm": "1",
                           "x/a/b.dcm": "2"})  # fmt: skip
    assert scrubber.clean("Annabel Lee, Anna: x/a/b.dcm, a/b.dcm") == "B, A: 2, 1"


@pytest.mark.parametrize(
    ("known", "written"),
    [
        ("MÜLLER", "Mueller"),
        ("MUELLER", "müller"),
        ("Müller", "MULLER"),
        ("Müller", unicodedata.normalize("NFD", "Müller")),
        (unicodedata.normalize("NFD", "GÖTZE"), "götze"),
        ("Weiß", "WEISS"),
        ("WEISS", "weiß"),
        ("Åberg", "Aaberg"),
        ("Sørensen", "Soerensen"),
        ("Ægidius", "Aegidius"),
        ("Łukasz", "lukasz"),
        ("Иванов", "Ivanov"),
        ("IVANOV", "иванов"),
        ("Παπας", "PAPAS"),
        ("Nuñez", "NUNEZ"),
        ("ANNA-LENA", "Anna Lena"),
        ("ANNALENA", "Anna\u00adLena"),
        ("O'NEILL", "ONeill"),
        ("O'NEILL", "O’Neill"),
        ("DOERING", "D\u200bOERING"),
        ("PAT-4711-7", "PAT 4711 7"),
        ("PAT-4711-7", "pat47117"),
        ("12345678", "1234 5678"),
        ("12345678", "12.34.56.78"),
        ("ﬁscher", "Fischer"),
        ("ＹＡＭＡＤＡ", "Yamada"),
        ("山田", "山田"),
        ("LI", "Li"),
        ("NG", "NG"),
    ],
)
def test_a_name_is_found_in_any_spelling(known, written):
    cleaned = Scrubber.of({known: "P"}, {}).clean(f"seen by {written}, today")
    assert cleaned == "seen by P, today"


@pytest.mark.parametrize("known", ["of", "is", "no", "12", "7", ""])
def test_what_stands_in_every_sentence_is_not_replaced(known):
    sentence = "slice 12 is one of no kind, 7 of 12"
    assert Scrubber.of({known: "P"}, {}).clean(sentence) == sentence


@pytest.mark.parametrize(
    "written",
    [
        "1931-02-03", "19310203", "03021931", "03.02.1931", "3.2.1931", "3.2.31",
        "03/02/1931", "2/3/31", "1931/02/03", "1931.02.03", "3. 2. 1931", "3-2-1931",
        "3 February 1931", "3rd of February 1931", "February 3rd, 1931", "Feb 3, 1931",
        "3. Februar 1931", "3 février 1931", "3 de febrero de 1931", "3. März 1931",
        "3-Feb-1931", "03FEB1931", "Februar 1931", "1931 Feb 3", "19310203104500",
        "3 marzo 1931", "3 maart 1931", "3 mei 1931", "3 February", "3. Nov.",
        "1931:02:03", "1931_02_03", "1931-034", "1931年2月3日", "3.XI.1931",
        "03–02–1931", "１９３１-０２-０３",
    ],
)  # fmt: skip
def test_a_date_in_any_spelling_is_withheld(written):
    cleaned = Scrubber.of({}, {}).clean(f"born {written}: see there.")
    assert cleaned == "born withheld: see there."


@pytest.mark.parametrize(
    "sentence",
    [
        "pixel data end after 9,812 of 524,288 bytes",
        "torch 2.13.0, 0.7031 × 0.7031 mm, 5 of 23 slices",
        "Series 1: 7 of 23 slices are flagged; at the rate of 5.0% 1.1 are expected.",
        "the marks of may be seen in market 7",
        "12 / 24 slices, 1.5 to 2.5 mm",
        "the standard class 1.2.840.10008.5.1.4.1.1.2",
        "31 of 31 files are unchanged",
        "3 may be, 2 out of 7 set in 4 mar",
        "at 12:30:15, ratio 1:20, slices 6, 10, 25",
        "section 3.v and 12 i of 4",
    ],
)
def test_numbers_and_words_that_are_no_dates_stay(sentence):
    assert Scrubber.of({}, {}).clean(sentence) == sentence


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ('names: "A", "B" and 3 more.', 'names: "withheld" and 3 more.'),
        ('a value "A" B" C" that holds marks', 'a value "withheld" that holds marks'),
        ('a value "A" B" C cut off', 'a value "withheld'),
        ('cut off "Anna', 'cut off "withheld'),
        ("„Anna“ and «Berta»", "„withheld»"),
        ("none", "none"),
    ],
)
def test_quotations_are_withheld_as_a_whole(text, cleaned):
    assert Scrubber.of({}, {}).clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("see folder/Zweig_1.dcm there", "see file withheld there"),
        ("at /home/zweig/scan there", "at file withheld there"),
        ("at C:\\Zweig\\scan there", "at file withheld there"),
        ("uid 1.2.826.0.1.3680043 here", "uid withheld here"),
        ("and/or, n/a, 1/2", "and/or, n/a, 1/2"),
    ],
)
def test_files_and_uids_that_nobody_listed_are_withheld(text, cleaned):
    assert Scrubber.of({}, {}).clean(text) == cleaned


def test_file_names_are_found_decomposed_too():
    listed = "CT/Müller 1.dcm"
    scrubber = Scrubber.of({}, {listed: "F"})
    for written in (listed, unicodedata.normalize("NFD", listed), listed.upper()):
        assert scrubber.clean(f"same bytes as {written}.") == "same bytes as F."


def test_pseudonyms_that_were_put_in_are_left_alone():
    scrubber = Scrubber.of({"doe": "patient-doe-19310203"}, {"doe.dcm": "file-doe"})
    assert scrubber.clean("doe: doe.dcm") == "patient-doe-19310203: file-doe"


def test_many_file_names_are_looked_up_in_time():
    names = {f"study/series {i % 90}/IM{i:06d}.dcm": f"f{i}" for i in range(100_000)}
    scrubber = Scrubber.of({"DOE": "P"}, names)
    started = time.monotonic()
    for i in range(0, 100_000, 50):
        text = f"The same bytes as study/series {i % 90}/IM{i:06d}.dcm."
        assert scrubber.clean(text) == f"The same bytes as f{i}."
    assert time.monotonic() - started < 60.0


def test_skeleton_points_back_to_where_each_letter_came_from():
    text = "a" + unicodedata.normalize("NFD", "ü") + "ßz"
    shape, origin = skeleton(text)
    assert shape == "ausz"
    assert [text[i] for i in origin] == ["a", "u", "ß", "z"]
