"""What the window shows, written to files: tables as CSV, plots as PNG, SVG or CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QRectF
from PySide6.QtGui import QImage, QPaintDevice, QPainter
from PySide6.QtWidgets import QFileDialog, QWidget

from btd_desktop.errors import BtdError, ReportError
from btd_desktop.gui.models.rows_table import RowsTable
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.picture import free_name
from btd_desktop.workflow.table_file import write_new, write_table

if TYPE_CHECKING:
    import pyqtgraph as pg

_PLOTS = "Picture (*.png);;Drawing (*.svg);;Numbers (*.csv)"
_SCALE = 2


def export_table(
    window: QWidget, session: Session, model: RowsTable, stem: str
) -> None:
    """Ask for a file and write a table into it as CSV."""
    path = _asked(window, f"Export {stem}", f"{stem}.csv", "Tables (*.csv)")
    if path is not None:
        _told(session, path, lambda: write_table(path, model.head, model.texts()))


def export_plot(
    window: QWidget,
    session: Session,
    plot: pg.PlotWidget,
    numbers: RowsTable,
    stem: str,
) -> None:
    """Ask for a file and write a plot into it, in the kind that its name says."""
    path = _asked(window, f"Export {stem}", f"{stem}.png", _PLOTS)
    if path is not None:
        _told(session, path, lambda: write_plot(plot, numbers, path))


def write_plot(plot: pg.PlotWidget, numbers: RowsTable, path: Path) -> None:
    """Write a plot as PNG or SVG, or its numbers as CSV.

    Raises:
        ReportError: The name ends in none of these, or the file exists or cannot be
            written.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        write_table(path, numbers.head, numbers.texts())
    elif suffix in (".png", ".svg"):
        write_new(path, _png(plot) if suffix == ".png" else _svg(plot))
    else:
        raise ReportError(
            f"{path.name} names no kind of file",
            hint="let it end in .png, .svg or .csv",
            code="kind",
        )


def _png(plot: pg.PlotWidget) -> bytes:
    image = QImage(plot.size() * _SCALE, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(_SCALE)
    _paint(plot, image)
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())


def _svg(plot: pg.PlotWidget) -> bytes:
    # Qt's own generator: that of pyqtgraph fails on lines with labels.
    from PySide6.QtSvg import QSvgGenerator

    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    drawing = QSvgGenerator()
    drawing.setOutputDevice(buffer)
    drawing.setSize(plot.size())
    drawing.setViewBox(plot.rect())
    drawing.setTitle(plot.accessibleName())
    _paint(plot, drawing)
    return bytes(buffer.data().data())


def _paint(plot: pg.PlotWidget, device: QPaintDevice) -> None:
    painter = QPainter(device)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(plot.rect(), plot.backgroundBrush())
    plot.render(painter, QRectF(plot.rect()), plot.rect())
    painter.end()


def _asked(window: QWidget, title: str, name: str, kinds: str) -> Path | None:
    stem, suffix = Path(name).stem, Path(name).suffix
    start = free_name(Path.home(), stem, suffix)
    chosen, kind = QFileDialog.getSaveFileName(
        window,
        title,
        str(start),
        kinds,
        options=QFileDialog.Option.DontConfirmOverwrite,
    )
    if not chosen:
        return None
    path = Path(chosen)
    wanted = kind.partition("*")[2].rstrip(")")
    return path if path.suffix else path.with_suffix(wanted or suffix)


def _told(session: Session, path: Path, write: Callable[[], None]) -> None:
    try:
        write()
    except BtdError as error:
        session.failed.emit(error)
    else:
        session.noticed.emit(f"Saved {path.name}.")
