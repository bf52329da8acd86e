"""Does a model predict noise at all? Checked once for a model, and for every slice.

A network whose weights were zeroed, scrambled or scaled still gives maps, whose scores
rank below every genuine one. So a model must first find known noise.

At level sigma a network that was trained to predict the noise eps of
sqrt(1 - sigma^2) x_0 + sigma eps (DDPM, equation 4) by least squares gives its
conditional mean: correlated with eps, and with a power of at most that of eps, the
square of the correlation. On smooth content the shipped networks reach correlations
of 0.87 to 0.98 and 0.6 to 1.0 of that power; the bounds leave room for networks that
were trained for a few minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.errors import ModelError

_SIDE, _RIM, _SEED = 64, 8, 20260314
_MIN_CORRELATION: Final = 0.3
# Of the mean square of the prediction, over the squared correlation.
_POWER_RANGE: Final = (1 / 400, 2.5)
_MAX_SLICE_POWER: Final = 1e4
_TEXTURE: Final = 1e-3  # standard deviation of scaled intensities
_HINT: Final = "choose another model, or install this one again from where it came"


def check_noise_prediction(
    predict: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    levels: Sequence[float],
    name: str,
) -> None:
    """Refuse a model that does not find known noise at each of its levels.

    Args:
        predict: Scaled slice (H, W) in [0, 1] to maps (L, H, W), as a `Detector` has.
        levels: Noise levels of the maps.
        name: Name of the model, for the message.

    Raises:
        ModelError: A prediction is not finite, is constant, is unlike the noise, or has
            a power that no trained network gives.
    """
    noise = np.random.default_rng(_SEED).standard_normal((_SIDE, _SIDE))
    ramp = np.broadcast_to(np.linspace(-0.3, 0.3, _SIDE), (_SIDE, _SIDE))
    inner = (slice(_RIM, -_RIM), slice(_RIM, -_RIM))
    for index, level in enumerate(levels):
        image = np.sqrt(1.0 - level * level) * ramp + level * noise
        found = predict(((image + 1.0) / 2.0).astype(np.float32))[index]
        if not np.isfinite(found).all():
            raise _refusal(
                name, f"its prediction at noise level {level:g} is no number"
            )
        predicted = found[inner].astype(np.float64)
        spread = float(predicted.std())
        if spread == 0.0:
            raise _refusal(name, f"its prediction at noise level {level:g} is constant")
        likeness = float(np.corrcoef(predicted.ravel(), noise[inner].ravel())[0, 1])
        if likeness < _MIN_CORRELATION:
            raise _refusal(
                name,
                f"it does not find known noise at level {level:g} (correlation "
                f"{likeness:.2f}, at least {_MIN_CORRELATION:g} is needed)",
            )
        power = float((predicted * predicted).mean()) / likeness**2
        if not _POWER_RANGE[0] <= power <= _POWER_RANGE[1]:
            raise _refusal(
                name,
                f"for known noise at level {level:g} it gives {power:.3g} times the "
                f"power that is expected ({_POWER_RANGE[0]:g} to {_POWER_RANGE[1]:g} "
                "is possible)",
            )


def check_maps(
    maps: NDArray[np.float32], scaled: NDArray[np.float32], name: str, slice_index: int
) -> None:
    """Refuse noise maps that no working model gives for a slice.

    Args:
        maps: Noise maps, shape (L, H, W).
        scaled: The slice that they were predicted from, shape (H, W).
        name: Name of the model.
        slice_index: From 0; the message counts from 1.

    Raises:
        ModelError: A map has values that are no numbers, is constant where the slice is
            not, or has a power beyond what intensities in [0, 1] can cause.
    """
    where = f"slice {slice_index + 1}"
    flat = maps.reshape(len(maps), -1)
    # A sum of squares is infinite or not a number where any value is.
    powers = np.einsum("lp,lp->l", flat, flat, dtype=np.float64) / flat.shape[1]
    if not np.isfinite(powers).all():
        raise _refusal(
            name, f"its noise map of {where} holds values that are no numbers"
        )
    if float(powers.max()) > _MAX_SLICE_POWER:
        raise _refusal(
            name, f"its noise map of {where} has a power of {powers.max():.3g}"
        )
    spreads = flat.max(axis=1) - flat.min(axis=1)
    if float(spreads.min()) == 0.0 and float(scaled.std()) > _TEXTURE:
        raise _refusal(name, f"its noise map of {where} is constant, the slice is not")


def _refusal(name: str, why: str) -> ModelError:
    return ModelError(
        f"the model {name} does not predict noise: {why}. Nothing is scored with it",
        hint=_HINT,
        code="model_answers",
    )
