"""The paper's comparison: every detector on the same patches, kept as it goes.

Places are those of the other measurements: injections are set against genuine solid
structures, removals against genuine tissue of the same slice. The results file holds
labels and scores, never pixels; what it holds is not computed again, so that a run that
was stopped goes on, and tables are made from it alone (`paper_tables`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from btd_desktop.bench.attacks.donors import Donor
from btd_desktop.bench.networks import CutPlace, cut_places
from btd_desktop.errors import SettingsError
from btd_desktop.progress import TaskContext
from btd_desktop.strict_json import plain_json
from btd_desktop.volume import Volume

ATTACKS: Final = (
    "ct-gan injection",
    "diffusion pixel injection",
    "diffusion latent injection",
    "ct-gan removal",
    "diffusion pixel removal",
    "diffusion latent removal",
)
GROSS: Final = "gross tampering"
"""A square of loud noise in genuine tissue: what does not find it is broken."""
_GROSS_SIGMA: Final = 0.3
_GROSS_SIDE: Final = 24
_FORMAT: Final = 1


class PatchScorer(Protocol):
    """A detector that is shown a patch and nothing else."""

    @property
    def name(self) -> str:
        """Its row."""
        ...

    @property
    def remark(self) -> str:
        """What its row must say: how it was trained."""
        ...

    @property
    def preset(self) -> str:
        """Name of the preset that scales its patches."""
        ...

    def scores(self, patches: NDArray[np.float32]) -> Mapping[str, NDArray[np.float64]]:
        """By kind of attack ("injection", "removal"), or "" for both: each (N,)."""
        ...


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What decides the places of a run.

    Attributes:
        attacks: Names of attacks.
        n_places: Tampered places per series and attack.
        seed: Everything random follows from it.
    """

    attacks: tuple[str, ...] = ATTACKS
    n_places: int = 1
    seed: int = 0


def run(
    series: Iterable[tuple[Volume, str]],
    scorers: Sequence[PatchScorer],
    options: RunOptions,
    *,
    results: Path,
    context: TaskContext,
    donors: Sequence[Donor] = (),
) -> dict[str, Any]:
    """Score what the results file does not hold yet, writing it after each series.

    Args:
        series: Genuine series with their patients, whom no detector has seen.
        scorers: The detectors.
        options: Attacks and places.
        results: File of labels and scores; begun when missing.
        context: Progress and cancel.
        donors: Blobs of other patients for splicing.

    Raises:
        SettingsError: The file holds a run with other options or other series.
        Cancelled: The user asked to stop; the series done are in the file.
    """
    found = _begun(results, options)
    for number, (volume, patient) in enumerate(series, start=1):
        kept = found["series"].setdefault(str(number), {"places": [], "scores": {}})
        if any(place["patient"] != patient for place in kept["places"]):
            raise SettingsError(
                f"series {number} of {results} is of another patient",
                hint="name the same data and series, or another folder",
                code="other_run",
            )
        todo = [s for s in scorers if s.name not in kept["scores"]]
        if not todo:
            continue
        presets = sorted({s.preset for s in todo})
        cut = cut_places(
            volume,
            patient,
            presets,
            attacks=options.attacks,
            n_places=options.n_places,
            seed=(options.seed, number),
            context=context,
            donors=donors,
        )
        rng = np.random.default_rng([options.seed, number, 9])
        gross = [_gross(c, rng) for c in cut if not c.attack and not c.site.structure]
        cut += gross[: 2 * options.n_places]
        kept["places"] = [_label(patient, own) for own in cut]
        for k, scorer in enumerate(todo):
            context.report(k, len(todo), "Scoring patches", f"{patient}: {scorer.name}")
            scores: dict[str, list[float]] = {}
            if cut:
                patches = np.stack([own.patches[scorer.preset] for own in cut])
                scores = {
                    kind: [float(v) for v in values]
                    for kind, values in scorer.scores(patches).items()
                }
            kept["scores"][scorer.name] = scores
            found["detectors"][scorer.name] = scorer.remark
            _write(results, found)
    return found


def _gross(own: CutPlace, rng: np.random.Generator) -> CutPlace:
    patches = {}
    for preset, patch in own.patches.items():
        low = (len(patch) - _GROSS_SIDE) // 2
        part = slice(low, low + _GROSS_SIDE)
        loud = patch.copy()
        noise = _GROSS_SIGMA * rng.standard_normal((_GROSS_SIDE, _GROSS_SIDE))
        loud[part, part] = np.clip(loud[part, part] + noise, 0.0, 1.0)
        patches[preset] = loud.astype(np.float32)
    return CutPlace(GROSS, (), own.site, patches)


def _label(patient: str, own: CutPlace) -> dict[str, Any]:
    return {
        "patient": patient,
        "attack": own.attack,
        "genuine_for": list(own.genuine_for),
        **plain_json(own.site),
    }


def _begun(results: Path, options: RunOptions) -> dict[str, Any]:
    asked = {"format": _FORMAT, "options": plain_json(options)}
    if not results.exists():
        return {**asked, "detectors": {}, "series": {}}
    found = read_results(results)
    if {key: found.get(key) for key in asked} != asked:
        raise SettingsError(
            f"{results} holds a run with other options",
            hint="name another folder, or the same options",
            code="other_run",
        )
    return found


def read_results(results: Path) -> dict[str, Any]:
    """What a results file holds.

    Raises:
        SettingsError: It cannot be read.
    """
    try:
        found: dict[str, Any] = json.loads(results.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{results} cannot be read: {error}", code="results"
        ) from error
    return found


def _write(results: Path, found: Mapping[str, Any]) -> None:
    results.parent.mkdir(parents=True, exist_ok=True)
    temporary = results.with_name(results.name + ".part")
    temporary.write_text(json.dumps(found) + "\n", encoding="utf-8")
    temporary.replace(results)
