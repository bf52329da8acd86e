"""The figures of the campaigns, printed at the end of a test run.

A plugin that the tests' own conftest loads: where the tests run in several processes,
the one that prints has collected none of them itself.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.hostile.figures import Figures, report_lines

_FIGURES = pytest.StashKey[list[Figures]]()
_LINES = pytest.StashKey[list[str]]()
_OUTPUT = "damaged inputs"


@pytest.fixture
def campaign_figures(request: pytest.FixtureRequest) -> list[Figures]:
    """List of figures that are printed when the run ends."""
    return request.config.stash.setdefault(_FIGURES, [])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the figures of a process of its own to the one that prints."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_OUTPUT] = report_lines(session.config.stash.get(_FIGURES, []))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take the figures of a process that has ended."""
    lines = getattr(node, "workeroutput", {}).get(_OUTPUT, [])
    node.config.stash.setdefault(_LINES, []).extend(lines)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the figures of the campaigns that ran."""
    lines = config.stash.get(_LINES, [])
    lines = [*lines, *report_lines(config.stash.get(_FIGURES, []))]
    if lines:
        terminalreporter.section("damaged inputs")
        for line in lines:
            terminalreporter.write_line(line)
