"""Options that several commands share, so that they are spelt and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from btd_desktop.settings import Settings


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
Modality = Annotated[
    str,
    typer.Option(
        "--modality",
        help="CT or MR: what files are whose format does not say it (NIfTI, NRRD, "
        "MetaImage, NumPy, PNG). Recorded as your statement. [default: by their "
        "values, where these are HU]",
    ),
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
Certificate = Annotated[
    Path | None,
    typer.Option(
        "--pkcs12",
        help="Certificate to sign with. [default: the setting, else an own key]",
    ),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="File that holds its passphrase."),
]
Draft = Annotated[bool, typer.Option("--draft", help="Print DRAFT on it.")]
Remarks = Annotated[
    str, typer.Option("--remarks", help="Your own words on the opinion.")
]


def device_of(device: str | None, settings: Settings) -> str:
    """The device asked for, else the setting's."""
    return settings.device if device is None else device


def dtype_of(dtype: str | None, settings: Settings) -> str:
    """The number format asked for, else the setting's."""
    return settings.dtype if dtype is None else dtype


def modality_of(stated: str) -> str:
    """The modality stated, in capitals; "" when none was.

    Raises:
        BadParameter: It is neither CT nor MR.
    """
    modality = stated.upper()
    if modality not in ("", "CT", "MR"):
        raise typer.BadParameter(f"--modality is CT or MR, got {stated!r}")
    return modality
