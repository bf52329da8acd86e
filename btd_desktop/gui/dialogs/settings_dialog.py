"""Preferences of this computer; each run records the device and precision it used."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QDialog, QLineEdit, QSpinBox, QWidget

from btd_desktop.errors import SettingsError
from btd_desktop.examination.wording import reason_of
from btd_desktop.gui.dialogs.form import (
    PathField,
    ProblemLine,
    button_box,
    form_layout,
    muted,
    page_layout,
    pin_buttons,
)
from btd_desktop.settings import Settings, changed_settings, save_settings

_CHOICES = {
    "theme": {"system": "As the desktop", "dark": "Dark", "light": "Light"},
    "device": {
        "auto": "Automatic: a GPU when there is one",
        "cpu": "Processor",
        "cuda": "NVIDIA GPU",
        "mps": "Apple GPU",
    },
    "dtype": {
        "auto": "Automatic",
        "float32": "float32",
        "bfloat16": "bfloat16",
    },
    "paper_size": {"A4": "A4", "Letter": "Letter"},
    "log_level": {"INFO": "Normal", "DEBUG": "Detailed", "WARNING": "Warnings only"},
}
_LABELS = {
    "theme": "&Theme",
    "device": "&Device",
    "dtype": "&Precision",
    "paper_size": "Pa&per",
    "log_level": "&Log",
}


class SettingsDialog(QDialog):
    """Shows and saves `Settings`.

    Signals:
        saved(Settings): They were saved.
    """

    saved = Signal(object)

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        layout = page_layout(self, "Settings", 560, 0)
        layout.addWidget(
            muted(
                "Preferences of this computer. What decides a score is written into "
                "each run, not here; device and precision are written there too."
            )
        )
        form = form_layout()
        self._examiner = QLineEdit(settings.examiner)
        self._organisation = QLineEdit(settings.organisation)
        self._certificate = PathField(
            "Certificate", kind="open", pattern="Certificates (*.p12 *.pfx)"
        )
        if settings.signing_certificate:
            self._certificate.set_path(Path(settings.signing_certificate))
        self._recent = QSpinBox()
        self._recent.setRange(0, 50)
        self._recent.setValue(settings.recent_cases_limit)
        form.addRow("&Examiner", self._examiner)
        form.addRow("&Organisation", self._organisation)
        form.addRow("&Certificate", self._certificate)
        self._combos: dict[str, QComboBox] = {}
        for key, choices in _CHOICES.items():
            combo = QComboBox()
            for value, text in choices.items():
                combo.addItem(text, value)
            current = getattr(settings, key)
            if combo.findData(current) < 0:
                combo.addItem(current, current)
            combo.setCurrentIndex(combo.findData(current))
            self._combos[key] = combo
            form.addRow(_LABELS[key], combo)
        form.addRow("&Recent cases", self._recent)
        layout.addLayout(form)
        self._problem = ProblemLine()
        self._problem.hide()
        layout.addWidget(self._problem)
        box, _ = button_box(self, "Save")
        pin_buttons(self, box)

    def accept(self) -> None:
        """Save; stay open when that is not possible."""
        certificate = self._certificate.path
        values = {key: combo.currentData() for key, combo in self._combos.items()}
        try:
            settings = changed_settings(
                self._settings,
                examiner=self._examiner.text().strip(),
                organisation=self._organisation.text().strip(),
                signing_certificate="" if certificate is None else str(certificate),
                recent_cases_limit=self._recent.value(),
                **values,
            )
            save_settings(settings)
        except SettingsError as error:
            self._problem.show_problem(reason_of(error))
            return
        self.saved.emit(settings)
        super().accept()
