"""Scores the series of a folder and prints where to look first.

    python docs/examples/score_series.py FOLDER CASE

CASE is a new folder that keeps files, scores and log. Needs torch.
"""

from __future__ import annotations

import sys
from pathlib import Path

from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.models import find_model, open_detector
from btd_desktop.examination.place import highest_places
from btd_desktop.examination.reading import read_case
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    import_into_case,
)
from btd_desktop.workflow.score_series import score_series
from btd_desktop.workflow.services import Services


def score_folder(folder: Path, case: Path) -> None:
    """Import a folder into a new case and score every series in it."""
    services, context = Services(), TaskContext()
    with create_case(case, CaseDetails(title="Example"), services) as store:
        for record in import_into_case(store, [folder], services, context):
            detector = open_detector(find_model("", record.modality))
            score_series(store, record.series_id, detector, services, context)


def tell(case: Path) -> None:
    """Print what came of each series."""
    with CaseStore.open(case, read_only=True) as store:
        for found in read_case(store):
            print(f"{found.record.description}: {found.record.n_slices} slices")
            print(f"  {found.state.value} {found.reason}".rstrip())
            if found.evaluation is None:
                continue
            for peak in highest_places(found.evaluation):
                where = f"slice {peak.slice_index + 1}, x {peak.column}, y {peak.row}"
                print(f"  {where}: score {peak.score:.2f}")


if __name__ == "__main__":
    evidence, kept = map(Path, sys.argv[1:])
    score_folder(evidence, kept)
    tell(kept)
