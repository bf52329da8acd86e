"""Every command that scores says in one sentence that torch is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from btd_desktop.diffusion import torch_part
from btd_desktop.errors import MissingPartError


@pytest.fixture
def no_torch(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, with a model installed, there is no torch."""
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.mark.parametrize(
    "words",
    [
        ("examine", "SUSPECT", "--out", "NEW"),
        ("calibrate", "BENIGN", "--name", "x", "--fpr", "0.1"),
        ("train", "BENIGN", "--preset", "ct96wide", "--out", "NEW"),
        ("convert", "CARD", "--out", "NEW", "--modality", "ct"),
        ("demo", "--out", "NEW"),
        ("bench", "detection", "--simulated", "--attacks", "copy-move removal"),
        ("bench", "search", "--simulated"),
        ("bench", "networks", "tiny-ct", "--simulated"),
        ("bench", "shift", "--data", "BENIGN"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
@pytest.mark.usefixtures("no_torch")
def test_command_that_scores_names_the_command_that_installs(
    btd, suspect, benign, tmp_path, words
):
    named = {
        "SUSPECT": suspect,
        "BENIGN": benign,
        "NEW": tmp_path / "new",
        "CARD": tmp_path / "models" / "tiny-ct" / "card.json",
    }
    result = btd(*(named.get(word, word) for word in words))
    assert result.status == MissingPartError.exit_code == 10
    said = " ".join(result.err.split())
    assert "error: torch is not installed here" in said
    assert torch_part.install_command() in said
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("no_torch")
def test_command_names_this_interpreter_and_the_pinned_version(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/opt/a b/python")
    command = torch_part.install_command()
    assert command == "'/opt/a b/python' -m pip install torch==2.13.0"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert torch_part.install_command() == (
        "uv pip install --python '/opt/a b/python' torch==2.13.0"
    )


def test_torch_that_does_not_load_is_told_from_none(monkeypatch):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "torch":
                raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    problem = torch_part.torch_problem()
    assert problem is not None
    assert problem.code == "torch_broken"
    assert "libgomp.so.1" in problem.detail


def test_bundle_without_torch_names_no_pip(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    problem = torch_part.torch_problem()
    assert problem is not None
    assert "pip" not in problem.hint
