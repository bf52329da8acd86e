"""What scoring knows of a model: its noise maps and its description.

Scoring, calibration, cases and report work with every detector that fits this protocol
and import no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from btd_desktop.preprocess.presets import Preset
from btd_desktop.scoring.method import OWN, Method


class Backend(Struct, frozen=True, omit_defaults=True):
    """What computes; a fact that is not known is None and absent from JSON.

    Attributes:
        kind: "cpu", "cuda" or "mps".
        name: Name of the processor or graphics card.
        reason: One sentence: why this one.
        dtype: "float32" or "bfloat16": precision of convolutions.
        threads: CPU threads.
        torch_version: Version of torch.
    """

    kind: str | None = None
    name: str | None = None
    reason: str | None = None
    dtype: str | None = None
    threads: int | None = None
    torch_version: str | None = None


@dataclass(frozen=True, slots=True)
class DetectorInfo:
    """What identifies a detector in manifests and profiles.

    Attributes:
        name: Short name of the model.
        digest: Digest of everything that decides its maps.
        preset: The preset that the model was trained with.
        levels: Noise levels of its maps, ascending, shape (L,).
        paper_level: Index of the level of the paper's reverse step (t = 0).
        backend: Device, precision and library versions.
        learned: True when a learned evidence map (`diffusion.evidence`) follows the
            noise maps as their last plane.
        method: What is done with the model.
    """

    name: str
    digest: str
    preset: Preset
    levels: tuple[float, ...]
    paper_level: int
    backend: Backend
    learned: bool = False
    method: Method = OWN


class Detector(Protocol):
    """A noise predictor that scores are computed from."""

    @property
    def info(self) -> DetectorInfo:
        """Identity of the detector."""
        ...

    def predict_noise(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Noise prediction F(x_0) at each level, no noise added.

        Args:
            scaled: One slice as scaled intensities in [0, 1], shape (H, W).

        Returns:
            Maps of shape (L, H, W), dimensionless, near unit variance on noise of
            the level asked for; (L + 1, H, W) with the logits of the evidence map at
            the end where the detector has one (`DetectorInfo.learned`).
        """
        ...
