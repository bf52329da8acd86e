"""Tables of the paper's comparison, made from a results file and nothing else.

Figures are means over 100 draws that take from every scanner alike, as the paper's
protocol has it; the interval beside them is that of whole patients drawn anew, which is
wider: places of one patient are alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.bench.attacks.registry import ATTACKS
from btd_desktop.bench.metrics import Group, auc, eer, mean_interval
from btd_desktop.bench.paper_run import GROSS
from btd_desktop.bench.place import Site
from btd_desktop.bench.structures import matched

N_DRAWS: Final = 100
SHUFFLED: Final = "shuffled labels"
_LEAST: Final = 3  # tampered and, by scanner, genuine places for a figure


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One detector on one attack.

    Attributes:
        auc: Mean over draws balanced across scanners.
        eer: The same.
        low: Lower end of the patients' 95 % interval of the AUC; NaN where unknown.
        high: Upper end.
        n_tampered: Tampered places.
        n_genuine: Genuine places.
        n_patients: Patients that either come from.
    """

    auc: float
    eer: float
    low: float
    high: float
    n_tampered: int
    n_genuine: int
    n_patients: int


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Places of one attack with those that it is set against."""

    scores: NDArray[np.float64]
    is_tampered: NDArray[np.bool_]
    patients: NDArray[np.str_]
    scanners: NDArray[np.str_]


def detectors_of(results: Mapping[str, Any]) -> list[str]:
    """Names of the detectors, in the order in which they came."""
    return list(results["detectors"])


def attacks_of(results: Mapping[str, Any]) -> list[str]:
    """Names of the attacks, the gross one last."""
    return [*results["options"]["attacks"], GROSS]


def cells_of(results: Mapping[str, Any], detector: str) -> dict[str, Cell]:
    """One row of Table 1: attack -> figures; attacks without places are left out."""
    found = {}
    for attack in attacks_of(results):
        own = _places(results, detector, attack)
        if own is not None:
            found[attack] = _cell(own)
    return found


def shuffled_cells(results: Mapping[str, Any], detector: str) -> dict[str, Cell]:
    """The same with the labels drawn at random: anything but 0.5 is a fault here."""
    found = {}
    for k, attack in enumerate(attacks_of(results)):
        own = _places(results, detector, attack)
        if own is not None:
            rng = np.random.default_rng([k, 11])
            aucs, eers = [], []
            for _ in range(N_DRAWS):
                told = rng.permutation(own.is_tampered)
                aucs.append(auc(own.scores[told], own.scores[~told]))
                eers.append(eer(own.scores[told], own.scores[~told]))
            low, high = np.percentile(aucs, [2.5, 97.5])
            plain = _cell(own)
            found[attack] = Cell(
                float(np.mean(aucs)), float(np.mean(eers)), float(low), float(high),
                plain.n_tampered, plain.n_genuine, plain.n_patients,
            )  # fmt: skip
    return found


def scanner_cells(
    results: Mapping[str, Any], detector: str, attacks: Sequence[str]
) -> dict[str, Cell]:
    """One detector by scanner (Table 2): places of these attacks taken together."""
    parts = [_places(results, detector, attack) for attack in attacks]
    known = [own for own in parts if own is not None]
    if not known:
        return {}
    every = _Places(
        *(
            np.concatenate([getattr(own, field) for own in known])
            for field in ("scores", "is_tampered", "patients", "scanners")
        )
    )
    found = {}
    for scanner in np.unique(every.scanners):
        here = every.scanners == scanner
        n = int(every.is_tampered[here].sum())
        if min(n, int(here.sum()) - n) >= _LEAST:
            own = _Places(
                every.scores[here], every.is_tampered[here],
                every.patients[here], every.scanners[here],
            )  # fmt: skip
            found[str(scanner)] = _cell(own)
    return found


def _places(results: Mapping[str, Any], detector: str, attack: str) -> _Places | None:
    kind = "removal" if attack == GROSS else ATTACKS[attack].kind
    tampered: list[tuple[dict[str, Any], float]] = []
    partners: list[tuple[dict[str, Any], float]] = []
    structures: list[tuple[dict[str, Any], float]] = []
    for own in results["series"].values():
        scores = own["scores"].get(detector, {})
        values = scores.get(kind, scores.get("", []))
        for place, value in zip(own["places"], values, strict=False):
            if place["attack"] == attack:
                tampered.append((place, value))
            elif place["structure"] and not place["attack"]:
                structures.append((place, value))
            elif not place["attack"] and (
                attack == GROSS or attack in place["genuine_for"]
            ):
                partners.append((place, value))
    genuine = partners
    if kind == "injection" and tampered and structures:
        taken, _ = matched(
            [_site(p) for p, _ in tampered], [_site(p) for p, _ in structures]
        )
        genuine = [structures[i] for i in taken]
    if not tampered or not genuine:
        return None
    both = tampered + genuine
    return _Places(
        np.array([v for _, v in both]),
        np.array([True] * len(tampered) + [False] * len(genuine)),
        np.array([p["patient"] for p, _ in both]),
        np.array([p["scanner"] for p, _ in both]),
    )


def _site(place: Mapping[str, Any]) -> Site:
    return Site(place["series"], place["scanner"], place["content"], place["structure"])


def _cell(own: _Places) -> Cell:
    aucs, eers = [], []
    rng = np.random.default_rng(0)
    for _ in range(N_DRAWS):
        drawn = [_balanced(own, label, rng) for label in (True, False)]
        aucs.append(auc(own.scores[drawn[0]], own.scores[drawn[1]]))
        eers.append(eer(own.scores[drawn[0]], own.scores[drawn[1]]))
    group = Group(own.scores, own.is_tampered, own.patients)
    span = mean_interval(auc, [group])
    n = int(own.is_tampered.sum())
    return Cell(
        float(np.mean(aucs)),
        float(np.mean(eers)),
        span.low,
        span.high,
        n,
        len(own.scores) - n,
        len(np.unique(own.patients)),
    )


def _balanced(own: _Places, label: bool, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of a draw with as many places of every scanner."""
    at = np.flatnonzero(own.is_tampered == label)
    scanners = np.unique(own.scanners[at])
    each = max(1, round(len(at) / len(scanners)))
    return np.concatenate(
        [rng.choice(at[own.scanners[at] == s], each, replace=True) for s in scanners]
    )


