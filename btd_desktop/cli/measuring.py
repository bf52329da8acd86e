"""What the commands that measure have in common: options, scans, attacks, files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from btd_desktop.cli.output import warn
from btd_desktop.errors import CalibrationError, SettingsError
from btd_desktop.volume import SeriesFacts

if TYPE_CHECKING:
    from btd_desktop.bench.attacks.donors import Donor
    from btd_desktop.bench.attacks.registry import Attack
    from btd_desktop.calibration.profile import CalibrationProfile
    from btd_desktop.examination.models import BoundDetector
    from btd_desktop.progress import TaskContext
    from btd_desktop.volume import Volume


SLICES = 15  # of simulated series
# Numbers of simulated patients; those that are measured have lower ones.
_FIRST_DONOR, _FIRST_FITTED = 1000, 2000
_DONOR_SPLITS = ("calib", "test")

Data = Annotated[
    Path | None, typer.Option(help="Folder of real scans with a manifest.csv.")
]
Simulated = Annotated[
    bool, typer.Option("--simulated", help="Measure on simulated scans.")
]
Split = Annotated[str, typer.Option(help="With --data: train, calib or test.")]
Series = Annotated[
    str,
    typer.Option(
        help="With --data: only these series of the manifest, commas between. "
        "[default: all]"
    ),
]
Modality = Annotated[str, typer.Option(help="CT or MR.")]
Attacks = Annotated[
    str, typer.Option(help="Names with commas between. [default: all there are]")
]
Patients = Annotated[
    int, typer.Option(help="With --simulated: how many patients.", min=1)
]
Places = Annotated[
    int, typer.Option(help="Tampered places per series and attack.", min=1)
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="File for the rows.")]
Seed = Annotated[int, typer.Option(help="Everything follows from it.", min=0)]


def measured_modality(data: Path | None, modality: str, *, simulated: bool) -> str:
    """CT or MR; refuses also both kinds of scans at once, or neither."""
    if (data is None) == (not simulated):
        raise typer.BadParameter("name either --data FOLDER or --simulated")
    modality = modality.upper()
    if modality not in ("CT", "MR"):
        raise typer.BadParameter(f"--modality is CT or MR, got {modality!r}")
    return modality


def usable_attacks(
    data: Path | None, modality: str, attacks: str, *, simulated: bool
) -> tuple[str, list[Attack]]:
    """Modality and attacks asked for, checked."""
    from btd_desktop.bench.attacks.registry import attacks_named

    modality = measured_modality(data, modality, simulated=simulated)
    wanted = [name.strip() for name in attacks.split(",") if name.strip()]
    usable = attacks_named(wanted, modality, lambda why: warn(f"left out: {why}"))
    if not usable:
        raise typer.BadParameter(f"no attack is left to make on {modality}")
    return modality, usable


def calibrated_detector(
    model: str, modality: str, profile: str
) -> tuple[BoundDetector, CalibrationProfile]:
    """The model and its calibration."""
    from btd_desktop.examination.models import find_model, open_detector
    from btd_desktop.examination.profiles import choose_profile
    from btd_desktop.scoring.engine import grid_of

    detector = open_detector(find_model(model, modality))
    found = choose_profile(
        detector.card,
        grid_of(detector.card.preset),
        SeriesFacts(modality=modality),
        profile,
    )
    if found is None:
        raise CalibrationError(
            f"There is no calibration profile for {detector.card.name}.",
            hint="Make one with btd calibrate.",
            code="profile",
        )
    return detector, found[0]


def genuine_series(
    data: Path | None,
    split: str,
    modality: str,
    patients: int,
    context: TaskContext,
) -> list[tuple[Volume, str]]:
    """Genuine series to fit on, with their patients; simulated ones without data."""
    from btd_desktop.bench import corpus

    if data is None:
        return list(
            corpus.simulated_series(
                modality, patients, context, n_slices=SLICES, first=_FIRST_FITTED
            )
        )
    series, _ = corpus.load_split(data, split, modality, context)
    return list(corpus.patients_of(series))


def series_to_measure(
    data: Path | None,
    split: str,
    modality: str,
    patients: int,
    context: TaskContext,
    attacks: Sequence[Attack] = (),
    slices: int = SLICES,
    names: str = "",
) -> tuple[Iterator[tuple[Volume, str]], list[Donor]]:
    """Series to measure on, and blobs for those attacks that splice.

    `names` of the manifest's column "series", with commas between, choose among them.
    """
    from btd_desktop.bench import corpus

    wants_donors = modality == "CT" and any(a.needs_donors for a in attacks)
    if data is None:
        made = corpus.simulated_series(modality, patients, context, n_slices=slices)
        others = corpus.simulated_series(
            modality, 2 * wants_donors, context, n_slices=slices, first=_FIRST_DONOR
        )
        return made, corpus.donors_from(others, context)
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    series, lost = corpus.load_split(data, split, modality, context, chosen)
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


def write_text(path: Path | None, text: str) -> None:
    """Write a file, if one was named.

    Raises:
        SettingsError: It cannot be written.
    """
    try:
        if path is not None:
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written ({error.strerror}).",
            hint="Name a file in a folder that exists.",
            code="not_written",
        ) from error
