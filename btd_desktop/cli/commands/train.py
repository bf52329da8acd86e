"""`btd train`: genuine scans to a model of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from btd_desktop.cli.options import AsJson, Device, GenuineScans
from btd_desktop.cli.output import print_json, say, warn
from btd_desktop.cli.watching import watched

if TYPE_CHECKING:
    from btd_desktop.diffusion.training.trainer import TrainingState


def train_model(
    paths: GenuineScans,
    preset: Annotated[str, typer.Option(help="ct96wide, ct96 or mr128.")],
    out: Annotated[Path, typer.Option(help="Folder of the model.")],
    network: Annotated[str, typer.Option(help="lean or reference.")] = "lean",
    dim: Annotated[int, typer.Option(help="Width of the network.")] = 24,
    recipe: Annotated[str, typer.Option(help="small or paper.")] = "small",
    steps: Annotated[
        int | None, typer.Option(help="Steps. [default: the recipe's]", min=1)
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Crops a step. [default: the recipe's]", min=1)
    ] = None,
    crop: Annotated[
        int | None,
        typer.Option(help="Side of a crop, px. [default: the recipe's]", min=8),
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Learning rate. [default: the recipe's]")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="bfloat16 or float32. [default: the recipe's]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.", min=0)] = 0,
    validation_share: Annotated[
        float,
        typer.Option(help="Share of patients only watched.", min=0.0, max=0.9),
    ] = 0.1,
    simulated: Annotated[
        int,
        typer.Option(
            help="Simulated patients to learn from besides, each on another scanner.",
            min=0,
        ),
    ] = 0,
    start_from: Annotated[
        Path | None,
        typer.Option(help="Folder of a model whose weights training starts from."),
    ] = None,
    credits_text: Annotated[
        str, typer.Option("--credits", help="Whose scans they are; goes into the card.")
    ] = "",
    device: Device = None,
    as_json: AsJson = False,
) -> int:
    """Train a model on your own genuine scans; the same command resumes it later."""
    from btd_desktop.workflow.services import default_services
    from btd_desktop.workflow.train_model import TrainingOptions, train_on_paths

    services = default_services()
    options = TrainingOptions(
        preset=preset,
        network=network,
        dim=dim,
        recipe=recipe,
        steps=steps,
        batch=batch,
        crop=crop,
        learning_rate=lr,
        precision=precision,
        validation_share=validation_share,
        simulated=simulated,
        seed=seed,
        start_from=start_from,
    )
    with watched() as context:
        card = train_on_paths(
            paths,
            options,
            out=out,
            device=device or services.settings.device,
            services=services,
            context=context,
            credits_text=credits_text,
            on_state=_tell_state,
        )
    if as_json:
        print_json({"folder": str(out), "card": card.to_json()})
        return 0
    say(
        f"Model: {out}",
        f"  {card.title}, {card.n_parameters:,} parameters, "
        f"{card.training['steps']} steps, {card.training['patients_learnt']} patients",
        "Calibrate it on genuine scans of other patients before it is used: "
        "btd calibrate",
    )
    return 0


_TOLD_EVERY_STEPS = 500


def _tell_state(state: TrainingState) -> None:
    """A line now and then on standard error: the bar alone keeps no history."""
    from btd_desktop.workflow.train_model import loss_point

    last = state.step == state.steps
    if state.step % _TOLD_EVERY_STEPS and not last:
        return
    point = loss_point(state)
    watched_loss = (
        "" if point.watched is None else f", watched patients {point.watched:.4f}"
    )
    warn(
        f"step {point.step} of {point.steps}: loss {point.loss:.4f}{watched_loss}, "
        f"{point.left_s:.0f} s left"
    )
