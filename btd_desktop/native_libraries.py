"""Shared libraries of the system that Qt loads, and the packages that bring them.

Standard library only: it is asked where nothing else loads, by `bootstrap.py` before
anything is installed.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final

QT_LIBRARIES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "libEGL.so.1": ("libegl1", "libglvnd-egl"),
        "libGL.so.1": ("libgl1", "libglvnd-glx"),
        "libxkbcommon.so.0": ("libxkbcommon0", "libxkbcommon"),
        "libdbus-1.so.3": ("libdbus-1-3", "dbus-libs"),
        "libfontconfig.so.1": ("libfontconfig1", "fontconfig"),
        "libglib-2.0.so.0": ("libglib2.0-0", "glib2"),
    }
)
"""What Qt needs to load at all: Debian's package and Fedora's, by library."""

WINDOW_LIBRARIES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "libxkbcommon-x11.so.0": ("libxkbcommon-x11-0", "libxkbcommon-x11"),
        "libxcb-cursor.so.0": ("libxcb-cursor0", "xcb-util-cursor"),
        "libxcb-icccm.so.4": ("libxcb-icccm4", "xcb-util-wm"),
        "libxcb-image.so.0": ("libxcb-image0", "xcb-util-image"),
        "libxcb-keysyms.so.1": ("libxcb-keysyms1", "xcb-util-keysyms"),
        "libxcb-render-util.so.0": ("libxcb-render-util0", "xcb-util-renderutil"),
        "libxcb-shape.so.0": ("libxcb-shape0", "libxcb"),
        "libxcb-xkb.so.1": ("libxcb-xkb1", "libxcb"),
    }
)
"""What it needs besides to open a window on an X screen."""

WAYLAND_LIBRARIES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "libwayland-client.so.0": ("libwayland-client0", "libwayland-client"),
        "libwayland-cursor.so.0": ("libwayland-cursor0", "libwayland-cursor"),
        "libwayland-egl.so.1": ("libwayland-egl1", "libwayland-egl"),
    }
)
"""What it needs on a Wayland screen; without them it opens the window through X."""

_KNOWN: Final = {**QT_LIBRARIES, **WINDOW_LIBRARIES, **WAYLAND_LIBRARIES}
_NOT_OPENED: Final = re.compile(r"(lib\S+?\.so[.\d]*): cannot open shared object")


def missing_libraries(names: Iterable[str]) -> list[str]:
    """Those that the system's loader does not find; none but on Linux."""
    return [n for n in names if _load_problem(n)] if sys.platform == "linux" else []


def _load_problem(library: str) -> str:
    try:
        ctypes.CDLL(library)
    except OSError as error:
        return str(error)
    return ""


def missing_for(message: str, *, window: bool) -> list[str]:
    """Libraries that are the reason why Qt does not start.

    Args:
        message: What Python or Qt said; libraries that it names are among the result.
        window: Whether a window was to open on an X screen: then what the plug-in for
            it needs is looked for too.
    """
    said = message
    if window and sys.platform == "linux":
        said += f"\n{_xcb_problem()}"
    wanted = {**QT_LIBRARIES, **WINDOW_LIBRARIES} if window else QT_LIBRARIES
    found = missing_libraries(wanted)
    named = _NOT_OPENED.findall(said)
    return [*found, *dict.fromkeys(n for n in named if n not in found)]


def _xcb_problem() -> str:
    """Why Qt's plug-in for X screens does not load; "" if it does or is not here."""
    package = find_spec("PySide6")
    for folder in (package.submodule_search_locations or ()) if package else ():
        plugin = Path(folder, "Qt", "plugins", "platforms", "libqxcb.so")
        if plugin.is_file():
            return _load_problem(str(plugin))
    return ""


def missing_sentence(missing: Iterable[str]) -> str:
    """One sentence on missing libraries and the packages that bring them; "" for none.

    A library that no table of ours names is named without its package.
    """
    names = list(missing)
    if not names:
        return ""
    debian = sorted({_KNOWN[n][0] for n in names if n in _KNOWN})
    fedora = sorted({_KNOWN[n][1] for n in names if n in _KNOWN})
    return (
        f"Qt needs {', '.join(names)}, which these packages bring: "
        f"{' '.join(debian) or 'see apt-file'} (Debian, Ubuntu: apt install) or "
        f"{' '.join(fedora) or 'see dnf provides'} (Fedora: dnf install)"
    )


def window_problem(said: str, environment: Mapping[str, str]) -> str:
    """Why the window cannot be opened, in one sentence.

    Args:
        said: What Python said when Qt was loaded, or Qt when it was started.
        environment: Variables of the process.
    """
    platform = environment.get("QT_QPA_PLATFORM", "")
    on_screen = "offscreen" not in platform and "minimal" not in platform
    missing = missing_for(said, window=on_screen)
    if missing:
        return missing_sentence(missing)
    screens = [
        f"{name}={environment[name]}"
        for name in ("DISPLAY", "WAYLAND_DISPLAY")
        if environment.get(name)
    ]
    if "platform plugin" in said and on_screen and sys.platform == "linux":
        if platform:
            return f"Qt cannot start the platform of QT_QPA_PLATFORM={platform}"
        if not screens:
            return (
                "there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set; "
                "start the program from a desktop, or over ssh with -X"
            )
        return f"no display answers at {' or '.join(screens)}"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f"Qt does not start: {lines[-1] if lines else 'it gives no reason'}"
