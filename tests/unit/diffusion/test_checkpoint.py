"""Models on disk: what does not fit is refused with its reason, never a traceback."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save as save_bytes

from btd_desktop.diffusion.checkpoint import (
    load_model,
    save_model,
    tensors_from_bytes,
    weights_bytes,
)
from btd_desktop.diffusion.denoiser import open_detector
from btd_desktop.diffusion.networks import (
    build_network,
)
from btd_desktop.diffusion.unet import ReferenceUnet
from btd_desktop.digest import bytes_digest, json_digest
from btd_desktop.errors import ModelError
from btd_desktop.preprocess.presets import PRESETS
from btd_desktop.scoring.card import (
    CARD_FILE,
    WEIGHTS_FILE,
    LeanNetwork,
    ReferenceNetwork,
    read_card,
)
from btd_desktop.strict_json import plain_json
from tests.unit.diffusion.conftest import card_of, cpu, lean

Write = Callable[..., Path]


def refusal(folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load_model(folder)
    assert caught.value.detail
    return caught.value


def edit_card(folder: Path, **changes: Any) -> None:
    path = folder / CARD_FILE
    value = json.loads(path.read_text())
    value.update(changes)
    path.write_text(json.dumps(value))


def forge(folder: Path, state: dict[str, torch.Tensor] | bytes) -> None:
    """Put other weights beside a card that names them."""
    data = state if isinstance(state, bytes) else save_bytes(state)
    card = card_of(lean(), b"", weights_sha256=bytes_digest(data))
    save_model(folder, card, data)


def test_model_survives_the_round_trip(model_folder: Write) -> None:
    network = lean(seed=3)
    folder = model_folder(network)
    loaded, card = load_model(folder)
    assert card == card_of(network, weights_bytes(network.state_dict()))
    assert card.digest == read_card(folder).digest
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    assert not loaded.training
    plane = np.random.default_rng(1).random((40, 40), dtype=np.float32)
    first = open_detector(folder, cpu()).predict_noise(plane)
    np.testing.assert_array_equal(
        first, open_detector(folder, cpu()).predict_noise(plane)
    )


def test_weights_are_the_same_bytes_each_time() -> None:
    state = lean(seed=1).state_dict()
    backwards = dict(reversed(state.items()))
    assert weights_bytes(state) == weights_bytes(backwards)


def test_weights_are_single_precision_unless_another_format_is_asked_for() -> None:
    half, single = torch.tensor([0.1], dtype=torch.float16), torch.tensor([0.1])
    state = {"half": half, "single": single}
    path = Path("x")
    default = tensors_from_bytes(weights_bytes(state), path)
    assert {t.dtype for t in default.values()} == {torch.float32}
    halved = tensors_from_bytes(weights_bytes(state, torch.float16), path)
    assert {t.dtype for t in halved.values()} == {torch.float16}
    assert torch.equal(halved["single"], single.half())
    kept = tensors_from_bytes(weights_bytes(state, None), path)
    assert torch.equal(kept["half"], half)
    assert torch.equal(kept["single"], single)
    assert kept["half"].dtype == torch.float16


def test_saving_leaves_no_partial_file(model_folder: Write) -> None:
    folder = model_folder()
    assert {p.name for p in folder.iterdir()} == {CARD_FILE, WEIGHTS_FILE}


def test_save_with_card_of_other_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        save_model(tmp_path, card_of(lean(), b"one"), b"other")
    assert caught.value.code == "digest"
    assert not list(tmp_path.iterdir())


def test_save_into_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError) as caught:
        save_model(tmp_path / "file", card_of(lean(), b"x"), b"x")
    assert caught.value.code == "write"


def test_digest_names_what_decides_scores_and_nothing_else() -> None:
    card = card_of(lean(), b"x")
    assert card_of(lean(), b"x", title="Better words").digest == card.digest
    assert card_of(lean(), b"x", metrics={"auc": 0.9}).digest == card.digest
    assert card_of(lean(), b"y").digest != card.digest
    assert card_of(lean(), b"x", levels=(0.0173286,)).digest != card.digest
    assert card_of(lean((4, 6, 10)), b"x").digest != card.digest


@pytest.mark.parametrize("where", [0, 9, 500, -1])
def test_one_changed_byte_of_weights_is_refused(
    model_folder: Write, where: int
) -> None:
    folder = model_folder()
    data = bytearray((folder / WEIGHTS_FILE).read_bytes())
    data[where] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(data)
    assert refusal(folder).code == "weights_digest"


def test_weights_of_another_model_are_refused(model_folder: Write) -> None:
    folder = model_folder()
    (folder / WEIGHTS_FILE).write_bytes(weights_bytes(lean(seed=9).state_dict()))
    assert refusal(folder).code == "weights_digest"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    state = lean().state_dict()
    state["head.bias"] = torch.full((1,), value)
    forge(tmp_path, state)
    error = refusal(tmp_path)
    assert error.code == "not_finite"
    assert "head.bias" in error.detail


def test_tensor_of_another_shape_is_refused(tmp_path: Path) -> None:
    state = lean().state_dict()
    state["head.bias"] = torch.zeros(2)
    forge(tmp_path, state)
    assert refusal(tmp_path).code == "shapes"


def test_missing_and_unknown_tensors_are_refused(tmp_path: Path) -> None:
    state = lean().state_dict()
    forge(tmp_path / "a", {k: v for k, v in state.items() if k != "head.bias"})
    error = refusal(tmp_path / "a")
    assert error.code == "tensors"
    assert "lacks tensor “head.bias”" in error.detail
    forge(tmp_path / "b", {**state, "back.door": torch.zeros(1)})
    error = refusal(tmp_path / "b")
    assert error.code == "tensors"
    assert "back.door" in error.detail


@pytest.mark.parametrize(
    "dtype", [torch.int64, torch.float64, torch.complex64, torch.float8_e4m3fn]
)
def test_tensor_of_another_number_format_is_refused(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    state = lean().state_dict()
    state["head.bias"] = torch.zeros(1).to(dtype)
    forge(tmp_path, state)
    assert refusal(tmp_path).code in ("dtype", "weights")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1234567",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2**64 - 1) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b'{"a"',
        struct.pack("<Q", 8) + b"\xff" * 8,
        struct.pack("<Q", 62)
        + b'{"head.bias":{"dtype":"F32","shape":[9],"data_offsets":[0,4]}}'
        + b"\0" * 4,
        struct.pack("<Q", 62)
        + b'{"head.bias":{"dtype":"Z99","shape":[1],"data_offsets":[0,4]}}'
        + b"\0" * 4,
        b"PK\x03\x04" + b"\0" * 60,  # what torch.save writes
        b"\x80\x02}q\x00." + b"\0" * 20,
    ],
)
def test_file_that_is_no_safetensors_is_refused(tmp_path: Path, data: bytes) -> None:
    forge(tmp_path, data)
    assert refusal(tmp_path).code in ("weights", "tensors")


def test_missing_weights_and_missing_card_are_refused(
    model_folder: Write, tmp_path: Path
) -> None:
    folder = model_folder()
    (folder / WEIGHTS_FILE).unlink()
    assert refusal(folder).code == "weights"
    assert refusal(tmp_path / "nowhere").code == "card"


@pytest.mark.parametrize(
    "changes",
    [
        {"levels": [0.0173286, 0.06]},
        {"weights_sha256": "0" * 64},
        {"preset": {**plain_json(PRESETS["ct96"]), "low": -900.0}},
        {"digest": "0" * 64},
    ],
)
def test_edited_card_is_refused(model_folder: Write, changes: dict[str, Any]) -> None:
    folder = model_folder()
    edit_card(folder, **changes)
    assert refusal(folder).code == "card_digest"


def test_newer_card_is_refused_with_the_way_out(model_folder: Write) -> None:
    folder = model_folder()
    edit_card(folder, format=2)
    error = refusal(folder)
    assert error.code == "card_format"
    assert "newer version" in error.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"card"',
        "null",
        "{}",
        "[" * 100_000,
        '{"format": 1e999, "digest": "", "levels": [], "limits": []}',
        '{"format": "one"}',
        '{"format": 1, "digest": "x", "levels": [0.1], "limits": []}',
        "\udcff",
    ],
)
def test_file_that_is_no_card_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / CARD_FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert refusal(tmp_path).code == "card"


@pytest.mark.parametrize(
    "changes",
    [
        {"levels": []},
        {"levels": [0.05, 0.01]},
        {"levels": [-0.1]},
        {"levels": [float("nan")]},
        {"levels": [0.0173, 2.0]},
        {"levels": ["small"]},
        {"preset": {}},
        {"preset": "ct96"},
        *(
            {"preset": {**plain_json(PRESETS["ct96"]), **edit}}
            for edit in (
                {"patch": 0},
                {"patch": 10**9},
                {"patch": 96.5},
                {"patch": 90},
                {"centre": 96},
                {"low": 3000.0},
                {"low": -700},
                {"low": "-700"},
                {"kind": "square"},
                {"modality": "US"},
            )
        ),
        {"name": ["a", "b"]},
        {"network": "lean"},
        {"weights_sha256": 7},
        {"surprise": 1},
    ],
)
def test_card_with_unusable_values_is_refused(
    model_folder: Write, changes: dict[str, Any]
) -> None:
    folder = model_folder()
    edit_card(folder, **changes)
    assert refusal(folder).code == "card"


@pytest.mark.parametrize(
    "network",
    [
        {},
        {"kind": "magic"},
        {"kind": ["lean"]},
        {"kind": "lean"},
        {"kind": "lean", "widths": [4, 6], "deep_blocks": 2},
        {"kind": "lean", "widths": [4, 6, 10**12], "deep_blocks": 2},
        {"kind": "lean", "widths": [4, 6, float("inf")], "deep_blocks": 2},
        {"kind": "lean", "widths": [4, 6, 0], "deep_blocks": 2},
        {"kind": "lean", "widths": [4, 6, 8], "deep_blocks": 10**9},
        {"kind": "lean", "widths": [512, 512, 512], "deep_blocks": 512},
        {"kind": "lean", "widths": "no", "deep_blocks": 2},
        {"kind": "reference", "dim": 12, "multipliers": [1, 2, 4, 8]},
        {"kind": "reference", "dim": 8, "multipliers": [1, 2]},
        {"kind": "reference", "dim": 8, "multipliers": [1, 2, 4, 10**6]},
        {"kind": "reference", "dim": 512, "multipliers": [16, 16, 16, 16]},
    ],
)
def test_absurd_network_is_refused_before_memory_is_taken(
    model_folder: Write, network: dict[str, Any]
) -> None:
    folder = model_folder()
    value = json.loads((folder / CARD_FILE).read_text())
    named = {key: value[key] for key in ("preset", "levels")}
    with contextlib.suppress(ValueError):
        # Its digest fits: the network alone is what is wrong.
        sealed = {**named, "network": network, "weights": value["weights_sha256"]}
        value["digest"] = json_digest(sealed)
    edit_card(folder, network=network, digest=value["digest"])
    error = refusal(folder)
    assert error.code in ("card", "network")
    assert "network" in error.detail


def test_network_of_sizes_out_of_range_is_not_built() -> None:
    for network in (LeanNetwork((4, 6, 10**12)), ReferenceNetwork(12)):
        with pytest.raises(ModelError, match="cannot be built") as caught:
            build_network(network)
        assert caught.value.code == "network"


def test_network_is_rebuilt_from_its_description() -> None:
    for network, description in (
        (lean((4, 6, 8)), LeanNetwork((4, 6, 8))),
        (ReferenceUnet(8, (1, 1, 2, 2)), ReferenceNetwork(8, (1, 1, 2, 2))),
    ):
        again = build_network(description)
        shapes = {name: value.shape for name, value in network.state_dict().items()}
        assert type(again) is type(network)
        assert shapes == {n: value.shape for n, value in again.state_dict().items()}


def test_building_takes_the_same_random_numbers_as_the_network_alone() -> None:
    torch.manual_seed(4)
    built = build_network(LeanNetwork((4, 6, 8), 2))
    torch.manual_seed(4)
    alone = type(built)(built.config)
    for a, b in zip(built.parameters(), alone.parameters(), strict=True):
        assert torch.equal(a, b)
