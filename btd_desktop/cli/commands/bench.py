"""`btd bench`: known attacks on known scans, and how well they are noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from btd_desktop.cli.measuring import (
    SLICES,
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
from btd_desktop.cli.options import Model, Profile, place_of
from btd_desktop.cli.output import say, warn
from btd_desktop.cli.watching import watched
from btd_desktop.strict_json import printed_json

if TYPE_CHECKING:
    from btd_desktop.calibration.profile import CalibrationProfile
    from btd_desktop.examination.models import BoundDetector
    from btd_desktop.progress import TaskContext

bench = typer.Typer(
    name="bench",
    help="Tamper on purpose, and measure what is noticed of it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@bench.command("tamper")
def tamper(
    series: Annotated[Path, typer.Argument(help="Folder, file or ZIP of one series.")],
    attack: Annotated[
        str, typer.Option(help="Name of the attack; `btd bench attacks` lists them.")
    ],
    at: Annotated[
        str,
        typer.Option(
            help="X (column from 0), Y (row from 0), SLICE (from 1).",
            metavar="X,Y,SLICE",
        ),
    ],
    out: Annotated[Path, typer.Option(help="New folder, apart from the series.")],
    seed: Seed = 1,
    donor: Annotated[
        list[Path] | None,
        typer.Option(help="Scans of other patients, to splice from; repeatable."),
    ] = None,
) -> int:
    """Write a tampered copy of a series, marked as such, with a record beside it."""
    from btd_desktop.bench.export import tamper_series

    centre = place_of(at)
    with watched() as context:
        made = tamper_series(
            series,
            out,
            attack=attack,
            centre=centre,
            seed=seed,
            donors=tuple(donor or ()),
            context=context,
        )
    say(
        f"Series: {made.folder} ({len(made.files)} slices)",
        f"  {made.record['sentence']}",
        f"Record: {made.record_path}",
    )
    return 0


@bench.command("attacks")
def attacks() -> int:
    """List the attacks by name, and those that cannot be made here."""
    from btd_desktop.bench.attacks.registry import attacks_named
    from btd_desktop.cli.output import columns

    skipped: list[str] = []
    rows = [
        (attack.name, attack.kind, modality, str(attack.min_slices))
        for modality in ("CT", "MR")
        for attack in attacks_named((), modality, skipped.append)
    ]
    say(*columns(("attack", "kind", "modality", "slices at least"), rows))
    for reason in dict.fromkeys(skipped):
        warn(f"not here: {reason}")
    return 0


@bench.command("detection")
def detection(
    data: Data = None,
    simulated: Simulated = False,
    split: Split = "test",
    modality: Modality = "CT",
    attacks: Attacks = "",
    places: Places = 8,
    patients: Patients = 6,
    slices: Annotated[
        int, typer.Option(help="With --simulated: slices of each.", min=1)
    ] = SLICES,
    series: Series = "",
    click_error: Annotated[
        float,
        typer.Option(
            help="Standard deviation in pixels, per axis, of the click around the "
            "middle of a place.",
            min=0.0,
        ),
    ] = 0.0,
    seed: Seed = 0,
    model: Model = "",
    profile: Profile = "",
    json_file: JsonFile = None,
    markdown: Annotated[
        Path | None, typer.Option(help="File for the table. [default: the terminal]")
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="File for the rows as CSV.")
    ] = None,
) -> int:
    """Tamper at random places and measure how well the scores tell.

    Rows are attacks; columns are the paper's scores, ours and a plain high-pass
    detector: AUC with an interval by patient, EER, true positives at 1 % and 5 %;
    then what the program flags at its own threshold, patients counting the same, with
    the exact interval. Injections are judged against genuine solid structures of the
    lung; a column keeps the comparison with lung that holds none.
    """
    from btd_desktop.bench import corpus, tables
    from btd_desktop.bench.evaluate import flagged_genuine, judge, observe

    modality, usable = usable_attacks(data, modality, attacks, simulated=simulated)
    detector, found = calibrated_detector(model, modality, profile)
    with watched() as context:
        genuine, donors = series_to_measure(
            data, split, modality, patients, context, usable, slices, series
        )
        left_out: list[None] = []
        seen = observe(
            corpus.unseen(
                genuine, found, detector.card.training, lambda: left_out.append(None)
            ),
            detector,
            attacks=[attack.name for attack in usable],
            n_places=places,
            seed=seed,
            context=context,
            donors=donors,
            click_error_px=click_error,
        )
        judged = [judge(own, found) for own in seen]
    if left_out:
        warn(f"{len(left_out)} series left out: the model or profile has seen them")
    kinds = {attack.name: attack.kind for attack in usable}
    rows = tables.rows_of(judged, kinds, seed=seed)
    rows += tables.mean_rows(judged, kinds, seed=seed)
    facts = {
        "model": detector.card.name,
        "model_digest": detector.card.digest,
        "profile": found.name,
        "data": f"split {split}" if data is not None else f"simulated, {patients}",
        "series": series,
        "series_left_out": len(left_out),
        "modality": modality,
        "places": places,
        "click_error_px": click_error,
        "seed": seed,
        "patients_of_donors": [donor.patient for donor in donors],
    }
    flagged_places = flagged_genuine(judged, found)
    if flagged_places is not None:
        facts["genuine_places_flagged"], facts["genuine_places"] = flagged_places
    structures = tables.structures_flagged(judged)
    facts["genuine_structures_flagged"] = structures and asdict(structures)
    facts["places_without_flag"] = sum(own.flagged is None for own in judged)
    table = tables.to_markdown(rows)
    write_text(json_file, tables.to_json(rows, facts))
    write_text(markdown, table)
    write_text(csv_file, tables.to_csv(rows))
    if markdown is None:
        say(*table.splitlines())
    if flagged_places is not None:
        flagged, of = flagged_places
        rate = 100 * flagged / max(of, 1)
        interval = found.levels["anomaly"]["place"].interval
        claimed = (
            f"; the profile claims {100 * interval[0]:.2g} to {100 * interval[1]:.2g} %"
            if interval
            else ""
        )
        say(f"Genuine places flagged: {flagged} of {of} ({rate:.2g} %{claimed}).")
    if structures is not None:
        say(
            f"Genuine solid structures flagged: {tables.rate_text(structures)}, "
            f"{structures.n_patients} patients counting the same, {structures.n} "
            "structures."
        )
    return 0


@bench.command("search")
def search(
    data: Data = None,
    simulated: Simulated = False,
    split: Split = "test",
    series: Series = "",
    modality: Modality = "CT",
    attacks: Attacks = "",
    places: Annotated[
        int, typer.Option(help="Tampered copies per series and attack.", min=1)
    ] = 1,
    patients: Patients = 6,
    least: Annotated[
        int, typer.Option(help="Leave out series of fewer slices.", min=1)
    ] = 1,
    block: Annotated[
        int, typer.Option(help="Keep the middle slices of each series. [default: all]")
    ] = 0,
    left_out: Annotated[
        bool,
        typer.Option(
            "--left-out",
            help="Judge each patient by a profile fitted on all others of the split "
            "(their density widened by the split “train”), not by one that is there.",
        ),
    ] = False,
    seed: Seed = 0,
    model: Model = "",
    profile: Profile = "",
    json_file: JsonFile = None,
) -> int:
    """Tamper with one place and search the whole series for it.

    Series that the model has learnt from are left out, and patients whom the profile
    holds.
    """
    from btd_desktop.bench import corpus
    from btd_desktop.bench.search import SMALL_P, search_rows, search_series
    from btd_desktop.cli.output import columns

    modality, usable = usable_attacks(data, modality, attacks, simulated=simulated)
    if left_out and profile:
        raise typer.BadParameter("--left-out and --profile exclude each other")
    detector, found = calibrated_detector(model, modality, profile)
    with watched() as context:
        genuine, donors = series_to_measure(
            data, split, modality, patients, context, usable, names=series
        )
        unseen = corpus.blocks_of(genuine, least, block)
        seen: list[None] = []
        searched = search_series(
            corpus.unseen(
                unseen,
                None if left_out else found,
                detector.card.training,
                lambda: seen.append(None),
            ),
            detector,
            _profiles_without(
                data, split, modality, patients, detector, found.target_fpr, context
            )
            if left_out
            else lambda _: found,
            attacks=usable,
            n_places=places,
            seed=seed,
            context=context,
            donors=donors,
            kinds=("anomaly", "untaught"),
        )
    if seen:
        warn(f"{len(seen)} series left out: the model or profile has seen them")
    rows = search_rows(searched)
    heads = (
        "attack", "score", "n", "patients", "AUC", "1st", "5", "12", "chance", "slice",
        "flagged", "p",
    )  # fmt: skip
    say(
        *columns(
            heads,
            [
                (
                    row.attack,
                    row.kind,
                    str(row.n),
                    str(row.n_patients),
                    f"{row.series_auc:.2f}",
                    *(
                        "–" if rate is None else f"{rate.value:.2f}"
                        for rate in (
                            row.first_1,
                            row.first_5,
                            row.first_12,
                            row.before_5,
                            row.slice_1,
                            row.slices_flagged,
                            row.p_small,
                        )
                    ),
                )
                for row in rows
            ],
        ),
        "1st, 5, 12: the right place is the highest, among the first five, among the "
        "first twelve of its series; chance: among the first five before the change; "
        "slice: the highest of its slice; flagged: its slice is; p: the series has a "
        f"p-value of at most {SMALL_P:g}.",
    )
    write_text(json_file, printed_json(rows))
    return 0


def _profiles_without(
    data: Path | None,
    split: str,
    modality: str,
    patients: int,
    detector: BoundDetector,
    fpr: float,
    context: TaskContext,
) -> Callable[[str], CalibrationProfile]:
    """For each patient the profile of all others of the split."""
    from btd_desktop.bench.rates import profile_without
    from btd_desktop.workflow.calibrate import (
        benign_features,
        patient_key,
        profile_header,
    )
    from btd_desktop.workflow.services import Services

    own, behind = (
        [
            (v, patient_key(p))
            for v, p in genuine_series(data, part, modality, n, context)
        ]
        for part, n in ((split, patients), ("train", 0))
    )
    benign = benign_features(own, detector, context, behind)
    profile_for = profile_without(
        benign[: len(own)],
        profile_header(detector, "left out", Services()),
        fpr,
        benign[len(own) :],
    )
    return lambda patient: profile_for(patient_key(patient))
