"""Genuine solid structures: drawn by one rule, matched to what an attack has left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from btd_desktop.bench.observe import site_of
from btd_desktop.bench.place import UNPLACED, Site
from btd_desktop.bench.structures import draw_structures, matched
from btd_desktop.preprocess.solid_structures import solid_structures
from btd_desktop.volume import Volume


def site(series: str, content: float, scanner: str = "GE") -> Site:
    return Site(series, scanner, content, structure=True)


def tampered(series: str, content: float, scanner: str = "GE") -> Site:
    return replace(site(series, content, scanner), structure=False)


def test_partner_is_of_the_same_series_and_the_most_alike():
    structures = [site("a", c) for c in (0.1, 0.2, 0.3, 0.4)] + [site("b", 0.21)]
    taken, reaches = matched([tampered("a", 0.21)], structures)
    assert taken == [1]
    assert reaches == {"same series": 1}


def test_none_is_taken_twice_and_none_is_made_up():
    structures = [site("a", c) for c in (0.1, 0.2, 0.3)]
    taken, reaches = matched([tampered("a", 0.2)] * 5, structures)
    assert sorted(taken) == [0, 1, 2]
    assert taken[0] == 1
    assert sum(reaches.values()) == 3
    assert matched([tampered("a", 0.2)], []) == ([], {})


def test_few_of_a_series_are_joined_by_those_of_its_scanner_then_by_all():
    own = [site("a", 0.9), site("a", 0.8)]
    scanner = [site("b", 0.1), site("b", 0.2)]
    others = [site("c", 0.1, "Siemens"), site("c", 0.2, "Siemens")]
    taken, reaches = matched([tampered("a", 0.1)], own + scanner + others)
    assert (taken, reaches) == ([2], {"same scanner and kernel": 1})
    taken, reaches = matched([tampered("a", 0.1)], own + others)
    assert (taken, reaches) == ([2], {"other scanners": 1})


def test_structures_are_those_of_the_finder_in_the_slices_asked_for(chest: Volume):
    patch = 64
    found = draw_structures(chest, 4, patch=patch, slices=[5, 9], seed=(1, 2))
    assert len(found) == 8
    assert {own.stratum for own in found} == {"structure"}
    for own in found:
        assert own.slice_index in (5, 9)
        known = solid_structures(chest.voxels[own.slice_index], chest.spacing_mm[1:])
        assert (own.row, own.column) in [(k.row, k.column) for k in known]
        assert patch // 2 <= own.row <= chest.shape[1] - patch // 2
        seen = site_of(chest, own.centre, "someone", structure=True)
        assert seen.content == pytest.approx(own.content)
        assert 0.0 < seen.content < 1.0
        assert seen.structure
    again = draw_structures(chest, 4, patch=patch, slices=[5, 9], seed=(1, 2))
    assert again == found
    other = draw_structures(chest, 4, patch=patch, slices=[5, 9], seed=(1, 3))
    assert other != found


def test_no_structure_without_lung_or_in_mr(chest: Volume, head: Volume):
    options: dict[str, Any] = {"patch": 64, "slices": [2], "seed": (1,)}
    air = replace(chest, voxels=np.full_like(chest.voxels, -1000))
    assert draw_structures(air, 4, **options) == []
    assert draw_structures(head, 4, **options) == []


def test_unknown_place_is_of_no_scanner_that_has_a_name(chest: Volume):
    seen = site_of(chest, (5, 160, 100), "someone", structure=False)
    assert seen.series.startswith("someone ")
    assert (chest.source.manufacturer or "nobody") in seen.scanner
    assert seen.scanner != UNPLACED.scanner
