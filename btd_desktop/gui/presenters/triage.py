"""Looking through what a sweep found: the table, the pictures, the reviews."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from btd_desktop.archive import triage
from btd_desktop.archive.rows import Review
from btd_desktop.archive.triage import Triage, TriageFilter, TriageRow
from btd_desktop.errors import BtdError
from btd_desktop.examination.wording import counted
from btd_desktop.gui.jobs import Tell
from btd_desktop.gui.presenters.presenter import Presenter, problem_of
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.presenters.thumbnails import thumbnail_of
from btd_desktop.progress import TaskContext

if TYPE_CHECKING:
    from btd_desktop.archive.rows import SeriesRow

_KEPT: Final = 50
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class PlacePicture:
    """A place of a series.

    Attributes:
        pixels: Grey crop, uint8 (rows, columns).
        words: Where it is.
    """

    pixels: NDArray[np.uint8]
    words: str


@dataclass(frozen=True, slots=True)
class TriageState:
    """What the page shows.

    Attributes:
        triage: What the index holds; None before it is read.
        rows: Those that pass the filter, in the order wanted.
        filter: Which rows are wanted.
        column: That they are ordered by.
        down: From the highest.
        chosen: The row looked at, or None.
        pictures: Its places.
        pictures_words: Why there are none, or that they are being drawn.
        busy: The index is being read.
        problem: Why something could not be done.
    """

    triage: Triage | None = None
    rows: tuple[TriageRow, ...] = ()
    filter: TriageFilter = field(default_factory=TriageFilter)
    column: int = 0
    down: bool = False
    chosen: TriageRow | None = None
    pictures: tuple[PlacePicture, ...] = ()
    pictures_words: str = ""
    busy: bool = False
    problem: str = ""


class TriagePresenter(Presenter[TriageState]):
    """Looks through one index at a time.

    Signals:
        changed(TriageState): The page's content.
        evidence_wanted(list[Path]): Open these as a case.
    """

    evidence_wanted = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session.jobs, TriageState(), parent)
        self._session = session
        self._drawn: OrderedDict[str, tuple[PlacePicture, ...]] = OrderedDict()

    def on_index_chosen(self, path: Path) -> None:
        """Read an index, or the one in a folder of results."""

        def work(context: TaskContext, tell: Tell) -> Triage:
            return triage.read_triage(path)

        self._begin("io", "Reading the results", work, self._on_read)
        self._show(TriageState(filter=self._state.filter, busy=True))

    def on_filter_changed(self, wanted: TriageFilter) -> None:
        """Show other rows."""
        self._list(replace(self._state, filter=wanted))

    def on_order_wanted(self, column: int, down: bool) -> None:
        """Order the rows by a column."""
        self._list(replace(self._state, column=column, down=down))

    def on_row_chosen(self, row: TriageRow | None) -> None:
        """Look at a series: its places are drawn where its evidence can be reached."""
        before = self._state.chosen
        if row is None or (
            before is not None and before.row.series_digest == row.row.series_digest
        ):
            return
        self._give_up()
        known = self._drawn.get(row.row.series_digest)
        state = replace(self._state, chosen=row, pictures=known or (), problem="")
        if known is not None or not row.row.places:
            words = "" if known else "No place was searched for."
            self._show(replace(state, pictures_words=words))
            return
        self._show(replace(state, pictures_words="Drawing the places …"))
        self._begin("io", "Drawing places", _drawing(row.row), self._on_drawn)

    def on_review_wanted(self, note: str) -> None:
        """The chosen series was looked at."""
        services = self._session.services
        reviewer = services.settings.examiner
        now = services.now().isoformat(timespec="seconds")
        self._review(Review(now, reviewer, note.strip()))

    def on_review_taken_back(self) -> None:
        """The chosen series is to be looked at again."""
        self._review(None)

    def on_case_wanted(self) -> None:
        """Open the evidence of the chosen series as a case."""
        if self._state.chosen is None:
            return
        places = triage.reachable_evidence(self._state.chosen.row)
        if places:
            self.evidence_wanted.emit(list(places))
        else:
            self._on_problem("The evidence cannot be reached from here.")

    def on_export_wanted(self, path: Path) -> None:
        """Write the rows shown as CSV."""
        n_rows = self._tried(lambda: triage.export_rows(self._state.rows, path))
        if n_rows is not None:
            told = f"{counted(n_rows, 'row')} written to {path.name}."
            self._session.noticed.emit(told)

    def _on_read(self, found: Triage) -> None:
        self._list(replace(self._state, triage=found, busy=False))

    def _list(self, state: TriageState) -> None:
        rows = () if state.triage is None else state.triage.rows
        shown = triage.shown_rows(rows, state.filter, state.column, down=state.down)
        self._show(replace(state, rows=shown))

    def _on_drawn(self, pictures: tuple[PlacePicture, ...]) -> None:
        chosen = self._state.chosen
        if chosen is None:
            return
        self._drawn[chosen.row.series_digest] = pictures
        while len(self._drawn) > _KEPT:
            self._drawn.popitem(last=False)
        self._show(replace(self._state, pictures=pictures, pictures_words=""))

    def _review(self, review: Review | None) -> None:
        chosen, found = self._state.chosen, self._state.triage
        if chosen is None or found is None:
            return
        digest = chosen.row.series_digest
        now = self._tried(lambda: triage.reviewed(found, digest, review))
        if now is not None:
            chosen = replace(chosen, review=review)
            self._list(replace(self._state, triage=now, chosen=chosen, problem=""))

    def _tried(self, step: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the step gives
        try:
            return step()
        except BtdError as error:
            self._on_problem(problem_of(error))
            return None

    def _on_problem(self, problem: str) -> None:
        if self._state.pictures_words and not self._state.busy:
            self._show(replace(self._state, pictures_words=problem))
        else:
            self._show(replace(self._state, busy=False, problem=problem))


def _drawing(
    row: SeriesRow,
) -> Callable[[TaskContext, Tell], tuple[PlacePicture, ...]]:
    def work(context: TaskContext, tell: Tell) -> tuple[PlacePicture, ...]:
        volume = triage.volume_of(row, context)
        return tuple(
            PlacePicture(
                thumbnail_of(
                    volume, min(place.slice, volume.n_slices - 1), place.y, place.x
                ),
                words,
            )
            for place, words in zip(
                row.places[:_SHOWN], triage.place_words(row), strict=False
            )
        )

    return work
