"""The figures of the campaigns, printed at the end of a test run."""

from __future__ import annotations

import pytest

from tests.hostile.figures import Figures, report_lines

_FIGURES = pytest.StashKey[list[Figures]]()


@pytest.fixture
def campaign_figures(request: pytest.FixtureRequest) -> list[Figures]:
    """List of figures that are printed when the run ends."""
    return request.config.stash.setdefault(_FIGURES, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the figures of the campaigns that ran."""
    figures = config.stash.get(_FIGURES, [])
    if figures:
        terminalreporter.section("damaged inputs")
        for line in report_lines(figures):
            terminalreporter.write_line(line)
