"""Results of a measurement as rows, and rows as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from btd_desktop.bench.detectors.ours import OURS
from btd_desktop.bench.detectors.registry import DETECTORS, title_of
from btd_desktop.bench.metrics import (
    METRICS,
    Group,
    Interval,
    PatientRate,
    mean_interval,
    patient_rate,
)
from btd_desktop.bench.place import UNPLACED, Observed, Site
from btd_desktop.bench.structures import REACHES, matched
from btd_desktop.strict_json import printed_json
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
        site: Series, scanner and content.
        flagged: Whether the program flags it; None where the profile does not cover the
            series, or where that was not asked.
    """

    patient: str
    modality: str
    attack: str
    scores: dict[str, float]
    facts: dict[str, Any]
    genuine_for: tuple[str, ...] = ()
    site: Site = UNPLACED
    flagged: bool | None = None


def judged(
    own: Observed, scores: dict[str, float], *, flagged: bool | None = None
) -> Judged:
    """An observed place with its scores."""
    return Judged(
        own.patient,
        own.modality,
        own.attack,
        scores,
        own.facts,
        own.genuine_for,
        own.site,
        flagged,
    )


_ENDS = ("_low", "_high")
_FLAGGED = {
    "tampered": "found",
    "partners": "partners_flagged",
    "genuine solid structures": "structures_flagged",
}

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
        partners: How many genuine places come from where: a key "lung" or "tissue"
            (same slice, drawn by the rule of the attacks), or some of
            `bench.structures.REACHES` for solid structures.
        against_lung: For an injection, figures against lung of the same slice that
            holds no nodule; else empty.
        found: Share of the tampered places that the program flags, by patient.
        partners_flagged: The same of the genuine partners.
        structures_flagged: The same of all genuine solid structures of the patients
            measured, whatever the attack.
    """

    attack: str
    kind: Kind
    modality: str
    n_tampered: int
    n_genuine: int
    n_patients: int
    figures: dict[str, Figures]
    partners: dict[str, int] = field(default_factory=dict)
    against_lung: dict[str, Figures] = field(default_factory=dict)
    found: PatientRate | None = None
    partners_flagged: PatientRate | None = None
    structures_flagged: PatientRate | None = None

    @property
    def against_structures(self) -> bool:
        """Whether the genuine partners are solid structures."""
        return any(reach in self.partners for reach in REACHES)


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """One attack with those that it is judged against."""

    tampered: list[Judged]
    genuine: list[Judged]
    lung: list[Judged]  # of an injection: the partners without a structure
    partners: dict[str, int]

    @property
    def places(self) -> list[Judged]:
        return self.tampered + self.genuine


def rows_of(
    judged: Sequence[Judged],
    kinds: Mapping[str, Kind],
    *,
    seed: int = 0,
    n_draws: int = 1000,
) -> list[Row]:
    """One row per attack and modality that has tampered and genuine places.

    Injections are judged against genuine solid structures (`bench.structures`), where
    any were looked at; everything else against its partners in the same slice.

    Args:
        judged: All places.
        kinds: Kind by attack name; rows come in this order, CT before MR.
        seed: Of the bootstrap.
        n_draws: Of the bootstrap.
    """
    return [
        _row(judged, attack, kinds[attack], modality, [own], seed, n_draws)
        for modality in ("CT", "MR")
        for attack in kinds
        if (own := _group_of(judged, attack, kinds[attack], modality))
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
            found = [g for a in own if (g := _group_of(judged, a, kind, modality))]
            if found:
                name = f"mean of {len(found)}"
                rows.append(_row(judged, name, kind, modality, found, seed, n_draws))
    return rows


def structures_flagged(
    judged: Sequence[Judged], modality: str = "CT"
) -> PatientRate | None:
    """Share of genuine solid structures that the program flags; None without any."""
    return _flag_rate([_structures_of(judged, modality)])


def _structures_of(judged: Sequence[Judged], modality: str) -> list[Judged]:
    return [j for j in judged if j.modality == modality and j.site.structure]


def _group_of(
    judged: Sequence[Judged], attack: str, kind: Kind, modality: str
) -> _Group | None:
    """Tampered places of an attack and their genuine partners; None without both."""
    own = [j for j in judged if j.modality == modality and not j.site.structure]
    tampered = [j for j in own if j.attack == attack]
    lung = [
        j
        for j in own
        if not j.attack and (not j.genuine_for or attack in j.genuine_for)
    ]
    structures = _structures_of(judged, modality)
    if kind == "injection" and tampered and structures:
        taken, partners = matched(
            [j.site for j in tampered], [j.site for j in structures]
        )
        return _Group(tampered, [structures[i] for i in taken], lung, partners)
    if not (tampered and lung):
        return None
    where = "lung" if modality == "CT" else "tissue"
    return _Group(tampered, lung, [], {where: len(lung)})


def _row(
    judged: Sequence[Judged],
    attack: str,
    kind: Kind,
    modality: str,
    groups: Sequence[_Group],
    seed: int,
    n_draws: int,
) -> Row:
    # A genuine place that is the partner of every attack counts once.
    places = list({id(j): j for group in groups for j in group.places}.values())
    partners: Counter[str] = Counter()
    for group in groups:
        partners.update(group.partners)
    before = [g.tampered + g.lung for g in groups if g.lung]
    return Row(
        attack,
        kind,
        modality,
        sum(bool(j.attack) for j in places),
        sum(not j.attack for j in places),
        len({j.patient for j in places}),
        _by_method([group.places for group in groups], seed, n_draws),
        dict(partners),
        _by_method(before, seed, n_draws) if len(before) == len(groups) else {},
        _flag_rate([group.tampered for group in groups]),
        _flag_rate([group.genuine for group in groups]),
        structures_flagged(judged, modality),
    )


def _flag_rate(groups: Sequence[Sequence[Judged]]) -> PatientRate | None:
    """Share flagged of the places for which the program decides; None without any."""
    told = [[j for j in group if j.flagged is not None] for group in groups]
    return patient_rate(
        [([bool(j.flagged) for j in g], [j.patient for j in g]) for g in told]
    )


def _by_method(
    groups: Sequence[Sequence[Judged]], seed: int, n_draws: int
) -> dict[str, Figures]:
    places = [j for group in groups for j in group]
    methods = [m for m in DETECTORS if all(m in j.scores for j in places)]
    # A study's own variations stand behind the known detectors.
    methods += [m for m in places[0].scores if m not in DETECTORS]
    return {
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


def _figures(groups: Sequence[Group], *, seed: int, n_draws: int) -> Figures:
    return {
        name: mean_interval(metric, groups, seed=seed, n_draws=n_draws)
        for name, (_, metric) in METRICS.items()
    }


def to_markdown(rows: Sequence[Row]) -> str:
    """A table for people: a line per row, every metric in the cell of a detector.

    The first metric has its interval: AUC [low-high], EER, TPR at 1 % and at 5 % FPR.
    Behind the detectors stands what the program flags, patients counting the same.
    """
    methods = [m for m in DETECTORS if any(m in row.figures for row in rows)]
    first, *others = [title for title, _ in METRICS.values()]
    measured = ", ".join([f"{first} [95 %]", *others])
    head = ["Attack", "Kind", "Modality"]
    head += [f"{title_of(m)}: {measured}" for m in methods]
    lung = any(OURS.name in row.against_lung for row in rows)
    head += [f"{OURS.title}, against lung without a nodule: {measured}"] * lung
    flags = any(row.found is not None for row in rows)
    head += [f"flagged by the program: {what} [95 %]" for what in _FLAGGED] * flags
    head += ["Partners", "Tampered / genuine / patients"]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        cells = [row.attack, row.kind, row.modality]
        cells += [_cell(row.figures.get(m)) for m in methods]
        if lung:
            cells.append(_cell(row.against_lung.get(OURS.name)))
        if flags:
            cells += [rate_text(getattr(row, key)) for key in _FLAGGED.values()]
        cells.append(", ".join(f"{where} {n}" for where, n in row.partners.items()))
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
        + [f"{name}{end}" for name in names for end in ("", *_ENDS)]
        + [f"{name}{end}" for name in _FLAGGED.values() for end in ("", *_ENDS)]
        + [f"{name}_against_lung" for name in names]
        + ["partners", "n_tampered", "n_genuine", "n_patients"]
    )
    for row in rows:
        for method, figures in row.figures.items():
            intervals = [figures[name] for name in names]
            rates = [getattr(row, key) for key in _FLAGGED.values()]
            before = row.against_lung.get(method, {})
            writer.writerow(
                [row.attack, row.kind, row.modality, method]
                + [_number(x) for i in intervals for x in (i.value, i.low, i.high)]
                + [x for rate in rates for x in _rate_numbers(rate)]
                + [_number(before[n].value) if n in before else "" for n in names]
                + ["; ".join(f"{where} {n}" for where, n in row.partners.items())]
                + [row.n_tampered, row.n_genuine, row.n_patients]
            )
    return stream.getvalue()


def to_json(rows: Sequence[Row], facts: Mapping[str, object]) -> str:
    """Rows and what they were measured with, as a JSON text; NaN becomes null."""
    return printed_json({"facts": facts, "rows": rows})


def interval_text(found: Interval) -> str:
    """A figure with its interval, as "0.912 [0.880–0.951]"; bare without interval."""
    span = "" if math.isnan(found.low) else f" [{found.low:.3f}–{found.high:.3f}]"
    return f"{found.value:.3f}{span}"


def rate_text(rate: PatientRate | None) -> str:
    """A rate with its exact interval, as "0.12 [0.02–0.35]"; "–" where unknown."""
    if rate is None:
        return "–"
    return f"{rate.value:.2f} [{rate.low:.2f}–{rate.high:.2f}]"


def _rate_numbers(rate: PatientRate | None) -> list[str]:
    if rate is None:
        return ["", "", ""]
    return [_number(x) for x in (rate.value, rate.low, rate.high)]


def _cell(figures: Figures | None) -> str:
    if figures is None:
        return "–"
    first, *rates = figures.values()
    return ", ".join([interval_text(first), *(f"{rate.value:.2f}" for rate in rates)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
