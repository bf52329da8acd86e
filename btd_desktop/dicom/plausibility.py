"""Numbers of a header that cannot be meant: left out before anything is computed.

A decimal string holds 1e308 as easily as 1. What no scanner writes would overflow
later, far from the file that it came from, so it is dropped here and remarked on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from btd_desktop.dicom import geometry
from btd_desktop.dicom.instance import FrameFacts, InstanceFacts

# No pixel is smaller and no body, bed or room larger (mm).
_LEAST_MM: Final = 1e-4
MOST_MM: Final = 1e6
# No modality value is larger, whatever its unit; sums stay exact in 64 bits.
LARGEST_VALUE: Final = 1e9


def sound_frame(frame: FrameFacts) -> FrameFacts:
    """The frame without geometry and rescale values that cannot be meant."""
    orientation, spacing, position = frame.orientation, frame.spacing, frame.position
    if not geometry.is_usable_orientation(orientation):
        orientation = None
    if spacing is not None and not all(
        _LEAST_MM <= side <= MOST_MM for side in spacing
    ):
        spacing = None
    if position is not None and not all(abs(value) <= MOST_MM for value in position):
        position = None
    thickness = within(frame.thickness_mm, MOST_MM)
    sound = replace(
        frame,
        position=position,
        orientation=orientation,
        spacing=spacing,
        thickness_mm=thickness,
    )
    if sound == frame:
        return frame
    return replace(sound, phase={**frame.phase, "broken": "geometry"})


def without_wild_rescale(facts: InstanceFacts) -> InstanceFacts:
    """Facts without rescale values beyond any unit, and a remark where there were."""
    frames = tuple(
        replace(
            frame,
            slope=None if _is_wild_slope(frame.slope) else frame.slope,
            intercept=within(frame.intercept, LARGEST_VALUE),
        )
        for frame in facts.frames
    )
    if frames == facts.frames:
        return facts
    sentence = (
        f"RescaleSlope or RescaleIntercept is beyond {LARGEST_VALUE:.0e}, or a slope "
        "as near to zero: it was left out."
    )
    remarks = (*facts.remarks, ("RescaleSlope", sentence))
    return replace(facts, frames=frames, remarks=remarks)


def _is_wild_slope(slope: float | None) -> bool:
    # A slope of zero stays: the checks name it.
    return bool(slope) and not 1.0 / LARGEST_VALUE <= abs(slope or 0.0) <= LARGEST_VALUE


def within(value: float | None, largest: float) -> float | None:
    """The value, or None when its size is above `largest`."""
    return None if value is None or abs(value) > largest else value


def sound_grid(grid: dict[str, list[float]]) -> tuple[dict[str, list[float]], str]:
    """Geometry of a volume file with what cannot be meant replaced, and a sentence.

    Args:
        grid: As in `ParsedFile.grid`.

    Returns:
        Grid with spacings of at least 0.1 um and at most 1 km, perpendicular unit
        axes and an origin within 1 km; what was replaced, "" when nothing was.
    """
    sound, replaced = dict(grid), []
    step, *in_plane = grid["spacing"]
    sides = in_plane if step == 0 else grid["spacing"]  # 0: a single slice
    if not all(_LEAST_MM <= side <= MOST_MM for side in sides):
        sound["spacing"] = [1.0, 1.0, 1.0]
        replaced.append("spacing (1 mm was assumed)")
    axes = (*grid["row"], *grid["column"])
    across = np.cross(grid["row"], grid["column"])
    off_normal = abs(float(across @ np.asarray(grid["slice"])))
    if not geometry.is_usable_orientation(axes) or not 0.5 < off_normal < 2.0:
        sound |= {"row": [1, 0, 0], "column": [0, 1, 0], "slice": [0, 0, 1]}
        replaced.append("orientation (axial was assumed)")
    if not all(abs(value) <= MOST_MM for value in grid["origin"]):
        sound["origin"] = [0.0, 0.0, 0.0]
        replaced.append("origin (0 was assumed)")
    if not replaced:
        return grid, ""
    return sound, f"The file's {' and '.join(replaced)} cannot be meant."
