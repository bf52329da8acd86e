"""The click: score one place, say where it falls, keep it as a finding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from btd_desktop.cases.model import FindingStatus
from btd_desktop.errors import BtdError
from btd_desktop.examination.headline import Verdict, verdict_of
from btd_desktop.examination.series import State
from btd_desktop.examination.wording import UNITS, counted, number_text, p_text
from btd_desktop.gui.jobs import Tell
from btd_desktop.gui.presenters.detectors import Detectors
from btd_desktop.gui.presenters.history import Step
from btd_desktop.gui.presenters.presenter import Presenter
from btd_desktop.gui.presenters.session import Session, Voxel
from btd_desktop.gui.presenters.thumbnails import thumbnail_of
from btd_desktop.gui.presenters.wording import PLACE_NAMES
from btd_desktop.progress import Progress, TaskContext

if TYPE_CHECKING:
    from btd_desktop.examination.place import ScoredPlace
    from btd_desktop.examination.series import SeriesExamination


_TAKEN_BACK = "Kept by mistake, and taken back."
PlaceStatus = Literal["empty", "waiting", "scoring", "scored", "failed"]


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One score of a place, ready to be read.

    Attributes:
        kind: "anomaly", "injection", "removal" or "untaught".
        name: What it is called.
        score: The score as text.
        p: The p-value as text, or why there is none.
        cdf: Share of genuine scores at most as large, in [0, 1]; None when unknown.
        behind: What it is ranked among, n and patients, or why it is not ranked.
        threshold: The threshold as text, or "none".
        flagged: Above the threshold; None when that cannot be said.
    """

    kind: str
    name: str
    score: str
    p: str
    cdf: float | None
    behind: str
    threshold: str
    flagged: bool | None


@dataclass(frozen=True, slots=True)
class PlaceState:
    """What the panel of the clicked place shows.

    Attributes:
        status: How far the click has come.
        at: (slice, row, column) of the place, from 0; None before the first click.
        rows: Scores.
        profile: Name of the calibration.
        coverage: "covered", "partly covered", "not covered" or "".
        reasons: Why the calibration covers it partly or not.
        message: Sentence instead of scores.
        thumbnail: Picture of the place, uint8 (H, W), or None.
        kept: Number of the finding that holds it, or None.
        noise: What the search for copied noise found, in a sentence.
        copied_from: Where the noise of the place is found again, as (slice, row,
            column); None when it is not.
        is_left: The examiner left it: it is not drawn any more.
        verdict: The answer on the place; None before there is one.
    """

    status: PlaceStatus = "empty"
    at: Voxel | None = None
    rows: tuple[ScoreRow, ...] = ()
    profile: str = ""
    coverage: str = ""
    reasons: tuple[str, ...] = ()
    message: str = ""
    thumbnail: NDArray[np.uint8] | None = None
    kept: int | None = None
    noise: str = ""
    copied_from: Voxel | None = None
    is_left: bool = False
    verdict: Verdict | None = None

    @property
    def where(self) -> str:
        """The place in words."""
        if self.at is None:
            return ""
        s, r, c = self.at
        return f"Slice {s + 1}, x {c}, y {r}"

    @property
    def is_drawn(self) -> bool:
        """It is marked in the picture; a kept one is marked as a finding."""
        under_way = self.status in ("waiting", "scoring", "scored")
        return under_way and self.kept is None and not self.is_left

    @property
    def label(self) -> str:
        """What stands beside it in the picture."""
        if not self.rows:
            return "…"
        first = self.rows[0]
        return f"score {first.score}" if first.cdf is None else first.p

    @property
    def copied(self) -> bool:
        """The noise of the place is found again elsewhere."""
        return self.copied_from is not None


