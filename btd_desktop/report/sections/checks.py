"""The series examined, with the findings of the checks of their integrity."""

from __future__ import annotations

from typing import Final

from btd_desktop.examination.series import SeriesExamination, State
from btd_desktop.examination.wording import counted, percent_text, spacing_of
from btd_desktop.report.case import ReportCase, patient_text
from btd_desktop.report.document import (
    Block,
    Bullets,
    Cell,
    Column,
    Fact,
    Facts,
    Heading,
    Section,
    Text,
    digest,
    name,
    named_values,
    plain,
    quoting,
    records,
    stated,
    table_of,
    unprinted,
    word,
)
from btd_desktop.report.results import modality_cell, series_title

_FACTS: Final = (
    ("manufacturer", "Manufacturer"),
    ("model", "Scanner"),
    ("kernel", "Kernel"),
    ("thickness_mm", "Slice thickness, mm"),
    ("kvp", "kVp"),
    ("study_date", "Study date"),
    ("body_part", "Body part"),
    ("lossy", "Lossy compression"),
)
_NO_UNIT: Final = {"CT": "not HU, see the findings below"}
_UNITS: Final = ("HU", "modality value", *_NO_UNIT.values())
_STATES: Final = tuple(state.value for state in State)
_SEVERITIES: Final = ("note", "warning")


def section(case: ReportCase) -> Section:
    """Each series with its facts and findings."""
    blocks = records("series", [_series(n, o) for n, o in case.numbered])
    if not case.examinations:
        blocks = (*blocks, Text(plain("No series could be examined.")))
    return Section("checks", "Series examined and checks of their integrity", blocks)


def _series(number: int, outcome: SeriesExamination) -> tuple[Block, ...]:
    record, meta = outcome.record, outcome.record.meta
    between, *sides = spacing_of(record)
    geometry = (
        f"{counted(record.n_slices, 'slice')} of {record.rows:d} rows ×"
        f" {record.cols:d} columns; {between:g} mm between slices,"
        f" {sides[0]:g} × {sides[1]:g} mm in the plane"
    )
    # Cases of earlier versions do not say in which unit their values are.
    usual = "HU" if record.modality == "CT" else ""
    unit = (usual if meta.unit is None else meta.unit) or _NO_UNIT.get(
        record.modality, _UNITS[1]
    )
    known = [(label, _fact(key, getattr(meta, key))) for key, label in _FACTS]
    shown = [(label, cell) for label, cell in known if cell is not None]
    findings = table_of(
        record.findings,
        (
            (
                Column("Kind", 1.8, "severity"),
                lambda found: word(found.severity, _SEVERITIES),
            ),
            (
                Column("What the checks of this series noticed", 11, "sentence"),
                lambda found: quoting(found.sentence),
            ),
        ),
        "findings",
    )
    uid = name("uid", record.series_uid)
    facts = (
        Fact("Patient", stated(name("patient", patient_text(record))), "patient"),
        Fact("Series Instance UID", stated(uid), "series_instance_uid", "mono"),
        Fact("Geometry", plain(geometry)),
        Fact("Unit of the values", word(unit, _UNITS), "unit"),
        *(Fact(label, cell) for label, cell in shown),
        Fact("Digest of the volume", stated(digest(record.volume_digest)),
             "volume_digest", "mono"),
        Fact("", unprinted(number), "number"),
        Fact("", name("description", record.description), "description"),
        Fact("", modality_cell(record.modality), "modality"),
        Fact("", unprinted(record.n_slices), "n_slices"),
        Fact("", unprinted(record.rows), "n_rows"),
        Fact("", unprinted(record.cols), "n_columns"),
        Fact("", unprinted([between, *sides]), "spacing_mm"),
    )  # fmt: skip
    nothing = plain("The checks of this series noticed nothing.")
    return (
        Heading(series_title(number, outcome)),
        Facts(facts),
        *_examined(outcome),
        named_values(shown, "facts"),
        findings,
        *(() if record.findings else (Text(nothing),)),
    )


def _examined(outcome: SeriesExamination) -> tuple[Block, ...]:
    """How far the examination came, and how much was scored."""
    share, reason = outcome.share, quoting(outcome.reason)
    is_examined = outcome.state is not State.NOT_EXAMINED
    scored = plain("")
    if share is not None:
        scored = plain(
            f"{share.n_slices_scored:d} of {counted(share.n_slices, 'slice')},"
            f" {percent_text(share.body)} of the body"
        )
    left_out = () if share is None else tuple(map(quoting, share.reasons))
    return (
        Facts(
            (
                Fact("Examination", word(outcome.state.value, _STATES), "state"),
                Fact("Why" if outcome.reason else "", reason, "reason"),
                Fact("Scored" if share else "", scored),
                Fact("", unprinted(share and share.slices), "share_of_slices"),
                Fact("", unprinted(share and share.body), "share_of_body"),
            ),
            "examined",
        ),
        # Where the series was not examined, the reason above names them.
        Bullets(left_out, "examined.left_out", printed=is_examined),
    )


def _fact(key: str, value: object) -> Cell | None:
    if value in (None, ""):
        return None
    if isinstance(value, bool):
        return plain("yes" if value else "no")
    if isinstance(value, (int, float)):
        return plain(str(value))
    return name("date", str(value)) if "date" in key else quoting(str(value))
