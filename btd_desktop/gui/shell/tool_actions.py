"""Actions of the tools beside scoring: measuring, comparing, looking and exporting."""

from __future__ import annotations

from functools import partial

from btd_desktop.gui.shell.action import ActionSpec
from btd_desktop.gui.shell.shell import Shell
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
