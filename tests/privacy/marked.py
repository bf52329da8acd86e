"""Evidence in which every text tag, file name and folder carries a marker."""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from btd_desktop.__main__ import main
from btd_desktop.dicom.write import write_series
from tests.factories import make_ct_volume, make_series_folder, make_tiny_model

__all__ = ["FORBIDDEN", "HEADERS", "MarkedDesk", "btd", "build_marked_desk"]

HEADERS = {
    "PatientName": "ZQNAME^ZQGIVEN",
    "PatientID": "ZQPATID77",
    "PatientBirthDate": "19310203",
    "PatientAddress": "ZQADDRESS LANE 5",
    "PatientComments": "ZQCOMMENT",
    "OtherPatientIDs": "ZQOTHERID",
    "AccessionNumber": "ZQACCESS9",
    "InstitutionName": "ZQHOSPITAL",
    "InstitutionAddress": "ZQTOWN 1",
    "InstitutionalDepartmentName": "ZQDEPT",
    "ReferringPhysicianName": "ZQREFER^ZQDOC",
    "PerformingPhysicianName": "ZQPERFORM",
    "OperatorsName": "ZQOPERATOR",
    "StationName": "ZQSTATION",
    "DeviceSerialNumber": "ZQSERIAL",
    "StudyID": "ZQSTUDY",
    "StudyDescription": "ZQSTUDYTEXT",
    "SeriesDescription": "ZQSERIESTEXT",
    "ProtocolName": "ZQPROTOCOL",
    "StudyDate": "20190417",
    "RequestedProcedureDescription": "ZQPROCEDURE",
    "ImageComments": "ZQIMAGECOMMENT",
}
"""Elements of the marked evidence; each value occurs nowhere else."""

FILE_MARKER = "ZQFILE"
FOLDER_MARKER = "ZQFOLDER"
FORBIDDEN = tuple(
    sorted(
        {part for value in HEADERS.values() for part in re.findall(r"ZQ\w+", value)}
        | {FILE_MARKER, FOLDER_MARKER, "ZQTEXTFILE"}
        | {"19310203", "1931-02-03", "03.02.1931", "20190417"}
    )
)
"""What may occur in nothing that is to name nobody, in any letter case."""

N_SLICES = 3


@dataclass(frozen=True)
class MarkedDesk:
    """Folders of a desk with marked evidence.

    Attributes:
        root: Everything; `home` and `models` in it are the user's own folders.
        evidence: The marked folder of the court.
        profile: A calibration profile that covers it.
    """

    root: Path
    evidence: Path
    profile: Path


def btd(*words: str | Path) -> tuple[int, dict[str, Any]]:
    """One call of the program for a script: exit status and the object it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = main([*(str(word) for word in words), "--json"])
    value = json.loads(printed.getvalue())
    assert isinstance(value, dict)
    return status, value


def build_marked_desk(root: Path) -> MarkedDesk:
    """Make it; `BTD_HOME` and `BTD_MODELS_DIR` must point into `root`.

    The evidence holds a series, a copy of one of its files, half a file and a text.
    """
    make_tiny_model(root / "models" / "tiny-ct")
    folder = root / f"{FOLDER_MARKER}_ZQNAME" / "series"
    # Bright letters in a corner, as a scanner burns a name in, far from the body.
    volume = make_ct_volume(0, shape=(N_SLICES, 128, 128))
    voxels = volume.voxels.copy()
    voxels[:, 2:10:2, 2:40:3] = 2500
    object.__setattr__(volume, "voxels", voxels)
    paths = write_series(volume, folder, headers=HEADERS, uid_seed="marked")
    for number, path in enumerate(paths):
        path.rename(folder / f"{FILE_MARKER}_ZQNAME_{number:03d}.dcm")
    whole = (folder / f"{FILE_MARKER}_ZQNAME_002.dcm").read_bytes()
    (folder / f"{FILE_MARKER}_copy.dcm").write_bytes(whole)
    (folder / f"{FILE_MARKER}_half.dcm").write_bytes(whole[: len(whole) // 2])
    (folder / f"{FILE_MARKER}.txt").write_text("ZQTEXTFILE")
    for patient in range(1, 5):
        make_series_folder(
            root / "benign" / f"p{patient}", patient, shape=(4, 128, 128)
        )
    profile = root / "local.json"
    status, _ = btd(
        "calibrate",
        root / "benign",
        "--name",
        "local",
        "--fpr",
        "0.2",
        "--out",
        profile,
    )
    assert status == 0
    return MarkedDesk(root, folder.parent, profile)
