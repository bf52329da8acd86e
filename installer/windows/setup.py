"""Compiles the setup for Windows with NSIS, which runs under Linux too."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from installer.bundle import BILL, LICENCES, SUMS, BuildError, run
from installer.shipped import ROOT, shipped_data, version

SCRIPT: Final = ROOT / "installer" / "windows" / "btd.nsi"
MOST_BYTES: Final = 2_000_000_000
"""NSIS addresses what it packs with 31 bits."""
AT_TOP: Final = ("btd.exe", "BTD Desktop.exe", "README.txt", SUMS, BILL)
"""Files that a bundle for Windows has beside `_internal` and its licences."""


def build_setup(bundle: Path, out: Path, *, name: str = "") -> Path:
    """The setup over a bundle.

    Args:
        bundle: Folder that is packed.
        out: Folder of the result.
        name: File name; by default that of the version.

    Raises:
        BuildError: The bundle is too large for NSIS, or makensis fails.
    """
    n_bytes = sum(p.stat().st_size for p in bundle.rglob("*") if p.is_file())
    if n_bytes > MOST_BYTES:
        raise BuildError(
            f"{bundle} has {n_bytes / 1e9:.1f} GB and a setup holds at most 2: leave "
            "CUDA to the pack for graphics cards"
        )
    setup = out / (name or f"btd-desktop-{version()}-windows-setup.exe")
    given = {
        "VERSION": version(),
        "BUNDLE": bundle,
        "OUTPUT": setup,
        "LICENCE": ROOT / "LICENSE",
    }
    definitions = (f"-D{key}={value}" for key, value in given.items())
    run("makensis", "-V2", "-WX", *definitions, SCRIPT)
    return setup


def compile_over_stub(work: Path) -> Path:
    """Compile the script here over what a bundle holds besides code.

    The programs are empty files: the result shows that the script is right NSIS, and is
    never published.
    """
    stub = work / "windows-stub"
    shutil.rmtree(stub, ignore_errors=True)
    for source, folder in shipped_data():
        target = stub / "_internal" / folder
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / Path(source).name)
    shutil.copytree(ROOT / "installer" / LICENCES, stub / LICENCES)
    for name in AT_TOP:
        (stub / name).touch()
    return build_setup(stub, work, name="btd-desktop-STUB-setup.exe")
