"""The map that the window shows, as a Parametric Map (PS3.3 A.75).

One pixel is one patch of the grid: its spacing is the grid's stride, its centre that
of the patch. No pixel is made up by enlarging the map to the size of the slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from highdicom.content import (
    PixelMeasuresSequence,
    PlaneOrientationSequence,
    PlanePositionSequence,
    VOILUTTransformation,
)
from highdicom.pm import ParametricMap, RealWorldValueMapping
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from btd_desktop.dicom.output.envelope import (
    FORENSIC,
    Envelope,
    concept,
    file_bytes,
)
from btd_desktop.dicom.output.origin import Origin
from btd_desktop.volume import Volume

_KIND = "parametric map"


@dataclass(frozen=True, slots=True, eq=False)
class PatchMap:
    """One number for each patch of a series.

    Attributes:
        name: "anomaly-score" or "p-value".
        label: In words, at most 64 characters.
        values: Shape (S, R, C), float32; NaN where there is none.
        no_value: Stands for NaN; below all values.
        first: (row, column) of the first patch centre, in pixels of the slice.
        stride: Pixels of the slice between centres.
    """

    name: str
    label: str
    values: NDArray[np.float32]
    no_value: float
    first: tuple[int, int]
    stride: int


def parametric_map(
    volume: Volume, origin: Origin, envelope: Envelope, maps: Sequence[PatchMap]
) -> list[bytes]:
    """Files of the maps of one series, an instance each, in one series."""
    return [
        _file(volume, origin, envelope, patch_map, n)
        for n, patch_map in enumerate(maps, 1)
    ]


def _file(
    volume: Volume, origin: Origin, envelope: Envelope, shown: PatchMap, n: int
) -> bytes:
    measured = np.isfinite(shown.values)
    pixels = np.where(measured, shown.values, shown.no_value).astype(np.float32)
    numbers = shown.values[measured]
    low, high = float(numbers.min()), float(numbers.max())
    mapping = RealWorldValueMapping(
        lut_label=shown.name.upper()[:16],
        lut_explanation=shown.label,
        unit=codes.UCUM.NoUnits,
        value_range=(low, high),
        slope=1.0,
        intercept=0.0,
        quantity_definition=concept(shown.name, shown.label),
    )
    dataset: Dataset = ParametricMap(
        source_images=origin.images,
        pixel_array=pixels,
        **envelope.series(_KIND, 0),
        **envelope.instance(_KIND, n),
        **envelope.equipment,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[
            VOILUTTransformation(
                (low + high) / 2,
                max(high - low, 1e-6),
                voi_lut_function="LINEAR_EXACT",
            )
        ],
        content_label=shown.name.upper()[:16].replace("-", "_"),
        content_description=f"{shown.label}. {FORENSIC}"[:64],
        **_planes(volume, shown),
    )
    dataset.FloatPixelPaddingValue = float(np.float32(shown.no_value))
    dataset.FloatPixelPaddingRangeLimit = dataset.FloatPixelPaddingValue
    dataset.Laterality = ""
    return file_bytes(dataset, origin, envelope, f"BTD map. {FORENSIC}")


def _planes(volume: Volume, shown: PatchMap) -> dict[str, Any]:
    """Measures, orientation and positions of the planes of a map."""
    rows, columns = volume.spacing_mm[1:]
    row, column = np.array(volume.row_direction), np.array(volume.column_direction)
    # A centre (r, c) lies between pixels: half a pixel before the middle of its own.
    down, along = (rows * (shown.first[0] - 0.5), columns * (shown.first[1] - 0.5))
    positions = [
        np.array(volume.slice_origin_mm(s)) + row * along + column * down
        for s in range(volume.n_slices)
    ]
    return {
        "pixel_measures": PixelMeasuresSequence(
            pixel_spacing=(shown.stride * rows, shown.stride * columns),
            slice_thickness=volume.source.thickness_mm or volume.spacing_mm[0] or 1.0,
        ),
        "plane_orientation": PlaneOrientationSequence(
            "PATIENT", (*volume.row_direction, *volume.column_direction)
        ),
        "plane_positions": [
            PlanePositionSequence("PATIENT", tuple(map(float, place)))
            for place in positions
        ],
    }
