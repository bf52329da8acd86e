"""Where a picture lies in a view: a zoom and a centre, as a value.

Millimetres keep their shape on the screen: rows and columns of unequal spacing are
stretched alike. Positions in the picture count from the left upper corner of its first
pixel, so pixel (0, 0) covers 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MIN_ZOOM, MAX_ZOOM = 0.25, 40.0


@dataclass(frozen=True, slots=True)
class ViewTransform:
    """How a picture is fitted into a view and then zoomed and moved.

    Attributes:
        view: (width, height) of the view in logical pixels.
        picture: (columns, rows).
        pixel_mm: (row, column) spacing.
        zoom: 1 fits the picture into the view.
        pan: Where the centre of the view lies, in millimetres from the centre of the
            picture.
    """

    view: tuple[float, float] = (1.0, 1.0)
    picture: tuple[int, int] = (1, 1)
    pixel_mm: tuple[float, float] = (1.0, 1.0)
    zoom: float = 1.0
    pan: tuple[float, float] = (0.0, 0.0)

    @property
    def points_per_mm(self) -> float:
        """Logical pixels of the screen per millimetre."""
        width_mm = max(self.picture[0], 1) * self.pixel_mm[1]
        height_mm = max(self.picture[1], 1) * self.pixel_mm[0]
        fit = min(self.view[0] / width_mm, self.view[1] / height_mm)
        return max(fit, 1e-6) * self.zoom

    @property
    def scale(self) -> tuple[float, float]:
        """Logical pixels of the screen per (column, row)."""
        per_mm = self.points_per_mm
        return per_mm * self.pixel_mm[1], per_mm * self.pixel_mm[0]

    @property
    def origin(self) -> tuple[float, float]:
        """Where the left upper corner of the picture lies in the view."""
        return self.to_view(0.0, 0.0)

    def to_view(self, x: float, y: float) -> tuple[float, float]:
        """Point of the view for a position in the picture."""
        scale_x, scale_y = self.scale
        per_mm = self.points_per_mm
        return (
            self.view[0] / 2
            - self.pan[0] * per_mm
            + (x - self.picture[0] / 2) * scale_x,
            self.view[1] / 2
            - self.pan[1] * per_mm
            + (y - self.picture[1] / 2) * scale_y,
        )

    def to_picture(self, view_x: float, view_y: float) -> tuple[float, float]:
        """Position in the picture for a point of the view; may lie outside."""
        (left, top), (scale_x, scale_y) = self.origin, self.scale
        return (view_x - left) / scale_x, (view_y - top) / scale_y

    def zoomed(self, factor: float, at: tuple[float, float]) -> ViewTransform:
        """Zoomed by a factor while the point `at` of the view stays where it is."""
        zoom = min(max(self.zoom * factor, MIN_ZOOM), MAX_ZOOM)
        before = self.points_per_mm
        after = before * zoom / self.zoom
        shift = 1.0 / before - 1.0 / after
        pan_x = self.pan[0] + (at[0] - self.view[0] / 2) * shift
        pan_y = self.pan[1] + (at[1] - self.view[1] / 2) * shift
        return replace(self, zoom=zoom, pan=(pan_x, pan_y))._kept_in_sight()

    def moved(self, dx: float, dy: float) -> ViewTransform:
        """Moved by logical pixels of the view, as a hand moves a sheet."""
        per_mm = self.points_per_mm
        pan = (self.pan[0] - dx / per_mm, self.pan[1] - dy / per_mm)
        return replace(self, pan=pan)._kept_in_sight()

    def fitted(
        self,
        view: tuple[float, float],
        picture: tuple[int, int],
        pixel_mm: tuple[float, float],
    ) -> ViewTransform:
        """The same zoom for another view; started afresh for another picture shape."""
        if (picture, pixel_mm) != (self.picture, self.pixel_mm):
            return ViewTransform(view, picture, pixel_mm)
        return replace(self, view=view)

    def reset(self) -> ViewTransform:
        """The whole picture, centred."""
        return replace(self, zoom=1.0, pan=(0.0, 0.0))

    def _kept_in_sight(self) -> ViewTransform:
        half_x = self.picture[0] * self.pixel_mm[1] / 2
        half_y = self.picture[1] * self.pixel_mm[0] / 2
        pan_x = min(max(self.pan[0], -half_x), half_x)
        pan_y = min(max(self.pan[1], -half_y), half_y)
        return replace(self, pan=(pan_x, pan_y))
