"""The reference U-Net, parameter for parameter."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

import sys
import types
from unittest.mock import MagicMock

import pytest
import torch

from btd_desktop.diffusion.networks import parameter_count
from btd_desktop.diffusion.schedule import sigmoid_schedule
from btd_desktop.diffusion.unet import ReferenceUnet
from tests.unit.diffusion.conftest import shaken


@pytest.fixture(scope="module")
def dim8() -> ReferenceUnet:
    torch.manual_seed(0)
    network = ReferenceUnet(8)
    shaken(network)
    return network


@pytest.mark.parametrize(("dim", "n"), [(8, 673_809), (32, 9_190_977)])
def test_parameter_count_equals_the_reference(dim: int, n: int) -> None:
    with torch.device("meta"):
        network = ReferenceUnet(dim)
    assert parameter_count(network) == n
    assert len(network.state_dict()) == 274


def test_state_names_are_those_of_the_published_checkpoints(
    dim8: ReferenceUnet,
) -> None:
    names = set(dim8.state_dict())
    block = ("mlp.1", "block1.proj", "block1.norm", "block2.proj", "block2.norm")
    expected = {
        "init_conv.weight",
        "time_mlp.1.weight",
        "time_mlp.3.bias",
        *(f"downs.0.{i}.{part}.weight" for i in (0, 1) for part in block),
        "downs.0.2.norm.g",
        "downs.0.2.to_qkv.weight",
        "downs.0.2.to_out.0.weight",  # linear attention: convolution, then norm
        "downs.0.2.to_out.1.g",
        "downs.3.2.to_out.weight",  # full attention: convolution alone
        "downs.0.3.1.weight",  # after space-to-depth
        "downs.3.3.weight",  # the last level does not halve
        "mid_block1.block1.proj.weight",
        "mid_attn.to_qkv.weight",
        "mid_block2.mlp.1.bias",
        "ups.0.0.res_conv.weight",
        "ups.0.3.1.weight",
        "ups.3.3.weight",
        "final_res_block.res_conv.weight",
        "final_conv.bias",
    }
    assert expected <= names
    assert not any(name.endswith("to_qkv.bias") for name in names)
    assert "downs.0.0.res_conv.weight" not in names


@pytest.mark.parametrize("side", [16, 32, 96])
def test_output_has_the_shape_of_the_input(dim8: ReferenceUnet, side: int) -> None:
    x = torch.randn(2, 1, side, side, generator=torch.Generator().manual_seed(1))
    assert dim8(x, torch.full((2,), 0.0173)).shape == x.shape


def test_level_of_t_is_the_timestep_t(dim8: ReferenceUnet) -> None:
    x = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    levels = sigmoid_schedule().noise_levels
    for t in (0, 37):
        by_level = dim8(x, torch.tensor([levels[t]]))
        torch.testing.assert_close(by_level, dim8.predict_at(x, torch.tensor([t])))
    below = dim8(x, torch.tensor([0.001]))
    assert torch.equal(below, dim8.predict_at(x, torch.tensor([0.0])))


def test_timestep_alters_the_prediction(dim8: ReferenceUnet) -> None:
    x = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    early, late = (dim8.predict_at(x, torch.tensor([t])) for t in (0, 500))
    assert float((early - late).abs().max()) > 1e-3


def test_batch_and_alone_give_the_same_prediction(dim8: ReferenceUnet) -> None:
    x = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    sigma = torch.tensor([0.0173, 0.05, 0.2])
    torch.testing.assert_close(
        dim8(x, sigma)[1:2], dim8(x[1:2], sigma[1:2]), rtol=1e-5, atol=1e-5
    )


def _published_unet() -> type[torch.nn.Module]:
    """The package that the authors pin, with stand-ins for what it needs to import."""
    torchvision = types.ModuleType("torchvision")
    stand_ins: dict[str, types.ModuleType | MagicMock] = {
        "torchvision": torchvision,
        "torchvision.models": MagicMock(),
        "torchvision.models.inception": MagicMock(),
        "pytorch_fid": MagicMock(),
        "pytorch_fid.inception": MagicMock(),
        "pytorch_fid.fid_score": MagicMock(),
    }
    for name in ("transforms", "utils"):
        module = types.ModuleType(f"torchvision.{name}")
        setattr(torchvision, name, module)
        stand_ins[f"torchvision.{name}"] = module
    torchvision.utils.save_image = None
    missing = {k: v for k, v in stand_ins.items() if k not in sys.modules}
    with pytest.MonkeyPatch.context() as patch:
        for name, module in missing.items():
            patch.setitem(sys.modules, name, module)
        package = pytest.importorskip(
            "denoising_diffusion_pytorch",
            reason="denoising_diffusion_pytorch 1.8.3 is not installed (optional)",
        )
    found: type[torch.nn.Module] = package.Unet
    return found


@pytest.mark.parametrize("dim", [8, 16])
def test_prediction_equals_that_of_the_published_package(dim: int) -> None:
    theirs = shaken(_published_unet()(dim=dim, dim_mults=(1, 2, 4, 8), channels=1))
    ours = ReferenceUnet(dim)
    ours.load_state_dict(theirs.state_dict())
    generator = torch.Generator().manual_seed(5)
    x, t = torch.randn(2, 1, 96, 96, generator=generator), torch.tensor([0, 37])
    with torch.inference_mode():
        torch.testing.assert_close(
            ours.predict_at(x, t), theirs(x, t), rtol=1e-4, atol=1e-5
        )
