"""Results as text: fates of files, scores of series, findings, verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from btd_desktop.cli.output import columns, warn
from btd_desktop.examination.wording import (
    NOT_COVERED,
    established_text,
    flagged_text,
    modality_text,
    number_text,
    p_text,
    percent_text,
    rate_text,
)

if TYPE_CHECKING:
    from pathlib import Path

    from btd_desktop.calibration.place import CalibratedValue
    from btd_desktop.cases.model import Finding, SeriesRecord
    from btd_desktop.examination.place import ScoredPlace
    from btd_desktop.examination.series import Evaluation, SeriesExamination
    from btd_desktop.report.verification import ReportVerdict
    from btd_desktop.workflow.import_series import CaseDetails
    from btd_desktop.workflow.issue_report import IssuedReport


def fates_line(fates: Mapping[str, int]) -> str:
    """Number of files per fate in one line."""
    listed = ", ".join(f"{n} {fate}" for fate, n in sorted(fates.items()))
    return f"Files: {listed or 'none'}"


def warn_of_kept_details(folder: Path, details: CaseDetails) -> None:
    """Say so when an existing case keeps its title, number, client and examiner."""
    from btd_desktop.workflow.import_series import CaseDetails, holds_case

    if details != CaseDetails() and holds_case(folder):
        warn("the case exists and keeps the details that it was made with")


def series_lines(record: SeriesRecord) -> Iterator[str]:
    """What a series is, and what the checks of the import noticed."""
    modality = modality_text(record.modality)
    if record.meta.modality_from == "examiner":
        modality += ", as the examiner stated"
    yield (
        f"Series {record.series_id}: {record.description or 'no description'} "
        f"({modality}, {record.n_slices} slices of {record.cols}x{record.rows})"
    )
    yield from (f"  {f.severity}: {f.sentence}" for f in record.findings)


def conclusion_line(
    outcomes: Sequence[SeriesExamination], fates: Mapping[str, int]
) -> str:
    """What may be said of all series together."""
    from btd_desktop.examination.conclusion import conclude

    return f"Conclusion: {conclude(outcomes, fates).headline}"


def outcome_lines(outcome: SeriesExamination) -> Iterator[str]:
    """What came of one series: scope, slices flagged, p-value, findings."""
    yield from series_lines(outcome.record)
    evaluation = outcome.examined
    if evaluation is None:
        yield f"  {outcome.state.value}: {outcome.reason}"
    else:
        yield from _evaluation_lines(evaluation)
        if outcome.share is not None and not outcome.share.is_whole:
            yield f"  {outcome.share.sentence}"
    yield from (f"  note: {remark}" for remark in outcome.remarks)
    if outcome.findings:
        what = "that stand out or were kept"
        if evaluation is not None and not evaluation.scope.p_values_allowed:
            what = "to look at, the highest first, or kept; none is flagged"
        yield f"  places {what}: {len(outcome.findings)}"
        yield from (f"  {line}" for line in findings_table(outcome.findings))
        yield from _copied_lines(outcome.findings)
    elif evaluation is not None:
        yield "  no place stands out, none was kept"
    if evaluation is not None:
        yield from _highest_lines(evaluation)


def _highest_lines(evaluation: Evaluation) -> Iterator[str]:
    """Where to look first, whether or not anything stands out."""
    from btd_desktop.examination.place import highest_places

    peaks = highest_places(evaluation)
    if peaks:
        yield "  highest places, in order (genuine scans have such too):"
        rows = [
            (
                str(number),
                str(peak.slice_index + 1),
                str(peak.column),
                str(peak.row),
                number_text(peak.score),
            )
            for number, peak in enumerate(peaks, start=1)
        ]
        header = ("no", "slice", "x", "y", "score")
        yield from (f"  {line}" for line in columns(header, rows))


def _copied_lines(findings: Sequence[Finding]) -> Iterator[str]:
    from btd_desktop.examination.copied_noise import copy_sentence

    for finding in findings:
        copy = finding.numbers.copy
        if copy and copy.copied:
            yield f"    finding {finding.finding_id}: {copy_sentence(copy)}"


def _evaluation_lines(evaluation: Evaluation) -> Iterator[str]:
    profile, scope = evaluation.profile, evaluation.scope
    anomaly = evaluation.kinds["anomaly"]
    yield (
        f"  model {evaluation.run.manifest.model['name']}, calibration "
        f"“{profile.name}” ({profile.n_patients} patients, {profile.n_patches} "
        f"patches): {scope.coverage.value}"
    )
    for reason in scope.reasons:
        yield f"    {reason}"
    scored = [v for v in anomaly.slices if v is not None]
    share = anomaly.flagged_share
    if share is None:
        why = evaluation.level("anomaly", "slice").reason if scored else ""
        why = why if scope.p_values_allowed else NOT_COVERED
        yield f"  slices flagged: cannot be said{f' ({why})' if why else ''}"
    else:
        yield (
            f"  slices flagged: {len(anomaly.flagged)} of {len(scored)} "
            f"({percent_text(share)}); "
            f"genuine scans: {percent_text(profile.target_fpr)}"
        )
        level = evaluation.level("anomaly", "slice")
        if doubt := established_text(level, profile.target_fpr):
            yield f"    {doubt}"
    if anomaly.series is not None:
        yield (
            f"  whole series: score {number_text(anomaly.series.score)}, "
            f"{p_text(anomaly.series)}"
        )


def findings_table(findings: Sequence[Finding]) -> Iterator[str]:
    """One line per finding; slices are counted from 1, x is the column."""
    rows = []
    for f in findings:
        every = f.numbers.every
        asked, in_slice = every.get(f.mode, f.numbers.anomaly), every.get("slice")
        rows.append(
            (
                str(f.finding_id),
                str(f.slice_index + 1),
                f"{f.x:g}",
                f"{f.y:g}",
                f.mode,
                number_text(asked.score),
                _rate(asked.p_value),
                str(asked.n),
                "–" if in_slice is None else _rate(in_slice.p_value),
                "" if in_slice is None else str(in_slice.n),
                f.status,
                f.origin,
            )
        )
    header = ("no", "slice", "x", "y", "score of", "score", "p place", "n")
    yield from columns((*header, "p slice", "n", "status", "from"), rows)


def slice_rows(evaluation: Evaluation) -> Iterator[str]:
    """One line per slice: maximum of the anomaly score with its p-value."""
    rows = []
    for index, value in enumerate(evaluation.kinds["anomaly"].slices):
        if value is None:
            rows.append((str(index + 1), "no tissue", "", "", ""))
        else:
            rows.append((str(index + 1), *value_row(value)))
    yield from columns(("slice", "score", "p", "n", ""), rows)


def place_rows(place: ScoredPlace, mode: str) -> Iterator[str]:
    """Every score of a place, `mode` marked, with its level, then its noise."""
    # Not above: verifying a report prints tables too, and needs no density.
    from btd_desktop.examination.copied_noise import copy_sentence

    rows = []
    for kind, value in place.numbers.scores.items():
        score, p_value, n, flag = value_row(value)
        rows.append(
            (
                f"{kind}{' *' if kind == mode else ''}",
                score,
                p_value,
                value.ranked_at,
                n,
                str(value.n_patients),
                number_text(value.threshold),
                flag,
            )
        )
    header = ("score", "value", "p", "level", "n", "patients", "threshold", "")
    yield from columns(header, rows)
    yield copy_sentence(place.numbers.copy)


def value_row(value: CalibratedValue) -> tuple[str, str, str, str]:
    """Score, p-value, n and flag of one calibrated value."""
    return (
        number_text(value.score),
        _rate(value.p_value),
        str(value.n),
        "" if value.flagged is False else flagged_text(value),
    )


def _rate(p_value: float | None) -> str:
    # n has a column of its own.
    return "–" if p_value is None else rate_text(p_value)


def issued_lines(issued: IssuedReport) -> Iterator[str]:
    """Where a report lies, who signed it, and why it is not final."""
    yield f"Report: {issued.path}"
    yield f"  signed by {issued.signer}"
    if issued.standing == "draft":
        yield f"  DRAFT. {issued.missing}".rstrip()


def verdict_lines(verdict: ReportVerdict) -> Iterator[str]:
    """The verdict on a report in one line, what it rests on, and what is against it."""
    from btd_desktop.workflow.verdict_words import report_words

    said = report_words(verdict)
    yield f"Report: {verdict.headline}. {said.headline}"
    yield from (f"  {line.name}: {line.words}" for line in said.lines)
    yield from (f"  problem: {problem}" for problem in said.problems)
