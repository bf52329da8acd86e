"""Builds what is installed without Python.

    .venv/bin/python installer/build.py TARGET [--out DIR] [--work DIR]

    wheel     for pip, pipx and uv
    folder    the bundle, frozen by PyInstaller for this system
    archive   the bundle as .tar.zst (Linux, macOS)
    deb       the bundle as a package of Debian (Linux)
    windows   the setup (Windows); elsewhere its script is only compiled, over a stub
    macos     the signed application (macOS); elsewhere its script is only looked at
    all       what can be built here

The environment that is frozen lies in the work folder and is kept between builds.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from installer.archive import build_archive, write_checksums
from installer.bundle import BuildError, environment_python, freeze, run
from installer.debian import build_package
from installer.shipped import ROOT, version
from installer.windows.setup import build_setup, compile_over_stub


@dataclass
class Build:
    """One run: where things lie, and the bundle once it is made.

    Attributes:
        work: Environment, PyInstaller's files, the bundle.
        out: What is made, for publishing.
    """

    work: Path
    out: Path
    _bundle: Path | None = None

    @property
    def bundle(self) -> Path:
        """The bundle's folder, frozen once a run."""
        if self._bundle is None:
            self._bundle = freeze(self.work)
        return self._bundle


def wheel(build: Build) -> Path:
    """The wheel, built from a copy of what git knows: the tree gets no build folder."""
    source = build.work / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    for name in filter(None, names.split("\0")):
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    pip = (environment_python(build.work), "-m", "pip", "wheel", "--quiet")
    options = ("--no-deps", "--no-build-isolation", "--wheel-dir", build.out)
    run(*pip, *options, ".", cwd=source)
    return next(build.out.glob(f"btd_desktop-{version()}-*.whl"))


def folder(build: Build) -> Path:
    """The bundle, left in the work folder."""
    return build.bundle


def archive(build: Build) -> Path:
    """The bundle as one file."""
    return build_archive(build.bundle, build.out)


def deb(build: Build) -> Path:
    """The package of Debian."""
    return build_package(build.bundle, build.work, build.out)


def windows(build: Build) -> Path:
    """The setup, or the proof that its script compiles."""
    if sys.platform == "win32":
        return build_setup(build.bundle, build.out)
    return compile_over_stub(build.work)


def macos(build: Build) -> Path:
    """The application for macOS, or the proof that its script can be read."""
    script = ROOT / "installer" / "macos" / "build.sh"
    if sys.platform == "darwin":
        run("sh", script, build.bundle.parent, build.out, version())
        return build.out
    run("sh", "-n", script)
    return script


TARGETS: dict[str, Callable[[Build], Path]] = {
    "wheel": wheel,
    "folder": folder,
    "archive": archive,
    "deb": deb,
    "windows": windows,
    "macos": macos,
}


def targets_here() -> list[str]:
    """What `all` makes on this system."""
    own = {"linux": ["archive", "deb"], "win32": ["windows"], "darwin": ["macos"]}
    looked_at = ["windows", "macos"] if sys.platform == "linux" else []
    return ["wheel", "folder", *own.get(sys.platform, []), *looked_at]


def build_all(names: list[str], build: Build) -> dict[str, Path]:
    """Make each target in turn, then the checksums.

    Raises:
        BuildError: One of them fails.
    """
    for place in (build.work, build.out):
        place.mkdir(parents=True, exist_ok=True)
    made = {}
    for name in names:
        print(f"build: {name}", flush=True)
        made[name] = TARGETS[name](build)
        print(f"build: {name} is {made[name]}", flush=True)
    write_checksums(build.out)
    return made


def main(arguments: list[str]) -> int:
    """Build; the exit status is 1 when something fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir(), "btd-build")
    )
    given = parser.parse_args(arguments)
    names = targets_here() if given.target == "all" else [given.target]
    try:
        build_all(names, Build(given.work.resolve(), given.out.resolve()))
    except BuildError as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
