"""Takes a fresh machine to a running program: standard library only.

    python3 bootstrap.py demo [arguments of btd demo]   installs, examines the demo case
    python3 bootstrap.py test [arguments of pytest]     installs, checks, tests
    python3 bootstrap.py app [case or folder]           installs, opens the window
    python3 bootstrap.py install                        installs only

Everything goes into `.venv` beside this file, with the versions that
`requirements/*.txt` pin. A stamp in there remembers what was installed, so that a
second call starts at once. Nothing outside this folder is changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "btd-stamp.json"
MIN_PYTHON = (3, 11)
MIN_FREE_BYTES = 4 * 1024**3
LOCKS = {
    "runtime": ROOT / "requirements" / "lock.txt",
    "dev": ROOT / "requirements" / "lock-dev.txt",
}
NOTHING_COLLECTED = 5  # pytest's exit status


class Stop(Exception):  # noqa: N818 - a sentence for the user, not an error of ours
    """What keeps the set-up from going on, in one sentence."""


def say(text: str) -> None:
    """One line of progress, on standard error."""
    print(f"bootstrap: {text}", file=sys.stderr, flush=True)


def run(*command: str | Path, env: dict[str, str] | None = None) -> int:
    """Exit status of a command that shares our terminal."""
    return subprocess.call([str(part) for part in command], env=env)


def venv_python() -> Path:
    """Interpreter of the environment, present or not."""
    if os.name == "nt":
        return VENV / "Scripts" / "python.exe"
    return VENV / "bin" / "python"


def venv_script(name: str) -> Path:
    """Console script of the environment, present or not."""
    return venv_python().with_name(name + (".exe" if os.name == "nt" else ""))


def check_python() -> None:
    """Stop unless this interpreter is new enough."""
    if sys.version_info[:2] < MIN_PYTHON:
        raise Stop(
            "Python {}.{} or newer is needed and this is {}: install python3.11 "
            "(Debian 12 and Fedora bring it as python3, others from python.org) and "
            "call it by that name.".format(*MIN_PYTHON, sys.version.split()[0])
        )


def check_disk() -> None:
    """Stop where the environment would not fit."""
    free = shutil.disk_usage(ROOT).free
    if free < MIN_FREE_BYTES:
        raise Stop(
            f"the disk of {ROOT} has {free / 1024**3:.1f} GB left and the environment "
            f"needs about {MIN_FREE_BYTES / 1024**3:.0f} GB: free some space."
        )


def venv_is_usable() -> bool:
    """Whether `.venv` holds an interpreter that runs and is new enough."""
    if not venv_python().is_file():
        return False
    code = f"import sys; sys.exit(sys.version_info[:2] < {MIN_PYTHON})"
    try:
        done = subprocess.run(
            [str(venv_python()), "-c", code], capture_output=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def make_venv() -> None:
    """Make `.venv`, or keep a usable one, and see that it has pip."""
    missing = (
        "Python's venv module cannot make an environment here: install the package "
        "python3-venv (Debian, Ubuntu) or python3-libs and python3-pip (Fedora)."
    )
    if not venv_is_usable():
        try:
            import ensurepip  # noqa: F401 - Debian splits it off
            import venv
        except ImportError:
            raise Stop(missing) from None
        say(f"making the environment {VENV.name}")
        try:
            venv.create(VENV, clear=VENV.exists(), with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Stop(f"{missing} ({error})") from error
    quiet = subprocess.run(
        [str(venv_python()), "-m", "pip", "--version"], capture_output=True, check=False
    )
    if quiet.returncode != 0 and run(venv_python(), "-m", "ensurepip") != 0:
        raise Stop(
            "the environment has no pip: install the package python3-pip, remove "
            f"{VENV.name} and call this again."
        )


def wanted_digest(kind: str) -> str:
    """Digest of everything that the installed state of a kind depends on."""
    parts = [ROOT / "pyproject.toml", LOCKS["runtime"], LOCKS[kind]]
    digest = hashlib.sha256(f"{ROOT}\n".encode())
    for path in parts:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_stamp() -> dict[str, str]:
    """What was installed, by kind; empty if unknown."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def pip(*arguments: str | Path) -> None:
    """Run pip quietly; its warnings and errors stay visible.

    Raises:
        Stop: pip failed.
    """
    command = [str(venv_python()), "-m", "pip", "install", "--quiet", "--no-input"]
    if run(*command, "--disable-pip-version-check", *arguments) != 0:
        raise Stop(
            "pip could not install what is pinned (its own words stand above): check "
            "the network and, behind a proxy, the variable HTTPS_PROXY, then call "
            "this again."
        )


def install(kind: str) -> None:
    """Bring the environment to the pinned state; quick when it is there already."""
    check_python()
    wanted = wanted_digest(kind)
    if read_stamp().get(kind) == wanted and venv_is_usable():
        return
    check_disk()
    make_venv()
    say("installing the pinned packages (minutes the first time; torch is large)")
    pip("-r", LOCKS[kind])
    # Without isolation the build uses the pinned setuptools and needs no network.
    pip("--no-deps", "--no-build-isolation", "-e", ROOT)
    stamp = {**read_stamp(), kind: wanted}
    if kind == "dev":
        stamp["runtime"] = wanted_digest("runtime")
    STAMP.write_text(json.dumps(stamp), encoding="utf-8")
    say("installed")


