"""What each part of the detector contributes: the table of parts left out.

Every variation has a benign density of its own, fitted on the same genuine places, and
judges the same tampered and genuine places. Neither model nor density has seen any of
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from msgspec import UNSET

from btd_desktop.bench import tables
from btd_desktop.bench.detectors.registry import title_of
from btd_desktop.bench.place import Observed
from btd_desktop.calibration.places import (
    BenignSeries,
    Fitting,
    Places,
    density_of,
    flatten,
    spreads_of,
)
from btd_desktop.calibration.reference import (
    SeriesReference,
    Spreads,
    centred_on,
    series_reference,
)
from btd_desktop.calibration.surprise import counted_copies
from btd_desktop.scoring.features import ACROSS, LEARNED, GridFeatures, feature_names


@dataclass(frozen=True, slots=True)
class Variation:
    """A detector that lacks a part.

    Attributes:
        name: What the table calls it.
        features: Names of the features it uses.
        copies: Whether the search for copied noise counts.
        centred: Whether the series is its own reference.
        scaled: Whether its own spread is, too; of no account where it is not centred.
        by_tissue: Whether solid, mixed and aerated tissue have densities apart.
    """

    name: str
    features: tuple[str, ...]
    copies: bool = True
    centred: bool = True
    scaled: bool = True
    by_tissue: bool = True


def variations(levels: tuple[float, ...], *, learned: bool = False) -> list[Variation]:
    """The shipped detector, then ones that lack parts, down to a single number.

    Args:
        levels: Noise levels of the model, ascending.
        learned: It has a learned evidence map.
    """
    every = feature_names(levels, learned=learned)

    def without(*words: str) -> tuple[str, ...]:
        return tuple(n for n in every if not n.startswith(words))

    found = [
        Variation("whole", every),
        Variation("no search for copies", every, copies=False),
        *([Variation("no learned map", without(LEARNED), copies=False)] * learned),
        Variation("slice alone", without(ACROSS), copies=False),
        Variation("no mean over slices", without(f"{ACROSS},"), copies=False),
        Variation("no correlation across slices", without(f"{ACROSS} "), copies=False),
        Variation("no texture", without("texture"), copies=False),
        Variation("no direction", without("direction"), copies=False),
        Variation(
            "power ratios only",
            without(ACROSS, "texture", "direction"),
            copies=False,
        ),
        Variation("not centred on the series", every, copies=False, centred=False),
        Variation(
            "centred, not divided by its spread", every, copies=False, scaled=False
        ),
        Variation("tissues together", every, copies=False, by_tissue=False),
    ]
    for level in levels:
        own = tuple(n for n in every if n.endswith(f"@{level:g}"))
        found.append(Variation(f"noise level {level:g} only", own, copies=False))
        disc = (f"disc@{level:g}",)
        found.append(Variation(f"one ratio, disc at {level:g}", disc, copies=False))
    found.append(Variation("search for copies only", (), centred=False))
    return found


def judge_variations(
    observed: Iterable[Observed],
    benign: Sequence[BenignSeries],
    levels: tuple[float, ...],
    wanted: Sequence[Variation],
    background: Sequence[BenignSeries] = (),
) -> list[tables.Judged]:
    """Scores of every place by every variation, beside those that need no calibration.

    Args:
        observed: Tampered and genuine places of patients apart from the benign ones.
        benign: Genuine series that the densities are fitted on.
        levels: Noise levels of the model that all features come from.
        wanted: Variations.
        background: Further genuine series, for the densities only.

    Raises:
        CalibrationError: The benign series hold too few places.
    """
    learned = any(LEARNED in v.features for v in wanted)
    names = feature_names(levels, learned=learned)
    benign, background = (
        [s for s in part if any(g.scored.any() for g in s.slices)]
        for part in (benign, background)
    )
    scorers = {v.name: _scorer(v, names, benign, background) for v in wanted}
    found = []
    for own in observed:
        scores = dict(own.scores)
        for v in wanted:
            scores[v.name] = max(scorers[v.name](own), _copied(v, own))
        found.append(tables.judged(own, scores))
    return found


def to_markdown(rows: Sequence[tables.Row]) -> str:
    """A line per method, a column per row: AUC with interval, TPR at 1 % and 5 %."""
    heads = [
        f"{row.kind} {row.modality}, {row.attack}"
        if row.attack.startswith("mean")
        else row.attack
        for row in rows
    ]
    lines = ["| Detector | " + " | ".join(heads) + " |"]
    lines.append("| --- " * (len(rows) + 1) + "|")
    for method in rows[0].figures if rows else ():
        cells = [title_of(method)]
        for row in rows:
            own = row.figures[method]
            rates = f"{own['tpr_1'].value:.2f}, {own['tpr_5'].value:.2f}"
            cells.append(f"{tables.interval_text(own['auc'])}, {rates}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _copied(variation: Variation, own: Observed) -> float:
    if not variation.copies or own.copy is None or own.copy.surprise is None:
        return 0.0
    return float(counted_copies(np.array([own.copy.surprise]))[0])


def _scorer(
    variation: Variation,
    names: Sequence[str],
    benign: Sequence[BenignSeries],
    background: Sequence[BenignSeries],
) -> Callable[[Observed], float]:
    """The score of a place by the features of a variation alone."""
    if not variation.features:
        return lambda own: 0.0
    columns = [i for i, name in enumerate(names) if name in variation.features]
    learned = LEARNED in variation.features
    alone = [
        k for k, i in enumerate(columns) if not names[i].startswith((ACROSS, LEARNED))
    ]

    def narrowed(grid: GridFeatures) -> GridFeatures:
        air = grid.aerated
        if not variation.by_tissue:
            air = np.where(grid.scored, np.float32(0.5), np.float32(np.nan))
        return replace(grid, features=grid.features[..., columns], aerated=air)

    benign, background = (
        [replace(s, slices=tuple(narrowed(g) for g in s.slices)) for s in part]
        for part in (benign, background)
    )
    spreads = spreads_of([*benign, *background]) if variation.scaled else UNSET

    def flat(series: BenignSeries) -> Places:
        return flatten(series, spreads, learned=learned, centred=variation.centred)

    fitting = Fitting(
        [flat(s) for s in benign],
        [flat(s) for s in background],
        tuple(alone),
        learned=learned,
    )
    density = density_of(fitting, sorted({s.patient for s in benign}))
    references: dict[int, SeriesReference] = {}

    def score(own: Observed) -> float:
        place = narrowed(own.place)
        air = place.aerated.reshape(1)
        if variation.centred and id(own.series) not in references:
            narrow = [narrowed(g) for g in own.series]
            references[id(own.series)] = _reference(narrow, spreads, learned)
        features = place.features.reshape(1, -1).astype(np.float64)
        if variation.centred:
            features = centred_on(references[id(own.series)], features, air)
        return float(density.scores(features, air)[0])

    return score


def _reference(
    series: Sequence[GridFeatures], spreads: Spreads, learned: bool
) -> SeriesReference:
    return series_reference(
        np.concatenate([g.features[g.scored] for g in series]),
        np.concatenate([g.aerated[g.scored] for g in series]),
        spreads,
        learned=learned,
    )
