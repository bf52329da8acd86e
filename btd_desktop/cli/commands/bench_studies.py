"""`btd bench ablation`, `networks`, `shift` and `rates`: why it is as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from btd_desktop.cli.commands.bench import bench
from btd_desktop.cli.measuring import (
    Attacks,
    Data,
    JsonFile,
    Modality,
    Patients,
    Places,
    Seed,
    Series,
    Simulated,
    Split,
    calibrated_detector,
    genuine_series,
    series_to_measure,
    usable_attacks,
    write_text,
)
from btd_desktop.cli.options import Model, Profile
from btd_desktop.cli.output import columns, say
from btd_desktop.cli.watching import watched
from btd_desktop.examination.wording import interval_text, percent_text
from btd_desktop.strict_json import printed_json

if TYPE_CHECKING:
    from btd_desktop.bench.attacks.registry import Attack
    from btd_desktop.bench.rates import RateRow
    from btd_desktop.bench.tables import Judged, Row
    from btd_desktop.volume import Volume


@bench.command("ablation")
def measure_ablation(
    data: Data = None,
    simulated: Simulated = False,
    split: Split = "test",
    modality: Modality = "CT",
    attacks: Attacks = "",
    places: Places = 2,
    patients: Patients = 6,
    background: Annotated[
        bool,
        typer.Option(
            help="With --data: fit densities on the split “train” too, as the shipped "
            "profiles are."
        ),
    ] = True,
    seed: Seed = 0,
    model: Model = "",
    json_file: JsonFile = None,
) -> int:
    """Leave out parts of the detector and measure what each is worth.

    Densities are fitted on the split “calib” (or on as many simulated patients again),
    and every variation judges the same places of others. Cells: mean AUC over the
    attacks of a kind with its interval by patient, true positives at 1 % and 5 %.
    """
    from btd_desktop.bench.ablation import judge_variations, to_markdown, variations
    from btd_desktop.bench.evaluate import observe
    from btd_desktop.examination.models import find_model, open_detector
    from btd_desktop.workflow.calibrate import benign_features

    modality, usable = usable_attacks(data, modality, attacks, simulated=simulated)
    detector = open_detector(find_model(model, modality))
    with watched() as context:
        genuine = genuine_series(data, "calib", modality, patients, context)
        more = []
        if data is not None and background:
            more = genuine_series(data, "train", modality, patients, context)
        benign = benign_features(genuine, detector, context, more)
        series, donors = series_to_measure(
            data, split, modality, patients, context, usable
        )
        seen = observe(
            series,
            detector,
            attacks=[attack.name for attack in usable],
            n_places=places,
            seed=seed,
            context=context,
            donors=donors,
        )
        levels = detector.info.levels
        judged = judge_variations(
            seen,
            benign[: len(genuine)],
            levels,
            variations(levels, learned=detector.info.learned),
            benign[len(genuine) :],
        )
    rows = _means(judged, usable, seed)
    say(*to_markdown(rows).splitlines())
    _keep(json_file, rows, {"model": detector.card.name, "seed": seed})
    return 0


@bench.command("networks")
def measure_models(
    models: Annotated[
        list[str], typer.Argument(help="Names or folders of models of one modality.")
    ],
    data: Data = None,
    simulated: Simulated = False,
    split: Split = "test",
    attacks: Attacks = "",
    places: Places = 2,
    patients: Patients = 6,
    seed: Seed = 0,
    json_file: JsonFile = None,
) -> int:
    """Set the paper's two scores of several networks side by side.

    All see the same places: what another window, width or more training is worth.
    Cells: mean AUC over the attacks of a kind, with its interval by patient.
    """
    from btd_desktop.bench.networks import measure_networks, to_markdown
    from btd_desktop.bench.tables import rows_of
    from btd_desktop.examination.models import find_model, open_detector

    detectors = [open_detector(find_model(name, "")) for name in models]
    modalities = {d.card.preset.modality for d in detectors}
    if len(modalities) != 1:
        raise typer.BadParameter("these models are not all of one modality")
    modality, usable = usable_attacks(
        data, modalities.pop(), attacks, simulated=simulated
    )
    with watched() as context:
        series, donors = series_to_measure(
            data, split, modality, patients, context, usable
        )
        judged = measure_networks(
            series,
            detectors,
            attacks=[attack.name for attack in usable],
            n_places=places,
            seed=seed,
            context=context,
            donors=donors,
        )
    rows = [_means(own, usable, seed) for own in judged]
    say(*to_markdown(detectors, rows).splitlines())
    # In the file also attack by attack: a mean can hide where a score fails.
    kinds = {a.name: a.kind for a in usable}
    every = [
        row
        for own, means in zip(judged, rows, strict=True)
        for row in (*rows_of(own, kinds, seed=seed), *means)
    ]
    _keep(json_file, every, {"models": models})
    return 0


@bench.command("shift")
def measure_shift(
    data: Data = None,
    simulated: Simulated = False,
    split: Split = "test",
    modality: Modality = "CT",
    patients: Patients = 6,
    model: Model = "",
    profile: Profile = "",
    json_file: JsonFile = None,
) -> int:
    """Score genuine scans and tell what is flagged wrongly, scanner by scanner.

    Beside each scanner stands what the scope check says of it.
    """
    from btd_desktop.bench.shift import by_coverage, shift_rows

    modality, _ = usable_attacks(data, modality, "", simulated=simulated)
    detector, found = calibrated_detector(model, modality, profile)
    with watched() as context:
        series, _ = series_to_measure(data, split, modality, patients, context)
        rows = shift_rows(series, detector, found, context)
    heads = ("scanner", "kernel", "mm", "scope", "patches", "flagged", "slices")
    say(
        *columns(
            heads,
            [
                (
                    row.scanner,
                    row.kernel,
                    f"{row.thickness_mm:.3g}",
                    row.coverage,
                    str(row.n_patches),
                    f"{100 * row.share:.2f} %",
                    f"{row.flagged_slices}/{row.n_slices}",
                )
                for row in sorted(rows, key=lambda r: -r.share)
            ],
        )
    )
    for own in by_coverage(rows):
        say(
            f"{own['coverage']}: {own['n_series']} series of {own['n_patients']} "
            f"patients, {100 * own['share']:.2f} % of patches flagged (of one series "
            f"at most {100 * own['series_highest']:.2f} %), "
            f"{own['flagged_slices']} of {own['n_slices']} slices"
        )
    write_text(json_file, printed_json(rows))
    return 0


def _means(judged: list[Judged], attacks: list[Attack], seed: int) -> list[Row]:
    from btd_desktop.bench.tables import mean_rows

    return mean_rows(judged, {a.name: a.kind for a in attacks}, seed=seed)


def _keep(path: Path | None, rows: list[Row], facts: dict[str, object]) -> None:
    from btd_desktop.bench.tables import to_json

    write_text(path, to_json(rows, facts))


@bench.command("rates")
def measure_rates(
    data: Annotated[Path, typer.Option(help="Folder of real scans.")],
    split: Annotated[
        str, typer.Option(help="Splits to leave out from, commas between.")
    ] = "calib",
    by: Annotated[
        str,
        typer.Option(
            help="What is left out: patient, scanner model, kernel; commas between."
        ),
    ] = "patient",
    beside: Annotated[
        str,
        typer.Option(
            help="Split whose patients are judged by the profile of all the others, "
            "after the rest; none where it is not named."
        ),
    ] = "",
    series: Series = "",
    join: Annotated[
        int,
        typer.Option(
            help="Let so many patients of each scanner model join the profile of the "
            "other models, and judge the rest of them.",
            min=0,
        ),
    ] = 0,
    fpr: Annotated[float, typer.Option(help="Rate claimed.")] = 0.01,
    modality: Modality = "CT",
    model: Model = "",
    json_file: JsonFile = None,
) -> int:
    """Set claimed error rates beside observed ones, on genuine patients left out.

    Density and threshold are fitted on the other patients, scanner models or kernels
    (and on the split "train", for the density alone). Patients count the same; a rate
    whose upper bound is more than three times the claim is not established. `--series`
    chooses among the series of the split `--beside`.
    """
    from btd_desktop.bench.rates import (
        LEFT_OUT,
        beside_shares,
        joined_shares,
        left_out_shares,
        rate_rows,
    )
    from btd_desktop.examination.models import find_model, open_detector
    from btd_desktop.workflow.calibrate import (
        benign_features,
        patient_key,
        profile_header,
    )
    from btd_desktop.workflow.services import Services

    asked = [word.strip() for word in by.split(",") if word.strip()]
    for word in asked:
        if word not in LEFT_OUT:
            raise typer.BadParameter(f"--by is {', '.join(LEFT_OUT)}, got {word!r}")
    detector = open_detector(find_model(model, modality))
    with watched() as context:
        genuine, behind = (
            [
                (volume, patient_key(patient))
                for part in splits.split(",")
                for volume, patient in genuine_series(
                    data, part.strip(), modality, 0, context
                )
            ]
            for splits in (split, "train")
        )
        more: list[tuple[Volume, str]] = []
        if beside:
            others, _ = series_to_measure(
                data, beside, modality, 0, context, names=series
            )
            more = [(volume, patient_key(patient)) for volume, patient in others]
        benign = benign_features([*more, *genuine], detector, context, behind)
        first, last = len(more), len(more) + len(genuine)
        own, background = benign[first:last], benign[last:]
        header = profile_header(detector, "left out", Services())
        shares = {
            f"{word} left out": left_out_shares(
                own, header, fpr, by=word, background=background, context=context
            )
            for word in asked
        }
        if join:
            both = joined_shares(
                own,
                header,
                fpr,
                n_local=join,
                background=background,
                context=context,
            )
            shares["scanner models of which some could join, left out"] = both["alone"]
            shares[f"the same, {join} patients of the model joined"] = both["joined"]
        if beside:
            shares[f"split {beside}"] = beside_shares(
                benign[:first], own, header, fpr, background
            )
    rows = {word: rate_rows(found, fpr) for word, found in shares.items()}
    for word, found in rows.items():
        say(word)
        say(*columns(_RATE_HEADS, [_rate_cells(row) for row in found]))
    write_text(json_file, printed_json({"rows": rows, "patients": shares}))
    return 0


_RATE_HEADS = (
    "level", "", "claimed", "observed", "95 %", "patients", "scores",
    "highest patient", "",
)  # fmt: skip


def _rate_cells(row: RateRow) -> tuple[str, ...]:
    return (
        row.level,
        row.event,
        percent_text(row.claimed),
        percent_text(row.observed.value),
        interval_text((row.observed.low, row.observed.high), percent=True),
        str(row.observed.n_patients),
        str(row.observed.n),
        f"{percent_text(row.highest)} {row.highest_group}",
        "" if row.is_established else "not established",
    )
