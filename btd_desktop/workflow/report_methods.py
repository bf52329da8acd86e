"""Method, calibration and software sections of the report, from cards and profiles."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from btd_desktop.calibration.profile import CalibrationProfile, LevelCalibration
from btd_desktop.examination.series import SeriesExamination, distinct_models, method_id
from btd_desktop.report import content as rc
from btd_desktop.scoring.card import ModelCard, ModelFacts
from btd_desktop.workflow.report_words import ANOMALY_DEFINITION

__all__ = [
    "COMPONENTS",
    "calibrations_used",
    "methods_used",
    "software_components",
    "validation_facts",
]


def methods_used(outcomes: Sequence[SeriesExamination]) -> tuple[rc.Method, ...]:
    """The detectors used, from their cards and run manifests."""
    models = distinct_models(outcomes)
    return tuple(_method(model, method_id(model, models), outcomes) for model in models)


def _method(
    model: ModelFacts, number: str, outcomes: Sequence[SeriesExamination]
) -> rc.Method:
    run = next(
        (
            o.run
            for o in outcomes
            if o.model is not None and o.model.digest == model.digest and o.run
        ),
        None,
    )
    backend: dict[str, Any] = run.manifest["backend"] if run else {}
    grid: dict[str, Any] = run.manifest["grid"] if run else {}
    card, preset = model.card, model.preset
    return rc.Method(
        method_id=number,
        model_name=model.name,
        weights_digest="" if card is None else card.weights_sha256,
        card_digest=model.digest,
        network=NOT_INSTALLED
        if card is None
        else f"{card.network.get('kind')}, {card.n_parameters:,} parameters",
        training_data=NOT_INSTALLED if card is None else _training_words(card),
        credits="" if card is None else str(card.training.get("credits", "")),
        preset=str(preset.get("name")),
        preprocessing=(
            rc.Fact("Kind", str(preset.get("kind"))),
            rc.Fact("Low", f"{preset.get('low'):g}"),
            rc.Fact("High", f"{preset.get('high'):g}"),
        ),
        noise_levels=model.levels,
        patch_size=int(preset["patch"]),
        stride=int(grid.get("stride", 0)),
        score_definition=ANOMALY_DEFINITION,
        device=str(backend.get("kind", "")),
        dtype=str(backend.get("dtype", "")),
        torch_version=str(backend.get("torch_version", "")),
    )


NOT_INSTALLED = "not known: the model is not installed where this report was written"


def _training_words(card: ModelCard) -> str:
    training = card.training
    if "slices_learnt" not in training:
        return str(training.get("description", "not stated in the model's card"))
    return (
        f"{training.get('slices_learnt')} genuine slices of "
        f"{training.get('patients_learnt')} patients, {training.get('steps')} steps"
    )


def calibrations_used(
    evaluated: Sequence[SeriesExamination],
) -> tuple[rc.Calibration, ...]:
    """The calibration profiles used, each once."""
    profiles: dict[str, CalibrationProfile] = {}
    for outcome in evaluated:
        if outcome.evaluation is not None:
            profile = outcome.evaluation.profile
            profiles.setdefault(profile.digest, profile)
    return tuple(
        rc.Calibration(
            profile_name=p.name,
            profile_digest=digest,
            n_patients=p.n_patients,
            n_series=p.n_series,
            n_slices=p.n_slices,
            n_patches=p.n_patches,
            scanner_mix=tuple(
                f"{s['manufacturer']} {s['model']}, kernel {s['kernel'] or '–'}, "
                f"{s['thickness_mm'] or '–'} mm: {s['n_slices']} slices"
                for s in p.scanners
            ),
            target_fpr=p.target_fpr,
            levels=tuple(
                _level(level, calibration, p.target_fpr)
                for level, calibration in p.levels["anomaly"].items()
            ),
            created=datetime.fromisoformat(p.created),
            remarks=p.notes
            + tuple(
                f"{level} level: {c.reason}"
                for level, c in p.levels["anomaly"].items()
                if c.reason
            ),
        )
        for digest, p in profiles.items()
    )


def _level(
    level: str, calibration: LevelCalibration, target: float
) -> rc.LevelCalibration:
    known = calibration.threshold is not None
    rates = calibration.patient_fpr
    return rc.LevelCalibration(
        level=level,  # type: ignore[arg-type]
        threshold=calibration.threshold,
        n=calibration.ecdf.n,
        fpr=target if known else None,
        fpr_interval=calibration.interval,
        smallest_p=calibration.ecdf.smallest_p,
        held_out_fpr_range=(rates[0], rates[-1]) if rates else None,
        n_patients=calibration.n_patients,
    )


def validation_facts(
    outcomes: Sequence[SeriesExamination],
) -> tuple[rc.ValidationFact, ...]:
    """Measured detection figures of the models used, from their cards."""
    models = distinct_models(outcomes)
    return tuple(
        _validation_fact(method_id(model, models), row)
        for model in models
        if model.card is not None
        for row in model.card.metrics.get("detection", ())
    )


def _validation_fact(method: str, row: dict[str, Any]) -> rc.ValidationFact:
    low, high = row["auc_interval"]
    patients = int(row["n_patients"])
    tpr = row.get("tpr_at_1_percent")
    return rc.ValidationFact(
        method_id=method,
        attack=str(row["attack"]),
        modality=str(row["modality"]),
        n_patients=patients,
        auc=float(row["auc"]),
        # Of one patient nothing is known of how patients differ.
        auc_interval=(float(low), float(high)) if patients > 1 else None,
        tpr=None if tpr is None else float(tpr),
        tpr_at_fpr=None if tpr is None else 0.01,
        n_samples=int(row["n_tampered"]),
        remark=str(row.get("remark", "")),
    )


COMPONENTS = (
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "safetensors",
    "pydicom",
    "SimpleITK",
    "imagecodecs",
    "reportlab",
    "pyHanko",
    "cryptography",
)


def software_components() -> tuple[rc.Component, ...]:
    """Libraries that computed, drew or signed, with version and licence."""
    out = []
    for name in COMPONENTS:
        found = importlib.metadata.metadata(name).json
        licence = found.get("license_expression") or found.get("license") or ""
        lines = str(licence).strip().splitlines()
        out.append(
            rc.Component(
                name, importlib.metadata.version(name), lines[0][:60] if lines else ""
            )
        )
    return tuple(out)
