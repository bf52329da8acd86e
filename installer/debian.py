"""The Debian package: the bundle in /opt, and what a desktop wants to know of it."""

from __future__ import annotations

import email.utils
import gzip
import platform
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from btd_desktop.native_libraries import (
    QT_LIBRARIES,
    WAYLAND_LIBRARIES,
    WINDOW_LIBRARIES,
)
from installer.bundle import run
from installer.manual import manual_page
from installer.shipped import ROOT, project, version

NAME: Final = "btd-desktop"
PROGRAM: Final = Path("opt", NAME)
_LINUX: Final = ROOT / "installer" / "linux"
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_BESIDE_QT: Final = ("libstdc++6", "libgcc-s1", "zlib1g")
"""What libraries of the bundle load besides: C++, its unwinding, compression."""


def architecture() -> str:
    """This machine's, by Debian's name."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def depends() -> list[str]:
    """Packages that the bundle needs: the table of the program, and the C library.

    Python and torch were linked against the building system's; an older one lacks
    symbols of it.
    """
    tables = (QT_LIBRARIES, WINDOW_LIBRARIES, WAYLAND_LIBRARIES)
    wanted = {debian for table in tables for debian, _ in table.values()}
    libc = platform.libc_ver()[1]
    return [f"libc6 (>= {libc})", *sorted({*wanted, *_BESIDE_QT})]


def control(n_kib: int) -> str:
    """The control file, made from pyproject.toml.

    Args:
        n_kib: Size of what is installed.
    """
    facts = project()
    fields = {
        "Package": NAME,
        "Version": version(),
        "Architecture": architecture(),
        "Maintainer": "BTD Desktop contributors <nobody@btd-desktop.invalid>",
        "Installed-Size": str(n_kib),
        "Depends": ", ".join(depends()),
        "Recommends": "shared-mime-info, desktop-file-utils",
        "Section": "science",
        "Priority": "optional",
        "Description": _description(facts["description"]),
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def _description(summary: str) -> str:
    head, _, rest = summary.partition(": ")
    return (
        f"{head[0].lower()}{head[1:]}\n"
        f" {rest[0].upper()}{rest[1:]}\n"
        " .\n"
        " The package holds Python, Qt and the CPU build of torch of its own, uses no\n"
        " network, and leaves cases, keys and settings of its users alone when it is\n"
        " removed or purged."
    )


def tree(bundle: Path, root: Path) -> None:
    """Lay out everything but the control files.

    Args:
        bundle: The bundle's folder; its files are linked, not copied, where possible.
        root: A folder that does not exist yet.
    """
    shutil.copytree(bundle, root / PROGRAM, symlinks=True, copy_function=_link)
    program = root / "usr" / "bin" / "btd"
    program.parent.mkdir(parents=True)
    program.symlink_to(Path("/", PROGRAM, "btd"))
    share = root / "usr" / "share"
    for source, target in (
        (_LINUX / f"{NAME}.desktop", share / "applications"),
        (_LINUX / f"{NAME}.xml", share / "mime" / "packages"),
        (_LINUX / f"{NAME}.svg", share / "icons" / "hicolor" / "scalable" / "apps"),
        (_LINUX / f"{NAME}.png", share / "icons" / "hicolor" / "256x256" / "apps"),
    ):
        target.mkdir(parents=True)
        shutil.copyfile(source, target / source.name)
    documents = share / "doc" / NAME
    documents.mkdir(parents=True)
    (documents / "copyright").write_text(_copyright(), encoding="utf-8")
    write_packed(documents / "changelog.gz", changelog())
    write_packed(share / "man" / "man1" / "btd.1.gz", manual_page())


def _link(source: str, target: str) -> None:
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def write_packed(path: Path, text: str) -> None:
    """Write a text as gzip, the same bytes for the same text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def _copyright() -> str:
    return (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        f"Upstream-Name: {NAME}\n\n"
        "Files: *\n"
        "Copyright: the contributors of BTD Desktop\n"
        "License: Apache-2.0\n"
        " On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.\n\n"
        f"Files: {PROGRAM}/_internal/*\n"
        "Copyright: see the texts named below\n"
        "License: of-the-parts\n"
        f" /{PROGRAM}/licences/INDEX.txt names part and licence; beside it lie the\n"
        " texts. Qt and PySide6 are used under the LGPL-3.\n"
    )


def changelog() -> str:
    """The newest entry, in the form of Debian's changelogs."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    day = re.search(r"^## \S+ – (\d{4})-(\d\d)-(\d\d)$", text, re.MULTILINE)
    year, month, date = (int(n) for n in day.groups()) if day else (1970, 1, 1)
    when = email.utils.format_datetime(
        __import__("datetime").datetime(
            year, month, date, tzinfo=__import__("datetime").UTC
        )
    )
    return (
        f"{NAME} ({version()}) stable; urgency=medium\n\n"
        "  * See CHANGELOG.md of the project.\n\n"
        f" -- BTD Desktop contributors <nobody@btd-desktop.invalid>  {when}\n"
    )


POSTRM: Final = f"""#!/bin/sh
set -e
# Removing keeps a pack for graphics cards that the owner put beside the program; a
# purge takes it along. Nothing below a home is touched: cases, keys, settings stay.
if [ "$1" = purge ]; then
    rm -rf /{PROGRAM}
fi
"""
"""Menus, icons and MIME types are brought up to date by triggers of their packages."""


def build_package(bundle: Path, work: Path, out: Path) -> Path:
    """Make the package.

    Args:
        bundle: The bundle's folder.
        work: For the tree; on the bundle's file system nothing is copied.
        out: Folder of the result.
    """
    root = work / "deb"
    shutil.rmtree(root, ignore_errors=True)
    tree(bundle, root)
    n_bytes = sum(p.lstat().st_size for p in root.rglob("*") if p.is_file())
    inside = root / "DEBIAN"
    inside.mkdir()
    (inside / "control").write_text(control(n_bytes // 1024), encoding="utf-8")
    (inside / "md5sums").write_text("".join(md5_lines(root)), encoding="utf-8")
    (inside / "postrm").write_text(POSTRM, encoding="utf-8")
    (inside / "postrm").chmod(0o755)
    package = out / f"{NAME}_{version()}_{architecture()}.deb"
    pack = ("dpkg-deb", "--root-owner-group", "-Zzstd", "-z9", "--build")
    run(*pack, root, package)
    shutil.rmtree(root)
    return package


def md5_lines(root: Path) -> Iterable[str]:
    """What `dpkg --verify` compares files with."""
    import hashlib

    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and "DEBIAN" not in path.parts:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "md5").hexdigest()
            yield f"{digest}  {path.relative_to(root).as_posix()}\n"
