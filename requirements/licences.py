"""Licences of everything that the program needs at run time; standard library only.

    .venv/bin/python requirements/licences.py      prints a table; status 1 if one fails

The rule: no part may be under the GPL or AGPL, because the program is given away under
the Apache License 2.0 together with its parts. The LGPL is accepted for parts named
below, whose files can be replaced by the user. A part whose metadata state no licence
fails until somebody has read its licence file and entered it below.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

import make_lock  # noqa: E402 - found once the line above has run

ACCEPTED_BY_NAME = {
    "pyside6-essentials": (
        "LGPL-3.0-only",
        "taken under its LGPL alternative: unmodified, as separate shared libraries "
        "that the user can replace",
    ),
    "shiboken6": (
        "LGPL-3.0-only",
        "part of PySide6, taken under its LGPL alternative likewise",
    ),
}
"""Parts that also offer the GPL: the licence we take, and why that is right."""

READ_BY_HAND = {
    "colorama": ("BSD-3-Clause", "LICENSE.txt of the distribution"),
    "reportlab": ("BSD-3-Clause", "LICENSE of the distribution"),
    "scipy": ("BSD-3-Clause", "LICENSE.txt of the distribution, first part"),
    "pypdfium2": ("BSD-3-Clause AND Apache-2.0", "LICENSES of the distribution"),
}
"""Licences that the metadata do not state as an expression, and where they stand."""

GPL_IN_FILES = {
    "aiohappyeyeballs": "the licence of Python tells of the GPL, of which it is none",
    "numpy": "libgfortran and libquadmath, GCC Runtime Library Exception",
    "pillow": "FreeType offers the GPL beside its own licence (FTL), which we take",
    "pypdfium2": "an m4 file of ICU's build with an exception, and libgcc on musl "
    "systems, GCC Runtime Library Exception",
    "reportlab": "the font DarkGarden, with an exception for documents; not used, and "
    "to be left out of a bundle",
    "scikit-learn": "libgomp, GCC Runtime Library Exception",
    "scipy": "libgfortran and libquadmath, GCC Runtime Library Exception",
    "setuptools": "named in the MPL as a secondary licence of one file",
    "torch": "tests of a part that is not in the wheel (dynolog)",
    "typing-extensions": "the licence of Python tells of the GPL, of which it is none",
}
"""Parts whose licence files hold the GPL's name: what for, as read by hand."""

_GPL_NAME = re.compile(r"GNU\s+(?:Affero\s+)?General\s+Public\s+License", re.IGNORECASE)
_LICENCE_FILE = re.compile(r"licen[cs]e|copying|notice", re.IGNORECASE)
_NOT_TEXT = (".py", ".pyc", ".so", ".pyd", ".h")
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_WORDS = {
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
}
_EXPRESSION = re.compile(
    r"\(?[A-Za-z0-9.+-]+\)?(?: (?:AND|OR|WITH) \(?[A-Za-z0-9.+-]+\)?)*"
)
_FORBIDDEN = re.compile(r"(?<!L)GPL|affero|GNU General Public", re.IGNORECASE)


@dataclass(frozen=True)
class Licence:
    """A part and its licence.

    Attributes:
        name: Normalised name of the distribution.
        version: As the lock pins it.
        licence: SPDX expression, or "" when none is known.
        problem: Why it may not be shipped, or "".
        remark: Why it may be although its metadata say otherwise, or "".
    """

    name: str
    version: str
    licence: str
    problem: str = ""
    remark: str = ""


def runtime_pins() -> dict[str, str]:
    """Versions by name of what the program needs to run, build tools left out."""
    project = _project()
    return make_lock.closure(make_lock.runtime_requirements(project)).pins


def extra_names() -> set[str]:
    """Names of what only the extra "score" needs: the program starts without."""
    always = make_lock.closure(_project()["dependencies"]).pins
    return runtime_pins().keys() - always.keys()


def _project() -> dict[str, Any]:
    text = (HERE.parent / "pyproject.toml").read_text(encoding="utf-8")
    project: dict[str, Any] = tomllib.loads(text)["project"]
    return project


def stated_licence(name: str) -> str:
    """Licence of an installed distribution as an SPDX expression; "" if not stated."""
    if name in READ_BY_HAND:
        return READ_BY_HAND[name][0]
    facts = metadata.metadata(name).json
    expression = str(facts.get("license_expression") or "").strip()
    if expression:
        return expression
    words = str(facts.get("license") or "").strip()
    known = _WORDS.get(words, words)
    if known and _EXPRESSION.fullmatch(known):
        return known
    kinds = [
        str(line).rpartition("::")[2].strip()
        for line in facts.get("classifier") or []
        if str(line).startswith("License ::")
    ]
    return " AND ".join(_CLASSIFIERS.get(kind, kind) for kind in kinds)


def judged(name: str, version: str, stated: str) -> Licence:
    """What the rule says of a part with that licence."""
    accepted = ACCEPTED_BY_NAME.get(name)
    if accepted is not None and accepted[0] in stated.split(" OR "):
        return Licence(name, version, stated, remark=accepted[1])
    if not stated:
        return Licence(name, version, "", "its metadata state no licence")
    if _FORBIDDEN.search(stated):
        return Licence(name, version, stated, "GPL or AGPL")
    if "LGPL" in stated.upper():
        return Licence(name, version, stated, "LGPL, but not accepted by name")
    where = READ_BY_HAND.get(name)
    return Licence(name, version, stated, remark=f"read in {where[1]}" if where else "")


def runtime_licences() -> list[Licence]:
    """Every part needed at run time, sorted by name, with the rule's verdict."""
    return [
        judged(name, version, stated_licence(name))
        for name, version in sorted(runtime_pins().items())
    ]


def names_the_gpl(name: str) -> bool:
    """Whether a licence file of an installed distribution names the GPL or AGPL."""
    for file in metadata.distribution(name).files or ():
        told = str(file)
        if not _LICENCE_FILE.search(told) or told.endswith(_NOT_TEXT):
            continue
        path = Path(str(file.locate()))
        if path.is_file() and _GPL_NAME.search(path.read_text("utf-8", "replace")):
            return True
    return False


def main() -> int:
    """Print the table; the exit status says whether a part fails."""
    rows = runtime_licences()
    widths = [max(len(getattr(r, f)) for r in rows) for f in ("name", "version")]
    for row in rows:
        note = f"NOT ALLOWED: {row.problem}" if row.problem else row.remark
        line = f"{row.name:{widths[0]}}  {row.version:{widths[1]}}  {row.licence}"
        sys.stdout.write(f"{line}  ({note})\n" if note else f"{line}\n")
    sys.stdout.write("\nThe GPL is named in licence files of:\n")
    for row in rows:
        if names_the_gpl(row.name):
            why = GPL_IN_FILES.get(row.name, "NOT READ YET")
            sys.stdout.write(f"{row.name:{widths[0]}}  {why}\n")
    n_bad = sum(bool(row.problem) for row in rows)
    sys.stdout.write(f"{len(rows)} parts, {n_bad} not allowed\n")
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
