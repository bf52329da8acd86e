"""The findings of the case: list, note, status, pictures, the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from btd_desktop.cases.model import Finding, FindingStatus
from btd_desktop.errors import BtdError
from btd_desktop.examination.place import Peak
from btd_desktop.examination.series import Evaluation
from btd_desktop.examination.withdrawn import Withdrawal, withdrawn_in
from btd_desktop.gui.presenters.history import Step
from btd_desktop.gui.presenters.presenter import Presenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.presenters.thumbnails import thumbnail_of
from btd_desktop.workflow.withdraw import restore_finding, withdraw_finding


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding as it is listed.

    Attributes:
        finding: As the case keeps it.
        series: Description of its series.
        thumbnail: uint8 (H, W), or None.
        is_foreign: Its numbers come from another run, calibration or search than those
            shown: the report prints it as such.
        withdrawn: The examiner's reason for taking it back; None where it stands.
    """

    finding: Finding
    series: str
    thumbnail: NDArray[np.uint8] | None
    is_foreign: bool = False
    withdrawn: str | None = None


@dataclass(frozen=True, slots=True)
class FindingsState:
    """All findings.

    Attributes:
        rows: In the order they were added.
        selected: Number of the selected one, or None.
        highest: The highest places of the series that is shown, in order.
    """

    rows: tuple[FindingRow, ...] = ()
    selected: int | None = None
    highest: tuple[Peak, ...] = ()

    @property
    def row(self) -> FindingRow | None:
        """The selected one."""
        chosen = (r for r in self.rows if r.finding.finding_id == self.selected)
        return next(chosen, None)


class FindingsPresenter(Presenter[FindingsState]):
    """Lists findings and changes the examiner's part of them.

    Signals:
        changed(FindingsState): The list.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session.jobs, FindingsState(), parent)
        self._session = session
        self._pictures: dict[int, NDArray[np.uint8]] = {}
        self._withdrawn: dict[int, Withdrawal] = {}
        self._looked: tuple[Evaluation, tuple[Peak, ...]] | None = None
        session.case_changed.connect(self._on_case_changed)
        session.findings_changed.connect(self.refresh)
        session.finding_selected.connect(self.refresh)
        session.result_changed.connect(self.refresh)

    def refresh(self) -> None:
        """Read the findings again."""
        session = self._session
        self._withdrawn = {} if session.store is None else withdrawn_in(session.store)
        rows = tuple(self._row(f) for f in session.findings(withdrawn=True))
        chosen = session.finding
        number = None if chosen is None else chosen.finding_id
        self._show(FindingsState(rows, number, self._highest()))

    def on_note_changed(self, finding_id: int, note: str) -> None:
        """Keep the examiner's words."""
        self._change(finding_id, note=note)

    def on_status_changed(self, finding_id: int, status: FindingStatus) -> None:
        """Keep what the examiner made of it."""
        self._change(finding_id, status=status)

    def on_marked(self, finding_id: int, note: str, status: FindingStatus) -> None:
        """Keep both: a finding is dismissed with its reason."""
        self._change(finding_id, note=note, status=status)

    def on_withdrawn(self, finding_id: int, reason: str) -> None:
        """Take back a place that the examiner pointed at; the audit log keeps it."""
        away = partial(withdraw_finding, finding_id=finding_id, reason=reason)
        back = partial(restore_finding, finding_id=finding_id)
        self._take_back(f"withdrawal of finding {finding_id}", away, back)

    def on_restored(self, finding_id: int) -> None:
        """Put a withdrawn place back."""
        gone = self._withdrawn.get(finding_id)
        reason = "" if gone is None else gone.reason
        away = partial(withdraw_finding, finding_id=finding_id, reason=reason)
        back = partial(restore_finding, finding_id=finding_id)
        self._take_back(f"return of finding {finding_id}", back, away)

    def _take_back(
        self, words: str, change: Callable[..., None], opposite: Callable[..., None]
    ) -> None:
        if self._kept(change):
            back, again = partial(self._kept, opposite), partial(self._kept, change)
            self._session.history.did(Step(words, back, again))

    def _kept(self, change: Callable[..., None]) -> bool:
        session = self._session
        if session.store is None:
            return False
        try:
            change(session.store, services=session.services)
        except BtdError as error:
            session.failed.emit(error)
            return False
        session.findings_changed.emit()
        return True

    def _change(
        self,
        finding_id: int,
        *,
        note: str | None = None,
        status: FindingStatus | None = None,
    ) -> None:
        store = self._session.store
        if store is None:
            return
        before = store.finding(finding_id)
        if (note is None or note == before.note) and (
            status is None or status == before.status
        ):
            return
        if self._session.change_finding(finding_id, note, status):
            after = store.finding(finding_id)
            put = partial(self._session.put_finding, finding_id)
            self._session.history.did(
                Step(
                    f"change of finding {finding_id}",
                    partial(put, before.note, before.status),
                    partial(put, after.note, after.status),
                )
            )

    def _on_case_changed(self) -> None:
        self._pictures.clear()

    def _highest(self) -> tuple[Peak, ...]:
        """Where to look first in the series that is shown."""
        from btd_desktop.examination.place import highest_places

        evaluation = self._session.result.evaluation
        if evaluation is None:
            return ()
        if self._looked is None or self._looked[0] is not evaluation:
            self._looked = evaluation, highest_places(evaluation)
        return self._looked[1]

    def _row(self, finding: Finding) -> FindingRow:
        from btd_desktop.examination.reading import is_of

        result = self._session.results.get(finding.series_id)
        evaluation = None if result is None else result.evaluation
        gone = self._withdrawn.get(finding.finding_id)
        return FindingRow(
            finding,
            "" if result is None else result.record.description,
            self._picture(finding),
            evaluation is not None and not is_of(finding, evaluation),
            None if gone is None else gone.reason,
        )

    def _picture(self, finding: Finding) -> NDArray[np.uint8] | None:
        known = self._pictures.get(finding.finding_id)
        if known is not None or self._session.store is None:
            return known
        store = self._session.store
        try:
            picture = store.load_thumbnail(finding.finding_id)
            if picture is None or picture.ndim != 2 or picture.dtype != np.uint8:
                volume = store.load_volume(finding.series_id)
                picture = thumbnail_of(
                    volume, finding.slice_index, round(finding.y), round(finding.x)
                )
        except BtdError:
            return None
        self._pictures[finding.finding_id] = picture
        return picture
