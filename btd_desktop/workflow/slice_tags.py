"""The DICOM elements behind a slice of a case, and what differs between two slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from btd_desktop.cases.model import EvidenceItem, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.parsed import Tag
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.dicom.tags import TagList, list_tags
from btd_desktop.errors import CaseError

ABSENT: Final = "(absent)"


@dataclass(frozen=True, slots=True)
class TagRow:
    """One element of a slice, or one in which two slices differ.

    Attributes:
        path: "(gggg,eeee)"; for an item of a sequence, below the sequence's.
        keyword: Name of the element.
        vr: Value representation, in the first file that has the element.
        value: "" when it is empty, `ABSENT` when only the other slice has it.
        other: The same of the slice compared with; "" when there is none.
    """

    path: str
    keyword: str
    vr: str
    value: str
    other: str = ""


class SliceTags(TagList):
    """The elements of the file behind a slice."""

    __slots__ = ()

    def rows(self, other: SliceTags | None = None) -> list[TagRow]:
        """All elements, or those that differ from another slice's."""
        if other is not None:
            return differing_tags(self.tags, other.tags)
        return [TagRow(t.path, t.keyword, t.vr, t.value) for t in self.tags]


def tags_of_slice(
    store: CaseStore,
    series_id: int,
    slice_index: int,
    sandbox: Sandbox | None = None,
) -> SliceTags:
    """Elements of the file that a slice came from, or why they cannot be listed.

    The file is read where it was imported from, and is listed only when its SHA-256
    is the one in the case.

    Args:
        store: Open case.
        series_id: The series.
        slice_index: From 0.
        sandbox: Process that parses many files one after the other; None starts one.

    Raises:
        CaseError: There is no such series or slice.
    """
    record = next((r for r in store.series() if r.series_id == series_id), None)
    if record is None or not 0 <= slice_index < record.n_slices:
        raise CaseError(
            f"the case has no slice {slice_index + 1} of series {series_id}",
            hint="choose a slice of a series of this case",
            code="no_slice",
        )
    if slice_index >= len(record.record_names):
        reason = "The case does not say which file this slice came from."
        return SliceTags(reason=reason)
    name = record.record_names[slice_index]
    evidence = store.evidence()
    found = _items_of_slice(store, record, evidence, slice_index)
    if not found:
        return SliceTags(reason="The evidence list has no such file.", source=name)
    if len({item.sha256 for item in found}) > 1:
        reason = (
            f"{len(found)} different files of the case bear this name; the case does "
            "not say which of them the slice came from."
        )
        return SliceTags(reason=reason, source=name)
    listed = TagList()
    # Copies with one digest are the same evidence: any that can still be read will do.
    for item in found:
        member = member_of(item, evidence)
        listed = list_tags(
            Path(item.path), member=member, sha256=item.sha256, sandbox=sandbox
        )
        if not listed.reason:
            break
    return SliceTags(listed.tags, listed.note, listed.reason, name)


def differing_tags(own: Sequence[Tag], other: Sequence[Tag]) -> list[TagRow]:
    """Elements in which two files differ, in the order of the first file."""
    theirs = {tag.path: tag for tag in other}
    ours = {tag.path: tag for tag in own}
    differences = []
    for path in dict.fromkeys([*ours, *theirs]):
        a, b = ours.get(path), theirs.get(path)
        either = a or b
        if a == b or either is None:
            continue
        value = ABSENT if a is None else a.value
        second = ABSENT if b is None else b.value
        if a is not None and b is not None and a.value == b.value:
            # The values shown are equal; the VR, or what is not shown, differs.
            value, second = _told_apart(a), _told_apart(b)
        differences.append(TagRow(path, either.keyword, either.vr, value, second))
    return differences


def _told_apart(tag: Tag) -> str:
    digest = f", SHA-256 {tag.digest[:16]}…" if tag.digest else ""
    return f"{tag.value} (VR {tag.vr}{digest})"


def _items_of_slice(
    store: CaseStore,
    record: SeriesRecord,
    evidence: Sequence[EvidenceItem],
    slice_index: int,
) -> list[EvidenceItem]:
    """Accepted items with the slice's name, narrowed down by its instance UID."""
    name = record.record_names[slice_index]
    named = [
        item
        for item in evidence
        if item.name == name and item.fate == "accepted" and not item.is_container
    ]
    uids = store.load_volume(record.series_id).instance_uids
    uid = uids[slice_index] if slice_index < len(uids) else ""
    exact = [item for item in named if uid and item.sop_instance_uid == uid]
    return exact or named


def member_of(item: EvidenceItem, evidence: Sequence[EvidenceItem]) -> str:
    """Name inside its archive; "" for a file of its own."""
    for container in evidence:
        prefix = f"{container.name}!"
        is_inside = container.is_container and container.path == item.path
        if is_inside and item.name.startswith(prefix):
            return item.name[len(prefix) :]
    return ""
