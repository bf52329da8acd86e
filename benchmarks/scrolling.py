"""How long one step through a large series takes, from the wheel to painted pixels.

A 500-slice 512 x 512 int16 series (simulated texture, not a patient) with an overlay is
scrolled slice by slice in a real `SliceView` on the offscreen platform; each frame is a
new state and a synchronous repaint of the whole view. Run it as
`python benchmarks/scrolling.py [--slices N] [--size N] [--busy [--nice N]]`.

`--busy` keeps a torch-like load (matrix products in a thread) going meanwhile, as when
a scan is scored; `--nice` gives that thread a lower priority.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from dataclasses import replace

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtWidgets import QApplication

from btd_desktop.gui.view_state.planes import VolumeHandle, plane_layouts
from btd_desktop.gui.view_state.states import OverlayState, PatchBox, SliceViewState
from btd_desktop.gui.views.slice_view import SliceView

LIMIT_MS = 16.0


def make_volume(n_slices: int) -> VolumeHandle:
    rng = np.random.default_rng(1)
    row, column = np.mgrid[:512, :512].astype(np.float32)
    body = np.hypot((row - 256) / 0.8, column - 256) < 240
    texture = rng.normal(0.0, 25.0, (16, 512, 512)).astype(np.int16)
    base = np.where(body, 40, -1000).astype(np.int16)
    voxels = np.empty((n_slices, 512, 512), np.int16)
    for s in range(n_slices):
        voxels[s] = base + np.roll(texture[s % 16], s, axis=0)
    layouts = plane_layouts((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    return VolumeHandle(voxels, (1.0, 0.7, 0.7), layouts, "HU")


def coarse_overlay(rng: np.random.Generator) -> OverlayState:
    values = rng.random((53, 53), dtype=np.float32)
    return OverlayState(
        values, "p-value", (1.0, 0.001), 0.05, origin=(44.0, 44.0), cell=(8.0, 8.0)
    )


def residual_overlay(rng: np.random.Generator) -> OverlayState:
    values = rng.random((512, 512), dtype=np.float32)
    return OverlayState(values, "residual", (0.0, 1.0), 0.5)


def frames_ms(
    view: SliceView, state: SliceViewState, overlays: list[OverlayState | None]
) -> np.ndarray:
    times = []
    for index in range(state.n_planes):
        overlay = overlays[index % len(overlays)]
        # As a presenter would: a new overlay state comes with each slice.
        fresh = None if overlay is None else replace(overlay)
        corners = (("SIM-0000", "Chest"), ("SIMULATED", "STANDARD 120 kV"))
        last = (("C 40  W 400",), (f"Slice {index + 1} / {state.n_planes}",))
        start = time.perf_counter()
        view.show_state(
            replace(state, index=index, overlay=fresh, corners=(*corners, *last))
        )
        view.repaint()
        times.append((time.perf_counter() - start) * 1e3)
    return np.array(times)


def keep_busy(stop: threading.Event, nice: int) -> None:
    if nice and hasattr(os, "setpriority"):
        # On Linux a priority belongs to one thread.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
    matrix = np.random.default_rng(0).random((700, 700), dtype=np.float32)
    while not stop.is_set():
        np.dot(matrix, matrix)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=500)
    parser.add_argument("--size", type=int, default=900, help="edge of the view")
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--nice", type=int, default=0, help="of the busy thread")
    options = parser.parse_args()
    app = QApplication([])
    rng = np.random.default_rng(2)
    state = SliceViewState(
        volume=(volume := make_volume(options.slices)),
        layout=volume.layouts[0],
        crosshair=(200, 300),
        boxes=(PatchBox(180, 260, (96, 96), "p 0.002", inner=(32, 32)),),
    )
    view = SliceView()
    view.resize(options.size, options.size)
    view.show()
    app.processEvents()
    stop = threading.Event()
    load = threading.Thread(target=keep_busy, args=(stop, options.nice), daemon=True)
    if options.busy:
        load.start()
    cases: dict[str, list[OverlayState | None]] = {
        "no overlay": [None],
        "p-values, 53 x 53": [coarse_overlay(rng) for _ in range(8)],
        "residual map, 512 x 512": [residual_overlay(rng) for _ in range(8)],
    }
    print(f"{options.slices} slices of 512 x 512 int16, view of {options.size} pixels")
    print(f"{'overlay':26} {'p50':>7} {'p95':>7} {'max':>7}  ms per frame")
    for name, overlays in cases.items():
        times = frames_ms(view, state, overlays)
        p50, p95 = np.percentile(times, (50, 95))
        verdict = "ok" if p95 < LIMIT_MS else f"over {LIMIT_MS:g} ms"
        print(f"{name:26} {p50:7.2f} {p95:7.2f} {times.max():7.2f}  {verdict}")
    stop.set()
    view.close()


if __name__ == "__main__":
    main()
