"""Whoever is named, however it is spelled and wherever it stands: nothing gets out."""

from __future__ import annotations

import io
import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from btd_desktop.calibration.scope import Coverage
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.examination.statement import (
    Asked,
    Examiner,
    Received,
    Weighed,
    details_of,
)
from btd_desktop.report.csv_tables import csv_files
from btd_desktop.report.document import Document, RedactionNote, cells_of, text_of
from btd_desktop.report.pdf import render_pdf
from btd_desktop.report.redaction import redacted_document
from btd_desktop.report.scrubbing import Scrubber, forms_of_date, forms_of_name
from btd_desktop.report.twin import twin_value
from btd_desktop.volume import SeriesFacts
from tests.unit.report.case_sample import (
    make_document,
    make_evidence,
    make_finding,
    make_outcome,
    make_record,
    make_statement,
    make_store,
)

Spelling = Callable[[str], str]

PEOPLE = (
    ("Müller", "Jürgen"),
    ("Weißenböck", "Anneliese"),
    ("Ångström", "Sören"),
    ("Łukaszewicz", "Żaneta"),
    ("O'Brannigan", "Siobhán"),
    ("Castañeda", "Begoña"),
    ("Sørensen", "Bjørn"),
)
_GERMAN = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "å": "aa", "ø": "oe",
     "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "Å": "Aa", "Ø": "Oe"}
)  # fmt: skip
_BARE = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "Ł": "L", "Ø": "O", "'": ""})
_SPELLINGS: dict[str, Spelling] = {
    "as it is": lambda text: text,
    "composed": lambda text: unicodedata.normalize("NFC", text),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "German": lambda text: text.translate(_GERMAN),
    "bare": lambda text: "".join(
        c for c in unicodedata.normalize("NFD", text.translate(_BARE))
        if unicodedata.category(c) != "Mn"
    ),
    "wide": lambda text: "".join(
        chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text
    ),
    "with an invisible letter": lambda text: text[:3] + "\u200b" + text[3:],
    "with a soft hyphen": lambda text: text[:4] + "\u00ad" + text[4:],
}  # fmt: skip
_CASES: tuple[Spelling, ...] = (str, str.upper, str.lower, str.title, str.swapcase)
_SEPARATORS = ("^", " ", ", ", "_", "-", ".", "", "=", "\\", "  ", " ^ ", "/")
_FORMS = (
    "{d:%Y%m%d}", "{d:%Y-%m-%d}", "{d:%d.%m.%Y}", "{d.day}.{d.month}.{d.year}",
    "{d:%d %b %Y}", "{d:%b %d, %Y}", "{d:%m/%d/%Y}", "{d:%d/%m/%y}", "{d:%B} {d.day}",
    "{d.day} {d:%B}", "{d:%d%m%Y}", "{d:%y%m%d}", "{d:%d%m%y}", "{d:%Y:%m:%d}",
    "{d:%Y_%m_%d}", "{d.year}年{d.month}月{d.day}日", "{d:%Y-%j}", "{d:%d%b%Y}",
    "{d:%Y%m%dT%H%M%S}", "{d:%d–%m–%Y}", "{d:%A, %d %B %Y}", "{d:%d|%m|%Y}",
)  # fmt: skip
STUDY = date(2025, 11, 23)
NOTE = RedactionNote("R-1", "ab" * 32, ("Names are replaced.",))


@st.composite
def named(draw: st.DrawFn) -> tuple[str, tuple[str, ...], str]:
    """A name as a header has it, its parts as somebody spells them, and the whole."""
    family, given_name = draw(st.sampled_from(PEOPLE))
    spell = _SPELLINGS[draw(st.sampled_from(sorted(_SPELLINGS)))]
    case = draw(st.sampled_from(_CASES))
    parts = [case(spell(part)) for part in (family, given_name)]
    if draw(st.booleans()):
        parts.reverse()
    around = draw(st.sampled_from(("{}", "{}7", "7{}", "x {} y", "({})", "{}_CT")))
    whole = around.format(draw(st.sampled_from(_SEPARATORS)).join(parts))
    return f"{family}^{given_name}", tuple(parts), whole


def _pseudonym(kind: str, text: str) -> str:
    del text
    return f"{kind}-0000"


def _redacted(document: Document, header: str) -> Document:
    known = dict.fromkeys(forms_of_name(header), "patient-0000")
    known |= dict.fromkeys(forms_of_date(f"{STUDY:%Y%m%d}"), "withheld")
    scrubber = Scrubber.of(known, {})
    return redacted_document(document, _pseudonym, scrubber, NOTE, report_id="R-1-r")