def to_markdown(results: Mapping[str, Any]) -> str:
    """Tables 1 and 2 with all detectors; those of other reverse steps are Table 3."""
    names = detectors_of(results)
    steps = [n for n in names if n.endswith(" steps")]
    first = [n for n in names if n not in steps]
    attacks = attacks_of(results)
    text = "## Table 1: detectors and attacks\n\n" + _table(results, first, attacks)
    if first:
        row = shuffled_cells(results, first[0])
        text += _row(SHUFFLED, row, attacks, f"scores of {first[0]}")
    text += _scanner_table(results, first, attacks)
    if steps:
        text += "\n## Table 3: back only, and forth and back\n\n"
        text += _table(results, steps, attacks)
        text += _row(SHUFFLED, shuffled_cells(results, steps[0]), attacks, steps[0])
    return text


def _table(
    results: Mapping[str, Any], detectors: Sequence[str], attacks: Sequence[str]
) -> str:
    heads = ["Detector", *attacks, "How it was made"]
    text = "| " + " | ".join(heads) + " |\n" + "| --- " * len(heads) + "|\n"
    cells: dict[str, Cell] = {}
    for name in detectors:
        own = cells_of(results, name)
        cells = cells or own
        text += _row(name, own, attacks, _told(results, name))
    counts = [
        f"{c.n_tampered} / {c.n_genuine} / {c.n_patients}"
        if (c := cells.get(attack)) else "–"
        for attack in attacks
    ]  # fmt: skip
    return text + _line(["*tampered / genuine / patients*", *counts, ""])


def _told(results: Mapping[str, Any], detector: str) -> str:
    """What a row says of its detector, and of how many of the series it is."""
    series = [own for own in results["series"].values() if own["places"]]
    n = sum(bool(own["scores"].get(detector)) for own in series)
    remark: str = results["detectors"][detector]
    return remark if n == len(series) else f"{remark}; {n} of {len(series)} series"


def _row(
    name: str, cells: Mapping[str, Cell], attacks: Sequence[str], remark: str
) -> str:
    return _line([name, *(_text(cells.get(a)) for a in attacks), remark])


def _scanner_table(
    results: Mapping[str, Any], names: Sequence[str], attacks: Sequence[str]
) -> str:
    kinds = {
        kind: [a for a in attacks if a != GROSS and ATTACKS[a].kind == kind]
        for kind in ("injection", "removal")
    }
    text = "\n## Table 2: by scanner, AUC and EER\n"
    for name in names[:1]:
        for kind, own in kinds.items():
            text += f"\n{name}, {kind}:\n\n"
            text += "| Scanner | AUC [95 %] | EER | tampered / genuine / patients |\n"
            text += "| --- " * 4 + "|\n"
            for scanner, c in scanner_cells(results, name, own).items():
                n = f"{c.n_tampered} / {c.n_genuine} / {c.n_patients}"
                text += _line([scanner, _text(c), f"{c.eer:.2f}", n])
    return text


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _text(cell: Cell | None) -> str:
    if cell is None or cell.n_tampered < _LEAST:
        return "–"
    span = "" if np.isnan(cell.low) else f" [{cell.low:.2f}–{cell.high:.2f}]"
    return f"{cell.auc:.2f}{span}"
