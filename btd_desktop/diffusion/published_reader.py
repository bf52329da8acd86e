"""The process that opens a published checkpoint, and nothing else.

Started by `published` with two paths: a copy of the checkpoint, and the safetensors
file to write. It limits its own memory first. The checkpoint is read as weights only:
torch's restricted unpickler builds tensors and containers and calls nothing else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

__all__ = ["convert", "main"]

# torch reserves much more address space than it uses.
_MEMORY_BYTES: Final = 12 << 30
_MAX_OUTPUT_BYTES: Final = 2 << 30
_MAX_VALUES: Final = 200_000_000
_PREFIX: Final = "model."


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert one file; prints `{"error": ...}` or `{"n_tensors": ...}` as JSON."""
    source, target = (sys.argv[1:] if arguments is None else list(arguments))[-2:]
    _limit_resources()
    told = convert(Path(source), Path(target))
    sys.stdout.write(json.dumps(told) + "\n")
    return 0 if "error" not in told else 1


def convert(source: Path, target: Path) -> dict[str, Any]:
    """Write the network of a checkpoint as safetensors; what went wrong is told.

    To be called in a process of its own: hostile input may crash it.
    """
    try:
        return {"n_tensors": _convert(source, target)}
    except MemoryError:
        return {"error": "it needs more memory than a model of this kind does"}
    except Exception as error:  # noqa: BLE001 - hostile input raises what it likes
        words = str(error).strip().split("\n", 1)[0][:200]
        return {"error": f"{type(error).__name__}: {words}"}


def _limit_resources() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit for a process to set on itself
        return
    for name, value in (
        ("RLIMIT_AS", _MEMORY_BYTES),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", _MAX_OUTPUT_BYTES),
    ):
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        _, hard = resource.getrlimit(kind)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (limit, limit))
        except (ValueError, OSError):  # macOS refuses RLIMIT_AS on some versions
            continue


def _convert(source: Path, target: Path) -> int:
    import torch
    from safetensors.torch import save

    # The one place of the program that opens a pickle: weights only, own process.
    value = torch.load(source, map_location="cpu", weights_only=True)
    tensors = {
        key: _dense(key, tensor, torch) for key, tensor in _network_part(value).items()
    }
    if not tensors:
        raise ValueError("it holds no network under “model.”")
    target.write_bytes(save(tensors))
    return len(tensors)


def _network_part(value: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever was stored
    """Entries of the network inside the diffusion state, their prefix cut off.

    A checkpoint is `{"model": state}`; the state of the diffusion wraps that of the
    network (prefix "model.") together with the schedule's buffers, which we compute.
    """
    if not isinstance(value, dict) or not isinstance(value.get("model"), dict):
        raise TypeError("it is not a checkpoint: there is no state under “model”")
    return {
        key.removeprefix(_PREFIX): tensor
        for key, tensor in value["model"].items()
        if isinstance(key, str) and key.startswith(_PREFIX)
    }


def _dense(key: str, tensor: Any, torch: Any) -> Any:  # noqa: ANN401 - late import
    if not isinstance(tensor, torch.Tensor) or tensor.layout is not torch.strided:
        raise TypeError(f"“{key}” is not a tensor of plain numbers")
    # Before it is copied: a view can claim more values than the file holds.
    if tensor.numel() > _MAX_VALUES:
        raise ValueError(f"“{key}” has {tensor.numel():,} values")
    if not tensor.is_floating_point():
        raise TypeError(f"“{key}” holds {tensor.dtype} instead of weights")
    return tensor.detach().to(torch.float32).contiguous().clone()


if __name__ == "__main__":
    sys.exit(main())
