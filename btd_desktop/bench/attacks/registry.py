"""All attacks by name, with one signature, so that a table can run through them.

The learned ones need weights that are trained apart; where these are absent the attack
is left out with its reason, and the table has no row for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from btd_desktop.bench.attacks import (
    classical_inpaint,
    copy_move,
    redraw,
    smooth_nodule,
    splice,
)
from btd_desktop.bench.attacks.donors import Donor
from btd_desktop.bench.attacks.paste import Centre
from btd_desktop.bench.attacks.touch_up import TouchUp
from btd_desktop.errors import ModelError, SettingsError
from btd_desktop.paths import assets_dir
from btd_desktop.tampering.result import Kind, TamperResult
from btd_desktop.volume import Volume

Apply = Callable[[Volume, Centre, np.random.Generator, Sequence[Donor]], TamperResult]


@dataclass(frozen=True, slots=True)
class Attack:
    """One way to tamper.

    Attributes:
        name: What tables and the command line call it.
        kind: What it does to the content of the place.
        modalities: Modalities that it can handle.
        min_slices: Slices that the series needs at least.
        apply: Tampers with a copy: `(volume, centre, rng, donors)`.
        learned: Module of a trained attack, or "".
        weights: Names of its weights in `assets/attacks`, which may be absent.
        needs_donors: True when it takes tissue of other patients.
    """

    name: str
    kind: Kind
    modalities: tuple[str, ...]
    min_slices: int
    apply: Apply
    learned: str = ""
    weights: tuple[str, ...] = ()
    needs_donors: bool = False


def why_unavailable(attack: Attack, volume: Volume) -> str:
    """Why the attack cannot be made on this series; "" when it can.

    `attacks_named` leaves out attacks without weights; this does not look for them.
    """
    if volume.modality not in attack.modalities:
        return f"{attack.name} is not for {volume.modality}"
    if volume.n_slices < attack.min_slices:
        return (
            f"{attack.name} needs {attack.min_slices} slices, the series has "
            f"{volume.n_slices}"
        )
    return ""


def attacks_named(
    names: Sequence[str],
    modality: str,
    skipped: Callable[[str], None],
) -> list[Attack]:
    """Attacks of a modality whose code and weights are there, in the table's order.

    Args:
        names: Names to take; all when empty.
        modality: "CT" or "MR".
        skipped: Called with the reason for each attack that is left out.

    Raises:
        SettingsError: There is no attack of such a name.
    """
    unknown = [n for n in names if n not in ATTACKS]
    if unknown:
        raise SettingsError(
            f"There is no attack “{unknown[0]}”.",
            hint=f"Use one of: {', '.join(ATTACKS)}.",
            code="attack",
        )
    chosen = []
    for attack in ATTACKS.values():
        if names and attack.name not in names:
            continue
        if modality not in attack.modalities:
            continue
        missing = _missing(attack)
        if missing:
            skipped(f"{attack.name}: {missing}")
        else:
            chosen.append(attack)
    return chosen


def _missing(attack: Attack) -> str:
    """Why a learned attack cannot run; "" when it can or is not learned."""
    if not attack.learned:
        return ""
    try:
        import_module(attack.learned)
    except ModuleNotFoundError as error:
        return f"its code is not installed ({error.name})"
    folder = assets_dir() / "attacks"
    for name in attack.weights:
        if not (folder / f"{name}.safetensors").is_file():
            return f"its weights {name} are not installed"
    return ""


def _plain(
    function: Callable[[Volume, Centre, np.random.Generator], TamperResult],
) -> Apply:
    def apply(
        volume: Volume,
        centre: Centre,
        rng: np.random.Generator,
        donors: Sequence[Donor],
    ) -> TamperResult:
        return function(volume, centre, rng)

    return apply


def _redrawn(noise: TouchUp) -> Apply:
    return _plain(lambda v, c, rng: redraw.redraw(v, c, rng, noise=noise))


def _inpainted(noise: TouchUp) -> Apply:
    return _plain(lambda v, c, rng: classical_inpaint.remove(v, c, rng, noise=noise))


def _learned(module: str, function: str, **options: str) -> Apply:
    """An attack whose module is imported when it is first made."""

    def apply(
        volume: Volume,
        centre: Centre,
        rng: np.random.Generator,
        donors: Sequence[Donor],
    ) -> TamperResult:
        try:
            attack: Any = getattr(import_module(module), function)
        except ModuleNotFoundError as error:
            raise ModelError(
                f"The code of this attack is not installed ({error.name}).",
                hint="Use another attack.",
                code="attack",
            ) from error
        return cast("TamperResult", attack(volume, centre, rng, **options))

    return apply


_CT_GAN = "btd_desktop.bench.attacks.ct_gan.attack"
_DIFFUSION = "btd_desktop.bench.attacks.inpaint.attack"
_WEIGHTS = {
    "pixel": ("inpaint-pixel",),
    "latent": ("inpaint-vae", "inpaint-latent"),
}


def _diffusion(space: str, function: str, kind: Kind) -> Attack:
    return Attack(
        f"diffusion {space} {kind}",
        kind,
        ("CT",),
        1,
        _learned(_DIFFUSION, function, space=space),
        learned=_DIFFUSION,
        weights=_WEIGHTS[space],
    )


def _ct_gan(function: str, kind: Kind) -> Attack:
    return Attack(
        f"ct-gan {kind}",
        kind,
        ("CT",),
        5,
        _learned(_CT_GAN, function, noise="copied"),
        learned=_CT_GAN,
        weights=(f"ct-gan-{function}",),
    )


def _classical(
    name: str, kind: Kind, modalities: tuple[str, ...], apply: Apply
) -> Attack:
    return Attack(name, kind, modalities, 1, apply)


_CT, _ANY = ("CT",), ("CT", "MR")

_ALL = (
    _classical("synthetic nodule", "injection", _CT, _plain(smooth_nodule.inject)),
    _classical(
        "synthetic nodule with drawn noise",
        "injection",
        _CT,
        _plain(partial(smooth_nodule.inject, noise=smooth_nodule.drawn_noise)),
    ),
    Attack(
        "splice of another patient",
        "injection",
        _CT,
        1,
        splice.inject,
        needs_donors=True,
    ),
    _classical("copy-move injection", "injection", _CT, _plain(copy_move.inject)),
    _ct_gan("inject", "injection"),
    _diffusion("pixel", "inject", "injection"),
    _diffusion("latent", "inject", "injection"),
    _classical("smooth removal", "removal", _CT, _plain(smooth_nodule.remove)),
    _classical(
        "smooth removal with drawn noise",
        "removal",
        _CT,
        _plain(partial(smooth_nodule.remove, noise=smooth_nodule.drawn_noise)),
    ),
    _classical("copy-move removal", "removal", _CT, _plain(copy_move.remove)),
    _classical("in-painting without noise", "removal", _ANY, _inpainted("none")),
    _classical(
        "in-painting with Gaussian noise", "removal", _ANY, _inpainted("gaussian")
    ),
    _classical("in-painting with copied noise", "removal", _ANY, _inpainted("copied")),
    _ct_gan("remove", "removal"),
    _diffusion("pixel", "remove", "removal"),
    _diffusion("latent", "remove", "removal"),
    _classical("redrawn without noise", "redraw", _ANY, _redrawn("none")),
    _classical("redrawn with Gaussian noise", "redraw", _ANY, _redrawn("gaussian")),
    _classical("redrawn with copied noise", "redraw", _ANY, _redrawn("copied")),
)

ATTACKS: Mapping[str, Attack] = MappingProxyType({a.name: a for a in _ALL})
"""Attacks by name, in the order of the table: injections, removals, redraws."""
