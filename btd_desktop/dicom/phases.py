"""Several passes over the same places under one series: what tells them apart.

Cardiac phases, echoes, contrast phases, b-values: each pass is a stack of its own. No
list of tags knows all of them, so every element of the headers is compared.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom import geometry
from btd_desktop.dicom.differing import (
    PREFERRED,
    columns,
    differing_names,
    may_be_shown,
    number_of,
    numeric_key,
    plain_name,
    value_of,
)
from btd_desktop.dicom.stack import Slice, Stack, grouped, thinnest_mm

# Rise from pass to pass where instance numbers start anew.
_ORDERED: Final = ("AcquisitionTime", "ContentTime", "TriggerTime")
_MIN_SLICES: Final = 3
_MAX_PASSES: Final = 6
_MAX_PAIRED: Final = 24
# Steps that differ by less are alike; slices that overlap by more are thin-stepped.
_ALIKE: Final = 0.02
_OVERLAPPED: Final = 0.75
_BY_SWEEP: Final = "their instance numbers, which run through each"


def split_passes(
    slices: Sequence[Slice], along: NDArray[np.float64], rounding: float = 0.0
) -> list[Stack]:
    """Passes of slices that are ordered along the normal, each a stack.

    Args:
        slices: Of one size and orientation, on one line.
        along: Position of each along the normal, rising.
        rounding: Error of these that the written decimals explain, mm.
    """
    frame = slices[0].frame
    same = geometry.same_position_mm(*(frame.spacing or ()), thinnest_mm(slices))
    places = geometry.place_labels(along, same)
    most = max(Counter(places.tolist()).values())
    if most > 1:
        return _split_repeats(slices, along, places, most)
    return _split_interleaved(slices, along, rounding) or [Stack(tuple(slices))]


def _split_repeats(
    slices: Sequence[Slice],
    along: NDArray[np.float64],
    places: NDArray[np.intp],
    most: int,
) -> list[Stack]:
    found = list(columns(slices, max(2 * most, most + 1)))
    best: tuple[tuple[int, ...], tuple[str, ...], list[tuple[str, ...]]] | None
    best = None
    names: tuple[str, ...]
    chosen: list[tuple[tuple[str, ...], list[tuple[str, ...]]]] = [
        ((name,), [(value,) for value in values]) for name, values in found
    ]
    for (one, first), (two, second) in itertools.combinations(found[:_MAX_PAIRED], 2):
        chosen.append(((one, two), list(zip(first, second, strict=True))))
    for order, (names, values) in enumerate(chosen):
        if not _tells_apart(values, places, most):
            continue
        is_vague = any(plain_name(name) not in PREFERRED for name in names)
        if is_vague and not places.any():
            continue  # all at one place: frames of a film, not stacks
        quality = (len(names), is_vague, len(set(values)) - most, order)
        if best is None or quality < best[0]:
            best = (quality, names, values)
    if best is not None:
        return _parts(slices, best[1], best[2])
    return (
        _split_by_rank(slices, places, most)
        or _split_overlapping(slices, along, places)
        or [Stack(tuple(slices))]
    )


def _split_overlapping(
    slices: Sequence[Slice], along: NDArray[np.float64], places: NDArray[np.intp]
) -> list[Stack]:
    """Sweeps that share some places only, as of chest and abdomen; [] without."""
    runs = _number_runs(slices, along)
    sizes = Counter(runs)
    pairs = set(zip(runs, places.tolist(), strict=True))
    if not 2 <= len(sizes) <= _MAX_PASSES or len(pairs) < len(slices):
        return []
    if min(sizes.values()) < _MIN_SLICES:
        return []
    for run in sizes:
        here = [index for index, other in enumerate(runs) if other == run]
        if not geometry.is_regular(along[here]):
            return []
    return _told(slices, runs, _BY_SWEEP)


def _tells_apart(
    values: Sequence[tuple[str, ...]], places: NDArray[np.intp], most: int
) -> bool:
    """True where no value occurs twice at a place, and none is only a remnant's."""
    sizes = Counter(values)
    if len(sizes) < 2 or len(set(zip(values, places.tolist(), strict=True))) < len(
        values
    ):
        return False
    return len(sizes) <= most or (
        len(sizes) <= 2 * most and min(sizes.values()) >= _MIN_SLICES
    )


