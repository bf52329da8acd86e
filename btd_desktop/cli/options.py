"""Options that several commands share, so that they are spelt and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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


Title = Annotated[str, typer.Option(help="Short name of the case.")]
CaseNumber = Annotated[str, typer.Option(help="Number of the case.")]
Client = Annotated[str, typer.Option(help="Who asked.")]
Examiner = Annotated[str, typer.Option(help="Who examines.")]
Question = Annotated[str, typer.Option(help="What was asked.")]
GenuineScans = Annotated[
    list[Path],
    typer.Argument(help="Genuine scans: folders, files, ZIPs.", metavar="PATH..."),
]


def place_of(text: str) -> tuple[int, int, int]:
    """(slice, row, column) from 0, from "X,Y,SLICE" with the slice counted from 1.

    Raises:
        BadParameter: The text is something else.
    """
    try:
        x, y, slice_number = (int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"--at takes three whole numbers X,Y,SLICE, got {text!r}"
        ) from None
    return slice_number - 1, y, x


def modality_of(stated: str) -> str:
    """The modality stated, in capitals; "" when none was.

    Raises:
        BadParameter: It is neither CT nor MR.
    """
    modality = stated.upper()
    if modality not in ("", "CT", "MR"):
        raise typer.BadParameter(f"--modality is CT or MR, got {stated!r}")
    return modality
