"""Search for a place's noise elsewhere in the same series: copied tissue or noise.

Quantum noise never repeats. Where the residual of a place is found again at another
place of the series, one of the two was copied: copy-move, or the touch-up of CT-GAN
(Mirsky 2019), which lays a block of the scan's own noise over what it redrew. The
residual F(x_0) is nearly white, which makes its cross-correlation sharp: genuine places
have a highest correlation of about five standard deviations over a whole series, a
copied one of six to thirty (benchmark "detection"). Turned or mirrored copies are not
searched for.

How high chance reaches depends on how much is searched. Each search judges itself: the
survival function of the maxima of all blocks of 32x32 px, log-linear in the square of
the correlation as a Gaussian field's is, says how rare the highest of all is.

The search compares the fine detail of F, F less its Gaussian mean, divided by its local
strength and clipped at one standard deviation: edges of anatomy look alike in many
places, and a few of their strong pixels would decide. It searches for two squares, one
of the size of a small nodule and one of the size of a large hole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import scipy  # its parts load when first used: an import needs none of them
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from btd_desktop.progress import TaskContext
from btd_desktop.strict_json import Count, Rate, Real

_SIDES = (14, 32)  # of the squares that are searched for
_WINDOW = 32  # over which the local strength is taken
_CLIP = 1.0  # standard deviations
_PASSES = 2
_ROOT_OF_NORMAL = 0.8222  # mean of sqrt(|x|) of a standard normal x
_COARSE_PX = 1.0  # sigma of the Gaussian mean that is subtracted
_MIN_SHIFT_PX = 24  # nearer is the place itself, or its own anatomy in other slices
_MIN_TISSUE_SHARE = 0.5
_STAGE = "Searching for copied noise"
_KEPT = 4  # slices: each is needed again for its neighbours
_BLOCK = 32  # side of the blocks whose maxima are kept
_MIN_BLOCKS = 40  # no tail can be fitted to fewer
_FITTED = (0.02, 0.5)  # ranks of the maxima; higher ones may come from a copy
_LOG_RARE = -25.0
COPY_SHARE = 0.001
"""Share of genuine places that may be called copied."""
_QUIET = 1e-3  # scale of F below which a region holds no noise (clipped, padded)


@dataclass(frozen=True, slots=True)
class NoiseCopy:
    """Where the noise of a place is found again best; a finding keeps it as JSON.

    The search judges a copy itself; for profiles of an earlier format
    `examination.copied_noise.judge_copy` judges it by their own genuine places.

    Attributes:
        strength: Highest correlation over the standard deviation of all correlations
            of the series, for the rarest of the kinds of square (side, slices); about
            5 by chance.
        correlation: The correlation itself, in [-1, 1].
        n_slices: 1 when the square was compared alone, 3 when with both neighbours.
        slice_index: Slice of the place found, from 0.
        row: Its row in pixels.
        column: Its column in pixels.
        surprise: -log10 of the share of genuine places whose noise is found again as
            strongly; None where too little was searched to tell.
        copied: True when that share is smaller than `share`.
        share: Share of genuine places that may be called copied, in (0, 1); 0 for a
            copy that is not judged.
        usual_strength: Strength that this share of genuine places reaches; None where
            `surprise` is.
        side_px: Side of the square that was compared; absent in cases of the first
            version of the program, where it was 32.
    """

    strength: Real
    correlation: Real
    n_slices: Count
    slice_index: Count
    row: Count
    column: Count
    surprise: Real | None = None
    copied: bool = False
    share: Rate = 0.0
    usual_strength: Real | None = None
    side_px: Count | UnsetType = UNSET

    @property
    def side(self) -> int:
        """Side of the square that was compared, in pixels."""
        return 32 if self.side_px is UNSET else self.side_px

    @property
    def voxel(self) -> tuple[int, int, int]:
        """(slice, row, column) of the place found, from 0."""
        return self.slice_index, self.row, self.column


@dataclass(slots=True)
class _Best:
    value: float = -np.inf
    at: tuple[int, int, int] = (0, 0, 0)
    total: float = 0.0
    square: float = 0.0
    n: int = 0
    maxima: list[NDArray[np.float32]] = field(default_factory=list)  # of blocks

    def see(
        self, scores: NDArray[np.float32], allowed: NDArray[np.bool_], z: int
    ) -> None:
        found = scores[allowed]
        if not found.size:
            return
        self.total += float(found.sum(dtype=np.float64))
        self.square += float(np.square(found, dtype=np.float64).sum())
        self.n += found.size
        kept = np.where(allowed, scores, np.float32(-np.inf))
        self.maxima.append(_block_maxima(kept))
        r, c = divmod(int(np.argmax(kept)), scores.shape[1])
        if scores[r, c] > self.value:
            self.value, self.at = float(scores[r, c]), (z, r, c)

    @property
    def spread(self) -> float:
        """Standard deviation of all correlations seen."""
        if self.n < 2:
            return np.inf
        variance = self.square / self.n - (self.total / self.n) ** 2
        return float(np.sqrt(max(variance, 1e-12)))

    def tail(self) -> _Tail | None:
        """How the correlations of this search fall off; None when they are too few."""
        maxima = np.sort(np.concatenate(self.maxima))[::-1] / self.spread
        n = maxima.size
        if n < _MIN_BLOCKS:
            return None
        ranks = np.arange(max(1, round(_FITTED[0] * n)), round(_FITTED[1] * n))
        log_share = np.log((ranks + 0.5) / n)
        slope, start = np.polyfit(np.square(maxima[ranks]), log_share, 1)
        return _Tail(float(start), float(slope), n) if slope < 0.0 else None


@dataclass(frozen=True, slots=True)
class _Tail:
    """Share of blocks whose maximum exceeds z: exp(start + slope z²)."""

    start: float
    slope: float
    n: int  # blocks

    def log_chance(self, strength: float, n_kinds: int) -> float:
        """Log of the chance that the highest of all blocks and kinds exceeds it."""
        log_share = min(self.start + self.slope * strength**2, -1e-9)
        n = self.n * n_kinds
        if log_share < _LOG_RARE:
            return log_share + float(np.log(n))
        return float(np.log(-np.expm1(n * np.log1p(-np.exp(log_share)))))

    def strength_at(self, chance: float, n_kinds: int) -> float:
        """Strength at which `log_chance` is the log of `chance`."""
        share = -np.expm1(np.log1p(-chance) / (self.n * n_kinds))
        return float(np.sqrt((np.log(share) - self.start) / self.slope))


def _block_maxima(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Highest score of each block that has one."""
    gaps = [(0, -n % _BLOCK) for n in scores.shape]
    framed = np.pad(scores, gaps, constant_values=-np.inf)
    blocks = framed.reshape(len(framed) // _BLOCK, _BLOCK, -1, _BLOCK)
    maxima: NDArray[np.float32] = blocks.max(axis=(1, 3))
    return maxima[np.isfinite(maxima)]


@dataclass(slots=True)
class _Square:
    """One square around a place: spectra scaled to unit energy, and best matches."""

    side: int
    alone: NDArray[np.complex64]
    together: tuple[NDArray[np.complex64], ...]
    best: tuple[_Best, _Best] = field(default_factory=lambda: (_Best(), _Best()))


@dataclass(slots=True)
class _Wanted:
    """One place with its squares."""

    place: tuple[int, int, int]
    squares: tuple[_Square, ...]


def find_copies(
    residual_of: Callable[[int], NDArray[np.floating]],
    inside_of: Callable[[int], NDArray[np.bool_]],
    n_slices: int,
    places: Sequence[tuple[int, int, int]],
    context: TaskContext | None = None,
) -> list[NoiseCopy | None]:
    """For each place, where in the series its residual is found again best.

    Args:
        residual_of: F(x_0) at t = 0 of a slice, shape (H, W).
        inside_of: True in the body, shape (H, W); air is not searched.
        n_slices: Slices of the series.
        places: (slice, row, column) of each place, the centre of its squares.
        context: Progress and cancellation; reported once per slice of the series.

    Returns:
        One match for each place; None where its squares leave the slice or hold more
        than half air, or where there is nothing to compare them with.

    Raises:
        Cancelled: The examiner asked to stop.
    """
    context = context or TaskContext()
    body = lru_cache(maxsize=_KEPT)(inside_of)

    @lru_cache(maxsize=_KEPT)
    def flattened(z: int) -> NDArray[np.float32]:
        return _flattened(residual_of(z), body(z))

    wanted: list[_Wanted | None] = []
    for place in places:
        context.check()
        wanted.append(_want(place, flattened, body, n_slices))
    asked = [w for w in wanted if w is not None]
    spectra: dict[int, NDArray[np.complex64]] = {}
    for z in range(n_slices if asked else 0):
        context.report(z, n_slices, _STAGE)
        for k in (z - 1, z, z + 1):
            if 0 <= k < n_slices and k not in spectra:
                spectra[k] = scipy.fft.rfft2(flattened(k))
        spectra.pop(z - 2, None)
        allowed = _allowed(body(z))
        if not allowed.any():
            continue
        for own in asked:
            _compare(own, spectra, allowed, z)
    return [None if w is None else _match(w) for w in wanted]


def _flattened(
    residual: NDArray[np.floating], inside: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Fine detail over its local RMS, 0 outside, so that all windows weigh the same."""
    x = residual.astype(np.float32)
    x = np.where(
        inside, x - scipy.ndimage.gaussian_filter(x, _COARSE_PX), np.float32(0.0)
    )
    share = scipy.ndimage.uniform_filter(
        inside.astype(np.float32), _WINDOW, mode="constant"
    )
    # One strong edge would dominate the RMS of its window, but not a mean of roots.
    for _ in range(_PASSES):
        root = _windowed(np.sqrt(np.abs(x)), share) / _ROOT_OF_NORMAL
        x = np.clip(_over(x, root**2), -_CLIP, _CLIP)
    return _over(x, np.sqrt(_windowed(x * x, share)))


def _windowed(
    x: NDArray[np.float32], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Mean over the tissue of each window; `share` is the window's share of tissue."""
    mean = scipy.ndimage.uniform_filter(x, _WINDOW, mode="constant")
    # The running sums of the filter leave tiny negative remainders.
    out: NDArray[np.float32] = np.maximum(mean, 0.0) / np.maximum(
        share, 1.0 / _WINDOW**2
    )
    return out


def _over(x: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    out: NDArray[np.float32] = np.where(
        scale > _QUIET, x / np.maximum(scale, _QUIET), 0.0
    ).astype(np.float32)
    return out


def _want(
    place: tuple[int, int, int],
    flattened: Callable[[int], NDArray[np.float32]],
    inside_of: Callable[[int], NDArray[np.bool_]],
    n_slices: int,
) -> _Wanted | None:
    z, r, c = place
    shape, half = inside_of(z).shape, max(_SIDES) // 2
    if r < half or c < half or r + half > shape[0] or c + half > shape[1]:
        return None
    around = inside_of(z)[r - half : r + half, c - half : c + half]
    if around.mean() < _MIN_TISSUE_SHARE:
        return None
    near = {k: flattened(k) for k in (z - 1, z, z + 1) if 0 <= k < n_slices}
    squares = [_square(side, place, near) for side in _SIDES]
    known = tuple(s for s in squares if s is not None)
    return _Wanted(place, known) if known else None


def _square(
    side: int,
    place: tuple[int, int, int],
    near: dict[int, NDArray[np.float32]],
) -> _Square | None:
    z, r, c = place
    half = side // 2
    rows, columns = slice(r - half, r + half), slice(c - half, c + half)
    cut = {k: plane[rows, columns] for k, plane in near.items()}
    cut = {k: s - s.mean() for k, s in cut.items()}
    energy = float(np.square(cut[z]).sum())
    if energy <= 0.0:
        return None
    shape = near[z].shape
    alone = _spectrum(cut[z] / np.sqrt(energy * side**2), shape)
    together: tuple[NDArray[np.complex64], ...] = ()
    if len(near) == 3:
        whole = sum(float(np.square(s).sum()) for s in cut.values())
        scale = np.sqrt(whole * 3 * side**2)
        together = tuple(_spectrum(s / scale, shape) for _, s in sorted(cut.items()))
    return _Square(side, alone, together)


def _spectrum(
    square: NDArray[np.float32], shape: tuple[int, ...]
) -> NDArray[np.complex64]:
    side = len(square)
    framed = np.zeros(shape, dtype=np.float32)
    framed[:side, :side] = square
    # Moved so that each correlation stands at the centre of its square.
    framed = np.roll(framed, (-(side // 2), -(side // 2)), axis=(0, 1))
    spectrum: NDArray[np.complex64] = np.conj(scipy.fft.rfft2(framed))
    return spectrum


def _allowed(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Centres whose squares lie inside the slice, on tissue."""
    allowed, half = inside.copy(), max(_SIDES) // 2
    allowed[:half] = allowed[-half:] = False
    allowed[:, :half] = allowed[:, -half:] = False
    return allowed


def _compare(
    own: _Wanted,
    spectra: Mapping[int, NDArray[np.complex64]],
    allowed: NDArray[np.bool_],
    z: int,
) -> None:
    _, r, c = own.place
    here = allowed.copy()
    low = max(0, r - _MIN_SHIFT_PX), max(0, c - _MIN_SHIFT_PX)
    here[low[0] : r + _MIN_SHIFT_PX + 1, low[1] : c + _MIN_SHIFT_PX + 1] = False
    has_both = z - 1 in spectra and z + 1 in spectra
    for square in own.squares:
        product = spectra[z] * square.alone
        square.best[0].see(scipy.fft.irfft2(product, allowed.shape), here, z)
        if square.together and has_both:
            before, middle, after = square.together
            product = (
                spectra[z - 1] * before + spectra[z] * middle + spectra[z + 1] * after
            )
            square.best[1].see(scipy.fft.irfft2(product, allowed.shape), here, z)


def _match(own: _Wanted) -> NoiseCopy | None:
    found = [
        (best.value / best.spread, best, square.side, n)
        for square in own.squares
        for n, best in zip((1, 3), square.best, strict=True)
        if best.n
    ]
    if not found:
        return None
    # The highest of several searches has as many chances as there are searches.
    judged = [_judged(*one, len(found)) for one in found]
    return max(judged, key=lambda copy: (copy.surprise or 0.0, copy.strength))


def _judged(
    strength: float, best: _Best, side: int, n_slices: int, n_kinds: int
) -> NoiseCopy:
    copy = NoiseCopy(strength, best.value, n_slices, *best.at, side_px=side)
    tail = best.tail()
    if tail is None:
        return copy
    surprise = -tail.log_chance(strength, n_kinds) / np.log(10.0)
    return replace(
        copy,
        surprise=float(surprise),
        copied=bool(surprise > -np.log10(COPY_SHARE)),
        share=COPY_SHARE,
        usual_strength=tail.strength_at(COPY_SHARE, n_kinds),
    )
