"""The import statement: every file received, what became of it, and why."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QLineEdit, QWidget

from btd_desktop.cases.model import EvidenceItem
from btd_desktop.gui.dialogs.form import heading, page_layout, pin_export
from btd_desktop.gui.models.rows_table import Column, RowsTable
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.series import EvidenceState
from btd_desktop.gui.presenters.wording import size_text
from btd_desktop.gui.theme import Theme
from btd_desktop.gui.views.help_button import HelpButton
from btd_desktop.gui.views.table_view import plain_table

_SERIOUS = ("damaged", "refused")


class ImportStatement(QDialog):
    """Shows an `EvidenceState`, files that were not taken first.

    Attributes:
        model: The table of files.

    Signals:
        export_wanted(RowsTable): Write the table to a file.
    """

    export_wanted = Signal(object)

    def __init__(
        self, state: EvidenceState, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._theme = theme
        layout = page_layout(self, "Import statement", 980, 620)
        top = QHBoxLayout()
        top.addWidget(heading(state.sentence), 1)
        top.addWidget(HelpButton("import"))
        layout.addLayout(top)
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search names, reasons and digests")
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(self._filter)
        self._only = QCheckBox("Only files that were not taken")
        self._only.setChecked(state.n_not_taken > 0)
        self._only.toggled.connect(self._filter)
        row = QHBoxLayout()
        row.addWidget(self._search, 1)
        row.addWidget(self._only)
        layout.addLayout(row)
        self.model = RowsTable(
            (
                Column("File", lambda i: i.name, tip=lambda i: i.path),
                Column("Fate", lambda i: i.fate, colour=self._colour),
                Column("Reason", lambda i: i.reason or "—"),
                Column("Size", lambda i: size_text(i.size_bytes), right=True),
                Column(
                    "SHA-256",
                    lambda i: i.sha256[:16] + "…",
                    tip=lambda i: i.sha256,
                    whole=lambda i: i.sha256,
                ),
            ),
            self,
        )
        self._table = plain_table(self.model, "Files received", stretch=2)
        layout.addWidget(self._table, 1)
        self._count = PlainLabel("", role="muted")
        layout.addWidget(self._count)
        pin_export(self, "the import statement", self._on_export)
        self._filter()

    def _on_export(self) -> None:
        self.export_wanted.emit(self.model)

    def _filter(self) -> None:
        text = self._search.text().casefold()
        rows = [i for i in self._state.items if self._shows(i, text)]
        rows.sort(key=lambda i: (i.fate not in _SERIOUS, i.fate == "accepted", i.name))
        self.model.show_rows(rows)
        self._table.setColumnWidth(0, 260)
        self._count.setText(
            f"{len(rows)} of {len(self._state.items)} files shown, "
            f"{size_text(self._state.size_bytes)} received."
        )

    def _shows(self, item: EvidenceItem, text: str) -> bool:
        if self._only.isChecked() and item.fate == "accepted":
            return False
        return text in f"{item.name} {item.reason} {item.fate} {item.sha256}".casefold()

    def _colour(self, item: EvidenceItem) -> str | None:
        if item.fate == "accepted":
            return self._theme.good
        return self._theme.danger if item.fate in _SERIOUS else self._theme.warning
