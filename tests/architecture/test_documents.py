"""The documents agree with the tree and with each other."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from btd_desktop.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    p.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "installer/*.md", "models/**/*.md")
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
