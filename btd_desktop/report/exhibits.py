"""The places that a report shows: one record each within the result of a series."""

from __future__ import annotations

from typing import Final

from msgspec import UnsetType

from btd_desktop.calibration.level import LevelCalibration
from btd_desktop.calibration.place import CalibratedValue
from btd_desktop.cases.model import Finding
from btd_desktop.examination.copied_noise import copy_sentence
from btd_desktop.examination.series import Evaluation
from btd_desktop.examination.wording import (
    SCORE_NAMES,
    UNITS,
    counted,
    established_text,
    interval_text,
    p_value_text,
    percent_text,
)
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Block,
    Cell,
    Column,
    Fact,
    Facts,
    Figure,
    Heading,
    Table,
    Text,
    join,
    name,
    plain,
    quoting,
    records,
    reference,
    stated,
    table_of,
    unprinted,
    word,
)
from btd_desktop.report.exhibit_pictures import exhibit_figure
from btd_desktop.report.results import (
    Result,
    flagged_cell,
    p_value_cell,
    score_cell,
    threshold_cell,
)
from btd_desktop.report.wording import mm_text
from btd_desktop.scoring.copies import NoiseCopy

_MOST_EXHIBITS: Final = 12
_STATUSES: Final = ("to check", "confirmed", "dismissed")
_MODES: Final = {
    "anomaly": "anything unlike genuine scans (place chosen by the examiner)",
    "injection": "injected content (centre of the patch)",
    "removal": "removed content (whole patch)",
    "search": "place found by the program's search",
}
DEFINITIONS: Final = {
    "anomaly": join(
        plain(
            "How unusual the noise is among genuine places: -log10 of their share,"
            " with what a learned evidence map adds (section "
        ),
        reference("method"),
        plain(")."),
    ),
    "untaught": plain(
        "The anomaly score without the learned evidence map: genuine scans alone "
        "taught it."
    ),
    "injection": plain(
        "Mean of the squared noise prediction over the central 32x32 pixels at the "
        "first noise level (Back-in-Time Diffusion, equation 3)."
    ),
    "removal": plain(
        "Mean of the squared noise prediction over the whole patch at the first noise "
        "level (Back-in-Time Diffusion, equation 3)."
    ),
    "slice": plain("Highest anomaly score among the patches of the grid in the slice."),
}


_STANDS_OUT: Final = (
    "In plain words: the fine grain of the image stands out at this place. At most"
    " about {rate} of genuine {units} show as much. It does not say why: an alteration,"
    " processing or something natural can be the cause."
)
_ORDINARY: Final = (
    "In plain words: the fine grain of the image at this place is as genuine scans show"
    " it too. That does not show that nothing was altered."
)
_CANNOT_TELL: Final = (
    "In plain words: the place can be looked at, but nothing says how often genuine"
    " scans show the same."
)
_TWICE: Final = (
    " The same grain is found a second time in the series, which chance alone hardly"
    " does; one of the two places may be a copy of the other."
)


def exhibits_of(case: ReportCase, result: Result) -> tuple[Block, ...]:
    """A record for each place of a series that is shown."""
    outcome = result.outcome
    if outcome.evaluation is None:
        return records("exhibits", [])
    places = outcome.labelled(result.number)
    shown = [place for place in places if place[1].status != "dismissed"]
    exhibits = records(
        "exhibits",
        [
            _exhibit(case, result.number, label, finding, evaluation)
            for label, finding, evaluation in shown[:_MOST_EXHIBITS]
        ],
    )
    n_more = len(shown) - _MOST_EXHIBITS
    if n_more > 0:
        more = counted(n_more, "further place")
        exhibits += (Text(plain(f"{more} of this series: see the case.")),)
    n_dismissed = sum(f.status == "dismissed" for f in outcome.findings)
    if n_dismissed:
        told = join(
            plain(
                f"{counted(n_dismissed, 'place')} dismissed by the examiner:"
                " see section "
            ),
            reference("marks"),
            plain("."),
        )
        exhibits += (Text(told),)
    return exhibits


