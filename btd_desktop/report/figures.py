"""Slices, crops and residual overlays as pictures for the report.

Pixels are enlarged by whole factors without interpolation: what is printed is what
was measured. Marks, letters and scales are drawn as vectors above the pixels, so
they stay sharp at any size.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from reportlab.lib.colors import Color, white
from reportlab.lib.utils import ImageReader
from reportlab.platypus import Flowable, Table, TableStyle

from btd_desktop.examination.wording import number_text
from btd_desktop.report.pictures import ExhibitFigure
from btd_desktop.report.plots import cdf_plot
from btd_desktop.report.style import FRAME_WIDTH, GREY, INK, LINE, padding

_BLUE: Final = np.array([38, 104, 200], dtype=np.float32)
_ORANGE: Final = np.array([232, 104, 16], dtype=np.float32)
_STRONGEST: Final = 0.8
_LONGEST_SIDE: Final = 640
_MARK: Final = Color(1, 0.86, 0.1)
_FONT: Final = "BTD-Sans"
_LEAST_WIDTH: Final = 96.0
_BELOW: Final = 4.0

Rgb = NDArray[np.uint8]


def grey_from_values(
    values: NDArray[np.floating], window: tuple[float, float]
) -> NDArray[np.uint8]:
    """Grey values 0-255 of modality values in a display window.

    Args:
        values: Shape (H, W); NaN becomes black.
        window: (centre, width) in the unit of the values; the width is kept above 0.
    """
    centre, width = window
    low = centre - max(width, 1e-6) / 2
    scaled = (np.asarray(values, dtype=np.float64) - low) / max(width, 1e-6)
    return np.rint(255 * np.clip(np.nan_to_num(scaled), 0, 1)).astype(np.uint8)


def residual_limit(residual: NDArray[np.floating]) -> float:
    """Magnitude shown at full strength: the 99.5th percentile of |residual|."""
    magnitude = np.abs(residual[np.isfinite(residual)])
    if magnitude.size == 0:
        return 1.0
    return float(np.percentile(magnitude, 99.5)) or 1.0


def overlay_from_residual(
    grey: NDArray[np.uint8], residual: NDArray[np.floating], limit: float
) -> Rgb:
    """Slice with the signed residual over it: blue below zero, orange above zero.

    Args:
        grey: Slice in its window, shape (H, W).
        residual: Signed residual, shape (H, W); NaN stays uncoloured.
        limit: Magnitude shown at full strength.

    Returns:
        Colours, shape (H, W, 3).
    """
    share = np.clip(np.nan_to_num(residual.astype(np.float32)) / limit, -1, 1)
    colour = np.where(share[..., None] < 0, _BLUE, _ORANGE)
    return _blend(grey, colour, _STRONGEST * np.abs(share))


def _blend(
    grey: NDArray[np.uint8],
    colour: NDArray[np.float32],
    strength: NDArray[np.float32],
) -> Rgb:
    base = np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
    alpha = strength[..., None]
    return np.rint(base * (1 - alpha) + colour * alpha).astype(np.uint8)


class PixelPanel(Flowable):  # type: ignore[misc]  # ReportLab has no types
    """A picture of pixels with its marks, caption and scales.

    Args:
        pixels: Grey (H, W) or colour (H, W, 3) values.
        width: Width on paper in points; the height follows the pixel spacing.
        pixel_mm: (row spacing, column spacing) in mm.
        caption: Line above the picture.
        box: (column, row, width, height) to mark, in pixels of this picture.
        orientation: Letters at left, right, top, bottom.
        limit: Magnitude at full strength, for a signed colour scale below the picture.
        base: Grey value that the scale's colours lie over.
    """

    _CAPTION: Final = 13.0
    _LEGEND: Final = 24.0
    AROUND: Final = _CAPTION + _LEGEND
    """Height in points of what stands above and below the picture."""

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        width: float,
        *,
        pixel_mm: tuple[float, float],
        caption: str,
        box: tuple[float, float, float, float],
        orientation: tuple[str, str, str, str] = ("", "", "", ""),
        limit: float | None = None,
        base: int = 128,
    ) -> None:
        super().__init__()
        self._pixels, self._box = pixels, box
        self._limit, self._base = limit, base
        self._pixel_mm, self._caption = pixel_mm, caption
        self._orientation = orientation
        rows, columns = pixels.shape[:2]
        row_mm, column_mm = (spacing if spacing > 0 else 1.0 for spacing in pixel_mm)
        self._picture_width = width
        self._picture_height = width * (rows * row_mm) / (columns * column_mm)
        if self._picture_height > 1.4 * width:
            self._picture_width *= 1.4 * width / self._picture_height
            self._picture_height = 1.4 * width
        self._full_width = width
        self._image: ImageReader | None = None

    @property
    def picture_height(self) -> float:
        """Height of the picture itself in points."""
        return float(self._picture_height)

    def shrink(self, share: float) -> None:
        """Make the picture smaller by a share, in (0, 1]."""
        self._picture_width *= share
        self._picture_height *= share
        self._full_width *= share

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        """Size on paper in points."""
        return self._full_width, self._picture_height + self.AROUND

    def draw(self) -> None:
        """Draw pixels, marks, caption and legend."""
        canvas = self.canv
        canvas.saveState()
        canvas.translate(0, self._LEGEND)
        width, height = self._picture_width, self._picture_height
        # Pages are laid out several times until their numbers have settled.
        self._image = self._image or ImageReader(_enlarged(self._pixels))
        canvas.drawImage(self._image, 0, 0, width, height)
        canvas.setStrokeColor(LINE)
        canvas.setLineWidth(0.4)
        canvas.rect(0, 0, width, height, fill=0)
        self._draw_box()
        self._draw_orientation()
        self._draw_scale_bar()
        canvas.setFillColor(INK)
        canvas.setFont(_FONT, 7.2)
        canvas.drawString(0, height + 4, self._caption)
        canvas.translate(0, -self._LEGEND)
        if self._limit is not None:
            self._draw_signed_scale(self._limit, self._LEGEND - 9)
        canvas.restoreState()

    def _draw_box(self) -> None:
        rows, columns = self._pixels.shape[:2]
        column, row, box_width, box_height = self._box
        x_scale, y_scale = self._picture_width / columns, self._picture_height / rows
        canvas = self.canv
        path = canvas.beginPath()
        path.rect(0, 0, self._picture_width, self._picture_height)
        canvas.saveState()
        canvas.clipPath(path, stroke=0)
        for colour, thickness in ((Color(0, 0, 0), 2.2), (_MARK, 1.1)):
            canvas.setStrokeColor(colour)
            canvas.setLineWidth(thickness)
            canvas.rect(
                column * x_scale,
                self._picture_height - (row + box_height) * y_scale,
                box_width * x_scale,
                box_height * y_scale,
                fill=0,
            )
        canvas.restoreState()

    def _draw_orientation(self) -> None:
        left, right, top, bottom = self._orientation
        middle_x, middle_y = self._picture_width / 2, self._picture_height / 2
        for text, x, y in (
            (left, 7, middle_y - 3),
            (right, self._picture_width - 7, middle_y - 3),
            (top, middle_x, self._picture_height - 10),
            (bottom, middle_x, 4),
        ):
            if text:
                self._haloed(x, y, text[:3], 8)

    def _draw_scale_bar(self) -> None:
        column_mm = self._pixel_mm[1]
        if column_mm <= 0:
            return
        total_mm = self._pixels.shape[1] * column_mm
        length_mm = _round_length(total_mm / 4)
        length = self._picture_width * length_mm / total_mm
        canvas = self.canv
        for colour, thickness in ((Color(0, 0, 0), 3), (white, 1.4)):
            canvas.setStrokeColor(colour)
            canvas.setLineWidth(thickness)
            canvas.line(6, 7, 6 + length, 7)
        self._haloed(6 + length / 2, 10, f"{length_mm:g} mm", 6.6)

    def _haloed(self, x: float, y: float, text: str, size: float) -> None:
        canvas = self.canv
        canvas.setFont(_FONT, size)
        canvas.setFillColor(Color(0, 0, 0))
        for dx, dy in ((-0.6, 0), (0.6, 0), (0, -0.6), (0, 0.6)):
            canvas.drawCentredString(x + dx, y + dy, text)
        canvas.setFillColor(white)
        canvas.drawCentredString(x, y, text)

    def _draw_signed_scale(self, limit: float, top: float) -> None:
        canvas, n = self.canv, 48
        canvas.setFont(_FONT, 6.4)
        grey = np.full((1, n), self._base, dtype=np.uint8)
        steps = np.linspace(-1, 1, n, dtype=np.float32)[None, :]
        width = self._picture_width / n
        for i, colour in enumerate(overlay_from_residual(grey, steps, 1.0)[0]):
            canvas.setFillColor(Color(*(int(part) / 255 for part in colour)))
            canvas.rect(i * width, top, width + 0.3, 6, stroke=0, fill=1)
        canvas.setFillColor(GREY)
        below = top - 7.5
        canvas.drawString(0, below, number_text(-limit, 2))
        canvas.drawCentredString(self._picture_width / 2, below, "0")
        canvas.drawRightString(self._picture_width, below, f"+{number_text(limit, 2)}")


def exhibit_panels(figure: ExhibitFigure, width: float) -> list[PixelPanel]:
    """Whole slice, crop, residual, overlay, and where a copy came from.

    All panels share one display window; residual and overlay share one scale. Where
    the exhibit's noise is found again, that place is the last panel.

    Args:
        figure: Arrays of the exhibit.
        width: Width of each panel in points.
    """
    column, row, box_width, box_height = figure.box
    left, top = figure.crop_origin
    box = (float(column - left), float(row - top), float(box_width), float(box_height))
    grey = grey_from_values(figure.crop, figure.window)
    limit = residual_limit(figure.residual)
    centre, width_shown = (number_text(part) for part in figure.window)
    window = f"{figure.tissue} window" if figure.tissue else "window"
    panel = partial(PixelPanel, width=width, pixel_mm=figure.pixel_mm)
    white_paper = np.full(grey.shape, 255, dtype=np.uint8)
    panels = [
        panel(
            grey_from_values(figure.slice_image, figure.window),
            caption="Whole slice, patch marked",
            box=(float(column), float(row), float(box_width), float(box_height)),
            orientation=figure.orientation,
        ),
        panel(
            grey,
            caption=f"As received, {window} {centre} / {width_shown}",
            box=box,
            orientation=figure.orientation,
        ),
        panel(
            overlay_from_residual(white_paper, figure.residual, limit),
            caption="Residual of the noise",
            box=box,
            limit=limit,
            base=255,
        ),
        panel(
            overlay_from_residual(grey, figure.residual, limit),
            caption="The residual over the image",
            box=box,
            limit=limit,
        ),
    ]
    return panels if figure.source is None else [*panels, _source(figure, width)]


def _source(figure: ExhibitFigure, width: float) -> PixelPanel:
    source = figure.source
    assert source is not None  # noqa: S101 - for the reader of types
    column, row, box_width, box_height = source.box
    left, top = source.crop_origin
    return PixelPanel(
        grey_from_values(source.crop, figure.window),
        width,
        pixel_mm=figure.pixel_mm,
        caption=f"Same noise: slice {source.slice_number:d}, column"
        f" {source.place[0]:d}, row {source.place[1]:d}",
        box=(float(column - left), float(row - top), float(box_width),
             float(box_height)),
        orientation=figure.orientation,
    )  # fmt: skip


def exhibit_grid(figure: ExhibitFigure, height: float) -> Flowable:
    """Pictures of an exhibit in two rows, with its score among genuine ones.

    Args:
        figure: Arrays of the exhibit.
        height: Room on the page in points; the pictures are made as large as it lets
            them, within limits.
    """
    gap = 8.0
    column = (FRAME_WIDTH - 2 * gap) / 3
    pictures = exhibit_panels(figure, column)
    tallest = [
        max(p.picture_height for p in row) for row in (pictures[:3], pictures[3:])
    ]
    free = height - 2 * (PixelPanel.AROUND + _BELOW)
    share = min(1.0, max(free / sum(tallest), _LEAST_WIDTH / column))
    for picture in pictures:
        picture.shrink(share)
    each = share * column
    panels: list[Flowable | str] = [*pictures]
    n_free = 6 - len(panels)
    if figure.genuine is None:
        panels += [""] * n_free
    else:
        plot = cdf_plot(
            figure.genuine,
            figure.score,
            figure.threshold,
            size=(n_free * (column + gap) - gap, min(each + 24.0, 168.0)),
            score_label=figure.label,
        )
        panels += [plot, *[""] * (n_free - 1)]
    table = Table(
        [panels[:3], panels[3:]], colWidths=[column + gap, column + gap, column]
    )
    bottom = ("VALIGN", (0, 0), (-1, -1), "BOTTOM")
    table.setStyle(TableStyle([*padding(0, 0, 0, _BELOW), bottom]))
    return table


def _enlarged(pixels: NDArray[np.uint8]) -> Image.Image:
    """Pixels repeated by a whole factor, so that no viewer smooths them."""
    factor = max(1, _LONGEST_SIDE // max(pixels.shape[:2]))
    big = np.repeat(np.repeat(pixels, factor, axis=0), factor, axis=1)
    return Image.fromarray(np.ascontiguousarray(big))


def _round_length(length_mm: float) -> float:
    """Largest 1, 2 or 5 times a power of ten that does not exceed the length."""
    power = 10.0 ** np.floor(np.log10(max(length_mm, 1e-3)))
    return float(max(step * power for step in (1, 2, 5) if step * power <= length_mm))
