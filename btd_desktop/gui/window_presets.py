"""Display windows on the keys 1 to 9.

Numbers of 1 to 5 are OHIF's presets for CT (Hounsfield units). A display window
changes what is seen, never what is scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from btd_desktop.volume import VoxelArray

Window = tuple[float, float]
Source = Literal["fixed", "file", "auto", "full", "user"]

_AUTO_PERCENTILES = (0.1, 99.9)
# A million voxels give the percentiles to a fraction of a grey level, at once.
_SAMPLE = 1_000_000


@dataclass(frozen=True, slots=True)
class WindowPreset:
    """A display window that one key chooses.

    Attributes:
        key: 1 to 9.
        name: Shown in menus.
        source: Where the numbers come from: fixed here, the file, this volume's
            values, or the examiner.
        window: Centre and width for "fixed", else None.
        modalities: Modalities it makes sense for; empty for all.
    """

    key: int
    name: str
    source: Source
    window: Window | None = None
    modalities: tuple[str, ...] = ()


WINDOW_PRESETS = (
    WindowPreset(1, "Soft tissue", "fixed", (40.0, 400.0), ("CT",)),
    WindowPreset(2, "Lung", "fixed", (-600.0, 1500.0), ("CT",)),
    WindowPreset(3, "Liver", "fixed", (90.0, 150.0), ("CT",)),
    WindowPreset(4, "Bone", "fixed", (480.0, 2500.0), ("CT",)),
    WindowPreset(5, "Brain", "fixed", (40.0, 80.0), ("CT",)),
    WindowPreset(6, "As in the file", "file"),
    WindowPreset(7, "Automatic (0.1 to 99.9 %)", "auto"),
    WindowPreset(8, "Full range", "full"),
    WindowPreset(9, "Own", "user"),
)


def presets_for(modality: str) -> tuple[WindowPreset, ...]:
    """Presets that make sense for a modality, in the order of their keys."""
    return tuple(
        preset
        for preset in WINDOW_PRESETS
        if not preset.modalities or modality in preset.modalities
    )


def preset_window(
    preset: WindowPreset,
    voxels: VoxelArray,
    *,
    file_window: Window | None,
    user_window: Window | None,
) -> Window | None:
    """Centre and width of a preset for this volume; None where it has none.

    Args:
        preset: One of `WINDOW_PRESETS`.
        voxels: Modality values of the volume.
        file_window: What the file proposes, if it does.
        user_window: What the examiner kept, if anything.
    """
    if preset.source == "fixed":
        return preset.window
    if preset.source == "file":
        return file_window
    if preset.source == "user":
        return user_window
    return auto_window(voxels) if preset.source == "auto" else full_window(voxels)


def auto_window(voxels: VoxelArray) -> Window:
    """Window from the 0.1th to the 99.9th percentile of finite values."""
    stride = max(voxels.size // _SAMPLE, 1)
    # An odd stride does not run along the columns of a power-of-two picture.
    sample = voxels.reshape(-1)[:: stride | 1]
    finite = sample[np.isfinite(sample)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(finite, _AUTO_PERCENTILES)
    return _window(float(low), float(high), whole=voxels.dtype == np.int16)


def full_window(voxels: VoxelArray) -> Window:
    """Window over all finite values, so that none is clipped."""
    finite = voxels[np.isfinite(voxels)] if voxels.dtype != np.int16 else voxels
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return _window(low, high, whole=voxels.dtype == np.int16)


def _window(low: float, high: float, *, whole: bool) -> Window:
    if whole:
        # LINEAR of DICOM spans w - 1 around c - 0.5 (PS3.3 C.11.2.1.2.1).
        return (low + high + 1.0) / 2.0, max(high - low + 1.0, 1.0)
    return (low + high) / 2.0, max(high - low, 1e-3)
