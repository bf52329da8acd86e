"""The redacted variant of a report: the same numbers, nobody named.

What stands in a field of its own (patient, file names, UIDs, description, dates) is
replaced whatever it says. Texts that people or programs wrote are searched for the
names and identities that the case holds. Pictures keep the body only, because the
surroundings of a slice are where scanners burn names in.

Digests of files stay: whoever holds the evidence can still check it against a redacted
report. Digests that were taken over names do not, since a name can be found by trying:
the digest of the list is taken anew over the list as redacted, and those of the single
audit entries are left out.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.digest import tree_digest
from btd_desktop.preprocess.foreground import foreground_mask
from btd_desktop.report.content import (
    Exhibit,
    ExhibitFigure,
    Fact,
    FileItem,
    ItemsReceived,
    RedactionNote,
    ReportContent,
    SeriesExamined,
    SeriesResult,
)

__all__ = ["REPLACED", "Scrubber", "picture_of_body", "redacted_content"]

Pseudonym = Callable[[str, str], str]
"""(kind, text) to the pseudonym of the text: the same one for the same text."""

REPLACED: Final = (
    "The patient, names of files and folders and DICOM UIDs are replaced by pseudonyms"
    " of the case; the same pseudonym stands for the same original in all reports of"
    " the case.",
    "Descriptions of series, dates of the examination and digests taken over names are"
    " left out, and other texts are cleared of what identifies the patient.",
    "Pictures show the body only.",
    "All scores, p-values and digests of files are those of the full report.",
)

WITHHELD: Final = "withheld"
_KNOWN_SUFFIXES: Final = frozenset(
    (".dcm", ".ima", ".zip", ".nii", ".gz", ".nrrd", ".mha", ".txt", ".pdf", ".xml")
)
_ANYWHERE: Final = 5
"""Texts of this length are replaced inside words too."""
_SHORTEST: Final = 3
"""Shorter ones are not searched for: every "12" would be replaced."""
_MARGIN_PX: Final = 3
_WORDS_OF_OURS: Final = frozenset(
    ("conclusion", "fate", "kind", "level", "mode", "modality", "scope", "severity",
     "sha256", "tree_digest", "unit", "volume_digest", "calibration_digest",
     "method_id", "label", "status", "manifest_digest", "result_digest")
)  # fmt: skip
"""Fields whose words are the program's own; the layout looks them up."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Scrubber:
    """Replaces known texts by their pseudonyms, longest first, in any letter case.

    Attributes:
        identities: Names, numbers and dates of people to their pseudonyms; few.
        names: Names of files and UIDs to their pseudonyms; may be very many.
    """

    identities: Mapping[str, str]
    names: Mapping[str, str]
    _pattern: re.Pattern[str]
    _by_length: tuple[tuple[int, Mapping[str, str]], ...]

    @classmethod
    def of(cls, identities: Mapping[str, str], names: Mapping[str, str]) -> Scrubber:
        """A scrubber that knows these texts; those under three letters are left out."""
        folded = {_folded(k): v for k, v in identities.items() if len(k) >= _SHORTEST}
        lengths: dict[int, dict[str, str]] = {}
        for name, alias in names.items():
            if len(name) >= _SHORTEST:
                lengths.setdefault(len(name), {})[_folded(name)] = alias
        by_length = tuple(sorted(lengths.items(), reverse=True))
        return cls(folded, names, _pattern_of(folded), by_length)

    def clean(self, text: str) -> str:
        """The text with every known one replaced."""
        cleaned = self._without_names(text)
        return self._pattern.sub(lambda m: self._alias(m.group()), cleaned)

    def _alias(self, text: str) -> str:
        return self.identities.get(_folded(text), WITHHELD)

    def _without_names(self, text: str) -> str:
        folded, out, at = _folded(text), [], 0
        while at < len(text):
            alias, length = self._name_at(folded, at)
            out.append(alias or text[at])
            at += length
        return "".join(out)

    def _name_at(self, folded: str, at: int) -> tuple[str, int]:
        # A name is looked for where a word starts and must end where one ends, so
        # that a file called "art" leaves "start" alone.
        if at and folded[at - 1].isalnum() and folded[at].isalnum():
            return "", 1
        for length, names in self._by_length:
            end = at + length
            if end > len(folded) or (end < len(folded) and folded[end].isalnum()):
                continue
            alias = names.get(folded[at:end])
            if alias is not None:
                return alias, length
        return "", 1


