"""Evidence files compared with the list that a report carries.

The list names files relative to the folders received. It may come from a report that
somebody prepared, so a name is never turned into a path: the folders given are listed
first, without following links, and names are looked up in that list.

The redacted variant of a report names no file; there the digests alone are compared.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from btd_desktop.digest import file_digest


@dataclass(frozen=True, slots=True)
class EvidenceProblem:
    """One difference between the evidence at hand and the report's list.

    Attributes:
        name: Name of the file, relative to the folder received.
        kind: "missing", "changed", "extra", "unreadable" or "not listed".
        sentence: What differs, in words.
    """

    name: str
    kind: str
    sentence: str


def compare_evidence(
    twin: Mapping[str, Any], evidence: Sequence[Path], *, ignore: Sequence[Path] = ()
) -> tuple[int, tuple[EvidenceProblem, ...]]:
    """Re-digest the evidence and compare it with the list in a report's twin.

    Members of a ZIP are covered by the digest of the ZIP. With a redacted report each
    digest must occur among the files at hand as often as in the list, whatever the
    names; a changed file is then both missing and extra.

    Args:
        twin: The JSON twin of the report.
        evidence: Folders and files at hand; opened for reading only.
        ignore: Files that are no evidence, such as the report itself.

    Returns:
        How many files were digested and compared, and every difference found.

    Raises:
        KeyError, TypeError, AttributeError, ValueError: The twin does not have the
            form of a report's twin.
    """
    found, problems = _listed(evidence, {path.resolve() for path in ignore})
    expected = list(_expected(twin))
    if twin.get("redaction") is not None:
        n_compared, differing = _compared_by_digest(expected, found)
        return n_compared, (*problems, *differing, *_none_listed(expected))
    matched: set[Path] = set()
    n_compared = 0
    for root, name, digest in expected:
        candidates = _candidates(found, root, name)
        matched.update(candidates)
        if digest is None:
            continue
        if not candidates:
            problems.append(
                EvidenceProblem(name, "missing", f"{name} is missing from the evidence")
            )
            continue
        n_compared += 1
        problem = _compared(name, digest, candidates)
        if problem is not None:
            problems.append(problem)
    problems += _none_listed(expected)
    problems += [
        EvidenceProblem(name, "extra", f"{name} is not in the report's list")
        for (_, name), path in found.items()
        if path not in matched
    ]
    return n_compared, tuple(problems)


_Found = dict[tuple[Path, str], Path]
_Expected = list[tuple[str, str, str | None]]


def _none_listed(expected: _Expected) -> list[EvidenceProblem]:
    if any(digest for _, _, digest in expected):
        return []
    sentence = "the report lists no file with a digest"
    return [EvidenceProblem("", "not listed", sentence)]


def _compared_by_digest(
    expected: _Expected, found: _Found
) -> tuple[int, list[EvidenceProblem]]:
    """How many listed files were compared, and the differences, by digest alone."""
    problems = []
    at_hand: dict[str, list[str]] = {}
    for (_, name), path in found.items():
        try:
            at_hand.setdefault(file_digest(path)[0], []).append(name)
        except OSError as error:
            problems.append(_unreadable(name, error))
    for _, name, digest in expected:
        if digest is not None and not at_hand.get(digest):
            sentence = f"no file at hand has the digest of {name}"
            problems.append(EvidenceProblem(name, "missing", sentence))
        elif digest is not None:
            at_hand[digest].pop()
    # Files that could not be read at import have no digest to recognise them by.
    n_compared = sum(digest is not None for _, _, digest in expected)
    extra = [name for names in at_hand.values() for name in names]
    problems += [
        EvidenceProblem(name, "extra", f"{name} has a digest that is not in the list")
        for name in extra[len(expected) - n_compared :]
    ]
    return n_compared, problems


def _expected(twin: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """Yield (root, name, digest) of every file that can lie on disk by itself."""
    items = twin["items"]
    for item in items["files"]:
        if not item.get("container"):
            yield _checked(item.get("root") or "", item["name"], item["sha256"])
    listed = {item["name"] for item in items["files"] if not item.get("container")}
    for item in items["containers"]:
        if item["sha256"] is not None and item["name"] not in listed:
            yield _checked("", item["name"], item["sha256"])


def _checked(root: Any, name: Any, digest: Any) -> tuple[str, str, str | None]:  # noqa: ANN401 - JSON values
    if not isinstance(root, str) or not isinstance(name, str):
        raise TypeError("a name in the list of files is not a text")
    if digest is not None and not isinstance(digest, str):
        raise TypeError("a digest in the list of files is not a text")
    return root, name, digest


def _listed(
    evidence: Sequence[Path], ignore: set[Path]
) -> tuple[_Found, list[EvidenceProblem]]:
    found: _Found = {}
    problems: list[EvidenceProblem] = []
    for base in evidence:
        if base.is_dir():
            entries = _walk(base, problems)
        elif base.exists():
            entries = iter([base])
        else:
            problems.append(
                EvidenceProblem(base.name, "missing", f"{base.name} does not exist")
            )
            continue
        for path in entries:
            if path.resolve() in ignore:
                continue
            relative = path.relative_to(base) if base.is_dir() else Path(path.name)
            name = _twin_name(relative.as_posix())
            if _is_regular(path):
                found[base, name] = path
            else:
                problems.append(
                    EvidenceProblem(
                        name, "unreadable", f"{name} is a link or no regular file"
                    )
                )
    return found, problems


def _walk(base: Path, problems: list[EvidenceProblem]) -> Iterator[Path]:
    def note(error: OSError) -> None:
        name = _twin_name(Path(str(error.filename)).name)
        problems.append(
            EvidenceProblem(name, "unreadable", f"the folder {name} cannot be read")
        )

    for folder, folders, files in os.walk(base, onerror=note, followlinks=False):
        folders.sort()
        links = [name for name in folders if Path(folder, name).is_symlink()]
        yield from (Path(folder, name) for name in sorted([*files, *links]))


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _candidates(found: _Found, root: str, name: str) -> list[Path]:
    """Files of that name, in the folder named `root` before all others."""
    in_root = [
        path
        for (base, key), path in found.items()
        if root
        and ((key == name and base.name == root) or key == f"{root}/{name}")
    ]  # fmt: skip
    if in_root:
        return in_root
    return [path for (_, key), path in found.items() if key == name]


def _compared(
    name: str, digest: str, candidates: Sequence[Path]
) -> EvidenceProblem | None:
    for path in candidates:
        try:
            if file_digest(path)[0] == digest:
                return None
        except OSError as error:
            return _unreadable(name, error)
    return EvidenceProblem(
        name, "changed", f"{name} has another digest than in the report"
    )


def _unreadable(name: str, error: OSError) -> EvidenceProblem:
    reason = error.strerror or "no reason given"
    return EvidenceProblem(name, "unreadable", f"{name} cannot be read: {reason}")


def _twin_name(name: str) -> str:
    """The name as the twin writes it: undecodable bytes as backslash escapes."""
    return name.encode("utf-8", "backslashreplace").decode()
