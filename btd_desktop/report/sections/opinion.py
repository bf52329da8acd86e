"""The opinion, in the words of a closed list of answers."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from btd_desktop.errors import ReportError
from btd_desktop.examination.conclusion import CaseConclusion, Conclusion, conclude
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
    quoting,
    stated,
    table_of,
)

CONCLUSIONS: Final[dict[Conclusion, str]] = {
    "supports": (
        "More is flagged than genuine scans let expect, at the rate of false alarms"
        " given. That speaks against image data as acquired (H3), at the places named."
        " Whether content was altered (H1) or the data were processed (H2), the scores"
        " do not tell."
    ),
    "no support found": (
        "The method found nothing that supports an alteration. This does not show that"
        " there is none."
    ),
    "partly examined": (
        "The method found nothing that supports an alteration in what was scored. Of"
        " the rest nothing can be said, and that nothing was found does not show that"
        " there is none."
    ),
    "inconclusive": (
        "What is flagged does not tell as acquired (H3) from altered or processed (H1,"
        " H2), or its rate of false alarms is not known."
    ),
    "not covered": (
        "No calibration covers these image data, so that no error rate, no p-value and"
        " no opinion can be given."
    ),
    "not examined": (
        "Nothing, or too little, of these image data could be scored, so that no"
        " opinion can be given."
    ),
}
"""Every answer that a report can give; printed in each report.

They describe and grade nothing: genuine scans alone say how rare a finding is among
genuine scans, not how much more often it comes of an alteration.
"""

_MOST_BOXED: Final = 6

WOULD_CHANGE: Final = (
    "The untouched original from the scanner or archive, with its digest.",
    "Genuine scans of the same scanner, kernel and protocol to calibrate on.",
)

_UNPRINTABLE_CLAIMS: Final = re.compile(
    r"\b(fakes?|faked|authentic|authenticity|genuineness)\b"
    r"|\d\s*%\s*(certain|sure|likely|probab)|\bcertainty of\b"
    r"|\b(weak|moderate|strong|limited|extreme)(ly)?\s+(strong\s+)?(support|evidence)\b"
    r"|\bmore\s+(likely|probable)\b|\blikelihood\b|\bbeyond\s+doubt\b",
    re.IGNORECASE,
)


def section(case: ReportCase) -> Section:
    """The opinion, the examiner's remarks and every answer that there is."""
    opinion = opinion_for(case)
    answer = Text(plain(opinion.headline), "answer")
    # A sentence may quote what the headers say of the scanner.
    sentences = tuple(map(quoting, opinion.sentences))
    remarks = stated(name("text", case.remarks or case.statement.remarks))
    return Section(
        "opinion",
        "Opinion",
        (
            # A box is never split over pages: a case of many series has many sentences.
            Box((answer, *map(Text, sentences[:_MOST_BOXED]))),
            *map(Text, sentences[_MOST_BOXED:]),
            Facts(
                (
                    Fact("Examiner's remarks", remarks, "remarks"),
                    Fact("", plain(opinion.conclusion), "conclusion"),
                    Fact("", plain(opinion.headline), "headline"),
                ),
                "opinion",
            ),
            Bullets(sentences, "opinion.sentences", printed=False),
            Text(plain("All answers that a report can give; they are not graded:")),
            table_of(
                CONCLUSIONS.items(),
                (
                    (Column("Answer", 2.4), lambda item: plain(item[0])),
                    (Column("Meaning", 10), lambda item: plain(item[1])),
                ),
            ),
            Heading(plain("What would change the opinion")),
            Bullets(tuple(map(plain, WOULD_CHANGE)), "opinion.would_change"),
        ),
    )


def opinion_for(case: ReportCase) -> CaseConclusion:
    """What `conclude` decides, checked."""
    fates = Counter(file.fate for file in case.files)
    return checked(conclude(case.examinations, fates))


def checked(found: CaseConclusion) -> CaseConclusion:
    """A conclusion that claims no more than statistics can carry.

    Raises:
        ReportError: A sentence claims more ("fake", "authentic", "99 % certain",
            "strong support"), or the conclusion is none of the answers.
    """
    if found.conclusion not in CONCLUSIONS:
        raise ReportError(
            f"the opinion {found.conclusion!r} is none of the answers",
            hint="Use one of: " + ", ".join(CONCLUSIONS) + ".",
        )
    for sentence in (found.headline, *found.sentences):
        claim = _UNPRINTABLE_CLAIMS.search(sentence)
        if claim:
            raise ReportError(
                f"the opinion says {claim.group()!r}, which the method cannot show",
                hint="Say supports, no support found, or inconclusive.",
            )
    return found