def _folded(text: str) -> str:
    lower = text.lower()
    # Some letters grow when folded; places in the text must stay where they are.
    return lower if len(lower) == len(text) else text


def _pattern_of(texts: Iterable[str]) -> re.Pattern[str]:
    choices = [
        re.escape(t) if len(t) >= _ANYWHERE else rf"(?<!\w){re.escape(t)}(?!\w)"
        for t in sorted(texts, key=len, reverse=True)
    ]
    return re.compile("|".join(choices) or r"(?!)", re.IGNORECASE)


def redacted_content(
    content: ReportContent,
    pseudonym: Pseudonym,
    scrubber: Scrubber,
    note: RedactionNote,
    *,
    report_id: str,
) -> ReportContent:
    """The redacted variant of a report.

    Args:
        content: The full report.
        pseudonym: Gives pseudonyms by kind: "patient", "file", "uid".
        scrubber: What is looked for in texts, beside the names of the files listed.
        note: What the variant says of itself.
        report_id: Identity of the variant.
    """
    listed = {
        f.name: _file_alias(_whole_name(f), pseudonym) for f in content.items.files
    }
    scrubber = Scrubber.of(scrubber.identities, dict(scrubber.names) | listed)
    modality = {series.number: series.modality for series in content.series}
    return replace(
        content,
        identity=replace(content.identity, report_id=report_id),
        mandate=_scrubbed(content.mandate, scrubber),
        items=_items(content.items, pseudonym, scrubber),
        series=tuple(_series(s, pseudonym, scrubber) for s in content.series),
        results=tuple(
            _result(r, modality[r.series_number], pseudonym, scrubber)
            for r in content.results
        ),
        opinion=_scrubbed(content.opinion, scrubber),
        reproduction=replace(
            content.reproduction,
            commands=(
                "btd examine EVIDENCE --out CASE",
                "btd verify REPORT.pdf --evidence EVIDENCE",
            ),
        ),
        custody=tuple(
            replace(_scrubbed(event, scrubber), digest="") for event in content.custody
        ),
        alternatives=tuple(_scrubbed(a, scrubber) for a in content.alternatives),
        limitations=tuple(scrubber.clean(text) for text in content.limitations),
        redaction=note,
    )


def _items(
    items: ItemsReceived, pseudonym: Pseudonym, scrubber: Scrubber
) -> ItemsReceived:
    files = tuple(_file(item, pseudonym, scrubber) for item in items.files)
    containers = tuple(
        replace(c, name=_file_alias(c.name, pseudonym)) for c in items.containers
    )
    return ItemsReceived(
        files=files,
        tree_digest=tree_digest((_whole_name(f), f.sha256 or "") for f in files),
        containers=containers,
        received=scrubber.clean(items.received),
        findings=tuple(scrubber.clean(text) for text in items.findings),
    )


def _file(item: FileItem, pseudonym: Pseudonym, scrubber: Scrubber) -> FileItem:
    return replace(
        item,
        name=_file_alias(_whole_name(item), pseudonym),
        reason=scrubber.clean(item.reason),
        container=_file_alias(item.container, pseudonym) if item.container else "",
        root=pseudonym("file", item.root) if item.root else "",
    )


def _whole_name(item: FileItem) -> str:
    return f"{item.container}!{item.name}" if item.container else item.name


def _file_alias(name: str, pseudonym: Pseudonym) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    kept = suffix if suffix in _KNOWN_SUFFIXES else ""
    return pseudonym("file", name) + kept


def _series(
    series: SeriesExamined, pseudonym: Pseudonym, scrubber: Scrubber
) -> SeriesExamined:
    uid = series.series_instance_uid
    return replace(
        _scrubbed(series, scrubber),
        description="description withheld" if series.description else "",
        series_instance_uid=_uid_alias(uid, pseudonym),
        patient=pseudonym("patient", series.patient) if series.patient else "",
        facts=tuple(_fact(fact, scrubber) for fact in series.facts),
    )


