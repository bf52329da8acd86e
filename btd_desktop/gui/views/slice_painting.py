"""Painting of a slice: the same code for the window and for saved pictures.

What a saved picture shows must be what the examiner saw; so all of it is drawn here,
from a state and a transform, on whatever the painter stands for.
"""

from __future__ import annotations

import math

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QImage,
    QPainter,
    QPen,
    QTransform,
)

from btd_desktop.gui.view_state.states import (
    Corners,
    OverlayState,
    PatchBox,
    SliceViewState,
)
from btd_desktop.gui.views.ink import (
    LIGHT,
    MUTED,
    draw_outline,
    draw_text,
    picture_font,
    shown_line,
)
from btd_desktop.gui.views.legend import LEGEND_WIDTH, paint_legend
from btd_desktop.gui.views.measure_painting import paint_mark
from btd_desktop.gui.views.scale_bar import bar_label, bar_length_mm, paint_scale_bar
from btd_desktop.gui.views.slice_pictures import SlicePictures
from btd_desktop.gui.views.view_transform import ViewTransform

BACKGROUND = QColor(0, 0, 0)
_CROSSHAIR = QColor(110, 215, 255)
_POINTER = QColor(255, 255, 255)
_LOSSY = QColor(255, 176, 0)
_MARGIN = 10.0
_WIDE = 640.0
_CROSSHAIR_GAP = 12.0
# The bar must not run into the corner texts on both sides.
_SCALE_SHARE = 0.25


def exhibit_image(
    state: SliceViewState, width: int, height: int, *, font: QFont, ratio: float = 1.0
) -> QImage:
    """A slice as the window shows it, whole, as an image to be saved.

    Args:
        state: What to show.
        width: Logical pixels.
        height: Logical pixels.
        font: Of the texts.
        ratio: Device pixels per logical pixel.
    """
    image = QImage(
        round(width * ratio), round(height * ratio), QImage.Format.Format_RGB32
    )
    image.setDevicePixelRatio(ratio)
    transform = ViewTransform(
        (float(width), float(height)), state.picture_size, state.pixel_mm
    )
    painter = QPainter(image)
    painter.setFont(picture_font(font))
    paint_slice(painter, state, transform, SlicePictures())
    painter.end()
    return image


def paint_slice(
    painter: QPainter,
    state: SliceViewState,
    transform: ViewTransform,
    pictures: SlicePictures,
) -> None:
    """Paint everything that a state shows, corner texts and all.

    Args:
        painter: On the view, logical pixels, with the font of the texts.
        state: What to show.
        transform: Where the picture lies.
        pictures: Buffers of this view.
    """
    view = QRectF(0.0, 0.0, *transform.view)
    painter.fillRect(view, BACKGROUND)
    grey = pictures.grey(state)
    if grey is None:
        _paint_message(painter, view, state.message)
        return
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, state.smooth)
    _draw_scaled(painter, view, grey, transform, (0.0, 0.0), (1.0, 1.0))
    if state.overlay is not None and state.overlay.visible:
        _paint_overlay(painter, view, state.overlay, transform, pictures)
    rim = _below_corners(painter, state)
    for box in state.boxes:
        _paint_box(painter, view, box, transform, rim)
    for mark in state.marks:
        paint_mark(painter, mark, transform)
    if state.crosshair is not None:
        _paint_crosshair(painter, view, state.crosshair, transform)
    _paint_annotations(painter, view, state, transform)


def paint_pointer_box(
    painter: QPainter,
    transform: ViewTransform,
    pixel: tuple[int, int],
    size: tuple[float, float],
) -> None:
    """Paint the patch that the Score tool would take around a pixel."""
    left = pixel[0] - size[0] / 2
    top = pixel[1] - size[1] / 2
    box = _view_rect(transform, (left, top), size)
    draw_outline(painter, box, _POINTER, width=1.0, dashed=True)


def _view_rect(
    transform: ViewTransform, corner: tuple[float, float], size: tuple[float, float]
) -> QRectF:
    left, top = transform.to_view(*corner)
    right, bottom = transform.to_view(corner[0] + size[0], corner[1] + size[1])
    return QRectF(QPointF(left, top), QPointF(right, bottom))


