"""Which device computes, in which precision, and the reason in words.

Never a silent fallback: a GPU that is there and not used is named with its reason.
"""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass

import torch

from btd_desktop.errors import SettingsError
from btd_desktop.scoring.detector import Backend


@dataclass(frozen=True, slots=True)
class ComputeDevice:
    """A device that is used, and why.

    Attributes:
        kind: "cpu", "cuda" or "mps".
        name: Name of the processor or graphics card.
        reason: One sentence: why this one.
        dtype: "float32" or "bfloat16": precision of convolutions; scores are always
            pooled in float64 from float32 maps.
        threads: CPU threads that torch uses.
        torch_version: Version of torch.
    """

    kind: str
    name: str
    reason: str
    dtype: str
    threads: int
    torch_version: str

    @property
    def torch_device(self) -> torch.device:
        """The torch device."""
        return torch.device(self.kind)

    @property
    def torch_dtype(self) -> torch.dtype:
        """The torch dtype of convolutions."""
        return torch.bfloat16 if self.dtype == "bfloat16" else torch.float32

    @property
    def backend(self) -> Backend:
        """What manifests and profiles say of it."""
        return Backend(**asdict(self))


def choose_device(wanted: str = "auto", dtype: str = "auto") -> ComputeDevice:
    """The device for scoring or training.

    Args:
        wanted: "auto", "cpu", "cuda" or "mps". "auto" takes a CUDA card when torch
            sees one, else the CPU.
        dtype: "auto", "float32" or "bfloat16". "auto" is bfloat16 where the device
            computes it natively and float32 elsewhere.

    Raises:
        SettingsError: The device or the precision asked for is not available.
    """
    kind, reason = _kind(wanted)
    if dtype not in ("auto", "float32", "bfloat16"):
        raise SettingsError(
            f"there is no precision “{dtype}”",
            hint="use auto, float32 or bfloat16",
            code="precision",
        )
    if dtype == "auto":
        dtype = "bfloat16" if _native_bfloat16(kind) else "float32"
    return ComputeDevice(
        kind, _name(kind), reason, dtype, torch.get_num_threads(), torch.__version__
    )


def hardware_facts() -> dict[str, str]:
    """What torch finds here: device, the reason for it, number format, CPU, threads."""
    device = choose_device()
    features = [
        name
        for name, has in (
            ("AVX2", torch.cpu._is_avx2_supported()),
            ("AVX-512", torch.cpu._is_avx512_supported()),
            ("AVX-512 bfloat16", torch.cpu._is_avx512_bf16_supported()),
            ("AMX", torch.cpu._is_amx_tile_supported()),
        )
        if has
    ]
    cuda = torch.version.cuda
    return {
        "device": f"{device.kind} ({device.name})",
        "why": device.reason,
        "number format": device.dtype,
        "CPU features": ", ".join(features) or "none that matter",
        "CPU kernels of torch": str(torch.backends.cpu.get_cpu_capability()),
        "threads": str(device.threads),
        "torch": device.torch_version,
        "CUDA in torch": str(cuda) if cuda else "no",
    }


def _kind(wanted: str) -> tuple[str, str]:
    has_cuda = torch.cuda.is_available()
    if wanted == "auto":
        if has_cuda:
            return "cuda", "a CUDA graphics card was found"
        if torch.backends.mps.is_available():
            return "cpu", "the Apple GPU is used only when it is asked for"
        if torch.version.cuda is None:
            return "cpu", "this build of torch has no CUDA support (see docs/gpu.md)"
        return "cpu", "torch sees no CUDA graphics card or no driver for it"
    if wanted == "cuda" and not has_cuda:
        raise SettingsError(
            "a CUDA device was asked for and torch sees none",
            hint="run `btd doctor`, or use --device cpu",
            code="device",
        )
    if wanted == "mps" and not torch.backends.mps.is_available():
        raise SettingsError(
            "the Apple GPU was asked for and torch sees none",
            hint="use --device cpu",
            code="device",
        )
    if wanted not in ("cpu", "cuda", "mps"):
        raise SettingsError(
            f"there is no device “{wanted}”",
            hint="use auto, cpu, cuda or mps",
            code="device",
        )
    return wanted, "asked for"


def _native_bfloat16(kind: str) -> bool:
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if kind == "cpu":
        # Emulated bfloat16 is slower than float32 and gains nothing.
        return bool(torch.cpu._is_avx512_bf16_supported())
    return False


def _name(kind: str) -> str:
    if kind == "cuda":
        return str(torch.cuda.get_device_name(0))
    return platform.processor() or platform.machine()
