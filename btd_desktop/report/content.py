"""Everything a report says, without a word about how it looks.

`workflow` fills a `ReportContent` from the case; `layout` prints it; `to_json` is the
JSON twin that travels inside the PDF. No number reaches the paper that is not here,
and none is typed by hand: a value that the case does not hold is None or an empty
text, and the layout then prints "not stated" or "not covered by the calibration".

Conventions: times are aware UTC datetimes; slices, columns and rows follow what the
screen shows (`slice_number` from 1, `column` and `row` from 0, at the voxel centre);
world points are (x, y, z) in LPS mm; rates and p-values lie in [0, 1]. A `p_value` of
None means that the calibration does not cover the series: no p-value is printed then
(SOLVE-IT: an uncalibrated score must not be read as a probability).

Arrays (`ExhibitFigure`, `SeriesFigure`) serve the drawings only. They are left out
of the twin and of comparisons; the case keeps them under their own digests.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

import numpy as np

from btd_desktop.digest import canonical_json
from btd_desktop.errors import ReportError
from btd_desktop.report.content_evidence import (
    FATES,
    ContainerItem,
    CustodyEvent,
    Fact,
    FileItem,
    ItemsReceived,
    SeriesExamined,
    SeriesFinding,
)
from btd_desktop.report.content_method import (
    Calibration,
    Level,
    LevelCalibration,
    Method,
    ValidationFact,
)
from btd_desktop.report.content_opinion import (
    CONCLUSIONS,
    Alternative,
    AuditAnchor,
    Component,
    Conclusion,
    Mandate,
    Opinion,
    RedactionNote,
    ReportIdentity,
    Reproduction,
)
from btd_desktop.report.content_results import (
    CopiedNoise,
    Exhibit,
    ExhibitFigure,
    ExhibitScore,
    FlaggedSlice,
    LevelResult,
    ScopeVerdict,
    SeriesFigure,
    SeriesResult,
)

__all__ = [
    "CONCLUSIONS",
    "FATES",
    "TWIN_FORMAT",
    "TWIN_FORMAT_VERSION",
    "Alternative",
    "AuditAnchor",
    "Calibration",
    "Component",
    "Conclusion",
    "ContainerItem",
    "CopiedNoise",
    "CustodyEvent",
    "Exhibit",
    "ExhibitFigure",
    "ExhibitScore",
    "Fact",
    "FileItem",
    "FlaggedSlice",
    "ItemsReceived",
    "Level",
    "LevelCalibration",
    "LevelResult",
    "Mandate",
    "Method",
    "Opinion",
    "RedactionNote",
    "ReportContent",
    "ReportIdentity",
    "Reproduction",
    "ScopeVerdict",
    "SeriesExamined",
    "SeriesFigure",
    "SeriesFinding",
    "SeriesResult",
    "ValidationFact",
]

TWIN_FORMAT: Final = "btd-report"
TWIN_FORMAT_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class ReportContent:
    """Everything the report says.

    Attributes:
        identity: Which report, which program.
        mandate: Who asked what of whom.
        items: What was received.
        series: Series examined, in order of their number.
        methods: Detectors used.
        calibrations: Calibration profiles used.
        results: One per series and method.
        opinion: The opinion.
        reproduction: How to repeat it.
        custody: Chain of custody.
        validation: Figures from the model cards.
        not_validated: What was not measured, as sentences.
        alternatives: Innocent explanations considered.
        limitations: Limits, as sentences.
        audit: State of the audit log, or None when no case keeps one.
        components: Software bill of materials.
        redaction: What a redacted variant says of itself; None for a full report.

    Raises:
        ReportError: A result refers to a series, method or profile that is not here,
            or carries a p-value although no calibration covers it.
    """

    identity: ReportIdentity
    mandate: Mandate
    items: ItemsReceived
    series: tuple[SeriesExamined, ...]
    methods: tuple[Method, ...]
    calibrations: tuple[Calibration, ...]
    results: tuple[SeriesResult, ...]
    opinion: Opinion
    reproduction: Reproduction
    custody: tuple[CustodyEvent, ...] = ()
    validation: tuple[ValidationFact, ...] = ()
    not_validated: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    limitations: tuple[str, ...] = ()
    audit: AuditAnchor | None = None
    components: tuple[Component, ...] = ()
    redaction: RedactionNote | None = None

    def __post_init__(self) -> None:
        numbers = {series.number for series in self.series}
        methods = {method.method_id for method in self.methods}
        profiles = {item.profile_digest for item in self.calibrations}
        for result in self.results:
            place = f"the result of series {result.series_number}"
            if result.series_number not in numbers:
                raise ReportError(f"{place} refers to a series not in the report")
            if result.method_id not in methods:
                raise ReportError(f"{place} refers to a method not in the report")
            if result.calibration_digest not in {None, *profiles}:
                raise ReportError(f"{place} refers to a profile not in the report")
            if result.has_p_value and (
                result.calibration_digest is None or result.scope.scope == "not covered"
            ):
                raise ReportError(
                    f"{place} has a p-value although no calibration covers it",
                    hint="Leave its p-values out, or calibrate for this scanner.",
                )

    def to_json(self) -> dict[str, Any]:
        """The JSON twin: JSON values only, arrays of figures left out.

        Numbers are kept exactly, so that the twin can be recomputed from the case and
        compared byte by byte through `digest.canonical_json`.

        Raises:
            ReportError: A number is NaN or infinite; the message names its place.
        """
        twin = cast("dict[str, Any]", _json_value(self, "report"))
        twin["items"]["counts_by_fate"] = self.items.counts_by_fate
        return {
            "format": TWIN_FORMAT,
            "format_version": TWIN_FORMAT_VERSION,
            **twin,
        }

    def twin(self) -> bytes:
        """Canonical bytes of the JSON twin, as attached to the PDF.

        Raises:
            ReportError: A number is NaN or infinite.
        """
        return canonical_json(self.to_json())


def _json_value(value: object, place: str) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            item.name: _json_value(getattr(value, item.name), f"{place}.{item.name}")
            for item in dataclasses.fields(value)
            if item.metadata.get("in_twin", True)
        }
    if isinstance(value, (tuple, list)):
        return [_json_value(part, f"{place}[{i}]") for i, part in enumerate(value)]
    if isinstance(value, datetime):
        return _utc_text(value, place)
    return _json_scalar(value, place)


def _json_scalar(value: object, place: str) -> object:
    if isinstance(value, str):
        # A lone surrogate (an undecodable byte of a file name) has no UTF-8 form.
        return value.encode("utf-8", "backslashreplace").decode()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise ReportError(
            f"{place} is {value}, which a report cannot state",
            hint="Leave the value out (None) when it does not exist.",
        )
    if isinstance(value, (bool, int, float)):
        return value
    raise ReportError(f"{place} holds a {type(value).__name__}, not a JSON value")


def _utc_text(value: datetime, place: str) -> str:
    if value.utcoffset() is None:
        raise ReportError(f"{place} has no time zone", hint="Use an aware datetime.")
    return value.astimezone(UTC).isoformat(timespec="microseconds")
