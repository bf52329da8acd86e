"""The answer on the series shown, and the way from place to place."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from btd_desktop.examination.headline import NO_HEADLINE, Headline, headline_of
from btd_desktop.examination.wording import counted
from btd_desktop.gui.presenters.presenter import Presenter
from btd_desktop.gui.presenters.scoring import ScoringPresenter
from btd_desktop.gui.presenters.session import Session, Voxel

_LONGEST_NAME = 24  # letters; the dialog that it opens tells all of it


@dataclass(frozen=True, slots=True)
class AnswerState:
    """What the banner shows.

    Attributes:
        headline: The answer.
        speaker: The calibration that it rests on, or "".
    """

    headline: Headline = NO_HEADLINE
    speaker: str = ""


class AnswerPresenter(Presenter[AnswerState]):
    """Tells the answer and leads through the places, the most remarkable first.

    Signals:
        changed(AnswerState): The banner.
        led(): A place to look at is shown.
    """

    led = Signal()

    def __init__(
        self,
        session: Session,
        scoring: ScoringPresenter,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(session.jobs, AnswerState(), parent)
        self._session = session
        self._scoring = scoring
        self._opened: set[int] = set()
        session.case_changed.connect(self._opened.clear)
        session.case_changed.connect(self.refresh)
        session.series_selected.connect(self._on_series_selected)
        session.result_changed.connect(self._on_result_changed)
        session.findings_changed.connect(self.refresh)
        scoring.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Tell the answer again."""
        record = self._session.record
        if record is None:
            state = AnswerState()
        else:
            result = self._session.result
            busy = self._scoring.is_queued(record.series_id)
            state = AnswerState(headline_of(result, is_busy=busy), self._speaker())
        if state != self._state:
            self._show(state)

    def on_review(self) -> None:
        """Show the next place to look at; the first follows the last."""
        places = self._places()
        if not places:
            self._session.noticed.emit("There is no place to look at.")
            return
        at = [number for number, (_, voxel) in enumerate(places) if self._is_at(voxel)]
        self._lead(*places[(at[0] + 1) % len(places) if at else 0])

    def _speaker(self) -> str:
        seen = self._session.result.evaluation
        if seen is None:
            return ""
        profile = seen.profile
        name, most = profile.name, _LONGEST_NAME
        shown = name if len(name) <= most else f"{name[: most - 1].rstrip()}…"
        return f"{shown}, {counted(profile.n_patients, 'patient')} ▾"

    def _on_series_selected(self) -> None:
        self.refresh()
        self._open_on_first()

    def _on_result_changed(self, series_id: int) -> None:
        if self._session.is_shown(series_id):
            self.refresh()
            self._open_on_first()

    def _open_on_first(self) -> None:
        """Begin with the first place, once, unless the examiner went elsewhere."""
        session, record = self._session, self._session.record
        if record is None or session.result.evaluation is None:
            return
        if record.series_id in self._opened:
            return
        self._opened.add(record.series_id)
        middle = record.n_slices // 2, record.rows // 2, record.cols // 2
        places = self._places()
        if places and session.voxel == middle and session.finding is None:
            self._lead(*places[0])

    def _places(self) -> list[tuple[int | None, Voxel]]:
        """Findings that are not dismissed, then the highest places, each in order."""
        from btd_desktop.examination.place import highest_places

        result = self._session.result
        if result.examined is None:
            return []
        kept = [f for f in result.findings if f.status != "dismissed"]
        kept.sort(key=lambda f: (f.origin != "search", -f.numbers.anomaly.score))
        found: list[tuple[int | None, Voxel]] = [
            (f.finding_id, (f.slice_index, round(f.y), round(f.x))) for f in kept
        ]
        if not any(f.origin == "search" for f in kept):
            found += [
                (None, (p.slice_index, p.row, p.column))
                for p in highest_places(result.examined)
            ]
        return found

    def _is_at(self, voxel: Voxel) -> bool:
        return self._session.voxel == voxel

    def _lead(self, finding_id: int | None, voxel: Voxel) -> None:
        session = self._session
        session.select_finding(finding_id)
        session.move_to(voxel)
        self.led.emit()
