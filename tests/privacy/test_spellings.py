"""A redacted report names nobody, however a name or a date is spelled.

Two patients stand in one series. Their names stand in file names, in descriptions and
in what the examiner wrote, composed and decomposed, transliterated, in other letters;
the birth date stands there in many notations.
"""

from __future__ import annotations

import io
import json
import unicodedata
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pypdf import PdfReader

from btd_desktop.report.scrubbing import skeleton
from tests.factories import make_series_folder
from tests.privacy.marked import btd

FIRST = "MÜLLER-WEISZ^JÖRG"
SECOND = "SØNDERGÅRD^ÅSE"
INSTITUTION = "KLINIKUM GÖTTERDÄMMERUNG"
PARTS = (
    "müller", "weisz", "jörg", "søndergård", "götterdämmerung", "4711007", "0815007",
)  # fmt: skip
BIRTH = (
    "19310203", "1931-02-03", "03.02.1931", "3.2.1931", "2/3/31", "3. Februar 1931",
    "Feb 3, 1931", "03FEB1931", "3 février 1931",
)  # fmt: skip
WRITTEN = (
    "Mueller", "MULLER", unicodedata.normalize("NFD", "Müller"), "Мюллер", "Joerg",
    unicodedata.normalize("NFD", "Jörg"), "Soendergaard", "Sondergard", "Aase",
    "M\u00adüller", "Müller\u200b-Weisz", "Goetterdaemmerung", "4711 007", "471-1007",
    "0815-007",
    *BIRTH,
)  # fmt: skip


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Report and redacted variant of such a case."""
    root = tmp_path_factory.mktemp("spelled")
    folder = make_series_folder(root / "evidence" / "Mueller 1931-02-03", 1)
    for number, path in enumerate(sorted(folder.iterdir())):
        dataset = pydicom.dcmread(path)
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.PatientName = SECOND if number == 1 else FIRST
        dataset.PatientID = "0815007" if number == 1 else "4711007"
        dataset.PatientBirthDate = "19310203"
        dataset.InstitutionName = INSTITUTION
        dataset.SeriesDescription = f"Thorax Joerg {number % 2}"
        dataset.StudyDescription = "Herr Mueller"
        name = ("Soendergaard", unicodedata.normalize("NFD", "Jörg"))[number % 2]
        dataset.save_as(folder / f"{name}_3.2.1931_{number}.dcm")
        path.unlink()
    copy = sorted(folder.iterdir())[0]
    (folder / "copy of Jörg Müller.dcm").write_bytes(copy.read_bytes())
    words = ", ".join(WRITTEN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(root / "home"))
        patch.setenv("BTD_MODELS_DIR", str(root / "models"))
        status, _ = btd(
            "import", root / "evidence", "--out", root / "case",
            "--question", f"Is it {words}?", "--client", f"Family {words}",
            "--case-number", "Müller 7 of 3.2.1931", "--examiner", "Dr. Soendergaard",
        )  # fmt: skip
        assert status == 0
        status, told = btd(
            "report", root / "case", "--redacted", "--remarks", f"It is {words}."
        )
    assert status == 0
    report = told["report"]
    return Path(report["path"]), Path(report["redacted"]["path"])


def told_in(pdf: Path) -> tuple[str, dict[str, Any]]:
    """Text of the pages and of the properties, and the twin."""
    reader = PdfReader(io.BytesIO(pdf.read_bytes()))
    (twin,) = reader.attachments["report.json"]
    parts = [page.extract_text() for page in reader.pages]
    parts += [str(value) for value in (reader.metadata or {}).values()]
    return "".join("\n".join(parts).split()), json.loads(twin)


def strings_in(value: object) -> list[str]:
    if isinstance(value, dict):
        return [s for item in value.items() for part in item for s in strings_in(part)]
    if isinstance(value, list):
        return [s for part in value for s in strings_in(part)]
    return [value] if isinstance(value, str) else []


def shape(text: str) -> str:
    return "".join(c for c in skeleton(text)[0] if c.isalnum())


def leaks_of(pdf: Path) -> set[str]:
    """What of the two patients can be read in print or twin, names in any spelling."""
    printed, twin = told_in(pdf)
    shown = [printed, *strings_in(twin)]
    shapes = [shape(text) for text in shown]
    squeezed = ["".join(text.split()) for text in shown]
    names = {part for part in PARTS if any(shape(part) in text for text in shapes)}
    dates = {d for d in BIRTH if any("".join(d.split()) in text for text in squeezed)}
    return names | dates


def test_full_report_says_all_of_it(reported):
    full, _ = reported
    assert leaks_of(full) == {*PARTS, *BIRTH}


def test_redacted_report_says_none_of_it(reported):
    _, variant = reported
    assert leaks_of(variant) == set()


def test_redacted_report_still_says_what_the_checks_noticed(reported):
    _, variant = reported
    printed, twin = told_in(variant)
    findings = [f["sentence"] for s in twin["series"] for f in s["findings"]]
    assert any("different patient names" in sentence for sentence in findings)
    assert any("different series descriptions" in sentence for sentence in findings)
    assert "withheld" in printed
    status, verdict = btd("verify", variant)
    assert (status, verdict["ok"]) == (0, True), verdict["problems"]
