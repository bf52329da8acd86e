"""Benign slices for training: split by patient, cropped at random inside the body."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.errors import EvidenceError

_MIN_BODY = 0.3  # share of a crop that lies inside the body
_TRIES = 20


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSlice:
    """One benign slice as stored, with the scale that its series gave it.

    Attributes:
        patient: Key of the patient; a patient is in one split only.
        plane: Modality values, shape (H, W), int16 or float32 (kept small in memory;
            scaled only when a crop is drawn).
        body: True inside the body, shape (H, W): crops of air teach nothing.
        zero_at: Modality value scaled to -1.
        one_at: Modality value scaled to +1.
    """

    patient: str
    plane: NDArray[Any]
    body: NDArray[np.bool_]
    zero_at: float
    one_at: float


@dataclass(frozen=True, slots=True)
class TrainingSplit:
    """Slices to learn from and slices to watch, of different patients."""

    train: tuple[TrainingSlice, ...]
    validation: tuple[TrainingSlice, ...]

    @property
    def train_patients(self) -> tuple[str, ...]:
        """Sorted keys of the patients learnt from."""
        return tuple(sorted({s.patient for s in self.train}))

    @property
    def validation_patients(self) -> tuple[str, ...]:
        """Sorted keys of the patients watched."""
        return tuple(sorted({s.patient for s in self.validation}))


def split_by_patient(
    slices: Iterable[TrainingSlice], validation_share: float, seed: int
) -> TrainingSplit:
    """Split whole patients; at least one stays on each side when there are two.

    Args:
        slices: All benign slices.
        validation_share: Wanted share of patients for watching, in [0, 1).
        seed: Decides which patients.

    Raises:
        EvidenceError: There is no slice at all.
    """
    everything = tuple(slices)
    patients = sorted({s.patient for s in everything})
    if not patients:
        raise EvidenceError("there is no benign slice to learn from", code="no_slices")
    order = np.random.default_rng([seed, 1]).permutation(len(patients))
    n_watch = round(validation_share * len(patients))
    if validation_share > 0.0 and len(patients) > 1:
        n_watch = min(max(n_watch, 1), len(patients) - 1)
    watched = {patients[i] for i in order[:n_watch]}
    return TrainingSplit(
        tuple(s for s in everything if s.patient not in watched),
        tuple(s for s in everything if s.patient in watched),
    )


def random_crops(
    slices: Sequence[TrainingSlice],
    weights: NDArray[np.float64],
    *,
    n: int,
    side: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Random crops scaled to [-1, 1], mirrored left-right and up-down at random.

    A crop that is mostly air is drawn again (a few times): it teaches nothing.

    Args:
        slices: Slices to draw from.
        weights: Probability of each slice, shape (len(slices),), sum 1.
        n: Crops wanted.
        side: Side of a crop in pixels; larger slices are cropped, smaller ones are
            padded with their darkest value.
        rng: Source of randomness.

    Returns:
        float32, shape (n, 1, side, side).
    """
    crops = np.empty((n, 1, side, side), dtype=np.float32)
    for i in range(n):
        item = slices[int(rng.choice(len(slices), p=weights))]
        crop = _one_crop(item, side, rng)
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        if rng.random() < 0.5:
            crop = crop[::-1]
        crops[i, 0] = crop
    return crops


def patient_weights(slices: Sequence[TrainingSlice]) -> NDArray[np.float64]:
    """Probability of drawing each slice: a patient weighs the root of its slices.

    Between "every slice alike" (a long scan of one scanner drowns the others) and
    "every patient alike" (one slice of a patient is learnt by heart).
    """
    _, inverse, counts = np.unique(
        [s.patient for s in slices], return_inverse=True, return_counts=True
    )
    weights: NDArray[np.float64] = 1.0 / np.sqrt(counts[inverse])
    weights /= weights.sum()
    return weights


def _one_crop(
    item: TrainingSlice, side: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    h, w = item.plane.shape
    for _ in range(_TRIES):
        r = int(rng.integers(0, max(1, h - side + 1)))
        c = int(rng.integers(0, max(1, w - side + 1)))
        if item.body[r : r + side, c : c + side].mean() > _MIN_BODY:
            break
    part = item.plane[r : r + side, c : c + side].astype(np.float32)
    if part.shape != (side, side):
        pad = ((0, side - part.shape[0]), (0, side - part.shape[1]))
        part = np.pad(part, pad, constant_values=float(part.min()))
    scaled = (part - np.float32(item.zero_at)) / np.float32(item.one_at - item.zero_at)
    crop: NDArray[np.float32] = np.clip(scaled, 0.0, 1.0) * np.float32(2.0)
    return crop - np.float32(1.0)
