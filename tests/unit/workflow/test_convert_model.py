"""Published checkpoints: ours in their wrapping convert, harmful ones do nothing."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from btd_desktop.diffusion import published, published_reader
from btd_desktop.diffusion.checkpoint import load_model
from btd_desktop.diffusion.published import ReaderLimits, convert_checkpoint
from btd_desktop.diffusion.unet import ReferenceUnet
from btd_desktop.errors import Cancelled, ModelError, SettingsError
from btd_desktop.preprocess.presets import preset_named
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.convert_model import convert_published
from btd_desktop.workflow.services import Services

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def network() -> ReferenceUnet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return ReferenceUnet(8)


def _wrapped(network: ReferenceUnet, **changes: object) -> dict[str, object]:
    """A checkpoint as the authors publish it: diffusion state under "model"."""
    state: dict[str, object] = {
        f"model.{key}": value.clone() for key, value in network.state_dict().items()
    }
    state |= {"betas": torch.linspace(0, 1, 1000), "alphas_cumprod": torch.ones(1000)}
    state |= changes
    return {"step": 700_000, "model": state, "version": "1.8.3"}


def _save(value: object, path: Path) -> Path:
    torch.save(value, path)
    return path


@pytest.fixture
def read_here(monkeypatch):
    """Read in this process: for odd but harmless files, it saves a start of torch."""

    def ask(_path: Path, data: bytes, *_: object) -> tuple[dict[str, object], bytes]:
        return published_reader.convert(data)

    monkeypatch.setattr(published, "_ask_reader", ask)


def _convert(path: Path, out: Path, modality: str = "CT") -> None:
    convert_published(
        path, out, modality=modality, services=Services(), context=TaskContext()
    )


def test_published_checkpoint_becomes_a_model_that_computes_the_same(network, tmp_path):
    path = _save(_wrapped(network), tmp_path / "CT_model.pt")
    before = path.read_bytes()
    card = convert_published(
        path,
        tmp_path / "authors ct",
        modality="CT",
        services=Services(),
        context=TaskContext(),
    )
    loaded, read = load_model(tmp_path / "authors ct")
    assert read == card
    assert card.name == "authors-ct"
    assert card.n_parameters == 673_809
    assert card.preset == preset_named("ct96")
    assert card.levels == (0.0173286, 0.03, 0.055, 0.1)
    assert "Grabovski" in card.training["credits"]
    assert any("not measured" in sentence for sentence in card.limits)
    x = torch.from_numpy(
        np.random.default_rng(1).standard_normal((1, 1, 32, 32), dtype=np.float32)
    )
    with torch.inference_mode():
        expected = network.eval().predict_at(x, torch.zeros(1))
        assert torch.equal(loaded.predict_at(x, torch.zeros(1)), expected)  # type: ignore[operator]
    assert path.read_bytes() == before


@pytest.mark.usefixtures("read_here")
def test_mr_checkpoint_gets_the_mr_preset(network, tmp_path):
    path = _save(_wrapped(network), tmp_path / "MRI_model.pt")
    _convert(path, tmp_path / "mr", "MR")
    assert load_model(tmp_path / "mr")[1].preset.name == "mr128"


class _Harmful:
    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f'echo ran > "{self._target}"',)


def test_checkpoint_that_would_run_a_command_is_refused_and_runs_nothing(
    network, tmp_path
):
    proof = tmp_path / "proof"
    harmful = _wrapped(network, extra=_Harmful(proof))
    path = _save(harmful, tmp_path / "evil.pt")
    # The file does hold the command: opened carelessly, it would run.
    assert b"echo ran" in zipfile.ZipFile(path).read("evil/data.pkl")
    with pytest.raises(ModelError, match="was refused") as caught:
        _convert(path, tmp_path / "out")
    assert caught.value.code == "checkpoint"
    assert not proof.exists()
    assert not (tmp_path / "out").exists()


def test_old_style_pickle_that_would_run_a_command_is_refused(network, tmp_path):
    proof = tmp_path / "proof"
    path = tmp_path / "evil.pt"
    torch.save({"model": _Harmful(proof)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ModelError, match="was refused"):
        _convert(path, tmp_path / "out")
    assert not proof.exists()


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_truncated_checkpoint_is_refused(network, tmp_path, share):
    whole = io.BytesIO()
    torch.save(_wrapped(network), whole)
    path = tmp_path / "short.pt"
    path.write_bytes(whole.getvalue()[: int(share * len(whole.getvalue()))])
    with pytest.raises(ModelError):
        _convert(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("model.final_conv.bias", torch.full((1,), float("nan")), "not finite"),
        ("model.final_conv.bias", torch.zeros(7), "shape"),
        ("model.unknown", torch.zeros(1), "unknown"),
        ("model.final_conv.bias", torch.zeros(1, dtype=torch.int64), "int64"),
        ("model.final_conv.bias", "text", "not a tensor"),
        ("model.final_conv.bias", torch.zeros(1).expand(10**12), "values"),
        ("model.final_conv.bias", torch.zeros(1).to_sparse(), "not a tensor"),
        ("model.init_conv.weight", torch.zeros(8, 3, 7, 7), "first convolution"),
        ("model.init_conv.weight", torch.zeros(12, 1, 7, 7), "width"),
    ],
)
def test_checkpoint_with_one_odd_entry_is_refused(network, tmp_path, key, value, words):
    path = _save(_wrapped(network, **{key: value}), tmp_path / "odd.pt")
    with pytest.raises(ModelError, match=words):
        _convert(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize(
    "value", [{"model": {}}, {"weights": {}}, [1, 2], {"model": {"a": torch.ones(1)}}]
)
def test_file_without_a_network_is_refused(tmp_path, value):
    path = _save(value, tmp_path / "odd.pt")
    with pytest.raises(ModelError, match="was refused"):
        _convert(path, tmp_path / "out")


@pytest.mark.usefixtures("read_here")
def test_missing_tensor_is_named(network, tmp_path):
    checkpoint = _wrapped(network)
    del checkpoint["model"]["model.final_conv.bias"]  # type: ignore[attr-defined]
    path = _save(checkpoint, tmp_path / "odd.pt")
    with pytest.raises(ModelError, match=r"final_conv\.bias"):
        _convert(path, tmp_path / "out")


def test_file_that_is_too_large_is_not_read(network, tmp_path):
    path = _save(_wrapped(network), tmp_path / "big.pt")
    with pytest.raises(ModelError, match="larger"):
        convert_checkpoint(
            path,
            tmp_path / "out",
            preset=preset_named("ct96"),
            now=Services().now(),
            context=TaskContext(),
            limits=ReaderLimits(max_file_bytes=1000),
        )


def test_reader_that_takes_too_long_is_ended(network, tmp_path):
    path = _save(_wrapped(network), tmp_path / "slow.pt")
    with pytest.raises(ModelError, match="longer than"):
        convert_checkpoint(
            path,
            tmp_path / "out",
            preset=preset_named("ct96"),
            now=Services().now(),
            context=TaskContext(),
            limits=ReaderLimits(timeout_s=0.0),
        )


def test_cancelling_ends_the_reader_and_writes_nothing(network, tmp_path):
    path = _save(_wrapped(network), tmp_path / "m.pt")
    context = TaskContext()
    context.cancel()
    with pytest.raises(Cancelled):
        convert_checkpoint(
            path,
            tmp_path / "out",
            preset=preset_named("ct96"),
            now=Services().now(),
            context=context,
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("read_here")
def test_existing_model_is_not_replaced(network, tmp_path):
    path = _save(_wrapped(network), tmp_path / "m.pt")
    _convert(path, tmp_path / "out")
    before = (tmp_path / "out" / "card.json").read_bytes()
    with pytest.raises(ModelError, match="holds a model already"):
        _convert(path, tmp_path / "out")
    assert (tmp_path / "out" / "card.json").read_bytes() == before


def test_path_that_is_no_file_is_named(tmp_path):
    with pytest.raises(ModelError, match="is not a file"):
        _convert(tmp_path, tmp_path / "out")


def test_reader_that_crashes_costs_one_sentence(network, tmp_path, monkeypatch):
    monkeypatch.setattr(
        published, "_command", lambda: ["false" if os.name != "nt" else "where"]
    )
    path = _save(_wrapped(network), tmp_path / "m.pt")
    with pytest.raises(ModelError, match="its reader crashed"):
        _convert(path, tmp_path / "out")


def test_modality_without_published_model_is_refused(network, tmp_path):
    with pytest.raises(SettingsError, match="XA"):
        _convert(tmp_path / "m.pt", tmp_path / "out", "XA")
