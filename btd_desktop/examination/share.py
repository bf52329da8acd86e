"""How much of a series was scored, and why the rest was not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.examination.wording import percent_text
from btd_desktop.preprocess.foreground import foreground_mask
from btd_desktop.scoring.features import GridFeatures, places_with_tissue
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.volume import Volume

# A body of which less than half was scored counts as not examined.
_LEAST_BODY = 0.5
# At the rim of a padded field of view a few places are lost.
_WHOLE_BODY, _WHOLE_SLICES = 0.95, 0.9


@dataclass(frozen=True, slots=True)
class ScoredShare:
    """How much of a series was scored.

    Attributes:
        n_slices: Slices of the series.
        n_slices_scored: Slices in which a place was scored.
        n_places: Places of the grid that hold body, declared padding included.
        n_places_scored: Places scored.
        reasons: Why the rest was not, as sentences; empty when there is no rest.
    """

    n_slices: int
    n_slices_scored: int
    n_places: int
    n_places_scored: int
    reasons: tuple[str, ...]

    @property
    def slices(self) -> float:
        """Share of the slices, 0 to 1."""
        return self.n_slices_scored / self.n_slices if self.n_slices else 0.0

    @property
    def body(self) -> float:
        """Share of the body, 0 to 1; 0 where no body is found."""
        return self.n_places_scored / self.n_places if self.n_places else 0.0

    @property
    def is_enough(self) -> bool:
        """True when at least half of the body was scored."""
        return self.n_places_scored > 0 and self.body >= _LEAST_BODY

    @property
    def is_whole(self) -> bool:
        """True when so little was left out that the conclusion need not name it."""
        return self.body >= _WHOLE_BODY and self.slices >= _WHOLE_SLICES

    @property
    def sentence(self) -> str:
        """The share in one sentence, with the reasons."""
        scored = (
            f"{self.n_slices_scored} of {self.n_slices} slices and "
            f"{percent_text(self.body)} of the body were scored"
        )
        return f"{scored}: {' '.join(self.reasons)}" if self.reasons else f"{scored}."


def scored_share(
    volume: Volume, grid: PatchGrid, features: Sequence[GridFeatures]
) -> ScoredShare:
    """The share of a scored series, from its voxels and its stored features.

    A place counts as body when its central square holds as much body as scoring asks
    for, before anything is taken away as padding.

    Args:
        volume: The series.
        grid: Grid of the run.
        features: Stored features, one per slice in order.
    """
    n_scored = [int(f.scored.sum()) for f in features]
    n_body = [
        _places_of_body(volume, index, grid, n) for index, n in enumerate(n_scored)
    ]
    n_slices = volume.n_slices
    n_empty = sum(n == 0 for n in n_body) + n_slices - len(n_body)
    n_hidden = sum(
        body > 0 and own == 0 for body, own in zip(n_body, n_scored, strict=True)
    )
    reasons = []
    if n_empty:
        reasons.append(f"No body was found in {n_empty} of {n_slices} slices.")
    if sum(n_scored) < sum(n_body):
        hidden = percent_text(1.0 - sum(n_scored) / sum(n_body))
        whole = f", {n_hidden} slices as a whole" if n_hidden else ""
        reasons.append(
            f"The header declares {hidden} of the body to be padding, which is not "
            f"scored{whole}."
        )
    return ScoredShare(
        n_slices,
        sum(n > 0 for n in n_scored),
        sum(n_body),
        sum(n_scored),
        tuple(reasons),
    )


def _places_of_body(volume: Volume, index: int, grid: PatchGrid, n_scored: int) -> int:
    """Places of a slice that hold body before padding is taken away."""
    if volume.padding is None or _spares_the_body(
        np.asarray(volume.padding[index]),
        np.asarray(volume.voxels[index]),
        volume.modality,
    ):
        return n_scored
    body = foreground_mask(np.asarray(volume.voxels[index]), volume.modality)
    return max(n_scored, int(places_with_tissue(body, grid).sum()))


def _spares_the_body(
    padding: NDArray[np.bool_], plane: NDArray[Any], modality: str
) -> bool:
    """True when padding is air that reaches the slice's border: it covers no body.

    Segmenting the body takes fifty times as long, and most scanners pad only the
    corners outside their round field of view.
    """
    if not padding.any():
        return True
    air = -500.0 if modality == "CT" else 0.06 * float(plane.max())
    if float(plane[padding].max()) > air:
        return False
    labels, n_parts = ndimage.label(padding)
    return bool(np.unique(_border(labels)[_border(labels) > 0]).size == n_parts)


def _border(plane: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
