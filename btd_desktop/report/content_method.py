"""What a report says of detector, calibration and validation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from btd_desktop.report.content_evidence import Fact

__all__ = [
    "Calibration",
    "Level",
    "LevelCalibration",
    "Method",
    "ValidationFact",
]

Level = Literal["place", "patch", "slice", "series"]
"""What a rate counts. "place" is one patch that somebody or the search pointed at, its
noise searched for elsewhere in the series; "patch" is any patch of the grid.
"""


@dataclass(frozen=True, slots=True)
class Method:
    """The detector used: model, preprocessing, grid and backend.

    Attributes:
        method_id: Reference for results, such as "M1".
        model_name: Name of the model.
        weights_digest: Hex SHA-256 of the weights.
        card_digest: Hex SHA-256 of the model card, or empty.
        network: Kind and size of the network.
        training_data: What it learned from, as the card says.
        credits: Credits and licences of the training data.
        preset: Preset of the preprocessing, such as "ct-wide".
        preprocessing: Its steps and parameters.
        noise_levels: Noise levels at which the noise was predicted.
        patch_size: Side of a patch in pixels.
        stride: Step of the grid in pixels.
        score_definition: How maps become the anomaly score, in a sentence or two.
        device: Where it ran, such as "CPU" or the name of the GPU.
        dtype: Number format of the network.
        torch_version: Version of the backend.
        n_threads: Threads used, 0 when not stated.
        seed: Seed, or None when nothing is drawn at random.
        extra: Further parameters.
    """

    method_id: str
    model_name: str
    weights_digest: str
    network: str
    training_data: str
    credits: str
    preset: str
    preprocessing: tuple[Fact, ...]
    noise_levels: tuple[float, ...]
    patch_size: int
    stride: int
    score_definition: str
    device: str
    dtype: str
    torch_version: str
    n_threads: int = 0
    card_digest: str = ""
    seed: int | None = None
    extra: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class LevelCalibration:
    """One level of a calibration profile.

    Attributes:
        level: "place", "patch", "slice" or "series".
        threshold: Score above which the level is flagged; None when n cannot carry
            the wanted FPR.
        n: Benign units (places, patches, slices, series) behind it.
        fpr: FPR claimed at the threshold, or None.
        fpr_interval: Clopper-Pearson interval of that FPR (low, high), or None.
        confidence: Confidence of the interval, such as 0.95.
        smallest_p: Smallest p-value that n allows, 1 / (n + 1).
        held_out_fpr_range: Smallest and largest FPR observed on a patient left out of
            the fit, or None when not measured.
        n_patients: Benign patients behind the units; 0 when not stated.
    """

    level: Level
    threshold: float | None
    n: int
    fpr: float | None
    fpr_interval: tuple[float, float] | None
    smallest_p: float
    confidence: float = 0.95
    held_out_fpr_range: tuple[float, float] | None = None
    n_patients: int = 0


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibration profile used.

    Attributes:
        profile_name: Name of the profile.
        profile_digest: Its digest; results refer to it.
        created: When it was fitted, aware UTC datetime, or None.
        n_patients: Benign patients behind it.
        n_series: Benign series behind it.
        n_slices: Benign slices behind it.
        n_patches: Benign patches behind it.
        scanner_mix: One text per group of scanners, with its count.
        target_fpr: FPR that was asked for.
        levels: Patch, slice and series; place where the profile has it.
        remarks: Warnings of the fit, as sentences.
    """

    profile_name: str
    profile_digest: str
    n_patients: int
    n_series: int
    n_slices: int
    n_patches: int
    scanner_mix: tuple[str, ...]
    target_fpr: float
    levels: tuple[LevelCalibration, ...]
    created: datetime | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValidationFact:
    """One measured performance figure from the model card.

    Attributes:
        method_id: The method measured.
        attack: Kind of attack, with its size where it was fixed.
        modality: "CT" or "MR".
        n_patients: Patients behind the figure.
        auc: Area under the ROC, or None.
        auc_interval: Its interval (low, high), or None.
        tpr: TPR at `tpr_at_fpr`, or None.
        tpr_at_fpr: FPR at which `tpr` was measured, or None.
        n_samples: Tampered spots or series behind the figure, 0 when not stated.
        remark: Scanner group, unit, date: what else must be known.
    """

    method_id: str
    attack: str
    modality: str
    n_patients: int
    auc: float | None
    auc_interval: tuple[float, float] | None
    tpr: float | None = None
    tpr_at_fpr: float | None = None
    n_samples: int = 0
    remark: str = ""
