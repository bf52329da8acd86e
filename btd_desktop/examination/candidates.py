"""What can speak for a series, run and calibration, and what it looks like by each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from btd_desktop.calibration.profile import (
    CalibrationProfile,
    profile_from_json,
    read_profile,
)
from btd_desktop.calibration.scope import Coverage
from btd_desktop.cases.model import Run, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.chosen import Chosen, Speaker, chosen_for
from btd_desktop.examination.models import model_of_run
from btd_desktop.examination.profiles import list_profiles
from btd_desktop.examination.reading import (
    Choice,
    read_series,
    required_evaluation,
    with_findings,
)
from btd_desktop.examination.series import Evaluation, SeriesExamination
from btd_desktop.examination.wording import counted, number_text, percent_text

_RANK = {Coverage.COVERED: 0, Coverage.PARTLY: 1, Coverage.NOT: 2}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run and a calibration that can speak for a series.

    Attributes:
        speaker: Both.
        n_patients: Genuine patients of the calibration.
        is_in_force: It speaks now.
    """

    speaker: Speaker
    n_patients: int
    is_in_force: bool = False

    @property
    def choice(self) -> Choice:
        """Both as `read_series` takes them."""
        return Choice(self.speaker.run_id, self.speaker.profile)

    @property
    def title(self) -> str:
        """Both in words."""
        speaker = self.speaker
        return (
            f"{speaker.profile_name} ({counted(self.n_patients, 'patient')}), "
            f"model {speaker.model_name}"
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What a series looks like through one run and calibration.

    Attributes:
        coverage: "covered", "partly covered" or "not covered".
        n_patients: Genuine patients of the calibration.
        n_scored: Slices scored.
        n_flagged: Slices flagged; None where none can be.
        expected: Slices that are flagged in as many genuine ones; None likewise.
        series_p: p-value of the series; None where it has none.
        n_places: Places of the case that this calibration judged.
        n_apart: Places that stand apart, judged by another.
        smallest: Smallest rate that its patients establish, in (0, 1).
    """

    coverage: str
    n_patients: int
    n_scored: int
    n_flagged: int | None
    expected: float | None
    series_p: float | None
    n_places: int
    n_apart: int
    smallest: float


def candidates(store: CaseStore, record: SeriesRecord) -> tuple[Candidate, ...]:
    """Every finished run of a series with every calibration of its model.

    Calibrations that the case keeps come with those installed here, each once; what
    speaks now comes first.
    """
    now = chosen_for(store, record.series_id)
    found = {
        (candidate.speaker.run_id, candidate.speaker.profile): candidate
        for run in store.runs(record.series_id)
        if run.status == "done"
        for candidate in _of_run(store, run, now)
    }
    return tuple(sorted(found.values(), key=_order))


def looked_at_first(found: Sequence[Candidate], file: Path | None) -> Candidate | None:
    """The candidate with the profile in a file, else what speaks now, else the first.

    Raises:
        CalibrationError: The file holds no profile.
    """
    wanted = None if file is None else read_profile(file).digest
    asked = (c for c in found if c.speaker.profile == wanted)
    return next(asked, next(iter(found), None))


def _order(candidate: Candidate) -> tuple[bool, int, int]:
    return (
        not candidate.is_in_force,
        -candidate.speaker.run_id,
        -candidate.n_patients,
    )


def _of_run(store: CaseStore, run: Run, now: Chosen | None) -> Iterator[Candidate]:
    model = model_of_run(run.manifest)
    installed = [p for _, p in list_profiles(model) if not isinstance(p, str)]
    kept = [
        profile_from_json(p.document, "the profile kept in the case")
        for p in store.profiles()
    ]
    for profile in (*installed, *kept):
        is_of = profile.model.get("digest") == model.digest
        if not is_of or profile.used != model.method:
            continue
        speaker = speaker_of(run, profile)
        in_force = now is not None and now.speaker == speaker
        yield Candidate(speaker, profile.n_patients, in_force)


def speaker_of(run: Run, profile: CalibrationProfile) -> Speaker:
    """A run and a profile, as the audit log names them."""
    model = str(run.manifest.model["name"])
    return Speaker(run.series_id, run.run_id, profile.digest, profile.name, model)


def compared(
    store: CaseStore,
    record: SeriesRecord,
    candidate: Candidate,
    now: Evaluation | None,
) -> tuple[tuple[tuple[str, str, str], ...], tuple[str, ...]]:
    """What a series looks like through what speaks and through a candidate.

    Returns:
        Name, now and then of each figure; in what the candidate says less. Nothing is
        kept.

    Raises:
        CaseError: There is no such run, or it is not finished.
        CalibrationError: The calibration cannot be used.
    """
    examination = read_series(store, record, candidate.choice)
    after = required_evaluation(examination)
    then = _words(told_of(examination, after))
    was = dict.fromkeys(then, "–")
    if now is not None:
        seen = replace(examination, evaluation=now, first=None)
        was = _words(told_of(with_findings(store, seen), now))
    rows = tuple((name, was[name], words) for name, words in then.items())
    return rows, () if candidate.is_in_force else weaknesses(now, after)


def _words(told: Told) -> dict[str, str]:
    cannot = "none can be"
    flagged = cannot
    if told.n_flagged is not None and told.expected is not None:
        flagged = f"{told.n_flagged:,} of {told.n_scored:,}"
    return {
        "This series": told.coverage,
        "Genuine patients": f"{told.n_patients:,}",
        "Slices flagged": flagged,
        "Flagged in as many genuine slices": number_text(told.expected, 2),
        "p-value of the series": number_text(told.series_p, 2),
        "Smallest rate that is established": percent_text(told.smallest),
        "Places judged by it": f"{told.n_places:,}",
        "Places listed apart": f"{told.n_apart:,}",
    }


def told_of(examination: SeriesExamination, evaluation: Evaluation) -> Told:
    """What an evaluation says of its series, in numbers."""
    from btd_desktop.calibration.ecdf import smallest_level

    anomaly, profile = evaluation.kinds["anomaly"], evaluation.profile
    n_scored = sum(value is not None for value in anomaly.slices)
    level = evaluation.level("anomaly", "slice")
    can_flag = evaluation.scope.p_values_allowed and level.threshold is not None
    series = anomaly.series
    return Told(
        evaluation.scope.coverage.value,
        profile.n_patients,
        n_scored,
        len(anomaly.flagged) if can_flag else None,
        profile.target_fpr * n_scored if can_flag else None,
        None if series is None else series.p_value,
        len(examination.findings),
        len(examination.others),
        smallest_level(profile.n_patients),
    )


def weaknesses(before: Evaluation | None, after: Evaluation) -> tuple[str, ...]:
    """In what one calibration says less of a series than another, as sentences."""
    if before is None:
        return ()
    out = []
    if _RANK[after.scope.coverage] > _RANK[before.scope.coverage]:
        out.append(
            f"The series is {after.scope.coverage.value} by it: "
            f"{'; '.join(after.scope.reasons)}."
        )
    old, new = before.profile.n_patients, after.profile.n_patients
    if new < old:
        out.append(f"It rests on {counted(new, 'patient')} instead of {old:,}.")
    was, now = (e.level("anomaly", "slice") for e in (before, after))
    if was.threshold is not None and now.threshold is None:
        out.append(f"It has no threshold for slices: {now.reason}.")
    rates = before.profile.target_fpr, after.profile.target_fpr
    if was.establishes(rates[0]) and not now.establishes(rates[1]):
        out.append(
            f"Its patients do not establish its rate of {percent_text(rates[1])} per "
            "slice."
        )
    if rates[1] > rates[0]:
        out.append(
            f"It flags {percent_text(rates[1])} of genuine slices instead of "
            f"{percent_text(rates[0])}."
        )
    return tuple(out)
