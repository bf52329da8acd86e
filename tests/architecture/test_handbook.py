"""The handbook says what the program has: keys, menus, terms, numbers, links."""

from __future__ import annotations

import html
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from btd_desktop.cli.commands import COMMANDS, GROUPS
from btd_desktop.gui.shell.actions import MENUS
from btd_desktop.gui.shortcuts_table import load_shortcuts

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
CHAPTERS = sorted((DOCS / "handbook").glob("*.md"))
PAGES = [p for p in sorted(DOCS.rglob("*.md")) if p.parent.name != "decisions"]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def conf() -> ModuleType:
    return _module("conf")


def _shown(path: Path, conf: ModuleType) -> str:
    """A page as the handbook shows it."""
    name = path.relative_to(DOCS).with_suffix("").as_posix()
    return str(conf.rewritten(_text(path), name))


def test_every_page_stands_in_a_table_of_contents():
    listed = set()
    for path in PAGES:
        for block in re.findall(
            r"^```\{toctree\}\n(.*?)^```", _text(path), re.M | re.S
        ):
            names = [line for line in block.splitlines() if line and line[0] != ":"]
            listed |= {path.parent / f"{name}.md" for name in names}
    assert listed == set(PAGES) - {DOCS / "index.md"}


def test_no_link_of_the_handbook_leaves_it(conf):
    out = {}
    for path in PAGES:
        text = re.sub(r"`[^`\n]*`", "", _shown(path, conf))
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            there = (path.parent / target).resolve()
            inside = there in PAGES or there.parent in (
                DOCS / "screenshots",
                DOCS / "examples",
            )
            if not (inside and there.is_file()):
                out[f"{path.name}: {target}"] = there
    assert out == {}


def test_link_that_leaves_the_handbook_becomes_plain_words(conf):
    text = "[why](decisions/0001-x.md), [how](../ARCHITECTURE.md), [x](../GLOSSARY.md)"
    assert conf.rewritten(text, "method") == "why, how, [x](handbook/glossary.md)"


def test_headings_that_are_linked_to_exist():
    def anchors(path: Path) -> set[str]:
        heads = re.findall(r"^#+ (.+)$", _text(path), re.MULTILINE)
        plain = (re.sub(r"[^\w\- ]", "", head.lower()) for head in heads)
        return {words.strip().replace(" ", "-") for words in plain}

    missing = []
    for path in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", _text(path)):
            there = (path.parent / target).resolve() if target else path
            if there in PAGES and anchor not in anchors(there):
                missing.append(f"{path.name}: {target}#{anchor}")
    assert missing == []


def test_key_page_is_the_window_s_own_table(conf):
    page = DOCS / "handbook" / "keys.md"
    assert "|" not in _text(page)
    rows = re.findall(r"^\| (.+) \| (.+) \|$", _shown(page, conf), re.MULTILINE)
    rows = [row for row in rows if row[0] not in ("Keys", "Movement")]
    table = load_shortcuts()
    shortcuts = {
        (re.sub(r" \(held down\)$", "", keys), text)
        for keys, text in rows
        if "`" in keys
    }
    assert shortcuts == {
        (" or ".join(f"`{key}`" for key in s.keys), s.text) for s in table.shortcuts
    }
    assert [row for row in rows if "`" not in row[0]] == [
        (g.does, g.text) for g in table.gestures
    ]


def test_glossary_stands_in_one_file_only():
    page = _text(DOCS / "handbook" / "glossary.md")
    assert page == "```{include} ../../GLOSSARY.md\n```\n"


def test_menus_named_in_the_handbook_exist():
    keys = {s.id: s.text for s in load_shortcuts().shortcuts}
    menus = {
        f"{menu.replace('&', '')} › {(spec.text or keys[spec.id]).rstrip(' …')}"
        for menu, specs in MENUS.items()
        for spec in specs
    }
    named = {
        name
        for path in CHAPTERS
        for name in re.findall(r"\*\*(\w+ › [^*]+)\*\*", _text(path))
    }
    assert named
    assert named <= menus


def test_every_command_stands_in_the_document_of_the_command_line():
    rows = "\n".join(re.findall(r"^\| (`btd .+?) \|", _text(DOCS / "cli.md"), re.M))
    named = set(re.findall(r"`btd ([a-z-]+)", rows))
    assert named == {*COMMANDS, *GROUPS}


