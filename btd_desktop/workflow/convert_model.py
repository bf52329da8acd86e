"""Convert the authors' published checkpoints into models of this program."""

from __future__ import annotations

from pathlib import Path

from btd_desktop.diffusion.torch_part import require_torch
from btd_desktop.errors import SettingsError
from btd_desktop.preprocess.presets import preset_named
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.card import ModelCard
from btd_desktop.workflow.services import Services

_PRESETS = {"CT": "ct96", "MR": "mr128"}


def convert_published(
    checkpoint: Path,
    out: Path,
    *,
    modality: str,
    services: Services,
    context: TaskContext,
) -> ModelCard:
    """Convert a published checkpoint; see `diffusion.published`.

    Args:
        checkpoint: The `.pt` file.
        out: Folder of the new model.
        modality: "CT" or "MR": the paper's preset for it goes into the card.
        services: Clock.
        context: Progress and cancellation.

    Raises:
        SettingsError: There is no preset for the modality.
        ModelError: The file is not a published checkpoint, or is harmful.
        MissingPartError: torch is not installed.
        Cancelled: The user asked to stop; nothing is written.
    """
    require_torch()
    from btd_desktop.diffusion.published import convert_checkpoint

    if modality not in _PRESETS:
        raise SettingsError(
            f"there is no published model for {modality}", hint="use ct or mr"
        )
    context.report(0, 1, "Reading the checkpoint")
    card = convert_checkpoint(
        checkpoint,
        out,
        preset=preset_named(_PRESETS[modality]),
        now=services.now(),
        context=context,
    )
    context.report(1, 1, "Reading the checkpoint")
    return card
