"""The list of jobs, beside the window: it can stay open while one works."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from btd_desktop.gui.dialogs.form import close_box, muted, page_layout, pin_buttons
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.job_list import JobListPresenter, JobRow
from btd_desktop.gui.views.progress_row import ProgressRow

_NOTE = (
    "Scoring, calibrating and training take turns. What is paused resumes where it "
    "waits; what is stopped keeps its slices or its checkpoint and resumes when it is "
    "started again. A calibration that is stopped begins anew."
)


class _JobLine(QWidget):
    """One job: what it is, how far, Pause and Stop."""

    def __init__(self, presenter: JobListPresenter, number: int) -> None:
        super().__init__()
        self.number = number
        self._title = PlainLabel("", wrap=True)
        self._progress = ProgressRow()
        self._progress.pause_toggled.connect(
            partial(presenter.on_pause_toggled, number)
        )
        self._progress.cancel_wanted.connect(partial(presenter.on_stop, number))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.setSpacing(2)
        layout.addWidget(self._title)
        layout.addWidget(self._progress)

    def show_row(self, row: JobRow) -> None:
        """Show how far it is."""
        self._title.setText(f"{row.title}: {row.end}" if row.end else row.work.title)
        self._title.show_role("muted" if row.end else "strong")
        self._progress.show_progress(row.work)


class JobsDialog(QDialog):
    """Shows the rows of a `JobListPresenter`."""

    def __init__(
        self, presenter: JobListPresenter, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._presenter = presenter
        self._lines: list[_JobLine] = []
        layout = page_layout(self, "Jobs", 620, 320)
        layout.addWidget(muted(_NOTE))
        self._empty = PlainLabel("Nothing goes on.")
        layout.addWidget(self._empty)
        self._list = QVBoxLayout()
        layout.addLayout(self._list)
        layout.addStretch(1)
        pin_buttons(self, close_box(self))
        presenter.changed.connect(self.show_rows)
        self.show_rows(presenter.rows)

    def show_rows(self, rows: tuple[JobRow, ...]) -> None:
        """Show other jobs."""
        self._empty.setVisible(not rows)
        if [line.number for line in self._lines] != [row.number for row in rows]:
            for line in self._lines:
                self._list.removeWidget(line)
                line.deleteLater()
            self._lines = [_JobLine(self._presenter, row.number) for row in rows]
            for line in self._lines:
                self._list.addWidget(line)
        for line, row in zip(self._lines, rows, strict=True):
            line.show_row(row)
