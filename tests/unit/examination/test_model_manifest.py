"""Shipped models are those that were shipped, byte for byte, or they are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from btd_desktop import paths
from btd_desktop.calibration.profile import read_profile, write_profile
from btd_desktop.diffusion.checkpoint import save_model
from btd_desktop.errors import CalibrationError, ModelError
from btd_desktop.examination.model_manifest import (
    MANIFEST_FILE,
    check_pinned_file,
    make_manifest,
    write_manifest,
)
from btd_desktop.examination.models import find_model, list_models, open_detector
from btd_desktop.examination.profiles import PROFILES_DIR, find_profile, list_profiles
from btd_desktop.scoring.card import CARD_FILE, WEIGHTS_FILE, read_card
from tests.factories import make_tiny_model


@pytest.fixture
def shipped(tiny_model: Path) -> Path:
    """Folder of the one shipped model, pinned."""
    profile = tiny_model / PROFILES_DIR / "public.json"
    profile.parent.mkdir()
    profile.write_text("{}")
    write_manifest(tiny_model.parent)
    return tiny_model


def _refusal(wanted: str = "") -> ModelError:
    with pytest.raises(ModelError) as caught:
        open_detector(find_model(wanted, "CT"), device="cpu", dtype="float32")
    return caught.value


def test_manifest_of_this_repository_fits_its_models() -> None:
    """After a change of a model: python models/make_manifest.py."""
    root = Path(__file__).resolve().parents[3] / "models"
    assert json.loads((root / MANIFEST_FILE).read_text()) == make_manifest(root)
    assert len(list(root.glob(f"*/{CARD_FILE}"))) >= 2


def test_shipped_cards_and_profiles_are_written_as_they_were_read(tmp_path: Path):
    root = Path(__file__).resolve().parents[3] / "models"
    cards, profiles = root.glob(f"*/{CARD_FILE}"), root.glob(f"*/{PROFILES_DIR}/*.json")
    for n, path in enumerate(cards):
        card = read_card(path.parent)
        weights = (path.parent / WEIGHTS_FILE).read_bytes()
        save_model(tmp_path / str(n), card, weights)
        assert (tmp_path / str(n) / CARD_FILE).read_bytes() == path.read_bytes()
        assert json.loads(path.read_bytes())["digest"] == card.digest
    for n, path in enumerate(profiles):
        copy = tmp_path / f"{n}.json"
        write_profile(read_profile(path), copy)
        assert copy.read_bytes() == path.read_bytes()
    assert (tmp_path / "1").is_dir()
    assert (tmp_path / "1.json").is_file()


def test_manifest_lists_card_weights_and_profiles(shipped: Path) -> None:
    value = json.loads((shipped.parent / MANIFEST_FILE).read_text())
    names = {f"tiny-ct/{n}" for n in (CARD_FILE, WEIGHTS_FILE, "profiles/public.json")}
    assert set(value["files"]) == names
    assert not list(shipped.parent.glob("*.part"))


def test_model_as_shipped_is_opened(shipped: Path) -> None:
    (entry,) = list_models()
    assert (entry.problem, entry.shipped) == ("", True)
    assert open_detector(entry, device="cpu", dtype="float32").card == entry.card
    assert find_model(str(shipped), "CT").shipped


def test_whole_other_model_in_its_place_is_refused(shipped: Path) -> None:
    """Card and weights fit each other: only the manifest knows."""
    shutil.rmtree(shipped)
    make_tiny_model(shipped, seed=1)
    read_card(shipped)
    (entry,) = list_models()
    assert entry.card is None
    assert "is not the file that was shipped" in entry.problem
    for wanted in ("tiny-ct", str(shipped)):
        error = _refusal(wanted)
        assert "is not the file that was shipped" in error.detail


def test_other_weights_under_the_old_card_are_refused(shipped: Path) -> None:
    data = bytearray((shipped / WEIGHTS_FILE).read_bytes())
    data[-1] ^= 1
    (shipped / WEIGHTS_FILE).write_bytes(data)
    assert _refusal("tiny-ct").code == "weights_digest"


def test_embellished_card_is_refused(shipped: Path) -> None:
    """Measured figures take no part in the card's own digest; the manifest's do."""
    value = json.loads((shipped / CARD_FILE).read_text())
    value["metrics"] = {"auc": 0.999}
    (shipped / CARD_FILE).write_text(json.dumps(value))
    assert read_card(shipped).metrics == {"auc": 0.999}
    assert "card.json is not the file that was shipped" in _refusal("tiny-ct").detail


def test_card_swapped_after_it_was_listed_is_refused(shipped: Path) -> None:
    entry = find_model("tiny-ct", "CT")
    shutil.rmtree(shipped)
    make_tiny_model(shipped, seed=2)
    with pytest.raises(ModelError, match="is not the file that was shipped"):
        open_detector(entry, device="cpu", dtype="float32")


def test_model_that_was_slipped_in_is_refused(shipped: Path) -> None:
    make_tiny_model(shipped.parent / "other")
    entries = {e.folder.name: e for e in list_models()}
    assert entries["tiny-ct"].card is not None
    assert "did not come with the program" in entries["other"].problem


def test_altered_and_slipped_in_profiles_are_refused(shipped: Path) -> None:
    card = read_card(shipped)
    folder = shipped / PROFILES_DIR
    (folder / "public.json").write_text("{} ")
    (folder / "more.json").write_text("{}")
    reasons = {path.name: reason for path, reason in list_profiles(card)}
    assert "did not come with the program" in str(reasons["more.json"])
    assert "is not the file that was shipped" in str(reasons["public.json"])
    with pytest.raises(CalibrationError, match="is not the file that was shipped"):
        find_profile(str(folder / "public.json"), card)


def test_models_of_the_users_own_are_not_pinned(shipped: Path) -> None:
    make_tiny_model(paths.user_models_dir() / "own", seed=3)
    entry = find_model("own", "CT")
    assert not entry.shipped
    assert open_detector(entry, device="cpu", dtype="float32").card == entry.card


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 2, "files": {}}', '{"format": 1}', "[" * 9999]
)
def test_manifest_that_is_none_refuses_the_models(shipped: Path, text: str) -> None:
    (shipped.parent / MANIFEST_FILE).write_text(text)
    assert str(shipped.parent / MANIFEST_FILE) in _refusal("tiny-ct").detail


def test_missing_manifest_refuses_what_came_with_the_program(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that the user names need not be pinned; the program's own must be."""
    (shipped.parent / MANIFEST_FILE).unlink()
    check_pinned_file(shipped / CARD_FILE)
    monkeypatch.setattr(paths, "shipped_models_dir", lambda: shipped.parent)
    monkeypatch.delenv("BTD_MODELS_DIR")
    with pytest.raises(ModelError, match="is missing"):
        check_pinned_file(shipped / CARD_FILE)
