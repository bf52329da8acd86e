"""Two cases with signed reports, as commit 8a796f6 left them; all scans simulated.

`calibrated` is the demonstration cut down to six slices, with two places kept and two
reports; `not_covered` an MR series that no profile covers. Each archive holds `case/`
and `home/`, the user's folder of the computer that made it (its audit key is of no
other use). `expected.json` holds the numbers that the program of that commit gave.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

__all__ = ["EARLIER_CASES", "expected_of", "unpack_earlier"]

EARLIER_CASES = ("calibrated", "not_covered")
_FOLDER = Path(__file__).parent / "data" / "cases_8a796f6"


def unpack_earlier(name: str, folder: Path) -> Path:
    """Unpack `case` and `home` of an earlier case; returns the case folder."""
    with zipfile.ZipFile(_FOLDER / f"{name}.zip") as archive:
        archive.extractall(folder)
    return folder / "case"


def expected_of(name: str) -> dict[str, Any]:
    """What the program of that commit said of the case."""
    document = json.loads((_FOLDER / "expected.json").read_text(encoding="utf-8"))
    value: dict[str, Any] = document[name]
    return value
