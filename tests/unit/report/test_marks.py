"""No text from a file, a case or a person is marked as the program's own.

A cell is plain only when its text is made, in the source, of literals, numbers and
words of the program. So a new section cannot let a name through by a careless f-string.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from btd_desktop.report import sections

_FOLDERS = (Path(sections.__file__).parent, Path(sections.__file__).parents[1])
# They take numbers and times, or choose among words of the program.
_FORMATTERS = frozenset(
    ("counted", "established_text", "flagged_text", "interval_text", "mm_text",
     "marks_text", "number_text",
     "modality_text", "p_value_text", "percent_text", "rate_text", "regions_text",
     "plain_words", "size_text", "slices_text", "time_text",
     "json_time", "min", "max", "len")
)  # fmt: skip
# Looked at one by one: words of the program, or numbers, where they are made.
_OWN = frozenset(
    ("result.coverage", "result.method", "opinion.conclusion", "method_id", "label",
     "otherwise", "__version__", "sections/validation.py f[0]",
     "sections/opinion.py item[0]", "sections/opinion.py item[1]",
     "sections/method.py item[0]", "sections/checks.py item[0]",
     "sections/checks.py str(value)", "sections/terms.py meaning",
     "sections/cover.py local.isoformat(' ', 'seconds')", "sections/cover.py missing",
     "sections/cover.py standing", "sections/mandate.py text",
     "sections/validation.py reason",
     "report/exhibits.py copied",
     "report/document.py text",
     "report/exhibits.py text", "sections/opinion.py opinion.headline",
     "sections/summary.py opinion.headline",
     "sections/cover.py opinion_for(case).headline",
     "report/exhibits.py s[1].ranked_at", "sections/calibration.py _units(row[1])",
     "sections/completeness.py _MEANING.get(item[0], '')")
)  # fmt: skip


def doubts(source: str, place: str = "") -> Iterator[str]:
    """Arguments of `plain` that may come from elsewhere."""
    tree = ast.parse(source)
    own = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) != "plain":
            continue
        found = ast.unparse(node.args[0])
        if not _is_own(node.args[0], own, 0) and f"{place} {found}" not in _OWN:
            yield f"line {node.lineno}: {found}"


def _is_own(node: ast.expr, own: dict[str, ast.expr], depth: int) -> bool:
    if depth > 6:
        return False
    parts: list[ast.expr] = []
    match node:
        case ast.Constant():
            return True
        case ast.FormattedValue(format_spec=ast.JoinedStr(values=[spec])):
            # These formats refuse a text when the program runs.
            return isinstance(spec, ast.Constant) and str(spec.value)[-1] in "dfgeE,%"
        case ast.JoinedStr():
            parts = node.values
        case ast.FormattedValue():
            parts = [node.value]
        case ast.BinOp(op=ast.Add()):
            parts = [node.left, node.right]
        case ast.IfExp():
            parts = [node.body, node.orelse]
        case ast.Call():
            return _is_formatter(node)
        case _:
            return _is_own_name(node, own, depth)
    return all(_is_own(part, own, depth + 1) for part in parts)


def _is_formatter(node: ast.Call) -> bool:
    if isinstance(node.func, ast.Name):
        return node.func.id in _FORMATTERS
    text = ast.unparse(node)
    return text.startswith("', '.join(") and ("map(mm_text" in text or ":g}" in text)


def _is_own_name(node: ast.expr, own: dict[str, ast.expr], depth: int) -> bool:
    text = ast.unparse(node)
    name = text.partition("[")[0].removesuffix(".get").lstrip("_")
    if (name.isupper() and name.isidentifier()) or text in _OWN:
        return True
    made = own.get(text)
    return made is not None and _is_own(made, own, depth + 1)


@pytest.mark.parametrize(
    "path",
    sorted(path for folder in _FOLDERS for path in folder.glob("*.py")),
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_plain_text_is_made_of_literals_numbers_and_own_words(path):
    place = f"{path.parent.name}/{path.name}"
    assert list(doubts(path.read_text("utf-8"), place)) == []


@pytest.mark.parametrize(
    "planted",
    [
        "plain(record.description)",
        "plain(f'Series of {record.description}')",
        "plain('Patient ' + patient_text(record))",
        "plain(str(meta.get('model')))",
        "name = finding.note\nplain(f'note: {name}')",
        "plain('a' if x else finding.note)",
        "plain(', '.join(names))",
    ],
)
def test_planted_text_from_elsewhere_is_found(planted):
    assert list(doubts(planted))
