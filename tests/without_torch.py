"""The program in a process of its own that has no torch, whatever is installed.

python -m tests.without_torch btd WORDS...     one command
python -m tests.without_torch import           imports every module that may be
python -m tests.without_torch window CASE      opens a case, clicks, wants it scored
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.metadata
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class _Refusal(importlib.abc.MetaPathFinder):
    """As a machine answers on which torch was never installed."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def hide_torch() -> None:
    """From now on this process has no torch."""
    assert "torch" not in sys.modules
    sys.meta_path.insert(0, _Refusal())
    known = importlib.metadata.Distribution.from_name

    def from_name(name: str) -> importlib.metadata.Distribution:
        if name == "torch":
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    importlib.metadata.Distribution.from_name = from_name  # type: ignore[method-assign]


def run(*words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """One call of this module's command line."""
    return subprocess.run(
        [sys.executable, "-m", "tests.without_torch", *map(str, words)],
        cwd=ROOT,
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=300,
    )


def _import_all() -> list[str]:
    """Names of the modules that cannot be imported without torch."""
    import btd_desktop

    need_torch = []
    for found in pkgutil.walk_packages(btd_desktop.__path__, "btd_desktop."):
        try:
            importlib.import_module(found.name)
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            need_torch.append(found.name)
    return need_torch


def _look(case: Path) -> dict[str, Any]:
    """What the window shows of a scored case, and what it says to what needs torch."""
    from PySide6.QtWidgets import QApplication

    from btd_desktop.gui.app import make_window
    from btd_desktop.workflow.services import Services
    from tests.window_desk import wait_until

    app = QApplication([])
    window = make_window(Services())
    bugs: list[Exception] = []
    notices: list[str] = []
    window.session.jobs.bug.connect(bugs.append)
    window.session.noticed.connect(notices.append)
    window.show()
    window.open_paths([case])
    session = window.session
    wait_until(lambda: session.record is not None and session.result.evaluation)
    wait_until(lambda: not session.jobs.jobs())
    record, evaluation = session.record, session.result.evaluation
    assert record is not None
    assert evaluation is not None
    told: dict[str, Any] = {
        "picture": window.workspace.mpr.views[0].grab().toImage().width(),
        "scores": [
            None if v is None else v.score for v in evaluation.kinds["anomaly"].slices
        ],
    }
    window.action_set["tool_score"].trigger()
    window.workspace.mpr.views[0].score_requested.emit(2, 64, 40)
    wait_until(lambda: window.parts.placing.state.status in ("scored", "failed"))
    told["place"] = window.parts.placing.state.message
    window.parts.scoring.score(record.series_id)
    wait_until(lambda: not session.jobs.jobs())
    told["notices"] = notices
    told["bugs"] = [repr(bug) for bug in bugs]
    window.close()
    app.processEvents()
    return told


def main(words: list[str]) -> int:
    """Run one of the commands of the module's docstring."""
    hide_torch()
    if words[0] == "btd":
        from btd_desktop.__main__ import main as btd

        return btd(words[1:])
    told = _look(Path(words[1])) if words[0] == "window" else _import_all()
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
