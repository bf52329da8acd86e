"""Writes the lock files from what is installed; standard library only.

Run it with the environment's own interpreter after the tests have passed there:

    .venv/bin/python requirements/make_lock.py          writes both files
    .venv/bin/python requirements/make_lock.py --check  fails if they are out of date

`lock.txt` holds the exact version of everything that pyproject's dependencies, the
extra "score" and its build need, `lock-dev.txt` what the "dev" extra needs beyond that.
A requirement that applies on another system only is named in a comment, since no
version of it is installed here to take as tested.
"""

from __future__ import annotations

import ast
import operator
import os
import platform
import re
import sys
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RUNTIME_LOCK = HERE / "lock.txt"
DEV_LOCK = HERE / "lock-dev.txt"

_REQUIREMENT = re.compile(
    r"^\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[(?P<extras>[^]]*)\])?"
    r"(?P<rest>[^;]*)(?:;(?P<marker>.*))?$"
)
_VERSION_NAMES = {"python_version", "python_full_version", "implementation_version"}
_OPERATORS: dict[type[ast.cmpop], Callable[..., bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}


@dataclass
class Closure:
    """Everything that a set of requirements needs here.

    Attributes:
        pins: Version by normalised name, without the local part ("+cpu").
        elsewhere: "name; marker" of what applies on other systems only.
    """

    pins: dict[str, str] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)


_OF_CUDA_BUILDS = re.compile(r"(?:nvidia|cuda)-|triton$")


def normalised(name: str) -> str:
    """A distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def marker_environment() -> dict[str, str]:
    """Values of the marker variables on this machine (PEP 508)."""
    release = ".".join(str(part) for part in sys.implementation.version[:3])
    return {
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "python_full_version": platform.python_version(),
        "implementation_name": sys.implementation.name,
        "implementation_version": release,
    }


def marker_holds(marker: str, environment: dict[str, str]) -> bool:
    """Value of a marker; its grammar is a subset of Python's expressions.

    Raises:
        ValueError: The marker uses an operator that is not in that subset.
    """
    try:
        tree = ast.parse(marker.strip(), mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"cannot read the marker {marker!r}") from error
    return _evaluate(tree, environment)


def _evaluate(node: ast.expr, environment: dict[str, str]) -> bool:
    if isinstance(node, ast.BoolOp):
        values = [_evaluate(part, environment) for part in node.values]
        return all(values) if isinstance(node.op, ast.And) else any(values)
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        raise ValueError(f"cannot read the marker part {ast.unparse(node)!r}")
    sides = (node.left, node.comparators[0])
    left, right = (_value(side, environment) for side in sides)
    names = {side.id for side in sides if isinstance(side, ast.Name)}
    compare = _OPERATORS[type(node.ops[0])]
    if names & _VERSION_NAMES and not isinstance(node.ops[0], ast.In | ast.NotIn):
        return compare(_release(left), _release(right))
    return compare(left, right)


def _value(node: ast.expr, environment: dict[str, str]) -> str:
    if isinstance(node, ast.Name) and node.id in environment:
        return environment[node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise ValueError(f"cannot read the marker part {ast.unparse(node)!r}")


def _release(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in re.findall(r"\d+", version)]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def closure(requirements: Iterable[str]) -> Closure:
    """Installed versions of the requirements and of all that they need in turn.

    What only a CUDA build of torch brings is left out: neither lock nor bill of
    materials is about it, on whichever build of torch they are made or checked.

    Raises:
        metadata.PackageNotFoundError: Something needed is not installed.
    """
    result = Closure()
    environment = marker_environment()
    todo: list[tuple[str, str]] = [(text, "") for text in requirements]
    seen: set[tuple[str, str]] = set()
    while todo:
        text, extra = todo.pop()
        match = _REQUIREMENT.match(text)
        if match is None:
            raise ValueError(f"cannot read the requirement {text!r}")
        name, marker = normalised(match["name"]), (match["marker"] or "").strip()
        if _OF_CUDA_BUILDS.match(name):
            continue
        if marker and not marker_holds(marker, environment | {"extra": extra}):
            if "extra" not in marker:
                result.elsewhere.add(f"{name}; {marker}")
            continue
        extras = [e.strip() for e in (match["extras"] or "").split(",") if e.strip()]
        for wanted in ["", *extras]:
            if (name, wanted) in seen:
                continue
            seen.add((name, wanted))
            installed = metadata.distribution(name)
            result.pins[name] = installed.version.partition("+")[0]
            todo += [(inner, wanted) for inner in installed.requires or ()]
    return result


def runtime_requirements(project: dict[str, Any]) -> list[str]:
    """What the whole program needs to run, what scores included.

    Args:
        project: The table of that name in pyproject.toml.
    """
    return [*project["dependencies"], *project["optional-dependencies"]["score"]]


def lock_texts(pyproject: Path) -> tuple[str, str]:
    """Contents of `lock.txt` and `lock-dev.txt`."""
    table = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    project = table["project"]
    needed = runtime_requirements(project)
    runtime = closure([*needed, *table["build-system"]["requires"]])
    dev = closure(project["optional-dependencies"]["dev"])
    version = ".".join(platform.python_version_tuple()[:2])
    head = f"# Made by requirements/make_lock.py on Python {version}; do not edit.\n"
    more = {n: v for n, v in dev.pins.items() if n not in runtime.pins}
    return (
        head + _lines(runtime.pins, runtime.elsewhere),
        head
        + "-r lock.txt\n"
        + _lines(more, {e for e in dev.elsewhere if _name_of(e) not in runtime.pins}),
    )


def _lines(pins: dict[str, str], elsewhere: set[str]) -> str:
    lines = [f"{name}=={version}" for name, version in sorted(pins.items())]
    if missing := sorted(e for e in elsewhere if _name_of(e) not in pins):
        lines += ["# On other systems or Pythons pip adds, unpinned:"]
        lines += [f"#   {text}" for text in missing]
    return "\n".join(lines) + "\n"


def _name_of(elsewhere: str) -> str:
    return elsewhere.partition(";")[0]


def main(arguments: list[str]) -> int:
    """Write the lock files, or compare them; the exit status says if they differ."""
    texts = lock_texts(HERE.parent / "pyproject.toml")
    stale = 0
    for path, text in zip((RUNTIME_LOCK, DEV_LOCK), texts, strict=True):
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8", newline="\n")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{path.name} is out of date: run {Path(__file__).name}\n")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
