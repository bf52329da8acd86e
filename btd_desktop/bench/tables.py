"""Results of a measurement as rows, and rows as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from btd_desktop.bench.detectors.registry import DETECTORS, title_of
from btd_desktop.bench.metrics import METRICS, Group, Interval, mean_interval
from btd_desktop.tampering.result import Kind


@dataclass(frozen=True, slots=True)
class Judged:
    """One place that was scored.

    Attributes:
        patient: Whose scan.
        modality: "CT" or "MR".
        attack: Name of the attack; "" for a genuine place.
        scores: By name of the detector, higher for tampered; finite.
        facts: What repeats it: place, seed, record; JSON values.
        genuine_for: Attacks whose genuine partner this is; empty means all.
    """

    patient: str
    modality: str
    attack: str
    scores: dict[str, float]
    facts: dict[str, Any]
    genuine_for: tuple[str, ...] = ()


Figures = dict[str, Interval]
"""One detector on one attack: by name of `METRICS`, rates in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Row:
    """One attack on one modality.

    Attributes:
        attack: Name of the attack.
        kind: What it does to the content.
        modality: "CT" or "MR".
        n_tampered: Tampered places.
        n_genuine: Genuine places.
        n_patients: Patients that either come from.
        figures: By name of the detector.
    """

    attack: str
    kind: Kind
    modality: str
    n_tampered: int
    n_genuine: int
    n_patients: int
    figures: dict[str, Figures]


def rows_of(
    judged: Sequence[Judged],
    kinds: Mapping[str, Kind],
    *,
    seed: int = 0,
    n_draws: int = 1000,
) -> list[Row]:
    """One row per attack and modality that has tampered and genuine places.

    Args:
        judged: All places.
        kinds: Kind by attack name; rows come in this order, CT before MR.
        seed: Of the bootstrap.
        n_draws: Of the bootstrap.
    """
    return [
        _row(attack, kinds[attack], modality, [both], seed=seed, n_draws=n_draws)
        for modality in ("CT", "MR")
        for attack in kinds
        if (both := _places_of(judged, attack, modality))
    ]


def mean_rows(
    judged: Sequence[Judged],
    kinds: Mapping[str, Kind],
    *,
    seed: int = 0,
    n_draws: int = 1000,
) -> list[Row]:
    """One row per kind of attack and modality: figures averaged over its attacks.

    Every attack counts the same, however many places it has; a draw of the bootstrap
    takes the same patients for all.
    """
    rows = []
    for modality in ("CT", "MR"):
        for kind in dict.fromkeys(kinds.values()):
            own = [a for a in kinds if kinds[a] == kind]
            found = [b for a in own if (b := _places_of(judged, a, modality))]
            if found:
                name = f"mean of {len(found)}"
                rows.append(
                    _row(name, kind, modality, found, seed=seed, n_draws=n_draws)
                )
    return rows


def _places_of(judged: Sequence[Judged], attack: str, modality: str) -> list[Judged]:
    """Tampered places of an attack and their genuine partners; [] without both."""
    own = [j for j in judged if j.modality == modality]
    tampered = [j for j in own if j.attack == attack]
    partners = [
        j
        for j in own
        if not j.attack and (not j.genuine_for or attack in j.genuine_for)
    ]
    return tampered + partners if tampered and partners else []


def _row(
    attack: str,
    kind: Kind,
    modality: str,
    groups: Sequence[Sequence[Judged]],
    *,
    seed: int,
    n_draws: int,
) -> Row:
    # A genuine place that stands for every attack is one place.
    places = list({id(j): j for group in groups for j in group}.values())
    methods = [m for m in DETECTORS if all(m in j.scores for j in places)]
    # Variations that a study made up stand behind those that are known.
    methods += [m for m in places[0].scores if m not in DETECTORS]
    figures = {
        method: _figures(
            [
                Group(
                    np.array([j.scores[method] for j in group]),
                    np.array([bool(j.attack) for j in group]),
                    np.array([j.patient for j in group]),
                )
                for group in groups
            ],
            seed=seed,
            n_draws=n_draws,
        )
        for method in methods
    }
    return Row(
        attack,
        kind,
        modality,
        sum(bool(j.attack) for j in places),
        sum(not j.attack for j in places),
        len({j.patient for j in places}),
        figures,
    )


def _figures(groups: Sequence[Group], *, seed: int, n_draws: int) -> Figures:
    return {
        name: mean_interval(metric, groups, seed=seed, n_draws=n_draws)
        for name, (_, metric) in METRICS.items()
    }


def to_markdown(rows: Sequence[Row]) -> str:
    """A table for people: a line per row, every metric in the cell of a detector.

    The first metric has its interval: AUC [low-high], EER, TPR at 1 % and at 5 % FPR.
    """
    methods = [m for m in DETECTORS if any(m in row.figures for row in rows)]
    first, *others = [title for title, _ in METRICS.values()]
    measured = ", ".join([f"{first} [95 %]", *others])
    head = ["Attack", "Kind", "Modality"]
    head += [f"{title_of(m)}: {measured}" for m in methods]
    head += ["Tampered / genuine / patients"]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        cells = [row.attack, row.kind, row.modality]
        cells += [_cell(row.figures.get(m)) for m in methods]
        cells += [f"{row.n_tampered} / {row.n_genuine} / {row.n_patients}"]
        lines.append(_line(cells))
    return "\n".join(lines) + "\n"


def to_csv(rows: Sequence[Row]) -> str:
    """A table for programs: one line per attack, modality and detector."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = list(METRICS)
    writer.writerow(
        ["attack", "kind", "modality", "method"]
        + [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
        + ["n_tampered", "n_genuine", "n_patients"]
    )
    for row in rows:
        for method, figures in row.figures.items():
            intervals = [figures[name] for name in names]
            writer.writerow(
                [row.attack, row.kind, row.modality, method]
                + [_number(x) for i in intervals for x in (i.value, i.low, i.high)]
                + [row.n_tampered, row.n_genuine, row.n_patients]
            )
    return stream.getvalue()


def to_json(rows: Sequence[Row], facts: dict[str, Any]) -> str:
    """Rows and what they were measured with, as a JSON text; NaN becomes null."""
    value = {"facts": facts, "rows": [asdict(row) for row in rows]}
    return json_text(value)


def json_text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A JSON text in which numbers that JSON lacks are null."""
    return json.dumps(_plain(value), indent=2, allow_nan=False) + "\n"


def interval_text(found: Interval) -> str:
    """A figure with its interval, as "0.912 [0.880–0.951]"; bare without interval."""
    span = "" if math.isnan(found.low) else f" [{found.low:.3f}–{found.high:.3f}]"
    return f"{found.value:.3f}{span}"


def _cell(figures: Figures | None) -> str:
    if figures is None:
        return "–"
    first, *rates = figures.values()
    return ", ".join([interval_text(first), *(f"{rate.value:.2f}" for rate in rates)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
