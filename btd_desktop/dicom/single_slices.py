"""Series of one slice each that are one scan: some scanners give every slice a UID.

Joined only where all else agrees: study, frame of reference, series number, scanner
and protocol, positions on a regular grid, instance numbers that run on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from btd_desktop.dicom import geometry
from btd_desktop.dicom.findings import counted, note, warning
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.dicom.stack import Slice
from btd_desktop.dicom.stacking import split_series

_MIN_SLICES: Final = 3
_MUST_AGREE: Final = (
    "patient_id",
    "study_uid",
    "frame_of_reference_uid",
    "modality",
    "manufacturer",
    "model",
    "device_serial",
    "description",
    "protocol",
    "kernel",
)
Series = dict[str, list[Slice]]


def join_single_slices(
    by_series: Series,
) -> tuple[Series, dict[str, list[SeriesFinding]]]:
    """Series with those of one slice joined that are one scan, and findings on them.

    Where they may be one scan but something does not fit, they stay apart and a note
    says so.
    """
    alike: dict[tuple[str, ...], list[str]] = {}
    for key, slices in by_series.items():
        text = slices[0].facts.text
        if len(slices) == 1 and text.get("series_uid") and text.get("study_uid"):
            agree = tuple(text.get(name, "") for name in _MUST_AGREE)
            alike.setdefault(agree, []).append(key)
    joined, found = dict(by_series), {}
    for keys in alike.values():
        if len(keys) < _MIN_SLICES:
            continue
        slices = [by_series[key][0] for key in keys]
        reason = _why_apart(slices)
        if reason is None:
            continue
        if reason:
            finding = note(
                "series_of_one_slice",
                f"{len(keys)} series of one slice each agree in study, frame of "
                f"reference, scanner and protocol and may be one scan, but {reason}: "
                "each is examined by itself.",
            )
            found.update({key: [finding] for key in keys})
            continue
        first = min(keys, key=lambda key: _number(by_series[key][0]))
        for key in keys:
            del joined[key]
        joined[first] = slices
        found[first] = [
            warning(
                "uid_per_slice",
                f"{counted(len(keys), 'slice')} carry as many Series Instance UIDs. "
                "Study, frame of reference, series number, scanner and protocol agree, "
                "positions are regular and instance numbers run on: they were joined. "
                "Some scanners and anonymisers issue a UID for each slice; single "
                "images that were put together look the same.",
            )
        ]
    return joined, found


def _number(item: Slice) -> float:
    return item.facts.number.get("instance_number", float("inf"))


def _why_apart(slices: Sequence[Slice]) -> str | None:
    """Why they are not joined; "" when they are, None when they are no stack at all."""
    stacks = split_series(slices)
    largest = stacks[0]
    orientation = largest.slices[0].frame.orientation
    if len(largest.slices) < _MIN_SLICES or not largest.has_place or not orientation:
        return None
    along = geometry.positions_along_normal(largest.positions(), orientation)
    if float(np.ptp(along)) == 0 or not geometry.is_regular(along):
        return None
    if not slices[0].facts.text.get("frame_of_reference_uid"):
        return "no frame of reference is stated"
    if len({s.facts.number.get("series_number") for s in slices}) > 1:
        return "their series numbers differ"
    if any(len(s.slices) < _MIN_SLICES or not s.has_place for s in stacks):
        return "some do not fit into the stack"
    numbers = [_number(item) for item in slices]
    if max(numbers) - min(numbers) != len(numbers) - 1 or len(set(numbers)) < len(
        slices
    ):
        return "their instance numbers do not run on"
    for stack in stacks:
        ordered = [_number(item) for item in stack.slices]
        if ordered not in (sorted(ordered), sorted(ordered, reverse=True)):
            return "their instance numbers do not follow the positions"
    return ""
