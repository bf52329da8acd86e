"""Checks what was built, outside the checkout.

    .venv/bin/python installer/check.py ARTEFACT [--work DIR] [--picture FILE.png]

ARTEFACT is the bundle's folder, its .tar.zst, the .deb or the wheel. Each is put where
a user would have it, and there the program says its version, tests itself, examines the
demonstration, and verifies its report and its case. The package of Debian is installed
in a root that debootstrap makes (root is needed), pictured under Xvfb, removed and
purged. Sizes and times are printed; the exit status is 1 when anything fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from installer.bundle import BuildError, run
from installer.clean_root import check_package
from installer.shipped import ROOT
from installer.trial import (
    Place,
    Report,
    check_folder,
    check_program,
    size_of,
)


def check_bundle(folder: Path, work: Path, report: Report) -> None:
    """A bundle's folder, its program run from where it lies."""
    check_folder(folder, report)
    scratch = work / "scratch"
    scratch.mkdir()
    program = folder / ("btd.exe" if sys.platform == "win32" else "btd")
    check_program(Place((str(program),), scratch, str(scratch)), report)


def check_archive(archive: Path, work: Path, report: Report) -> None:
    """An archive, unpacked."""
    report.measured("archive", size_of(archive))
    start = time.monotonic()
    run("tar", "--use-compress-program=zstd", "-C", work, "-xf", archive)
    report.measured("unpacking", time.monotonic() - start)
    (folder,) = [p for p in work.iterdir() if p.is_dir()]
    check_bundle(folder, work, report)


def check_wheel(wheel: Path, work: Path, report: Report) -> None:
    """A wheel with the extra that scores, in an empty environment."""
    report.measured("wheel", size_of(wheel))
    lock = ROOT / "requirements" / "lock.txt"
    venv.create(work / "venv", with_pip=True)
    pip = (work / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet")
    run(*pip, "--disable-pip-version-check", "-c", lock, f"{wheel}[score]")
    scratch = work / "scratch"
    scratch.mkdir()
    program = str(work / "venv" / "bin" / "btd")
    check_program(Place((program,), scratch, str(scratch)), report)


def main(arguments: list[str]) -> int:
    """Check one artefact; the exit status is 1 when anything fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("artefact", type=Path)
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()),
        help="where a folder for the check is made, and removed again",
    )  # fmt: skip
    parser.add_argument("--picture", type=Path, help="of the window, .deb only")
    given = parser.parse_args(arguments)
    report = Report()
    check(given.artefact.resolve(), given.work, report, given.picture)
    for line in report.failed:
        print(f"check: {line}", file=sys.stderr)
    return 1 if report.failed else 0


def check(
    artefact: Path, work: Path, report: Report, picture: Path | None = None
) -> None:
    """Check one artefact by what it is."""
    with tempfile.TemporaryDirectory(prefix="btd-check-", dir=work) as name:
        own = Path(name)
        own.chmod(0o755)  # another user's program writes below it
        try:
            if artefact.is_dir():
                check_bundle(artefact, own, report)
            elif artefact.suffix == ".deb":
                check_package(artefact, own, report, picture)
            elif artefact.suffix == ".whl":
                check_wheel(artefact, own, report)
            else:
                check_archive(artefact, own, report)
        except BuildError as error:
            report.tell(artefact.name, str(error))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
