"""How a slice starts out: its display window and the texts in its corners."""

from __future__ import annotations

import numpy as np

from btd_desktop.examination.series import State
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.view_state.states import Corners
from btd_desktop.gui.window_presets import auto_window
from btd_desktop.volume import Volume


def default_window(volume: Volume) -> tuple[float, float]:
    """Display window that a series starts with: its own, else one by its values."""
    own = volume.source.window
    if own and own[1] > 1.0:
        return own
    middle = np.asarray(volume.voxels[volume.n_slices // 2])[::4, ::4]
    if volume.modality == "CT" and volume.unit == "HU":
        aerated = float(np.mean((middle > -950) & (middle < -500)))
        return (-600.0, 1500.0) if aerated > 0.08 else (40.0, 400.0)
    return auto_window(volume.voxels)


def corner_texts(
    session: Session, volume: Volume, window: tuple[float, float]
) -> Corners:
    """Lines for the four corners of the acquired plane."""
    source = volume.source
    index = min(session.voxel[0], volume.n_slices - 1)
    patient = [source.patient_name or "", source.patient_id or ""]
    total = volume.n_slices
    where = [f"Slice {index + 1} of {total}" if session.record else "First slice"]
    if volume.n_slices > 1:
        where.append(_position_text(volume, index))
    if source.thickness_mm:
        where.append(f"Thickness {source.thickness_mm:g} mm")
    date = source.study_date or ""
    shown_date = f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 else date
    looks = [f"Window {window[1]:.0f}  Level {window[0]:.0f}"]
    if session.result.state is State.NOT_EXAMINED:
        looks.insert(0, "Not examined")
    return (
        tuple(t for t in (*patient, source.description or "") if t.strip()),
        tuple(
            t for t in (source.scanner, source.kernel or "", shown_date) if t.strip()
        ),
        tuple(where),
        tuple(looks),
    )


def _position_text(volume: Volume, index: int) -> str:
    """Where the middle of a slice lies on the patient's axis that it goes across."""
    _, rows, columns = volume.shape
    normal = np.cross(volume.row_direction, volume.column_direction)
    axis = int(np.argmax(np.abs(normal)))
    middle = volume.world_mm((index, rows // 2, columns // 2))
    return f"{'xyz'[axis]} {middle[axis]:.1f} mm"
