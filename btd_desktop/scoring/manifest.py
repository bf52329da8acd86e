"""The manifest of a scoring run: everything that decides its numbers.

Two runs with the same manifest digest give the same scores on the same backend; a
resumed run is the same run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from msgspec import UNSET, UnsetType

from btd_desktop.digest import json_digest
from btd_desktop.preprocess.presets import IntensityScale, Preset
from btd_desktop.scoring.detector import Backend
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.scoring.method import OWN, Method
from btd_desktop.strict_json import plain_json

# Raised whenever features or pooling change meaning.
ENGINE_VERSION = 3


class ModelName(TypedDict):
    """Name and digest by which a manifest names its model."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class RunManifest:
    """Parameters of one scoring run.

    Attributes:
        software: Version of this program.
        engine: `ENGINE_VERSION`.
        model: The model.
        preset: How slices were preprocessed.
        scale: The preset resolved for this series.
        grid: Where patches were scored.
        noise_levels: Noise levels of the maps, ascending.
        paper_level: Index of the paper's level among them.
        volume_digest: Digest of the series' voxels.
        backend: Device, precision and library versions.
        method: What was done with the model; not set for this program's own.
    """

    software: str
    engine: int
    model: ModelName
    preset: Preset
    scale: IntensityScale
    grid: PatchGrid
    noise_levels: tuple[float, ...]
    paper_level: int
    volume_digest: str
    backend: Backend
    method: Method | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse an index that names no level."""
        if not 0 <= self.paper_level < len(self.noise_levels):
            raise ValueError(f"there is no noise level {self.paper_level}")

    @property
    def used(self) -> Method:
        """What was done with the model."""
        return OWN if self.method is UNSET else self.method

    @property
    def digest(self) -> str:
        """Digest of the JSON value."""
        return json_digest(plain_json(self))
