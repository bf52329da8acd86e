"""The process that opens a published checkpoint, and nothing else.

Started by `published`, which sends the bytes of the checkpoint and gets safetensors
back. It limits its own memory and contains itself (`containment`) before it reads one
of them. The checkpoint is read as weights only: torch's restricted unpickler builds
tensors and containers and calls nothing else.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from btd_desktop.containment.channel import (
    ChannelError,
    read_message,
    take_over_pipes,
    write_message,
)
from btd_desktop.containment.inside import (
    contain_this_process,
    library_places,
    limit_memory,
)

# torch reserves much more address space than it uses.
MEMORY_BYTES: Final = 12 << 30
_RANDOM: Final = Path("/dev/urandom")  # torch seeds its generators there
_MAX_VALUES: Final = 200_000_000
_PREFIX: Final = "model."


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell how this process is contained, convert one checkpoint, and end.

    Args:
        arguments: At the end the parent's number and the size that a checkpoint may
            have, in bytes; those of the process when None.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    parent, max_file_bytes = map(int, words[-2:])
    requests, replies = take_over_pipes()
    limit_memory(MEMORY_BYTES)
    taken = contain_this_process((*library_places(), _RANDOM), parent)
    try:
        write_message(replies, {"containment": taken})
        _, data = read_message(requests, max_file_bytes)
        told, weights = convert(data)
        write_message(replies, told, weights)
    except (ChannelError, MemoryError):
        return 1
    return 0


def convert(data: bytes | bytearray) -> tuple[dict[str, Any], bytes]:
    """The network of a checkpoint as safetensors, or what went wrong.

    To be called in a process of its own: hostile input may crash it.

    Returns:
        `{"n_tensors": ...}` and the weights, or `{"error": ...}` and nothing.
    """
    try:
        n_tensors, weights = _convert(data)
    except MemoryError:
        return {"error": "it needs more memory than a model of this kind does"}, b""
    except Exception as error:  # noqa: BLE001 - hostile input raises what it likes
        words = str(error).strip().split("\n", 1)[0][:200]
        return {"error": f"{type(error).__name__}: {words}"}, b""
    return {"n_tensors": n_tensors}, weights


def _convert(data: bytes | bytearray) -> tuple[int, bytes]:
    import torch
    from safetensors.torch import save

    # The one place of the program that opens a pickle: weights only, own process.
    value = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    tensors = {
        key: _dense(key, tensor, torch) for key, tensor in _network_part(value).items()
    }
    if not tensors:
        raise ValueError("it holds no network under “model.”")
    return len(tensors), save(tensors)


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
