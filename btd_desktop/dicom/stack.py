"""A slice with its facts, and slices that form one stack."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from numpy.typing import NDArray

from btd_desktop.dicom import geometry
from btd_desktop.dicom.instance import FrameFacts, InstanceFacts
from btd_desktop.volume import Point, point_of

COPY = " copy "
_Item = TypeVar("_Item")
_Key = TypeVar("_Key")


def series_key(record_name: str, facts: InstanceFacts, copy: int = 1) -> str:
    """Series Instance UID, or the folder for files that state none; unique per copy."""
    uid = facts.text.get("series_uid") or f"missing:{folder_of(record_name)}"
    return uid if copy == 1 else f"{uid}{COPY}{copy}"


def folder_of(record_name: str) -> str:
    """Folder of a file, or archive and folder of a member."""
    return record_name[: max(record_name.rfind("/"), record_name.rfind("!")) + 1]


def grouped(
    items: Iterable[_Item], key: Callable[[_Item], _Key]
) -> dict[_Key, list[_Item]]:
    """Items with the same key together, keys in the order in which they come first."""
    groups: dict[_Key, list[_Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """One frame on its way into a volume.

    Attributes:
        uid: SOP Instance UID, with `#frame` for multi-frame objects; the file's name
            when it has no UID.
        record_name: Name of its file record.
        facts: Facts of its instance.
        frame: Facts of this frame; unusable orientation and spacing left out.
        frame_index: From 0.
        stored: Stored values, shape (H, W).
        pixel_sha256: Digest of the whole instance's stored values.
    """

    uid: str
    record_name: str
    facts: InstanceFacts
    frame: FrameFacts
    frame_index: int
    stored: NDArray[Any]
    pixel_sha256: str

    @property
    def has_place(self) -> bool:
        """True when its position and orientation are known."""
        return self.frame.position is not None and self.frame.orientation is not None

    @property
    def is_flat(self) -> bool:
        """True when all stored values are the same, as in empty slices."""
        return bool(self.stored.min() == self.stored.max())


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Ordered slices that become one volume.

    Attributes:
        slices: In order, at least one.
        phase: What sets this part apart from others of its series; or "".
        told_apart: What tells the parts of its series apart, in words; or "".
    """

    slices: tuple[Slice, ...]
    phase: str = ""
    told_apart: str = ""

    @property
    def has_place(self) -> bool:
        """True when they are ordered by position: slices without one are apart."""
        return self.slices[0].has_place

    def positions(self) -> list[tuple[float, ...]]:
        """Position of each slice that has one."""
        return [s.frame.position for s in self.slices if s.frame.position is not None]

    def origins(self) -> tuple[Point, ...] | None:
        """The same as points, or None when not every slice has one."""
        if not self.has_place:
            return None
        return tuple(map(point_of, self.positions()))

    def shape(self) -> geometry.StackShape | None:
        """Spacing and gaps, or None when the slices are not ordered by position."""
        orientation = self.slices[0].frame.orientation
        if not self.has_place or orientation is None:
            return None
        return geometry.describe_stack(
            self.positions(),
            orientation,
            [item.frame.thickness_mm for item in self.slices],
            pixel_mm=min(self.slices[0].frame.spacing or (0.0,)),
        )


def thinnest_mm(slices: Iterable[Slice]) -> float | None:
    """Smallest SliceThickness that is stated; None where none is."""
    known = (s.frame.thickness_mm for s in slices if s.frame.thickness_mm)
    return min(known, default=None)
