"""What the examiner states for a report: who, from whom, what else may explain it.

Name, case number, client and question are the case's own; the rest is an entry of the
audit log, so that no table of the case changed and each former statement is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from btd_desktop.cases import audit
from btd_desktop.errors import CaseError, SettingsError
from btd_desktop.strict_json import plain_json, record_from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from btd_desktop.cases.model import CaseInfo
    from btd_desktop.cases.store import CaseStore

MOST_IN_LINE: Final = 500
MOST_IN_TEXT: Final = 4000
Line = Annotated[str, Meta(max_length=MOST_IN_LINE)]
Words = Annotated[str, Meta(max_length=MOST_IN_TEXT)]

Explanation = Literal[
    "metal",
    "motion",
    "contrast",
    "kernel",
    "compression",
    "resampling",
    "deidentification",
]
Judgement = Literal["", "considered", "excluded", "remains"]

EXPLANATIONS: Final[dict[Explanation, str]] = {
    "metal": "Metal or other dense objects near the place",
    "motion": "Patient motion or pulsation",
    "contrast": "Contrast medium",
    "kernel": "Another reconstruction kernel or iterative reconstruction",
    "compression": "Lossy compression",
    "resampling": "Resampling, rotation or export by another program",
    "deidentification": "De-identification that edited pixels",
}
"""What else can make image noise look altered."""

JUDGEMENTS: Final[dict[Judgement, str]] = {
    "": "not stated",
    "considered": "considered",
    "excluded": "excluded",
    "remains": "remains possible",
}


@dataclass(frozen=True, slots=True)
class Examiner:
    """Who examines; kept between cases in the user's settings.

    Attributes:
        name: As signed.
        role: In the proceedings.
        qualification: Training and experience.
        independence: Ties to the parties, or that there are none.
        reviewer: Who reviewed the examination.
    """

    name: Line = ""
    role: Line = ""
    qualification: Words = ""
    independence: Words = ""
    reviewer: Line = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The mandate in words; what is tested is declared (see `declared`).

    Attributes:
        case_number: The client's or court's number.
        client: Who asked.
        question: What was asked.
        not_asked: What was not asked.
    """

    case_number: Line = ""
    client: Line = ""
    question: Words = ""
    not_asked: Words = ""


