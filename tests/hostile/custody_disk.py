"""What happens to a case on a disk that is full, or that may not be written.

Run as a process of its own inside a private mount, or under a limit on file sizes:

    python -m tests.hostile.custody_disk full|limit|read-only PLACE HOME

PLACE holds nothing (full, limit) or `case` and `evidence` (read-only). Prints one JSON
object with the errors met, in words, and what the case held afterwards.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import BtdError
from btd_desktop.workflow.import_series import keep_import
from btd_desktop.workflow.verify import verify_case_folder
from tests.factories import make_ct_volume
from tests.hostile.custody_case import (
    SERVICES,
    make_evidence,
    make_import,
    new_case,
    report,
    score,
    scores_of,
)

__all__ = ["main"]


def _met(work: Callable[[], object]) -> list[str]:
    """Code and sentence of the error that work ends in; empty when it does not."""
    try:
        work()
    except BtdError as error:
        return [error.code, error.detail, error.hint]
    return []


def _too_much(store: CaseStore, evidence: Path) -> None:
    """A series that is larger than the disk."""
    found = make_import(evidence)
    large = replace(
        found.series[0],
        volume=make_ct_volume(9, shape=(40, 256, 256)),
        series_uid="9.9",
        record_names=(),
    )
    keep_import(store, replace(found, series=(large,)), SERVICES)


def _state(folder: Path) -> dict[str, Any]:
    check, _ = verify_case_folder(folder)
    with CaseStore.open(folder, read_only=True) as store:
        done = len(store.done_slices(1)) if store.runs() else 0
        return {
            "problems": list(check.verdict.problems),
            "n_series": len(store.series()),
            "n_evidence": len(store.evidence()),
            "n_done": done,
            "leftovers": [
                p.name
                for p in folder.rglob("*")
                if p.name.startswith(".writing") or p.name.endswith(".part")
            ],
        }


def _full(place: Path, home: Path) -> dict[str, Any]:
    """A disk of 1 MiB: too large a series, then filled up, then given more room."""
    evidence = make_evidence(home / "evidence")
    folder = place / "case"
    new_case(folder)
    told: dict[str, Any] = {}
    with CaseStore.open(folder) as store:
        keep_import(store, make_import(evidence), SERVICES)
        told["series"] = _met(lambda: _too_much(store, evidence))
    told["after series"] = _state(folder)
    ballast = place / "ballast"
    with ballast.open("wb") as stream:
        free = os.statvfs(place)
        # Room for a few slices, not for all.
        stream.write(b"x" * (free.f_bavail * free.f_bsize - 60_000))
    with CaseStore.open(folder) as store:
        told["score"] = _met(lambda: score(store))
    told["after score"] = _state(folder)
    free = os.statvfs(place)
    with (place / "ballast 2").open("wb") as stream:
        stream.write(b"x" * max(0, free.f_bavail * free.f_bsize))
    told["new case"] = _met(lambda: new_case(place / "second"))
    told["second is there"] = (place / "second").exists()
    told["open"] = _met(lambda: CaseStore.open(folder).close())
    subprocess.run(["mount", "-o", "remount,size=8m", str(place)], check=True)
    with CaseStore.open(folder) as store:
        score(store)
        told["scores"] = scores_of(store)
        filled = os.statvfs(place)
        with (place / "ballast 3").open("wb") as stream:
            stream.write(b"x" * (filled.f_bavail * filled.f_bsize - 30_000))
        told["report"] = _met(lambda: report(store))
    told["after report"] = _state(folder)
    (place / "ballast 3").unlink()
    with CaseStore.open(folder) as store:
        told["report in the end"] = report(store).path.is_file()
    told["in the end"] = _state(folder)
    return told


def _limit(place: Path, home: Path) -> dict[str, Any]:
    """No file may grow beyond 100 kB, as a quota says it."""
    import resource

    evidence = make_evidence(home / "evidence")
    folder = place / "case"
    new_case(folder)
    told: dict[str, Any] = {}
    with CaseStore.open(folder) as store:
        keep_import(store, make_import(evidence), SERVICES)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        told["series"] = _met(lambda: _too_much(store, evidence))
        told["score"] = _met(lambda: score(store))
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        )
        score(store)
        told["scores"] = scores_of(store)
    told["in the end"] = _state(folder)
    return told


def _read_only(place: Path, home: Path) -> dict[str, Any]:
    """The case lies on a medium that cannot be written."""
    folder = place / "case"
    told: dict[str, Any] = {
        "open": _met(lambda: CaseStore.open(folder).close()),
        "new case": _met(lambda: new_case(place / "second")),
        "state": _state(folder),
    }
    with CaseStore.open(folder, read_only=True) as store:
        told["scores"] = scores_of(store)
        told["score"] = _met(lambda: score(store))
        told["change"] = _met(lambda: store.append_audit("x", {}, "y", SERVICES.now()))
        told["report"] = _met(lambda: report(store, home / "report.pdf"))
    return told


def main(what: str, place: Path, home: Path) -> dict[str, Any]:
    """Run one of them; see the module."""
    os.environ["BTD_HOME"] = str(home)
    return {"full": _full, "limit": _limit, "read-only": _read_only}[what](place, home)


if __name__ == "__main__":
    sys.stdout.write(
        json.dumps(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
    )
