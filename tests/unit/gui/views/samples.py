"""States to show: a small volume whose every voxel says where it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from btd_desktop.gui.view_state.planes import VolumeHandle, plane_layouts
from btd_desktop.gui.view_state.states import OverlayState, SliceViewState

AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
SHAPE = (12, 40, 50)


def sample_volume(
    shape: tuple[int, int, int] = SHAPE,
    dtype: type = np.int16,
    spacing: tuple[float, float, float] = (2.0, 1.0, 1.0),
) -> VolumeHandle:
    s, r, c = np.indices(shape)
    voxels = (s * 1000 + r * 50 + c - 3000).astype(dtype)
    return VolumeHandle(voxels, spacing, plane_layouts(*AXIAL), "HU")


def sample_state(**changes: Any) -> SliceViewState:
    volume = changes.pop("volume", None) or sample_volume()
    fields: dict[str, Any] = {
        "layout": volume.layouts[0],
        "index": 5,
        "window": (1000.0, 3000.0),
    }
    return SliceViewState(volume=volume, **{**fields, **changes})


def sample_overlay(**changes: Any) -> OverlayState:
    values = np.linspace(0.0, 3.0, 20, dtype=np.float32).reshape(4, 5)
    fields: dict[str, Any] = {
        "kind": "score",
        "limits": (0.0, 3.0),
        "cell": (10.0, 10.0),
    }
    return OverlayState(changes.pop("values", values), **{**fields, **changes})
