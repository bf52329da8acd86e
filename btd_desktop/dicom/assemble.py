"""Instances to ordered volumes: group, order, split, rescale.

Slices are ordered by position along the normal. InstanceNumber is only a fallback,
and file names never decide anything: both are easy to change.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom import geometry
from btd_desktop.dicom.checks.across import check_across, check_stacks
from btd_desktop.dicom.checks.processing import with_processing
from btd_desktop.dicom.checks.series import check_series
from btd_desktop.dicom.hounsfield import not_covered, stated_unit, why_not_hu
from btd_desktop.dicom.instance import InstanceFacts
from btd_desktop.dicom.plausibility import (
    MOST_MM,
    sound_frame,
    within,
    without_wild_rescale,
)
from btd_desktop.dicom.rescale import modality_values, padding_mask, stack_slices
from btd_desktop.dicom.series import LoadedSeries, SeriesFinding
from btd_desktop.dicom.single_slices import join_single_slices
from btd_desktop.dicom.stack import COPY, Slice, Stack, series_key
from btd_desktop.dicom.stacking import split_series
from btd_desktop.volume import Point, SeriesFacts, Volume, point_of


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """An accepted DICOM instance.

    Attributes:
        record_name: Name of its file record.
        facts: Header facts.
        pixels: Stored values, shape (frames, rows, columns).
        pixel_sha256: Digest of `pixels`.
        copy: From 2 for further files under the UIDs of a series that hold other
            pixels: they are a series of their own.
    """

    record_name: str
    facts: InstanceFacts
    pixels: NDArray[Any]
    pixel_sha256: str
    copy: int = 1


def assemble_series(
    instances: Iterable[Instance], extra: dict[str, list[SeriesFinding]]
) -> list[LoadedSeries]:
    """Series in a fixed order, whatever order the files came in.

    Args:
        instances: Accepted instances.
        extra: Findings made elsewhere, by `series_key`.
    """
    by_series: dict[str, list[Slice]] = {}
    for instance in instances:
        key = series_key(instance.record_name, instance.facts, instance.copy)
        by_series.setdefault(key, []).extend(_slices(instance))
    by_series, joined = join_single_slices(by_series)
    across = check_across(by_series)
    loaded: list[LoadedSeries] = []
    for key in sorted(by_series, key=lambda name: _series_order(by_series[name], name)):
        stacks = split_series(by_series[key])
        more = [
            finding
            for found in (extra, joined, across)
            for finding in found.get(key, [])
        ]
        more += check_stacks(stacks) if len(stacks) > 1 else []
        copy = key.rpartition(COPY)[2] if COPY in key else ""
        loaded.extend(
            _load(replace(stack, phase=_phase(stack, copy)), key, len(stacks), more)
            for stack in stacks
        )
    return loaded


def _phase(stack: Stack, copy: str) -> str:
    return ", ".join(filter(None, (f"copy {copy}" if copy else "", stack.phase)))


def _series_order(slices: list[Slice], key: str) -> tuple[str, str, float, str]:
    facts = slices[0].facts
    return (
        facts.text.get("patient_id", ""),
        facts.text.get("study_uid", ""),
        facts.number.get("series_number", math.inf),
        key,
    )


def _slices(instance: Instance) -> list[Slice]:
    facts = without_wild_rescale(instance.facts)
    uid = facts.text.get("sop_instance_uid") or instance.record_name
    n_frames = instance.pixels.shape[0]
    return [
        Slice(
            uid=uid if n_frames == 1 else f"{uid}#{index + 1}",
            record_name=instance.record_name,
            facts=facts,
            frame=sound_frame(facts.frames[min(index, len(facts.frames) - 1)]),
            frame_index=index,
            stored=instance.pixels[index],
            pixel_sha256=instance.pixel_sha256,
        )
        for index in range(n_frames)
    ]


def _load(
    stack: Stack, key: str, n_parts: int, extra: list[SeriesFinding]
) -> LoadedSeries:
    slices = stack.slices
    first = slices[0]
    shape = stack.shape()
    spacing_mm, positions = _slice_spacing(stack, shape)
    orientation = first.frame.orientation or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    in_plane = first.frame.spacing or (1.0, 1.0)
    n_rows, n_columns = first.stored.shape
    voxels = stack_slices(
        (
            modality_values(item.stored, item.frame.slope, item.frame.intercept)
            for item in slices
        ),
        (len(slices), n_rows, n_columns),
    )
    padding = _padding(slices)
    is_ct = first.facts.text["modality"] == "CT"
    not_hu = why_not_hu(voxels, padding, slices) if is_ct else ()
    volume = Volume(
        voxels=voxels,
        modality=first.facts.text["modality"],
        unit=(stated_unit(slices) if not_hu else "HU") if is_ct else "",
        spacing_mm=(spacing_mm, in_plane[0], in_plane[1]),
        origin_mm=point_of(first.frame.position or (0.0, 0.0, 0.0)),
        row_direction=_unit(orientation[:3]),
        column_direction=_unit(orientation[3:]),
        slice_positions_mm=positions,
        instance_uids=tuple(item.uid for item in slices),
        slice_origins_mm=stack.origins(),
        padding=padding,
        source=_source(stack, key).with_facts(not_covered=not_covered(not_hu, slices)),
    )
    found = [*extra, *check_series(stack, shape, n_parts, volume)]
    return LoadedSeries(
        volume=with_processing(volume, found),
        series_uid=first.facts.text.get("series_uid") or key,
        description=_description(stack),
        findings=tuple(sorted(found, key=lambda f: f.severity != "warning")),
        record_names=tuple(item.record_name for item in slices),
    )


def _slice_spacing(
    stack: Stack, shape: geometry.StackShape | None
) -> tuple[float, tuple[float, ...]]:
    n_slices = len(stack.slices)
    first = stack.slices[0]
    if shape is not None and first.frame.orientation is not None:
        along = geometry.positions_along_normal(
            stack.positions(), first.frame.orientation
        )
        return shape.spacing_mm, tuple(float(value) for value in along)
    if n_slices == 1:
        return 0.0, (0.0,)
    stated = within(first.facts.number.get("spacing_between_slices"), MOST_MM)
    step = abs(stated or first.frame.thickness_mm or 1.0)
    return step, tuple(index * step for index in range(n_slices))


def _padding(slices: Sequence[Slice]) -> NDArray[np.bool_] | None:
    masks = [padding_mask(item.stored, item.facts.padding) for item in slices]
    if all(mask is None for mask in masks):
        return None
    nothing = np.zeros(slices[0].stored.shape, dtype=np.bool_)
    return np.stack([nothing if mask is None else mask for mask in masks])


_SOURCE_TEXTS: Final = (
    "manufacturer",
    "model",
    "kernel",
    "description",
    "body_part",
    "study_date",
    "study_uid",
    "patient_id",
    "patient_name",
    "software",
    "device_serial",
)


def _source(stack: Stack, key: str) -> SeriesFacts:
    first = stack.slices[0]
    facts = first.facts
    rules = {(item.frame.slope, item.frame.intercept) for item in stack.slices}
    slope, intercept = first.frame.slope, first.frame.intercept
    shared = len(rules) == 1
    texts = {name: facts.text.get(name) for name in _SOURCE_TEXTS}
    return SeriesFacts(
        series_uid=facts.text.get("series_uid") or key,
        thickness_mm=first.frame.thickness_mm,
        kvp=facts.number.get("kvp"),
        rescale=(slope, intercept)
        if shared and slope and intercept is not None
        else None,
        lossy=any("lossy" in item.facts.flags for item in stack.slices),
        transfer_syntaxes=tuple(
            sorted(
                {item.facts.text.get("transfer_syntax", "") for item in stack.slices}
            )
        ),
        window=None if facts.window is None else (facts.window[0], facts.window[1]),
    ).with_facts(**texts)


def _description(stack: Stack) -> str:
    first = stack.slices[0]
    named = first.facts.text.get("description") or first.facts.text.get("protocol")
    name = named or first.record_name.rpartition("/")[2]
    return f"{name} ({stack.phase})" if stack.phase else name


def _unit(vector: Sequence[float]) -> Point:
    length = math.sqrt(sum(value * value for value in vector))
    return point_of(value / length for value in vector)
