"""A frame fits into its sixteen milliseconds, overlay and texts included."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from btd_desktop.gui.view_state.planes import VolumeHandle, plane_layouts
from btd_desktop.gui.view_state.states import OverlayState, PatchBox
from btd_desktop.gui.views.slice_view import SliceView
from tests.unit.gui.views.samples import AXIAL, sample_state

BUDGET_S = 0.016


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("cells", [53, 512])
def test_p95_of_a_frame_stays_below_the_budget(qtbot, rng, dtype, cells):
    voxels = rng.normal(0, 300, (40, 512, 512)).astype(dtype)
    volume = VolumeHandle(voxels, (1.0, 0.7, 0.7), plane_layouts(*AXIAL), "HU")
    values = rng.random((cells, cells), dtype=np.float32)
    size = 512 / cells
    overlay = OverlayState(values, "p-value", (1.0, 0.001), 0.05, cell=(size, size))
    view = SliceView()
    qtbot.addWidget(view)
    view.resize(900, 900)
    view.show()
    state = sample_state(
        volume=volume,
        corners=(("A", "B"), ("C",), ("D",), ("E",)),
        crosshair=(100, 100),
        boxes=(PatchBox(50, 50, (96, 96), "p 0.01"),),
    )
    QApplication.processEvents()
    spent = []
    for index in range(40):
        # Processor time of this thread, since the machine may be busy otherwise.
        start = time.thread_time()
        view.show_state(replace(state, index=index, overlay=replace(overlay)))
        view.repaint()
        spent.append(time.thread_time() - start)
    assert np.percentile(spent, 95) < BUDGET_S
