"""The documents agree with the tree and with each other."""

from __future__ import annotations

import doctest
import importlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import typer.main

from btd_desktop.cli.main import _make_app
from btd_desktop.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "btd_desktop"
BTD = typer.main.get_command(_make_app())
DOCUMENTS = sorted(
    p.relative_to(ROOT).as_posix()
    for pattern in (
        *("*.md", "docs/**/*.md", "installer/*.md", "models/**/*.md"),
        "benchmarks/*.md",
    )
    for p in ROOT.glob(pattern)
)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_relative_links_lead_to_something(name):
    path = ROOT / name
    text = path.read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?![a-z]+:|#)([^)#\s]+)", text)
    assert [t for t in targets if not (path.parent / t).exists()] == []


def test_every_part_of_the_package_has_its_row_in_the_architecture():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    parts = {
        p.stem
        for p in (ROOT / "btd_desktop").iterdir()
        if p.suffix == ".py" or (p / "__init__.py").is_file()
    }
    described = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert parts - {"__init__", "__main__"} == described


def test_layers_drawn_in_the_architecture_are_those_that_are_checked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    checked = project["tool"]["importlinter"]["contracts"][0]["layers"]
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    (drawn,) = re.findall(r"^```\n(__main__ .*?)```", text, re.MULTILINE | re.DOTALL)
    assert [re.findall(r"\w+", layer) for layer in drawn.split("→")] == [
        re.findall(r"\w+", layer) for layer in checked
    ]


def test_every_module_named_in_the_architecture_exists():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z]+/[a-z_]+)(?:\.py)?`", text)
    missing = [
        n
        for n in named
        if not (ROOT / "btd_desktop" / f"{n}.py").is_file()
        and not (ROOT / "btd_desktop" / n / "__init__.py").is_file()
        and not (ROOT / n).exists()
    ]
    assert missing == []


def test_decisions_are_numbered_without_a_gap_and_listed_by_their_titles():
    listed = re.findall(
        r"^\d+\. \[(.+)\]\((docs/decisions/(\d{4})-[a-z0-9-]+\.md)\)$",
        (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    files = sorted((ROOT / "docs" / "decisions").iterdir())
    assert [name for _, name, _ in listed] == [
        f.relative_to(ROOT).as_posix() for f in files
    ]
    for expected, (title, name, number) in enumerate(listed, 1):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert int(number) == expected
        assert text.startswith(f"# {expected}. {title}\n\n")


def test_every_setting_is_in_the_table_with_its_default():
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    for setting in fields(Settings):
        row = next(ln for ln in text.splitlines() if f"`{setting.name}`" in ln)
        default = {"": "empty"}.get(str(setting.default), str(setting.default))
        assert default in row.split("|")[3]


def quoted(text: str) -> Iterator[str]:
    """Code of a document: between backticks on one line, and lines of code blocks."""
    blocks = r"^```\w*\n(.*?)^```"
    for block in re.findall(blocks, text, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()
    yield from re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", re.sub(blocks, "", text, flags=re.M | re.S))


def unknown_words(line: str) -> list[str]:
    """Commands and options of `btd` in a line that the program does not have."""
    found = re.search(r"(?:^|\.venv/bin/|\s)btd ([a-z].*)", line)
    if found is None:
        return []
    words = re.sub(r"\s#.*", "", found[1]).split()
    command = BTD
    while (choices := getattr(command, "commands", None)) and words:
        if words[0].strip(",") not in choices:
            return words[:1]
        command = choices[words.pop(0).strip(",")]
    known = {
        name
        for option in command.params
        for name in (*option.opts, *option.secondary_opts)
    }
    options = re.findall(r"(?<!\S)--[a-z0-9-]+", " ".join(words))
    return [name for name in options if name not in known]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_quoted_commands_and_their_options_are_known_to_the_program(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    unknown = {line: unknown_words(line) for line in quoted(text)}
    assert {line: words for line, words in unknown.items() if words} == {}


def test_unknown_command_and_option_would_be_seen():
    assert unknown_words("btd examin FOLDER --out CASE") == ["examin"]
    assert unknown_words("btd examine FOLDER --output CASE") == ["--output"]
    assert unknown_words("btd bench detect --data FOLDER") == ["detect"]
    assert unknown_words(".venv/bin/btd bench shift --data F --json f") == []


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "CHANGELOG.md"])
def test_quoted_scripts_modules_and_tests_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    words = {word for line in quoted(text) for word in re.split(r"[\s,()]+", line)}
    paths = {
        word.split("::")[0]
        for word in words
        if re.fullmatch(r"(?:tests|benchmarks|requirements|btd_desktop)/[\w./]+", word)
    }
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(PACKAGE.rglob("*.py")) if ">>> " in p.read_text("utf-8")],
    ids=lambda path: path.name,
)
def test_examples_of_docstrings_give_what_they_say(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    told = doctest.testmod(importlib.import_module(name))
    assert told.attempted > 0
    assert told.failed == 0
