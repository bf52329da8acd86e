"""The series of the case, how far each has come, and which one is shown."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject

from btd_desktop.cases.model import EvidenceItem, SeriesRecord
from btd_desktop.examination.series import SeriesExamination, State
from btd_desktop.examination.wording import p_text
from btd_desktop.gui.presenters.presenter import Presenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.workflow.import_series import count_fates


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One series as it is listed.

    Attributes:
        record: As the case keeps it.
        state: How far it has come, short.
        state_tip: The same at length.
        alarming: The series, or a slice of it, is flagged.
    """

    record: SeriesRecord
    state: str
    state_tip: str
    alarming: bool

    @property
    def series_id(self) -> int:
        """Its number in the case."""
        return self.record.series_id


@dataclass(frozen=True, slots=True)
class EvidenceState:
    """The import statement.

    Attributes:
        items: Files and what became of them; archives that were opened left out.
        n_by_fate: Number of files per fate.
        size_bytes: Their size together.
    """

    items: tuple[EvidenceItem, ...] = ()
    n_by_fate: tuple[tuple[str, int], ...] = ()
    size_bytes: int = 0

    @property
    def n_not_taken(self) -> int:
        """Files that were not accepted."""
        return sum(n for fate, n in self.n_by_fate if fate != "accepted")

    @property
    def sentence(self) -> str:
        """The statement in one line."""
        total = len(self.items)
        if not total:
            return "No file was received."
        counted = ", ".join(f"{n} {fate}" for fate, n in self.n_by_fate)
        return f"{total} file{'s' if total != 1 else ''} received: {counted}."


@dataclass(frozen=True, slots=True)
class SeriesState:
    """What the panel shows.

    Attributes:
        rows: One per series.
        selected: Number of the one shown, or None.
        evidence: The import statement.
    """

    rows: tuple[SeriesRow, ...] = ()
    selected: int | None = None
    evidence: EvidenceState = EvidenceState()


class SeriesPresenter(Presenter[SeriesState]):
    """Lists series and the import statement.

    Signals:
        changed(SeriesState): The panel's content.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session.jobs, SeriesState(), parent)
        self._session = session
        self._evidence = EvidenceState()
        self._n_done: dict[int, int] = {}
        session.series_list_changed.connect(self._on_series_list_changed)
        session.series_selected.connect(self.refresh)
        session.result_changed.connect(self._on_result_changed)
        session.slice_scored.connect(self._on_slice_scored)

    def on_stepped(self, step: int) -> None:
        """Show the next (previous) series."""
        ids = [r.series_id for r in self._state.rows]
        at = self._state.selected
        if at in ids:
            self._session.select_series(ids[(ids.index(at) + step) % len(ids)])

    def read_evidence(self) -> EvidenceState:
        """The import statement as it stands in the case."""
        store = self._session.store
        if store is None:
            return EvidenceState()
        items = tuple(i for i in store.evidence() if not i.is_container)
        fates = count_fates(items).items()
        order = sorted(fates, key=lambda c: (c[0] != "accepted", -c[1]))
        return EvidenceState(items, tuple(order), sum(i.size_bytes for i in items))

    def refresh(self) -> None:
        """Build the state again."""
        session = self._session
        rows = tuple(self._row(record) for record in session.records)
        selected = None if session.record is None else session.record.series_id
        self._show(SeriesState(rows, selected, self._evidence))

    def _row(self, record: SeriesRecord) -> SeriesRow:
        n_done = self._n_done.get(record.series_id, 0)
        return SeriesRow(record, *_progress(self._session.result_of(record), n_done))

    def _on_series_list_changed(self) -> None:
        self._evidence = self.read_evidence()
        self._n_done = {
            series_id: result.run.n_done
            for series_id, result in self._session.results.items()
            if result.run is not None
        }
        self.refresh()

    def _on_result_changed(self, series_id: int) -> None:
        result = self._session.results.get(series_id)
        if result is not None and result.run is not None:
            self._n_done[series_id] = result.run.n_done
        self.refresh()

    def _on_slice_scored(self, series_id: int, index: int, raw: float) -> None:
        self._n_done[series_id] = self._n_done.get(series_id, 0) + 1
        self.refresh()


def _progress(result: SeriesExamination, n_done: int) -> tuple[str, str, bool]:
    record, run = result.record, result.run
    if run is None:
        return ("not scored", result.reason or "Not scored yet.", False)
    evaluation, state = result.evaluation, result.state
    if evaluation is not None:
        series = evaluation.kinds["anomaly"].series
        if series is None or state is not State.EXAMINED:
            return (state.value, f"{state.value.capitalize()}: {result.reason}", False)
        text = p_text(series, narrow=True)
        n_flagged = len(evaluation.kinds["anomaly"].flagged)
        tip = (
            f"Series level: {text} among {series.n} genuine series; {n_flagged} of "
            f"{record.n_slices} slices are above the threshold."
        )
        if evaluation.level("anomaly", "slice").threshold is not None:
            text = f"{n_flagged} unusual"
        if result.share is not None and not result.share.is_whole:
            text = f"{text}, in part"
            tip = f"{tip} {result.share.sentence}"
        return (text, tip, bool(series.flagged) or n_flagged > 0)
    if result.is_scored:
        return ("not calibrated", result.reason or "Calibrating …", False)
    done = min(max(n_done, run.n_done), record.n_slices)
    words = "stopped" if run.status == "cancelled" else "scoring"
    return (
        f"{words}, {done}/{record.n_slices}",
        f"{done} of {record.n_slices} slices are scored.",
        False,
    )
