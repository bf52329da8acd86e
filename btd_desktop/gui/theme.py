"""Colours, style sheet and icons of the window, in dark and light.

The picture itself stays on black in both themes. Every pair of text and ground keeps
the contrast of WCAG 2.1 AA, which a test measures.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from string import Template
from typing import Literal

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from btd_desktop.paths import assets_dir

ThemeName = Literal["dark", "light"]
_ICON_SIZES = (16, 20, 24, 32, 48, 64)


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours by purpose, each "#rrggbb".

    Attributes:
        name: "dark" or "light".
        ground: Behind everything.
        surface: Lists, tables and input fields.
        raised: Tool bars, headers and buttons.
        pressed: A button that is down or checked.
        border: Lines that only separate.
        control: Edges that show where a control is (3:1 at least).
        text: Ordinary text.
        muted: Secondary text, still readable.
        disabled: Text of what cannot be used.
        accent: Links, progress, the checked state.
        on_accent: Text on the accent.
        focus: The ring around what the keyboard acts on.
        selection: Ground of selected rows.
        on_selection: Text of selected rows.
        danger: Errors.
        warning: Flags and cautions.
        good: Intact, done.
    """

    name: ThemeName
    ground: str
    surface: str
    raised: str
    pressed: str
    border: str
    control: str
    text: str
    muted: str
    disabled: str
    accent: str
    on_accent: str
    focus: str
    selection: str
    on_selection: str
    danger: str
    warning: str
    good: str


DARK = Theme(
    name="dark",
    ground="#17191d",
    surface="#1f2227",
    raised="#292d34",
    pressed="#363c45",
    border="#383e47",
    control="#7d8794",
    text="#e7eaee",
    muted="#aab3be",
    disabled="#6f7883",
    accent="#57a9ff",
    on_accent="#06131f",
    focus="#8cc8ff",
    selection="#1f4d7d",
    on_selection="#ffffff",
    danger="#ff8078",
    warning="#ffb84d",
    good="#63d194",
)
LIGHT = Theme(
    name="light",
    ground="#f3f5f7",
    surface="#ffffff",
    raised="#e8ebef",
    pressed="#d3d9e0",
    border="#c6ccd4",
    control="#6b7480",
    text="#1a1e23",
    muted="#4f5964",
    disabled="#8b939d",
    accent="#0a5dba",
    on_accent="#ffffff",
    focus="#0a5dba",
    selection="#cbe0fa",
    on_selection="#0d2138",
    danger="#a9211a",
    warning="#7d4a00",
    good="#14603a",
)


def style_sheet(theme: Theme) -> str:
    """The style sheet of the window with the theme's colours put in.

    Raises:
        KeyError: The sheet asks for a colour that no theme has (a bug of ours).
    """
    sheet = (assets_dir() / "theme" / "btd.qss").read_text(encoding="utf-8")
    here = (assets_dir() / "theme").as_posix()
    return Template(sheet).substitute(asdict(theme), here=here)


def apply_theme(app: QApplication, theme: Theme) -> None:
    """Give the whole application this theme."""
    app.setStyle("Fusion")
    app.setPalette(_palette(theme))
    app.setStyleSheet(style_sheet(theme))


def _palette(theme: Theme) -> QPalette:
    role = QPalette.ColorRole
    colours = {
        role.Window: theme.ground,
        role.WindowText: theme.text,
        role.Base: theme.surface,
        role.AlternateBase: theme.raised,
        role.Text: theme.text,
        role.PlaceholderText: theme.muted,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.BrightText: theme.danger,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.Highlight: theme.selection,
        role.HighlightedText: theme.on_selection,
        role.Link: theme.accent,
        role.LinkVisited: theme.accent,
        role.Light: theme.raised,
        role.Mid: theme.border,
        role.Dark: theme.border,
        role.Accent: theme.accent,
    }
    palette = QPalette()
    for which, colour in colours.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(theme.disabled))
    return palette


@lru_cache(maxsize=256)
def icon(name: str, theme: Theme = DARK, *, on_accent: bool = False) -> QIcon:
    """A line icon in the theme's text colour, dimmed where disabled.

    Args:
        name: That of a file in `assets/icons`, without its ending.
        theme: Whose colours to use; a checked icon takes the accent.
        on_accent: It stands on a button that has the accent's colour.

    Raises:
        FileNotFoundError: There is no such icon (a bug of ours).
    """
    source = (assets_dir() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    result = QIcon()
    plain = theme.on_accent if on_accent else theme.text
    variants = (
        (QIcon.Mode.Normal, QIcon.State.Off, plain),
        (QIcon.Mode.Normal, QIcon.State.On, theme.accent),
        (QIcon.Mode.Disabled, QIcon.State.Off, theme.disabled),
        (QIcon.Mode.Disabled, QIcon.State.On, theme.disabled),
    )
    for mode, state, colour in variants:
        for size in _ICON_SIZES:
            result.addPixmap(_drawn(source, colour, size), mode, state)
    return result


def _drawn(source: str, colour: str, size: int) -> QPixmap:
    drawing = QByteArray(source.replace("currentColor", colour).encode())
    renderer = QSvgRenderer(drawing)
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap
