"""`btd bench`: known attacks on known scans, and how well they are noticed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from btd_desktop.cli.options import Model, Profile
from btd_desktop.cli.output import say, warn
from btd_desktop.cli.watching import watched

if TYPE_CHECKING:
    from btd_desktop.bench.attacks.donors import Donor
    from btd_desktop.bench.attacks.registry import Attack
    from btd_desktop.calibration.profile import CalibrationProfile
    from btd_desktop.progress import TaskContext
    from btd_desktop.volume import Volume
    from btd_desktop.workflow.model_library import BoundDetector

__all__ = ["bench"]

bench = typer.Typer(
    name="bench",
    help="Tamper on purpose, and measure what is noticed of it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_SLICES = 15  # of simulated series
_FIRST_DONOR = 1000  # simulated patients that are measured have lower numbers
_DONOR_SPLITS = ("calib", "test")

Data = Annotated[
    Path | None, typer.Option(help="Folder of real scans with a manifest.csv.")
]
Simulated = Annotated[
    bool, typer.Option("--simulated", help="Measure on simulated scans.")
]
Split = Annotated[str, typer.Option(help="With --data: train, calib or test.")]
Modality = Annotated[str, typer.Option(help="CT or MR.")]
Attacks = Annotated[
    str, typer.Option(help="Names with commas between. [default: all there are]")
]
Patients = Annotated[
    int, typer.Option(help="With --simulated: how many patients.", min=1)
]
Seed = Annotated[int, typer.Option(help="Everything follows from it.", min=0)]


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

    centre = _place(at)
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
    places: Annotated[
        int, typer.Option(help="Tampered places per series and attack.", min=1)
    ] = 8,
    patients: Patients = 6,
    slices: Annotated[
        int, typer.Option(help="With --simulated: slices of each.", min=1)
    ] = _SLICES,
    seed: Seed = 0,
    model: Model = "",
    profile: Profile = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File for rows and facts.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="File for the table. [default: the terminal]")
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="File for the rows as CSV.")
    ] = None,
) -> int:
    """Tamper at random places and measure how well the scores tell.

    Rows are attacks; columns are the paper's scores, ours and a plain high-pass
    detector: AUC with an interval by patient, EER, true positives at 1 % and 5 %.
    """
    from btd_desktop.bench import tables
    from btd_desktop.bench.evaluate import judge, observe

    modality, usable = _usable(data, modality, attacks, simulated=simulated)
    detector, found = _detector(model, modality, profile)
    with watched() as context:
        series, donors = _series(
            data,
            split,
            modality,
            patients,
            slices,
            context,
            wants_donors=any(attack.needs_donors for attack in usable),
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
        judged = [judge(own, found) for own in seen]
    kinds = {attack.name: attack.kind for attack in usable}
    rows = tables.rows_of(judged, kinds, seed=seed)
    rows += tables.mean_rows(judged, kinds, seed=seed)
    facts = {
        "model": detector.card.name,
        "model_digest": detector.card.digest,
        "profile": found.name,
        "data": f"split {split}" if data is not None else f"simulated, {patients}",
        "modality": modality,
        "places": places,
        "seed": seed,
        "patients_of_donors": [donor.patient for donor in donors],
    }
    table = tables.to_markdown(rows)
    for path, text in (
        (json_file, tables.to_json(rows, facts)),
        (markdown, table),
        (csv_file, tables.to_csv(rows)),
    ):
        if path is not None:
            with _written(path):
                path.write_text(text, encoding="utf-8")
    if markdown is None:
        say(*table.splitlines())
    return 0


@bench.command("search")
def search(
    data: Data = None,
    simulated: Simulated = False,
    split: Split = "test",
    modality: Modality = "CT",
    attacks: Attacks = "",
    places: Annotated[
        int, typer.Option(help="Tampered copies per series and attack.", min=1)
    ] = 1,
    patients: Patients = 6,
    seed: Seed = 0,
    model: Model = "",
    profile: Profile = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File for the rows.")
    ] = None,
) -> int:
    """Tamper with one place and search the whole series for it."""
    from btd_desktop.bench.search import rows_json, search_rows, search_series
    from btd_desktop.cli.output import columns

    modality, usable = _usable(data, modality, attacks, simulated=simulated)
    detector, found = _detector(model, modality, profile)
    with watched() as context:
        series, donors = _series(
            data,
            split,
            modality,
            patients,
            _SLICES,
            context,
            wants_donors=any(attack.needs_donors for attack in usable),
        )
        rows = search_rows(
            search_series(
                series,
                detector,
                found,
                attacks=[attack.name for attack in usable],
                n_places=places,
                seed=seed,
                context=context,
                donors=donors,
            )
        )
    heads = (
        "attack",
        "n",
        "series AUC",
        "found",
        "in slice",
        "mm",
        "pixel AUC",
        "slices",
    )
    say(
        *columns(
            heads,
            [
                (
                    row.attack,
                    str(row.n),
                    f"{row.series_auc:.2f}",
                    f"{row.hit_share:.2f}",
                    f"{row.slice_hit_share:.2f}",
                    f"{row.median_distance_mm:.0f}",
                    f"{row.pixel_auc:.2f}",
                    "–" if row.slices_flagged is None else f"{row.slices_flagged:.2f}",
                )
                for row in rows
            ],
        )
    )
    if json_file is not None:
        with _written(json_file):
            json_file.write_text(rows_json(rows), encoding="utf-8")
    return 0


def _usable(
    data: Path | None, modality: str, attacks: str, *, simulated: bool
) -> tuple[str, list[Attack]]:
    """Modality and attacks asked for, checked."""
    from btd_desktop.bench.attacks.registry import attacks_named

    if (data is None) == (not simulated):
        raise typer.BadParameter("name either --data FOLDER or --simulated")
    modality = modality.upper()
    if modality not in ("CT", "MR"):
        raise typer.BadParameter(f"--modality is CT or MR, got {modality!r}")
    wanted = [name.strip() for name in attacks.split(",") if name.strip()]
    usable = attacks_named(wanted, modality, lambda why: warn(f"left out: {why}"))
    if not usable:
        raise typer.BadParameter(f"no attack is left to make on {modality}")
    return modality, usable


def _detector(
    model: str, modality: str, profile: str
) -> tuple[BoundDetector, CalibrationProfile]:
    """The model and its calibration."""
    from btd_desktop.scoring.engine import grid_of
    from btd_desktop.workflow.model_library import (
        choose_profile,
        find_model,
        open_detector,
    )

    detector = open_detector(find_model(model, modality))
    found = choose_profile(
        detector.card,
        grid_of(detector.card.preset).to_json(),
        {"modality": modality},
        profile,
    )
    if found is None:
        raise _no_profile(detector.card.name)
    return detector, found[0]


def _series(
    data: Path | None,
    split: str,
    modality: str,
    patients: int,
    slices: int,
    context: TaskContext,
    *,
    wants_donors: bool,
) -> tuple[Iterator[tuple[Volume, str]], list[Donor]]:
    """Series to measure on, and blobs that a splice can take."""
    from btd_desktop.bench import corpus

    wants_donors = wants_donors and modality == "CT"
    if data is None:
        made = corpus.simulated_series(modality, patients, context, n_slices=slices)
        others = corpus.simulated_series(
            modality, 2 * wants_donors, context, n_slices=slices, first=_FIRST_DONOR
        )
        return made, corpus.donors_from(others, context)
    series, lost = corpus.load_split(data, split, modality, context)
    if lost:
        warn(
            f"{len(lost)} files were not taken; first: {lost[0].name}: {lost[0].reason}"
        )
    if not series:
        raise typer.BadParameter(f"split {split} of {data} holds no {modality} series")
    donors: list[Donor] = []
    for other in _DONOR_SPLITS if wants_donors else ():
        read, _ = corpus.load_split(data, other, modality, context)
        donors += corpus.donors_from(corpus.patients_of(read), context)
    return corpus.patients_of(series), donors


def _place(text: str) -> tuple[int, int, int]:
    """(slice, row, column) from 0, from "X,Y,SLICE" with the slice counted from 1."""
    try:
        x, y, slice_number = (int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"--at takes three whole numbers X,Y,SLICE, got {text!r}"
        ) from None
    return slice_number - 1, y, x


def _no_profile(model: str) -> Exception:
    from btd_desktop.errors import CalibrationError

    return CalibrationError(
        f"There is no calibration profile for {model}.",
        hint="Make one with btd calibrate.",
        code="profile",
    )


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """A failed write as a sentence that names the file."""
    from btd_desktop.errors import SettingsError

    try:
        yield
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written ({error.strerror}).",
            hint="Name a file in a folder that exists.",
            code="not_written",
        ) from error