def _fact(fact: Fact, scrubber: Scrubber) -> Fact:
    if "date" in fact.name.lower() or "acquired" in fact.name.lower():
        return Fact(fact.name, WITHHELD)
    return Fact(fact.name, scrubber.clean(fact.value))


def _uid_alias(uid: str, pseudonym: Pseudonym) -> str:
    whole, mark, frame = uid.partition("#")
    return f"{pseudonym('uid', whole)}{mark}{frame}" if whole else uid


def _result(
    result: SeriesResult, modality: str, pseudonym: Pseudonym, scrubber: Scrubber
) -> SeriesResult:
    return replace(
        result,
        scope=_scrubbed(result.scope, scrubber),
        flagged_slices=tuple(
            replace(s, sop_instance_uid=_uid_alias(s.sop_instance_uid, pseudonym))
            for s in result.flagged_slices
        ),
        exhibits=tuple(
            _exhibit(e, modality, pseudonym, scrubber) for e in result.exhibits
        ),
    )


def _exhibit(
    exhibit: Exhibit, modality: str, pseudonym: Pseudonym, scrubber: Scrubber
) -> Exhibit:
    figure = exhibit.figure
    place = (exhibit.column, exhibit.row)
    return replace(
        exhibit,
        sop_instance_uid=_uid_alias(exhibit.sop_instance_uid, pseudonym),
        note=scrubber.clean(exhibit.note),
        figure=None if figure is None else _of_body(figure, place, modality),
    )


def _of_body(
    figure: ExhibitFigure, place: tuple[int, int], modality: str
) -> ExhibitFigure | None:
    """The figure with everything outside the body black; None without the slice."""
    plane = figure.slice_image
    if plane is None:
        return None
    body = picture_of_body(plane, modality, place)
    column, row = figure.crop_origin
    height, width = figure.crop.shape
    inside = body[row : row + height, column : column + width]
    black = np.float32(figure.window[0] - figure.window[1] / 2)
    nothing = np.float32(np.nan)
    return replace(
        figure,
        slice_image=np.where(body, plane, black),
        crop=np.where(inside, figure.crop, black),
        residual=np.where(inside, figure.residual, nothing),
        p_map=None if figure.p_map is None else np.where(inside, figure.p_map, nothing),
    )


def picture_of_body(
    plane: NDArray[np.floating], modality: str, place: tuple[int, int] | None = None
) -> NDArray[np.bool_]:
    """True for the pixels of a slice that a redacted picture may show.

    The largest body of the slice and the one that holds the place, with a margin of
    three pixels. Text burned in outside the body is no part of it; text burned into
    the body is, and cannot be told from anatomy.

    Args:
        plane: Modality values, shape (H, W).
        modality: "CT" or "MR".
        place: (column, row) that must stay visible, or None.

    Returns:
        Mask of shape (H, W).
    """
    labels, n_bodies = ndimage.label(foreground_mask(plane, modality))
    if n_bodies == 0:
        return np.zeros(plane.shape, dtype=np.bool_)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    kept = {int(np.argmax(sizes))}
    if place is not None and labels[place[1], place[0]]:
        kept.add(int(labels[place[1], place[0]]))
    shown: NDArray[np.bool_] = ndimage.binary_dilation(
        np.isin(labels, list(kept)), iterations=_MARGIN_PX
    )
    return shown


def _scrubbed(value: _T, scrubber: Scrubber) -> _T:
    """A dataclass with the texts of all its fields cleaned, but the program's words."""
    changes: dict[str, Any] = {}
    for item in dataclasses.fields(value):  # type: ignore[arg-type]
        if item.name not in _WORDS_OF_OURS:
            changes[item.name] = _cleaned(getattr(value, item.name), scrubber)
    return replace(value, **changes)  # type: ignore[type-var]


def _cleaned(value: object, scrubber: Scrubber) -> object:
    if isinstance(value, str):
        return scrubber.clean(value)
    if isinstance(value, tuple):
        return tuple(_cleaned(part, scrubber) for part in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _scrubbed(value, scrubber)
    return value
