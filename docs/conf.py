"""How Sphinx reads these documents; `docs/build_handbook.py` calls it.

Nothing is written twice: the keys come from the window's own table, the terms from
GLOSSARY.md, the library's reference from its docstrings. Links that leave the handbook
(decisions, architecture) become plain words, so that nothing in it leads nowhere.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from btd_desktop import __version__  # noqa: E402 - found once the line above has run
from btd_desktop.gui.presenters.wording import HELP  # noqa: E402
from btd_desktop.gui.shortcuts_table import load_shortcuts  # noqa: E402

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def key_tables() -> str:
    """Every key and gesture of the window as Markdown tables, a group each."""
    table = load_shortcuts()
    lines = []
    for group in table.groups:
        lines += [f"## {group}", "", "| Keys | Does |", "|---|---|"]
        for shortcut in table.shortcuts:
            if shortcut.group == group:
                keys = " or ".join(f"`{key}`" for key in shortcut.keys)
                held = " (held down)" if shortcut.hold else ""
                lines.append(f"| {keys}{held} | {shortcut.text} |")
        lines.append("")
    lines += ["## Mouse", "", "| Movement | Means |", "|---|---|"]
    lines += [f"| {gesture.does} | {gesture.text} |" for gesture in table.gestures]
    return "\n".join(lines) + "\n"


def number_texts() -> str:
    """What each number of the window means, as its "?" says it, a heading each."""
    texts = sorted(HELP.values(), key=lambda entry: entry[0].casefold())
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in texts) + "\n"


project = "BTD Desktop"
author = "BTD Desktop"
version = release = __version__
project_copyright = ""

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["decisions", "screenshots", "templates"]
templates_path = ["templates"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# The tables of commands quote tags and JSON, which no lexer of Pygments is meant for.
highlight_language = "none"
pygments_style = "friendly"
pygments_dark_style = "monokai"

# Attributes of one name in two classes; the docstrings name their types in full.
suppress_warnings = ["ref.python"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
napoleon_use_ivar = True
add_module_names = False

html_theme = "furo"
html_title = f"BTD Desktop {version}"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_domain_indices = False

_KEYS = "<!-- keys -->"
_NUMBERS = "<!-- numbers -->"
_AWAY = re.compile(
    r"(?<!!)\[([^\]]+)\]"
    r"\((?:\.\./)*(?:(?:\.\./)+[A-Z]+\.md|decisions/[^)]*|\.\./(?:models|installer)/[^)]*)\)"
)


def rewritten(text: str, docname: str) -> str:
    """A document as the handbook shows it.

    Args:
        text: The document as it stands in the repository.
        docname: Its name in the handbook, such as "handbook/keys".
    """
    up = "../" * docname.count("/")
    text = re.sub(r"\((?:\.\./)+GLOSSARY\.md", f"({up}handbook/glossary.md", text)
    text = _AWAY.sub(r"\1", text)
    for mark, made in ((_KEYS, key_tables), (_NUMBERS, number_texts)):
        text = text.replace(mark, made()) if mark in text else text
    return text


def setup(app: Sphinx) -> None:
    """Let Sphinx call what stands here."""
    app.connect("source-read", _on_source_read)
    app.connect("build-finished", _on_finished)


def _on_source_read(_app: Sphinx, docname: str, source: list[str]) -> None:
    source[0] = rewritten(source[0], docname)


def _on_finished(_app: Sphinx, _error: Exception | None) -> None:
    if "torch" in sys.modules:
        raise RuntimeError("building the handbook loaded torch, which it must not need")