def _draw_scaled(
    painter: QPainter,
    view: QRectF,
    image: QImage,
    transform: ViewTransform,
    origin: tuple[float, float],
    cell: tuple[float, float],
) -> None:
    """Draw only the pixels in sight: at high zoom the whole would be huge."""
    left, top = transform.to_picture(view.left(), view.top())
    right, bottom = transform.to_picture(view.right(), view.bottom())
    first_x = max(math.floor((left - origin[0]) / cell[0]) - 1, 0)
    first_y = max(math.floor((top - origin[1]) / cell[1]) - 1, 0)
    end_x = min(math.ceil((right - origin[0]) / cell[0]) + 1, image.width())
    end_y = min(math.ceil((bottom - origin[1]) / cell[1]) + 1, image.height())
    if end_x <= first_x or end_y <= first_y:
        return
    n_x, n_y = end_x - first_x, end_y - first_y
    target = _view_rect(
        transform,
        (origin[0] + first_x * cell[0], origin[1] + first_y * cell[1]),
        (n_x * cell[0], n_y * cell[1]),
    )
    painter.drawImage(target, image, QRectF(first_x, first_y, n_x, n_y))


def _paint_overlay(
    painter: QPainter,
    view: QRectF,
    overlay: OverlayState,
    transform: ViewTransform,
    pictures: SlicePictures,
) -> None:
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    image = pictures.overlay(overlay)
    _draw_scaled(painter, view, image, transform, overlay.origin, overlay.cell)
    edges = pictures.outline(overlay)
    if edges:
        _paint_edges(painter, edges, transform)


def _paint_edges(
    painter: QPainter, edges: list[QLineF], transform: ViewTransform
) -> None:
    painter.save()
    painter.setTransform(
        QTransform.fromScale(*transform.scale)
        * QTransform.fromTranslate(*transform.origin),
        True,
    )
    # The bright end of a colour map fades on bone; a dark edge holds it together.
    pen = QPen(QColor(0, 0, 0), 1.0)
    pen.setCosmetic(True)
    painter.setPen(pen)
    painter.drawLines(edges)
    painter.restore()


def _below_corners(painter: QPainter, state: SliceViewState) -> float:
    """Height from which on no text of the upper corners is painted over a label."""
    n_lines = max(len(lines) for lines in state.corners[:2]) if state.show_info else 0
    line = QFontMetricsF(painter.font()).height() + 1.0
    return _MARGIN + n_lines * line if n_lines else 0.0


def _paint_box(
    painter: QPainter,
    view: QRectF,
    box: PatchBox,
    transform: ViewTransform,
    rim: float,
) -> None:
    colour = QColor(box.colour)
    width = 2.5 if box.selected else 1.25
    outline = _view_rect(transform, (box.x, box.y), box.size)
    draw_outline(painter, outline, colour, width=width)
    if box.inner is not None:
        corner = (
            box.x + (box.size[0] - box.inner[0]) / 2,
            box.y + (box.size[1] - box.inner[1]) / 2,
        )
        inner = _view_rect(transform, corner, box.inner)
        draw_outline(painter, inner, colour, width=1.0, dashed=True)
    if box.label:
        metrics = QFontMetricsF(painter.font())
        length = metrics.horizontalAdvance(shown_line(box.label))
        x = min(max(outline.left(), 4.0), max(view.right() - length - 4.0, 4.0))
        above = outline.top() - 5.0
        is_free = above - metrics.ascent() > rim
        y = above if is_free else outline.bottom() + metrics.height()
        draw_text(painter, QPointF(x, y), box.label, colour)


def _paint_crosshair(
    painter: QPainter,
    view: QRectF,
    pixel: tuple[int, int],
    transform: ViewTransform,
) -> None:
    x, y = transform.to_view(pixel[0] + 0.5, pixel[1] + 0.5)
    x, y, gap = round(x), round(y), _CROSSHAIR_GAP
    width, height = view.width(), view.height()
    # A dark twin beside each line keeps it visible over bone.
    for colour, aside in ((QColor(0, 0, 0), 1), (_CROSSHAIR, 0)):
        row, column = y + aside, x + aside
        painter.fillRect(QRectF(0, row, x - gap, 1), colour)
        painter.fillRect(QRectF(x + gap, row, width - x - gap, 1), colour)
        painter.fillRect(QRectF(column, 0, 1, y - gap), colour)
        painter.fillRect(QRectF(column, y + gap, 1, height - y - gap), colour)


