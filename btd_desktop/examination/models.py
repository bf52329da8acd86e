"""Models on this computer: list, choose, open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from btd_desktop import paths
from btd_desktop.diffusion.torch_part import require_torch
from btd_desktop.errors import ModelError
from btd_desktop.examination.model_manifest import (
    check_pinned_model,
    is_shipped,
)
from btd_desktop.scoring.card import CARD_FILE, ModelCard, ModelFacts, read_card
from btd_desktop.scoring.detector import DetectorInfo
from btd_desktop.scoring.manifest import RunManifest
from btd_desktop.scoring.method import OWN, Method
from btd_desktop.scoring.selfcheck import check_noise_prediction

if TYPE_CHECKING:
    from btd_desktop.diffusion.denoiser import DiffusionDetector
    from btd_desktop.diffusion.evidence import EvidenceNet


# Folders of the default models: the user's own, else the shipped one.
_DEFAULTS = {
    "CT": ("default-ct", "ct96wide-lean"),
    "MR": ("default-mr", "mr128-lean"),
}
# For the paper's method: the paper's network, with weights brought in or our own.
_PAPER_DEFAULTS = {
    "CT": ("paper-ct", "ct96-reference8", "ct96-lean"),
    "MR": ("paper-mr", "mr128-reference8", "mr128-lean"),
}


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model folder, usable or not.

    Attributes:
        folder: The folder.
        card: Its card; None when the model cannot be used.
        problem: Why it cannot be used, or "".
        shipped: True when it came with the program.
    """

    folder: Path
    card: ModelCard | None
    problem: str
    shipped: bool


