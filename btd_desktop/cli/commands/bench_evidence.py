"""`btd bench evidence`: what a learned evidence map is worth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from btd_desktop.cli.commands.bench import bench
from btd_desktop.cli.measuring import (
    Data,
    JsonFile,
    Modality,
    Patients,
    Seed,
    Series,
    Simulated,
    Split,
    measured_modality,
    series_to_measure,
    usable_attacks,
    write_text,
)
from btd_desktop.cli.options import Model
from btd_desktop.cli.output import columns, say, warn
from btd_desktop.cli.watching import watched
from btd_desktop.errors import ModelError
from btd_desktop.examination.wording import counted, number_text, percent_text
from btd_desktop.strict_json import printed_json

if TYPE_CHECKING:
    from btd_desktop.bench.attacks.registry import Attack
    from btd_desktop.bench.evidence import GenuineSeries, TamperedSeries
    from btd_desktop.bench.evidence_rows import EvidenceRow, GenuineFigures
    from btd_desktop.bench.metrics import Interval
    from btd_desktop.diffusion.evidence import EvidenceCard
    from btd_desktop.volume import Volume

_MEASURED_ONLY = "Measured only: the evidence map is not part of an examination."


@bench.command("evidence")
def measure_evidence(
    evidence: Annotated[Path, typer.Option(help="Folder of the evidence map.")],
    data: Data = None,
    simulated: Simulated = False,
    split: Split = "calib",
    series: Series = "",
    modality: Modality = "CT",
    attacks: Annotated[
        str,
        typer.Option(
            help="Names with commas between; “none” measures genuine series only. "
            "[default: all there are]"
        ),
    ] = "",
    places: Annotated[
        int,
        typer.Option(
            help="Tampered places per series and attack; 0 measures genuine series "
            "only.",
            min=0,
        ),
    ] = 1,
    least: Annotated[
        int, typer.Option(help="Leave out series of fewer slices.", min=1)
    ] = 8,
    block: Annotated[
        int,
        typer.Option(
            help="Take the middle slices of each series only, so many; 0 takes all.",
            min=0,
        ),
    ] = 0,
    patients: Patients = 6,
    seed: Seed = 0,
    model: Model = "",
    add: Annotated[
        list[Path] | None,
        typer.Option(
            help="File of an earlier run (--json) with the same map: its series are "
            "counted too, and what it measured is not measured again; repeatable.",
        ),
    ] = None,
    json_file: JsonFile = None,
) -> int:
    """Measure a learned evidence map on genuine and tampered series.

    Nobody points: is the tampered place among the first of its series, and does the
    series stand out from genuine ones? Somebody points: is the place told from genuine
    ones? The map is measured only; it is not part of an examination.
    """
    from btd_desktop.diffusion.torch_part import require_torch

    require_torch()
    from btd_desktop.bench.evidence import measure_each
    from btd_desktop.bench.evidence_file import KeptEvidence, kept_evidence
    from btd_desktop.bench.evidence_rows import genuine_figures, rows_of_evidence
    from btd_desktop.diffusion.evidence import evidence_map, load_evidence
    from btd_desktop.examination.models import find_model, open_detector

    network, card = load_evidence(evidence)
    genuine_only = places == 0 or attacks.strip().lower() == "none"
    usable: list[Attack] = []
    if genuine_only:
        modality = measured_modality(data, modality, simulated=simulated)
    else:
        modality, usable = usable_attacks(data, modality, attacks, simulated=simulated)
    entry = find_model(model, modality)
    if entry.card is None or entry.card.digest != card.model_digest:
        raise ModelError(
            f"the evidence map in {evidence} reads the noise maps of another model "
            f"than {entry.folder.name}",
            hint="name the model that it was taught with (--model)",
            code="evidence_model",
        )
    # Float32, as the map was taught.
    detector = open_detector(entry, dtype="float32")
    if data is not None and split == "train":
        warn("maps are taught on the split “train”: these series may have taught it")
    genuine: dict[str, GenuineSeries] = {}
    tampered: list[TamperedSeries] = []
    for path in add or ():
        earlier = kept_evidence(path, card.weights_sha256)
        genuine |= {own.series: own for own in earlier.genuine}
        tampered += (own for own in earlier.tampered if own not in tampered)
    facts = {
        "evidence_map": card.weights_sha256,
        "families": card.families,
        "left_out_families": card.training.get("left_out", []),
        "model": detector.card.name,
        "model_digest": detector.card.digest,
        "split": split if data is not None else "simulated",
        "places": 0 if genuine_only else places,
        "block": block,
        "seed": seed,
        "note": _MEASURED_ONLY,
    }
    with watched() as context:
        found, donors = series_to_measure(
            data, split, modality, patients, context, usable, names=series
        )
        for own, copies in measure_each(
            _long_enough(found, least, block, detector.card.training),
            detector,
            partial(evidence_map, network),
            attacks=usable,
            n_places=places,
            seed=seed,
            context=context,
            donors=donors,
            known=set(genuine),
            made={(own.series, own.attack) for own in tampered},
        ):
            genuine[own.series] = own
            tampered += copies
            # After every series: hours of work are not lost with the last of them.
            now = KeptEvidence(facts, tuple(genuine.values()), tuple(tampered))
            write_text(json_file, printed_json(now))
    if not genuine:
        raise typer.BadParameter(f"no series of at least {least} slices is left")
    every = tuple(genuine.values())
    figures, rows = genuine_figures(every), rows_of_evidence(every, tampered)
    done = KeptEvidence(facts, every, tuple(tampered), figures, tuple(rows))
    write_text(json_file, printed_json(done))
    say(*_lines(card, figures, rows))
    return 0


def _long_enough(
    series: Iterator[tuple[Volume, str]],
    least: int,
    block: int,
    training: Mapping[str, Any],
) -> Iterator[tuple[Volume, str]]:
    """Series with enough slices that the model has not learnt from, cut to blocks."""
    from btd_desktop.bench import corpus
    from btd_desktop.digest import array_digest

    learnt = set(training.get("voxel_digests", ()))
    n_short = n_learnt = 0
    for volume, patient in series:
        if volume.n_slices < least:
            n_short += 1
        elif array_digest(volume.voxels) in learnt:
            n_learnt += 1
        else:
            yield corpus.middle_slices(volume, block) if block else volume, patient
    if n_short:
        warn(f"{n_short} series left out: fewer than {least} slices")
    if n_learnt:
        warn(f"{n_learnt} series left out: the model has learnt from them")


def _lines(
    card: EvidenceCard, figures: GenuineFigures, rows: Sequence[EvidenceRow]
) -> Iterator[str]:
    yield _MEASURED_ONLY
    yield f"Map {card.weights_sha256[:12]}, taught with: {', '.join(card.families)}"
    if left_out := card.training.get("left_out"):
        yield f"Families left out of its teaching: {', '.join(map(str, left_out))}"
    yield "Whether an attack is like one of these families has to be judged apart."
    yield from _genuine_lines(figures)
    if rows:
        yield from columns(_HEADS, [_cells(row) for row in rows])
        yield "Before: the same places in the series as they were, found by chance."


def _genuine_lines(figures: GenuineFigures) -> Iterator[str]:
    fewest, most = figures.n_slices
    patients = counted(figures.n_patients, "patient")
    yield (
        f"Genuine: {counted(figures.n_series, 'series', 'series')} of {patients}, "
        f"{fewest} to {most} slices"
    )
    yield (
        f"  statistic: median {number_text(figures.median, 3)}, highest "
        f"{number_text(figures.highest, 3)} ({figures.n_judged} judged, of "
        f"{counted(figures.n_patients_judged, 'patient')}; the smallest series p is "
        f"1 in {figures.n_patients_judged + 1}, in {figures.n_patients_judged} for a "
        "patient among them)"
    )
    beyond = figures.structures_beyond
    if beyond is not None:
        yield (
            f"  solid structures beyond the 99th percentile of lung: "
            f"{percent_text(beyond.value)} of {beyond.n} "
            f"({counted(beyond.n_patients, 'patient')})"
        )


_HEADS = (
    "attack", "kind", "copies", "patients", "first", "of 5", "of 12", "before 12",
    "slice", "beyond", "and right", "p", "p<=0.05", "AUC partners", "AUC structures",
)  # fmt: skip


def _cells(row: EvidenceRow) -> tuple[str, ...]:
    return (
        row.attack,
        row.kind,
        str(row.n),
        str(row.n_patients),
        *(
            f"{rate.value:.2f}"
            for rate in (
                row.first_1,
                row.first_5,
                row.first_12,
                row.before_12,
                row.slice_1,
                row.beyond,
                row.beyond_right,
            )
        ),
        "–" if row.p_median is None else f"{row.p_median:.2f}",
        f"{row.p_small.value:.2f}",
        _interval_cell(row.partners),
        _interval_cell(row.structures),
    )


def _interval_cell(found: Interval) -> str:
    if math.isnan(found.value):
        return "–"
    if math.isnan(found.low):
        return f"{found.value:.2f}"
    return f"{found.value:.2f} [{found.low:.2f}–{found.high:.2f}]"
