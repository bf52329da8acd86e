"""The package of Debian in a clean Debian: installed, used, pictured, purged.

Every command runs in mounts of its own, which end with it, and the program without a
network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from installer.bundle import BuildError, file_digest, run
from installer.debian import NAME, PROGRAM, depends
from installer.trial import (
    Place,
    Report,
    check_program,
    problem_of,
    size_of,
    unresolved,
)

RELEASE: Final = "bookworm"
USER: Final = "examiner"
_DISPLAY: Final = ":87"
_TOOLS: Final = ("desktop-file-utils", "shared-mime-info", "libglib2.0-bin", "man-db")
_SCREEN: Final = "1440x900x24"
_OF_APT: Final = ("var/lib", "var/cache", "var/log", "tmp", "proc", "sys", "dev", "run")
"""Folders in which package managers keep what they did: not compared."""


def entering(root: Path, *, user: str = "", network: bool = False) -> tuple[str, ...]:
    """Words that run what follows them in a root.

    Args:
        root: Of a Debian.
        user: Who runs it; root by default.
        network: Whether it may reach anything.
    """
    script = (
        f'mount -t proc proc "{root}/proc" && '
        f'mount -t tmpfs shm "{root}/dev/shm" && '  # noqa: S108 - of the root
        f'exec chroot {f"--userspec={user}:{user} " if user else ""}"{root}" "$@"'
    )
    own = ("unshare", "--mount", *(() if network else ("--net",)))
    return (*own, "sh", "-c", script, "sh")


def make_root(root: Path) -> None:
    """A minimal Debian with one user.

    Raises:
        BuildError: debootstrap or apt fails, or this is not run by root.
    """
    if os.geteuid() != 0:
        raise BuildError("a clean root can only be made by root")
    run("debootstrap", "--variant=minbase", RELEASE, root)
    run(*entering(root), "useradd", "--create-home", USER)
    run(*entering(root, network=True), "apt-get", "-qq", "update")


def check_package(
    package: Path, work: Path, report: Report, picture: Path | None
) -> None:
    """Everything from the installation to the purge.

    Args:
        package: The .deb.
        work: A folder for the root.
        report: Is told.
        picture: Where the window's picture goes; none is kept without.
    """
    report.measured("package", size_of(package))
    root = work / "root"
    make_root(root)
    before = files_of(root)
    shutil.copyfile(package, root / "tmp" / package.name)
    start = time.monotonic()
    _apt(root, "install", f"/tmp/{package.name}")  # noqa: S108 - of the root
    report.measured("installation with what it depends on", time.monotonic() - start)
    _check_installed(root, report)
    home = root / "home" / USER
    user = entering(root, user=USER)
    check_program(Place((*user, "btd"), home, f"/home/{USER}"), report)
    # By name: apt does not remove all that they brought by itself.
    tools = packages_of(root)
    _apt(root, "install", *_TOOLS)
    tools = packages_of(root) - tools
    _check_desktop(root, home, report)
    _check_window(root, home, report, picture)
    kept = {path: file_digest(home / path) for path in files_of(home)}
    _apt(root, "remove", NAME)
    left = [p for p in files_of(root) if p.startswith(str(PROGRAM))]
    report.tell("removed", ", ".join(left[:5]))
    _apt(root, "purge", NAME, *sorted(tools))
    _apt(root, "autoremove", "--purge")
    extra = [
        p for p in sorted(files_of(root) - before) if not p.startswith(f"home/{USER}/")
    ]
    told = f"{len(extra)} files: {', '.join(extra[:5])}" if extra else ""
    report.tell("purged, nothing is left but the user's", told)
    now = {path: file_digest(home / path) for path in files_of(home)}
    report.tell(
        f"the user's {len(kept)} files are as they were",
        "" if now == kept and any("case.sqlite" in p for p in kept) else "they are not",
    )


def packages_of(root: Path) -> set[str]:
    """Names of the packages that are installed."""
    told = subprocess.run(
        [*entering(root), "dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    states = (line.split() for line in told.stdout.splitlines())
    return {name for state, name in states if state == "installed"}


def files_of(folder: Path) -> set[str]:
    """Files and links below a folder, without what package managers keep."""
    found = set()
    for path, folders, names in os.walk(folder):
        place = Path(path).relative_to(folder).as_posix()
        folders[:] = [
            f for f in folders if f"{place}/{f}".removeprefix("./") not in _OF_APT
        ]
        found |= {f"{place}/{name}".removeprefix("./") for name in names}
    return found


def _apt(root: Path, *words: str) -> None:
    quiet = ("apt-get", "-qq", "--yes", "--no-install-recommends")
    option = ("-o", "Dpkg::Use-Pty=0")
    speaks_c = ("env", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
    run(*entering(root, network=True), *speaks_c, *quiet, *option, *words)


def _check_installed(root: Path, report: Report) -> None:
    told = subprocess.run(
        [*entering(root), "dpkg", "--verify", NAME],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    report.tell("dpkg --verify", told.stdout.strip() or problem_of(told))
    query = ("dpkg-query", "-W", "-f", "${Package} ${Version}\n")
    names = [word.partition(" ")[0] for word in depends()]
    told = subprocess.run(
        [*entering(root), *query, *names], capture_output=True, text=True, check=False
    )
    report.tell(f"{len(names)} packages that it depends on", problem_of(told))
    missing = unresolved(root / PROGRAM, f"/{PROGRAM}", entering(root))
    report.tell("every library that is loaded is found", ", ".join(missing[:8]))


def _check_desktop(root: Path, home: Path, report: Report) -> None:
    """Menu entry, MIME type and manual, as the tools of a desktop see them."""
    entry = f"/usr/share/applications/{NAME}.desktop"
    told = _ask(root, "desktop-file-validate", entry)
    report.tell("desktop-file-validate", told.stdout.strip() or problem_of(told))
    (case,) = home.rglob("case.sqlite")
    inside = f"/home/{USER}/{case.relative_to(home)}"
    told = _ask(root, "gio", "info", "-a", "standard::content-type", inside)
    known = "application/x-btd-case" in told.stdout
    report.tell("a case has its MIME type", "" if known else told.stdout + told.stderr)
    told = _ask(root, "gio", "mime", "application/x-btd-case")
    opens = f"{NAME}.desktop" in told.stdout
    report.tell(
        "and opens with the program", "" if opens else told.stdout + told.stderr
    )
    told = _ask(root, "man", "--warnings", "-l", "/usr/share/man/man1/btd.1.gz")
    report.tell("manual page", told.stderr.strip() or problem_of(told))


def _ask(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*entering(root), "env", "LC_ALL=C.UTF-8", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _check_window(root: Path, home: Path, report: Report, picture: Path | None) -> None:
    # A screen's abstract socket belongs to one network namespace: it must be ours.
    user = entering(root, user=USER, network=True)
    place = Place((*user, "btd"), home, f"/home/{USER}")
    (case,) = home.rglob("case.sqlite")
    opened = f"/home/{USER}/{case.parent.relative_to(home)}"
    shown = {"DISPLAY": _DISPLAY, "QT_QPA_PLATFORM": "xcb"}
    with screen():
        told = place.btd("--window-probe", **shown)
        report.note(f"     {told.stdout.strip()}")
        report.tell("window, on an X screen", problem_of(told))
        if picture is None:
            return
        window = subprocess.Popen(
            [*place.command, "gui", opened], env=place.environment(**shown)
        )
        try:
            with_case = _wait_for_picture(picture, window)
            report.tell(f"picture {picture}", with_case)
        finally:
            window.terminate()
            window.wait(timeout=30)


@contextmanager
def screen() -> Iterator[None]:
    """An X screen in memory."""
    server = subprocess.Popen(
        ["Xvfb", _DISPLAY, "-screen", "0", _SCREEN, "-ac", "-nolisten", "tcp"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        time.sleep(2.0)
        yield
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_for_picture(picture: Path, window: subprocess.Popen[bytes]) -> str:
    """Take pictures until six in a row are alike and show something."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    last, n_alike = b"", 0
    for _ in range(90):
        time.sleep(2.0)
        if window.poll() is not None:
            return f"the window has gone with status {window.returncode}"
        run("import", "-display", _DISPLAY, "-window", "root", picture)
        taken = picture.read_bytes()
        n_alike = n_alike + 1 if taken == last else 0
        if n_alike >= 5 and len(taken) > 20_000:
            return ""
        last = taken
    return "the window did not come to rest within three minutes"
