"""A slice without patient data: no text of tags, no pixel outside the body."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from btd_desktop.examination.body import picture_of_body
from btd_desktop.gui.view_state.planes import VolumeHandle
from btd_desktop.gui.view_state.states import SliceViewState


def without_patient_data(state: SliceViewState, modality: str) -> SliceViewState:
    """The state of an acquired plane without patient data.

    Of the corner texts the lower ones stay: number and place of the slice, display
    window. Pixels outside the body get the lowest value shown, since that is where
    scanners burn names in. Overlay, patches, letters and scale stay.

    Args:
        state: What is shown.
        modality: "CT" or "MR".
    """
    bare = replace(state, corners=((), (), *state.corners[2:]), message="")
    volume, layout = state.volume, state.layout
    if volume is None or layout is None:
        return bare
    axis = layout.fixed_axis
    plane = np.take(volume.voxels, [state.index], axis=axis)
    body = picture_of_body(np.squeeze(plane, axis=axis), modality)
    side = 1 if state.inverted else -1
    black = state.window[0] + side * state.window[1] / 2
    if plane.dtype == np.int16:
        black = float(np.clip(round(black), -32768, 32767))
    masked = np.where(np.expand_dims(body, axis), plane, plane.dtype.type(black))
    handle = VolumeHandle(masked, volume.spacing_mm, volume.layouts, volume.unit)
    return replace(bare, volume=handle, index=0)
