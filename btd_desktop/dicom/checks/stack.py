"""Findings about order, spacing and completeness of the slices of a series."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom import geometry
from btd_desktop.dicom.differing import differing_names, plain_name
from btd_desktop.dicom.findings import (
    concerned,
    counted,
    note,
    number_text,
    visible,
    warning,
)
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.dicom.stack import Slice, Stack, grouped

_TILT_DEGREES: Final = 0.5
_TILT_TOLERANCE_DEGREES: Final = 1.0
_OBLIQUE_DEGREES: Final = 1.0
_LOCATION_TOLERANCE_MM: Final = 0.2
_SPACING_TOLERANCE: Final = 0.02
_MOST_TURNS: Final = 6


def check_stack(
    stack: Stack, shape: geometry.StackShape | None, n_parts: int
) -> Iterator[SeriesFinding]:
    """Findings about order, spacing and completeness."""
    if n_parts > 1:
        yield warning(
            "split",
            f"The series holds {n_parts} stacks, told apart by "
            f"{visible(stack.told_apart, 240)}; they are examined one by one.",
        )
    if len(stack.slices) == 1:
        yield note("single_slice", "One slice only: neighbours cannot be compared.")
    if shape is None:
        yield warning(
            "no_geometry",
            "Position or orientation is missing or unusable: slices are ordered by "
            "instance number, and distances between them are not reliable.",
        )
    else:
        yield from _check_shape(stack, shape)
        yield from _check_distances(stack, shape)
    if stack.slices[0].frame.spacing is None:
        yield warning(
            "no_pixel_spacing",
            "Pixel spacing is missing: 1 mm was assumed, sizes are not reliable.",
        )
    yield from _check_instance_numbers(
        stack, has_order=shape is not None, is_whole=n_parts == 1
    )
    yield from _check_repeated_pixels(stack.slices)


def _check_repeated_pixels(slices: Sequence[Slice]) -> Iterator[SeriesFinding]:
    first_frames = [item for item in slices if item.frame_index == 0]
    for same in grouped(first_frames, lambda item: item.pixel_sha256).values():
        # Empty slices at the ends of a scan are alike on their own.
        if len(same) > 1 and not same[0].is_flat:
            yield warning(
                "repeated_pixels",
                f"{len(same)} slices hold exactly the same pixels under different "
                "UIDs: noise makes that impossible for separate measurements.",
                [item.uid for item in same],
            )


def _check_shape(stack: Stack, shape: geometry.StackShape) -> Iterator[SeriesFinding]:
    slices = stack.slices
    if shape.gaps:
        yield warning(
            "gap",
            f"Slices are missing at {counted(len(shape.gaps), 'place')} (about "
            f"{shape.n_missing} at {shape.spacing_mm:.3g} mm). An incomplete export or "
            "transfer does this; slices may also have been taken out.",
            [slices[index].uid for index in shape.gaps],
        )
    if shape.repeats:
        yield warning(
            "repeated_position",
            f"{counted(len(shape.repeats), 'slice')} where another one lies, and "
            f"{_apart_words(slices, shape.repeats)}. A second pass of the scanner "
            "does this; so do slices added later.",
            [slices[index].uid for index in shape.repeats],
        )
    yield from _check_steps(slices, shape)
    yield from _check_beside(slices, shape)
    if shape.is_uneven:
        yield warning(
            "uneven_spacing",
            "Distances between neighbouring slices vary by over 5 %. Old protocols "
            "do so on purpose; slices of another scan, or moved ones, do too.",
        )
    yield from _check_tilt(slices, shape)
    orientation = slices[0].frame.orientation
    oblique = 0.0 if orientation is None else geometry.oblique_degrees(orientation)
    if oblique > _OBLIQUE_DEGREES:
        yield note(
            "oblique",
            f"Slices are oblique: {oblique:.1f} degrees off the nearest axis.",
        )


def _apart_words(slices: Sequence[Slice], repeats: Sequence[int]) -> str:
    names: dict[str, None] = {}
    for index in repeats:
        names |= dict.fromkeys(differing_names(slices[index - 1 : index + 1]))
    if not names:
        return "nothing in the header tells them apart but UIDs and numbers"
    shown = ", ".join(visible(plain_name(name), 64) for name in list(names)[:3])
    more = f" and {len(names) - 3} more elements" if len(names) > 3 else ""
    return f"{shown}{more} differ, but divide the series into no whole stacks"


def _check_steps(
    slices: Sequence[Slice], shape: geometry.StackShape
) -> Iterator[SeriesFinding]:
    if shape.skipped:
        yield note(
            "skipped_position",
            f"At {counted(len(shape.skipped), 'place')} of a grid of "
            f"{number_text(shape.spacing_mm)} mm there is no slice, though the slices "
            "beside it touch. Overlapping slices were perhaps thinned, or one left "
            "out.",
            [slices[index].uid for index in shape.skipped],
        )
    if shape.changes:
        yield note(
            "step_changes",
            "The distance between slices changes after slice "
            f"{', '.join(str(index + 1) for index in shape.changes[:4])}. Protocols "
            "do so, as for the base of a skull; two scans put together would too.",
            [slices[index].uid for index in shape.changes],
        )


def _check_beside(
    slices: Sequence[Slice], shape: geometry.StackShape
) -> Iterator[SeriesFinding]:
    """Slices that lie beside the line through the others (half a pixel and more)."""
    limit = 0.5 * min(slices[0].frame.spacing or (1.0,))
    odd = [s for s, mm in zip(slices, shape.beside_mm, strict=True) if mm > limit]
    farthest = number_text(round(max(shape.beside_mm, default=0.0), 4))
    if odd:
        yield warning(
            "beside_the_line",
            f"{counted(len(odd), 'slice')} of {len(slices)} lie beside the line "
            f"through the others, by up to {farthest} mm in their plane. A patient or "
            "table that moved, and software that corrects for it, do this; so do "
            "slices of another scan, and changed positions.",
            concerned(odd, slices),
        )


def _check_tilt(
    slices: Sequence[Slice], shape: geometry.StackShape
) -> Iterator[SeriesFinding]:
    stated = abs(slices[0].facts.number.get("gantry_tilt", 0.0))
    measured = shape.tilt_degrees
    if max(stated, measured) <= _TILT_DEGREES or len(slices) < 2:
        return
    shown = f"{number_text(round(measured, 1))} degrees"
    if abs(stated - measured) <= _TILT_TOLERANCE_DEGREES:
        yield note(
            "gantry_tilt",
            f"The gantry was tilted by {shown}, as header and positions say: slices "
            "are shifted against each other. Places in mm take it into account; "
            "planes that are computed across the slices do not.",
        )
        return
    yield warning(
        "gantry_tilt",
        f"Positions shift slices against each other by {shown}; GantryDetectorTilt "
        f"says {number_text(round(stated, 1)) if stated else 'nothing'}. Headers lose "
        "the tilt, or keep it when software takes it out; or the positions were "
        "changed.",
    )


def _check_instance_numbers(
    stack: Stack, *, has_order: bool, is_whole: bool
) -> Iterator[SeriesFinding]:
    if any(item.frame_index for item in stack.slices) or len(stack.slices) < 2:
        return
    numbers = [item.facts.number.get("instance_number") for item in stack.slices]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        n_missing = len(numbers) - len(known)
        yield note(
            "no_instance_number",
            f"{counted(n_missing, 'slice')} without an instance number, which every "
            "scanner writes; some converters do not.",
        )
        return
    counts = Counter(known)
    if len(counts) == 1:
        yield note(
            "no_instance_number",
            f"All slices carry the instance number {number_text(known[0])}: they are "
            "not numbered. Some converters write no other.",
        )
        return
    if len(counts) < len(known):
        yield warning(
            "repeated_instance_number",
            "Some slices share their instance number. Series that were merged do; so "
            "do slices added from elsewhere.",
            [
                item.uid
                for item, number in zip(stack.slices, known, strict=True)
                if counts[number] > 1
            ],
        )
        return
    moved = min(
        _out_of_order(known), _out_of_order([-value for value in known]), key=len
    )
    if has_order and moved and (n_turns := _turns(known)):
        ordinal = {2: "second", 3: "third"}.get(n_turns, f"{n_turns}th")
        yield note(
            "numbered_in_turns",
            f"Instance numbers pass through the stack {n_turns} times, every "
            f"{ordinal} slice at a time, as slices of MR are acquired.",
        )
    elif has_order and moved:
        yield warning(
            "instance_order",
            f"Instance numbers of {counted(len(moved), 'slice')} do not follow the "
            "positions. Slices were acquired or sorted in another order; or "
            "renumbered, moved or put in.",
            [stack.slices[index].uid for index in moved],
        )
    # Numbers may be of any size; what is counted need not be.
    n_missing = int(min(max(known) - min(known), 1e9)) + 1 - len(known)
    # The other parts of a series that was split hold the numbers between.
    if n_missing > 0 and is_whole:
        yield note(
            "instance_number_gap",
            f"{counted(n_missing, 'instance number')} missing between the first and "
            "the last. Series are split or thinned by protocol at times; slices may "
            "also have been left out.",
        )


def _turns(numbers: Sequence[float]) -> int:
    """Number of even turns in which slices were numbered; 0 when they were not so."""
    order = np.argsort(numbers, kind="stable")
    steps = np.diff(order)
    n_turns = abs(int(np.median(steps)))
    is_jump = steps != np.median(steps)
    if not 2 <= n_turns <= _MOST_TURNS or int(is_jump.sum()) != n_turns - 1:
        return 0
    turns = np.split(order, np.flatnonzero(is_jump) + 1)
    return n_turns if len({int(turn[0]) % n_turns for turn in turns}) == n_turns else 0


def _out_of_order(numbers: Sequence[float]) -> list[int]:
    """Indices outside the longest rising run through numbers that all differ."""
    tails: list[float] = []
    last: list[int] = []
    before: list[int] = []
    for index, value in enumerate(numbers):
        place = bisect.bisect_left(tails, value)
        if place == len(tails):
            tails.append(value)
            last.append(index)
        else:
            tails[place], last[place] = value, index
        before.append(last[place - 1] if place else -1)
    kept: set[int] = set()
    index = last[-1]
    while index >= 0:
        kept.add(index)
        index = before[index]
    return [i for i in range(len(numbers)) if i not in kept]


def _check_distances(
    stack: Stack, shape: geometry.StackShape
) -> Iterator[SeriesFinding]:
    """Distances that the header states, against those of the positions."""
    slices = stack.slices
    if len(slices) < 2 or shape.spacing_mm <= 0:
        return
    step = shape.spacing_mm
    stated = abs(slices[0].facts.number.get("spacing_between_slices", 0.0))
    if stated and abs(stated - step) > _SPACING_TOLERANCE * max(stated, step):
        yield note(
            "stated_spacing",
            f"SpacingBetweenSlices says {number_text(stated)} mm, the positions say "
            f"{number_text(step)} mm. Part of the slices may be elsewhere; or header "
            "and positions are not of one scan.",
        )
    thicknesses = [s.frame.thickness_mm for s in slices if s.frame.thickness_mm]
    if thicknesses and max(thicknesses) - min(thicknesses) > 1e-3:
        usual = float(np.median(thicknesses))
        odd = [
            s
            for s in slices
            if s.frame.thickness_mm and abs(s.frame.thickness_mm - usual) > 1e-3
        ]
        yield warning(
            "mixed_thickness",
            f"Slice thickness varies from {number_text(min(thicknesses))} to "
            f"{number_text(max(thicknesses))} mm. Some protocols change it in one "
            "series; slices of another reconstruction would show so too.",
            concerned(odd, slices),
        )
    elif (
        thicknesses
        and slices[0].facts.text.get("modality") == "CT"
        and step > thicknesses[0] * (1 + _SPACING_TOLERANCE)
    ):
        yield note(
            "spaced_slices",
            f"Slices are {number_text(thicknesses[0])} mm thick but lie "
            f"{number_text(step)} mm apart: what is between them is not in this "
            "series, by protocol or because slices were left out evenly.",
        )
    yield from _check_locations(stack)


def _check_locations(stack: Stack) -> Iterator[SeriesFinding]:
    """SliceLocation moves as ImagePositionPatient does (PS3.3 C.7.6.2.1.2)."""
    slices = stack.slices
    orientation = slices[0].frame.orientation
    locations = [item.facts.number.get("slice_location") for item in slices]
    known = [value for value in locations if value is not None]
    is_whole = len(known) == len(slices) and not any(s.frame_index for s in slices)
    if orientation is None or not is_whole:
        return
    along = geometry.positions_along_normal(stack.positions(), orientation)
    differences = min(
        (_beside(np.asarray(known), sign * np.asarray(along)) for sign in (1.0, -1.0)),
        key=lambda found: int((found > _LOCATION_TOLERANCE_MM).sum()),
    )
    odd = [
        item
        for item, difference in zip(slices, differences, strict=True)
        if difference > _LOCATION_TOLERANCE_MM
    ]
    # When most differ, the location counts from another point or along another axis.
    if 0 < len(odd) < len(slices) / 2:
        yield warning(
            "slice_location",
            f"SliceLocation of {counted(len(odd), 'slice')} does not follow the "
            f"position, by up to {number_text(float(differences.max()))} mm. Both are "
            "written at once by a scanner; slices that were moved or renumbered keep "
            "one of them.",
            [item.uid for item in odd],
        )


def _beside(
    values: NDArray[np.float64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance of each value from the other list's, once both start alike."""
    offsets = values - others
    distances: NDArray[np.float64] = np.abs(offsets - np.median(offsets))
    return distances
