"""The audit log as a timeline: who did what to the case, and when."""

from __future__ import annotations

import json

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QLineEdit, QWidget

from btd_desktop.cases.model import AuditEntry
from btd_desktop.gui.dialogs.form import heading, page_layout, pin_export
from btd_desktop.gui.models.rows_table import Column, RowsTable
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.views.table_view import plain_table

_EVERY_SLICE = "slice scored"
_MOST = 400


class AuditDialog(QDialog):
    """Shows audit entries, newest first.

    Attributes:
        model: The table of entries.

    Signals:
        export_wanted(RowsTable): Write the table to a file.
    """

    export_wanted = Signal(object)

    def __init__(
        self, entries: tuple[AuditEntry, ...], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._entries = tuple(reversed(entries))
        layout = page_layout(self, "Audit timeline", 980, 620)
        layout.addWidget(heading("What was done to this case, newest first"))
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search events, people and details")
        self._search.setAccessibleName("Search the timeline")
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(self._filter)
        self._every = QCheckBox("Show every scored slice")
        self._every.toggled.connect(self._filter)
        row = QHBoxLayout()
        row.addWidget(self._search, 1)
        row.addWidget(self._every)
        layout.addLayout(row)
        self.model = RowsTable(
            (
                Column("No.", lambda e: str(e.seq), right=True),
                Column("Time (UTC)", lambda e: e.utc[:19].replace("T", " ")),
                Column("Person", lambda e: e.actor),
                Column("Event", lambda e: e.action),
                Column("Details", _details, tip=_whole_details, whole=_json),
                Column(
                    "Hash",
                    lambda e: e.hash[:12] + "…",
                    tip=lambda e: e.hash,
                    whole=lambda e: e.hash,
                ),
            ),
            self,
        )
        self._table = plain_table(self.model, "Entries of the audit log", stretch=4)
        layout.addWidget(self._table, 1)
        self._count = PlainLabel("", role="muted")
        layout.addWidget(self._count)
        pin_export(self, "the timeline", self._on_export)
        self._filter()

    def _filter(self) -> None:
        text = self._search.text().casefold()
        every = self._every.isChecked()
        rows = [
            e
            for e in self._entries
            if (every or e.action != _EVERY_SLICE)
            and text in f"{e.action} {e.actor} {_whole_details(e)}".casefold()
        ]
        self.model.show_rows(rows)
        self._count.setText(f"{len(rows):,} of {len(self._entries):,} entries shown.")

    def _on_export(self) -> None:
        self.export_wanted.emit(self.model)


def _details(entry: AuditEntry) -> str:
    summary = entry.details.get("summary")
    if isinstance(summary, str):
        return summary
    named = {k: v for k, v in entry.details.items() if k not in ("records", "format")}
    short = ", ".join(f"{k}: {_text(v)}" for k, v in named.items())
    return short if len(short) <= _MOST else short[: _MOST - 1] + "…"


def _json(entry: AuditEntry) -> str:
    return json.dumps(entry.details, ensure_ascii=False, sort_keys=True)


def _whole_details(entry: AuditEntry) -> str:
    text = _json(entry)
    return text if len(text) <= 4 * _MOST else text[: 4 * _MOST - 1] + "…"


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
