"""Damaged models, calibration profiles and signed reports.

How what is let through is judged:

* A model in the folder of the shipped ones must be refused whenever a byte of card or
  weights is not the shipped one. The same model elsewhere must be refused, or be the
  same in everything that a score depends on (network, preset, levels, weights bit by
  bit), or bear another digest, under which no profile, case or report takes it for the
  original.
* A profile must be refused, or have the same value, or, forged with a digest that
  fits, another digest; then ranking scores with it must still give p-values in (0, 1].
* A report must never be found ok, whatever changed.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from btd_desktop.calibration.profile import CalibrationProfile, read_profile
from btd_desktop.errors import BtdError, CalibrationError, ModelError
from btd_desktop.examination.model_manifest import write_manifest
from btd_desktop.examination.models import ModelEntry, open_detector
from btd_desktop.scoring.card import CARD_FILE, WEIGHTS_FILE, ModelCard
from tests.factories import make_tiny_model
from tests.hostile.figures import Figures, own_peak_bytes
from tests.hostile.mutations_models import (
    mutated_model,
    mutated_profile,
    mutated_report,
)

__all__ = ["model_campaign", "profile_campaign", "report_campaign"]

_WHEN = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


def model_campaign(n: int, seed: int) -> Figures:
    """`n` model folders, each opened as a shipped one and as one of the user's."""
    figures = Figures("model folders (card and weights)")
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="btd-hostile-") as root:
        shipped, own = Path(root) / "shipped", Path(root) / "own"
        make_tiny_model(shipped / "tiny")
        (own / "tiny").mkdir(parents=True)
        write_manifest(shipped)
        card = (shipped / "tiny" / CARD_FILE).read_bytes()
        weights = (shipped / "tiny" / WEIGHTS_FILE).read_bytes()
        with _shipped_models(shipped):
            original = _state(shipped / "tiny")
            for index in range(n):
                rng = random.Random(f"model {seed} {index}")
                *files, how = mutated_model(rng, card, weights)
                for folder in (shipped / "tiny", own / "tiny"):
                    (folder / CARD_FILE).write_bytes(files[0])
                    (folder / WEIGHTS_FILE).write_bytes(files[1])
                before = time.monotonic()
                _judge_model(figures, f"{index} {how}", shipped, own, original)
                figures.time(f"{index} {how}", time.monotonic() - before)
    figures.seconds = time.monotonic() - start
    figures.peak_bytes = own_peak_bytes()
    return figures


_State = tuple[ModelCard, dict[str, bytes]]


def _state(folder: Path) -> _State:
    """What a model is: its card, and its weights by name."""
    entry = ModelEntry(folder, None, "", shipped=False)
    detector = open_detector(entry, device="cpu", dtype="float32")
    tensors = detector.network.network.state_dict()
    return detector.card, {k: v.numpy().tobytes() for k, v in tensors.items()}


def _judge_model(
    figures: Figures, name: str, shipped: Path, own: Path, original: _State
) -> None:
    try:
        _state(shipped / "tiny")
        figures.violations.append(f"{name}: taken for the shipped model")
    except ModelError as error:
        _check_sentence(figures, name, error)
    try:
        card, tensors = _state(own / "tiny")
    except ModelError as error:
        figures.add("refused", _without(error.detail, own))
        _check_sentence(figures, name, error)
        return
    if card.digest != original[0].digest:
        figures.add("another model, by its digest", survived=True)
        if "forged" not in name:
            figures.violations.append(f"{name}: another model without a forger")
    elif tensors == original[1] and _scoring_part(card) == _scoring_part(original[0]):
        figures.add("the same for every score", survived=True)
    else:
        figures.violations.append(f"{name}: another model under the same digest")


def _scoring_part(card: ModelCard) -> str:
    written = card.to_json()
    parts = [written[k] for k in ("network", "preset", "levels", "weights_sha256")]
    return json.dumps(parts, sort_keys=True)


