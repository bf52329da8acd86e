"""File › Open recent: the cases of the list, each with how far it had come."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QWidget

from btd_desktop.gui.plain_text import visible_text
from btd_desktop.workflow.import_series import holds_case


class RecentMenu(QMenu):
    """One action a case.

    Signals:
        chosen(Path): Open this case.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Open recent", parent)

    def show_cases(
        self, cases: tuple[Path, ...], state_of: Callable[[Path], str]
    ) -> None:
        """List the cases in these folders."""
        self.clear()
        for folder in cases:
            state = state_of(folder) if holds_case(folder) else "not there any more"
            name = visible_text(folder.name or str(folder))
            # An ampersand of a name is no key.
            text = (f"{name}  ({state})" if state else name).replace("&", "&&")
            action = self.addAction(text)
            action.setEnabled(holds_case(folder))
            action.setStatusTip(visible_text(str(folder)))
            action.triggered.connect(partial(self._choose, folder))
        self.setEnabled(bool(cases))

    def _choose(self, folder: Path) -> None:
        self.chosen.emit(folder)
