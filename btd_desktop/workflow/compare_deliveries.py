"""Two deliveries of one scan: the same pixels, in other files, or not.

Pixels are compared by the digest of their decoded stored values, so the same slices in
another lossless encoding are the same slices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.parsed import Tag
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.dicom.series import FileRecord, Import
from btd_desktop.dicom.tags import TagList, list_tags
from btd_desktop.examination.wording import counted
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.slice_tags import differing_tags

_SYNTAX: Final = "TransferSyntaxUID"
_NOT_COMPARED: Final = ("PixelData",)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two files of one image that are not byte for byte the same.

    Attributes:
        first: Name in the first delivery.
        second: Name in the second one.
        same_pixels: Their decoded stored values have one digest.
        encodings: Transfer syntax UIDs; empty where they are the same.
        fields: Header elements that differ, by keyword or tag; file meta information
            and the pixels left out.
        unread: Why headers could not be compared; "" where they were.
    """

    first: str
    second: str
    same_pixels: bool
    encodings: tuple[str, ...]
    fields: tuple[str, ...]
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two deliveries share and where they differ.

    Attributes:
        n_first: Images of the first.
        n_second: Images of the second.
        n_identical: Pairs of files that are the same byte for byte.
        differences: The other pairs.
        only_first: Images that the second lacks, by name.
        only_second: Images that the first lacks.
        others_first: Other files of the first that the second lacks.
        others_second: Other files of the second that the first lacks.
    """

    n_first: int
    n_second: int
    n_identical: int
    differences: tuple[Difference, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    others_first: tuple[str, ...]
    others_second: tuple[str, ...]

    @property
    def same_images(self) -> bool:
        """Both hold images, the same ones, pixel by pixel."""
        alone = self.only_first or self.only_second
        same = all(d.same_pixels for d in self.differences)
        return self.n_first > 0 and not alone and same

    def to_json(self) -> dict[str, Any]:
        """JSON value."""
        return {"same_images": self.same_images, **asdict(self)}

    def lines(self, most: int) -> Iterator[str]:
        """The comparison in words, at most so many names of a kind."""
        yield (
            f"Same images, pixel by pixel: {'yes' if self.same_images else 'NO'} "
            f"({self.n_first:,} and {self.n_second:,} images)"
        )
        yield f"  byte for byte the same: {counted(self.n_identical, 'file')}"
        other = [d for d in self.differences if d.same_pixels and d.encodings]
        yield f"  same pixels, other encoding: {counted(len(other), 'file')}"
        for pair in sorted({" → ".join(d.encodings) for d in other}):
            yield f"    {pair}"
        fields: dict[str, int] = {}
        for difference in self.differences:
            for name in difference.fields:
                fields[name] = fields.get(name, 0) + 1
        yield f"  header fields that differ: {len(fields)}"
        for name, n in sorted(fields.items())[:most]:
            yield f"    {name}: in {counted(n, 'pair')}"
        unread = [d for d in self.differences if d.unread]
        yield from (f"  headers not compared: {d.first}: {d.unread}" for d in unread)
        changed = [d for d in self.differences if not d.same_pixels]
        yield f"  OTHER PIXELS: {counted(len(changed), 'file')}"
        yield from (f"    {d.first} – {d.second}" for d in changed[:most])
        for words, names in (
            ("images missing in the second", self.only_first),
            ("images missing in the first", self.only_second),
            ("other files missing in the second", self.others_first),
            ("other files missing in the first", self.others_second),
        ):
            yield f"  {words}: {len(names)}"
            yield from (f"    {name}" for name in names[:most])


def compare(first: Path, second: Path, context: TaskContext) -> Comparison:
    """Compare two deliveries; images are paired by UID, else by their pixels.

    Raises:
        EvidenceError: A path does not exist or holds far too many files.
        Cancelled: The examiner asked to stop.
    """
    found = [import_evidence([path], context) for path in (first, second)]
    ours, theirs = (_images(f) for f in found)
    pairs = _paired(ours, theirs)
    of_first = {a.name for a, _ in pairs}
    of_second = {b.name for _, b in pairs}
    apart = [(a, b) for a, b in pairs if a.sha256 != b.sha256]
    with Sandbox(DEFAULT_LIMITS) as sandbox:
        differences = []
        for number, (a, b) in enumerate(apart):
            context.report(number, len(apart), "Comparing headers")
            differences.append(_difference(a, b, sandbox))
    others = [_others(f) for f in found]
    return Comparison(
        len(ours),
        len(theirs),
        len(pairs) - len(apart),
        tuple(differences),
        tuple(r.name for r in ours if r.name not in of_first),
        tuple(r.name for r in theirs if r.name not in of_second),
        _lacking(others[0], others[1]),
        _lacking(others[1], others[0]),
    )


def _images(found: Import) -> list[FileRecord]:
    """Files with pixels; of copies of one image the first."""
    return [r for r in found.files if r.pixel_sha256 and r.fate == "accepted"]


def _others(found: Import) -> dict[str, str]:
    """Digest to name of the files that are no image."""
    return {r.sha256: r.name for r in found.files if r.fate != "accepted"}


def _lacking(own: dict[str, str], other: dict[str, str]) -> tuple[str, ...]:
    return tuple(name for digest, name in own.items() if digest not in other)


def _paired(
    ours: Sequence[FileRecord], theirs: Sequence[FileRecord]
) -> list[tuple[FileRecord, FileRecord]]:
    by_uid: dict[tuple[str, str], list[FileRecord]] = {}
    for record in theirs:
        by_uid.setdefault((record.series_uid, record.sop_instance_uid), []).append(
            record
        )
    pairs, left = [], []
    for record in ours:
        key = (record.series_uid, record.sop_instance_uid)
        same = by_uid.get(key, []) if record.sop_instance_uid else []
        # Under one UID the same pixels come first.
        same.sort(key=lambda other: other.pixel_sha256 != record.pixel_sha256)
        if same:
            pairs.append((record, same.pop(0)))
        else:
            left.append(record)
    by_pixels: dict[str, list[FileRecord]] = {}
    for rest in by_uid.values():
        for record in rest:
            by_pixels.setdefault(record.pixel_sha256, []).append(record)
    return pairs + [
        (record, same.pop(0))
        for record in left
        if (same := by_pixels.get(record.pixel_sha256, []))
    ]


def _difference(a: FileRecord, b: FileRecord, sandbox: Sandbox) -> Difference:
    same = a.pixel_sha256 == b.pixel_sha256
    own, other = (_tags(record, sandbox) for record in (a, b))
    if own.reason or other.reason:
        reason = own.reason or other.reason
        return Difference(a.name, b.name, same, (), (), reason)
    encodings = tuple(_value(listed.tags, _SYNTAX) for listed in (own, other))
    rows = differing_tags(_compared(own.tags), _compared(other.tags))
    fields = tuple(dict.fromkeys(row.keyword or row.path for row in rows))
    if encodings[0] == encodings[1]:
        encodings = ()
    return Difference(a.name, b.name, same, encodings, fields)


def _tags(record: FileRecord, sandbox: Sandbox) -> TagList:
    member = record.name.rpartition("!")[2] if "!" in record.name else ""
    path = Path(record.path)
    return list_tags(path, member=member, sha256=record.sha256, sandbox=sandbox)


def _compared(tags: Sequence[Tag]) -> list[Tag]:
    """What the two headers say: neither file meta information nor the pixels."""
    return [
        tag
        for tag in tags
        if not tag.path.startswith("(0002,") and tag.keyword not in _NOT_COMPARED
    ]


def _value(tags: Sequence[Tag], keyword: str) -> str:
    return next((tag.value for tag in tags if tag.keyword == keyword), "")
