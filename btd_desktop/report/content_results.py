"""What a report says of scores: levels, flagged slices, exhibits and figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from btd_desktop.report.content_method import Level

__all__ = [
    "CopiedNoise",
    "Exhibit",
    "ExhibitFigure",
    "ExhibitScore",
    "FlaggedSlice",
    "LevelResult",
    "Mode",
    "Scope",
    "ScopeVerdict",
    "SeriesFigure",
    "SeriesResult",
]

Scope = Literal["covered", "partly covered", "not covered"]
Mode = Literal["anomaly", "injection", "removal", "search"]

_NOT_IN_TWIN: Final = {"in_twin": False}


@dataclass(frozen=True, slots=True)
class ScopeVerdict:
    """Whether the calibration profile covers a series.

    Attributes:
        scope: "covered", "partly covered" or "not covered".
        reasons: Why, as sentences; empty when covered.
    """

    scope: Scope
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LevelResult:
    """Result of a series at one level.

    Attributes:
        level: "patch" (the highest patch), "slice" (the highest slice) or "series".
        score: The score.
        p_value: Conformal p-value, or None when the calibration does not cover it.
        n: Benign units behind the p-value.
        threshold: Threshold of the profile, or None.
        is_flagged: Score above threshold; None when no threshold applies.
    """

    level: Level
    score: float
    p_value: float | None
    n: int
    threshold: float | None
    is_flagged: bool | None


@dataclass(frozen=True, slots=True)
class FlaggedSlice:
    """A slice above the threshold.

    Attributes:
        slice_number: From 1, in the order of the volume.
        score: Score of the slice.
        p_value: Its p-value, or None.
        sop_instance_uid: Instance that held it, or empty.
        z_mm: World z of `place` in mm (LPS), or None.
        place: (column, row) of its highest patch, or None.
    """

    slice_number: int
    score: float
    p_value: float | None
    sop_instance_uid: str = ""
    z_mm: float | None = None
    place: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ExhibitScore:
    """One score of an exhibit.

    Attributes:
        name: "anomaly score", "injection score (paper)", "removal score (paper)",
            "anomaly score of the slice".
        definition: How it is computed, in a few words.
        value: The score.
        p_value: Conformal p-value, or None.
        n: Benign units of `level` behind the p-value.
        threshold: Its threshold, or None.
        is_flagged: Score above threshold, or None.
        level: Level at which it is ranked: "patch" or "place"; "slice" for a slice.
        n_patients: Benign patients behind the p-value; 0 when not stated.
        fpr: FPR claimed at the threshold of that level, or None.
        fpr_interval: 95 % interval of that FPR (low, high), or None.
    """

    name: str
    definition: str
    value: float
    p_value: float | None
    n: int
    threshold: float | None = None
    is_flagged: bool | None = None
    level: Level = "patch"
    n_patients: int = 0
    fpr: float | None = None
    fpr_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class CopiedNoise:
    """Where in the series the noise of an exhibit is found again best.

    Attributes:
        slice_number: From 1.
        column: Column of the place found.
        row: Its row.
        correlation: In [-1, 1].
        strength: Correlation over the spread of all correlations of the series.
        side_px: Side of the square compared.
        n_slices: Slices compared together, 1 or 3.
        surprise: -log10 of the share of genuine places whose noise is found again as
            strongly; None when the calibration does not say.
        is_copied: That share is smaller than the FPR asked for.
    """

    slice_number: int
    column: int
    row: int
    correlation: float
    strength: float
    side_px: int
    n_slices: int
    surprise: float | None
    is_copied: bool


@dataclass(frozen=True, slots=True)
class ExhibitFigure:
    """Arrays from which the figures of an exhibit are drawn.

    Attributes:
        crop: Modality values around the place, shape (H, W), float32.
        crop_origin: (column, row) of the crop's first pixel within the slice.
        residual: Signed residual map of the same pixels, shape (H, W), float32; NaN
            where nothing was computed.
        box: Patch scored: (column, row, width, height) within the slice, pixels.
        window: (centre, width) of the display window, in the unit of the values.
        pixel_mm: (row spacing, column spacing) in mm.
        slice_image: The whole slice for the locator, shape (R, C), or None.
        p_map: p-value per pixel of the crop, shape (H, W), NaN where none; or None.
        benign_scores: Sorted benign scores of the exhibit's main score, shape (N,).
        score: The exhibit's score on the axis of `benign_scores`.
        threshold: The threshold on the same axis, or None.
        orientation: Letters at (left, right, top, bottom) of the slice, "" if unknown.
    """

    crop: NDArray[np.float32]
    crop_origin: tuple[int, int]
    residual: NDArray[np.float32]
    box: tuple[int, int, int, int]
    window: tuple[float, float]
    pixel_mm: tuple[float, float]
    slice_image: NDArray[np.float32] | None = None
    p_map: NDArray[np.float32] | None = None
    benign_scores: NDArray[np.float64] | None = None
    score: float | None = None
    threshold: float | None = None
    orientation: tuple[str, str, str, str] = ("", "", "", "")


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A finding that is shown and measured.

    Attributes:
        label: Name in this report, such as "E1".
        slice_number: From 1.
        column: Column of the place.
        row: Row of the place.
        world_mm: (x, y, z) in LPS mm, or None.
        sop_instance_uid: Instance that held the slice, or empty.
        mode: What the examiner looked for: "anomaly", "injection" or "removal"; or
            "search" when the program found the place.
        scores: Anomaly score and the paper's two scores; of a place that the search
            chose, the anomaly score of its slice too.
        note: The examiner's note; may be empty.
        status: "OK", "to be checked", "warning" or as the examiner set it.
        figure: Arrays for the drawings, or None.
        copied_noise: Where its noise is found again best; None when that was not, or
            could not be, searched for.
        noise_sentence: What that search came to, or empty.
    """

    label: str
    slice_number: int
    column: int
    row: int
    world_mm: tuple[float, float, float] | None
    sop_instance_uid: str
    mode: Mode
    scores: tuple[ExhibitScore, ...]
    note: str = ""
    status: str = ""
    figure: ExhibitFigure | None = field(
        default=None, compare=False, repr=False, metadata=_NOT_IN_TWIN
    )
    copied_noise: CopiedNoise | None = None
    noise_sentence: str = ""


