"""How quick the window is: opening, first slice, scrolling while it scores.

The real window on the offscreen platform, each figure in a fresh process:

1. from the start of `btd` to the first paint of its window, without torch;
2. from the drop of a folder of uncompressed 512 x 512 DICOM files, and from the
   accepted case dialog, to the first slice on screen;
3. from choosing a second series to its first slice beside the first;
4. from a step to the finished paint of window, planes and panels, in a series of 500
   slices with overlay, while the shipped CT model scores another series of the case on
   the compute lane, and with that other series side by side, itself and as the
   difference. Steps come as a hand makes them, 30 a second, and once as fast as
   they are painted.

The scans are simulated: a body with lungs and noise, no patient. The results of the
series that is scrolled are those of its first slices, which its other slices repeat.

    python benchmarks/window.py
    python benchmarks/window.py --files 20 --slices 40 --frames 40   # a smoke test
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np

SIDE = 512
DISTINCT = 12
STEPS_PER_S = 30
OFFSCREEN_NOISE = "This plugin does not support propagateSizeHints()"
UP_LIMIT_S, SLICE_LIMIT_S, FRAME_LIMIT_MS = 3.0, 1.0, 16.0
BESIDE_LIMIT_S = 0.3


def synthetic_volume(n_slices: int, seed: int) -> Any:
    """A body with two lungs; slice i repeats slice i modulo DISTINCT."""
    from btd_desktop.volume import SeriesFacts, Volume

    rng = np.random.default_rng([5, seed])
    r, c = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    hu = np.full((SIDE, SIDE), -1000.0)
    hu[(c / 0.88) ** 2 + (r / 0.7) ** 2 < 1.0] = 40.0
    for side in (-1, 1):
        hu[((c - side * 0.42) / 0.3) ** 2 + (r / 0.45) ** 2 < 1.0] = -850.0
    noise = rng.normal(0.0, 40.0, (min(DISTINCT, n_slices), SIDE, SIDE))
    few = np.rint(hu + 0.5 * (noise + np.roll(noise, 1, 1))).astype(np.int16)
    return Volume(
        np.ascontiguousarray(few[np.arange(n_slices) % len(few)]),
        "CT",
        "HU",
        (1.0, 0.7, 0.7),
        (0.0, 0.0, 0.0),
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        tuple(float(s) for s in range(n_slices)),
        tuple(f"1.2.3.{seed}.{s}" for s in range(n_slices)),
        source=SeriesFacts(
            manufacturer="SIMULATED",
            kernel="STANDARD",
            description=f"Simulated {seed}",
            patient_id=f"SIM-{seed}",
            series_uid=f"1.2.3.{seed}",
            thickness_mm=1.0,
        ),
    )


def spin(until: Callable[[], object], timeout_s: float = 300.0) -> None:
    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + timeout_s
    while not until():
        if time.monotonic() > end:
            raise SystemExit(f"not so after {timeout_s:.0f} s")
        QApplication.processEvents()
        time.sleep(0.001)


_kept: list[Any] = []  # the application must live as long as its window


def open_window() -> Any:
    from PySide6.QtWidgets import QApplication

    from btd_desktop.gui.app import make_window
    from btd_desktop.workflow.services import Services

    app = QApplication([])
    window = make_window(Services())
    window.resize(1600, 1000)
    window.show()
    app.processEvents()
    _kept.append(app)
    return window


def child_up() -> dict[str, Any]:
    """Start as `btd` does, and leave after the first paint."""
    import btd_desktop.gui.app as gui_app
    from btd_desktop.__main__ import main as start
    from btd_desktop.gui.shell.main_window import MainWindow

    told: dict[str, Any] = {}

    class TimedWindow(MainWindow):
        def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
            super().paintEvent(event)
            from PySide6.QtCore import QTimer

            # Runs when the widgets inside have been painted too.
            QTimer.singleShot(0, self.note)

        def note(self) -> None:
            if not told:
                told.update(at=time.time(), torch="torch" in sys.modules)
                self.close()

    vars(gui_app)["MainWindow"] = TimedWindow
    start([])
    return told


def child_drop(folder: Path, case: Path, dwell_s: float) -> dict[str, Any]:
    """Drop a folder on an idle window and accept the case dialog."""
    from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
    from PySide6.QtGui import QDragEnterEvent, QDropEvent
    from PySide6.QtWidgets import QApplication

    from btd_desktop.gui.dialogs.case_dialog import CaseDialog

    window = open_window()
    rest = time.monotonic() + 1.0
    spin(lambda: time.monotonic() > rest)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder))])
    how = (
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    dropped = time.perf_counter()
    QApplication.sendEvent(window, QDragEnterEvent(QPoint(50, 50), *how))
    QApplication.sendEvent(window, QDropEvent(QPointF(50, 50), *how))
    spin(lambda: window.findChildren(CaseDialog))
    dialog = window.findChildren(CaseDialog)[-1]
    dialog.repaint()
    asked = time.perf_counter()
    spin(lambda: time.perf_counter() - asked >= dwell_s)
    dialog._folder.set_path(case)
    accepted = time.perf_counter()
    dialog.accept()
    spin(lambda: window.session.handle is not None)
    window.workspace.mpr.views[0].repaint()
    shown = time.perf_counter()
    early = window.session.record is None
    spin(lambda: window.session.record is not None)
    window.repaint()
    whole = time.perf_counter()
    told = {
        "dialog_s": asked - dropped,
        "accepted_s": shown - accepted,
        "dropped_s": (asked - dropped) + (shown - accepted),
        "whole_s": whole - accepted,
        "before_import": early,
        "n_slices": window.session.record.n_slices,
    }
    window.close()
    return told


def child_prepare(case: Path, n_slices: int, n_to_score: int) -> dict[str, Any]:
    """A case with a scored series and one that waits to be scored."""
    from btd_desktop.errors import Cancelled
    from btd_desktop.examination.models import find_model, open_detector
    from btd_desktop.progress import TaskContext
    from btd_desktop.workflow.import_series import CaseDetails, create_case
    from btd_desktop.workflow.score_series import score_series
    from btd_desktop.workflow.services import Services

    services, context = Services(), TaskContext()
    detector = open_detector(find_model("", "CT"))
    now = datetime.now(UTC)
    with create_case(case, CaseDetails(title="Benchmark"), services) as store:
        first = store.add_series(synthetic_volume(n_slices, 1), now=now)
        store.add_series(synthetic_volume(n_to_score, 2), now=now)

        def on_slice(scores: Any) -> None:
            if scores.slice_index + 1 == min(DISTINCT, n_slices):
                context.cancel()

        try:
            run = score_series(
                store, first, detector, services, context, on_slice=on_slice
            )
        except Cancelled:
            run = store.runs(first)[-1]
            run = store.start_run(first, run.manifest, now)
            for s in range(DISTINCT, n_slices):
                arrays, summary = store.load_slice(run.run_id, s % DISTINCT)
                store.save_slice(run.run_id, s, arrays, summary, now)
            store.finish_run(run.run_id, "done", now)
    backend = detector.info.backend
    return {
        "model": detector.info.name,
        "backend": {"kind": backend.kind, "dtype": backend.dtype},
    }


def child_scroll(case: Path, n_frames: int) -> dict[str, Any]:
    """Scroll the scored series while the other is scored."""
    from dataclasses import replace

    window = open_window()
    session, parts = window.session, window.parts
    window.open_paths([case])
    spin(lambda: session.record is not None)
    spin(lambda: session.result.evaluation or session.result.reason)
    other = session.records[1].series_id
    scored: list[int] = []
    session.slice_scored.connect(lambda series, index, raw: scored.append(index))
    figures: list[dict[str, Any]] = []
    choice = parts.overlays.choice
    n = session.record.n_slices

    def scroll(name: str, overlay: str, per_s: float) -> None:
        parts.overlays.on_chosen(replace(choice, name=overlay))
        parts.viewing.on_slice_requested(0, 0)
        before, started = len(scored), time.perf_counter()
        times, with_overlay = [], 0
        for k in range(n_frames):
            step = 1 if (k // (n - 1)) % 2 == 0 else -1
            due = started + k / per_s if per_s else 0.0
            while time.perf_counter() < due:
                _kept[0].processEvents()
                time.sleep(0.001)
            start = time.perf_counter()
            window.workspace.mpr.views[0].slice_step_requested.emit(0, step)
            for view in (*window.workspace.mpr.views, window.workspace.second):
                if view.isVisible():
                    view.repaint()
            _kept[0].processEvents()
            times.append((time.perf_counter() - start) * 1e3)
            with_overlay += parts.overlays.shown() is not None
        p50, p95, p99 = np.percentile(times, (50, 95, 99))
        figures.append(
            {
                "name": name,
                "p50": p50,
                "p95": p95,
                "p99": p99,
                "max": max(times),
                "frames": n_frames,
                "with_overlay": with_overlay,
                "scored": len(scored) - before,
                "scored_per_s": (len(scored) - before)
                / (time.perf_counter() - started),
                "still_scoring": parts.scoring.is_queued(other),
            }
        )

    scroll("p-values, nothing scored", "p-value", STEPS_PER_S)
    parts.scoring.score(other)
    spin(lambda: len(scored) >= 2)
    begun, at = len(scored), time.perf_counter()
    spin(lambda: len(scored) >= begun + 6)
    alone = 6 / (time.perf_counter() - at)
    scroll("p-values while scoring", "p-value", STEPS_PER_S)
    scroll("residual while scoring", "residual", STEPS_PER_S)
    scroll("p-values while scoring, no pause", "p-value", 0)
    asked = time.perf_counter()
    parts.comparing.on_chosen(other)
    _kept[0].processEvents()
    window.workspace.second.repaint()
    beside = time.perf_counter() - asked
    scroll("side by side while scoring", "p-value", STEPS_PER_S)
    parts.comparing.on_difference(True)
    scroll("difference while scoring", "p-value", STEPS_PER_S)
    told = {
        "figures": figures,
        "beside_s": beside,
        "linked": parts.comparing.state.words,
        "n_slices": n,
        "scored_alone_per_s": alone,
        "evaluated": session.result.reason or "yes",
        "size": [window.width(), window.height()],
    }
    parts.scoring.on_cancel()
    window.close()
    return told


def run_child(name: str, home: Path, *values: object) -> dict[str, Any]:
    environment = {**os.environ, "BTD_HOME": str(home)}
    command = [sys.executable, __file__, "--child", name, *map(str, values)]
    began = time.time()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    for line in done.stderr.splitlines():
        if line != OFFSCREEN_NOISE:
            print(line, file=sys.stderr)
    done.check_returncode()
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    told["began"] = began
    return told


def verdict(value: float, limit: float) -> str:
    return "ok" if value < limit else "MISSED"


def show_up(home: Path, repeat: int) -> None:
    run_child("up", home)  # warms the file cache
    told = [run_child("up", home) for _ in range(repeat)]
    times = [t["at"] - t["began"] for t in told]
    median = statistics.median(times)
    each = ", ".join(f"{t:.2f}" for t in times)
    print(
        f"window up: {median:.2f} s, median of {each} "
        f"(target < {UP_LIMIT_S:g} s: {verdict(median, UP_LIMIT_S)}); "
        f"torch loaded: {'YES' if any(t['torch'] for t in told) else 'no'}"
    )


def show_drop(root: Path, home: Path, n_files: int, repeat: int) -> None:
    from btd_desktop.dicom.write import write_series

    folder = root / "evidence"
    write_series(synthetic_volume(n_files, 3), folder, headers={}, uid_seed="window")
    told = {
        dwell: [
            run_child("drop", home, folder, root / f"case {dwell} {k}", dwell)
            for k in range(repeat)
        ]
        for dwell in (0.0, 2.0)
    }
    for dwell, runs in told.items():
        values = {
            key: statistics.median(run[key] for run in runs)
            for key in ("dialog_s", "accepted_s", "dropped_s", "whole_s")
        }
        worst = max(run["accepted_s"] for run in runs)
        reached = values["dropped_s"]
        print(
            f"first slice, {runs[0]['n_slices']} files, dialog accepted after "
            f"{dwell:g} s: {values['accepted_s']:.2f} s after the dialog (worst "
            f"{worst:.2f}), {reached:.2f} s after the drop with the dialog's own "
            f"{values['dialog_s']:.2f} s (target < {SLICE_LIMIT_S:g} s: "
            f"{verdict(reached, SLICE_LIMIT_S)}); while the rest loads: "
            f"{'yes' if all(r['before_import'] for r in runs) else 'NO'}; "
            f"whole series after {values['whole_s']:.1f} s"
        )


def show_scroll(root: Path, home: Path, n_slices: int, n_frames: int) -> None:
    case = root / "scroll case"
    made = run_child("prepare", home, case, n_slices, n_slices)
    told = run_child("scroll", home, case, n_frames)
    backend = made["backend"]
    print(
        f"scrolling {told['n_slices']} slices of {SIDE} x {SIDE} in a window of "
        f"{told['size'][0]} x {told['size'][1]}, three planes; {made['model']} on "
        f"{backend['kind']}, {backend['dtype']}; evaluated: {told['evaluated']}; "
        f"{told['scored_alone_per_s']:.1f} slices scored per second while nobody "
        "scrolls"
    )
    print(
        f"second series beside the first after {told['beside_s']:.3f} s (target < "
        f"{BESIDE_LIMIT_S:g} s: {verdict(told['beside_s'], BESIDE_LIMIT_S)}); "
        f"{told['linked']}"
    )
    print(
        f"{'':34}{'p50':>7}{'p95':>7}{'p99':>7}{'max':>7}  ms per frame "
        f"(target p95 < {FRAME_LIMIT_MS:g})"
    )
    for f in told["figures"]:
        print(
            f"{f['name']:34}{f['p50']:7.1f}{f['p95']:7.1f}{f['p99']:7.1f}"
            f"{f['max']:7.1f}  {verdict(f['p95'], FRAME_LIMIT_MS)}; "
            f"{f['frames']} frames, {f['with_overlay']} with overlay; "
            f"{f['scored']} slices scored meanwhile ({f['scored_per_s']:.1f}/s)"
            + (", and on" if f["still_scoring"] else "")
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--slices", type=int, default=500)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument(
        "--only", choices=("up", "drop", "scroll"), help="one of the figures"
    )
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, *values = options.child
        if name == "up":
            told = child_up()
        elif name == "drop":
            told = child_drop(Path(values[0]), Path(values[1]), float(values[2]))
        elif name == "prepare":
            told = child_prepare(Path(values[0]), int(values[1]), int(values[2]))
        else:
            told = child_scroll(Path(values[0]), int(values[1]))
        print(json.dumps(told))
        return
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "not known"
    print(f"{os.cpu_count()} processors, load average before the start {load}")
    with tempfile.TemporaryDirectory(prefix="btd-window-") as name:
        root = Path(name)
        home = root / "home"
        if options.only in (None, "up"):
            show_up(home, options.repeat)
        if options.only in (None, "drop"):
            show_drop(root, home, options.files, options.repeat)
        if options.only in (None, "scroll"):
            show_scroll(root, home, options.slices, options.frames)


if __name__ == "__main__":
    main()
