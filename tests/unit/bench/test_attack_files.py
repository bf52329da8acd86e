"""Weights and cards of learned attacks: written, read, and refused with a reason."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from btd_desktop.bench.attacks.attack_files import (
    attacks_dir,
    read_attack,
    write_attack,
)
from btd_desktop.diffusion.checkpoint import weights_bytes
from btd_desktop.errors import ModelError

SHIPPED = ["ct-gan-inject", "ct-gan-remove"]
SHIPPED += ["inpaint-pixel", "inpaint-vae", "inpaint-latent"]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_attack_is_written_again_as_the_very_same_files(
    name: str, tmp_path: Path
) -> None:
    tensors, card = read_attack(attacks_dir(), name, script="")
    rest = {key: value for key, value in card.items() if key != "weights_sha256"}
    write_attack(tmp_path, name, weights_bytes(tensors, None), rest)
    weights = f"{name}.safetensors"
    assert (tmp_path / weights).read_bytes() == (attacks_dir() / weights).read_bytes()
    assert read_attack(tmp_path, name, script="")[1] == card
    assert {p.suffix for p in tmp_path.iterdir()} == {".safetensors", ".json"}


@pytest.mark.parametrize(
    ("ending", "content", "code"),
    [
        (".json", b"[" * 100_000, "card"),
        (".json", b"\xff", "card"),
        (".json", b"[]", "weights_digest"),
        (".json", b" " * (16 << 20) + b"{}", "size"),
        (".safetensors", b"\0" * ((16 << 20) + 1), "size"),
        (".safetensors", b"\0", "weights_digest"),
    ],
)
def test_damaged_attack_is_refused_by_code(
    ending: str, content: bytes, code: str, tmp_path: Path
) -> None:
    weights = weights_bytes({"w": torch.ones(2)}, torch.float16)
    write_attack(tmp_path, "attack", weights, {})
    assert torch.equal(
        read_attack(tmp_path, "attack", script="")[0]["w"], torch.ones(2).half()
    )
    (tmp_path / f"attack{ending}").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_attack(tmp_path, "attack", script="")
    assert caught.value.code.endswith(code)


def test_missing_attack_names_the_script_that_trains_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="attack x cannot be read") as caught:
        read_attack(tmp_path, "x", script="benchmarks/train_x.py")
    assert "benchmarks/train_x.py" in (caught.value.hint or "")


def test_attack_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelError, match="cannot be written"):
        write_attack(tmp_path / "file", "x", b"", {})