def profile_campaign(n: int, seed: int) -> Figures:
    """`n` calibration profiles."""
    from btd_desktop.calibration.profile import write_profile
    from tests.unit.calibration.samples import profile_of

    figures = Figures("calibration profiles")
    start = time.monotonic()
    original = profile_of(4)
    with tempfile.TemporaryDirectory(prefix="btd-hostile-") as root:
        path = Path(root) / "profile.json"
        write_profile(original, path)
        data = path.read_bytes()
        for index in range(n):
            rng = random.Random(f"profile {seed} {index}")
            changed, how = mutated_profile(rng, data)
            path.write_bytes(changed)
            before = time.monotonic()
            _judge_profile(figures, f"{index} {how}", path, original)
            figures.time(f"{index} {how}", time.monotonic() - before)
    figures.seconds = time.monotonic() - start
    figures.peak_bytes = own_peak_bytes()
    return figures


def _judge_profile(
    figures: Figures, name: str, path: Path, original: CalibrationProfile
) -> None:
    try:
        profile = read_profile(path)
    except CalibrationError as error:
        figures.add("refused", _without(error.detail, path.parent))
        _check_sentence(figures, name, error)
        return
    if profile.digest == original.digest:
        figures.add("the same value", survived=True)
        if profile.to_json() != original.to_json():
            figures.violations.append(f"{name}: another value under the same digest")
        return
    figures.add("another profile, by its digest", survived=True)
    if "forged" not in name:
        figures.violations.append(f"{name}: another profile without a forger")
    scores = np.array([-1.0, 0.0, 0.5, 3.0, 1e6, np.nan])
    for by_level in profile.levels.values():
        for level in by_level.values():
            p = level.ecdf.p_values(scores)[:-1]
            tails = [level.tail.p_value(float(s)) for s in scores] if level.tail else []
            known = [*p, *(tail for tail in tails if tail is not None)]
            if not all(0.0 <= value <= 1.0 for value in known) or min(p) <= 0.0:
                figures.violations.append(f"{name}: p-values {known}")


def report_campaign(n: int, seed: int) -> Figures:
    """`n` signed reports."""
    from btd_desktop.calibration.scope import Coverage
    from btd_desktop.report.pdf import render_pdf
    from btd_desktop.report.signing import own_key, sign_pdf
    from btd_desktop.report.verification import verify_report
    from tests.unit.report.case_sample import make_document, make_outcome

    figures = Figures("signed report PDFs")
    start = time.monotonic()
    document = make_document(outcomes=[make_outcome(1, Coverage.NOT)])
    with tempfile.TemporaryDirectory(prefix="btd-hostile-") as root:
        key = own_key(Path(root), "Dr. A. Example", _WHEN)
        data = sign_pdf(render_pdf(document), key, when=_WHEN)
        path = Path(root) / "report.pdf"
        path.write_bytes(data)
        if not verify_report(path).ok:
            figures.violations.append("the untouched report is not ok")
        for index in range(n):
            rng = random.Random(f"report {seed} {index}")
            changed, how = mutated_report(rng, data)
            path.write_bytes(changed)
            before = time.monotonic()
            verdict = verify_report(path)
            figures.time(f"{index} {how}", time.monotonic() - before)
            words = verdict.problems[0] if verdict.problems else ""
            figures.add("ok" if verdict.ok else "not ok", words, survived=verdict.ok)
            if verdict.ok and changed != data:
                figures.violations.append(f"{index} {how}: found ok")
            if not verdict.ok and not words:
                figures.violations.append(f"{index} {how}: no reason")
    figures.seconds = time.monotonic() - start
    figures.peak_bytes = own_peak_bytes()
    return figures


def _check_sentence(figures: Figures, name: str, error: BtdError) -> None:
    if len(error.detail) < 20 or "Traceback" in error.detail:
        figures.violations.append(f"{name}: no clear sentence ({error.detail})")


def _without(words: str, folder: Path) -> str:
    return words.replace(str(folder), "")


@contextmanager
def _shipped_models(folder: Path) -> Iterator[None]:
    before = os.environ.get("BTD_MODELS_DIR")
    os.environ["BTD_MODELS_DIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["BTD_MODELS_DIR"]
        else:
            os.environ["BTD_MODELS_DIR"] = before
