"""Networks side by side: the same places for all, each in its own window."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.bench.networks import (
    INJECTION,
    REMOVAL,
    measure_networks,
    to_markdown,
)
from btd_desktop.bench.tables import Judged, mean_rows
from btd_desktop.errors import Cancelled, SettingsError
from btd_desktop.examination.models import BoundDetector
from btd_desktop.preprocess.presets import PRESETS
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.card import ReferenceNetwork
from btd_desktop.volume import Volume
from tests.unit.bench.test_evaluate import NAMES, series  # noqa: F401


class Network:
    """F is the patch itself, times a gain; keeps what it was shown."""

    def __init__(self, gain: float) -> None:
        self.gain = gain
        self.seen: list[NDArray[np.float32]] = []

    def predict_patches(
        self, patches: NDArray[np.float32], level: float
    ) -> NDArray[np.float32]:
        assert level == 0.02
        self.seen.append(patches)
        return patches * np.float32(self.gain)


def detector(preset: str, gain: float = 1.0) -> BoundDetector:
    info = SimpleNamespace(
        name=f"{preset}-{gain:g}",
        preset=PRESETS[preset],
        levels=(0.003, 0.02),
        paper_level=1,
    )
    card = SimpleNamespace(
        name=info.name,
        network=ReferenceNetwork(8),
        n_parameters=12345,
        preset=info.preset,
        training={"patients_learnt": 7},
    )
    return cast(
        BoundDetector, SimpleNamespace(info=info, card=card, network=Network(gain))
    )


def measured(
    series: Volume,  # noqa: F811
    detectors: list[BoundDetector],
    **options: Any,
) -> list[list[Judged]]:
    values: dict[str, Any] = {
        "attacks": NAMES,
        "n_places": 2,
        "seed": 4,
        "context": TaskContext(),
    }
    return measure_networks([(series, "someone")], detectors, **{**values, **options})


def test_all_networks_see_the_same_places_in_their_own_window(series):  # noqa: F811
    three = [detector("ct96wide"), detector("ct96wide", 2.0), detector("ct96")]
    found = measured(series, three)
    shown = [np.concatenate(cast(Any, d.network).seen) for d in three]
    np.testing.assert_array_equal(shown[0], shown[1])
    assert shown[0].shape == shown[2].shape
    assert not np.array_equal(shown[0], shown[2])
    first, twice, _ = found
    assert [j.attack for j in first] == [j.attack for j in twice]
    assert {j.attack for j in first} == {*NAMES, ""}
    for a, b in zip(first, twice, strict=True):
        assert b.scores[INJECTION] == pytest.approx(4.0 * a.scores[INJECTION])


def test_scores_are_means_of_the_square_over_centre_and_patch(series):  # noqa: F811
    own = detector("ct96wide")
    [found] = measured(series, [own])
    patches = np.concatenate(cast(Any, own.network).seen).astype(np.float64)
    for patch, judged in zip(patches, found, strict=True):
        assert judged.scores[REMOVAL] == pytest.approx(np.mean(patch**2))
        assert judged.scores[INJECTION] == pytest.approx(
            np.mean(patch[32:64, 32:64] ** 2)
        )


def test_injections_are_shown_beside_genuine_structures(series):  # noqa: F811
    own = detector("ct96wide")
    [found] = measured(series, [own], attacks=("synthetic nodule",))
    structures = [j for j in found if j.site.structure]
    assert len(structures) >= 4
    patches = np.concatenate(cast(Any, own.network).seen)
    assert len(patches) == len(found)
    # In its middle a structure is far brighter than lung, which scales to about 0.1.
    for patch, judged in zip(patches, found, strict=True):
        if judged.site.structure:
            assert patch[46:50, 46:50].mean() > np.median(patch)
    (row,) = mean_rows(found, {"synthetic nodule": "injection"}, n_draws=20)
    assert row.against_structures
    assert set(row.against_lung) == {INJECTION, REMOVAL}


def test_table_has_a_line_for_every_network(series):  # noqa: F811
    two = [detector("ct96wide"), detector("ct96")]
    rows = [
        mean_rows(own, dict.fromkeys(NAMES, "redraw"), n_draws=20)
        for own in measured(series, two)
    ]
    lines = to_markdown(two, rows).splitlines()
    assert len(lines) == 4
    assert "redraw, mean of 2" in lines[0]
    assert lines[2].startswith("| ct96wide-1 | reference 8 | 12,345 | ct96wide | 7 |")


def test_models_of_two_patch_sizes_are_refused(series):  # noqa: F811
    with pytest.raises(SettingsError, match="different sizes"):
        measured(series, [detector("ct96wide"), detector("mr128")])


def test_measuring_networks_can_be_cancelled(series):  # noqa: F811
    context = TaskContext()
    context.cancel()
    with pytest.raises(Cancelled):
        measured(series, [detector("ct96wide")], context=context)
