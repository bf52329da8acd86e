"""What the tour of the window says, in the order in which an examiner works."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from btd_desktop.gui.shell.shell import Shell
from btd_desktop.gui.views.tour import Tour, TourStep


def start_tour(shell: Shell) -> None:
    """Lay the tour over the window, from its first card; one at a time."""
    for running in shell.window.findChildren(Tour):
        running.close()
    Tour(_steps(shell), shell.window)


def _steps(shell: Shell) -> tuple[TourStep, ...]:
    def dock(name: str) -> Callable[[], QWidget]:
        def front() -> QWidget:
            shell.panels.docks[name].show()
            shell.panels.docks[name].raise_()
            return shell.panels.docks[name]

        return front

    def image() -> QWidget:
        return shell.workspace.mpr.views[0]

    def strip() -> QWidget:
        return shell.workspace.strip

    return (
        TourStep(
            "What was received",
            "Every series of the case, with how far it has come. “Import statement” "
            "says what became of each file.",
            dock("series"),
        ),
        TourStep(
            "All slices at a glance",
            "One row a slice. Bright rows score higher than genuine scans do; a tick "
            "at the side marks those above the threshold. Click one to go there; N "
            "goes to the next.",
            strip,
        ),
        TourStep(
            "The slice",
            "The wheel goes through the slices, a left drag sets the window, O held "
            "down hides the colours. With S and a click you score a place.",
            image,
        ),
        TourStep(
            "Findings",
            "Places that the search found and those that you kept. Look at each, note "
            "what you see, and mark it. A finding is a reason to look, no proof.",
            dock("findings"),
        ),
        TourStep(
            "Among genuine scans",
            "Grey are genuine scans, blue is this one. What a number means is behind "
            "the “?” beside it, everywhere in the window.",
            dock("histogram"),
        ),
        TourStep(
            "Measure and compare",
            "L, A, E and P measure length, angle, region and profile; V lays a second "
            "series beside this one, D shows the difference. Measurements are kept in "
            "the case.",
            dock("measurements"),
        ),
        TourStep(
            "The report",
            "Ctrl+R shows the report before it is signed, Ctrl+Shift+R checks one. F1 "
            "opens the handbook, ? shows all keys. The tour stands in the menu Help.",
            image,
        ),
    )
