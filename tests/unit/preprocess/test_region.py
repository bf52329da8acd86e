"""Regions of the body: as headers spell them and as slices of CT show them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.dicom.load import import_evidence
from btd_desktop.preprocess.region import body_regions, stated_regions
from btd_desktop.preprocess.region_image import region_of_slice, seen_regions
from btd_desktop.progress import TaskContext
from btd_desktop.simulator.chest import chest_phantom
from btd_desktop.simulator.raster import raster_grid
from btd_desktop.volume import Region, SeriesFacts
from tests.factories import make_ct_volume

Plane = NDArray[np.float64]
SIDE = 256  # pixels of 2 mm


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("CHEST", "chest"),
        ("THORAX", "chest"),
        ("CT CHEST WO CE", "chest"),
        ("Lung", "chest"),
        ("TSPINE", "chest"),
        ("CHEST_TO_PELVIS", "chest abdomen pelvis"),
        ("CHESTABDPELVIS", "chest abdomen pelvis"),
        ("NECKCHESTABDPELV", "neck chest abdomen pelvis"),
        ("TAP", "chest abdomen pelvis"),
        ("ABD", "abdomen"),
        ("ABDOMENPELVIS", "abdomen pelvis"),
        ("LIVER", "abdomen"),
        ("KIDNEY", "abdomen"),
        ("LSSPINE", "abdomen pelvis"),
        ("PROSTATE", "pelvis"),
        ("CERVIX", "pelvis"),
        ("HEAD", "head"),
        ("BRAIN", "head"),
        ("SCHÄDEL", "head"),
        ("HEADNECK", "head neck"),
        ("CERVICAL SPINE", "neck"),
        ("C-SPINE", "neck"),
        ("BREAST", "breast"),
        ("KNEE", "extremity"),
        ("LEFT_LEG", "extremity"),
        ("WHOLEBODY", "neck chest abdomen pelvis"),
        ("HEART", "chest"),
        ("PHANTOM", ""),
        ("SPINE", ""),
        ("ELEGANT ALARM", ""),
        ("", ""),
    ],
)
def test_header_is_understood_as_vendors_spell_it(text: str, regions: str) -> None:
    assert stated_regions(text) == tuple(regions.split())


def ellipse(wide_mm: float, high_mm: float, x_mm: float = 0.0, y_mm: float = 0.0):
    y, x = 2.0 * (np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2)
    return (2 * (x - x_mm) / wide_mm) ** 2 + (2 * (y - y_mm) / high_mm) ** 2 < 1.0


def body(wide_mm: float, high_mm: float, *spine_mm: float) -> Plane:
    """A body of soft tissue in air with a spine of that diameter at the back."""
    plane = np.full((SIDE, SIDE), -1000.0)
    plane[ellipse(wide_mm, high_mm)] = 40.0
    for diameter in spine_mm:
        plane[ellipse(diameter, diameter, 0.0, 0.3 * high_mm)] = 600.0
    return plane


def head() -> Plane:
    plane = body(150.0, 190.0)
    plane[ellipse(140.0, 180.0)] = 1000.0
    plane[ellipse(126.0, 166.0)] = 35.0
    return plane


def chest() -> Plane:
    plane = body(340.0, 230.0, 40.0)
    for x in (-80.0, 80.0):
        plane[ellipse(110.0, 150.0, x)] = -850.0
    return plane


def abdomen() -> Plane:
    plane = body(340.0, 240.0, 40.0)
    plane[ellipse(90.0, 50.0, 40.0, -70.0)] = -1000.0  # bowel gas
    return plane


def pelvis() -> Plane:
    plane = body(360.0, 230.0, 40.0)
    for x in (-110.0, 110.0):
        plane[ellipse(24.0, 90.0, x, 30.0)] = 500.0
    return plane


def shoulders() -> Plane:
    plane = body(460.0, 190.0, 34.0)
    plane[ellipse(18.0, 18.0, 0.0, -20.0)] = -1000.0  # windpipe
    for x in (-170.0, 170.0):
        plane[ellipse(46.0, 46.0, x)] = 500.0
    return plane


def neck() -> Plane:
    plane = body(130.0, 130.0, 34.0)
    plane[ellipse(18.0, 18.0, 0.0, -20.0)] = -1000.0
    return plane


def thighs() -> Plane:
    plane = np.full((SIDE, SIDE), -1000.0)
    for x in (-90.0, 90.0):
        plane[ellipse(160.0, 160.0, x)] = 40.0
        plane[ellipse(30.0, 30.0, x)] = 1200.0
    return plane


@pytest.mark.parametrize(
    ("plane", "region"),
    [
        (head(), "head"),
        (neck(), "neck"),
        (shoulders(), "neck"),
        (chest(), "chest"),
        (abdomen(), "abdomen"),
        (pelvis(), "pelvis"),
        (thighs(), "extremity"),
        (np.full((SIDE, SIDE), -1000.0), None),
        (body(300.0, 300.0), None),  # a water phantom has no spine
        (np.full((3, 3), 40.0), None),
        (np.full((SIDE, SIDE), np.nan), None),
    ],
)
def test_slice_of_ct_shows_its_region(plane: Plane, region: str | None) -> None:
    assert region_of_slice(plane, 2.0) == region


def test_lung_is_found_where_the_field_of_view_cuts_the_wall_off() -> None:
    assert region_of_slice(chest()[60:-60, 50:-50], 2.0) == "chest"


def test_table_and_arms_are_no_part_of_the_body() -> None:
    plane = head()
    plane[-40:-36] = 200.0
    for x in (-150.0, 150.0):
        plane[ellipse(110.0, 110.0, x)] = 40.0
        plane[ellipse(24.0, 24.0, x)] = 1200.0
    assert region_of_slice(plane, 2.0) == "head"


def test_simulated_chest_is_a_chest() -> None:
    phantom = chest_phantom(np.random.default_rng(11))
    grid = raster_grid(384, 1.0, *phantom.centre_mm)
    for z_mm in (-40.0, 0.0, 40.0):
        assert region_of_slice(phantom.hu_on_plane(grid, z_mm), 1.0) == "chest"


def test_few_slices_of_another_region_do_not_count() -> None:
    planes = [chest()] * 14 + [abdomen()] * 2
    volume = make_ct_volume(shape=(16, SIDE, SIDE))
    volume = replace(
        volume, voxels=np.stack(planes).astype(np.int16), spacing_mm=(5.0, 2.0, 2.0)
    )
    assert seen_regions(volume) == ("chest",)
    more = np.stack([chest()] * 13 + [abdomen()] * 3).astype(np.int16)
    assert seen_regions(replace(volume, voxels=more)) == ("chest", "abdomen")


def test_image_is_read_only_where_it_can_be() -> None:
    volume = make_ct_volume()
    assert seen_regions(volume) == ("chest",)
    assert seen_regions(replace(volume, modality="MR", unit="")) is None
    assert seen_regions(replace(volume, unit="")) is None
    sagittal = replace(
        volume, row_direction=(0.0, 1.0, 0.0), column_direction=(0.0, 0.0, -1.0)
    )
    assert seen_regions(sagittal) is None
    assert seen_regions(replace(volume, spacing_mm=(2.5, 0.0, 0.0))) is None


@pytest.mark.parametrize(
    ("body_part", "seen", "found", "origin", "contradict"),
    [
        ("CHEST", None, "chest", "header", False),
        ("CHEST", (), "chest", "header", False),
        ("CHEST", ("chest", "abdomen"), "chest abdomen", "image", False),
        ("ABDOMEN", ("chest",), "chest", "image", False),
        ("SHOULDER", ("chest",), "chest", "image", False),
        ("HEAD", ("chest",), "chest", "image", True),
        (None, ("chest",), "chest", "image", False),
        (None, None, "", "not known", False),
        ("PHANTOM", (), "", "not known", False),
    ],
)
def test_image_counts_before_the_header(
    body_part: str | None,
    seen: tuple[Region, ...] | None,
    found: str,
    origin: str,
    contradict: bool,
) -> None:
    known = body_regions(SeriesFacts(body_part=body_part, seen_regions=seen))
    assert known.found == tuple(found.split())
    assert (known.origin, known.contradict) == (origin, contradict)


@pytest.mark.realdata
def test_real_series_show_their_regions(shared_data: Path) -> None:
    """Looked at by eye; most of the others are chests by header and image."""
    expected = {
        "ct01": [("chest", "abdomen")],
        "ct04": [("chest", "abdomen")],
        "ct06": [("abdomen",), ("abdomen",), ("chest",)],
        "ct07": [("head", "neck")],
        "ct27": [("abdomen",)],
        "ct29": [("neck",)],
        "ct30": [("extremity",)],
        "ct32": [("extremity",)],
        "ct62": [("pelvis",)],
    }
    for name, regions in expected.items():
        found = import_evidence([shared_data / "ct" / name], TaskContext()).series
        seen = [seen_regions(loaded.volume) for loaded in found]
        assert sorted(filter(None, seen)) == regions, name


@pytest.mark.realdata
def test_real_chests_are_chests(shared_data: Path) -> None:
    with (shared_data / "manifest.csv").open(newline="") as stream:
        names = {row["series"] for row in csv.DictReader(stream)}
    chests = sorted(name for name in names if "ct39" < name < "ct61")
    for name in chests:
        (loaded,) = import_evidence([shared_data / "ct" / name], TaskContext()).series
        assert seen_regions(loaded.volume) == ("chest",), name
