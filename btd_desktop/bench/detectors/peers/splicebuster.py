"""Splicebuster (Cozzolino et al. 2015) for patches: co-occurrences of a residual.

Third-order differences in both directions, quantised to three values (steps of 6/256),
are counted in fours along and across: 81 combinations, 25 once a turned or negated one
counts as the same. Square roots, whitened principal components and a mixture of two
Gaussians follow. The source fits the mixture to the picture itself and needs some
thousand blocks of it; a patch of 96 px has too few, so it is fitted on genuine training
patches here. Written from the paper: no code of others was read.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_STEP: Final = 6.0 / 256.0
_LENGTH: Final = 4
_N_COMPONENTS: Final = 25


def _classes() -> NDArray[np.int64]:
    """Number of the class of each of the 81 combinations, shape (81,)."""
    known: dict[tuple[int, ...], int] = {}
    found = []
    for code in itertools.product((-1, 0, 1), repeat=_LENGTH):
        minus = tuple(-v for v in code)
        least = min(code, code[::-1], minus, minus[::-1])
        found.append(known.setdefault(least, len(known)))
    return np.array(found)


CLASSES: Final = _classes()
N_BINS: Final = int(CLASSES.max()) + 1


def features_of(patches: NDArray[np.floating]) -> NDArray[np.float64]:
    """Square roots of both histograms of each patch, shape (N, 2 * 25).

    Args:
        patches: Scaled intensities in [0, 1], shape (N, P, P).
    """
    return np.stack([_features(np.asarray(p, np.float64)) for p in patches])


def _features(patch: NDArray[np.float64]) -> NDArray[np.float64]:
    down = _quantised(np.diff(patch, n=3, axis=0))
    right = _quantised(np.diff(patch, n=3, axis=1))
    along = _counted(down, 0) + _counted(right, 1)
    across = _counted(down, 1) + _counted(right, 0)
    both = np.concatenate([along / along.sum(), across / across.sum()])
    return np.asarray(np.sqrt(both), np.float64)


def _quantised(residual: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip(np.rint(residual / _STEP), -1, 1).astype(np.int64) + 1


def _counted(values: NDArray[np.int64], axis: int) -> NDArray[np.float64]:
    n = values.shape[axis] - _LENGTH + 1
    parts = [np.take(values, range(k, k + n), axis=axis) for k in range(_LENGTH)]
    codes = sum(part * 3 ** (_LENGTH - 1 - k) for k, part in enumerate(parts))
    return np.bincount(CLASSES[codes].ravel(), minlength=N_BINS).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Splicebuster:
    """Fitted on genuine patches.

    Attributes:
        components: scikit-learn's whitening PCA.
        mixture: scikit-learn's mixture of two Gaussians.
    """

    components: Any
    mixture: Any

    def scores(self, patches: NDArray[np.floating]) -> NDArray[np.float64]:
        """Minus the log-likelihood of each patch, (N,): high is unlike genuine."""
        own = self.components.transform(features_of(patches))
        return -np.asarray(self.mixture.score_samples(own), np.float64)


def fit_splicebuster(patches: NDArray[np.floating], seed: int = 0) -> Splicebuster:
    """Fit on genuine patches, shape (N, P, P), N of some hundred at least."""
    # Imported here: only the bench needs it.
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    found = features_of(patches)
    components = PCA(_N_COMPONENTS, whiten=True, random_state=seed).fit(found)
    mixture = GaussianMixture(2, reg_covar=1e-3, random_state=seed)
    return Splicebuster(components, mixture.fit(components.transform(found)))
