"""Step of the self-test: every package that the program needs loads."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from btd_desktop.diffusion.torch_part import torch_problem
from btd_desktop.examination.wording import reason_of
from btd_desktop.workflow.selftest.steps import Row

PACKAGES: Final = (
    "numpy", "scipy.ndimage", "scipy.stats", "sklearn.covariance", "safetensors",
    "pydicom", "highdicom", "imagecodecs", "jpeg_ls", "openjpeg", "PIL.Image",
    "reportlab.pdfgen", "pyhanko.sign", "cryptography.x509", "msgspec",
    "platformdirs", "pypdfium2",
)  # fmt: skip
"""What opening, reporting and verifying load; a bundle holds at least these."""


def rows(folder: Path) -> Iterator[Row]:
    """One row for the packages that are always needed, one for torch."""
    problems = []
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except (ImportError, OSError) as error:
            problems.append(f"{name}: {error}")
    if problems:
        yield "packages", "not", "; ".join(problems)
    else:
        yield "packages", "ok", f"{len(PACKAGES)} load"
    torch = torch_problem()
    if torch is None:
        from btd_desktop.diffusion.device import choose_device

        yield "torch", "ok", choose_device("cpu").torch_version
    elif torch.code == "no_torch":
        yield "torch", "not tried", reason_of(torch)
    else:
        yield "torch", "not", reason_of(torch)
