"""`btd calibrate`: genuine scans to a calibration profile."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btd_desktop.cli.options import (
    AsJson,
    Device,
    Dtype,
    GenuineScans,
    MethodName,
    method_of,
)
from btd_desktop.cli.output import columns, print_json, say, warn
from btd_desktop.cli.watching import watched


def calibrate_model(
    paths: GenuineScans,
    name: Annotated[str, typer.Option(help="Name of the profile.")],
    model: Annotated[
        str, typer.Option(help="Name or folder. [default: that of the modality]")
    ] = "",
    modality: Annotated[
        str, typer.Option(help="CT or MR, where no model is named.")
    ] = "CT",
    fpr: Annotated[
        float | None,
        typer.Option(help="Wanted false-positive rate. [default: the setting, 0.01]"),
    ] = None,
    join: Annotated[
        str,
        typer.Option(
            help="Calibration profile, by file, name or digest, that the patients of "
            "the scans join; its false-positive rate stays. [default: none, the scans "
            "alone]",
            metavar="PROFILE",
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="File to write. [default: NAME.json among your profiles]"),
    ] = None,
    note: Annotated[
        list[str] | None,
        typer.Option(help="A sentence the profile carries; repeatable."),
    ] = None,
    method: MethodName = "",
    device: Device = None,
    dtype: Dtype = None,
    as_json: AsJson = False,
) -> int:
    """Calibrate a model on genuine scans that it was not trained on.

    Give scans of at least three patients; the false-positive rate that a profile can
    carry is limited by their number, and the profile says so. With --join a single
    patient is enough: the scans must be like those of the profile.
    """
    from btd_desktop.calibration.regions import regions_text
    from btd_desktop.examination.fit import rate_warnings
    from btd_desktop.examination.wording import interval_text, number_text
    from btd_desktop.workflow.make_profile import make_profile, profile_summary
    from btd_desktop.workflow.services import default_services

    if modality.upper() not in ("CT", "MR"):
        raise typer.BadParameter(f"--modality is CT or MR, got {modality!r}")
    if join and fpr is not None:
        raise typer.BadParameter(
            "--fpr and --join exclude each other: a profile that is joined keeps its "
            "false-positive rate"
        )
    services = default_services()
    if fpr is None and not join:
        fpr = services.settings.default_fpr
    with watched() as context:
        profile, written = make_profile(
            paths,
            model=model,
            modality=modality.upper(),
            name=name,
            fpr=fpr,
            out=out,
            device=device or services.settings.device,
            dtype=dtype or services.settings.dtype,
            services=services,
            context=context,
            notes=tuple(note or ()),
            join=join,
            method=method_of(method),
        )
    summary = profile_summary(profile)
    if as_json:
        print_json({"path": str(written), **summary})
        return 0
    say(
        f"Profile: {written}",
        f"  {profile.n_patients} patients, {profile.n_series} series, "
        f"{profile.n_slices} slices, {profile.n_patches} patches; wanted "
        f"false-positive rate {profile.target_fpr:g}",
        f"  regions of the body: {regions_text(summary['regions'])}",
    )
    if join:
        say(f"  {profile.notes[-1]}")
    rows = []
    for row in summary["levels"]:
        interval = row["interval"]
        rows.append(
            (
                row["kind"],
                row["level"],
                str(row["n"]),
                number_text(row["threshold"]),
                interval_text(interval, percent=True),
                row["reason"],
            )
        )
    say(*columns(("score", "level", "n", "threshold", "true rate, 95 %", ""), rows))
    warn(*rate_warnings(profile))
    return 0
