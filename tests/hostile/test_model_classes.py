"""Models and profiles as traps: each class is refused in one clear sentence."""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from btd_desktop.calibration.profile import read_profile
from btd_desktop.diffusion.checkpoint import load_model
from btd_desktop.digest import bytes_digest, json_digest
from btd_desktop.errors import CalibrationError, ModelError
from btd_desktop.scoring.card import CARD_FILE, WEIGHTS_FILE
from tests.factories import make_tiny_model

Attack = Callable[[Path], None]


def _weights(change: Callable[[bytes], bytes]) -> Attack:
    """Other weights, with card and digests made to fit them."""

    def attack(folder: Path) -> None:
        data = change((folder / WEIGHTS_FILE).read_bytes())
        (folder / WEIGHTS_FILE).write_bytes(data)
        _card(weights_sha256=bytes_digest(data))(folder)

    return attack


def _tensor(change: Callable[[np.ndarray], Any]) -> Attack:
    """The first tensor replaced, with card and digests made to fit."""

    def changed(data: bytes) -> bytes:
        tensors = load_tensors(data)
        name = min(tensors)
        tensors[name] = np.ascontiguousarray(change(tensors[name].copy()))
        return save_tensors(tensors)

    return _weights(changed)


def _card(**changes: Any) -> Attack:
    """Fields of the card replaced, with its digest made to fit."""

    def attack(folder: Path) -> None:
        value = json.loads((folder / CARD_FILE).read_text())
        value.update(changes)
        value["digest"] = json_digest(
            {
                "network": value["network"],
                "preset": value["preset"],
                "levels": value["levels"],
                "weights": value["weights_sha256"],
            }
        )
        (folder / CARD_FILE).write_text(json.dumps(value))

    return attack


def _set_one(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array.reshape(-1)[0] = value
        return array

    return change


def _header(n_bytes: int) -> Attack:
    return _weights(lambda data: struct.pack("<Q", n_bytes) + data[8:])


def _padded_header(data: bytes) -> bytes:
    """A valid file whose header is five megabytes of spaces longer."""
    (n_header,) = struct.unpack("<Q", data[:8])
    head = data[8 : 8 + n_header] + b" " * (5 << 20)
    return struct.pack("<Q", len(head)) + head + data[8 + n_header :]


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("taken-over",)


def _other_weights(folder: Path) -> None:
    make_tiny_model(folder.parent / "other", seed=5)
    data = (folder.parent / "other" / WEIGHTS_FILE).read_bytes()
    (folder / WEIGHTS_FILE).write_bytes(data)


def _pipe(name: str) -> Attack:
    def attack(folder: Path) -> None:
        if sys.platform == "win32":
            pytest.skip("no pipes in a folder")
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return attack


def _cut(folder: Path) -> None:
    data = (folder / WEIGHTS_FILE).read_bytes()
    (folder / WEIGHTS_FILE).write_bytes(data[: len(data) // 2])


MODELS: dict[str, tuple[Attack, str]] = {
    "weights of another model": (_other_weights, "is not the file its card names"),
    "weights cut short": (_cut, "is not the file its card names"),
    "pickle as weights": (
        _weights(lambda _: pickle.dumps(_Evil())),
        "is not a safetensors file",
    ),
    "torch archive as weights": (
        _weights(lambda _: b"PK\x03\x04" + bytes(400)),
        "is not a safetensors file",
    ),
    "header longer than the file": (_header(1 << 62), "is not a safetensors file"),
    "header of no length": (_header(0), "is not a safetensors file"),
    "header of five megabytes": (_weights(_padded_header), "is not a safetensors file"),
    "NaN in the weights": (_tensor(_set_one(np.nan)), "not finite"),
    "infinity in the weights": (_tensor(_set_one(np.inf)), "not finite"),
    "another shape": (_tensor(lambda a: np.stack([a, a])), "has shape"),
    "another number format": (_tensor(lambda a: a.astype(np.int32)), "weights are"),
    "a network of billions": (
        _card(network={"kind": "lean", "widths": [10**9] * 3, "deep_blocks": 2}),
        "is not a model card: Expected `int` <= 512 - at `$.network.widths",
    ),
    "an unknown network": (
        _card(network={"kind": "os.system"}),
        "is not a model card: Invalid value 'os.system' - at `$.network.kind`",
    ),
    "no noise levels": (_card(levels=[]), "noise levels must ascend"),
    "pipe as weights": (_pipe(WEIGHTS_FILE), "is not a file"),
    "pipe as card": (_pipe(CARD_FILE), "is not a file"),
}


@pytest.mark.parametrize("name", MODELS)
def test_class_of_model_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    attack, words = MODELS[name]
    make_tiny_model(tmp_path / "tiny")
    load_model(tmp_path / "tiny")
    attack(tmp_path / "tiny")
    with pytest.raises(ModelError) as caught:
        load_model(tmp_path / "tiny")
    assert words in caught.value.detail
    assert str(tmp_path) in caught.value.detail or "card" in caught.value.detail
    assert not (tmp_path / "taken-over").exists()


PROFILES: dict[str, tuple[bytes, str]] = {
    "pickle": (pickle.dumps(_Evil()), "is not a calibration profile"),
    "nested ten thousand deep": (b"[" * 10_000, "is not a calibration profile"),
    "a list": (b"[]", "is not a calibration profile"),
    "no digest": (b"{}", "its digest is missing"),
    "not UTF-8": (b'{"digest": "\xff"}', "is not a calibration profile"),
    "a number of 5,000 digits": (
        b'{"digest": "", "format": ' + b"9" * 5000 + b"}",
        "is not a calibration profile",
    ),
}


@pytest.mark.parametrize("name", PROFILES)
def test_class_of_profile_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data, words = PROFILES[name]
    path = tmp_path / "profile.json"
    path.write_bytes(data)
    with pytest.raises(CalibrationError) as caught:
        read_profile(path)
    assert words in caught.value.detail
    assert not (tmp_path / "taken-over").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in a folder")
def test_pipe_as_profile_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "profile.json")
    with pytest.raises(CalibrationError, match="is not a file"):
        read_profile(tmp_path / "profile.json")
