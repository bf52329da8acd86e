"""What torch finds on this computer, for `btd doctor`."""

from __future__ import annotations

import torch

from btd_desktop.diffusion.device import choose_device


def hardware_facts() -> dict[str, str]:
    """Names and values: device, the reason for it, number format, CPU, threads."""
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