@dataclass(frozen=True, slots=True)
class SeriesFigure:
    """Arrays for the histogram of a series over the benign scores.

    Attributes:
        slice_scores: Score of each slice in order, shape (S,), NaN where not scored.
        benign_scores: Benign slice scores, shape (N,), or None.
        threshold: Threshold at slice level, or None.
    """

    slice_scores: NDArray[np.float64]
    benign_scores: NDArray[np.float64] | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class SeriesResult:
    """What the method found in one series.

    Attributes:
        series_number: `SeriesExamined.number`.
        method_id: `Method.method_id`.
        calibration_digest: `Calibration.profile_digest`, or None when none was used.
        scope: Whether that calibration covers the series.
        levels: Results per level.
        n_slices_scored: Slices with tissue that were scored.
        flagged_slices: Slices above the threshold.
        slice_fpr: FPR per slice that the profile claims, to be read beside the share
            of slices flagged; None when not covered.
        exhibits: Findings shown.
        figure: Arrays for the histogram, or None.
    """

    series_number: int
    method_id: str
    calibration_digest: str | None
    scope: ScopeVerdict
    levels: tuple[LevelResult, ...]
    n_slices_scored: int
    flagged_slices: tuple[FlaggedSlice, ...] = ()
    slice_fpr: float | None = None
    exhibits: tuple[Exhibit, ...] = ()
    figure: SeriesFigure | None = field(
        default=None, compare=False, repr=False, metadata=_NOT_IN_TWIN
    )

    @property
    def has_p_value(self) -> bool:
        """Whether any level, slice or exhibit of this result carries a p-value."""
        scores = [score for exhibit in self.exhibits for score in exhibit.scores]
        values = [
            *(item.p_value for item in self.levels),
            *(item.p_value for item in self.flagged_slices),
            *(item.p_value for item in scores),
        ]
        return any(value is not None for value in values)

    @property
    def share_flagged(self) -> float | None:
        """Share of the scored slices that are flagged; None when none was scored."""
        if self.n_slices_scored == 0:
            return None
        return len(self.flagged_slices) / self.n_slices_scored
