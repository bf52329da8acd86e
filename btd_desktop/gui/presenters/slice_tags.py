"""DICOM elements of the slice on screen, searchable, and against another slice.

Nothing is read while the slice keeps changing, nor while nobody looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from PySide6.QtCore import QObject, QTimer

from btd_desktop.cases.store import CaseStore
from btd_desktop.gui.jobs import Tell
from btd_desktop.gui.presenters.presenter import Presenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.slice_tags import SliceTags, TagRow, tags_of_slice

_REST_MS: Final = 300
_RESTING: Final = "Read when the slice rests."
_Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TagsState:
    """What the list shows.

    Attributes:
        number: Slice on screen, from 1; 0 without a series.
        n_slices: Of the series; 0 when its slices have no files yet.
        compared: Slice compared with, from 1, or None.
        rows: After comparison and search.
        message: What the rows are, what is missing, or why there are none.
    """

    number: int = 0
    n_slices: int = 0
    compared: int | None = None
    rows: tuple[TagRow, ...] = ()
    message: str = ""


class TagsPresenter(Presenter[TagsState]):
    """Elements of the slice on screen.

    Signals:
        changed(TagsState): The list's content.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session.jobs, TagsState(), parent)
        self._session = session
        self._is_watched = False
        self._search = ""
        self._compared: int | None = None
        self._lists: dict[_Place, SliceTags] = {}
        self._shown: _Place | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST_MS)
        self._timer.timeout.connect(self._read)
        session.voxel_changed.connect(self._on_voxel)
        session.series_selected.connect(self._on_series)
        session.case_changed.connect(self._on_series)

    def on_watched(self, watched: bool) -> None:
        """The list came into view, or went out of it."""
        self._is_watched = watched
        if watched:
            self._on_voxel()
        else:
            self._timer.stop()
            self._give_up()

    def on_search_changed(self, text: str) -> None:
        """Show elements whose tag, keyword or value holds the text."""
        self._search = text.casefold().strip()
        self._refresh()

    def on_compared_changed(self, number: int | None) -> None:
        """Show what differs from another slice of the series.

        Args:
            number: From 1; None shows all elements of the slice on screen.
        """
        if number != self._compared:
            self._compared = number
            self._refresh()
            if self._missing():
                self._start_timer()

    def _place(self) -> _Place | None:
        record = self._session.record
        return None if record is None else (record.series_id, self._session.voxel[0])

    def _other_place(self) -> _Place | None:
        record = self._session.record
        if record is None or self._compared is None:
            return None
        return record.series_id, min(self._compared, record.n_slices) - 1

    def _missing(self) -> tuple[_Place, ...]:
        wanted = dict.fromkeys((self._place(), self._other_place()))
        return tuple(p for p in wanted if p is not None and p not in self._lists)

    def _on_series(self) -> None:
        self._compared = None
        self._lists = {}
        self._shown = None
        self._give_up()
        self._refresh()
        self._on_voxel()

    def _on_voxel(self) -> None:
        place = self._place()
        if not self._is_watched:
            return
        # Moving inside a slice changes nothing; each step through slices starts anew.
        is_under_way = self.is_busy or self._timer.isActive()
        if place == self._shown and (is_under_way or not self._missing()):
            return
        self._give_up()
        if place != self._shown:
            # Only the slice compared with is kept: the next look at a slice must find
            # a file that changed meanwhile.
            other = self._other_place()
            self._lists = {p: t for p, t in self._lists.items() if p == other}
            self._shown = place
            if self._state.message != _RESTING:
                self._refresh()
        if place is not None:
            self._start_timer()

    def _start_timer(self) -> None:
        if self._is_watched:
            self._timer.start()

    def _read(self) -> None:
        store, missing = self._session.store, self._missing()
        if store is None or not missing or not self._is_watched:
            self._refresh()
            return
        work = partial(_read_lists, store, missing)
        self._begin("io", "Reading tags", work, self._on_read)
        self._refresh()

    def _on_read(self, lists: dict[_Place, SliceTags]) -> None:
        self._lists.update(lists)
        self._refresh()

    def _on_problem(self, problem: str) -> None:
        self._lists.update({p: SliceTags(reason=problem) for p in self._missing()})
        self._refresh()

    def _refresh(self) -> None:
        self._show(self._built())

    def _built(self) -> TagsState:
        record, place = self._session.record, self._place()
        if record is None or place is None:
            return TagsState(message="No slice of a case is on screen.")
        number = place[1] + 1
        other_place = self._other_place()
        compared = None if other_place is None else other_place[1] + 1
        empty = TagsState(number, record.n_slices, compared)
        own = self._lists.get(place)
        other = None if other_place is None else self._lists.get(other_place)
        if own is None or (other_place is not None and other is None):
            message = "Reading …" if self.is_busy else _RESTING
            return replace(empty, message=message)
        for listed, at in ((own, number), (other, compared)):
            if listed is not None and listed.reason:
                return replace(empty, message=f"Slice {at}: {listed.reason}")
        rows = own.rows(other)
        kept = tuple(r for r in rows if _holds(r, self._search))
        summary = _summary(number, compared, len(kept), len(rows))
        notes = dict.fromkeys(t.note for t in (own, other) if t is not None and t.note)
        message = " ".join((summary, *notes))
        return replace(empty, rows=kept, message=message)


def _read_lists(
    store: CaseStore, places: Sequence[_Place], context: TaskContext, tell: Tell
) -> dict[_Place, SliceTags]:
    lists = {}
    for place in places:
        context.check()
        lists[place] = tags_of_slice(store, *place)
    return lists


def _holds(row: TagRow, search: str) -> bool:
    if not search:
        return True
    # "00180050" and "0018 0050" are ways to type a tag, too.
    plain = row.path.replace("(", "").replace(")", "").replace(",", "")
    digits = search.replace(" ", "").replace(",", "")
    texts = (row.path, row.keyword, row.value, row.other)
    return any(search in t.casefold() for t in texts) or (
        len(digits) >= 4 and digits in plain.casefold()
    )


def _summary(number: int, compared: int | None, n_kept: int, n_all: int) -> str:
    found = f"{n_kept} of {n_all}" if n_kept != n_all else f"{n_all}"
    if compared is None:
        return f"Slice {number}: {found} elements."
    if compared == number:
        return f"Slice {number} is the slice on screen."
    if n_all == 0:
        return f"Slices {number} and {compared} have the same elements."
    return f"Slices {number} and {compared} differ in {found} elements."
