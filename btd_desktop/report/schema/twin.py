"""The twin as a whole, and its JSON Schema.

Who reads a twin of another program finds the schema in docs/report.schema.json:

    python -m btd_desktop.report.schema.twin > docs/report.schema.json

A value that may be null does not exist there: no threshold, no p-value, no digest.
Slices, series and exhibits are counted from 1; rows and columns are pixels from 0;
digests are SHA-256 in lower-case hex; times are ISO 8601.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from btd_desktop.report.schema.results import (
    Calibration,
    Finding,
    Method,
    Object,
    Result,
    Run,
    Series,
    Validation,
)

SCHEMA_ID: Final = "btd-report-3"


class Redaction(Object, frozen=True, kw_only=True):
    """What a redacted variant says of itself."""

    of_report_id: str
    of_sha256: str
    replaced: list[str]
    remark: str


class Alternative(Object, frozen=True, kw_only=True):
    """An alternative explanation and what the examiner says of it."""

    explanation: str
    judgement: str
    remark: str


class Attachment(Object, frozen=True, kw_only=True):
    """A file attached to the PDF."""

    name: str
    sha256: str
    size_bytes: int


class Audit(Object, frozen=True, kw_only=True):
    """Where the audit log of the case stood."""

    head: str
    n_entries: int


class Component(Object, frozen=True, kw_only=True):
    """A library."""

    licence: str
    name: str
    version: str


class Event(Object, frozen=True, kw_only=True):
    """An entry of the audit log."""

    digest: str
    event: str
    person: str
    when: str


class Identity(Object, frozen=True, kw_only=True):
    """The report itself."""

    created: str
    created_local: str
    is_draft: bool
    report_id: str
    software_commit: str
    software_version: str
    standing: str


class Container(Object, frozen=True, kw_only=True):
    """An archive received."""

    kind: str
    n_files: int
    name: str
    sha256: str | None
    sha256_stated: str | None
    size_bytes: int | None


class File(Object, frozen=True, kw_only=True):
    """A file received."""

    container: str
    fate: str
    name: str
    reason: str
    root: str
    sha256: str | None
    size_bytes: int | None


class Items(Object, frozen=True, kw_only=True):
    """What was received."""

    containers: list[Container]
    counts_by_fate: dict[str, int]
    digests_stated: str | None
    files: list[File]
    findings: list[Finding]
    received: str
    received_from: str
    received_on: str
    tree_digest: str


class Mandate(Object, frozen=True, kw_only=True):
    """Who asked what, and who examined."""

    case_number: str
    client: str
    examiner: str
    examiner_qualification: str
    examiner_role: str
    independence: str
    not_asked: str
    proposition_altered: str
    proposition_as_acquired: str
    proposition_processed: str
    question: str
    reviewer: str
    tests: list[str]


class Dismissed(Object, frozen=True, kw_only=True):
    """A place that the examiner dismissed."""

    found_by: str
    is_flagged: bool | None
    p_value: float | None
    place: list[int] | None
    reason: str
    score: float | None
    series_number: int
    slice_number: int


class OtherPlace(Object, frozen=True, kw_only=True):
    """A place that another run, calibration or search judged."""

    calibration: str | None
    found_by: str
    note: str
    p_value: float | None
    place: list[int] | None
    score: float | None
    series_number: int
    slice_number: int
    status: str


class Choice(Object, frozen=True, kw_only=True):
    """Which calibration spoke for a series from when on."""

    by: str
    calibration: str
    calibration_digest: str
    model: str
    series_number: int
    taken: str


class MarksOfSeries(Object, frozen=True, kw_only=True):
    """How many places of a series were suggested and marked."""

    confirmed: int
    dismissed: int
    pointed_at: int
    series_number: int
    suggested: int
    to_check: int


class Withdrawn(Object, frozen=True, kw_only=True):
    """A place that the examiner pointed at and took back."""

    p_value: float | None
    person: str
    place: list[int]
    reason: str
    score: float | None
    series_number: int
    slice_number: int


class Marks(Object, frozen=True, kw_only=True):
    """The examiner's marks."""

    dismissed: list[Dismissed]
    others: list[OtherPlace] | UnsetType = UNSET
    sentence: str
    series: list[MarksOfSeries]
    withdrawn: tuple[Withdrawn, ...] = ()  # reports before could withdraw none


class Measured(Object, frozen=True, kw_only=True):
    """A measurement of the examiner; numbers as its kind has them, else null."""

    angle_deg: float | None
    area_mm2: float | None
    high: float | None
    kind: str
    length_mm: float | None
    length_px: float | None
    low: float | None
    mean: float | None
    n: int | None
    person: str
    result: str
    sd: float | None
    series_number: int | None
    where: str


class Opinion(Object, frozen=True, kw_only=True):
    """The answers."""

    conclusion: str
    headline: str
    remarks: str
    sentences: list[str]
    would_change: list[str]


class Reproduction(Object, frozen=True, kw_only=True):
    """What a repetition must give."""

    commands: list[str]
    manifest_digest: str
    remark: str
    result_digest: str


class Twin(Object, frozen=True, kw_only=True):
    """All values of a report."""

    format: Literal["btd-report"]
    format_version: Literal[3]
    alternatives: list[Alternative]
    attachments: list[Attachment]
    audit: Audit
    calibrations: list[Calibration]
    choices: list[Choice] | UnsetType = UNSET
    components: list[Component]
    custody: list[Event]
    identity: Identity
    items: Items
    layout: int
    limitations: list[str]
    mandate: Mandate
    marks: Marks
    measurements: tuple[Measured, ...] = ()  # reports before did not measure
    methods: list[Method]
    not_validated: list[str]
    opinion: Opinion
    redaction: Redaction | None
    reproduction: Reproduction
    results: list[Result]
    runs: list[Run]
    series: list[Series]
    validation: list[Validation]


def twin_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a twin."""
    schema = msgspec.json.schema(Twin)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {
        "$id": f"urn:{SCHEMA_ID}",
        "title": "Values of a report of BTD Desktop (report.json)",
    }  # fmt: skip


def schema_text() -> str:
    """The schema as its file holds it."""
    return json.dumps(twin_schema(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
