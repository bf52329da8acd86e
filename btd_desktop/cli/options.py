"""Options that several commands share, so that they are spelt and explained once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from btd_desktop.examination.declared import Mandate
    from btd_desktop.scoring.method import Method
    from btd_desktop.workflow.state import StatementFile

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
MethodName = Annotated[
    str,
    typer.Option(
        "--method",
        help="own: this program's. paper: each patch alone, with the paper's two "
        "scores. paper-clamped: the same with the residual clamped as by the authors' "
        "code. [default: own; in a case, the newest run]",
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
TokenLibrary = Annotated[
    Path | None,
    typer.Option(
        "--pkcs11",
        metavar="LIBRARY",
        help="Sign with a smart card or other token: the PKCS#11 library of its maker."
        " The passphrase file holds its PIN.",
    ),
]
TokenName = Annotated[
    str, typer.Option("--token", help="Label of the token. [default: the first]")
]
TokenKey = Annotated[
    str, typer.Option("--key", help="Label of the key on it. [default: the only one]")
]
Crls = Annotated[
    list[Path] | None,
    typer.Option("--crl", help="List of revoked certificates (CRL); repeatable."),
]
Draft = Annotated[bool, typer.Option("--draft", help="Print DRAFT on it.")]
Statements = Annotated[
    list[Path] | None,
    typer.Option(
        "--statement",
        metavar="FILE",
        help="What you state for the report (TOML or JSON): who examines, from whom "
        "the items came, what was asked, other explanations. Repeatable, the later "
        "prevails. Kept in the case. Without name, role, question and sender the "
        "report is a draft.",
    ),
]
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


SearchIn = Annotated[
    str,
    typer.Option(
        "--search-in",
        help="What the search looks through: whole body, lung or solid tissue. "
        "Declared before scoring; a later change is logged and printed with both "
        "answers. [default: whole body]",
    ),
]
NamedPlaces = Annotated[
    list[str] | None,
    typer.Option(
        "--named-place",
        metavar="X,Y,SLICE",
        help="A place that the mandate names, tested by itself; repeatable. The slice "
        "counts from 1; in a case of several series SERIES:X,Y,SLICE.",
    ),
]


def mandate_of(search_in: str, named: Sequence[str] | None) -> Mandate | None:
    """What is to be tested; None when nothing was asked for.

    Raises:
        BadParameter: There is no such domain.
        SettingsError: A place is none.
    """
    from btd_desktop.examination.declared import DOMAINS, Mandate, places_from

    if not search_in and not named:
        return None
    domain = next((d for d in DOMAINS if d == (search_in or DOMAINS[0])), None)
    if domain is None:
        raise typer.BadParameter(
            f"--search-in is {', '.join(DOMAINS[:-1])} or {DOMAINS[-1]}, "
            f"got {search_in!r}"
        )
    return Mandate(domain, places_from(" ".join(named or ())))


def statements_of(files: Sequence[Path] | None) -> tuple[StatementFile, ...]:
    """What statement files hold.

    Raises:
        SettingsError: One cannot be read, or holds something else.
    """
    from btd_desktop.workflow.state import read_statement

    return tuple(read_statement(path) for path in files or ())


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


def method_of(name: str) -> Method:
    """The method of a name; this program's own when none was given.

    Raises:
        BadParameter: There is no such method.
    """
    from btd_desktop.scoring.method import METHODS, OWN

    for method in METHODS:
        if method == (name or OWN):
            return method
    raise typer.BadParameter(f"--method is {', '.join(METHODS)}, got {name!r}")


def modality_of(stated: str) -> str:
    """The modality stated, in capitals; "" when none was.

    Raises:
        BadParameter: It is neither CT nor MR.
    """
    modality = stated.upper()
    if modality not in ("", "CT", "MR"):
        raise typer.BadParameter(f"--modality is CT or MR, got {stated!r}")
    return modality
