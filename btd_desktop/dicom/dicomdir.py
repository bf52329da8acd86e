"""What a DICOMDIR claims against what lies there; it is never used to open a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["judge_references"]


def judge_references(name: str, references: Any, names: Sequence[str]) -> str:  # noqa: ANN401
    """Sentence about references that leave the folder or lead nowhere.

    Args:
        name: Record name of the DICOMDIR.
        references: Referenced File IDs, components joined by a backslash.
        names: Record names of all files of the import.
    """
    if not isinstance(references, list):
        return ""
    folder = name.rpartition("/")[0]
    prefix = f"{folder}/" if folder else name.partition("!")[0] + "!"
    prefix = prefix if folder or "!" in name else ""
    present = {entry.upper() for entry in names}
    n_outside = n_absent = 0
    for reference in references:
        parts = [part.strip() for part in str(reference).replace("/", "\\").split("\\")]
        if _leaves_folder(parts):
            n_outside += 1
        elif f"{prefix}{'/'.join(parts)}".upper() not in present:
            n_absent += 1
    sentences = []
    if n_outside:
        sentences.append(
            f"{n_outside} of them lie outside its folder and were not followed."
        )
    if n_absent:
        sentences.append(f"{n_absent} of them are not there.")
    return " ".join(sentences)


def _leaves_folder(parts: Sequence[str]) -> bool:
    return any(part in ("", ".", "..") or ":" in part for part in parts)