def _exhibit(
    case: ReportCase,
    number: int,
    label: str,
    finding: Finding,
    evaluation: Evaluation,
) -> tuple[Block, ...]:
    volume = case.store.load_volume(finding.series_id)
    index, column, row = finding.slice_index, round(finding.x), round(finding.y)
    world = volume.world_mm((index, row, column))
    mode = "search" if finding.origin == "search" else finding.mode
    looked_for = plain(_MODES[mode], mode) if mode in _MODES else quoting(mode)
    where = (
        f"slice {index + 1:d}, column {column:d}, row {row:d}; patient coordinates"
        f" (LPS) {', '.join(map(mm_text, world))} mm"
    )
    uid = name("uid", volume.instance_uids[index])
    # With the score of the slice where the program's search chose the place.
    scores = list(finding.numbers.every.items())
    copy = finding.numbers.copy
    copied = copy_sentence(copy)
    facts = (
        Fact("Place", plain(where)),
        Fact("SOP Instance UID", stated(uid), "sop_instance_uid", "mono"),
        Fact("Looked for", looked_for, "mode"),
        Fact("Examiner's status", stated(word(finding.status, _STATUSES)), "status"),
        Fact("Examiner's note", stated(name("text", finding.note)), "note"),
        Fact("", plain(label), "label"),
        Fact("", unprinted(index + 1), "slice_number"),
        Fact("", unprinted(column), "column"),
        Fact("", unprinted(row), "row"),
        Fact("", unprinted(list(world)), "world_mm"),
        Fact("", unprinted(_copy(copy) if copy else None), "copied_noise"),
        Fact("", plain(copied), "noise_sentence"),
    )
    figure = exhibit_figure(case, volume, finding, evaluation, label)
    sentences = [*score_sentences(mode, scores, evaluation), copied]
    title = f"Exhibit {label}, series {number:d}, slice {index + 1:d}"
    return (
        Heading(plain(title)),
        Text(plain(plain_words(scores, copy))),
        Figure(figure),
        Facts(facts),
        _scores(scores, evaluation),
        *(Text(plain(text), "small") for text in sentences if text),
    )


def plain_words(scores: list[Score], copy: NoiseCopy | UnsetType | None) -> str:
    """What a place shows, for a reader without technical training."""
    numbers = dict(scores)
    # Of a place that the search chose, the slice's rank is the one to quote.
    ranked = numbers.get("slice", numbers["anomaly"])
    if ranked.p_value is None:
        ranked = numbers["anomaly"]
    if ranked.flagged is None or ranked.p_value is None:
        told = _CANNOT_TELL
    elif ranked.flagged:
        rate, units = percent_text(ranked.p_value), UNITS[ranked.ranked_at][1]
        told = _STANDS_OUT.format(rate=rate, units=units)
    else:
        told = _ORDINARY
    return told + (_TWICE if copy and copy.copied else "")


def _copy(judged: NoiseCopy) -> dict[str, object]:
    return {
        "slice_number": judged.slice_index + 1,
        "column": judged.column,
        "row": judged.row,
        "correlation": judged.correlation,
        "strength": judged.strength,
        "side_px": judged.side,
        "n_slices": judged.n_slices,
        "surprise": judged.surprise,
        "is_copied": judged.copied,
    }


Score = tuple[str, CalibratedValue]
"""Kind ("anomaly", "injection", "removal", "slice") and numbers of a score."""


def _rate(
    score: Score, evaluation: Evaluation
) -> tuple[float | None, tuple[float, float] | None]:
    """FPR and its interval at the threshold of a score; None without threshold."""
    if score[1].threshold is None:
        return None, None
    return evaluation.profile.target_fpr, _level(score, evaluation).interval


