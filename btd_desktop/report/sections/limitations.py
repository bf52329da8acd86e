"""What the method cannot show."""

from __future__ import annotations

from typing import Final

from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import Bullets, Cell, Section, plain, quoting

_LIMITS: Final = (
    "A p-value is the share of genuine scans that score as high or higher. It is not "
    "the probability that the scan was altered.",
    "The calibration holds genuine scans only. How often the method misses an "
    "alteration depends on the kind of alteration; figures are given where they were "
    "measured, and nowhere else.",
    "That nothing was flagged does not show that nothing was altered: kinds of "
    "alteration that were not tested may leave no trace that the method sees.",
    "A flagged place shows that the image noise there is unlike that of its "
    "surroundings and of genuine scans. Metal, motion, contrast medium, "
    "post-processing and re-compression can do the same.",
    "Scores of neighbouring patches and slices are not independent; the number of "
    "patients is what carries the error rate.",
    "The result of the software is one part of an examination. It is not a medical "
    "device and says nothing about health or disease.",
)


def limits_of(case: ReportCase) -> tuple[Cell, ...]:
    """Limits of the case's custody first, since they bear on all others."""
    reasons = dict.fromkeys(
        f"{text[0].upper()}{text[1:].rstrip('.')}."
        for o in case.examinations
        for text in (o.problem, *o.remarks)
        if text
    )
    return (
        *map(quoting, case.custody_notes),
        *map(plain, _LIMITS),
        *map(quoting, reasons),
    )


def section(case: ReportCase) -> Section:
    """Every limit."""
    bullets = Bullets(limits_of(case), "limitations")
    return Section("limitations", "Limitations", (bullets,))