def qt_complaint(*, window: bool) -> str:
    """One sentence on what Qt lacks and which package brings it; empty if nothing.

    Args:
        window: Whether a real screen is wanted too.
    """
    # Of our own package only what needs nothing but the standard library, and no
    # sooner than this Python is known to read it.
    sys.path.insert(0, str(ROOT))
    from btd_desktop import native_libraries as qt

    known = {**qt.QT_LIBRARIES, **qt.WINDOW_LIBRARIES} if window else qt.QT_LIBRARIES
    code = "import PySide6.QtGui, PySide6.QtWidgets"
    tried = subprocess.run(
        [str(venv_python()), "-c", code], capture_output=True, text=True, check=False
    )
    missing = qt.missing_libraries(known)
    if tried.returncode != 0:
        named = re.findall(r"(lib\S+?\.so[.\d]*): cannot open", tried.stderr)
        missing += [name for name in named if name not in missing]
    elif not window:
        return ""
    if missing:
        return qt.missing_sentence(missing) + "."
    if tried.returncode != 0:
        last = (tried.stderr.strip().splitlines() or ["no message"])[-1]
        return f"Qt does not load: {last}"
    return ""


def demo(arguments: list[str]) -> int:
    """Install and examine the demo case; Qt is not needed for it."""
    install("runtime")
    complaint = qt_complaint(window=True)
    if complaint:
        say(f"only the window is affected, the demo goes on: {complaint}")
    has_out = any(a == "--out" or a.startswith("--out=") for a in arguments)
    where = [] if has_out else ["--out", "demo-case"]
    return run(venv_python(), "-m", "btd_desktop", "demo", *where, *arguments)


def app(arguments: list[str]) -> int:
    """Install and open the window."""
    install("runtime")
    complaint = qt_complaint(window=True)
    if complaint:
        raise Stop(complaint)
    opened = ["gui", *arguments] if arguments else []
    return run(venv_python(), "-m", "btd_desktop", *opened)


def test(arguments: list[str]) -> int:
    """Install, run the static checks, then the tests; 0 only if all passed."""
    install("dev")
    complaint = qt_complaint(window=False)
    if complaint:
        raise Stop(complaint)
    os.chdir(ROOT)
    failed = [name for name, command in static_checks() if announced(name, command)]
    if failed:
        say(f"failed: {', '.join(failed)}; the tests run all the same")
    status = run_tests(arguments)
    return status or (1 if failed else 0)


def static_checks() -> list[tuple[str, list[str | Path]]]:
    """Name and command of each check that runs no code of ours."""
    python: list[str | Path] = [venv_python(), "-m"]
    return [
        ("ruff check", [*python, "ruff", "check", "."]),
        ("ruff format", [*python, "ruff", "format", "--check", "."]),
        ("mypy", [*python, "mypy"]),
        ("import contracts", [venv_script("lint-imports"), "--no-logo"]),
    ]


def announced(name: str, command: list[str | Path]) -> int:
    """Exit status of a command whose name is printed first."""
    say(name)
    return run(*command)


def run_tests(arguments: list[str]) -> int:
    """Exit status of the tests; the slow ones on real scans are a group of their own.

    An own `-m` among the arguments replaces the two groups by one run. Modules are
    spread over the cores, four at most, unless `-n` says otherwise.
    """
    pytest: list[str | Path] = [venv_python(), "-m", "pytest"]
    if not any(a.startswith(("-n", "--numprocesses")) for a in arguments):
        pytest += ["--numprocesses=auto", "--maxprocesses=4"]
        # In the order of the tests' own conftest: files with slow tests first.
        pytest += ["--dist=loadfile", "--no-loadscope-reorder"]
    if any(a.startswith("-m") for a in arguments):
        return announced("pytest", [*pytest, *arguments])
    codes: list[int] = []
    for group in ("not realdata", "realdata"):
        if any(code not in (0, NOTHING_COLLECTED) for code in codes):
            say("the group above failed; the next one runs all the same")
        command = [*pytest, "-m", group, *arguments]
        codes.append(announced(f"pytest, group: {group}", command))
    if all(code == NOTHING_COLLECTED for code in codes):
        return NOTHING_COLLECTED
    return max(0 if code == NOTHING_COLLECTED else abs(code) for code in codes)


def main(arguments: list[str]) -> int:
    """Run one of the commands of the module's docstring."""
    commands = {"demo": demo, "test": test, "app": app}
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    try:
        if name in commands:
            return commands[name](rest)
        if name == "install" and not rest:
            install("runtime")
            return 0
    except Stop as stop:
        say(str(stop))
        return 1
    except KeyboardInterrupt:
        return 130
    print((__doc__ or "").strip(), file=sys.stderr)
    return 0 if name in ("-h", "--help") else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