class PlacingPresenter(Presenter[PlaceState]):
    """Scores clicked places and keeps them.

    Signals:
        changed(PlaceState): The panel's content.
        place_scored(ScoredPlace): For the histogram; None when there is none.
    """

    place_scored = Signal(object)

    def __init__(
        self, session: Session, detectors: Detectors, parent: QObject | None = None
    ) -> None:
        super().__init__(session.jobs, PlaceState(), parent)
        self._session = session
        self._detectors = detectors
        self._place: ScoredPlace | None = None
        self._waiting: Voxel | None = None
        session.series_selected.connect(self._on_series_selected)
        session.result_changed.connect(self._on_result_changed)

    def on_score_requested(self, s: int, r: int, c: int) -> None:
        """Score the patch around a voxel."""
        session = self._session
        record, store = session.record, session.store
        if record is None or store is None:
            return
        self._give_up()
        self._place = None
        self._waiting = None
        at = (s, r, c)
        result = session.result
        if result.evaluation is None:
            self._explain(result, at)
            return
        evaluation = result.evaluation
        run = evaluation.run
        settings, detectors = session.services.settings, self._detectors

        def work(context: TaskContext, tell: Tell) -> ScoredPlace:
            from btd_desktop.workflow.score_place import score_at

            detector = detectors.for_run(run, settings)
            return score_at(store, evaluation, detector, at, context)

        self._begin("compute", "Scoring a place", work, self._on_place, urgent=True)
        self._show(PlaceState("scoring", at, message="Scoring this place …"))

    def on_left(self) -> None:
        """Take the mark out of the picture; what is known of the place stays."""
        self._show(replace(self._state, is_left=True))

    def on_go_wanted(self, s: int, r: int, c: int) -> None:
        """Show a voxel: where the noise of the place is found again."""
        self._session.move_to((s, r, c))

    def on_keep(self, note: str, status: FindingStatus, mode: str = "anomaly") -> None:
        """Keep the place shown as a finding."""
        session, place = self._session, self._place
        store, volume = session.store, session.volume
        if place is None or store is None or volume is None:
            return
        from btd_desktop.workflow.findings import keep_place

        if status == "dismissed" and not note.strip():
            session.noticed.emit("Say why it is dismissed: the report prints it.")
            return
        try:
            finding = keep_place(store, place, session.services, mode=mode, note=note)
            thumbnail = thumbnail_of(volume, place.slice_index, place.y, place.x)
            store.update_finding(
                finding.finding_id,
                now=session.services.now(),
                status=status,
                thumbnail=thumbnail,
            )
        except BtdError as error:
            session.failed.emit(error)
            return
        self._show(replace(self._state, kept=finding.finding_id))
        put = partial(session.put_finding, finding.finding_id)
        session.history.did(
            Step(
                f"finding {finding.finding_id}",
                partial(put, note or _TAKEN_BACK, "dismissed"),
                partial(put, note, status),
            )
        )
        session.findings_changed.emit()
        session.select_finding(finding.finding_id)
        session.noticed.emit(f"Kept as finding {finding.finding_id}.")

    def _explain(self, result: SeriesExamination, at: Voxel) -> None:
        if result.is_scored:
            message = result.reason or "This series has not been calibrated."
            self._show(PlaceState("failed", at, message=message))
            return
        if result.reason and result.run is None:
            self._show(PlaceState("failed", at, message=result.reason))
            return
        self._waiting = at
        self._show(
            PlaceState(
                "waiting",
                at,
                message="A place is judged against the rest of its scan. It will be "
                "scored as soon as all slices of the series are done.",
            )
        )

    def _on_progress(self, progress: Progress) -> None:
        message = f"{progress.stage}: {progress.done:,} of {progress.total:,} slices …"
        self._show(PlaceState("scoring", self._state.at, message=message))

    def _on_place(self, place: ScoredPlace) -> None:
        from btd_desktop.examination.copied_noise import copy_sentence

        session = self._session
        self._place, evaluation = place, place.evaluation
        copy = place.numbers.copy
        rows = tuple(score_row(kind, place) for kind in place.numbers.scores)
        volume = session.volume
        thumbnail = (
            None
            if volume is None
            else thumbnail_of(volume, place.slice_index, place.y, place.x)
        )
        self._show(
            PlaceState(
                "scored",
                place.voxel,
                rows,
                evaluation.profile.name,
                evaluation.scope.coverage.value,
                evaluation.scope.reasons,
                thumbnail=thumbnail,
                noise=copy_sentence(copy),
                copied_from=copy.voxel if copy and copy.copied else None,
                is_left=self._state.is_left,
                verdict=verdict_of(place),
            )
        )
        self.place_scored.emit(place)

    def _on_problem(self, problem: str) -> None:
        result = self._session.result
        if result.state is State.NOT_EXAMINED:
            # That the place holds nothing to score follows from this.
            problem = f"This series was not examined: {result.reason}"
        self._show(PlaceState("failed", self._state.at, message=problem))

    def _on_over(self) -> None:
        if self._state.status == "scoring":
            self._on_problem("Scoring this place was stopped.")

    def _on_series_selected(self) -> None:
        self._give_up()
        self._place = None
        self._waiting = None
        self._show(PlaceState())
        self.place_scored.emit(None)

    def _on_result_changed(self, series_id: int) -> None:
        result = self._session.result
        if self._waiting is None or not self._session.is_shown(series_id):
            return
        if result.evaluation or result.reason:
            self.on_score_requested(*self._waiting)


def score_row(kind: str, place: ScoredPlace) -> ScoreRow:
    """One score of a place in words."""
    value = place.numbers.scores[kind]
    judged = ", each judged like this one" if value.ranked_at != "patch" else ""
    behind = (
        f"Ranked among {value.n:,} genuine {UNITS[value.ranked_at][1]} of "
        f"{counted(value.n_patients, 'patient')}{judged}"
    )
    if value.chosen is True:
        behind = "Not ranked: the search suggested this place, or one that overlaps it"
    elif value.p_value is None:
        behind = "Not ranked: the calibration does not cover this scan"
    return ScoreRow(
        kind=kind,
        name=PLACE_NAMES[kind],
        score=number_text(value.score),
        p=p_text(value, narrow=True),
        cdf=place.share_at_most(kind),
        behind=behind,
        threshold="none" if value.threshold is None else number_text(value.threshold),
        flagged=value.flagged,
    )
