"""A series to its stacks: slices of one size and orientation, on one line, one pass.

Headers round: what belongs together agrees within a share of a pixel, not to a digit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from btd_desktop.dicom import geometry
from btd_desktop.dicom.lines import parallel_stacks
from btd_desktop.dicom.phases import split_passes
from btd_desktop.dicom.stack import Slice, Stack, grouped, thinnest_mm

# Across the image, orientations of one stack differ by a pixel, spacings by half one.
_TURN_PX: Final = 2.0
_STRETCH_PX: Final = 0.5
# Half a degree and half a per cent are other scans, however small the image.
_MOST_TURN: Final = 0.0087
_MOST_STRETCH: Final = 0.005
_LEAST_SCAN: Final = 3
# Beyond so many orientations in one series, further ones are not compared.
_MOST_CENTRES: Final = 2000


def split_series(slices: Iterable[Slice]) -> list[Stack]:
    """Parts of a series that each are one stack, ordered; the largest first."""
    by_hand = sorted(slices, key=_by_number)
    stacks: list[Stack] = []
    for group, differs in _groups(by_hand):
        stacks.extend(_split_lines(group, differs))
    # The largest part is the scan, the others are scouts and remains.
    return sorted(stacks, key=lambda stack: -len(stack.slices))


def _by_number(item: Slice) -> tuple[float, int, str]:
    number = item.facts.number.get("instance_number", math.inf)
    return number, item.frame_index, item.record_name


def _groups(slices: Sequence[Slice]) -> list[tuple[list[Slice], str]]:
    """Slices that can be one volume, and in what such groups differ."""
    steps: list[tuple[str, Callable[[list[Slice]], list[list[Slice]]]]] = [
        ("modality", lambda part: _divided(part, lambda s: s.facts.text["modality"])),
        ("image size", lambda part: _divided(part, lambda s: s.stored.shape)),
        (
            "whether they state a position",
            lambda part: _divided(part, lambda s: s.has_place),
        ),
        ("frame of reference", _divided_by_frame),
        ("orientation", _divided_by_orientation),
        ("pixel spacing", _divided_by_spacing),
    ]
    groups, differs = [list(slices)], []
    for words, divide in steps:
        divided = [part for group in groups for part in divide(group)]
        if len(divided) > len(groups):
            differs.append(words)
        groups = divided
    told = " and ".join(differs)
    return [(group, told) for group in groups]


def _divided(slices: list[Slice], key: Callable[[Slice], object]) -> list[list[Slice]]:
    return list(grouped(slices, key).values())


def _divided_by_frame(slices: list[Slice]) -> list[list[Slice]]:
    """Positions of two frames of reference cannot be compared (PS3.3 C.7.4.1).

    Frames of one or two slices are no scans: where all are so, they were re-issued;
    a single one stays with the rest, and a finding names it.
    """

    def frame(item: Slice) -> str:
        return item.facts.text.get("frame_of_reference_uid", "")

    sizes = Counter(frame(item) for item in slices)
    usual = sizes.most_common(1)[0][0] if slices else ""
    return _divided(
        slices, lambda s: frame(s) if sizes[frame(s)] >= _LEAST_SCAN else usual
    )


def _divided_by_orientation(slices: list[Slice]) -> list[list[Slice]]:
    tolerance = min(_TURN_PX / max(slices[0].stored.shape), _MOST_TURN)
    return _clustered(slices, lambda s: s.frame.orientation or (), tolerance)


def _divided_by_spacing(slices: list[Slice]) -> list[list[Slice]]:
    """By the logarithm: what counts is the share."""
    tolerance = min(_STRETCH_PX / max(slices[0].stored.shape), _MOST_STRETCH)
    return _clustered(
        slices,
        lambda s: tuple(math.log(side) for side in s.frame.spacing or ()),
        tolerance,
    )


def _clustered(
    slices: list[Slice],
    value: Callable[[Slice], tuple[float, ...]],
    tolerance: float,
) -> list[list[Slice]]:
    centres: dict[int, list[tuple[float, ...]]] = {}
    labels: dict[tuple[float, ...], tuple[int, int]] = {}
    # Frequent values first: they are what the others are compared with.
    for found, _ in Counter(map(value, slices)).most_common():
        known = centres.setdefault(len(found), [])
        near = geometry.nearest_cluster(found, known[:_MOST_CENTRES], tolerance)
        if near is None:
            near = len(known)
            known.append(found)
        labels[found] = (len(found), near)
    return _divided(slices, lambda item: labels[value(item)])


def _split_lines(slices: list[Slice], differs: str) -> list[Stack]:
    orientation = slices[0].frame.orientation
    known = [item.frame.position for item in slices if item.frame.position is not None]
    if orientation is None or len(known) < len(slices):
        return [Stack(tuple(slices), told_apart=differs)]
    points = geometry.in_slice_axes(known, orientation)
    sides = slices[0].frame.spacing or ()
    same = geometry.same_position_mm(*sides, thinnest_mm(slices))
    rounding = geometry.rounding_mm(known, orientation)
    lines = parallel_stacks(points, same_mm=same, pixel_mm=min(sides, default=0.0))
    labels = np.zeros(len(slices), np.intp) if lines is None else lines
    n_lines = int(labels.max()) + 1
    stacks: list[Stack] = []
    for line in range(n_lines):
        here = np.flatnonzero(labels == line)
        along = points[here, 0]
        # Equal places keep the order of their instance numbers.
        order = np.argsort(geometry.place_labels(along, same), kind="stable")
        ordered = [slices[int(here[index])] for index in order]
        where = f"stack {line + 1} of {n_lines}" if n_lines > 1 else ""
        beside = "where they lie side by side" if n_lines > 1 else ""
        for part in split_passes(ordered, along[order], rounding):
            phase = ", ".join(filter(None, (where, part.phase)))
            told = " and ".join(filter(None, (differs, beside, part.told_apart)))
            stacks.append(Stack(part.slices, phase, told))
    return stacks
