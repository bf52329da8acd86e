"""Follows the first hour literally: runs its commands and compares what they print.

    python docs/follow_first_hour.py FOLDER [BTD ...]

FOLDER is where the commands run; BTD is the program, "btd" when it is not named (or
several words, such as: python -m btd_desktop). Only the standard library is used, so
that a fresh machine with nothing but the program can run it.

A block of commands in docs/handbook/first-hour.md is followed by what it prints. Each
line of that must be found in the output, in order; "…" stands for anything. A command
that shall fail says so in a remark: `# exit status 7`. A command that opens the window
is left open for a while, and must be still there.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TEXT = Path(__file__).resolve().parent / "handbook" / "first-hour.md"
_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_STATUS = re.compile(r"#\s*exit status (\d+)")
_WINDOW_S = 45.0


@dataclass(frozen=True)
class Step:
    """A command of the text.

    Attributes:
        command: As it stands there, without its remark.
        status: Exit status that the text states.
        printed: Lines that the text shows, in order.
    """

    command: str
    status: int
    printed: tuple[str, ...] = ()


def steps_in(text: str) -> Iterator[Step]:
    """The commands of a text in order; what is printed belongs to the one before it.

    Raises:
        ValueError: A block shows what is printed, and no command stands before it.
    """
    last: Step | None = None
    for kind, block in _BLOCK.findall(text):
        lines = [line for line in block.splitlines() if line.strip()]
        if kind == "text":
            if last is None:
                raise ValueError(f"nothing prints {block!r}")
            yield Step(last.command, last.status, tuple(lines))
            last = None
            continue
        for line in lines:
            if last is not None:
                yield last
            told = _STATUS.search(line)
            command = line.split(" #", 1)[0].strip()
            last = Step(command, int(told[1]) if told else 0)
    if last is not None:
        yield last


def missing_lines(shown: Sequence[str], output: str) -> list[str]:
    """Lines of the text that the output does not hold, in that order."""
    rest = output.splitlines()
    missing = []
    for line in shown:
        parts = [re.escape(" ".join(p.split())) for p in line.split("…")]
        pattern = re.compile(r".*".join(parts))
        for i, found in enumerate(rest):
            if pattern.fullmatch(" ".join(found.split())):
                rest = rest[i + 1 :]
                break
        else:
            missing.append(line)
    return missing


def follow(step: Step, folder: Path, program: Sequence[str]) -> list[str]:
    """What is otherwise than the text says; empty when all is as it says."""
    words = shlex.split(step.command)
    if words[0] != "btd":
        return [f"{step.command}: no command of this program"]
    command = [*program, *words[1:]]
    if words[1] == "gui":
        return _opened(command, folder)
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, encoding="utf-8"
    )
    wrong = [
        f"does not print: {line}" for line in missing_lines(step.printed, done.stdout)
    ]
    if done.returncode != step.status:
        wrong.append(f"exit status {done.returncode} instead of {step.status}")
    return wrong and [*wrong, done.stdout, done.stderr]


def _opened(command: Sequence[str], folder: Path) -> list[str]:
    window = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        window.wait(_WINDOW_S)
    except subprocess.TimeoutExpired:
        window.terminate()
        window.communicate()
        return []
    return ["the window did not stay open", window.communicate()[1]]


def main(arguments: Sequence[str]) -> int:
    """Follow the text; 0 when all of it is as it says."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print((__doc__ or "").strip())
        return 0 if arguments else 2
    folder, program = Path(arguments[0]), list(arguments[1:]) or ["btd"]
    folder.mkdir(parents=True, exist_ok=True)
    for step in steps_in(TEXT.read_text(encoding="utf-8")):
        wrong = follow(step, folder, program)
        print(
            f"{'not' if wrong else 'ok '} {step.command}",
            *wrong,
            sep="\n    ",
            flush=True,
        )
        if wrong:
            return 1
    print("All is as the first hour says.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