def _parts(
    slices: Sequence[Slice],
    names: tuple[str, ...],
    values: Sequence[tuple[str, ...]],
) -> list[Stack]:
    told = " and ".join(plain_name(name) for name in names)
    return _told(slices, values, told, partial(_label, names))


def _label(names: tuple[str, ...], kind: tuple[str, ...], index: int, n: int) -> str:
    if all(may_be_shown(name, value) for name, value in zip(names, kind, strict=True)):
        return ", ".join(
            f"{plain_name(name)} {value or 'absent'}"
            for name, value in zip(names, kind, strict=True)
        )
    return f"{' and '.join(plain_name(name) for name in names)}, {index + 1} of {n}"


def _split_by_rank(
    slices: Sequence[Slice], places: NDArray[np.intp], most: int
) -> list[Stack]:
    """Passes by rank of instance number, or time, at each place; [] without either."""
    numbers = _numbers(slices)
    parts = _split_by_order(slices, places, most, numbers, "InstanceNumber")
    for name in _ORDERED:
        if not parts:
            order = np.array([number_of(value_of(item, name)) for item in slices])
            parts = _split_by_order(slices, places, most, order, name)
    return parts


def _split_by_order(
    slices: Sequence[Slice],
    places: NDArray[np.intp],
    most: int,
    numbers: NDArray[np.float64],
    by: str,
) -> list[Stack]:
    """Passes by rank of a number at each place; [] where that says nothing.

    Where a pass misses a slice, the numbers of its neighbours tell which pass that is.
    """
    counts = Counter(places.tolist())
    n_full = sum(count == most for count in counts.values())
    if 2 * n_full < len(counts) or len(counts) < 2 or not np.isfinite(numbers).all():
        return []
    known = np.full((most, len(counts)), math.nan)
    ranks = np.full(len(slices), -1)
    for place, count in counts.items():
        here = np.flatnonzero(places == place)
        if len(set(numbers[here])) < count:
            return []
        if count == most:
            ranks[here[np.argsort(numbers[here])]] = np.arange(most)
            known[:, place] = np.sort(numbers[here])
    full = np.flatnonzero(np.isfinite(known[0]))
    for place, count in counts.items():
        if count < most:
            here = np.flatnonzero(places == place)
            wanted = [_expected(full, row[full], place) for row in known]
            _match(here, numbers[here], wanted, ranks)
    differing = [
        plain_name(name)
        for name in differing_names(slices)
        if plain_name(name) != by and _differs_at_places(slices, name, places)
    ]
    ranked = "instance numbers" if by == "InstanceNumber" else by
    told = f"the order of their {ranked} at each place"
    told += f" ({_words(differing)})" if differing else (
        ": nothing else in the header tells them apart"
    )  # fmt: skip
    return _told(slices, [(str(rank),) for rank in ranks], told)


def _numbers(slices: Sequence[Slice]) -> NDArray[np.float64]:
    """Instance numbers; for frames of one instance their order within it."""
    numbers = np.array(
        [item.facts.number.get("instance_number", math.nan) for item in slices]
    )
    frames = np.array([item.frame_index for item in slices])
    if frames.any() and np.isfinite(numbers).all():
        ordered = np.lexsort((frames, numbers))
        numbers[ordered] = np.arange(len(slices))
    return numbers


def _expected(full: NDArray[np.intp], row: NDArray[np.float64], place: int) -> float:
    """Number that a pass would have at a place, on the line through its neighbours."""
    if len(full) == 1:
        return float(row[0])
    right = min(max(int(np.searchsorted(full, place)), 1), len(full) - 1)
    left = right - 1
    step = (row[right] - row[left]) / (full[right] - full[left])
    return float(row[left] + step * (place - full[left]))


