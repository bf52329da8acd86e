"""What is tried with a bundle, wherever it lies."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from btd_desktop.native_libraries import WAYLAND_LIBRARIES
from installer.bundle import BILL, LICENCES, SUMS, file_digest
from installer.contents import belongs
from installer.shipped import bill_of_materials, version

_ONLY_SIZES: Final = 1e5
_UNWANTED: Final = re.compile(r"/(?:lib)?readline\.|_internal/(?:nvidia|triton)(?:/|$)")


@dataclass
class Report:
    """What was tried, printed as it becomes known.

    Attributes:
        lines: All of it, in its order.
        failed: Lines of what went wrong.
    """

    lines: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def tell(self, what: str, problem: str = "") -> None:
        """What holds, or why it does not."""
        if problem:
            self.failed.append(f"{what}: {problem}")
        self.note(f"not  {what}: {problem}" if problem else f"ok   {what}")

    def measured(self, what: str, value: float) -> None:
        """A size in bytes, or a time in seconds."""
        figure = f"{value / 1e6:,.1f} MB" if value > _ONLY_SIZES else f"{value:.1f} s"
        self.note(f"     {what}: {figure}")

    def note(self, line: str) -> None:
        """A line that says neither."""
        self.lines.append(line)
        print(line, flush=True)


@dataclass(frozen=True)
class Place:
    """Where an artefact was put, and how its program is started there.

    Attributes:
        command: Words before the arguments of `btd`.
        scratch: A folder for cases, as this process sees it.
        inside: The same folder as the program sees it.
    """

    command: tuple[str, ...]
    scratch: Path
    inside: str

    def btd(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the program with a home of its own and nothing of this checkout."""
        return subprocess.run(
            [*self.command, *words],
            cwd=self.scratch,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def environment(self, **more: str) -> dict[str, str]:
        """All variables that the program sees."""
        system = ("SYSTEMROOT", "TEMP", "TMP")  # Windows starts nothing without
        return {
            **{name: os.environ[name] for name in system if name in os.environ},
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": self.inside,
            "BTD_HOME": f"{self.inside}/home",
            "QT_QPA_PLATFORM": "offscreen",
            **more,
        }


def check_program(place: Place, report: Report) -> None:
    """Version, self-test, demonstration and verification of what it wrote."""
    for turn in ("first", "second"):
        start = time.monotonic()
        told = place.btd("--version")
        report.measured(f"start, {turn} time (btd --version)", time.monotonic() - start)
    wanted = f"btd {version()}"
    said = (told.stdout + told.stderr).strip()
    report.tell("version", "" if said == wanted else f"{said!r} is not {wanted!r}")
    start = time.monotonic()
    told = place.btd("--window-probe")
    report.measured("start of the window (1 s of it shown)", time.monotonic() - start)
    report.tell("window, offscreen", problem_of(told))
    start = time.monotonic()
    told = place.btd("doctor", "--selftest")
    report.measured("self-test", time.monotonic() - start)
    for line in told.stdout.splitlines():
        report.note(f"     {line}")
    report.tell("btd doctor --selftest", problem_of(told))
    start = time.monotonic()
    told = place.btd(
        "demo", "--out", f"{place.inside}/demo", "--workers", "2", "--json"
    )
    report.measured("demonstration", time.monotonic() - start)
    report.tell("btd demo, two processes simulate", problem_of(told))
    found = sorted((place.scratch / "demo").rglob("*.pdf"))
    if not found:
        report.tell("report of the demonstration", "there is none")
        return
    pdf = f"{place.inside}/{found[0].relative_to(place.scratch)}"
    case = pdf.rpartition("/")[0]
    suspect = f"{place.inside}/demo/data/suspect"
    told = place.btd("verify", pdf, "--evidence", suspect)
    report.note("     " + (told.stdout.splitlines() or ["no word"])[0])
    report.tell("btd verify, with the evidence", problem_of(told))
    report.tell("btd verify-case", problem_of(place.btd("verify-case", case)))


def problem_of(told: subprocess.CompletedProcess[str]) -> str:
    """Why a command failed, in its own last words; "" when it did not."""
    if told.returncode == 0:
        return ""
    last = (told.stderr.strip() or told.stdout.strip() or "no word").splitlines()
    return f"status {told.returncode}: {' / '.join(last[-3:])}"


def check_folder(folder: Path, report: Report) -> None:
    """What lies in a bundle: whole, free of what must not be shipped, with licences."""
    report.tell("checksums inside", ", ".join(changed_files(folder)[:5]))
    names = [p.relative_to(folder).as_posix() for p in folder.rglob("*")]
    unwanted = [n for n in names if not belongs(n, "")]
    unwanted += [n for n in names if _UNWANTED.search(n)]
    report.tell("nothing that must stay out", ", ".join(unwanted[:5]))
    parts = [str(part["name"]) for part in bill_of_materials()["components"]]
    bare = [n for n in parts if not any((folder / LICENCES / n).glob("*"))]
    report.tell(f"licence texts of {len(parts)} parts", ", ".join(bare))
    bill = json.loads((folder / BILL).read_text(encoding="utf-8"))
    listed = {part["name"] for part in bill["components"]}
    report.tell("bill of materials", ", ".join(sorted(set(parts) - listed)))
    qt = list((folder / "_internal" / "PySide6" / "Qt" / "lib").glob("libQt6*"))
    report.tell(
        "Qt lies as shared libraries", "" if len(qt) >= 5 else f"{len(qt)} found"
    )
    missing = unresolved(folder, str(folder)) if sys.platform == "linux" else []
    # What the package depends on may be absent from the machine that builds.
    absent = [name for name in missing if name in WAYLAND_LIBRARIES]
    if absent:
        report.note(f"     not on this machine, so not tried: {', '.join(absent)}")
    missing = [name for name in missing if name not in absent]
    report.tell("every library that is loaded is found", ", ".join(missing[:8]))
    report.measured("folder", size_of(folder))
    inside = folder / "_internal"
    for size, name in sorted((size_of(p), p.name) for p in inside.iterdir())[:-7:-1]:
        report.measured(f"folder, {name}", size)


def changed_files(folder: Path) -> list[str]:
    """Files of a bundle that are not what its checksums say."""
    changed = []
    for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        path = folder / name
        if not path.is_file() or file_digest(path) != digest:
            changed.append(name)
    return changed


def unresolved(folder: Path, seen_as: str, root: Sequence[str] = ()) -> list[str]:
    """Libraries that files of a bundle ask for and the system does not find.

    Args:
        folder: The bundle.
        seen_as: The same where the command runs.
        root: Words before a command that runs it in another root.
    """
    code = (
        f'cd "{seen_as}" && '
        'find . -name "*.so*" -type f -exec ldd {} + 2>/dev/null | '
        'sed -n "s/^[[:space:]]*\\([^[:space:]]*\\) => not found/\\1/p" | sort -u'
    )
    told = subprocess.run(
        [*root, "sh", "-c", code], capture_output=True, text=True, check=False
    )
    inside = {path.name for path in folder.rglob("*.so*")}
    return [name for name in told.stdout.split() if name not in inside]


def size_of(path: Path) -> int:
    """Bytes of a file, or of all below a folder; links count nothing."""
    if path.is_symlink() or path.is_file():
        return 0 if path.is_symlink() else path.stat().st_size
    return sum(
        p.stat().st_size for p in path.rglob("*") if p.is_file() and not p.is_symlink()
    )
