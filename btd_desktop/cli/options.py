"""Options that several commands share, so that they are spelt and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from btd_desktop.settings import Settings

__all__ = [
    "AsJson",
    "CaseFolder",
    "CaseOut",
    "Device",
    "Dtype",
    "Evidence",
    "Model",
    "Profile",
    "device_of",
    "dtype_of",
]

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output.")
]
Evidence = Annotated[
    list[Path],
    typer.Argument(
        help="Folders, files, ZIP archives or DICOMDIRs.", metavar="PATH..."
    ),
]
CaseFolder = Annotated[Path, typer.Argument(help="Folder of the case.", metavar="CASE")]
CaseOut = Annotated[
    Path, typer.Option("--out", help="Folder of the case; made if missing.")
]
Device = Annotated[
    str | None,
    typer.Option("--device", help="auto, cpu, cuda or mps. [default: the setting]"),
]
Dtype = Annotated[
    str | None,
    typer.Option("--dtype", help="auto, float32 or bfloat16. [default: the setting]"),
]
Model = Annotated[
    str,
    typer.Option(
        "--model", help="Name or folder of a model. [default: that of the modality]"
    ),
]
Profile = Annotated[
    str,
    typer.Option(
        "--profile",
        help="Calibration profile by file, name or digest. [default: the one that "
        "covers the series best]",
    ),
]


def device_of(device: str | None, settings: Settings) -> str:
    """The device asked for, else the setting's."""
    return settings.device if device is None else device


def dtype_of(dtype: str | None, settings: Settings) -> str:
    """The number format asked for, else the setting's."""
    return settings.dtype if dtype is None else dtype
