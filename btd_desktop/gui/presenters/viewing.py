"""What the image views show: three planes through the crosshair, and patches."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication

from btd_desktop.cases.model import Finding
from btd_desktop.gui.presenters.display import DisplayPresenter
from btd_desktop.gui.presenters.measuring import MeasuringPresenter
from btd_desktop.gui.presenters.overlays import OverlayPresenter
from btd_desktop.gui.presenters.placing import PlaceState
from btd_desktop.gui.presenters.session import Session, Voxel
from btd_desktop.gui.presenters.slice_looks import corner_texts
from btd_desktop.gui.view_state.states import (
    MprState,
    PatchBox,
    SliceViewState,
    mpr_state,
)

_DEFAULT_PATCH = {"CT": 96, "MR": 128}
_CENTRE = 32
STATUS_COLOURS = {
    "to check": "#ffb000",
    "confirmed": "#ff5470",
    "dismissed": "#8a93a3",
}
_PLACE_COLOUR = "#3ddbd9"


class ViewingPresenter(QObject):
    """Builds the states of the image views, and moves the crosshair.

    Signals:
        changed(MprState): The three planes.
        score_requested(int, int, int): Score the patch at (slice, row, column).
    """

    changed = Signal(object)
    score_requested = Signal(int, int, int)

    def __init__(
        self,
        session: Session,
        display: DisplayPresenter,
        overlays: OverlayPresenter,
        measuring: MeasuringPresenter,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._display = display
        self._overlays = overlays
        self._measuring = measuring
        self._message = ""
        self._place = PlaceState()
        self._findings: tuple[Finding, ...] = ()
        for changes in (
            session.series_selected,
            session.voxel_changed,
            session.finding_selected,
            display.changed,
            overlays.changed,
            measuring.changed,
        ):
            changes.connect(self.refresh)
        session.result_changed.connect(self._on_result_changed)
        session.slice_scored.connect(self._on_slice_scored)
        session.findings_changed.connect(self._on_findings_changed)

    @property
    def modality(self) -> str:
        """Modality of the series shown; "" when there is none."""
        volume = self._session.volume
        return "" if volume is None else volume.modality

    @property
    def unit(self) -> str:
        """Unit of the modality values shown."""
        volume = self._session.volume
        return "" if volume is None else volume.unit

    def patch_size(self) -> int:
        """Side of the patch that a click scores, in pixels."""
        run = self._session.result.run
        if run is not None:
            return run.manifest.grid.patch
        return _DEFAULT_PATCH.get(self.modality, 96)

    def refresh(self) -> None:
        """Build the states of the views again."""
        self.changed.emit(self._mpr())

    def show_message(self, text: str) -> None:
        """Text in the middle while there is no picture."""
        self._message = text
        self.refresh()

    def on_slice_requested(self, axis: int, index: int) -> None:
        """Go to a plane across an axis of the volume (0, 1, 2) by its number."""
        voxel = list(self._session.voxel)
        voxel[axis] = index
        self._session.move_to((voxel[0], voxel[1], voxel[2]))

    def on_slice_stepped(self, axis: int, step: int) -> None:
        """Move along an axis of the volume (0, 1, 2) by some planes; negative: back."""
        self.on_slice_requested(axis, self._session.voxel[axis] + step)

    def on_strip_requested(self, index: int) -> None:
        """Go to an acquired slice by its number; -1 is the last."""
        handle = self._session.handle
        if index < 0 and handle is not None:
            index += handle.shape[0]
        self.on_slice_requested(0, index)

    def on_strip_stepped(self, step: int) -> None:
        """Move by some acquired slices; negative: back."""
        self.on_slice_stepped(0, step)

    def on_cine_ticked(self) -> None:
        """Go to the next acquired slice; the first follows the last."""
        handle = self._session.handle
        if handle is not None:
            index = (self._session.voxel[0] + 1) % handle.shape[0]
            self.on_slice_requested(0, index)

    def on_crosshair_requested(self, s: int, r: int, c: int) -> None:
        """Put the crosshair on a voxel."""
        self._session.move_to((s, r, c))

    def on_score_requested(self, s: int, r: int, c: int) -> None:
        """A place was clicked with the Score tool."""
        self._session.move_to((s, r, c))
        self.on_score_here()

    def on_score_here(self) -> None:
        """Score the patch around the crosshair."""
        if self._session.handle is not None:
            self.score_requested.emit(*self._session.voxel)

    def on_place_changed(self, place: PlaceState) -> None:
        """Mark another clicked place, or none."""
        was, self._place = self._place, place
        if (was.at, was.label, was.is_drawn) != (place.at, place.label, place.is_drawn):
            self.refresh()

    def on_copy_uid(self) -> None:
        """Put the SOP Instance UID of the slice shown on the clipboard."""
        volume, index = self._session.volume, self._session.voxel[0]
        if volume is not None and index < volume.n_slices:
            QGuiApplication.clipboard().setText(volume.instance_uids[index])
            self._session.noticed.emit("The SOP Instance UID was copied.")

    def _on_result_changed(self, series_id: int) -> None:
        if self._session.is_shown(series_id):
            self.refresh()

    def _on_slice_scored(self, series_id: int, index: int, raw: float) -> None:
        if self._session.is_shown(series_id) and index == self._session.voxel[0]:
            self.refresh()

    def _on_findings_changed(self) -> None:
        self._findings = self._session.findings()
        self.refresh()

    def _mpr(self) -> MprState:
        session, look = self._session, self._display.look
        handle, volume = session.handle, session.volume
        if handle is None or volume is None:
            blank = SliceViewState()
            return MprState(SliceViewState(message=self._message), blank, blank)
        patch = float(self.patch_size())
        main = SliceViewState(
            volume=handle,
            layout=handle.layouts[0],
            index=session.voxel[0],
            window=look.window,
            inverted=look.inverted,
            smooth=look.smooth,
            overlay=self._overlays.shown(),
            boxes=self._boxes(),
            corners=corner_texts(session, volume, look.window),
            tool=look.tool,
            score_box=(patch, patch),
            show_info=look.show_info,
            lossy=bool(volume.source.lossy),
        )
        return mpr_state(main, session.voxel, self._measuring.marks())

    def _boxes(self) -> tuple[PatchBox, ...]:
        session, place = self._session, self._place
        record, selected = session.record, session.finding
        if record is None:
            return ()
        index = session.voxel[0]
        marked = place.at if place.is_drawn else None
        boxes = [
            self._box(
                (index, round(f.y), round(f.x)),
                f"#{f.finding_id} {f.status}",
                STATUS_COLOURS[f.status],
                selected=selected is not None and f.finding_id == selected.finding_id,
            )
            for f in self._findings
            if f.series_id == record.series_id
            and f.slice_index == index
            # Two labels at one spot could not be read: the place's stands for both.
            and (index, round(f.y), round(f.x)) != marked
        ]
        if place.at is not None and marked is not None and marked[0] == index:
            boxes.append(self._box(place.at, place.label, _PLACE_COLOUR, selected=True))
        return tuple(boxes)

    def _box(self, at: Voxel, label: str, colour: str, *, selected: bool) -> PatchBox:
        size = float(self.patch_size())
        return PatchBox(
            at[2] - size / 2,
            at[1] - size / 2,
            (size, size),
            label=label,
            colour=colour,
            selected=selected,
            inner=(_CENTRE, _CENTRE),
        )
