"""The opinion, in words of the scale only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from btd_desktop.calibration.scope import Coverage
from btd_desktop.errors import ReportError
from btd_desktop.examination.series import SeriesExamination
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Box,
    Bullets,
    Column,
    Fact,
    Facts,
    Heading,
    Section,
    Text,
    name,
    plain,
    stated,
    table_of,
    unprinted,
)

__all__ = ["CONCLUSIONS", "HEADLINES", "WOULD_CHANGE", "Opinion", "opinion_for",
           "section"]  # fmt: skip

Conclusion = Literal["supports", "no support found", "inconclusive", "not covered"]

CONCLUSIONS: Final[dict[Conclusion, str]] = {
    "supports": (
        "The findings support the proposition that the image data were altered at the"
        " places named more than the proposition that they were not."
    ),
    "no support found": (
        "The method found nothing that supports an alteration. This does not show that"
        " there is none."
    ),
    "inconclusive": (
        "The findings support neither proposition over the other, or their weight"
        " cannot be stated."
    ),
    "not covered": (
        "No calibration covers these image data, so that no error rate, no p-value and"
        " no opinion can be given."
    ),
}
"""The whole scale of opinions, weakest claims included; printed in each report."""

HEADLINES: Final[dict[Conclusion, str]] = {
    "supports": "The findings support alteration (H1) over no alteration (H2).",
    "no support found": "No support for an alteration was found.",
    "inconclusive": "Inconclusive.",
    "not covered": "No opinion: not covered by the calibration.",
}
"""The opinion in one line, for those who read nothing else."""

WOULD_CHANGE: Final = (
    "The untouched original from the scanner or archive, with its digest.",
    "Genuine scans of the same scanner, kernel and protocol to calibrate on.",
)

_UNPRINTABLE_CLAIMS: Final = re.compile(
    r"\b(fakes?|faked|authentic|authenticity|genuineness)\b"
    r"|\d\s*%\s*(certain|sure|likely|probab)|\bcertainty of\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the results allow to say.

    Attributes:
        conclusion: A key of `CONCLUSIONS`.
        sentences: The program's own sentences that apply the scale to this case.

    Raises:
        ReportError: A sentence claims what the statistics cannot carry ("fake",
            "authentic", "99 % certain"), or the conclusion is not on the scale.
    """

    conclusion: Conclusion
    sentences: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.conclusion not in CONCLUSIONS:
            raise ReportError(
                f"the opinion {self.conclusion!r} is not on the scale",
                hint="Use one of: " + ", ".join(CONCLUSIONS) + ".",
            )
        for sentence in self.sentences:
            claim = _UNPRINTABLE_CLAIMS.search(sentence)
            if claim:
                raise ReportError(
                    f"the opinion says {claim.group()!r}, which the method cannot show",
                    hint="Say supports, no support found, or inconclusive.",
                )


def section(case: ReportCase) -> Section:
    """The opinion, the examiner's remarks and the whole scale."""
    opinion = opinion_for(case.examinations)
    answer = Text(plain(HEADLINES[opinion.conclusion]), "answer")
    remarks = stated(name("text", case.remarks))
    return Section(
        "opinion",
        "Opinion",
        (
            Box((answer, *(Text(plain(text)) for text in opinion.sentences))),
            Facts(
                (
                    Fact("Examiner's remarks", remarks, "remarks"),
                    Fact("", plain(opinion.conclusion), "conclusion"),
                    Fact("", unprinted(list(opinion.sentences)), "sentences"),
                ),
                "opinion",
            ),
            Text(plain("The whole scale of opinions that a report can hold:")),
            table_of(
                CONCLUSIONS.items(),
                (
                    (Column("Opinion", 2.4), lambda item: plain(item[0])),
                    (Column("Meaning", 10), lambda item: plain(item[1])),
                ),
            ),
            Heading(plain("What would change the opinion")),
            Bullets(tuple(map(plain, WOULD_CHANGE)), "opinion.would_change"),
        ),
    )


def opinion_for(outcomes: Sequence[SeriesExamination]) -> Opinion:
    """The opinion that follows from the results by fixed rules.

    Nothing covered: "not covered". A flagged place in a covered series that the
    examiner confirmed or has not dismissed: "supports" when the slice-level threshold
    carries the flag, "inconclusive" when the series is only partly covered. No flag:
    "no support found".
    """
    covered = [
        o.evaluation
        for o in outcomes
        if o.evaluation is not None and o.evaluation.scope.p_values_allowed
    ]
    if not covered:
        return Opinion(
            "not covered", ("No calibration profile covers a series of this case.",)
        )
    sentences, flagged, partly = [], False, False
    for number, outcome in enumerate(outcomes, 1):
        evaluation = outcome.evaluation
        if evaluation is None or not evaluation.scope.p_values_allowed:
            continue
        series = evaluation.kinds["anomaly"]
        n_flagged = sum(bool(v and v.flagged) for v in series.slices)
        n_scored = sum(v is not None for v in series.slices)
        open_findings = [f for f in outcome.findings if f.status != "dismissed"]
        partly |= evaluation.scope.coverage is Coverage.PARTLY
        # More slices than the error rate lets expect, and places to point at.
        expected = evaluation.profile.target_fpr * n_scored
        stands_out = n_flagged > max(1.0, 3.0 * expected) and bool(open_findings)
        flagged |= stands_out
        sentences.append(
            f"Series {number}: {n_flagged} of {n_scored} slices are flagged; at the "
            f"false-positive rate of {evaluation.profile.target_fpr:.1%} per slice, "
            f"{expected:.1f} are expected in a genuine series of this length. "
            f"{len(open_findings)} places are shown as exhibits."
        )
    if flagged:
        conclusion: Conclusion = "inconclusive" if partly else "supports"
        if partly:
            sentences.append(
                "Places are flagged, but the calibration covers the series only in "
                "part, so that their error rate is not established."
            )
    else:
        conclusion = "no support found"
    return Opinion(conclusion, tuple(sentences))