def _paint_annotations(
    painter: QPainter, view: QRectF, state: SliceViewState, transform: ViewTransform
) -> None:
    overlay = state.overlay
    legend = state.show_info and overlay is not None and overlay.visible
    if legend and overlay is not None and view.height() > 260 and view.width() > 300:
        height = min(220.0, view.height() * 0.4)
        area = QRectF(
            view.right() - _MARGIN - LEGEND_WIDTH,
            view.center().y() - height / 2,
            LEGEND_WIDTH,
            height,
        )
        paint_legend(painter, area, overlay)
    if state.show_info:
        _paint_corners(painter, view, state.corners)
        _paint_letters(painter, view, state, legend)
        _paint_scale(painter, view, transform)
    if state.lossy:
        _paint_lossy(painter, view, _lossy_top(painter, view, state))


def _paint_corners(painter: QPainter, view: QRectF, corners: Corners) -> None:
    metrics = QFontMetricsF(painter.font())
    line = metrics.height() + 1.0
    for number, lines in enumerate(corners):
        right, bottom = bool(number % 2), number >= 2
        if bottom:
            y = view.bottom() - _MARGIN - metrics.descent() - line * (len(lines) - 1)
        else:
            y = view.top() + _MARGIN + metrics.ascent()
        for k, text in enumerate(lines):
            shown = _fitted(text, metrics, view.width() / 2 - 2 * _MARGIN)
            x = view.left() + _MARGIN
            if right:
                x = view.right() - _MARGIN - metrics.horizontalAdvance(shown)
            draw_text(painter, QPointF(x, y + k * line), shown)


def _fitted(text: str, metrics: QFontMetricsF, room: float) -> str:
    shown = shown_line(text)
    if metrics.horizontalAdvance(shown) <= room:
        return shown
    return metrics.elidedText(shown, Qt.TextElideMode.ElideRight, room)


def _paint_letters(
    painter: QPainter, view: QRectF, state: SliceViewState, legend: bool
) -> None:
    if state.layout is None:
        return
    left, right, top, bottom = state.layout.letters
    plain = painter.font()
    painter.setFont(picture_font(plain, 14, bold=True))
    metrics = QFontMetricsF(painter.font())
    middle_x, middle_y = view.center().x(), view.center().y() + metrics.ascent() / 2 - 2
    right_edge = view.right() - _MARGIN - metrics.horizontalAdvance(right)
    if legend:
        right_edge -= LEGEND_WIDTH + _MARGIN
    places = (
        (left, view.left() + _MARGIN, middle_y),
        (right, right_edge, middle_y),
        (
            top,
            middle_x - metrics.horizontalAdvance(top) / 2,
            view.top() + _MARGIN + metrics.ascent(),
        ),
        (
            bottom,
            middle_x - metrics.horizontalAdvance(bottom) / 2,
            view.bottom() - _MARGIN - 34,
        ),
    )
    for letter, x, y in places:
        draw_text(painter, QPointF(x, y), letter, MUTED)
    painter.setFont(plain)


def _paint_scale(painter: QPainter, view: QRectF, transform: ViewTransform) -> None:
    per_mm = transform.points_per_mm
    length_mm = bar_length_mm(view.width() * _SCALE_SHARE, per_mm)
    centre = QPointF(view.center().x(), view.bottom() - _MARGIN)
    paint_scale_bar(painter, centre, length_mm, per_mm)
    label = bar_label(length_mm)
    length = QFontMetricsF(painter.font()).horizontalAdvance(label)
    draw_text(painter, QPointF(centre.x() - length / 2, centre.y() - 13), label)


def _lossy_top(painter: QPainter, view: QRectF, state: SliceViewState) -> float:
    if not state.show_info or view.width() > _WIDE:
        return _MARGIN + 22.0
    # In a narrow view the badge would lie on the corner texts.
    n_lines = max(len(state.corners[0]), len(state.corners[1]), 1)
    return _MARGIN + 6.0 + n_lines * (QFontMetricsF(painter.font()).height() + 1.0)


def _paint_lossy(painter: QPainter, view: QRectF, top: float) -> None:
    text = "LOSSY COMPRESSION"
    plain = painter.font()
    painter.setFont(picture_font(plain, 11, bold=True))
    metrics = QFontMetricsF(painter.font())
    width = metrics.horizontalAdvance(text) + 12
    badge = QRectF(view.center().x() - width / 2, view.top() + top, width, 18.0)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_LOSSY)
    painter.drawRoundedRect(badge, 4, 4)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(QColor(20, 16, 0))
    painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)
    painter.setFont(plain)


def _paint_message(painter: QPainter, view: QRectF, message: str) -> None:
    painter.setPen(LIGHT)
    flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
    painter.drawText(view.adjusted(24, 24, -24, -24), flags, shown_line(message))
