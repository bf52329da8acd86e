"""The bundle as one packed archive, and checksums of what is published."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

from installer.bundle import SUMS, file_digest, run
from installer.shipped import version

_SYSTEMS: Final = {"Linux": "linux", "Darwin": "macos", "Windows": "windows"}


def name_of(bundle: Path) -> str:
    """Name of the archive and of the one folder in it."""
    system = _SYSTEMS.get(platform.system(), platform.system().lower())
    return f"{bundle.name}-{version()}-{system}-{platform.machine()}"


def build_archive(bundle: Path, out: Path) -> Path:
    """Pack the bundle with GNU tar and zstd.

    Args:
        bundle: The bundle's folder.
        out: Folder of the result.
    """
    name = name_of(bundle)
    archive = out / f"{name}.tar.zst"
    owned = ("--owner=0", "--group=0", "--numeric-owner", "--sort=name")
    inside = f"--transform=flags=r;s,^{bundle.name},{name},"
    packer = "--use-compress-program=zstd -T0 -10"
    run("tar", *owned, inside, packer, "-C", bundle.parent, "-cf", archive, bundle.name)
    return archive


def write_checksums(folder: Path) -> Path:
    """SHA-256 of the files of a folder, as `sha256sum -c` reads them."""
    target = folder / SUMS
    lines = [
        f"{file_digest(path)}  {path.name}\n"
        for path in sorted(folder.iterdir())
        if path.is_file() and path != target
    ]
    target.write_text("".join(lines), encoding="utf-8", newline="\n")
    return target
