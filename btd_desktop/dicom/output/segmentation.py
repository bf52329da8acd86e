"""Flagged regions as a binary Segmentation (PS3.3 A.51) over the source slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from highdicom.content import AlgorithmIdentificationSequence
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentDescription
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from btd_desktop.dicom.output.envelope import (
    FORENSIC,
    MANUFACTURER,
    Envelope,
    concept,
    file_bytes,
)
from btd_desktop.dicom.output.origin import Origin

_KIND = "segmentation"


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One segment.

    Attributes:
        name: Code of what it is, such as "flagged-by-search".
        label: In words, at most 64 characters.
        masks: Slice index from 0 → mask of shape (H, W); slices without it are empty.
    """

    name: str
    label: str
    masks: dict[int, NDArray[np.bool_]]


def segmentation(
    origin: Origin, envelope: Envelope, regions: Sequence[Region], method: str
) -> bytes | None:
    """The file; None when no region has a pixel.

    Args:
        origin: The series.
        envelope: Maker, time, UIDs.
        regions: A segment each; empty ones are left out.
        method: Name of the model that scored, at most 64 characters.
    """
    regions = [r for r in regions if any(mask.any() for mask in r.masks.values())]
    slices = sorted({index for region in regions for index in region.masks})
    if not slices:
        return None
    shape = (len(slices), origin.first.Rows, origin.first.Columns, len(regions))
    pixels = np.zeros(shape, dtype=np.uint8)
    for segment, region in enumerate(regions):
        for frame, index in enumerate(slices):
            if index in region.masks:
                pixels[frame, :, :, segment] = region.masks[index]
    dataset: Dataset = Segmentation(
        source_images=[origin.images[index] for index in slices],
        pixel_array=pixels,
        segmentation_type="BINARY",
        segment_descriptions=[
            _description(number, region, envelope, method)
            for number, region in enumerate(regions, 1)
        ],
        **envelope.series(_KIND, 1),
        **envelope.instance(_KIND),
        **envelope.equipment,
        content_label="FLAGGED_REGIONS",
        content_description=f"Flagged regions. {FORENSIC}",
    )
    return file_bytes(dataset, origin, envelope, f"BTD flags. {FORENSIC}")


def _description(
    number: int, region: Region, envelope: Envelope, method: str
) -> SegmentDescription:
    return SegmentDescription(
        segment_number=number,
        segment_label=region.label,
        segmented_property_category=codes.SCT.SpatialAndRelationalConcept,
        segmented_property_type=concept(region.name, region.label),
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=method,
            family=codes.DCM.ArtificialIntelligence,
            version=envelope.version,
            source=MANUFACTURER,
        ),
        tracking_uid=envelope.uid(f"segment {number}"),
        tracking_id=region.name,
    )
