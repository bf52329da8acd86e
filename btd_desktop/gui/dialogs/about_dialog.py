"""Version, intended use, licences of what the program is made of."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QFrame, QScrollArea, QVBoxLayout, QWidget

from btd_desktop import __version__
from btd_desktop.gui.dialogs.form import (
    close_box,
    heading,
    muted,
    page_layout,
    pin_buttons,
)
from btd_desktop.gui.models.rows_table import Column, RowsTable
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.views.start_page import INTENDED_USE
from btd_desktop.gui.views.table_view import plain_table

if TYPE_CHECKING:
    from btd_desktop.workflow.components import ComponentRow


class AboutDialog(QDialog):
    """Shows version, intended use, and every component with its licence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = page_layout(self, "About BTD Desktop", 640, 620)
        layout.addWidget(heading(f"BTD Desktop {__version__}"))
        layout.addWidget(
            muted(
                "Examiner for altered content in CT and MR scans after Back-in-Time "
                "Diffusion: one reverse diffusion step, calibrated error rates, signed "
                f"reports. Apache License 2.0. Python {platform.python_version()}."
            )
        )
        layout.addWidget(heading("Intended use: forensic, not for diagnosis"))
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        page = QWidget()
        inner = QVBoxLayout(page)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(PlainLabel(INTENDED_USE, wrap=True))
        scroll.setWidget(page)
        scroll.setMaximumHeight(110)
        layout.addWidget(scroll)
        layout.addWidget(heading("Components and licences"))
        model = RowsTable(
            (
                Column("Part", lambda r: r[0]),
                Column("Version", lambda r: r[1]),
                Column("Licence", lambda r: r[2]),
            ),
            self,
        )
        model.show_rows(_rows())
        layout.addWidget(plain_table(model, "Components and licences", stretch=2), 1)
        pin_buttons(self, close_box(self))


def _rows() -> tuple[tuple[str, str, str], ...]:
    from btd_desktop.errors import SettingsError
    from btd_desktop.workflow.components import component_rows

    try:
        rows = component_rows()
    except SettingsError as error:
        return ((str(error.detail), "", ""),)
    return tuple((row.name, _version(row), row.licence) for row in rows)


def _version(row: ComponentRow) -> str:
    if row.differs:
        return f"{row.installed} (listed: {row.version})"
    return row.version if row.installed else f"{row.version}, not installed"
