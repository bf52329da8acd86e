"""What a run of `btd bench evidence` keeps, so that a later one can go on from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from btd_desktop.bench.evidence import GenuineSeries, TamperedSeries
from btd_desktop.bench.evidence_rows import EvidenceRow, GenuineFigures
from btd_desktop.errors import EvidenceError, SettingsError
from btd_desktop.strict_json import record_from_json


@dataclass(frozen=True, slots=True)
class KeptEvidence:
    """Content of the file.

    Attributes:
        facts: What was measured; JSON values, with the map's digest as "evidence_map".
        genuine: Genuine series.
        tampered: Their tampered copies.
        figures: Of the genuine series; None while the run goes on.
        rows: One per attack; empty while the run goes on.
    """

    facts: dict[str, Any]
    genuine: tuple[GenuineSeries, ...]
    tampered: tuple[TamperedSeries, ...]
    figures: GenuineFigures | None = None
    rows: tuple[EvidenceRow, ...] = ()


def kept_evidence(path: Path, evidence_map: str) -> KeptEvidence:
    """Series of an earlier run, without its rows, which are made anew of all series.

    Args:
        path: File that the run wrote.
        evidence_map: SHA-256 of the weights of the map in use.

    Raises:
        EvidenceError: The file cannot be read or is none of this program.
        SettingsError: It is of another map.
    """
    try:
        value = json.loads(path.read_text("utf-8"))
        facts = dict(value["facts"])
        kept = KeptEvidence(
            facts,
            tuple(record_from_json(GenuineSeries, own) for own in value["genuine"]),
            tuple(record_from_json(TamperedSeries, own) for own in value["tampered"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise EvidenceError(
            f"{path} cannot be read as figures of an evidence map ({error}).",
            hint="Name a file that `btd bench evidence --json` wrote.",
            code="evidence_figures",
        ) from error
    if facts.get("evidence_map") != evidence_map:
        raise SettingsError(
            f"{path} was measured with another evidence map.",
            hint="Figures of several maps cannot be counted together.",
            code="evidence_figures",
        )
    return kept
