"""Elements that differ between the slices of a series, the best names first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from btd_desktop.dicom.stack import Slice

# What names a pass best, when several elements divide the slices in the same way.
PREFERRED: Final = (
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "NominalPercentageOfCardiacPhase",
    "NominalCardiacTriggerDelayTime",
    "AcquisitionNumber",
    "EchoNumbers",
    "EchoTime",
    "EffectiveEchoTime",
    "DiffusionBValue",
    "InversionTime",
    "TriggerTime",
    "FlipAngle",
    "StackID",
    "ImageType",
    "ConvolutionKernel",
    "KVP",
    "AcquisitionDateTime",
    "AcquisitionTime",
)
# Every slice has its own; what depends on the pixels tells no pass.
_OF_THE_SLICE: Final = frozenset(
    (
        "SOPInstanceUID",
        "InstanceNumber",
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "SliceLocation",
        "SmallestImagePixelValue",
        "LargestImagePixelValue",
        "DataSetTrailingPadding",
    )
)


def differing_names(slices: Sequence[Slice]) -> list[str]:
    """Elements that are not alike in all slices, those of each slice left out."""
    return [name for name, _ in columns(slices, len(slices))]


def value_of(item: Slice, name: str) -> str:
    """The element in a slice: of its frame, else of its instance; "" where absent."""
    found = item.frame.phase.get(name)
    return item.facts.elements.get(name, "") if found is None else found


def columns(slices: Sequence[Slice], most: int) -> Iterator[tuple[str, list[str]]]:
    """Elements with two to `most` values, best names first."""
    names = {name: None for item in slices for name in item.facts.elements}
    names |= {name: None for item in slices for name in item.frame.phase}
    for name in sorted(names, key=_rank):
        if plain_name(name) in _OF_THE_SLICE:
            continue
        values = [value_of(item, name) for item in slices]
        if 1 < len(set(values)) <= most:
            yield name, values


def plain_name(name: str) -> str:
    """The keyword at the end of an element's path."""
    return name.rpartition(".")[2]


def _rank(name: str) -> tuple[int, str]:
    plain = plain_name(name)
    if plain in PREFERRED:
        return PREFERRED.index(plain), name
    is_uid = plain.endswith("UID")
    is_vague = is_uid or plain.endswith(("Time", "Date")) or plain.startswith("Window")
    return 100 + 100 * is_vague + 50 * name.startswith("("), name


def may_be_shown(name: str, value: str) -> bool:
    """Numbers and known codes: free text may name a person (docs/privacy.md)."""
    plain = plain_name(name)
    if plain.startswith(("Patient", "(0010", "Other", "Issuer")):
        return False
    return plain in PREFERRED or not value or math.isfinite(number_of(value))


def number_of(text: str) -> float:
    """Text as a number; infinity where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.inf


def numeric_key(values: tuple[str, ...]) -> tuple[tuple[float, str], ...]:
    """Sorts texts by the numbers that they are, others behind them."""
    return tuple((number_of(value), value) for value in values)
