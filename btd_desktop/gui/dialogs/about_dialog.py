"""Version, intended use, licences of what the program is made of."""

from __future__ import annotations

import importlib.metadata
import platform

from PySide6.QtWidgets import QDialog, QFrame, QScrollArea, QVBoxLayout, QWidget

from btd_desktop import __version__
from btd_desktop.gui.dialogs.form import button_box, heading, muted, page_layout
from btd_desktop.gui.models.rows_table import Column, RowsTable
from btd_desktop.gui.plain_text import plain_label
from btd_desktop.gui.views.start_page import INTENDED_USE
from btd_desktop.gui.views.table_view import plain_table

__all__ = ["AboutDialog"]

_PARTS = (
    "PySide6-Essentials",
    "pyqtgraph",
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "pydicom",
    "SimpleITK",
    "imagecodecs",
    "pyjpegls",
    "pylibjpeg",
    "pylibjpeg-openjpeg",
    "pillow",
    "reportlab",
    "pyhanko",
    "cryptography",
    "safetensors",
    "platformdirs",
    "typer",
    "rich",
)


class AboutDialog(QDialog):
    """About the program."""

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
        inner.addWidget(plain_label(INTENDED_USE, wrap=True))
        scroll.setWidget(page)
        scroll.setMaximumHeight(110)
        layout.addWidget(scroll)
        layout.addWidget(heading("Made with"))
        model = RowsTable(
            (
                Column("Part", lambda r: r[0]),
                Column("Version", lambda r: r[1]),
                Column("Licence", lambda r: r[2]),
            ),
            self,
        )
        model.show_rows([_part(name) for name in _PARTS])
        layout.addWidget(plain_table(model, "Parts and licences", stretch=2), 1)
        box, _ = button_box(self, "Close")
        box.buttons()[-1].hide()
        layout.addWidget(box)


def _part(name: str) -> tuple[str, str, str]:
    try:
        facts = importlib.metadata.metadata(name).json
    except importlib.metadata.PackageNotFoundError:
        return name, "not installed", ""
    licence = str(facts.get("license_expression") or "")
    if not licence:
        kinds = [
            c.rpartition("::")[2].strip()
            for c in facts.get("classifier") or []
            if c.startswith("License ::")
        ]
        licence = ", ".join(kinds) or str(facts.get("license") or "")
    return name, str(facts.get("version") or ""), licence.partition("\n")[0][:80]
