"""Who asked what of whom, and the propositions."""

from __future__ import annotations

from typing import Final

from btd_desktop.examination.declared import declared_in, declared_lines
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Fact,
    Facts,
    Section,
    Text,
    name,
    plain,
    quoting,
    stated,
)
from btd_desktop.report.sections.calibration import lines

_PROPOSITIONS: Final = (
    ("H1", "altered", "Altered: after reconstruction, image content was added, removed"
     " or changed with the intent to change what the images show."),
    ("H2", "processed", "Processed: after reconstruction, the image data were changed"
     " without that intent, by export, resampling, filtering, compression or"
     " de-identification."),
    ("H3", "as_acquired", "As acquired: the image data are as the scanner"
     " reconstructed them."),
)  # fmt: skip
_EXHAUSTIVE: Final = (
    "One of the three holds of each series. The rates of false alarms are measured on"
    " genuine scans, that is under H3; the scores do not tell H1 from H2."
)


def section(case: ReportCase) -> Section:
    """Question, client, tests and propositions."""
    asked = case.statement.mandate
    tests = lines(declared_lines(declared_in(case.store)))
    facts = (
        Fact("Question asked", stated(name("text", asked.question)), "question"),
        Fact("Client", stated(name("text", asked.client)), "client"),
        Fact("Case number", stated(quoting(asked.case_number)), "case_number"),
        Fact("Tests", tests, "tests"),
        Fact("Not asked", stated(name("text", asked.not_asked)), "not_asked"),
        *(
            Fact(f"Proposition {label}", plain(text), f"proposition_{key}")
            for label, key, text in _PROPOSITIONS
        ),
    )
    return Section(
        "mandate",
        "Mandate and propositions",
        (Facts(facts, "mandate"), Text(plain(_EXHAUSTIVE), "small")),
    )