def _figures(text: str) -> set[str]:
    """Percentages and decimals of a text; code and links count for nothing."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`|\]\([^)]*\)", "", text)
    percent = re.findall(r"\d[\d.,]*(?= ?%)", text)
    return {*percent, *re.findall(r"(?<![\w.])\d+\.\d+", text)}


def test_every_figure_of_a_chapter_stands_in_a_document_that_has_its_source():
    sources = [p for p in PAGES if p not in CHAPTERS] + [ROOT / "README.md"]
    known = set().union(*(_figures(_text(p)) for p in sources))
    ranges = {n for f in known for n in re.split(r"[–-]", f)}
    text = " ".join(map(_text, sources))
    for path in CHAPTERS:
        unknown = {
            f
            for f in _figures(_text(path)) - known - ranges
            if not re.search(rf"(?<![\d.]){re.escape(f)}(?![\d.]*\d)", text)
        }
        assert unknown == set(), path.name


def test_invented_figure_would_be_seen():
    assert _figures("so 12.5 % of `0.3` and 0.77 [x](0.4)") == {"12.5", "0.77"}


def test_pictures_are_all_used_and_small():
    used = set()
    for path in [*PAGES, ROOT / "README.md"]:
        used |= set(re.findall(r"!\[[^]]+\]\([^)]*screenshots/([^)]+)\)", _text(path)))
    pictures = {p.name: p.stat().st_size for p in (DOCS / "screenshots").iterdir()}
    assert used == set(pictures)
    assert max(pictures.values()) < 250_000


def test_first_hour_is_made_of_commands_with_what_they_print():
    follow = _module("follow_first_hour")
    steps = list(follow.steps_in(_text(follow.TEXT)))
    commands = [step.command.split()[1] for step in steps]
    assert {"doctor", "demo", "gui", "verify", "verify-case", "report"} <= set(commands)
    assert sum(bool(step.printed) for step in steps) >= 5
    assert any(step.status for step in steps)


def test_follower_sees_another_order_another_word_and_another_status(tmp_path):
    follow = _module("follow_first_hour")
    assert follow.missing_lines(("a … c", "d"), "a  b c\nx\n d\n") == []
    assert follow.missing_lines(("d", "a"), "a\nd\n") == ["a"]
    assert follow.missing_lines(("a b",), "a bc\n") == ["a b"]
    (step,) = follow.steps_in("```sh\nbtd -c x  # exit status 3\n```\n")
    assert (step.command, step.status) == ("btd -c x", 3)
    for code, n_wrong in (("import sys; sys.exit(3)", 0), ("print()", 3)):
        asked = follow.Step(f'btd -c "{code}"', 3)
        assert len(follow.follow(asked, tmp_path, [sys.executable])) == n_wrong


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_handbook_builds_whole_offline_and_searchable(tmp_path):
    code = (
        "import sys; sys.path.insert(0, 'docs')\n"
        "from pathlib import Path\n"
        "import build_handbook\n"
        "build_handbook.build_html(Path(sys.argv[1]))"
    )
    out = tmp_path / "handbook"
    done = subprocess.run(
        [sys.executable, "-c", code, str(out)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    files = [p for p in out.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 8e6
    for page in out.rglob("*.html"):
        leads = re.findall(r'(?:src|href)="([^"#]*)', _text(page))
        assert [t for t in leads if re.match(r"(https?:)?//", t)] == [], page.name
        local = (t.split("?")[0] for t in leads if t and not t.startswith("data:"))
        assert [t for t in local if not (page.parent / t).exists()] == [], page.name
    told = html.unescape(_text(out / "handbook" / "glossary.html"))
    told = re.sub(r"<[^>]+>", "", told)
    terms = re.findall(r"^\| \*\*(.+?)\*\*", _text(ROOT / "GLOSSARY.md"), re.MULTILINE)
    assert len(terms) > 70
    assert [t for t in terms if t.replace("`", "") not in told] == []
    assert "Search.setIndex(" in _text(out / "searchindex.js")
    api = _text(out / "api" / "workflow.html")
    assert "import_into_case" in api
    assert "Every file is read twice" in api
