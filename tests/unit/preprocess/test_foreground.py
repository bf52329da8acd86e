"""Foreground: body with its lungs, no table, no stray noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.preprocess.foreground import (
    Tissue,
    foreground_mask,
    tissue_map,
)

ROW, COLUMN = np.mgrid[:256, :256]


def disc(row: float, column: float, radius: float) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.hypot(ROW - row, COLUMN - column) < radius
    return found


BODY = np.hypot((ROW - 120) / 0.8, COLUMN - 128) < 100
LUNG = disc(120, 90, 28)
BONE = disc(175, 128, 10)
TABLE = (ROW >= 222) & (ROW < 226)


def chest(rng: np.random.Generator) -> NDArray[np.int16]:
    hu = np.full((256, 256), -1000.0)
    hu[BODY] = 40.0
    hu[LUNG] = -850.0
    hu[BONE] = 700.0
    hu[TABLE] = 100.0
    return np.rint(hu + rng.normal(0.0, 20.0, hu.shape)).astype(np.int16)


def test_ct_body_lung_is_inside_and_table_is_not(rng: np.random.Generator) -> None:
    mask = foreground_mask(chest(rng), "CT")
    assert mask[LUNG].all()
    assert not mask[TABLE].any()
    overlap = (mask & BODY).sum() / (mask | BODY).sum()
    assert overlap > 0.95


def test_ct_tissue_classes_follow_hu(rng: np.random.Generator) -> None:
    tissue = tissue_map(chest(rng), "CT")
    assert tissue.dtype == np.uint8
    assert (tissue[disc(120, 90, 22)] == Tissue.AERATED).all()
    assert (tissue[disc(175, 128, 6)] == Tissue.DENSE).all()
    assert (tissue[disc(120, 170, 20)] == Tissue.SOFT).all()
    assert (tissue[:10] == Tissue.OUTSIDE).all()


def test_ct_tissue_noise_does_not_change_class(rng: np.random.Generator) -> None:
    hu: NDArray[Any] = np.where(BODY, 40.0, -1000.0)
    noisy = hu + rng.normal(0.0, 60.0, hu.shape)
    tissue = tissue_map(np.rint(noisy).astype(np.int16), "CT")
    assert (tissue[disc(120, 128, 60)] == Tissue.SOFT).mean() > 0.999


@pytest.mark.parametrize(("modality", "air"), [("CT", -1000), ("MR", 0)])
def test_empty_slice_has_no_foreground(modality: str, air: int) -> None:
    plane = np.full((64, 64), air, np.int16)
    assert not foreground_mask(plane, modality).any()
    assert not tissue_map(plane, modality).any()


def test_mr_head_is_inside_and_coil_noise_is_not(rng: np.random.Generator) -> None:
    magnitude = np.abs(np.where(BODY, 300.0, 0.0) + rng.normal(0.0, 8.0, BODY.shape))
    mask = foreground_mask(magnitude.astype(np.float32), "MR")
    assert mask[disc(120, 128, 70)].all()
    assert not mask[:20].any()
    assert set(np.unique(tissue_map(magnitude, "MR"))) == {Tissue.OUTSIDE, Tissue.SOFT}


def test_small_island_beside_the_body_is_left_out(rng: np.random.Generator) -> None:
    hu = chest(rng)
    island = disc(10, 10, 7)  # 150 px of 65,536: below one per cent
    hu[island] = 50
    assert not foreground_mask(hu, "CT")[island].any()


def test_two_bodies_are_both_kept() -> None:
    hu = np.full((256, 256), -1000, np.int16)
    legs = disc(128, 70, 40) | disc(128, 190, 35)
    hu[legs] = 40
    assert foreground_mask(hu, "CT")[disc(128, 70, 35) | disc(128, 190, 30)].all()
