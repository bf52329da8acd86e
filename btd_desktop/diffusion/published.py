"""The authors' published checkpoints (`CT_model.pt`, `MRI_model.pt`) as our models.

Such a file is a pickle, and a pickle can run anything. It is never opened here: a
process of its own, contained like the one that parses evidence, is sent the bytes,
reads them as weights only and sends safetensors back; what comes back is checked like
any other model.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from torch import Tensor

from btd_desktop.containment.channel import ChannelError
from btd_desktop.containment.starting import (
    Contained,
    bare_environment,
    start_contained,
)
from btd_desktop.diffusion.checkpoint import (
    install_weights,
    model_name,
    save_model,
    tensors_from_bytes,
    weights_bytes,
)
from btd_desktop.diffusion.networks import build_network, parameter_count
from btd_desktop.diffusion.published_reader import MEMORY_BYTES
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ModelError
from btd_desktop.preprocess.presets import Preset
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.card import CARD_FILE, ModelCard, ReferenceNetwork

# In a frozen bundle there is no `python -m`: see `dicom.sandbox.WORKER_FLAG`.
READER_FLAG: Final = "--checkpoint-reader"
_LEVELS: Final = (0.0173286, 0.03, 0.055, 0.1)
_CREDITS: Final = (
    "Weights published by F. M. Grabovski, L. Yasur, G. Amit and Y. Mirsky with their "
    "paper “Back-in-Time Diffusion: Unsupervised Detection of Medical Deepfakes”."
)
_MAX_OUTPUT_BYTES: Final = 2 << 30
_LOOK_AGAIN_S: Final = 0.1
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReaderLimits:
    """What reading a checkpoint may cost.

    Attributes:
        max_file_bytes: Size of the file; a training checkpoint of dim 64 has 600 MB.
        timeout_s: Seconds until the reading process is ended.
    """

    max_file_bytes: int = 2 << 30
    timeout_s: float = 180.0


def convert_checkpoint(
    path: Path,
    out: Path,
    *,
    preset: Preset,
    now: datetime,
    context: TaskContext,
    limits: ReaderLimits | None = None,
) -> ModelCard:
    """Convert a published checkpoint into a model folder.

    Args:
        path: The `.pt` file; it is read and never changed.
        out: Folder of the new model; its name becomes the model's name.
        preset: The paper's preset for its modality (ct96 or mr128).
        now: Time of conversion, aware.
        context: Cancellation.
        limits: Ceilings for hostile files.

    Returns:
        Card of the new model.

    Raises:
        ModelError: The file cannot be read, would run code, is damaged, has another
            layout or holds values that are not finite; or `out` holds a model.
        Cancelled: The user asked to stop; nothing is written.
    """
    limits = limits or ReaderLimits()
    if (out / CARD_FILE).exists():
        raise ModelError(
            f"{out} holds a model already", hint="name a new folder", code="exists"
        )
    checkpoint = _read(path, limits)
    source_digest = bytes_digest(checkpoint)
    answer, data = _ask_reader(path, checkpoint, limits, context)
    del checkpoint
    _require_success(path, answer)
    state = tensors_from_bytes(bytes(data), path)
    description = ReferenceNetwork(_dim_of(state, path))
    network = build_network(description)
    install_weights(network, state, str(path))
    weights = weights_bytes(network.state_dict())
    card = ModelCard(
        name=model_name(out),
        title=f"{preset.modality}, reference, as published by the paper's authors",
        network=description,
        n_parameters=parameter_count(network),
        preset=preset,
        levels=_LEVELS,
        weights_sha256=bytes_digest(weights),
        training={
            "description": "trained by the authors of the paper, on their own scans",
            "source": path.name,
            "source_sha256": source_digest,
            "credits": _CREDITS,
        },
        metrics={},
        limits=(
            "Published by others: its detection performance was not measured here.",
            "Which patients it was trained on is known only as far as the paper says.",
        ),
        created=now.date().isoformat(),
    )
    save_model(out, card, weights)
    return card


def _read(path: Path, limits: ReaderLimits) -> bytes:
    """The file, once: what is digested is what is read."""
    try:
        if not path.is_file():
            raise ModelError(f"{path} is not a file", code="checkpoint")
        with path.open("rb") as source:
            size = os.fstat(source.fileno()).st_size
            data = b""
            if size <= limits.max_file_bytes:
                data = source.read(limits.max_file_bytes + 1)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror}", code="checkpoint"
        ) from error
    if max(size, len(data)) > limits.max_file_bytes:
        raise ModelError(
            f"{path} is larger than a checkpoint can be "
            f"({limits.max_file_bytes >> 20} MiB)",
            code="size",
        )
    return data


def _ask_reader(
    path: Path, data: bytes, limits: ReaderLimits, context: TaskContext
) -> tuple[dict[str, object], bytearray]:
    """Answer of the reading process, and the weights that it sends."""
    ends = time.monotonic() + limits.timeout_s
    with (
        tempfile.TemporaryDirectory(prefix="btd-checkpoint-") as folder,
        ThreadPoolExecutor(1, thread_name_prefix="btd-checkpoint") as waiting,
    ):
        try:
            contained = start_contained(
                [*_command(), str(os.getpid()), str(limits.max_file_bytes)],
                folder=folder,
                # Whatever else is set, torch must not unpickle more than weights.
                environment=bare_environment(TORCH_FORCE_WEIGHTS_ONLY_LOAD="1"),
                memory_bytes=MEMORY_BYTES,
            )
        except OSError as error:
            raise ModelError(
                f"{path} cannot be read: its reader does not start ({error})",
                code="checkpoint",
            ) from error
        try:
            answer = waiting.submit(_exchange, contained, data)
            while not wait([answer], timeout=_LOOK_AGAIN_S).done:
                context.check()
                if time.monotonic() > ends:
                    raise ModelError(
                        f"{path} took longer than {limits.timeout_s:.0f} seconds to "
                        "read",
                        code="timeout",
                    )
            # Ctrl-C on a terminal ends the reader too: no verdict on the file.
            context.check()
            return answer.result()
        finally:
            # Before the thread is waited for: without its process it ends.
            contained.end()


def _exchange(contained: Contained, data: bytes) -> tuple[dict[str, object], bytearray]:
    try:
        # The first answer says that it is contained: nothing is sent before it.
        _log.info("reader of a checkpoint is %s", contained.held().sentence)
        return contained.ask({}, data, _MAX_OUTPUT_BYTES)
    except (ChannelError, ValueError, KeyError, TypeError, MemoryError):
        return {"error": "its reader crashed"}, bytearray()


def _require_success(path: Path, answer: dict[str, object]) -> None:
    if "n_tensors" in answer and "error" not in answer:
        return
    reason = str(answer.get("error", "its reader crashed"))[:300]
    raise ModelError(
        f"{path} was refused: {reason}",
        hint="only checkpoints that hold plain weights are read; get the file from "
        "where its authors published it",
        code="checkpoint",
    )


def _dim_of(state: dict[str, Tensor], path: Path) -> int:
    first = state.get("init_conv.weight")
    if first is None or first.ndim != 4 or first.shape[1:] != (1, 7, 7):
        raise ModelError(
            f"{path} is not a network of the published layout: its first convolution "
            "is missing or of another shape",
            code="layout",
        )
    dim = int(first.shape[0])
    if not 8 <= dim <= 128 or dim % 8:
        raise ModelError(f"{path} has an unusable width of {dim}", code="layout")
    return dim


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, READER_FLAG]
    # -P: the folder of the checkpoint must never be searched for modules.
    return [sys.executable, "-P", "-m", "btd_desktop.diffusion.published_reader"]
