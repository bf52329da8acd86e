"""The calibration profiles used, and whether they cover the series."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import UNSET

from btd_desktop.calibration.level import PARTS, LevelCalibration, domain_text
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.calibration.regions import regions_text
from btd_desktop.examination.chosen import Chosen
from btd_desktop.examination.shipped_models import profile_standing
from btd_desktop.examination.wording import (
    UNITS,
    alarms_text,
    counted,
    established_text,
    interval_text,
    number_text,
    percent_text,
    rate_text,
)
from btd_desktop.report.case import ReportCase
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
    join,
    plain,
    quoting,
    records,
    table_of,
    unprinted,
    word,
)
from btd_desktop.report.results import Result, results_of
from btd_desktop.report.wording import json_time, time_text

_INTRODUCTION: Final = (
    "A calibration profile holds the scores of genuine scans of other patients that"
    " the model was not trained on. It answers one question: how often does a genuine"
    " scan score as high? Scores of one patient are alike, so each patient counts the"
    " same, however many scores there are. The p-value is (1 + sum over K patients of"
    " the share of the patient's scores that are at least as high) / (K + 1); it cannot"
    " become smaller than 1 / (K + 1). A score above the threshold is flagged. The"
    " threshold is set so that, with each patient left out of it in turn, those left"
    " out are flagged on average at the FPR asked for. The interval says how far the"
    " true FPR may be from it; where its upper end is more than three times the FPR"
    " asked for, the FPR is not established. This is an error rate for genuine scans"
    " only: it is neither a likelihood ratio nor a probability of tampering."
)
_NONE: Final = (
    "No calibration profile was used. No p-value and no error rate can be given for"
    " any score of this report."
)
_LEVELS: Final = (
    "Levels: “patch” ranks any patch of the grid; “place” one patch that the examiner"
    " or the search pointed at, its noise searched for elsewhere in the series too (its"
    " n counts genuine places judged in the same way); “structure” such a place on a"
    " solid structure of the lung (a nodule, a tumour, a section of a vessel), ranked"
    " among genuine ones; “slice” and"
    " “series” rank the highest patch of a slice or of a series. A series that holds"
    " as many slices as several of the profile is ranked as so many: its p-value is"
    " multiplied."
)
_CHOICES: Final = "Which calibration speaks for which series"
_CHOICES_TOLD: Final = (
    "The last one of a series is that of this report. A calibration that is made or"
    " installed later does not speak for a series until somebody chooses it."
)
_INTERVALS: Final = (
    "Intervals are Clopper-Pearson intervals over patients. FPR on patients left out:"
    " smallest and largest FPR observed when one patient at a time was left out of the"
    " fit. Where a series is not covered, no p-value is printed."
)
_CONFIDENCE: Final = 0.95


def section(case: ReportCase) -> Section:
    """What the profiles hold, level by level, and the scope for each series."""
    blocks: list[Block] = [Text(plain(_INTRODUCTION))]
    if not case.profiles:
        blocks.append(Text(plain(_NONE)))
    blocks += records("calibrations", [_profile(p) for p in case.profiles.values()])
    blocks += _decisions(case)
    results = results_of(case)
    if results:
        blocks += _scope(results)
    return Section("calibration", "Calibration used", tuple(blocks))


def _decisions(case: ReportCase) -> tuple[Block, ...]:
    """Which calibration spoke for each series from when on, by whose choice."""
    decisions = [
        (number, chosen)
        for number, outcome in case.numbered
        for chosen in outcome.chosen
    ]
    table = table_of(
        decisions,
        (
            (Column("Series", 1, "series_number", "number"),
             lambda d: plain(f"{d[0]:d}", d[0])),
            (Column("Taken", 2.2, "taken"),
             lambda d: plain(time_text(_taken(d[1])), json_time(_taken(d[1])))),
            (Column("Calibration", 3, "calibration"),
             lambda d: quoting(d[1].speaker.profile_name)),
            (Column("Digest", 5.4, "calibration_digest"),
             lambda d: digest(d[1].speaker.profile)),
            (Column("Model", 2.2, "model"),
             lambda d: quoting(d[1].speaker.model_name)),
            (Column("By", 2.4, "by"),
             lambda d: plain("the program's rule", "rule") if d[1].by_rule
             else quoting(d[1].actor)),
        ),
        "choices",
    )  # fmt: skip
    if not decisions:
        return (table,)
    return (Heading(plain(_CHOICES)), Text(plain(_CHOICES_TOLD)), table)


def _taken(chosen: Chosen) -> datetime:
    return datetime.fromisoformat(chosen.utc)


def _profile(profile: CalibrationProfile) -> tuple[Block, ...]:
    based_on = (
        f"{counted(profile.n_patients, 'patient')}, {profile.n_series:,} series,"
        f" {counted(profile.n_slices, 'slice')},"
        f" {profile.n_patches:,} patches"
    )
    made = datetime.fromisoformat(profile.created)
    scanners = [
        f"{s.manufacturer} {s.model}, kernel {s.kernel or '–'}, "
        f"{s.thickness_mm or '–'} mm: {counted(s.n_slices, 'slice')}"
        for s in profile.scanners
    ]
    levels = profile.levels["anomaly"]
    doubts = {
        level: item.reason or established_text(item, profile.target_fpr)
        for level, item in levels.items()
    }
    reasons = [f"{level} level: {doubt}" for level, doubt in doubts.items() if doubt]
    if profile.alarms:
        told = alarms_text(profile.alarms)
        reasons.append(f"more slices flagged than three times the FPR, in {told}")
    for part in PARTS:
        search = profile.search(part)
        if search is not None and search.alarms is not None:
            told = alarms_text(search.alarms)
            reasons.append(
                f"search of {domain_text(part)} alone: more slices flagged than three"
                f" times the FPR, in {told}"
            )
    facts = (
        Fact("Digest", digest(profile.digest), "profile_digest", "mono"),
        Fact("Origin", quoting(profile_standing(profile.name, profile.digest).sentence),
             "standing"),
        Fact("Made", plain(time_text(made), json_time(made)), "created"),
        Fact("Genuine scans", plain(based_on)),
        *_regions(profile),
        Fact("Scanners", lines(scanners), "scanner_mix"),
        Fact("FPR asked for", plain(percent_text(profile.target_fpr),
                                    profile.target_fpr), "target_fpr"),
        Fact("", quoting(profile.name), "profile_name"),
        Fact("", unprinted(profile.n_patients), "n_patients"),
        Fact("", unprinted(profile.n_series), "n_series"),
        Fact("", unprinted(profile.n_slices), "n_slices"),
        Fact("", unprinted(profile.n_patches), "n_patches"),
    )  # fmt: skip
    return (
        Heading(join(plain("Profile "), quoting(profile.name))),
        Facts(facts),
        *((Text(plain(_LEVELS)),) if "place" in levels else ()),
        _levels(profile),
        Bullets(tuple(map(quoting, [*profile.notes, *reasons])), "remarks"),
    )


def _regions(profile: CalibrationProfile) -> tuple[Fact, ...]:
    if profile.regions is UNSET:
        return ()
    told = plain(regions_text(profile.regions), dict(profile.regions))
    return (Fact("Regions of the body", told, "regions"),)


def _levels(profile: CalibrationProfile) -> Block:
    def fpr(row: tuple[str, LevelCalibration]) -> Cell:
        rate = None if row[1].threshold is None else profile.target_fpr
        return plain(percent_text(rate), rate)

    return table_of(
        profile.levels["anomaly"].items(),
        (
            (Column("Level", 1.8, "level"), lambda row: word(row[0], UNITS)),
            (
                Column("n", 2.8, "n", "number"),
                lambda row: plain(_units(row[1]), row[1].ecdf.n),
            ),
            (
                Column("Threshold", 1.9, "threshold", "number"),
                lambda row: plain(
                    "none: too few"
                    if row[1].threshold is None
                    else number_text(row[1].threshold),
                    row[1].threshold,
                ),
            ),
            (Column("FPR claimed", 1.7, "fpr", "number"), fpr),
            (Column("Interval of the FPR", 3.4, "fpr_interval"), _interval),
            (
                Column("Smallest p", 1.7, "smallest_p", "number"),
                lambda row: plain(
                    rate_text(row[1].ecdf.smallest_p), row[1].ecdf.smallest_p
                ),
            ),
            (Column("FPR on patients left out", 2.4, "held_out_fpr_range"), _held_out),
            (Column(None, 0, "confidence"), lambda _: unprinted(_CONFIDENCE)),
            (Column(None, 0, "n_patients"), lambda row: unprinted(row[1].n_patients)),
            (
                Column(None, 0, "is_established"),
                lambda row: unprinted(row[1].establishes(profile.target_fpr)),
            ),
        ),
        "levels",
    )


def _units(level: LevelCalibration) -> str:
    if not level.n_patients:
        return f"{level.ecdf.n:,}"
    return f"{level.ecdf.n:,} ({counted(level.n_patients, 'patient')})"


def _interval(row: tuple[str, LevelCalibration]) -> Cell:
    interval = row[1].interval
    if interval is None:
        return plain("–", None)
    return plain(
        f"{interval_text(interval, percent=True)} ({percent_text(_CONFIDENCE)})",
        list(interval),
    )


def _held_out(row: tuple[str, LevelCalibration]) -> Cell:
    rates = row[1].patient_fpr
    if not rates:
        return plain("not measured", None)
    ends = (rates[0], rates[-1])
    return plain(interval_text(ends, percent=True), list(ends))


def _scope(results: list[Result]) -> tuple[Block, ...]:
    return (
        Heading(plain("Does the calibration cover the series?")),
        table_of(
            results,
            (
                (Column("Series", 1.2), lambda result: plain(f"{result.number:d}")),
                (Column("Method", 1.4), lambda result: plain(result.method)),
                (Column("Scope", 2.4), lambda result: plain(result.coverage)),
                (Column("Reasons", 9), lambda result: lines(result.reasons, "–")),
            ),
        ),
        Text(plain(_INTERVALS), "small"),
    )


def lines(texts: Sequence[str], otherwise: str = "not stated") -> Cell:
    """Texts that may quote a file, one below the other; in the twin a list."""
    if not texts:
        return plain(otherwise, [])
    cells = [quoting(texts[0])]
    for text in texts[1:]:
        cells += [plain("\n"), quoting(text)]
    return join(*cells, value=list(texts))
