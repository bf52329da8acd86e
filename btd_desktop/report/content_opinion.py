"""What a report says of identity, mandate, opinion and how to repeat it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from btd_desktop.errors import ReportError

__all__ = [
    "CONCLUSIONS",
    "Alternative",
    "AuditAnchor",
    "Component",
    "Conclusion",
    "Mandate",
    "Opinion",
    "RedactionNote",
    "ReportIdentity",
    "Reproduction",
]

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

_UNPRINTABLE_CLAIMS: Final = re.compile(
    r"\b(fakes?|faked|authentic|authenticity|genuineness)\b"
    r"|\d\s*%\s*(certain|sure|likely|probab)|\bcertainty of\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ReportIdentity:
    """Which report this is and which program wrote it.

    Attributes:
        report_id: Identity of this report, unique in the case.
        created: When the report was made, aware UTC datetime.
        created_local: The same moment in the examiner's local time, as text with its
            offset; empty when not stated.
        software_version: Version of BTD Desktop.
        software_commit: Commit of the source, or empty when unknown.
        is_draft: True prints DRAFT across every page.
    """

    report_id: str
    created: datetime
    software_version: str
    software_commit: str = ""
    created_local: str = ""
    is_draft: bool = False

    def __post_init__(self) -> None:
        if self.created.utcoffset() is None:
            raise ReportError(
                "the time of the report has no time zone",
                hint="Pass an aware UTC datetime.",
            )


@dataclass(frozen=True, slots=True)
class RedactionNote:
    """What a redacted variant of a report says of itself.

    Attributes:
        of_report_id: The report that it is a variant of.
        of_sha256: Hex SHA-256 of that report's PDF, signature included. No digest of
            its JSON twin is given: all that a redacted twin leaves out of it are
            names, which could then be found by trying.
        replaced: What was replaced or left out, as sentences.
        remark: What could not be looked at while redacting, or empty.
    """

    of_report_id: str
    of_sha256: str
    replaced: tuple[str, ...]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Mandate:
    """Who asked what of whom; every text is the examiner's own and may be empty.

    Attributes:
        case_number: Case number of the client or of the laboratory.
        client: Who gave the mandate.
        examiner: Name of the examiner.
        question: The question asked, in the client's words.
        examiner_role: Role and organisation.
        examiner_qualification: Training and experience that matter here.
        independence: Declaration of independence.
        reviewer: Technical or peer reviewer.
        proposition_altered: First proposition (H1).
        proposition_unaltered: Second proposition (H2).
        not_asked: What was not part of the mandate.
    """

    case_number: str = ""
    client: str = ""
    examiner: str = ""
    question: str = ""
    examiner_role: str = ""
    examiner_qualification: str = ""
    independence: str = ""
    reviewer: str = ""
    proposition_altered: str = (
        "Image data of the series examined were altered after reconstruction, by"
        " adding or removing image content."
    )
    proposition_unaltered: str = (
        "Image data of the series examined are as the scanner reconstructed them."
    )
    not_asked: str = ""


@dataclass(frozen=True, slots=True)
class Alternative:
    """An innocent explanation and whether it was considered.

    Attributes:
        explanation: Such as "metal", "motion", "reconstruction kernel".
        is_considered: True, False, or None when the examiner did not say.
        remark: What was found; may be empty.
    """

    explanation: str
    is_considered: bool | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Opinion:
    """The opinion, in words of the scale only.

    Attributes:
        conclusion: A key of `CONCLUSIONS`.
        sentences: The program's own sentences that apply the scale to this case.
        remarks: The examiner's own words, printed as such; may be empty.
        would_change: What would change the opinion, as sentences.

    Raises:
        ReportError: A sentence claims what the statistics cannot carry ("fake",
            "authentic", "99 % certain").
    """

    conclusion: Conclusion
    sentences: tuple[str, ...] = ()
    remarks: str = ""
    would_change: tuple[str, ...] = ()

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


@dataclass(frozen=True, slots=True)
class Reproduction:
    """How the other party repeats the examination.

    Attributes:
        commands: Exact commands, in order.
        manifest_digest: Digest of the run manifest, or empty.
        result_digest: Digest of the results that a repetition on the same backend must
            give, or empty.
        remark: What may differ on another backend, and by how much.
    """

    commands: tuple[str, ...]
    manifest_digest: str = ""
    result_digest: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class AuditAnchor:
    """State of the audit log when the report was made.

    Attributes:
        head: Head of the keyed chain.
        n_entries: Number of entries.
    """

    head: str
    n_entries: int


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the software: name, version and licence."""

    name: str
    version: str
    licence: str = ""
