"""The program's entry point: the window without arguments, else the command line.

A frozen bundle has no `python -m`, so that it also starts its own helper processes
from here, by a flag.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from btd_desktop.errors import BtdError
from btd_desktop.native_libraries import window_problem

_DICOM_WORKER = "--dicom-worker"
_CHECKPOINT_READER = "--checkpoint-reader"
_SWEEP_WORKER = "--sweep-worker"
_SELF_TEST_STEP = "--self-test-step"
_WINDOW_PROBE = "--window-probe"


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
    if arguments[:1] == [_SWEEP_WORKER]:
        from btd_desktop.archive.worker import main as serve_sweep

        return serve_sweep()
    if arguments[:1] == [_SELF_TEST_STEP]:
        from btd_desktop.workflow.selftest.steps import step

        for row in step(arguments[1], Path(arguments[2])):
            _answer({"check": row})
        return 0
    if arguments[:1] == [_WINDOW_PROBE]:
        return _probe_window()
    from btd_desktop.cli.main import run

    return run(arguments or ["gui"], _open_window)


def _open_window(path: Path | None) -> int:
    return int(_window_module().run(path, _refuse))


def _window_module() -> ModuleType:
    """The composition root of the window.

    Raises:
        BtdError: Qt does not load; the sentence names what is missing.
    """
    try:
        return importlib.import_module("btd_desktop.gui.app")
    except ImportError as error:
        raise _no_window(window_problem(str(error), os.environ)) from error


def _no_window(problem: str) -> BtdError:
    return BtdError(
        f"the window cannot be opened: {problem}",
        hint="the command line works without; `btd doctor --selftest` tries it all",
        code="no_window",
    )


def _refuse(problem: str) -> NoReturn:
    """Say why Qt cannot start and end: when this returned, Qt would abort."""
    from btd_desktop.cli.output import warn
    from btd_desktop.examination.wording import error_text
    from btd_desktop.logs import close_logging

    error = _no_window(problem)
    warn(f"error: {error_text(error)}")
    close_logging()
    os._exit(error.exit_code)


def _probe_window() -> int:
    """Open the window for a moment and print what came of it, as a JSON object."""

    def refuse(problem: str) -> NoReturn:
        _answer({"problem": problem})
        os._exit(1)

    try:
        platform, width, height = _window_module().probe(refuse)
    except BtdError as error:
        return _answer({"problem": error.detail}) or 1
    return _answer({"platform": platform, "width": width, "height": height})


def _answer(value: object) -> int:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())
