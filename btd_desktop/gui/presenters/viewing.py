"""What the image views show: planes, window, overlay, patches, the strip of slices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QObject, Signal

from btd_desktop.cases.model import Finding
from btd_desktop.gui.presenters.overlays import (
    OverlayChoice,
    ResidualCache,
    grid_overlay,
)
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.presenters.slice_looks import corner_texts, default_window
from btd_desktop.gui.presenters.slice_strip_state import (
    flagged_slices,
    score_limits,
    strip_of,
    strongest_place,
)
from btd_desktop.gui.view_state.states import (
    MprState,
    OverlayState,
    PatchBox,
    SliceViewState,
    StripState,
    Tool,
    mpr_state,
)
from btd_desktop.gui.window_presets import (
    WINDOW_PRESETS,
    preset_window,
)

_DEFAULT_PATCH = {"CT": 96, "MR": 128}
_CENTRE = 32
STATUS_COLOURS = {
    "to check": "#ffb000",
    "confirmed": "#ff5470",
    "dismissed": "#8a93a3",
}
_PLACE_COLOUR = "#3ddbd9"


@dataclass(frozen=True, slots=True)
class _Look:
    window: tuple[float, float] = (40.0, 400.0)
    inverted: bool = False
    smooth: bool = False
    show_info: bool = True
    tool: Tool = "browse"


class ViewingPresenter(QObject):
    """Builds the states of the image views from the session.

    Signals:
        changed(MprState): The three planes.
        strip_changed(StripState): The slice strip.
        choice_changed(OverlayChoice): The overlay controls.
        tool_changed(str): Another tool (`Tool`) is in the hand.
        score_requested(int, int, int): Score the patch at (slice, row, column).
        copy_wanted(str): Put this text on the clipboard.
    """

    changed = Signal(object)
    strip_changed = Signal(object)
    choice_changed = Signal(object)
    tool_changed = Signal(str)
    score_requested = Signal(int, int, int)
    copy_wanted = Signal(str)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._look = _Look()
        self._choice = OverlayChoice()
        self._residuals = ResidualCache()
        self._windows: dict[int, tuple[float, float]] = {}
        self._own_window: tuple[float, float] | None = None
        self._message = ""
        self._overlay_key: object = None
        self._overlay_kept: OverlayState | None = None
        self._strip_kept = StripState(np.zeros(0))
        self._findings: tuple[Finding, ...] = ()
        session.case_changed.connect(self._on_case_changed)
        session.series_selected.connect(self._on_series_selected)
        session.voxel_changed.connect(self._on_voxel_changed)
        session.result_changed.connect(self._on_result_changed)
        session.slice_scored.connect(self._on_slice_scored)
        session.findings_changed.connect(self._on_findings_changed)
        session.finding_selected.connect(self.refresh)
        session.mark_changed.connect(self.refresh)

    @property
    def choice(self) -> OverlayChoice:
        """What the overlay shows."""
        return self._choice

    @property
    def window(self) -> tuple[float, float]:
        """Centre and width of the display window."""
        return self._look.window

    @property
    def tool(self) -> Tool:
        """What the left button does."""
        return self._look.tool

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
        session = self._session
        if session.result.run is not None:
            return session.result.run.manifest.grid.patch
        modality = "CT" if session.volume is None else session.volume.modality
        return _DEFAULT_PATCH.get(modality, 96)

    def refresh(self) -> None:
        """Tell the views again what to show."""
        self.changed.emit(self._mpr())

    def refresh_strip(self) -> None:
        """Tell the strip again what to show."""
        self._strip_kept = strip_of(self._session)
        self.strip_changed.emit(self._strip_kept)

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
        """Go to an acquired slice by its number."""
        self.on_slice_requested(0, index)

    def on_strip_stepped(self, step: int) -> None:
        """Move by some acquired slices; negative: back."""
        self.on_slice_stepped(0, step)

    def on_cine_stepped(self, step: int) -> None:
        """Move by some acquired slices; the first follows the last."""
        handle = self._session.handle
        if handle is not None:
            index = (self._session.voxel[0] + step) % handle.shape[0]
            self.on_slice_requested(0, index)

    def on_crosshair_requested(self, s: int, r: int, c: int) -> None:
        """Put the crosshair on a voxel."""
        self._session.move_to((s, r, c))

    def on_score_requested(self, s: int, r: int, c: int) -> None:
        """A place was clicked with the Score tool."""
        if self._session.handle is not None:
            self._session.move_to((s, r, c))
            self.score_requested.emit(*self._session.voxel)

    def on_score_here(self) -> None:
        """Score the patch around the crosshair."""
        if self._session.handle is not None:
            self.score_requested.emit(*self._session.voxel)

    def on_window_changed(self, centre: float, width: float) -> None:
        """Set the display window."""
        self._own_window = (centre, max(width, 1e-3))
        self._show_window(self._own_window)

    def _show_window(self, window: tuple[float, float]) -> None:
        self._set_look(window=window)
        if self._session.record is not None:
            self._windows[self._session.record.series_id] = self._look.window

    def on_preset_chosen(self, key: int) -> None:
        """Set the display window of a key from 1 to 9."""
        volume = self._session.volume
        preset = next((p for p in WINDOW_PRESETS if p.key == key), None)
        if volume is None or preset is None:
            return
        own = volume.source.get("window")
        in_file = (float(own[0]), float(own[1])) if isinstance(own, list) else None
        window = preset_window(
            preset, volume.voxels, file_window=in_file, user_window=self._own_window
        )
        if window is None:
            missing = (
                "Set a window by dragging first: it is kept as your own."
                if preset.source == "user"
                else "The files propose no display window."
            )
            self._session.noticed.emit(missing)
            return
        self._show_window(window)

    def on_inverted_toggled(self) -> None:
        """White for low values, or back."""
        self._set_look(inverted=not self._look.inverted)

    def on_smooth_toggled(self) -> None:
        """Blend pixels on screen, or show each as measured."""
        self._set_look(smooth=not self._look.smooth)

    def on_info_toggled(self) -> None:
        """Show or hide corner text, letters and scale bar."""
        self._set_look(show_info=not self._look.show_info)

    def on_tool_chosen(self, tool: Tool) -> None:
        """Choose what the left button does."""
        self._set_look(tool=tool)
        self.tool_changed.emit(tool)

    def on_overlay_chosen(self, choice: OverlayChoice) -> None:
        """Change the overlay."""
        if choice != self._choice:
            self._choice = choice
            self.choice_changed.emit(choice)
            self.refresh()

    def on_overlay_toggled(self) -> None:
        """Show or hide the overlay."""
        self.on_overlay_chosen(replace(self._choice, visible=not self._choice.visible))

    def on_opacity_stepped(self, notches: int) -> None:
        """Make the overlay more or less opaque."""
        opacity = min(max(self._choice.opacity + 0.05 * notches, 0.0), 1.0)
        self.on_overlay_chosen(replace(self._choice, opacity=round(opacity, 3)))

    def on_copy_uid(self) -> None:
        """Tell the SOP Instance UID of the slice shown, to be copied."""
        volume, index = self._session.volume, self._session.voxel[0]
        if volume is not None and index < volume.n_slices:
            self.copy_wanted.emit(volume.instance_uids[index])
            self._session.noticed.emit("The SOP Instance UID was copied.")

    def on_flagged_wanted(self, *, back: bool = False) -> None:
        """Go to the next (previous) flagged slice, or slice with a finding."""
        flagged = flagged_slices(self._session)
        if not flagged:
            self._session.noticed.emit("No slice of this series is flagged.")
            return
        at = self._session.voxel[0]
        if back:
            before = [i for i in flagged if i < at]
            target = before[-1] if before else flagged[-1]
        else:
            after = [i for i in flagged if i > at]
            target = after[0] if after else flagged[0]
        _, row, column = self._session.voxel
        place = strongest_place(self._session, target) or (row, column)
        self._session.move_to((target, *place))

    def _set_look(self, **changes: object) -> None:
        self._look = replace(self._look, **changes)  # type: ignore[arg-type]
        self.refresh()

    def _on_case_changed(self) -> None:
        self._residuals.clear()
        self._windows.clear()
        self._overlay_key = self._overlay_kept = None

    def _on_series_selected(self) -> None:
        volume, record = self._session.volume, self._session.record
        if volume is not None:
            known = None if record is None else self._windows.get(record.series_id)
            self._look = replace(self._look, window=known or default_window(volume))
        self.refresh()
        self.refresh_strip()

    def _on_voxel_changed(self) -> None:
        self.refresh()
        self._strip_kept = replace(self._strip_kept, index=self._session.voxel[0])
        self.strip_changed.emit(self._strip_kept)

    def _on_result_changed(self, series_id: int) -> None:
        record = self._session.record
        if record is not None and record.series_id == series_id:
            self.refresh()
            self.refresh_strip()

    def _on_slice_scored(self, series_id: int, index: int, raw: float) -> None:
        record = self._session.record
        if record is None or record.series_id != series_id:
            return
        kept = self._strip_kept
        if self._session.result.evaluation is None and index < kept.values.size:
            values = kept.values.copy()
            values[index] = raw
            self._strip_kept = replace(kept, values=values, limits=score_limits(values))
            self.strip_changed.emit(self._strip_kept)
        if index == self._session.voxel[0]:
            self.refresh()

    def _on_findings_changed(self) -> None:
        self._findings = self._session.findings()
        self.refresh()

    def _mpr(self) -> MprState:
        session = self._session
        handle, volume = session.handle, session.volume
        if handle is None or volume is None:
            empty = SliceViewState(message=self._message)
            blank = SliceViewState()
            return MprState(empty, blank, blank)
        look = self._look
        patch = float(self.patch_size())
        main = SliceViewState(
            volume=handle,
            layout=handle.layouts[0],
            index=session.voxel[0],
            window=look.window,
            inverted=look.inverted,
            interpolation="smooth" if look.smooth else "nearest",
            overlay=self._overlay(),
            boxes=self._boxes(),
            corners=corner_texts(session, volume, look.window),
            tool=look.tool,
            score_box=(patch, patch),
            show_info=look.show_info,
            lossy=bool(volume.source.get("lossy", False)),
        )
        return mpr_state(main, session.voxel)

    def _overlay(self) -> OverlayState | None:
        session, choice = self._session, self._choice
        run, store = session.result.run, session.store
        if choice.name == "none" or run is None or store is None:
            return None
        index = session.voxel[0]
        evaluation = session.result.evaluation
        if choice.name == "residual" or evaluation is None:
            return self._residuals.overlay(store, run, index, choice)
        key = (id(evaluation), index, choice)
        if self._overlay_key != key:
            # The same object while nothing changes lets the view keep its picture.
            self._overlay_key = key
            self._overlay_kept = grid_overlay(evaluation, index, choice)
        return self._overlay_kept

    def _boxes(self) -> tuple[PatchBox, ...]:
        session = self._session
        record, selected = session.record, session.finding
        if record is None:
            return ()
        size = float(self.patch_size())
        boxes = [
            PatchBox(
                f.x - size / 2,
                f.y - size / 2,
                (size, size),
                label=f"#{f.finding_id} {f.status}",
                colour=STATUS_COLOURS[f.status],
                selected=selected is not None and f.finding_id == selected.finding_id,
                inner=(_CENTRE, _CENTRE),
            )
            for f in self._findings
            if f.series_id == record.series_id and f.slice_index == session.voxel[0]
        ]
        mark = session.mark
        here = (record.series_id, session.voxel[0])
        if mark is not None and (mark.series_id, mark.slice_index) == here:
            boxes.append(
                PatchBox(
                    mark.x - size / 2,
                    mark.y - size / 2,
                    (size, size),
                    label=mark.label,
                    colour=_PLACE_COLOUR,
                    selected=True,
                    inner=(_CENTRE, _CENTRE),
                )
            )
        return tuple(boxes)
