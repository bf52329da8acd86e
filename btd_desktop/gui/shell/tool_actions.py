"""Actions of the tools beside scoring: measuring, comparing, looking and exporting."""

from __future__ import annotations

from functools import partial

from btd_desktop.gui.shell.action import ActionSpec
from btd_desktop.gui.shell.shell import Shell
from btd_desktop.gui.shell.tour_steps import start_tour
from btd_desktop.gui.view_state.states import MEASURING, Tool


def _measure_with(tool: Tool, shell: Shell) -> None:
    shell.parts.display.on_tool_chosen(tool)
    shell.panels.docks["measurements"].show()
    shell.panels.docks["measurements"].raise_()


MEASURING_MENU = tuple(
    ActionSpec(
        f"tool_{tool}",
        partial(_measure_with, tool),
        icon=tool,
        checkable=True,
        bar=True,
        needs="series",
    )
    for tool in MEASURING
)

EXPORTS = (
    ActionSpec(
        "export_plot",
        lambda s: s.dialogs.export_histogram(s.panels.histogram.plot),
        "Export plot of scores …",
        needs="series",
    ),
    ActionSpec(
        "export_profile",
        lambda s: s.dialogs.export_profile(s.panels.measurements.plot),
        "Export profile …",
        needs="series",
    ),
    ActionSpec(
        "export_findings",
        lambda s: s.dialogs.export_findings(),
        "Export findings …",
        needs="case",
    ),
    ActionSpec(
        "export_measurements",
        lambda s: s.dialogs.export_measurements(),
        "Export measurements …",
        needs="case",
    ),
)

TOUR = ActionSpec("tour", start_tour, "Tour of the window", needs="series")

CINE_SPEED = (
    ActionSpec("cine_slower", lambda s: s.workspace.change_cine(-1), needs="series"),
    ActionSpec("cine_faster", lambda s: s.workspace.change_cine(1), needs="series"),
)

TIMELINE = ActionSpec(
    "timeline",
    lambda s: s.dialogs.show_timeline(),
    "Audit timeline …",
    needs="case",
)

FACTS = ActionSpec(
    "facts",
    lambda s: s.dialogs.show_facts(),
    "Facts and checks …",
    "metadata",
    needs="series",
)

COMPARING = (
    ActionSpec(
        "compare",
        lambda s: s.parts.comparing.on_toggled(),
        icon="linked-views",
        bar=True,
        needs="series",
        ruled_off=True,
    ),
    ActionSpec(
        "difference",
        lambda s: s.parts.comparing.on_difference_toggled(),
        needs="series",
    ),
)