@dataclass(frozen=True, slots=True, eq=False)
class BoundDetector:
    """A model on a device, as `scoring.detector.Detector`.

    Attributes:
        info: Identity for manifests and profiles.
        card: The model's card.
        network: The network that predicts noise.
        evidence: The network of the learned evidence map; None where there is none.
    """

    info: DetectorInfo
    card: ModelCard
    network: DiffusionDetector
    evidence: EvidenceNet | None = None

    def predict_noise(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `scoring.detector.Detector` says."""
        noise = self.network.predict_noise(scaled)
        if self.evidence is None:
            return noise
        from btd_desktop.diffusion.evidence import evidence_map

        learned = evidence_map(self.evidence, noise, scaled)
        return np.concatenate([noise, learned[None]])

    def predict_patches(
        self, patches: NDArray[np.float32], level: float
    ) -> NDArray[np.float32]:
        """As `scoring.alone.PatchDetector` says."""
        return self.network.predict_patches(patches, level)


def list_models() -> tuple[ModelEntry, ...]:
    """Every model folder, in the order of `paths.model_dirs`, defaults first in each.

    A model that cannot be used is listed with its problem.
    """
    defaults = {name for names in _DEFAULTS.values() for name in names}
    entries = []
    for root in paths.model_dirs():
        if not root.is_dir():
            continue
        for folder in sorted(
            root.iterdir(), key=lambda f: (f.name not in defaults, f.name)
        ):
            if not (folder / CARD_FILE).is_file():
                continue
            card, problem = None, ""
            try:
                card = _checked_card(folder)
            except ModelError as error:
                problem = error.detail
            shipped = root == paths.shipped_models_dir()
            entries.append(ModelEntry(folder, card, problem, shipped))
    return tuple(entries)


def _checked_card(folder: Path) -> ModelCard:
    """The card of a model; for a shipped model only the card that was shipped."""
    card = read_card(folder)
    check_pinned_model(folder, card)
    return card


def find_model(wanted: str, modality: str, method: Method = OWN) -> ModelEntry:
    """The model to use.

    Args:
        wanted: Name or folder of a model; "" takes the default of the modality: the
            one named "default-ct" or "default-mr", else the shipped default, else the
            first that fits.
        modality: "CT" or "MR".
        method: What it is for; in the paper's method the defaults are "paper-ct" or
            "paper-mr", else the shipped network of the paper's kind.

    Raises:
        ModelError: There is no such model, or none for the modality.
    """
    if wanted:
        return _named_model(wanted)
    if modality not in _DEFAULTS:
        raise ModelError(
            "the modality of this series is not known, so no model was chosen",
            hint="import its file again and state whether it is CT or MR (on the "
            "command line with --modality)",
            code="no_modality",
        )
    fitting = [
        e
        for e in list_models()
        if e.card is not None and e.card.preset.modality == modality
    ]
    if not fitting:
        raise ModelError(
            f"no model for {modality} is installed",
            hint="train one with `btd train`, or put one into the models folder "
            "(`btd doctor` names it)",
            code="no_model",
        )
    names = (_DEFAULTS if method == OWN else _PAPER_DEFAULTS)[modality]
    preferred = [e for n in names for e in fitting if e.folder.name == n]
    return (preferred or fitting)[0]


def _named_model(wanted: str) -> ModelEntry:
    folder = Path(wanted)
    if (folder / CARD_FILE).is_file():
        card = _checked_card(folder)
        return ModelEntry(folder, card, "", shipped=is_shipped(folder))
    entries = list_models()
    for entry in entries:
        if entry.folder.name == wanted:
            if entry.card is None:
                raise ModelError(entry.problem, code="model")
            return entry
    known = ", ".join(e.folder.name for e in entries) or "none"
    raise ModelError(
        f"there is no model “{wanted}”", hint=f"installed: {known}", code="no_model"
    )


def model_of_run(manifest: RunManifest) -> ModelFacts:
    """Facts of the model that made a run; its card where the model is installed."""
    name, digest = manifest.model["name"], manifest.model["digest"]
    entry = _installed(digest)
    card = None if entry is None else entry.card
    preset = manifest.preset
    levels, method = manifest.noise_levels, manifest.used
    return ModelFacts(name, digest, preset, levels, card, method)


def installed_model(model: ModelFacts) -> ModelEntry:
    """The folder of a model, for computing with it.

    Raises:
        ModelError: It is not installed here.
    """
    entry = _installed(model.digest)
    if entry is None:
        raise ModelError(
            f"the scores were made with model {model.name} ({model.digest[:12]}…), "
            "which is not installed here: places cannot be scored",
            hint="install that model, or score again with one that is (`btd models`)",
            code="no_model",
        )
    return entry


def _installed(digest: str) -> ModelEntry | None:
    for entry in list_models():
        if entry.card is not None and entry.card.digest == digest:
            return entry
    return None


def open_run_detector(
    manifest: RunManifest, *, device: str = "auto", dtype: str = "auto"
) -> BoundDetector:
    """The model that made a run, to score further places of it.

    Args:
        manifest: Of the run.
        device: As in `open_detector`.
        dtype: "auto" takes the run's.

    Raises:
        ModelError: It is not installed here, or as in `open_detector`.
        SettingsError: The device or precision is not available.
    """
    if dtype == "auto":
        dtype = manifest.backend.dtype or "auto"
    entry = installed_model(model_of_run(manifest))
    return open_detector(entry, device=device, dtype=dtype, method=manifest.used)


def open_detector(
    entry: ModelEntry,
    *,
    device: str = "auto",
    dtype: str = "auto",
    method: Method = OWN,
) -> BoundDetector:
    """The model ready to score by a method; loads torch.

    Raises:
        ModelError: The model is damaged, differs from the one shipped in its folder, or
            does not predict noise.
        MissingPartError: torch is not installed.
        SettingsError: The device or precision is not available.
    """
    require_torch()
    from btd_desktop.diffusion.denoiser import open_detector as open_network
    from btd_desktop.diffusion.device import choose_device
    from btd_desktop.diffusion.evidence import open_evidence
    from btd_desktop.diffusion.schedule import sigmoid_schedule

    network = open_network(entry.folder, choose_device(device, dtype))
    card = network.card
    check_pinned_model(entry.folder, card)
    check_noise_prediction(network.predict_noise, card.levels, card.name)
    first = sigmoid_schedule().first_level
    paper_level = int(np.argmin(np.abs(np.array(card.levels) - first)))
    info = DetectorInfo(
        name=card.name,
        digest=card.digest,
        preset=card.preset,
        levels=card.levels,
        paper_level=paper_level,
        backend=network.device.backend,
        learned=card.evidence_sha256 is not UNSET,
    )
    if method != OWN:
        # The level of t = 0 alone, and nothing that was taught.
        level = (card.levels[paper_level],)
        info = replace(info, levels=level, paper_level=0, learned=False, method=method)
        return BoundDetector(info, card, network)
    evidence = open_evidence(entry.folder, card, network.device)
    return BoundDetector(info, card, network, evidence)