def _level(score: Score, evaluation: Evaluation) -> LevelCalibration:
    kind = "anomaly" if score[0] == "slice" else score[0]
    return evaluation.level(kind, score[1].ranked_at)


def _scores(scores: list[Score], evaluation: Evaluation) -> Table:
    def n(score: Score) -> Cell:
        count = score[1].n
        units = UNITS[score[1].ranked_at]
        return plain(counted(count, *units) if count else "–", count)

    def interval(score: Score) -> Cell:
        ends = _rate(score, evaluation)[1]
        return unprinted(None if ends is None else list(ends))

    return table_of(
        scores,
        (
            (Column("Score", 3.4, "name"), lambda s: plain(SCORE_NAMES[s[0]])),
            (Column(None, 0, "definition"), lambda s: DEFINITIONS[s[0]]),
            (Column("Value", 1.5, "value", "number"), lambda s: score_cell(s[1])),
            (Column("p-value", 4, "p_value"), lambda s: p_value_cell(s[1])),
            (Column("n", 3.6, "n", "number"), n),
            (
                Column("Threshold", 1.6, "threshold", "number"),
                lambda s: threshold_cell(s[1]),
            ),
            (Column("Result", 2.1, "is_flagged"), lambda s: flagged_cell(s[1])),
            (Column(None, 0, "level"), lambda s: plain(s[1].ranked_at)),
            (Column(None, 0, "n_patients"), lambda s: unprinted(s[1].n_patients)),
            (Column(None, 0, "fpr"), lambda s: unprinted(_rate(s, evaluation)[0])),
            (Column(None, 0, "fpr_interval"), interval),
        ),
        "scores",
    )


def score_sentences(
    mode: str, scores: list[Score], evaluation: Evaluation
) -> list[str]:
    """What the scores are ranked among, and which p-value to quote."""
    ranked = [s for s in scores if s[1].p_value is not None and s[1].n_patients]
    told = [_ranking(s, evaluation) for s in ranked if s[1].n]
    return [*dict.fromkeys(told), _selection(mode, scores)]


def _selection(mode: str, scores: list[Score]) -> str:
    """Which p-value to quote of a place that the search chose for its score."""
    is_chosen = any(numbers.chosen is True for _, numbers in scores)
    of_slice = next((numbers for kind, numbers in scores if kind == "slice"), None)
    if mode == "search" and of_slice is not None and of_slice.p_value is not None:
        # Cases of earlier versions hold one of the place as well.
        own = (
            ", so that the p-value of the place is smaller than chance alone would"
            " make it"
        )
        return (
            "The program's search chose this place for its anomaly score"
            f"{'' if is_chosen else own}. The p-value to quote is that of its slice:"
            f" {p_value_text(of_slice)}."
        )
    if is_chosen and mode != "search":
        return (
            "This place overlaps one that the program's search had suggested for its"
            " score: it has no p-value of its own."
        )
    return ""


def _ranking(score: Score, evaluation: Evaluation) -> str:
    """Units, patients and error rate of the level that a score is ranked at."""
    kind, numbers = score
    level = numbers.ranked_at
    label = SCORE_NAMES[kind][:1].upper() + SCORE_NAMES[kind][1:]
    one, many = UNITS[level]
    units = counted(numbers.n, f"genuine {one}", f"genuine {many}")
    judged = ", each judged in the same way" if level in ("place", "structure") else ""
    patients = counted(numbers.n_patients, "patient")
    sentence = f"{label}: ranked among {units} of {patients}{judged}."
    fpr, interval = _rate(score, evaluation)
    if fpr is None or interval is None:
        return sentence
    doubt = established_text(_level(score, evaluation), fpr)
    return (
        f"{sentence} At its threshold the FPR per {level} is {percent_text(fpr)}, 95 %"
        f" interval {interval_text(interval, percent=True)}"
        f"{f'; {doubt}' if doubt else ''}."
    )
