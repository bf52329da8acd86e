"""The table of checks names every code that the source can give, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
FOLDER = ROOT / "btd_desktop" / "dicom"
MODULES = [*sorted((FOLDER / "checks").glob("*.py")), FOLDER / "single_slices.py"]
CODE = re.compile(r"[a-z]+(_[a-z]+)*")
# Where a call or a table row holds the code: name of the callee, place.
_CALLS = {"warning": 0, "note": 0, "say": 0, "about": 1}
_SEVERITIES = ("note", "warning")


def _constant(node: ast.expr) -> str:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    value = node.value if is_text else ""  # type: ignore[attr-defined]
    return value if CODE.fullmatch(value) else ""


def _codes_of_call(node: ast.Call) -> Iterator[str]:
    callee = node.func
    name = callee.id if isinstance(callee, ast.Name) else ""
    place = _CALLS.get(name, 0 if isinstance(callee, ast.IfExp) else -1)
    if 0 <= place < len(node.args):
        yield _constant(node.args[place])


def _codes_of_table(node: ast.Dict) -> Iterator[str]:
    """Keys of a table of traces."""
    for key, value in zip(node.keys, node.values, strict=True):
        callee = value.func if isinstance(value, ast.Call) else None
        if key is not None and isinstance(callee, ast.Name) and callee.id == "Trace":
            yield _constant(key)


def _codes(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            found.update(_codes_of_call(node))
        if isinstance(node, ast.Dict):
            found.update(_codes_of_table(node))
        if isinstance(node, ast.Tuple) and len(node.elts) > 2:
            texts = [_constant(element) for element in node.elts]
            if texts[1] in _SEVERITIES or texts[2] in _SEVERITIES:
                found.add(texts[0])
    return found - {""}


def _documented() -> set[str]:
    text = (ROOT / "docs" / "forensic-checks.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {code for row in rows for code in re.findall(r"`([^`]+)`", row)}


BUILT = {
    "maker_and_model",
    "maker_and_software",
    "maker_and_kernel",
    "acquisition_apart",
    "creation_apart",
    "meta_uid",
    "meta_class",
    "study_of_several_patients",
    "frame_of_several_patients",
}


def test_every_code_has_its_row() -> None:
    given = set().union(*(_codes(path) for path in MODULES))
    assert len(given) > 70
    assert given - _documented() == set()


def test_every_row_is_a_code_of_the_source() -> None:
    given = BUILT.union(*(_codes(path) for path in MODULES))
    rest = {code for code in _documented() - given if not code.startswith("element:")}
    assert rest == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_sentence_says_tampered(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    allowed = ('none says "tampered"', "simulated or tampered copies")
    for words in allowed:
        text = text.replace(words, "")
    assert "tampered" not in text
