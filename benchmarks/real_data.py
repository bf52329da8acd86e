"""The real scans beside the checkout; what reads them is `btd_desktop.bench.corpus`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from btd_desktop.bench import corpus
from btd_desktop.dicom.series import LoadedSeries
from btd_desktop.progress import TaskContext

__all__ = ["CREDITS", "DATA", "load_split", "sources_of"]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

CREDITS = (
    "Public collections of The Cancer Imaging Archive, through public repositories, "
    "and scans shipped with open-source software; source and licence of each file are "
    "listed in the data set's manifest. Collections: {sources}."
)


def load_split(split: str, modality: str) -> Sequence[LoadedSeries]:
    """Series of one split ("train", "calib", "test") and modality ("CT", "MR")."""
    series, lost = corpus.load_split(DATA, split, modality, TaskContext())
    if lost:
        print(f"{len(lost)} files were not taken; first: {lost[0]}")
    return series


def sources_of(split: str, modality: str) -> str:
    """Sources named in the manifest, each once, in one line."""
    return corpus.sources_of(DATA, split, modality)
