"""What a run of the scorer was: everything that decides its numbers.

Two runs with the same manifest digest give the same scores on the same backend; a
resumed run is the same run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from btd_desktop.digest import json_digest
from btd_desktop.scoring.grid import PatchGrid

__all__ = ["ENGINE_VERSION", "RunManifest"]

# Raised whenever features or pooling change meaning.
ENGINE_VERSION = 3


@dataclass(frozen=True, slots=True)
class RunManifest:
    """Parameters of one scoring run.

    Attributes:
        software: Version of this program.
        engine: `ENGINE_VERSION`.
        model: {"name", "digest"}.
        preset: JSON value of the preprocessing preset.
        scale: {"zero_at", "one_at"}: the preset resolved for this series.
        grid: JSON value of the patch grid.
        noise_levels: Noise levels of the maps, ascending.
        paper_level: Index of the paper's level among them.
        volume_digest: Digest of the series' voxels.
        backend: Device, precision and library versions.
    """

    software: str
    engine: int
    model: dict[str, str]
    preset: dict[str, Any]
    scale: dict[str, float]
    grid: dict[str, Any]
    noise_levels: tuple[float, ...]
    paper_level: int
    volume_digest: str
    backend: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """JSON value as kept in the case."""
        return {
            "software": self.software,
            "engine": self.engine,
            "model": self.model,
            "preset": self.preset,
            "scale": self.scale,
            "grid": self.grid,
            "noise_levels": list(self.noise_levels),
            "paper_level": self.paper_level,
            "volume_digest": self.volume_digest,
            "backend": self.backend,
        }

    @property
    def digest(self) -> str:
        """Digest of the JSON value."""
        return json_digest(self.to_json())

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RunManifest:
        """Inverse of `to_json`.

        Raises:
            ValueError: A field is missing or of another kind.
        """
        try:
            manifest = cls(
                software=str(value["software"]),
                engine=int(value["engine"]),
                model={name: str(value["model"][name]) for name in ("name", "digest")},
                preset=_table(value, "preset"),
                scale={k: float(v) for k, v in _table(value, "scale").items()},
                grid=_table(value, "grid"),
                noise_levels=tuple(float(level) for level in value["noise_levels"]),
                paper_level=int(value["paper_level"]),
                volume_digest=str(value["volume_digest"]),
                backend=_table(value, "backend"),
            )
            PatchGrid(**manifest.grid)
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        return manifest


def _table(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = value[name]
    if not isinstance(table, dict):
        raise TypeError(f"{name} is not an object")
    return table
