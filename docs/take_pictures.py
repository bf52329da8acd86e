"""Takes the pictures of the handbook from the running window, on the demonstration.

    btd demo --out /tmp/demo-case
    xvfb-run -a -s "-screen 0 1600x1000x24" \
        .venv/bin/python docs/take_pictures.py /tmp/demo-case

Every picture is taken by the actions that a user takes, of simulated scans only, and
written into `docs/screenshots` with 256 colours. The case must be sealed with this
user's key (the same BTD_HOME as of `btd demo`); the script keeps nothing in it. Look at
each picture before you commit it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from btd_desktop.gui.app import make_application, make_window
from btd_desktop.gui.shell.main_window import MainWindow
from btd_desktop.settings import Settings
from btd_desktop.workflow.services import Services

PICTURES = Path(__file__).resolve().parent / "screenshots"
_SIZE = (1326, 828)
_LOW = 440
_WAIT_S = 600.0
_COLOURS = 256


def wait_until(condition: Callable[[], object]) -> None:
    """Let the window work until something is true; end where it never is."""
    end = time.monotonic() + _WAIT_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("the window did not come to where it should")
        QApplication.processEvents()
        time.sleep(0.01)


def settle(seconds: float = 1.5) -> None:
    """Let what is drawn be drawn."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end)


def take(widget: QWidget, name: str) -> None:
    """Write what a widget shows as a small PNG."""
    settle()
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder, "shot.png")
        widget.grab().save(str(shot))
        image = Image.open(shot).convert("RGB")
        small = image.quantize(_COLOURS, kmeans=2, dither=Image.Dither.NONE)
        small.save(PICTURES / f"{name}.png", optimize=True)
    print(f"{name}.png {(PICTURES / f'{name}.png').stat().st_size // 1000} kB")


def dialog_of(window: MainWindow) -> QDialog:
    """The dialog that is open."""
    wait_until(lambda: any(d.isVisible() for d in window.findChildren(QDialog)))
    return [d for d in window.findChildren(QDialog) if d.isVisible()][-1]


def of_dialog(
    window: MainWindow, name: str, ready: Callable[[QDialog], object]
) -> None:
    """Take the dialog that is open once it is ready, and close it."""
    dialog = dialog_of(window)
    wait_until(lambda: ready(dialog))
    take(dialog, name)
    dialog.reject()
    settle(0.5)


def of_case(window: MainWindow, demo: Path) -> None:
    """The demonstration: its findings, a place, keys, report and verification."""
    actions, session = window.action_set, window.session
    window.open_paths([demo / "case"])
    wait_until(lambda: session.store is not None and session.result.evaluation)
    injected = max(session.findings(), key=lambda f: f.finding_id)
    session.select_finding(injected.finding_id)
    window.panels.docks["findings"].raise_()
    take(window, "demo-finding")
    window.panels.docks["place"].raise_()
    actions["score_here"].trigger()
    placing = window.parts.placing
    wait_until(lambda: placing.state.status == "scored")
    take(window, "demo-place")
    actions["theme"].trigger()
    take(window, "demo-light")
    actions["theme"].trigger()
    actions["cheat_sheet"].trigger()
    take(window, "keys")
    actions["cheat_sheet"].trigger()
    actions["statement"].trigger()
    of_dialog(window, "import-statement", lambda _: True)
    actions["report"].trigger()
    dialog = dialog_of(window)
    dialog._preview.click()  # type: ignore[attr-defined]
    of_dialog(window, "report", lambda d: not d._busy.text() and d._preview.isEnabled())
    window.open_paths([demo / "case" / "report-1.pdf"])
    of_dialog(window, "verify", lambda d: d._presenter.state.verdict)
    actions["calibrate"].trigger()
    dialog = dialog_of(window)
    dialog.resize(dialog.width(), _LOW)
    dialog._folders.add_path(demo / "data" / "benign")  # type: ignore[attr-defined]
    of_dialog(window, "calibrate", lambda d: "16" in d._needed.text())
    actions["close_case"].trigger()


def main(arguments: list[str]) -> int:
    """Take all pictures."""
    if len(arguments) != 1:
        print((__doc__ or "").strip(), file=sys.stderr)
        return 2
    demo = Path(arguments[0])
    make_application(sys.exit)
    window = make_window(Services(Settings(theme="dark")))
    window.resize(*_SIZE)
    window.show()
    take(window, "start")
    of_case(window, demo)
    window.open_paths([demo / "data" / "suspect"])
    dialog_of(window)._folder.set_path(demo.with_name("cases") / "suspect")  # type: ignore[attr-defined]
    of_dialog(window, "new-case", lambda _: True)
    window.close()
    settle(0.5)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main(sys.argv[1:]))
