"""The real scans beside the checkout, by split, through the program's own import."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.series import LoadedSeries
from btd_desktop.progress import TaskContext

__all__ = ["CREDITS", "DATA", "load_split", "sources_of"]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

CREDITS = (
    "Public collections of The Cancer Imaging Archive, through public repositories, "
    "and scans shipped with open-source software; source and licence of each file are "
    "listed in the data set's manifest. Collections: {sources}."
)


def _rows(split: str, modality: str) -> list[dict[str, str]]:
    with (DATA / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return [
            row
            for row in csv.DictReader(file)
            if row["split"] == split and row["modality"] == modality
        ]


def load_split(split: str, modality: str) -> Sequence[LoadedSeries]:
    """Series of one split ("train", "calib", "test") and modality ("CT", "MR")."""
    paths = [DATA / row["file"] for row in _rows(split, modality)]
    found = import_evidence(paths, TaskContext())
    lost = [f for f in found.files if f.fate.value != "accepted"]
    if lost:
        print(f"{len(lost)} of {len(paths)} files were not taken; first: {lost[0]}")
    return found.series


def sources_of(split: str, modality: str) -> str:
    """Sources named in the manifest, each once, in one line."""
    return "; ".join(sorted({row["source"] for row in _rows(split, modality)}))
