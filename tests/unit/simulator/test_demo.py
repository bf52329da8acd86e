"""The demonstration case: places as promised, same files from one or two processes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from btd_desktop.errors import Cancelled, SettingsError
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.simulator.chest import chest_phantom
from btd_desktop.simulator.demo import DemoPlan, make_demo
from btd_desktop.simulator.scanners import CT_SCANNERS
from tests.unit.dicom.samples import load

SMALL = DemoPlan(
    scanner=replace(CT_SCANNERS[0], increment_mm=5.0, views=150),
    rows=128,
    suspect_slices=20,
    benign_patients=2,
    benign_slices=2,
)


def test_demo_is_tampered_twice_deep_in_the_lung_and_says_so(tmp_path):
    seen: list[Progress] = []
    make_demo(tmp_path, context=TaskContext(seen.append), plan=SMALL)
    truth = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert truth["demonstration"] is True
    injected, removed = truth["suspect"]["tampered"]
    assert (injected["kind"], removed["kind"]) == ("injection", "removal")
    shape = chest_phantom(np.random.default_rng([SMALL.seed, 0])).shape
    places = np.array([injected["centre_mm"], removed["centre_mm"]])
    assert np.linalg.norm(places[0] - places[1]) >= 58.0
    assert injected["centre_voxel"][0] != removed["centre_voxel"][0]
    assert shape.lung_depth_at(places).min() > 22.0
    voxels = load(tmp_path / "suspect").series[0].volume.voxels
    assert len(voxels) == SMALL.suspect_slices
    s, r, c = injected["centre_voxel"]
    assert voxels[s, r - 1 : r + 2, c - 1 : c + 2].mean() > -150
    s, r, c = removed["centre_voxel"]
    assert voxels[s, r - 1 : r + 2, c - 1 : c + 2].mean() < -700
    folders = sorted(p.name for p in (tmp_path / "benign").iterdir())
    assert folders == ["SIM-0101", "SIM-0102"]
    assert seen[-1].fraction == 1.0


@pytest.mark.slow
def test_demo_is_the_same_from_two_processes(tmp_path):
    plan = replace(SMALL, suspect_slices=18, benign_patients=1)
    make_demo(tmp_path / "one", plan=plan)
    make_demo(tmp_path / "two", plan=plan, workers=2)
    names = sorted(
        p.relative_to(tmp_path / "one")
        for p in (tmp_path / "one").rglob("*")
        if p.is_file()
    )
    assert len(names) == 18 + 2 + 1
    for name in names:
        one, two = (tmp_path / folder / name for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_demo_stops_when_cancelled(tmp_path, workers):
    context = TaskContext()
    context.cancel()
    plan = replace(SMALL, benign_patients=0)
    with pytest.raises(Cancelled):
        make_demo(tmp_path, context=context, plan=plan, workers=workers)
    assert not (tmp_path / "truth.json").exists()


def test_demo_overwrites_nothing(tmp_path):
    (tmp_path / "suspect").mkdir()
    (tmp_path / "suspect" / "00001.dcm").write_bytes(b"evidence")
    with pytest.raises(SettingsError, match="already holds files"):
        make_demo(tmp_path, plan=SMALL)
    assert (tmp_path / "suspect" / "00001.dcm").read_bytes() == b"evidence"
