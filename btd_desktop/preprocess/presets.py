"""Presets: how modality values become scaled intensities, and the patch scored.

A preset is part of the model's card and of every result; its name alone fixes every
number in it. Scaled intensities are in [0, 1] here; the diffusion process maps them to
[-1, 1] (x * 2 - 1), as the reference code does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from btd_desktop.errors import SettingsError
from btd_desktop.preprocess.foreground import foreground_mask
from btd_desktop.volume import Volume


@dataclass(frozen=True, slots=True)
class Preset:
    """Preprocessing and patch geometry of one modality.

    Attributes:
        name: What the command line and the model card call it.
        modality: "CT" or "MR"; other modalities are refused.
        kind: "window": clip to [low, high] HU and scale to [0, 1] (paper, 4.1).
            "standardise": per series, subtract the foreground's mean and divide by
            its standard deviation, then clip to [low, high] standard deviations and
            scale to [0, 1] (paper, 4.1: per-patient standardisation).
        low: Lower end of the window, HU or standard deviations.
        high: Upper end of the window.
        patch: Side of the scored patch in pixels (paper, 4.2: 96 for CT, 128 for MR).
        centre: Side of the central square of the injection score (paper, 3.3: 32).
        version: Raised whenever the meaning of the numbers changes.
    """

    name: str
    modality: Literal["CT", "MR"]
    kind: Literal["window", "standardise"]
    low: float
    high: float
    patch: int
    centre: int = 32
    version: int = 1

    def __post_init__(self) -> None:
        """Refuse what would fail later: the window, patch geometry."""
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"a window from {self.low:g} to {self.high:g}")
        if (
            self.patch % 8
            or self.centre % 8
            or not 0 < self.centre < self.patch <= 1024
        ):
            raise ValueError(f"patch {self.patch} with centre {self.centre}")


@dataclass(frozen=True, slots=True)
class IntensityScale:
    """Modality values that become 0 and 1 in one series: the preset, resolved.

    Attributes:
        zero_at: Modality value that is scaled to 0 (values below are clipped).
        one_at: Modality value that is scaled to 1 (values above are clipped).
    """

    zero_at: float
    one_at: float


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        p.name: p
        for p in (
            Preset("ct96", "CT", "window", -700.0, 2000.0, 96),
            Preset("ct96wide", "CT", "window", -1024.0, 1000.0, 96),
            Preset("mr128", "MR", "standardise", -3.0, 4.0, 128),
        )
    }
)


def preset_named(name: str) -> Preset:
    """The preset of that name.

    Raises:
        SettingsError: There is none.
    """
    try:
        return PRESETS[name]
    except KeyError:
        known = ", ".join(sorted(PRESETS))
        raise SettingsError(
            f"there is no preset “{name}”", hint=f"use one of: {known}", code="preset"
        ) from None


def fit_scale(volume: Volume, preset: Preset) -> IntensityScale:
    """The preset's scale for one series.

    For MR the mean and standard deviation are those of the foreground of the whole
    series (every n-th slice of a long one, at least 64 and at most 127 of them, which
    changes neither noticeably).

    Raises:
        SettingsError: The series is of another modality than the preset.
    """
    if volume.modality != preset.modality:
        raise SettingsError(
            f"preset {preset.name} is for {preset.modality}, the series is "
            f"{volume.modality}",
            code="modality",
        )
    if preset.kind == "window":
        return IntensityScale(preset.low, preset.high)
    step = max(1, volume.n_slices // 64)
    inside = [
        plane[foreground_mask(plane, volume.modality)]
        for plane in volume.voxels[::step]
    ]
    values = np.concatenate(inside).astype(np.float64)
    if values.size == 0:
        values = volume.voxels[::step].astype(np.float64).ravel()
    mean, std = float(values.mean()), float(values.std())
    if std == 0.0:  # a constant image: any finite scale will do, nothing to see in it
        std = 1.0
    return IntensityScale(mean + preset.low * std, mean + preset.high * std)


def scaled_slice(plane: NDArray[Any], scale: IntensityScale) -> NDArray[np.float32]:
    """One slice as scaled intensities.

    Args:
        plane: Modality values, shape (H, W).
        scale: The series' scale.

    Returns:
        float32 in [0, 1], shape (H, W).
    """
    span = scale.one_at - scale.zero_at
    scaled = (plane.astype(np.float32) - np.float32(scale.zero_at)) / np.float32(span)
    clipped: NDArray[np.float32] = np.clip(scaled, 0.0, 1.0)
    return clipped
