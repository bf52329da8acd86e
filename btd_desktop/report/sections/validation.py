"""Measured performance, from the model cards, of the profiles in use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from btd_desktop.examination import shipped_models
from btd_desktop.examination.series import SeriesExamination
from btd_desktop.examination.wording import interval_text, percent_text
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Bullets,
    Cell,
    Column,
    Heading,
    Section,
    Text,
    join,
    plain,
    quoting,
    stated,
    table_of,
    unprinted,
)
from btd_desktop.scoring.card import ModelFacts

_INTRODUCTION: Final = (
    "Measured on scans with known alterations that the model had not seen in training."
    " AUC is the area under the ROC curve: 0.5 is no better than chance, 1.0 is"
    " complete separation. TPR is the share of alterations flagged at the FPR given."
    " The figures hold for the kinds of alteration tested; other kinds may be missed"
    " more often."
)
_TPR_AT_FPR: Final = 0.01

Figure = tuple[str, Mapping[str, Any]]
"""Reference of the method and a row of its card's table."""


_OTHER_PROFILE: Final = (
    "The figures of this model were measured with the calibration profile that came"
    " with it. Another profile is used here, on which nothing was measured with"
    " alterations; so none are given."
)
_NO_PROFILE: Final = (
    "No calibration profile was used with this model, so none of its figures apply."
)


def figures_of(case: ReportCase) -> list[Figure]:
    """Measured detection figures of the models and profiles in use, from the cards.

    Figures hold for a model with the profile that they were measured with, and for the
    modality: none are given of a model that was used with other profiles only.
    """
    return [
        (method_id, row)
        for method_id, model in case.methods
        if model.card is not None and not _left_out(case, model)
        for row in shipped_models.figures_of(model.card).get("detection", ())
        if row["modality"] in _modalities(case, model)
    ]


def _modalities(case: ReportCase, model: ModelFacts) -> set[str]:
    return {o.record.modality for _, o in case.numbered if _used(o, model)}


def _used(examination: SeriesExamination, model: ModelFacts) -> bool:
    return examination.model is not None and examination.model.digest == model.digest


def _left_out(case: ReportCase, model: ModelFacts) -> str:
    """Why figures of a model say nothing here; "" when they do."""
    profiles = {
        evaluation.profile.digest: evaluation.profile.name
        for _, o in case.numbered
        if _used(o, model) and (evaluation := o.evaluation) is not None
    }
    if not profiles:
        return _NO_PROFILE
    if not shipped_models.model_standing(model.name, model.digest).is_shipped:
        # A model of one's own has the profiles that were made for it.
        return ""
    standings = (
        shipped_models.profile_standing(name, digest)
        for digest, name in profiles.items()
    )
    return "" if any(s.is_shipped for s in standings) else _OTHER_PROFILE


def section(case: ReportCase) -> Section:
    """AUC and TPR per kind of alteration, and what was not measured."""
    figures = figures_of(case)
    nothing = plain("Figures of performance in the model card: not stated.")
    table = table_of(
        figures,
        (
            (Column("Method", 1.7, "method_id"), lambda f: plain(f[0])),
            (Column("Alteration tested", 3.7, "attack"), _words("attack")),
            (Column("Modality", 1.8, "modality"), _words("modality")),
            (
                Column("AUC", 1.2, "auc", "number"),
                lambda f: plain(f"{f[1]['auc']:.2f}", float(f[1]["auc"])),
            ),
            (Column("Interval", 2, "auc_interval"), _interval),
            (Column("TPR", 2.3, "tpr"), _tpr),
            (Column("n", 1.2, "n_samples", "number"), _count("n_tampered")),
            (Column("Patients", 1.9, "n_patients", "number"), _count("n_patients")),
            (Column("Remark", 2.7, "remark"), _remark),
            (
                Column(None, 0, "tpr_at_fpr"),
                lambda f: unprinted(None if _rate(f) is None else _TPR_AT_FPR),
            ),
        ),
        "validation",
    )
    introduction = Text(plain(_INTRODUCTION) if figures else nothing)
    limits = dict.fromkeys(
        s for o in case.examinations if o.card for s in o.card.limits
    )
    heading = (Heading(plain("Limits of these figures")),) if limits else ()
    bullets = Bullets(tuple(quoting(text) for text in limits), "not_validated")
    left_out = tuple(
        Text(join(plain(f"Method {method_id}: "), plain(reason)))
        for method_id, model in case.methods
        if model.card is not None
        and shipped_models.figures_of(model.card).get("detection")
        and (reason := _left_out(case, model))
    )
    blocks = (introduction, table, *left_out, *heading, bullets)
    return Section("validation", "Validation", blocks)


def _words(key: str) -> Any:  # noqa: ANN401 - a maker of cells
    return lambda figure: quoting(str(figure[1][key]))


def _count(key: str) -> Any:  # noqa: ANN401 - a maker of cells
    def cell(figure: Figure) -> Cell:
        count = int(figure[1][key])
        return plain(f"{count:,}" if count or key == "n_patients" else "–", count)

    return cell


def _interval(figure: Figure) -> Cell:
    # One patient says nothing about how patients differ.
    if int(figure[1]["n_patients"]) < 2:
        return plain("–", None)
    low, high = (float(end) for end in figure[1]["auc_interval"])
    return plain(interval_text((low, high), percent=False), [low, high])


def _rate(figure: Figure) -> float | None:
    rate = figure[1].get("tpr_at_1_percent")
    return None if rate is None else float(rate)


def _tpr(figure: Figure) -> Cell:
    rate = _rate(figure)
    if rate is None:
        return plain("–", None)
    return plain(f"{percent_text(rate)} at FPR {percent_text(_TPR_AT_FPR)}", rate)


def _remark(figure: Figure) -> Cell:
    return stated(join(quoting(str(figure[1].get("remark", "")))), "–")
