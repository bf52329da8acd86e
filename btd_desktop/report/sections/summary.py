"""Question, answer, what it rests on and its limits, on one page."""

from __future__ import annotations

from typing import Final

from btd_desktop.examination.wording import (
    counted,
    established_text,
    flagged_text,
    interval_text,
    p_value_text,
    percent_text,
)
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Block,
    Box,
    Bullets,
    Cell,
    Column,
    Heading,
    Run,
    Section,
    Text,
    join,
    name,
    plain,
    quoting,
    reference,
    stated,
    table_of,
    text_of,
)
from btd_desktop.report.results import (
    Result,
    modality_cell,
    result_sentences,
    results_of,
)
from btd_desktop.report.sections.limitations import limits_of
from btd_desktop.report.sections.marks import marks_text, places_of
from btd_desktop.report.sections.opinion import (
    CONCLUSIONS,
    WOULD_CHANGE,
    opinion_for,
)
from btd_desktop.report.sections.validation import figures_of

_LONGEST_TEXT: Final = 700
_LONGEST_NAME: Final = 60
_MOST_SERIES: Final = 4
_MOST_LIMITS: Final = 3
_EXPLANATION: Final = (
    "p-value: share of genuine scans that score at least as high; it is not the"
    " probability of tampering. FPR per slice: share of slices of genuine scans that"
    " are flagged too."
)


def section(case: ReportCase) -> Section:
    """The page for readers without technical training."""
    opinion = opinion_for(case)
    question = stated(name("text", case.statement.mandate.question))
    meaning = Text(plain(CONCLUSIONS[opinion.conclusion]))
    answer = (
        Text(plain(opinion.headline), "answer"),
        # The headline of this answer says all of its meaning.
        *([] if opinion.conclusion == "supports" else [meaning]),
        *(Text(shortened(quoting(text))) for text in opinion.sentences[:2]),
    )
    n_limits = len(case.custody_notes) + _MOST_LIMITS
    limits = [shortened(cell) for cell in limits_of(case)[:n_limits]]
    return Section(
        "summary",
        "Summary",
        (
            Heading(plain("The question")),
            Text(shortened(question), "lead"),
            Heading(plain("The answer")),
            Box(answer),
            Heading(plain("What it rests on")),
            *_findings(results_of(case)),
            *_marks(case),
            *_error_rates(case),
            Heading(plain("Main limits")),
            Bullets(tuple(limits)),
            Heading(plain("What would change the opinion")),
            Bullets(tuple(map(plain, WOULD_CHANGE))),
        ),
    )


def _marks(case: ReportCase) -> tuple[Block, ...]:
    """How many places there were and how many were dismissed; empty without any."""
    places = places_of(case)
    if not places:
        return ()
    more = join(plain(" See section "), reference("marks"), plain("."))
    return (Text(join(plain(marks_text(places)), more)),)


def _findings(results: list[Result]) -> tuple[Block, ...]:
    if not results:
        return (Text(plain("No series was scored.")),)
    if len(results) == 1:
        return (Bullets(result_sentences(results[0])),)
    table = table_of(
        results[:_MOST_SERIES],
        (
            (Column("Series", 4), _series),
            (Column("Calibration", 2.2), _calibration),
            (Column("As a whole", 2), _whole),
            (Column("p-value", 3.2), _p_value),
            (Column("Slices flagged", 2, look="number"), _n_flagged),
            (
                Column("FPR per slice", 1.8, look="number"),
                lambda r: plain(percent_text(r.slice_fpr if r.is_examined else None)),
            ),
        ),
    )
    blocks: tuple[Block, ...] = (table, Text(plain(_EXPLANATION), "small"))
    left_out = len(results) - _MOST_SERIES
    if left_out > 0:
        more = join(
            plain(f"{left_out:d} more results: see section "),
            reference("results"),
            plain("."),
        )
        blocks = (*blocks, Text(more, "small"))
    return blocks


def _series(result: Result) -> Cell:
    record = result.outcome.record
    described = stated(name("description", record.description))
    return join(
        plain(f"{result.number:d}: "), modality_cell(record.modality), plain(", "),
        shortened(described, _LONGEST_NAME),
    )  # fmt: skip


def _calibration(result: Result) -> Cell:
    if not result.is_examined:
        return plain("not examined")
    return plain(result.coverage)


def _whole(result: Result) -> Cell:
    level = result.whole
    return plain("–" if level is None else flagged_text(level))


def _p_value(result: Result) -> Cell:
    level = result.whole
    return plain("–" if level is None else p_value_text(level))


def _n_flagged(result: Result) -> Cell:
    if result.slice_fpr is None or not result.is_examined:
        return plain("–")
    return plain(f"{len(result.flagged):,} of {result.n_scored:,}")


def _error_rates(case: ReportCase) -> tuple[Block, ...]:
    """How often the method errs, as measured; empty where nothing was measured."""
    covering = {
        r.evaluation.profile.digest: r.evaluation
        for r in results_of(case)
        if r.is_covered and r.evaluation is not None
    }
    sentences = []
    for evaluation in covering.values():
        profile, level = evaluation.profile, evaluation.level("anomaly", "slice")
        if level.threshold is None:
            continue
        doubt = established_text(level, profile.target_fpr)
        sentences.append(
            join(
                plain("False alarms (FPR per slice, profile "),
                quoting(profile.name),
                plain(
                    f"): {percent_text(profile.target_fpr)}; 95% interval"
                    f" {interval_text(level.interval, percent=True)}, from"
                    f" {counted(profile.n_patients, 'patient')}"
                    f"{f'; {doubt}' if doubt else ''}."
                ),
            )
        )
    figures = [row for _, row in figures_of(case)]
    if figures:
        areas = [float(row["auc"]) for row in figures]
        most = max(int(row["n_patients"]) for row in figures)
        sentences.append(
            plain(
                "Separation of altered from genuine places (AUC; 0.5 is chance, 1 is"
                f" complete): {min(areas):.2f} to {max(areas):.2f} over"
                f" {counted(len(areas), 'kind')} of alteration tested, on at most"
                f" {counted(most, 'patient')}."
            )
        )
    if not sentences:
        return ()
    return (
        Heading(plain("How often the method errs")),
        Bullets(tuple(shortened(cell) for cell in sentences[:4])),
    )


def shortened(cell: Cell, limit: int = _LONGEST_TEXT) -> Cell:
    """The cell with its printed text cut to a limit; what remains keeps its marks."""
    if len(text_of(cell)) <= limit:
        return cell
    runs: list[Run] = []
    left = limit - 1
    for run in cell.runs:
        if isinstance(run, Run) and left > 0:
            kept = run.text[:left]
            left -= len(kept)
            runs.append(Run(kept, run.mark, run.kind, run.of or run.text))
    return join(Cell(tuple(runs)), plain("…"))
