"""States of the image views: the overlay, one plane, three linked planes, the strip.

All are frozen; a view keeps the last one and paints it. Pictures use x for the column
and y for the row, both from 0 at the top left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from btd_desktop.gui.view_state.planes import PlaneLayout, VolumeHandle

OverlayKind = Literal["score", "p-value", "residual"]
MeasuringTool = Literal["length", "angle", "region", "profile"]
MEASURING: tuple[MeasuringTool, ...] = ("length", "angle", "region", "profile")
Tool = Literal["browse", "score", "crosshair", "pan", "zoom"] | MeasuringTool
Corners = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
NO_CORNERS: Corners = ((), (), (), ())
_SHEARED: Corners = (
    (),
    (),
    ("Gantry tilted: slices lie shifted.", "Lengths and angles are not true here."),
    (),
)


@dataclass(frozen=True, slots=True, eq=False)
class OverlayState:
    """A map drawn in colour over a slice; compared by identity.

    Attributes:
        values: Shape (R, C), float32; NaN where nothing was scored. Not changed once
            shown.
        kind: What the values are. For "p-value" small is remarkable, else large is.
        limits: Values at the dull and at the bright end of the colours, such as
            (0, 3) for a score and (1, 0.001) for a p-value.
        threshold: Values less remarkable than this are left transparent; None draws
            all.
        opacity: In [0, 1].
        colour_map: Name known to `views/colour_maps.py`.
        visible: False while the examiner compares with the bare slice.
        origin: (x, y) of the left upper corner of the first cell, in pixels.
        cell: (width, height) of a cell in pixels; (1, 1) for a residual map.
        label: What the legend calls the values.
    """

    values: NDArray[np.float32]
    kind: OverlayKind
    limits: tuple[float, float]
    threshold: float | None = None
    opacity: float = 0.5
    colour_map: str = "inferno"
    visible: bool = True
    origin: tuple[float, float] = (0.0, 0.0)
    cell: tuple[float, float] = (1.0, 1.0)
    label: str = ""


@dataclass(frozen=True, slots=True)
class PatchBox:
    """A patch drawn over the picture.

    Attributes:
        x: Column of the left upper corner.
        y: Row of the left upper corner.
        size: (width, height) in pixels.
        label: Plain text beside it; may be empty.
        colour: "#rrggbb".
        selected: Drawn stronger.
        inner: (width, height) of the centre drawn inside it, for the injection score.
    """

    x: float
    y: float
    size: tuple[float, float]
    label: str = ""
    colour: str = "#ffb000"
    selected: bool = False
    inner: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class MeasureMark:
    """A measurement drawn over the picture, from middle to middle of pixels.

    Attributes:
        kind: What was measured; decides how it is drawn.
        points: (x, y) of each pixel.
        label: Plain text beside it.
        selected: Drawn stronger.
    """

    kind: MeasuringTool
    points: tuple[tuple[int, int], ...]
    label: str = ""
    selected: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SliceViewState:
    """Everything that a slice view shows.

    Attributes:
        volume: None while there is nothing to show.
        layout: Plane shown; None together with `volume`.
        index: Plane number from 0.
        window: Centre and width of the display window, in modality values.
        inverted: White for low values.
        smooth: Blend pixels on screen instead of showing each as measured.
        crosshair: (x, y) or None.
        overlay: Or None.
        boxes: Patches drawn over the picture.
        marks: Measurements drawn over the picture.
        corners: Lines of plain text, (top left, top right, bottom left, bottom right).
        tool: What the left button does.
        score_box: (width, height) of the patch that the Score tool would take, in
            pixels, or None.
        show_info: Whether corner text, letters and scale bar are drawn.
        lossy: The pixels went through lossy compression, which is always said.
        message: Plain text in the middle, such as why there is no picture.
    """

    volume: VolumeHandle | None = None
    layout: PlaneLayout | None = None
    index: int = 0
    window: tuple[float, float] = (40.0, 400.0)
    inverted: bool = False
    smooth: bool = False
    crosshair: tuple[int, int] | None = None
    overlay: OverlayState | None = None
    boxes: tuple[PatchBox, ...] = ()
    marks: tuple[MeasureMark, ...] = ()
    corners: Corners = NO_CORNERS
    tool: Tool = "browse"
    score_box: tuple[float, float] | None = None
    show_info: bool = True
    lossy: bool = False
    message: str = ""

    @property
    def n_planes(self) -> int:
        """Number of planes along the fixed axis; 0 without a volume."""
        if self.volume is None or self.layout is None:
            return 0
        return self.volume.shape[self.layout.fixed_axis]

    @property
    def picture(self) -> NDArray[Any] | None:
        """The plane as (rows, columns), or None."""
        if self.volume is None or self.layout is None:
            return None
        return self.layout.picture(self.volume.voxels, self.index)

    @property
    def picture_size(self) -> tuple[int, int]:
        """(columns, rows); (0, 0) without a volume."""
        if self.volume is None or self.layout is None:
            return 0, 0
        shape = self.volume.shape
        return shape[self.layout.column_axis], shape[self.layout.row_axis]

    def voxel(self, x: int, y: int) -> tuple[int, int, int]:
        """Voxel (s, r, c) below a column and row of the picture.

        Raises:
            RuntimeError: There is no volume: nobody may ask for its places.
        """
        if self.volume is None or self.layout is None:
            raise RuntimeError("a place was asked for where there is no volume")
        return self.layout.voxel(self.volume.shape, self.index, x, y)

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """(row, column) spacing of the picture."""
        if self.volume is None or self.layout is None:
            return 1.0, 1.0
        return self.layout.pixel_mm(self.volume.spacing_mm)


@dataclass(frozen=True, slots=True, eq=False)
class MprState:
    """Three planes through one voxel.

    Attributes:
        main: The acquired plane.
        upper: Reformat across the columns (sagittal, for an axial series).
        lower: Reformat across the rows (coronal, for an axial series).
    """

    main: SliceViewState
    upper: SliceViewState
    lower: SliceViewState


@dataclass(frozen=True, slots=True, eq=False)
class StripState:
    """All slices of a series at a glance.

    Attributes:
        values: Shape (S,), score or p-value of each slice, NaN where there is none.
        kind: As in `OverlayState`, or "raw" for scores that nothing can be said of yet.
        limits: As in `OverlayState`.
        index: Slice shown, from 0.
        flagged: Shape (S,), slices beyond the threshold.
        empty: What is said of a slice without a value.
        searched: The part of the body that was searched, or "".
    """

    values: NDArray[np.float64]
    kind: OverlayKind | Literal["raw"] = "p-value"
    limits: tuple[float, float] = (1.0, 0.001)
    index: int = 0
    flagged: NDArray[np.bool_] | None = None
    empty: str = "not scored yet"
    searched: str = ""


Marks = tuple[tuple[MeasureMark, ...], tuple[MeasureMark, ...], tuple[MeasureMark, ...]]
NO_MARKS: Marks = ((), (), ())


def mpr_state(
    main: SliceViewState, voxel: tuple[int, int, int], marks: Marks = NO_MARKS
) -> MprState:
    """Three linked planes through a voxel, from the state of the acquired one.

    Overlay, boxes and corner text belong to the acquired plane and stay there; window,
    inversion, tool and smoothing are shared. Reformats of a tilted gantry say that
    their lengths and angles are not true.

    Args:
        main: State of the acquired plane; its index and crosshair are replaced.
        voxel: (s, r, c) inside the volume.
        marks: Measurements of each plane.
    """
    if main.volume is None:
        return MprState(main, main, main)
    corners = _SHEARED if main.volume.is_sheared else NO_CORNERS
    bare = replace(main, overlay=None, boxes=(), corners=corners, score_box=None)
    views = []
    planes = zip(main.volume.layouts, (main, bare, bare), marks, strict=True)
    for layout, view, drawn in planes:
        index, x, y = layout.place(main.volume.shape, voxel)
        views.append(
            replace(view, layout=layout, index=index, crosshair=(x, y), marks=drawn)
        )
    return MprState(*views)
