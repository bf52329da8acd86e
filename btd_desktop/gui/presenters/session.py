"""What all parts of the window look at together: the case, a series, a place in it.

The session only reads the case; a part that changes the case tells the session, and
the session tells all others.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from btd_desktop.cases.model import Finding, FindingStatus, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import BtdError
from btd_desktop.examination.series import SeriesExamination
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.presenters.history import History
from btd_desktop.gui.view_state.planes import VolumeHandle, volume_handle
from btd_desktop.logs import Redactor
from btd_desktop.volume import SeriesFacts, Volume
from btd_desktop.workflow.services import Services

Voxel = tuple[int, int, int]
_NO_SERIES = SeriesRecord(0, "", "", "", 0, 0, 0, SeriesFacts(), (), (), "", "")


class Session(QObject):
    """The open case and what is selected in it.

    Attributes:
        store: The open case, or None.
        records: Its series.
        record: The series shown; None without one, and while a first slice is shown
            ahead of its import.
        volume, handle: Its voxels, and the same as the views know them.
        voxel: Crosshair, (slice, row, column) from 0.
        results: What came of each series, by series_id.
        finding: The one selected, or None.
        history: What the examiner did, to be taken back.
        redactor: Keeps names of patients and folders out of the log.

    Signals:
        case_changed(): Another case is open, or none.
        case_closing(): The open case is about to be closed.
        custody_changed(): Another case is open, or none, or this one may be adopted.
        series_list_changed(): Series were added, or the case is another one.
        series_selected(): Another series is shown.
        voxel_changed(): The crosshair moved.
        result_changed(int): How far a series has come is not what it was (series_id).
        slice_scored(int, int, float): A slice's result is in the case (series_id,
            index, largest raw injection score or NaN).
        findings_changed(): A finding was added or changed, or the case is another one.
        finding_selected(): Another finding, or none, is selected.
        noticed(str): A sentence for the status strip.
        failed(BtdError): An error to be shown.
    """

    case_changed = Signal()
    case_closing = Signal()
    custody_changed = Signal()
    series_list_changed = Signal()
    series_selected = Signal()
    voxel_changed = Signal()
    result_changed = Signal(int)
    slice_scored = Signal(int, int, float)
    findings_changed = Signal()
    finding_selected = Signal()
    noticed = Signal(str)
    failed = Signal(object)

    def __init__(
        self, services: Services, jobs: JobRunner, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.services = services
        self.jobs = jobs
        self.store: CaseStore | None = None
        self.records: tuple[SeriesRecord, ...] = ()
        self.record: SeriesRecord | None = None
        self.volume: Volume | None = None
        self.handle: VolumeHandle | None = None
        self.voxel: Voxel = (0, 0, 0)
        self.results: dict[int, SeriesExamination] = {}
        self.finding: Finding | None = None
        self.history = History(self)
        self.redactor: Redactor | None = None

    @property
    def result(self) -> SeriesExamination:
        """What came of the series shown; an empty one before there is any."""
        if self.record is None:
            return SeriesExamination(_NO_SERIES)
        return self.result_of(self.record)

    def record_of(self, series_id: int) -> SeriesRecord | None:
        """A series of the case; None when the case has none of that number."""
        return next((r for r in self.records if r.series_id == series_id), None)

    def result_of(self, record: SeriesRecord) -> SeriesExamination:
        """What came of a series; an empty one before it was looked at."""
        return self.results.get(record.series_id) or SeriesExamination(record)

    def is_shown(self, series_id: int) -> bool:
        """The series of that number is the one shown."""
        return self.record is not None and self.record.series_id == series_id

    def open_store(self, store: CaseStore) -> None:
        """Show another case; the one that was open is closed."""
        self.close_case(quiet=True)
        self.store = store
        self._read_series()
        self.case_changed.emit()
        self.custody_changed.emit()
        self.series_list_changed.emit()
        self.findings_changed.emit()
        if self.records:
            self.select_series(self.records[0].series_id)

    def close_case(self, *, quiet: bool = False) -> None:
        """Close the case; jobs that use it must have been given up before."""
        if self.store is None:
            return
        self.case_closing.emit()
        # The memory map must go before the folder may.
        self.record = self.volume = self.handle = self.finding = None
        self.results = {}
        self.records = ()
        self.voxel = (0, 0, 0)
        store, self.store = self.store, None
        self.history.forget()
        store.close()
        if not quiet:
            self.case_changed.emit()
            self.custody_changed.emit()
            self.series_list_changed.emit()
            self.series_selected.emit()
            self.findings_changed.emit()

    def refresh_series(self, select: int | None = None) -> None:
        """Read the series again after an import.

        Args:
            select: Series to show; None keeps what is shown, or shows the first.
        """
        self._read_series()
        self.series_list_changed.emit()
        if select is not None:
            self.select_series(select)
        elif self.record is None and self.records:
            self.select_series(self.records[0].series_id)

    def _read_series(self) -> None:
        if self.store is None:
            return
        from btd_desktop.examination.stored import latest_run

        self.records = self.store.series()
        self._keep_out_of_log()
        for record in self.records:
            run = latest_run(self.store, record.series_id)
            if run is not None and record.series_id not in self.results:
                self.results[record.series_id] = SeriesExamination(record, run)

    def _keep_out_of_log(self) -> None:
        if self.redactor is None or self.store is None:
            return
        self.redactor.register(self.store.folder.name, "case")
        for record in self.records:
            for identity in (record.meta.patient_name, record.meta.patient_id):
                if identity:
                    self.redactor.register(identity, "patient")

    def select_series(self, series_id: int) -> None:
        """Show a series, its crosshair in the middle."""
        if self.store is None:
            return
        record = self.record_of(series_id)
        if record is None or record is self.record:
            return
        volume = self.store.load_volume(series_id)
        self.record = record
        self.volume = volume
        self.handle = volume_handle(volume)
        self.voxel = (record.n_slices // 2, record.rows // 2, record.cols // 2)
        self.finding = None
        self.series_selected.emit()
        self.voxel_changed.emit()
        self.finding_selected.emit()

    def show_preview(self, volume: Volume) -> None:
        """Show a slice of a series that is still being imported."""
        if self.record is not None:
            return
        self.volume = volume
        self.handle = volume_handle(volume)
        self.voxel = (0, volume.shape[1] // 2, volume.shape[2] // 2)
        self.series_selected.emit()
        self.voxel_changed.emit()

    def move_to(self, voxel: Voxel) -> None:
        """Move the crosshair; a place outside is brought inside."""
        if self.volume is None:
            return
        shape = self.volume.shape
        inside = tuple(
            min(max(int(v), 0), n - 1) for v, n in zip(voxel, shape, strict=True)
        )
        if inside != self.voxel:
            self.voxel = (inside[0], inside[1], inside[2])
            self.voxel_changed.emit()

    def set_result(self, result: SeriesExamination) -> None:
        """Keep how far a series has come."""
        self.results[result.record.series_id] = result
        self.result_changed.emit(result.record.series_id)

    def select_finding(self, finding_id: int | None) -> None:
        """Select a finding and go to its place."""
        if self.store is None or finding_id is None:
            self.finding = None
            self.finding_selected.emit()
            return
        finding = self.store.finding(finding_id)
        self.select_series(finding.series_id)
        self.finding = finding
        self.move_to((finding.slice_index, round(finding.y), round(finding.x)))
        self.finding_selected.emit()

    def change_finding(
        self, finding_id: int, note: str | None, status: FindingStatus | None
    ) -> bool:
        """Keep the examiner's words and mark; the audit log keeps those before."""
        if self.store is None:
            return False
        try:
            self.store.update_finding(
                finding_id, now=self.services.now(), note=note, status=status
            )
        except BtdError as error:
            self.failed.emit(error)
            return False
        self.findings_changed.emit()
        return True

    def put_finding(self, finding_id: int, note: str, status: FindingStatus) -> bool:
        """Keep both, and show the finding: a step that is taken back or done again."""
        done = self.change_finding(finding_id, note, status)
        if done:
            self.select_finding(finding_id)
        return done

    def findings(self, *, withdrawn: bool = False) -> tuple[Finding, ...]:
        """Findings of the case in the order they were added.

        Args:
            withdrawn: Those that the examiner took back, too.
        """
        if self.store is None:
            return ()
        every = self.store.findings()
        if withdrawn:
            return every
        from btd_desktop.examination.withdrawn import withdrawn_in

        gone = withdrawn_in(self.store)
        return tuple(f for f in every if f.finding_id not in gone)