def _planted(whole: str) -> Document:
    """A report with a text in every place that people and files can write to."""
    store = make_store(
        evidence=[
            replace(item, name=f"{whole}/{item.name}", reason=f"same bytes as {whole}")
            for item in make_evidence()
        ]
    )
    store.info = replace(
        store.info, title=whole, case_number=whole, client=whole, examiner=whole,
        question=whole,
    )  # fmt: skip
    log = store.audit_log()
    stated = make_statement(
        examiner=Examiner(whole, whole, whole, whole, whole),
        mandate=Asked(not_asked=whole),
        received=Received(whole, whole, whole, ()),
        alternatives={"metal": Weighed("excluded", whole)},
    )
    store._parts["audit"] = [
        *(replace(e, actor=whole, details={"summary": whole}) for e in log[:-1]),
        replace(log[-1], details=details_of(stated)),
    ]
    record = make_record(
        description=whole,
        meta=SeriesFacts(patient_name=whole, patient_id=whole, manufacturer=whole,
                         model=whole, kernel=whole, study_date=whole, body_part=whole),
        findings=(SeriesFinding("x", "note", f"It reads {whole} here."),
                  SeriesFinding("x", whole, f'It reads "{whole}" here.')),
    )  # fmt: skip
    findings = (
        make_finding(1, note=whole, mode=whole, status=whole),
        make_finding(2, note=whole, status="dismissed", origin="examiner"),
    )
    outcome = make_outcome(
        1, Coverage.COVERED, record=record, findings=findings, problem=whole
    )
    return make_document(
        store=store, outcomes=[outcome], remarks=whole, command=f"btd {whole}",
        custody_notes=(f"Adopted since {whole} said so.",),
    )  # fmt: skip


def _everything(document: Document) -> str:
    blocks = [*document.cover, *(b for s in document.sections for b in s.blocks)]
    parts = [text_of(cell) for cell in cells_of(blocks)]
    parts += [text_of(document.case_number), text_of(document.examiner)]
    parts.append(json.dumps(twin_value(document), ensure_ascii=False))
    parts += [data.decode() for data in csv_files(document).values()]
    return "".join("\n".join(parts).split())


@given(named())
@settings(max_examples=40, deadline=None)
def test_no_spelling_of_a_name_gets_into_a_redacted_report(person):
    header, parts, whole = person
    document = _planted(whole)
    assert _everything(document).count("".join(whole.split())) > 20
    shown = _everything(_redacted(document, header))
    for part in parts:
        at = shown.find(part)
        assert at < 0, shown[max(at - 60, 0) : at + 60]


@pytest.mark.parametrize("form", _FORMS)
def test_no_spelling_of_a_date_gets_into_a_redacted_report(form):
    written = form.format(d=STUDY)
    shown = _everything(_redacted(_planted(written), "Nobody^At All"))
    at = shown.find("".join(written.split()))
    assert at < 0, shown[max(at - 60, 0) : at + 60]


def test_what_is_signed_holds_no_name_in_any_stream():
    (family, given_name), *_ = PEOPLE
    cases: tuple[Spelling, ...] = (str, str.upper)
    ways = [
        f"{case(spell(family))} {case(spell(given_name))}"
        for spell in _SPELLINGS.values()
        for case in cases
    ]
    dates = [form.format(d=STUDY) for form in _FORMS[:8]]
    whole = f"{' and '.join(ways)} on {', on '.join(dates)}"
    pdf = render_pdf(_redacted(_planted(whole), f"{family}^{given_name}"))
    shown = _streams(pdf)
    forbidden = [part for way in ways for part in way.split()]
    forbidden += dates
    assert not [text for text in forbidden if "".join(text.split()) in shown]


def _streams(pdf: bytes) -> str:
    """Text of the pages, properties, outline and attached files of a PDF."""
    reader = PdfReader(io.BytesIO(pdf))
    parts = [page.extract_text() for page in reader.pages]
    parts += [str(value) for value in (reader.metadata or {}).values()]
    parts += [_title(entry) for entry in reader.outline]
    parts += [d.decode() for held in reader.attachments.values() for d in held]
    return "".join("\n".join(parts).split())


def _title(entry: Any) -> str:
    if isinstance(entry, list):
        return "\n".join(map(_title, entry))
    return str(entry["/Title"])
