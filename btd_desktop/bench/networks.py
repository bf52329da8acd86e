"""The paper's two scores on several networks: learning curves, windows, widths.

Every network sees the same tampered places and genuine partners, as in the paper: the
patch alone, one forward pass at the level of t = 0, mean of F(x_0)^2 in the central
square (injection) or over the patch (removal). This needs no calibration, so a
half-trained network can be measured as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btd_desktop.bench import tables
from btd_desktop.bench.attacks.donors import Donor
from btd_desktop.bench.attacks.registry import ATTACKS
from btd_desktop.bench.observe import site_of
from btd_desktop.bench.place import Site
from btd_desktop.bench.places import Place
from btd_desktop.bench.structures import draw_structures
from btd_desktop.bench.tampering import judged_slices, tampered_places
from btd_desktop.errors import SettingsError
from btd_desktop.examination.models import BoundDetector
from btd_desktop.preprocess.presets import (
    IntensityScale,
    fit_scale,
    preset_named,
    scaled_slice,
)
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.card import ReferenceNetwork
from btd_desktop.volume import Volume

INJECTION, REMOVAL = "injection score", "removal score"
_AT_ONCE = 8  # patches of a forward pass: small batches are the fastest on a CPU


def measure_networks(
    series: Iterable[tuple[Volume, str]],
    detectors: Sequence[BoundDetector],
    *,
    attacks: Sequence[str],
    n_places: int,
    seed: int,
    context: TaskContext,
    donors: Sequence[Donor] = (),
) -> list[list[tables.Judged]]:
    """Scores of the same places by each network, in the order of the networks.

    Genuine solid structures are among them where an attack injects.

    Args:
        series: Genuine series with their patients, whom no network has seen.
        detectors: The networks; all of one patch size.
        attacks: Names of `attacks.registry.ATTACKS`.
        n_places: Tampered places per series and attack.
        seed: Everything random follows from it.
        context: Progress and cancel.
        donors: Blobs of other patients for splicing.

    Raises:
        SettingsError: Patch sizes differ.
        Cancelled: The user asked to stop.
    """
    sides = {d.info.preset.patch for d in detectors}
    if len(sides) != 1:
        raise SettingsError(
            "these models have patches of different sizes",
            hint="measure models of one modality at a time",
        )
    found: list[list[tables.Judged]] = [[] for _ in detectors]
    presets = sorted({d.info.preset.name for d in detectors})
    for number, (volume, patient) in enumerate(series, start=1):
        cut = cut_places(
            volume,
            patient,
            presets,
            attacks=attacks,
            n_places=n_places,
            seed=(seed, number),
            context=context,
            donors=donors,
        )
        for k, detector in enumerate(detectors):
            context.report(k, len(detectors), "Predicting", detector.info.name)
            found[k] += _judged(detector, cut, patient, volume.modality, context)
    return found


def cut_places(
    volume: Volume,
    patient: str,
    presets: Sequence[str],
    *,
    attacks: Sequence[str],
    n_places: int,
    seed: Sequence[int],
    context: TaskContext,
    donors: Sequence[Donor] = (),
) -> list[CutPlace]:
    """Patches of tampered places, their partners and genuine solid structures.

    Args:
        volume: A genuine series.
        patient: Whose it is.
        presets: Names of the presets that scale the patches; all of one patch size.
        attacks: As in `measure_networks`.
        n_places: Likewise.
        seed: Everything random follows from it.
        context: Progress and cancel.
        donors: As in `measure_networks`.

    Raises:
        Cancelled: The user asked to stop.
    """
    scales = {name: fit_scale(volume, preset_named(name)) for name in presets}
    side = preset_named(presets[0]).patch
    label = _Label(patient, side, scales)
    cut = []
    # Volumes are as large as the series: only patches are kept.
    for place in tampered_places(
        volume,
        patient,
        attacks=[ATTACKS[name] for name in attacks],
        n_places=n_places,
        patch=side,
        seed=seed,
        context=context,
        donors=donors,
    ):
        name = place.attack.name
        cut.append(_shown(label, place.volume, place.pair.tampered, name))
        cut.append(_shown(label, volume, place.pair.genuine, "", (name,)))
    if any(ATTACKS[name].kind == "injection" for name in attacks):
        slices = judged_slices(volume.n_slices)
        cut += [
            _shown(label, volume, own, structure=True)
            for own in draw_structures(
                volume, n_places, patch=side, slices=slices, seed=seed
            )
        ]
    return cut


@dataclass(frozen=True, slots=True)
class _Label:
    """What the places of a series have in common."""

    patient: str
    side: int
    scales: dict[str, IntensityScale]


@dataclass(frozen=True, slots=True, eq=False)
class CutPlace:
    """One place as the networks see it.

    Attributes:
        attack: Name of the attack; "" for a genuine place.
        genuine_for: Attacks whose genuine partner it is.
        site: Series, scanner and content.
        patches: Scaled intensities in [0, 1] by name of the preset, (P, P).
    """

    attack: str
    genuine_for: tuple[str, ...]
    site: Site
    patches: dict[str, NDArray[np.float32]]


def _shown(
    label: _Label,
    volume: Volume,
    spot: Place,
    attack: str = "",
    genuine_for: tuple[str, ...] = (),
    *,
    structure: bool = False,
) -> CutPlace:
    s, r, c = spot.centre
    side = label.side
    patches = {}
    for name, scale in label.scales.items():
        # 0 beyond the slice.
        scaled = np.pad(scaled_slice(np.asarray(volume.voxels[s]), scale), side // 2)
        patches[name] = scaled[r : r + side, c : c + side].copy()
    site = site_of(volume, spot.centre, label.patient, structure=structure)
    return CutPlace(attack, genuine_for, site, patches)


def _judged(
    detector: BoundDetector,
    shown: Sequence[CutPlace],
    patient: str,
    modality: str,
    context: TaskContext,
) -> list[tables.Judged]:
    if not shown:
        return []
    preset = detector.info.preset.name
    patches = np.stack([own.patches[preset] for own in shown])
    level = detector.info.levels[detector.info.paper_level]
    squares = []
    for start in range(0, len(patches), _AT_ONCE):
        context.check()
        maps = detector.network.predict_patches(
            patches[start : start + _AT_ONCE], level
        )
        squares.append(maps.astype(np.float64) ** 2)
    square = np.concatenate(squares)
    low = (square.shape[1] - detector.info.preset.centre) // 2
    centre = square[:, low : square.shape[1] - low, low : square.shape[2] - low]
    injection, removal = centre.mean(axis=(1, 2)), square.mean(axis=(1, 2))
    return [
        tables.Judged(
            patient,
            modality,
            own.attack,
            {INJECTION: float(injection[at]), REMOVAL: float(removal[at])},
            {},
            own.genuine_for,
            own.site,
        )
        for at, own in enumerate(shown)
    ]


def to_markdown(
    detectors: Sequence[BoundDetector],
    rows: Sequence[Sequence[tables.Row]],
) -> str:
    """A line per network: what it is, and mean AUC by kind of attack with interval.

    Injections are ranked by the injection score, all else by the removal score.
    """
    heads = [f"{row.kind}, {row.attack}" for row in rows[0]] if rows else []
    cells = ["Model", "Network", "Parameters", "Window", "Patients", *heads]
    lines = ["| " + " | ".join(cells) + " |", "| --- " * len(cells) + "|"]
    for detector, own in zip(detectors, rows, strict=True):
        card = detector.card
        kind = card.network.kind
        if isinstance(card.network, ReferenceNetwork):
            kind += f" {card.network.dim}"
        cells = [
            card.name,
            kind,
            f"{card.n_parameters:,}",
            card.preset.name,
            str(card.training.get("patients_learnt", "–")),
        ]
        for row in own:
            method = INJECTION if row.kind == "injection" else REMOVAL
            cells.append(tables.interval_text(row.figures[method]["auc"]))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
