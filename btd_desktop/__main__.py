"""The program's entry point: the window without arguments, else the command line.

A frozen bundle has no `python -m`, so that it also starts its own helper processes
from here, by a flag.
"""

from __future__ import annotations

import importlib
import multiprocessing
import sys
from collections.abc import Sequence
from pathlib import Path

from btd_desktop.errors import BtdError

_DICOM_WORKER = "--dicom-worker"
_CHECKPOINT_READER = "--checkpoint-reader"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status.

    Args:
        argv: Arguments without the program's name; those of the process when None.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == [_DICOM_WORKER]:
        from btd_desktop.dicom.worker import main as serve_parsing

        return serve_parsing()
    if arguments[:1] == [_CHECKPOINT_READER]:
        from btd_desktop.diffusion.published_reader import main as read_checkpoint

        return read_checkpoint(arguments[1:])
    from btd_desktop.cli.main import run

    return run(arguments or ["gui"], _open_window)


def _open_window(path: Path | None) -> int:
    try:
        app = importlib.import_module("btd_desktop.gui.app")
    except ImportError as error:
        raise BtdError(
            f"the window cannot be opened: {error}",
            hint="`btd doctor` says what is missing; the command line works without",
            code="no_window",
        ) from error
    return int(app.run(path))


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())
