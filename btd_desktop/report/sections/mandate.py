"""Who asked what of whom, and the propositions."""

from __future__ import annotations

from typing import Final

from btd_desktop.examination.declared import declared_in, declared_lines
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Fact,
    Facts,
    Section,
    name,
    plain,
    quoting,
    stated,
)
from btd_desktop.report.sections.calibration import lines

_ALTERED: Final = (
    "Image data of the series examined were altered after reconstruction, by"
    " adding or removing image content."
)
_UNALTERED: Final = (
    "Image data of the series examined are as the scanner reconstructed them."
)


def section(case: ReportCase) -> Section:
    """Question, client and propositions."""
    info = case.store.info
    tests = lines(declared_lines(declared_in(case.store)))
    facts = (
        Fact("Question asked", stated(name("text", info.question)), "question"),
        Fact("Client", stated(name("text", info.client)), "client"),
        Fact("Case number", stated(quoting(info.case_number)), "case_number"),
        Fact("Tests", tests, "tests"),
        Fact("Not asked", stated(plain("")), "not_asked"),
        Fact("Proposition H1", plain(_ALTERED), "proposition_altered"),
        Fact("Proposition H2", plain(_UNALTERED), "proposition_unaltered"),
    )
    return Section("mandate", "Mandate and propositions", (Facts(facts, "mandate"),))
