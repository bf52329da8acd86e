from dataclasses import replace

import numpy as np
import pytest
from reportlab.graphics.shapes import Line, PolyLine, Rect, String

from btd_desktop.calibration.ecdf import Ecdf
from btd_desktop.report.figures import (
    exhibit_grid,
    exhibit_panels,
    grey_from_values,
    overlay_from_residual,
    residual_limit,
)
from btd_desktop.report.pictures import SourceFigure
from btd_desktop.report.plots import cdf_plot, score_histogram
from btd_desktop.report.style import FLAG, FRAME_WIDTH, register_fonts
from tests.unit.report.case_sample import make_exhibit_figure


def test_grey_follows_the_display_window():
    values = np.array([[-1400.0, -1350.0, -600.0, 150.0, 400.0, np.nan]])
    grey = grey_from_values(values, (-600.0, 1500.0))
    assert grey.tolist() == [[0, 0, 128, 255, 255, 0]]


def test_overlay_is_blue_below_zero_and_orange_above():
    grey = np.full((1, 4), 100, dtype=np.uint8)
    residual = np.array([[-1.0, 0.0, 1.0, np.nan]], dtype=np.float32)
    colours = overlay_from_residual(grey, residual, 1.0).astype(int)[0]
    assert colours[0][2] > colours[0][0]
    assert colours[2][0] > colours[2][2]
    assert colours[1].tolist() == [100, 100, 100]
    assert colours[3].tolist() == [100, 100, 100]


def test_residual_limit_without_finite_values_is_usable():
    assert residual_limit(np.full((2, 2), np.nan)) == 1.0
    assert residual_limit(np.zeros((2, 2))) == 1.0


def test_exhibit_panels_are_slice_crop_residual_overlay_and_source():
    figure = make_exhibit_figure()
    assert len(exhibit_panels(figure, 100)) == 4
    source = SourceFigure(
        figure.crop, figure.crop_origin, figure.box, figure.slice_image, 7, (212, 301)
    )
    assert len(exhibit_panels(replace(figure, source=source), 100)) == 5


@pytest.mark.parametrize("height", [700.0, 400.0, 300.0])
def test_pictures_of_an_exhibit_take_the_room_that_there_is(height):
    grid = exhibit_grid(make_exhibit_figure(), height)
    assert grid.wrap(FRAME_WIDTH, 1000)[1] <= height


def _labels(drawing) -> list[str]:
    return [item.text for item in drawing.contents if isinstance(item, String)]


@pytest.mark.parametrize(
    ("benign", "score", "threshold"),
    [
        (np.array([1.0]), 1.0, 1.0),
        (np.full(50, 2.0), 2.0, None),
        (np.array([1.0, 2.0]), None, None),
        (np.array([1.0, 2.0]), 900.0, 1.5),
        (np.linspace(-5, 5, 1000), -20.0, 4.0),
    ],
)
def test_cdf_plot_stays_inside_its_frame(benign, score, threshold):
    register_fonts()
    drawing = cdf_plot(
        Ecdf(benign), score, threshold, size=(400, 130), score_label="E1"
    )
    for item in drawing.contents:
        if isinstance(item, Line):
            points = [(item.x1, item.y1), (item.x2, item.y2)]
        elif isinstance(item, PolyLine):
            points = list(zip(item.points[::2], item.points[1::2], strict=True))
        else:
            points = [(item.x, item.y)]
        assert all(0 <= x <= 400 and 0 <= y <= 130 for x, y in points)


def test_cdf_plot_names_score_threshold_and_n():
    drawing = cdf_plot(
        Ecdf(np.arange(1.0, 101.0)),
        97.3,
        31.2,
        size=(400, 130),
        score_label="exhibit E1",
    )
    text = " | ".join(_labels(drawing))
    assert "exhibit E1 97.3" in text
    assert "threshold 31.2" in text
    assert "100 genuine scores" in text


def test_cdf_plot_of_many_scores_is_thinned_but_keeps_the_largest():
    rng = np.random.default_rng(1)
    benign = Ecdf(np.sort(rng.gamma(5, 1, 200_000)))
    drawing = cdf_plot(benign, None, None, size=(400, 130), score_label="")
    (curve,) = [item for item in drawing.contents if isinstance(item, PolyLine)]
    assert len(curve.points) < 2000
    assert curve.points[-1] == pytest.approx(102)


def test_cdf_plot_lets_patients_count_the_same():
    few, many = np.array([1.0]), np.linspace(2.0, 3.0, 99)
    drawing = cdf_plot(
        Ecdf.fit([few, many]), None, None, size=(400, 130), score_label=""
    )
    (curve,) = [item for item in drawing.contents if isinstance(item, PolyLine)]
    base, top = curve.points[1], curve.points[-1]
    # The one score of the first patient is half of all.
    assert curve.points[5] == pytest.approx(base + (top - base) / 2)
    assert "patients counting the same" in " ".join(_labels(drawing))


def test_histogram_bars_of_the_series_add_up_to_all_slices():
    scores = np.array([1.0, 1.1, 2.0, np.nan, 3.0])
    genuine = Ecdf(np.array([1.0, 2.0]))
    drawing = score_histogram(scores, genuine, None, size=(400, 140))
    bars = [
        item
        for item in drawing.contents
        if isinstance(item, Rect) and item.strokeColor == FLAG and item.y != 2
    ]
    tallest = max(bar.height for bar in bars)
    largest_share = 0.5 if len(bars) == 3 else 0.25
    assert sum(bar.height for bar in bars) == pytest.approx(tallest / largest_share)
