"""Choice of device: explicit, never silent."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

import json

import pytest
import torch

from btd_desktop.diffusion.device import choose_device
from btd_desktop.errors import SettingsError
from btd_desktop.strict_json import plain_json


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
def test_auto_without_gpu_takes_the_cpu_and_says_why() -> None:
    device = choose_device()
    assert device.kind == "cpu"
    assert "CUDA" in device.reason
    assert device.torch_device == torch.device("cpu")
    assert device.threads == torch.get_num_threads()
    assert json.loads(json.dumps(plain_json(device.backend)))["torch_version"]


@pytest.mark.usefixtures("no_gpu")
def test_auto_names_a_missing_driver_where_torch_could_use_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert "driver" in choose_device().reason
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "no CUDA support" in choose_device().reason


def test_auto_names_an_apple_gpu_that_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    device = choose_device()
    assert device.kind == "cpu"
    assert "Apple" in device.reason
    assert choose_device("mps").kind == "mps"


def test_auto_takes_a_cuda_card_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Card 9000")
    device = choose_device()
    assert (device.kind, device.name, device.dtype) == ("cuda", "Card 9000", "bfloat16")
    assert choose_device("cpu").reason == "asked for"


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    ("wanted", "dtype", "code"),
    [
        ("cuda", "auto", "device"),
        ("mps", "auto", "device"),
        ("tpu", "auto", "device"),
        ("", "auto", "device"),
        ("cpu", "float16", "precision"),
    ],
)
def test_what_is_not_to_be_had_is_refused(wanted: str, dtype: str, code: str) -> None:
    with pytest.raises(SettingsError) as caught:
        choose_device(wanted, dtype)
    assert caught.value.code == code
    assert caught.value.hint


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("native", [True, False])
def test_auto_precision_is_bfloat16_only_where_native(
    monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    assert choose_device("cpu").dtype == ("bfloat16" if native else "float32")
    assert choose_device("cpu", "float32").torch_dtype is torch.float32
    assert choose_device("cpu", "bfloat16").torch_dtype is torch.bfloat16
