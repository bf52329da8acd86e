"""Arrays that the drawings of a report are made from; none of them is in the twin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btd_desktop.calibration.ecdf import Ecdf


@dataclass(frozen=True, slots=True)
class SourceFigure:
    """The place of a series at which the noise of an exhibit is found again.

    Attributes:
        crop: Modality values around it, shape (H, W), float32.
        crop_origin: (column, row) of the crop's first pixel within the slice.
        box: Square found: (column, row, width, height) within the slice, pixels.
        slice_image: The whole slice, shape (R, C), float32.
        slice_number: From 1.
        place: (column, row) of its centre.
    """

    crop: NDArray[np.float32]
    crop_origin: tuple[int, int]
    box: tuple[int, int, int, int]
    slice_image: NDArray[np.float32]
    slice_number: int
    place: tuple[int, int]


@dataclass(frozen=True, slots=True)
class ExhibitFigure:
    """Arrays that the pictures of an exhibit are drawn from; redaction keeps the body.

    Attributes:
        crop: Modality values around the place, shape (H, W), float32.
        crop_origin: (column, row) of the crop's first pixel within the slice.
        residual: Signed residual map of the same pixels, shape (H, W), float32; NaN
            where nothing was computed.
        box: Patch scored: (column, row, width, height) within the slice, pixels.
        window: (centre, width) of the display window, in the unit of the values.
        pixel_mm: (row spacing, column spacing) in mm.
        slice_image: The whole slice, shape (R, C), float32.
        genuine: Genuine scores that the exhibit is ranked among; None where it is not
            ranked.
        score: The exhibit's score on the axis of `genuine`.
        threshold: The threshold on the same axis, or None.
        orientation: Letters at (left, right, top, bottom) of the slice, "" if unknown.
        label: What the exhibit is called in the drawing.
        place: (column, row) of the exhibit.
        modality: "CT" or "MR".
        tissue: The tissue that the window is made for, in a word, or "".
        source: Where the noise of the exhibit is found again, or None.
    """

    crop: NDArray[np.float32]
    crop_origin: tuple[int, int]
    residual: NDArray[np.float32]
    box: tuple[int, int, int, int]
    window: tuple[float, float]
    pixel_mm: tuple[float, float]
    slice_image: NDArray[np.float32]
    genuine: Ecdf | None = None
    score: float | None = None
    threshold: float | None = None
    orientation: tuple[str, str, str, str] = ("", "", "", "")
    label: str = "exhibit"
    place: tuple[int, int] = (0, 0)
    modality: str = "CT"
    tissue: str = ""
    source: SourceFigure | None = None


@dataclass(frozen=True, slots=True)
class SeriesFigure:
    """Arrays for the histogram of a series over genuine scores.

    Attributes:
        slice_scores: Score of each slice in order, shape (S,), NaN where not scored.
        genuine: Scores of genuine slices.
        threshold: Threshold at slice level, or None.
    """

    slice_scores: NDArray[np.float64]
    genuine: Ecdf
    threshold: float | None = None
