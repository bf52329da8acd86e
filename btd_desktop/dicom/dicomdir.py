"""What a DICOMDIR claims against what lies there; it is never used to open a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from btd_desktop.dicom.stack import folder_of

_VERSION: Final = re.compile(r";\d{1,5}$")
_LONGEST_SUFFIX: Final = 5


def judge_references(name: str, references: Sequence[str], names: Sequence[str]) -> str:
    """Sentence about references that leave the folder or lead nowhere.

    Args:
        name: Record name of the DICOMDIR.
        references: Referenced File IDs, components joined by a backslash.
        names: Record names of all files of the import.
    """
    prefix = _canonical(folder_of(name.replace("\\", "/")))
    present = {place for entry in names for place in _spellings(entry)}
    n_outside = n_absent = 0
    for reference in references:
        parts = [part.strip() for part in reference.replace("/", "\\").split("\\")]
        if any(part in ("", ".", "..") or ":" in part for part in parts):
            n_outside += 1
        elif f"{prefix}{_canonical('/'.join(parts))}" not in present:
            n_absent += 1
    sentences = []
    if n_outside:
        verbs = ("lies", "was") if n_outside == 1 else ("lie", "were")
        sentences.append(
            "{} of them {} outside its folder and {} not followed.".format(
                n_outside, *verbs
            )
        )
    if n_absent:
        verb = "is" if n_absent == 1 else "are"
        sentences.append(f"{n_absent} of them {verb} not there.")
    return " ".join(sentences)


def _spellings(name: str) -> tuple[str, ...]:
    """A record name in canonical form, as it is and without the suffix of its file.

    A File ID has no suffix (PS3.10 8.5); whoever copied the disc often adds `.dcm`.
    """
    whole = _canonical(name)
    folder, slash, last = whole.rpartition("/")
    stem, dot, suffix = last.rpartition(".")
    if not dot or not stem or len(suffix) > _LONGEST_SUFFIX:
        return (whole,)
    return whole, f"{folder}{slash}{stem}"


def _canonical(name: str) -> str:
    """Upper case, `/` between parts, without the marks of a disc (ISO 9660, 7.5).

    A disc's names may end in a version (`;1`), and in a dot before it.
    """
    parts = name.replace("\\", "/").split("/")
    return "/".join(_VERSION.sub("", part).rstrip(". ").upper() for part in parts)
