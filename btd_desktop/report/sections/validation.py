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
    " complete separation. The plot shows it with its 95 % interval over patients."
    " TPR is the share of alterations flagged where 1 % of genuine places are."
    " The figures hold for the kinds of alteration tested; other kinds may be missed"
    " more often."
)
_TPR_AT_FPR: Final = 0.01
_FOREST: Final = "AUC and its interval"

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
    modalities = {row["modality"] for _, row in figures}
    method = "Method" if len({m for m, _ in figures}) > 1 else None
    modality = "Modality" if len(modalities) > 1 else None
    table = table_of(
        figures,
        (
            (Column(method, 1.5, "method_id"), lambda f: plain(f[0])),
            (Column("Alteration tested", 3, "attack"), _words("attack")),
            (Column(modality, 1.6, "modality"), _words("modality")),
            (Column(_FOREST, 3.4, look="interval"), _bar),
            (
                Column("AUC", 1, "auc", "number"),
                lambda f: plain(f"{f[1]['auc']:.2f}", float(f[1]["auc"])),
            ),
            (Column("95 % interval", 1.8, "auc_interval"), _interval),
            (Column("TPR", 1.2, "tpr", "number"), _tpr),
            (Column("Places", 1.2, "n_samples", "number"), _count("n_tampered")),
            (Column("Patients", 1.4, "n_patients", "number"), _count("n_patients")),
            (Column("Remark", 3.6, "remark"), _remark),
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
    of_what = "these figures" if figures else "the model, as its card states them"
    heading = (Heading(plain(f"Limits of {of_what}")),) if limits else ()
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
    return plain(percent_text(rate), rate)


def _bar(figure: Figure) -> Cell:
    """What the forest plot draws; the columns beside it hold the same numbers."""
    interval = _interval(figure).value
    low, high = interval if interval is not None else (None, None)
    return plain("", (float(figure[1]["auc"]), low, high))


def _remark(figure: Figure) -> Cell:
    return stated(join(quoting(str(figure[1].get("remark", "")))), "–")