def _match(
    here: NDArray[np.intp],
    numbers: NDArray[np.float64],
    wanted: Sequence[float],
    ranks: NDArray[np.intp],
) -> None:
    pairs = sorted(
        (abs(float(number) - want), int(index), rank)
        for index, number in zip(here, numbers, strict=True)
        for rank, want in enumerate(wanted)
    )
    taken: set[int] = set()
    for _, index, rank in pairs:
        if ranks[index] < 0 and rank not in taken:
            ranks[index] = rank
            taken.add(rank)


def _differs_at_places(
    slices: Sequence[Slice], name: str, places: NDArray[np.intp]
) -> bool:
    at: dict[int, set[str]] = {}
    for item, place in zip(slices, places.tolist(), strict=True):
        at.setdefault(place, set()).add(value_of(item, name))
    return any(len(values) > 1 for values in at.values())


def _words(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    verbs = "differs too, but divides" if len(names) == 1 else "differ too, but divide"
    return f"{shown}{more} {verbs} them into no whole stacks"


def _split_interleaved(
    slices: Sequence[Slice], along: NDArray[np.float64], rounding: float
) -> list[Stack]:
    """Passes that lie between each other's places, each alone a regular stack."""
    if len(slices) < 2 * _MIN_SLICES:
        return []
    step = geometry.is_regular(along, rounding)
    thickness = thinnest_mm(slices)
    if step and (thickness is None or step > _OVERLAPPED * thickness):
        return []  # one scan, perhaps acquired in turns
    for name, values in columns(slices, _MAX_PASSES):
        keys = [(value,) for value in values]
        if _are_passes(keys, along, step, thickness):
            return _parts(slices, (name,), keys)
    runs = _number_runs(slices, along)
    if _are_passes(runs, along, step, thickness):
        return _told(slices, runs, _BY_SWEEP)
    if not step:
        for n in range(2, _MAX_PASSES + 1):
            turns = [(str(index % n),) for index in range(len(slices))]
            if _are_passes(turns, along, step, thickness):
                told = "position alone: every part is regular by itself"
                return _told(slices, turns, told)
    return []


def _pass_of(kind: tuple[str, ...], index: int, n: int) -> str:
    del kind  # its number says nothing
    return f"pass {index + 1} of {n}"


def _told(
    slices: Sequence[Slice],
    keys: Sequence[tuple[str, ...]],
    told: str,
    label: Callable[[tuple[str, ...], int, int], str] = _pass_of,
) -> list[Stack]:
    """A part for each key, in the order of their numbers."""
    kinds = sorted(set(keys), key=numeric_key)
    return [
        Stack(
            tuple(s for s, k in zip(slices, keys, strict=True) if k == kind),
            label(kind, index, len(kinds)),
            told,
        )
        for index, kind in enumerate(kinds)
    ]


def _are_passes(
    keys: Sequence[tuple[str, ...]],
    along: NDArray[np.float64],
    step: float,
    thickness: float | None,
) -> bool:
    """True where each part is regular, with one step, and reaches into the others."""
    groups = grouped(range(len(keys)), keys.__getitem__)
    if not 2 <= len(groups) <= _MAX_PASSES:
        return False
    parts = [along[indices] for indices in groups.values()]
    if min(map(len, parts)) < _MIN_SLICES:
        return False
    steps = [geometry.is_regular(part) for part in parts]
    if min(steps) <= 0 or max(steps) - min(steps) > _ALIKE * max(steps):
        return False
    # A regular whole is two scans only if each of them leaves nothing out.
    if step and thickness is not None and steps[0] < (1 - _ALIKE) * thickness:
        return False
    low = max(float(part[0]) for part in parts)
    high = min(float(part[-1]) for part in parts)
    return high - low > max(steps)


def _number_runs(
    slices: Sequence[Slice], along: NDArray[np.float64]
) -> list[tuple[str, ...]]:
    """For each slice the number of the sweep that it belongs to, by instance number."""
    order = [int(index) for index in np.argsort(_numbers(slices), kind="stable")]
    runs: list[tuple[str, ...]] = [("0",)] * len(slices)
    run, direction = 0, 0.0
    for before, index in itertools.pairwise(order):
        way = math.copysign(1.0, along[index] - along[before])
        if direction and way != direction:
            run, direction = run + 1, 0.0
        else:
            direction = way
        runs[index] = (str(run),)
    return runs
