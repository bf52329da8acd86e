"""A second series beside the one shown: linked slices, and the difference of both."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QObject

from btd_desktop.cases.model import SeriesRecord
from btd_desktop.errors import BtdError
from btd_desktop.examination.pairing import Pairing, difference, pair
from btd_desktop.gui.presenters.display import DisplayPresenter
from btd_desktop.gui.presenters.presenter import Presenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.presenters.slice_looks import default_window
from btd_desktop.gui.presenters.wording import series_name
from btd_desktop.gui.view_state.planes import VolumeHandle, volume_handle
from btd_desktop.gui.view_state.states import SliceViewState
from btd_desktop.volume import Volume

_BLANK = SliceViewState()


@dataclass(frozen=True, slots=True, eq=False)
class CompareState:
    """What stands beside the series shown.

    Attributes:
        choices: (series_id, name) of all others.
        other: The one chosen; None while nothing is compared.
        view: Its slice, or the difference.
        words: How the two are linked, or why there is nothing to see.
        is_linked: Both step together.
        is_difference: The difference is shown.
        why_apart: Why there is no difference; "" where there is.
    """

    choices: tuple[tuple[int, str], ...] = ()
    other: int | None = None
    view: SliceViewState = _BLANK
    words: str = ""
    is_linked: bool = True
    is_difference: bool = False
    why_apart: str = ""


class ComparePresenter(Presenter[CompareState]):
    """Lays a second series of the case beside the one shown.

    Signals:
        changed(CompareState): What is to be shown.
    """

    def __init__(
        self,
        session: Session,
        display: DisplayPresenter,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(session.jobs, CompareState(), parent)
        self._session = session
        self._display = display
        self._other: SeriesRecord | None = None
        self._volume: Volume | None = None
        self._handle: VolumeHandle | None = None
        self._pairing: Pairing | None = None
        self._offset = 0
        self._alone = 0
        self._linked = True
        self._difference = False
        session.case_changed.connect(self._on_case_changed)
        session.series_list_changed.connect(self.refresh)
        session.series_selected.connect(self._on_series_selected)
        session.voxel_changed.connect(self._on_moved)
        display.changed.connect(self._on_moved)

    def on_toggled(self) -> None:
        """Compare with the series most like this one, or with none."""
        if self._other is not None:
            self.on_chosen(None)
            return
        shown = self._session.record
        others = [r for r in self._session.records if r is not shown]
        if shown is None or not others:
            self._session.noticed.emit(
                "There is nothing to compare with: drop another series or a prior "
                "study on the window, and add it to this case."
            )
            return
        self.on_chosen(max(others, key=lambda r: _likeness(shown, r)).series_id)

    def on_chosen(self, series_id: int | None) -> None:
        """Compare with this series, or with none."""
        store = self._session.store
        record = None if series_id is None else self._session.record_of(series_id)
        self._forget()
        if store is not None and record is not None:
            try:
                self._volume = store.load_volume(record.series_id)
            except BtdError as error:
                self._session.failed.emit(error)
                return
            self._other = record
            self._handle = volume_handle(self._volume)
        self._pair()
        self.refresh()

    def on_linked(self, linked: bool) -> None:
        """Step both together, or each by itself; linked again, they keep their way."""
        at = self._at()
        if not linked:
            self._alone = at or 0
        elif self._pairing is not None:
            partner = self._pairing.partner(self._session.voxel[0])
            self._offset = 0 if partner is None else self._alone - partner
        self._linked = linked
        self.refresh()

    def on_difference(self, wanted: bool) -> None:
        """Show the difference, or the second series itself."""
        self._difference = wanted
        self.refresh()

    def on_difference_toggled(self) -> None:
        """Show the difference, or the second series again; compare first."""
        if self._other is None:
            self.on_toggled()
            self.on_difference(self._other is not None)
        else:
            self.on_difference(not self._difference)

    def on_stepped(self, axis: int, step: int) -> None:
        """The wheel was turned over the second series."""
        s, r, c = self._session.voxel
        if self._linked:
            self._session.move_to((s + step, r, c))
        else:
            self._go_alone(self._alone + step)

    def on_slice_requested(self, axis: int, index: int) -> None:
        """Go to a slice of the second series."""
        if not self._linked:
            self._go_alone(index)
        elif self._pairing is not None:
            at = self._session.voxel
            found = (self._pairing.partners + self._offset == index).nonzero()[0]
            if found.size:
                self._session.move_to((int(found[0]), at[1], at[2]))

    def refresh(self) -> None:
        """Build the state again."""
        session = self._session
        choices = tuple(
            (r.series_id, series_name(r))
            for r in session.records
            if r is not session.record
        )
        if self._other is None or self._pairing is None:
            self._show(CompareState(choices))
            return
        pairing = self._pairing
        view, told = self._view()
        words = pairing.sentence if self._linked else "Not linked."
        if self._linked and self._offset:
            words = f"{words.removesuffix('.')}, moved by {self._offset:+d} slices."
        if self._difference and not pairing.why_apart:
            words += " Grey: equal; brighter: higher on the left."
            if not pairing.is_exact:
                words += " Pixels are compared with the nearest."
        elif self._difference:
            words += f" No difference: {pairing.why_apart}."
        self._show(
            CompareState(
                choices,
                self._other.series_id,
                view,
                f"{words} {told}".strip(),
                self._linked,
                self._difference,
                pairing.why_apart,
            )
        )

    def _view(self) -> tuple[SliceViewState, str]:
        volume, handle, pairing = self._volume, self._handle, self._pairing
        if volume is None or handle is None or pairing is None or self._other is None:
            return SliceViewState(), ""
        at = self._at()
        if at is None or at >= volume.n_slices:
            gap = "The second series has no slice here."
            return SliceViewState(message=gap), ""
        look, shown = self._display.look, self._session.volume
        same = shown is not None and shown.modality == volume.modality
        window = look.window if same else default_window(volume)
        pixel = pairing.pixel(*self._session.voxel[1:]) if self._linked else None
        state = SliceViewState(
            volume=handle,
            layout=handle.layouts[0],
            index=at,
            window=window,
            inverted=look.inverted,
            smooth=look.smooth,
            crosshair=None if pixel is None else (pixel[1], pixel[0]),
            corners=_corners(self._other, volume, at),
            show_info=look.show_info,
            lossy=bool(volume.source.lossy),
        )
        if not self._difference or pairing.why_apart or shown is None:
            return state, ""
        return self._differing(state, shown, volume, at), ""

    def _differing(
        self, state: SliceViewState, shown: Volume, volume: Volume, at: int
    ) -> SliceViewState:
        here = self._session.voxel
        if self._pairing is None or self._session.handle is None:
            return state
        values = difference(shown, volume, self._pairing, (here[0], at))
        own = self._session.handle
        handle = VolumeHandle(values[None], own.spacing_mm, own.layouts, own.unit)
        centre, width = 0.0, state.window[1]
        lines = (f"Slice {here[0] + 1} minus {at + 1}", "Difference")
        return replace(
            state,
            volume=handle,
            layout=handle.layouts[0],
            index=0,
            window=(centre, width),
            crosshair=(here[2], here[1]),
            corners=(
                (lines[1],),
                (),
                (lines[0],),
                (f"Window {width:.0f}  Level 0",),
            ),
        )

    def _at(self) -> int | None:
        """The slice of the second series that is shown."""
        if not self._linked:
            return self._alone
        if self._pairing is None:
            return None
        return self._pairing.partner(self._session.voxel[0], self._offset)

    def _go_alone(self, index: int) -> None:
        if self._volume is not None:
            self._alone = min(max(index, 0), self._volume.n_slices - 1)
            self.refresh()

    def _pair(self) -> None:
        shown = self._session.volume
        self._offset = 0
        self._pairing = None
        if shown is not None and self._volume is not None:
            self._pairing = pair(shown, self._volume)

    def _forget(self) -> None:
        self._other = self._volume = self._handle = self._pairing = None
        self._linked, self._offset = True, 0

    def _on_moved(self) -> None:
        if self._other is not None:
            self.refresh()

    def _on_series_selected(self) -> None:
        if self._other is not None and self._other is self._session.record:
            self._forget()
        self._pair()
        self.refresh()

    def _on_case_changed(self) -> None:
        self._forget()
        self._difference = False
        self.refresh()


def _likeness(one: SeriesRecord, other: SeriesRecord) -> tuple[bool, bool, int]:
    return (
        one.modality == other.modality,
        (one.rows, one.cols) == (other.rows, other.cols),
        -abs(one.n_slices - other.n_slices),
    )


def _corners(
    record: SeriesRecord, volume: Volume, at: int
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    meta = record.meta
    date = meta.study_date or ""
    who = (meta.patient_name or "", meta.patient_id or "", record.description)
    return (
        tuple(t for t in who if t.strip()),
        tuple(t for t in (meta.scanner, meta.kernel or "", date) if t.strip()),
        (f"Slice {at + 1} of {volume.n_slices}",),
        (),
    )
