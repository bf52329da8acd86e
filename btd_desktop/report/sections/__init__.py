"""The sections of a report, one module each; their order here gives the numbers.

What was found comes first, then what was examined and how, then what certifies it.

A module has a function `section` that makes a `Section` from a `ReportCase`. To add
one, write the module and put its name in the list.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import Section

__all__ = ["SECTIONS", "sections_of"]

SECTIONS: Final = (
    "summary",
    "mandate",
    "opinion",
    "results",
    "marks",
    "alternatives",
    "limitations",
    "checks",
    "items",
    "completeness",
    "custody",
    "method",
    "calibration",
    "validation",
    "reproduction",
    "examiner",
    "certification",
    "files",
    "attachments",
    "audit",
    "software",
    "terms",
    "measurements",
)


def sections_of(case: ReportCase) -> tuple[Section, ...]:
    """Every section of a report, in order."""
    modules: list[Any] = [import_module(f"{__name__}.{name}") for name in SECTIONS]
    return tuple(module.section(case) for module in modules)
