"""Builds, checks and lays out what is to be published.

    .venv/bin/python installer/release.py --bump 0.4.0     a new version, nothing built
    .venv/bin/python installer/release.py [--out DIR]      builds and checks the version

The second writes a folder with the files, their checksums, the bill of materials, the
version's entry of the changelog, and TESTED.md: what was tried with each file on this
machine, what came of it, and what was not tried. Publishing is left to a person.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from installer.archive import write_checksums
from installer.build import Build, build_all, targets_here
from installer.bundle import BILL, BuildError, run
from installer.check import check
from installer.shipped import ROOT, version
from installer.trial import Report

CHANGELOG = ROOT / "CHANGELOG.md"
SOURCE = ROOT / "btd_desktop" / "__init__.py"
UNTESTED = (
    "Windows: installer/windows/btd.nsi compiles under Linux over a stub. The bundle "
    "was never frozen, the setup never run on Windows.",
    "macOS: installer/macos/build.sh was read by a shell under Linux only. Nothing was "
    "frozen, signed, notarised or started on a Mac.",
    "Pack for graphics cards: there was no card; see installer/README.md for what was "
    "tried without one.",
    "Debian 13, Ubuntu and other systems with glibc 2.36 or newer; ARM processors.",
    "Wayland, and a desktop with a person in front of it.",
)


def bumped(source: str, changelog: str, number: str, day: str) -> tuple[str, str]:
    """Source and changelog of a new version.

    Args:
        source: Text of `btd_desktop/__init__.py`.
        changelog: Text of CHANGELOG.md; what is under "Unreleased" becomes its entry.
        number: The version.
        day: ISO date.

    Raises:
        BuildError: The number is none, or nothing is under "Unreleased".
    """
    if re.fullmatch(r"\d+\.\d+\.\d+", number) is None:
        raise BuildError(f"{number} is no version: three numbers with dots")
    if not entry_of(changelog, "Unreleased"):
        raise BuildError("nothing stands under Unreleased in CHANGELOG.md")
    heading = f"## Unreleased\n\n## {number} – {day}\n"
    told = re.sub(r'(?m)^__version__ = ".*"$', f'__version__ = "{number}"', source)
    return told, changelog.replace("## Unreleased\n", heading, 1)


def entry_of(changelog: str, name: str) -> str:
    """What the changelog says of a version, or of "Unreleased"; "" when nothing."""
    pattern = rf"^## {re.escape(name)}(?: – \S+)?\n(.*?)(?=^## |\Z)"
    found = re.search(pattern, changelog, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def bump(number: str) -> None:
    """Write a new version into the tree, bill of materials included."""
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    source, changelog = bumped(
        SOURCE.read_text("utf-8"), CHANGELOG.read_text("utf-8"), number, day
    )
    SOURCE.write_text(source, encoding="utf-8", newline="\n")
    CHANGELOG.write_text(changelog, encoding="utf-8", newline="\n")
    run(sys.executable, ROOT / "requirements" / "make_sbom.py")


def release(out: Path, work: Path) -> int:
    """Build, check and lay out; the number of failures."""
    entry = entry_of(CHANGELOG.read_text("utf-8"), version())
    if not entry:
        raise BuildError(f"CHANGELOG.md has no entry for {version()}: --bump makes it")
    run(sys.executable, ROOT / "docs" / "build_handbook.py")
    shutil.rmtree(out, ignore_errors=True)
    made = build_all(targets_here(), Build(work, out))
    reports = {}
    for path in sorted(
        p for p in out.iterdir() if p.suffix in (".whl", ".deb", ".zst")
    ):
        print(f"release: checking {path.name}", flush=True)
        reports[path.name] = Report()
        check(path, work, reports[path.name], work / "window.png")
    shutil.copyfile(made["folder"] / BILL, out / BILL)
    head = f"# BTD Desktop {version()}\n\n"
    (out / "CHANGES.md").write_text(head + entry + "\n", encoding="utf-8")
    (out / "TESTED.md").write_text(account(reports), encoding="utf-8")
    write_checksums(out)
    print("".join(f"{p.name}\n" for p in sorted(out.iterdir())), end="")
    return sum(len(report.failed) for report in reports.values())


def account(reports: dict[str, Report]) -> str:
    """TESTED.md: what was tried with each file, and what was not."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    lines = [
        f"# What was tested of BTD Desktop {version()}",
        "",
        f"Built from {commit or 'a tree without git'} and tried on "
        f"{platform.platform()}, Python {platform.python_version()}.",
    ]
    for name, report in reports.items():
        lines += ["", f"## {name}", ""]
        lines += [f"* {line}" for line in report.lines]
    lines += ["", "## Not tested", "", *(f"* {words}" for words in UNTESTED)]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Bump or release; the exit status is 1 when anything fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bump", metavar="VERSION")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / version())
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir(), "btd-build")
    )
    given = parser.parse_args(arguments)
    try:
        if given.bump:
            bump(given.bump)
            return 0
        return 1 if release(given.out.resolve(), given.work.resolve()) else 0
    except BuildError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
