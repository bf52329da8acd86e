"""Both themes can be read, and every icon can be drawn."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon
from PySide6.QtWidgets import QApplication, QPushButton

from btd_desktop.gui.theme import (
    DARK,
    LIGHT,
    apply_theme,
    icon,
    style_sheet,
)
from btd_desktop.paths import assets_dir

THEMES = (DARK, LIGHT)
ICONS = sorted(path.stem for path in (assets_dir() / "icons").glob("*.svg"))
# Text and the grounds that the style sheet puts it on.
TEXT_PAIRS = [
    *[(text, "ground") for text in ("text", "muted", "accent", "danger", "good")],
    *[(text, "surface") for text in ("text", "muted", "accent", "danger", "good")],
    *[(text, "raised") for text in ("text", "muted")],
    ("warning", "ground"),
    ("warning", "surface"),
    ("text", "pressed"),
    ("on_accent", "accent"),
    ("on_selection", "selection"),
    ("focus", "ground"),
]
# Edges and rings (WCAG 1.4.11).
EDGE_PAIRS = [("control", g) for g in ("ground", "surface", "raised")] + [
    ("focus", g) for g in ("ground", "surface", "raised")
]


@pytest.fixture
def restored(qapp):
    before = qapp.styleSheet(), qapp.palette(), qapp.style().objectName()
    yield qapp
    qapp.setStyleSheet(before[0])
    qapp.setPalette(before[1])
    qapp.setStyle(before[2])


def contrast_ratio(one: str, other: str) -> float:
    """Contrast of two "#rrggbb" colours by WCAG 2.1, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = []
    for start in (1, 3, 5):
        value = int(colour[start : start + 2], 16) / 255
        linear = value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        channels.append(linear)
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]


def test_contrast_of_black_and_white_is_twenty_one():
    assert contrast_ratio("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast_ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES, ids=lambda t: t.name)
@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS)
def test_text_has_the_contrast_of_wcag_aa(theme, text, ground):
    assert contrast_ratio(getattr(theme, text), getattr(theme, ground)) >= 4.5


@pytest.mark.parametrize("theme", THEMES, ids=lambda t: t.name)
@pytest.mark.parametrize(("edge", "ground"), EDGE_PAIRS)
def test_edges_of_controls_can_be_seen(theme, edge, ground):
    assert contrast_ratio(getattr(theme, edge), getattr(theme, ground)) >= 3.0


@pytest.mark.parametrize("theme", THEMES, ids=lambda t: t.name)
def test_style_sheet_has_no_colour_of_its_own_and_names_existing_files(theme):
    template = (assets_dir() / "theme" / "btd.qss").read_text(encoding="utf-8")
    assert not re.findall(r"#[0-9a-fA-F]{3,6}\b", template)
    sheet = style_sheet(theme)
    assert "$" not in sheet
    for path in re.findall(r'url\("([^"]+)"\)', sheet):
        assert (assets_dir() / "theme" / path.rpartition("/")[2]).is_file()


@pytest.mark.parametrize("theme", THEMES, ids=lambda t: t.name)
def test_applied_theme_colours_a_button(restored, qtbot, theme):
    apply_theme(restored, theme)
    button = QPushButton("Score")
    qtbot.addWidget(button)
    button.resize(200, 60)
    button.show()
    image = button.grab().toImage()
    assert image.pixelColor(20, 30) == QColor(theme.raised)


@pytest.mark.parametrize("theme", THEMES, ids=lambda t: t.name)
def test_focus_changes_how_a_button_looks(restored, qtbot, theme):
    apply_theme(restored, theme)
    button = QPushButton("Score")
    qtbot.addWidget(button)
    button.show()
    button.clearFocus()
    without = button.grab().toImage()
    button.activateWindow()
    button.setFocus()
    QApplication.processEvents()
    assert button.hasFocus()
    assert button.grab().toImage() != without


@pytest.mark.parametrize("name", ICONS)
def test_icon_is_drawn_in_the_colour_of_its_theme(qapp, name):
    for theme in THEMES:
        drawn = icon(name, theme).pixmap(QSize(32, 32)).toImage()
        inked = [
            drawn.pixelColor(x, y)
            for x in range(drawn.width())
            for y in range(drawn.height())
            if drawn.pixelColor(x, y).alpha() > 250
        ]
        assert len(inked) > 20
        wanted = QColor(theme.text)
        # Qt rounds premultiplied colours at the soft edge of a line.
        assert all(
            max(
                abs(colour.red() - wanted.red()),
                abs(colour.green() - wanted.green()),
                abs(colour.blue() - wanted.blue()),
            )
            <= 4
            for colour in inked
        )


def test_disabled_icon_is_dimmed(qapp):
    normal = icon("open").pixmap(QSize(32, 32)).toImage()
    dimmed = icon("open").pixmap(QSize(32, 32), QIcon.Mode.Disabled).toImage()
    assert normal != dimmed


def test_unknown_icon_is_a_bug_of_ours(qapp):
    with pytest.raises(FileNotFoundError):
        icon("no-such-icon")


def test_icons_hold_nothing_but_lines():
    for path in (assets_dir() / "icons").glob("*.svg"):
        source = path.read_text(encoding="utf-8")
        tags = set(re.findall(r"<(\w+)", source))
        assert tags <= {"svg", "path", "circle", "rect"}, path.name
        assert "href" not in source
        assert "currentColor" in source
