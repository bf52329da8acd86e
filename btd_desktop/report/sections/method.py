"""The detectors used, from their cards and the manifests of the runs."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from btd_desktop import __version__
from btd_desktop.examination.shipped_models import model_standing, named_model
from btd_desktop.examination.wording import SCORE_NAMES
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Block,
    Cell,
    Fact,
    Facts,
    Heading,
    Section,
    Text,
    digest,
    join,
    named_values,
    plain,
    quoting,
    records,
    reference,
    stated,
    unprinted,
)
from btd_desktop.report.exhibits import DEFINITIONS
from btd_desktop.scoring.card import ModelCard, ModelFacts
from btd_desktop.scoring.detector import Backend
from btd_desktop.scoring.method import METHOD_NAMES, OWN

_INTRODUCTION: Final = (
    "A neural network learned from genuine scans to predict the noise of an image (a"
    " denoising diffusion model). Applied once to an untouched slice, it leaves a"
    " residual whose strength and pattern are typical of that kind of scan. Where image"
    " content was added, removed or redrawn by other software, the residual may differ:"
    " content that is too smooth, or noise that does not fit. The program measures this"
    " difference as a score. A score is not a probability; it gains meaning only by"
    " comparison with genuine scans (section "
)
_SOURCE: Final = (
    "The method follows Back-in-Time Diffusion (BTD; Grabovski, Yasur, Amit and"
    " Mirsky, “Back-in-Time Diffusion: Unsupervised Detection of Medical Deepfakes”,"
    " arXiv:2407.15169): one reverse diffusion step without adding noise, pooled over"
    " patches. Stored values are turned into modality values by the rescale of the"
    " files; window centre and width are for display only and never touch a score."
)
_COPIED_NOISE: Final = (
    "Image noise never repeats. For each exhibit, the fine detail of the residual in"
    " its central 14 × 14 and 32 × 32 pixels was therefore searched for in the whole"
    " series, in single slices and in three neighbouring slices together. The highest"
    " correlation is set against the spread of all correlations of the series, and"
    " against genuine places. Noise that is found again points to tissue or noise"
    " copied within the series; it does not tell which of the two places came first."
    " Copies that were turned, mirrored or rescaled, copies from another scan"
    " and noise drawn anew are not found. An exhibit's anomaly score is the larger of"
    " two surprises, of its features and of its highest correlation where that is"
    " rarer than the false-positive rate, and is ranked among genuine places judged"
    " in the same way (level “place” of section "
)
_LEARNED: Final = (
    "Part of the anomaly score is a learned evidence map: a second, small network that"
    " reads the noise predictions of a slice. It was taught with alterations that the"
    " makers of this program made in genuine scans (smoothing, filtering, resampling,"
    " foreign tissue, drawn noise, drawn nodules, filling), and with no forgery by"
    " others. What it finds at a place, beyond what it finds in the rest of the series,"
    " is turned into the share of genuine places of the same tissue with as much;"
    " -log10 of that share is added to the score. Beside it stands the score without"
    " the map, “untaught”: where both are high, a finding does not rest on what was"
    " taught."
)
_NOT_INSTALLED: Final = (
    "not known: the model is not installed where this report was written"
)
_ANOMALY: Final = (
    "Noise predictions at several noise levels are pooled in a disc and two rings "
    "around the place, with the correlations of the noise in the slice and from "
    "slice to slice, and compared with the surroundings in the same slice and "
    "with the rest of the same series. The score is -log10 of the share of genuine "
    "places of the same tissue whose Mahalanobis distance from the ordinary is as "
    "large (2: one in a hundred). Unusually smooth and unusually rough content "
    "both raise it, and at level “place” so does noise that is found again "
    "elsewhere in the series: the larger of both surprises counts."
)


_LARGER: Final = "The larger of the paper's two scores, each in its genuine spreads."
_ANOMALY_OF_PAPER: Final = (
    "Each patch is scored by itself, as in the paper: the mean of the squared noise "
    "prediction over the central 32x32 pixels (injection) and over the whole patch "
    "(removal), each with its own distribution and threshold. The search takes the "
    "larger of the two, each as the distance of its logarithm from the genuine median "
    "in genuine spreads; that number is called anomaly score here. It is one-sided: "
    "content that is smoother than genuine scans lowers it."
)
_PAPER: Final = (
    "The examination was made with the method of the paper alone, not with this "
    "program's own: no surroundings, no other slices, nothing of the rest of the scan "
    "enters a score."
)
_ADDED: Final = (
    " That of the learned evidence is added; without it the score is called untaught."
)


def section(case: ReportCase) -> Section:
    """The method in words, and what each detector is."""
    calibration = reference("calibration")
    blocks: list[Block] = [
        Text(join(plain(_INTRODUCTION), calibration, plain(")."))),
        Text(plain(_SOURCE)),
    ]
    if any(model.method != OWN for _, model in case.methods):
        blocks.append(Text(plain(_PAPER)))
    if any("place" in p.levels["anomaly"] for p in case.profiles.values()):
        blocks.append(Text(join(plain(_COPIED_NOISE), calibration, plain(")."))))
    if any("untaught" in p.levels for p in case.profiles.values()):
        blocks.append(Text(plain(_LEARNED)))
    blocks += records("methods", [_method(case, *method) for method in case.methods])
    blocks += _scores(case)
    if not case.methods:
        blocks.append(Text(plain("No series was scored.")))
    return Section("method", "Method", tuple(blocks))


def _method(case: ReportCase, method_id: str, model: ModelFacts) -> tuple[Block, ...]:
    run = next(
        (
            o.run
            for o in case.examinations
            if o.model is not None
            and (o.model.digest, o.model.method) == (model.digest, model.method)
            and o.run
        ),
        None,
    )
    backend = run.manifest.backend if run else Backend()
    card, preset = model.card, model.preset
    # Says beside the name when the model is not the one shipped under it.
    name = quoting(named_model(model.name, model.digest))
    patch, stride = preset.patch, run.manifest.grid.stride if run else 0
    kind, dtype, torch_version = (
        quoting(fact or "")
        for fact in (backend.kind, backend.dtype, backend.torch_version)
    )
    preprocessing = (
        ("Kind", quoting(preset.kind)),
        ("Low", plain(f"{preset.low:g}")),
        ("High", plain(f"{preset.high:g}")),
    )
    levels = ", ".join(f"{level:g}" for level in model.levels)
    unknown = plain(_NOT_INSTALLED)
    credit = "" if card is None else str(card.training.get("credits", ""))
    weights = "" if card is None else card.weights_sha256
    ours = _ANOMALY + _ADDED if _has_map(model.card) else _ANOMALY
    defined = ours if model.method == OWN else _ANOMALY_OF_PAPER
    facts = (
        Fact("Model", name, "model_name"),
        Fact("Origin", quoting(model_standing(model.name, model.digest).sentence),
             "standing"),
        Fact("Network", _network(card) if card else unknown, "network"),
        Fact("Weights", digest(weights), "weights_digest", "mono"),
        Fact("Evidence map", _map(card) if card else unknown, "map_digest", "mono"),
        Fact("Model card", digest(model.digest), "card_digest", "mono"),
        Fact("Training data", _training(card) if card else unknown, "training_data"),
        Fact("Credits", stated(quoting(credit)), "credits"),
        Fact("Preset", quoting(preset.name), "preset"),
        *(Fact(label, cell) for label, cell in preprocessing),
        Fact("Noise levels", stated(plain(levels, list(model.levels))), "noise_levels"),
        Fact("Grid", plain(f"patch {patch:d} pixels, stride {stride:d} pixels")),
        Fact("Method", plain(METHOD_NAMES[model.method])),
        Fact("Score", plain(defined), "score_definition"),
        Fact("Software", plain("BTD Desktop " + __version__)),
        Fact("Backend", join(kind, plain(", "), dtype, plain(", torch "),
                             torch_version)),
        Fact("Seed", plain("none: nothing is drawn at random", None), "seed"),
        Fact("", plain(method_id), "method_id"),
        Fact("", unprinted(patch), "patch_size"),
        Fact("", unprinted(stride), "stride"),
        Fact("", kind, "device"),
        Fact("", dtype, "dtype"),
        Fact("", torch_version, "torch_version"),
        Fact("", unprinted(0), "n_threads"),
        Fact("", unprinted([]), "extra"),
    )  # fmt: skip
    return (
        Heading(join(plain("Method " + method_id + ": "), name)),
        Facts(facts),
        named_values(preprocessing, "preprocessing"),
    )


def _scores(case: ReportCase) -> tuple[Block, ...]:
    """How each score of a place is computed; empty where no place has scores."""
    places = [finding for outcome in case.examinations for finding in outcome.findings]
    used = dict.fromkeys(kind for place in places for kind in place.numbers.every)
    if not used:
        return ()
    definitions = dict(DEFINITIONS)
    if all(model.method != OWN for _, model in case.methods):
        definitions["anomaly"] = plain(_LARGER)
    facts = tuple(
        Fact(SCORE_NAMES[kind][:1].upper() + SCORE_NAMES[kind][1:], definitions[kind])
        for kind in used
    )
    return (Heading(plain("Scores of a place")), Facts(facts))


def _has_map(card: ModelCard | None) -> bool:
    return card is not None and card.evidence_sha256 is not UNSET


def _map(card: ModelCard) -> Cell:
    return digest(card.evidence_sha256 or "") if _has_map(card) else plain("none", None)


def _network(card: ModelCard) -> Cell:
    return join(
        quoting(card.network.kind),
        plain(f", {card.n_parameters:,} parameters"),
    )


def _training(card: ModelCard) -> Cell:
    training = card.training
    if "slices_learnt" not in training:
        described = training.get("description", "not stated in the model's card")
        return stated(quoting(str(described)))
    return quoting(
        f"{training.get('slices_learnt')} genuine slices of "
        f"{training.get('patients_learnt')} patients, {training.get('steps')} steps"
    )