@dataclass(frozen=True, slots=True)
class Received:
    """How the items came to the examiner.

    Attributes:
        sender: From whom.
        how: On which medium or way, sealed or not.
        date: When, in words.
        digests: SHA-256 digests that the sender stated, hexadecimal.
    """

    sender: Line = ""
    how: Words = ""
    date: Line = ""
    digests: tuple[Annotated[str, Meta(pattern="^[0-9a-f]{64}$")], ...] = ()


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the examiner made of one explanation.

    Attributes:
        judgement: A key of `JUDGEMENTS`.
        remark: Why.
    """

    judgement: Judgement = ""
    remark: Words = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """Everything that the examiner states for a report.

    Attributes:
        examiner, mandate, received: Tables of the same names in a statement file.
        alternatives: What was made of the explanations; those left out are not stated.
        remarks: The examiner's own words on the opinion.
        is_demonstration: The case is simulated: no report of it is an examination.
            Once stated it stays.
    """

    examiner: Examiner = field(default_factory=Examiner)
    mandate: Asked = field(default_factory=Asked)
    received: Received = field(default_factory=Received)
    alternatives: dict[Explanation, Weighed] = field(default_factory=dict)
    remarks: Words = ""
    is_demonstration: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """What a final report still needs, in words; empty when nothing."""
        needed = {
            "the examiner's name": self.examiner.name,
            "the examiner's role": self.examiner.role,
            "the question asked": self.mandate.question,
            "from whom the items were received": self.received.sender,
        }
        return tuple(what for what, text in needed.items() if not text.strip())


def missing_text(statement: Statement) -> str:
    """What a final report still needs, as a sentence; "" when nothing."""
    missing = statement.missing
    if not missing:
        return ""
    *others, last = missing
    told = f"{', '.join(others)} and {last}" if others else last
    return f"Not a final report before it states {told}."


def statement_in(store: CaseStore) -> Statement:
    """What the examiner states in a case.

    Raises:
        CaseError: An entry of the audit log is no statement.
    """
    entries = store.audit_log(audit.STATED)
    stated = Statement()
    for entry in entries[-1:]:
        value = entry.details.get("statement")
        try:
            stated = record_from_json(Statement, value if value is not None else {})
        except (ValueError, TypeError, AttributeError) as error:
            raise CaseError(
                f"audit entry {entry.seq} of the case is no statement of the examiner: "
                f"{error}",
                hint="Verify the case and go back to an unaltered copy.",
                code="case-damaged",
            ) from error
    demonstration = any(_is_demonstration(e.details) for e in entries)
    return _with_info(replace(stated, is_demonstration=demonstration), store.info)


def _is_demonstration(details: Mapping[str, Any]) -> bool:
    value = details.get("statement")
    return isinstance(value, dict) and value.get("is_demonstration") is True


def _with_info(stated: Statement, info: CaseInfo) -> Statement:
    """The statement with what the case itself keeps."""
    return replace(
        stated,
        examiner=replace(stated.examiner, name=info.examiner),
        mandate=replace(
            stated.mandate,
            case_number=info.case_number,
            client=info.client,
            question=info.question,
        ),
    )


def without_info(statement: Statement) -> Statement:
    """The statement without what the case itself keeps."""
    return replace(
        statement,
        examiner=replace(statement.examiner, name=""),
        mandate=Asked(not_asked=statement.mandate.not_asked),
    )


def details_of(statement: Statement) -> dict[str, object]:
    """What the audit log keeps of a statement."""
    return {"statement": plain_json(without_info(statement))}


def statement_with(
    base: Statement, tables: Mapping[str, Any], source: str
) -> Statement:
    """A statement with the fields that a file gives; the others stay.

    Args:
        base: What is stated so far.
        tables: What the file holds: tables of fields.
        source: Name of the file, for errors.

    Raises:
        SettingsError: A table or field is not known or is of another kind.
    """
    known = plain_json(base)
    del known["is_demonstration"]
    _refuse_unknown(tables, known, source, "")
    merged = dict(known)
    for table, fields in tables.items():
        if table == "remarks":
            merged[table] = fields
            continue
        if not isinstance(fields, dict):
            raise _unusable(source, f"{table} must be a table of fields")
        if table == "alternatives":
            merged[table] = known[table] | _alternatives(fields, known[table], source)
            continue
        _refuse_unknown(fields, known[table], source, table)
        merged[table] = known[table] | fields
    try:
        read = msgspec.convert(merged, Statement)
    except msgspec.ValidationError as error:
        raise _unusable(source, _in_words(str(error))) from error
    return replace(read, is_demonstration=base.is_demonstration)


def _alternatives(
    fields: Mapping[str, Any], known: Mapping[str, Any], source: str
) -> dict[str, Any]:
    _refuse_unknown(fields, EXPLANATIONS, source, "alternatives")
    merged = {}
    for explanation, weighed in fields.items():
        place = f"alternatives.{explanation}"
        if not isinstance(weighed, dict):
            raise _unusable(source, f"{place} must be a table: judgement and remark")
        before = plain_json(Weighed()) | known.get(explanation, {})
        _refuse_unknown(weighed, before, source, place)
        merged[explanation] = before | weighed
        words = [word for word in JUDGEMENTS if word]
        if merged[explanation]["judgement"] not in JUDGEMENTS:
            raise _unusable(
                source,
                f"{place}: a judgement is {', '.join(words[:-1])} or {words[-1]}",
            )
    return merged


def _refuse_unknown(
    given: Mapping[str, Any], known: Iterable[str], source: str, table: str
) -> None:
    for key in given:
        if key not in known:
            where = f"[{table}]" if table else "a statement"
            raise _unusable(
                source,
                f"{where} has no “{key}”; it has {', '.join(known)}",
            )


def _in_words(message: str) -> str:
    """The message of msgspec with the place first."""
    what, _, where = message.partition(" - at `$.")
    what = what.replace("`", "").removeprefix("Expected ")
    what = what.replace("str matching regex '^[0-9a-f]{64}$'", "64 hexadecimal digits")
    what = what.replace("str", "text")
    return f"{where.rstrip('`')} must be {what}" if where else what


def _unusable(source: str, why: str) -> SettingsError:
    return SettingsError(
        f"{source} cannot be used as a statement: {why}",
        hint="see “Statements” in docs/cli.md",
        code="statement",
    )
