"""The self-test: does this very installation do what it is there for?

Every step runs in a process of its own: native code may end one without a word, on a
processor that is too old for it, say; what the step found before is known then, and the
others go on. Each has a home of its own, so that no key, setting or case of the user is
touched.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from msgspec import ValidationError, convert

from btd_desktop.native_libraries import missing_for, missing_sentence

State = Literal["ok", "not", "not tried"]
Row = tuple[str, State, str]
"""What was checked, what came of it, and the figures or the reason."""

STEPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "packages": "btd_desktop.workflow.selftest.packages",
        "models": "btd_desktop.workflow.selftest.models",
        "examination": "btd_desktop.workflow.selftest.examination",
    }
)
"""Module of each step, in their order; its `rows` yields what it finds."""

_TIMEOUT_S: Final = 180.0
_WINDOW: Final = "--window-probe"
_STEP: Final = "--self-test-step"


def step(name: str, folder: Path) -> Iterator[Row]:
    """Run one step in this process and yield each row when it is known.

    Args:
        name: A key of `STEPS`.
        folder: Empty; may be written to.
    """
    yield from importlib.import_module(STEPS[name]).rows(folder)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried, or was not.

    Attributes:
        name: What.
        state: "ok", "not" or "not tried".
        words: Figures, or the reason.
    """

    name: str
    state: State
    words: str

    @property
    def line(self) -> str:
        """The check in one line."""
        return f"{self.state:9}  {self.name}: {self.words}"


def run_selftest(on_check: Callable[[Check], None]) -> tuple[Check, ...]:
    """Try everything that an examination needs; nothing of the user's is changed.

    Args:
        on_check: Called with each check when it is done.

    Returns:
        All checks. The installation is sound if none has the state "not".
    """
    done = []
    with tempfile.TemporaryDirectory(prefix="btd-selftest-") as name:
        for check in _checks(Path(name)):
            on_check(check)
            done.append(check)
    return tuple(done)


def _checks(folder: Path) -> Iterator[Check]:
    for number, name in enumerate(STEPS):
        own = folder / f"{number}-{name}"
        own.mkdir()
        yield from _step(name, own, folder / "home")
    yield _window("window, offscreen", "offscreen", folder / "home")
    yield _on_screen(folder / "home")


def _step(name: str, folder: Path, home: Path) -> Iterator[Check]:
    answers, problem = _answers([_STEP, name, str(folder)], home)
    for answer in answers:
        try:
            what, state, words = convert(answer.get("check"), Row)
        except ValidationError as error:
            problem = f"its answer makes no sense: {error}"
            break
        yield Check(what, state, _with_packages(words) if state == "not" else words)
    if problem:
        yield Check(name, "not", _with_packages(problem))


def _on_screen(home: Path) -> Check:
    """The window as the user would see it, where there is a display."""
    name = "window, on the display"
    if sys.platform == "linux":
        screens = [v for v in ("WAYLAND_DISPLAY", "DISPLAY") if os.environ.get(v)]
        if not screens:
            missing = missing_sentence(missing_for("", window=True))
            reason = "neither DISPLAY nor WAYLAND_DISPLAY is set"
            if missing:
                return Check(name, "not", f"{missing}; and {reason}")
            return Check(name, "not tried", f"{reason}; its libraries are all there")
    return _window(name, "", home)


def _window(name: str, platform: str, home: Path) -> Check:
    """The window opened on a platform of Qt's; "" takes the display's own."""
    answers, problem = _answers([_WINDOW], home, QT_QPA_PLATFORM=platform)
    answer = answers[-1] if answers else {}
    # A window that does not open says more of it than its exit status.
    problem = str(answer.get("problem", "")) or problem
    if problem:
        return Check(name, "not", _with_packages(problem))
    size = f"{answer.get('width')} × {answer.get('height')} px"
    return Check(name, "ok", f"opened on {answer.get('platform')}, {size}")


def _with_packages(words: str) -> str:
    """The words, with the packages of the libraries that they say are missing."""
    if "Qt needs" in words or ": cannot open shared" not in words:
        return words
    missing = missing_for(words, window=False)
    return f"{words}. {missing_sentence(missing)}" if missing else words


def _answers(
    words: list[str], home: Path, **more: str
) -> tuple[list[dict[str, Any]], str]:
    """JSON objects that a process of the program prints, and why it ended badly."""
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [*_program(), *words],
            env=_environment(home, more),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return [], f"no answer within {_TIMEOUT_S:.0f} s"
    except OSError as error:
        return [], f"the program cannot be started: {error.strerror}"
    answers = []
    for line in done.stdout.splitlines():
        try:
            answer = json.loads(line)
        except ValueError:
            continue  # a library's own words
        if isinstance(answer, dict):
            answers.append(answer)
    return answers, _end_of(done) if done.returncode or not answers else ""


def _end_of(done: subprocess.CompletedProcess[str]) -> str:
    said = (done.stderr.strip().splitlines() or ["without a word"])[-1]
    if done.returncode < 0:
        try:
            name = signal.Signals(-done.returncode).name
        except ValueError:
            name = str(-done.returncode)
        return f"the process was ended by {name}, {said}"
    return f"the process ended with status {done.returncode}: {said}"


def _program() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-P", "-m", "btd_desktop"]


def _environment(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    """The user's variables, with a home of its own and this very package first."""
    package_parent = str(Path(__file__).resolve().parents[3])
    known = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join(p for p in (package_parent, known) if p)
    environment = {**os.environ, "BTD_HOME": str(home), "PYTHONPATH": path, **more}
    return {name: value for name, value in environment.items() if value}
