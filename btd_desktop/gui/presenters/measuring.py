"""What the examiner measures: kept in the case, listed, drawn, taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from btd_desktop.errors import BtdError
from btd_desktop.examination.measurement import (
    Axis,
    KeptMeasurement,
    Kind,
    Measurement,
    Voxel,
    measure,
    measurement_text,
    measurements_in,
    profile_values,
)
from btd_desktop.gui.presenters.history import Step
from btd_desktop.gui.presenters.presenter import Presenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.presenters.wording import series_name
from btd_desktop.gui.view_state.states import NO_MARKS, Marks, MeasureMark
from btd_desktop.workflow.measure import keep_measurement, remove_measurement

_SHORT = 36


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """One measurement as it is listed.

    Attributes:
        kept: As the case holds it.
        text: What came out.
        series: Name of its series.
    """

    kept: KeptMeasurement
    text: str
    series: str


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Values along a line.

    Attributes:
        distance: From its first point, shape (N,).
        values: Shape (N,), NaN for padding.
        x_label: Of the distance, with its unit.
        y_label: Of the values, with their unit.
    """

    distance: NDArray[np.float64]
    values: NDArray[np.float64]
    x_label: str
    y_label: str


@dataclass(frozen=True, slots=True, eq=False)
class MeasuringState:
    """All measurements of the case.

    Attributes:
        rows: Oldest first.
        selected: Number of the selected one, or None.
        profile: Of the selected one, where it is a profile.
    """

    rows: tuple[MeasureRow, ...] = ()
    selected: int | None = None
    profile: Profile | None = None

    @property
    def row(self) -> MeasureRow | None:
        """The selected one."""
        return next((r for r in self.rows if r.kept.number == self.selected), None)


class MeasuringPresenter(Presenter[MeasuringState]):
    """Measures, and lists what was measured.

    Signals:
        changed(MeasuringState): The list.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session.jobs, MeasuringState(), parent)
        self._session = session
        self._kept: tuple[KeptMeasurement, ...] = ()
        self._selected: int | None = None
        session.case_changed.connect(self._on_case_changed)
        session.series_list_changed.connect(self.refresh)

    def on_measured(self, kind: Kind, axis: Axis, voxels: Sequence[Voxel]) -> None:
        """Measure in the series shown, and keep it."""
        session = self._session
        store, record, volume = session.store, session.record, session.volume
        if store is None or record is None or volume is None:
            session.noticed.emit("A measurement is kept in a case: open one first.")
            return
        made = measure(volume, kind, record.series_id, axis, voxels)
        numbers: list[int] = []
        if self._keep(made, numbers):
            back, again = (
                partial(self._remove, numbers),
                partial(self._keep, made, numbers),
            )
            session.history.did(Step(f"measurement of a {kind}", back, again))
            session.noticed.emit(f"Kept: {measurement_text(made)}.")

    def on_removed(self, number: int) -> None:
        """Take a measurement back; the audit log keeps both entries."""
        kept = next((k for k in self._kept if k.number == number), None)
        numbers = [number]
        if kept is not None and self._remove(numbers):
            back = partial(self._keep, kept.measurement, numbers)
            again = partial(self._remove, numbers)
            self._session.history.did(Step("removal of a measurement", back, again))

    def _keep(self, made: Measurement, numbers: list[int]) -> bool:
        """Keep it; `numbers` holds its number from then on, another each time."""
        session = self._session
        if session.store is None:
            return False
        try:
            kept = keep_measurement(session.store, made, session.services)
        except BtdError as error:
            session.failed.emit(error)
            return False
        numbers[:] = [kept.number]
        self._selected = kept.number
        self._read()
        return True

    def _remove(self, numbers: list[int]) -> bool:
        session = self._session
        if session.store is None:
            return False
        try:
            remove_measurement(session.store, numbers[0], session.services)
        except BtdError as error:
            session.failed.emit(error)
            return False
        self._read()
        return True

    def on_selected(self, number: int) -> None:
        """Go to where it was measured."""
        row = next((r for r in self._state.rows if r.kept.number == number), None)
        if row is None:
            return
        self._selected = number
        made = row.kept.measurement
        self._session.select_series(made.series)
        middle = np.rint(np.mean(made.points, axis=0)).astype(int)
        self._session.move_to((int(middle[0]), int(middle[1]), int(middle[2])))
        self.refresh()

    def marks(self) -> Marks:
        """What is drawn over the three planes shown."""
        record, handle = self._session.record, self._session.handle
        if record is None or handle is None:
            return NO_MARKS
        own = [k for k in self._kept if k.measurement.series == record.series_id]
        if not own:
            return NO_MARKS
        voxel = self._session.voxel
        planes = [
            tuple(
                MeasureMark(
                    k.measurement.kind,
                    tuple(
                        layout.place(handle.shape, p)[1:] for p in k.measurement.points
                    ),
                    _label(k),
                    k.number == self._selected,
                )
                for k in own
                if k.measurement.axis == layout.fixed_axis
                and k.measurement.points[0][layout.fixed_axis]
                == voxel[layout.fixed_axis]
            )
            for layout in handle.layouts
        ]
        return planes[0], planes[1], planes[2]

    def refresh(self) -> None:
        """Build the list again."""
        names = {r.series_id: series_name(r) for r in self._session.records}
        rows = tuple(
            MeasureRow(
                k,
                measurement_text(k.measurement),
                names.get(k.measurement.series, str(k.measurement.series)),
            )
            for k in self._kept
        )
        self._show(MeasuringState(rows, self._selected, self._profile()))

    def _profile(self) -> Profile | None:
        volume, record = self._session.volume, self._session.record
        chosen = next((k for k in self._kept if k.number == self._selected), None)
        if chosen is None or volume is None or record is None:
            return None
        made = chosen.measurement
        if made.kind != "profile" or made.series != record.series_id:
            return None
        distance, values, in_mm = profile_values(volume, made.points)
        unit = f" ({made.unit})" if made.unit else ""
        where = "mm" if in_mm else "pixels; no spacing stated"
        return Profile(distance, values, f"distance ({where})", f"value{unit}")

    def _on_case_changed(self) -> None:
        self._selected = None
        self._read()

    def _read(self) -> None:
        store = self._session.store
        try:
            self._kept = () if store is None else measurements_in(store)
        except BtdError as error:
            self._kept = ()
            self._session.failed.emit(error)
        self.refresh()


def _label(kept: KeptMeasurement) -> str:
    """As short as it can be read over a picture."""
    numbers, unit = kept.measurement.numbers, kept.measurement.unit
    if kept.measurement.kind in ("region", "profile") and numbers.n:
        sd = "" if numbers.sd is None else f" ± {numbers.sd:.1f}"
        return f"{numbers.mean:.1f}{sd} {unit}".strip()
    return measurement_text(kept.measurement).partition(" ")[2][:_SHORT]
