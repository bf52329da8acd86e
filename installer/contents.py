"""What goes into a bundle and what stays out: asked by `btd.spec`, held by tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

EXCLUDED: Final = (
    "readline",  # GNU readline is under the GPL
    "tkinter", "curses", "idlelib", "ensurepip", "lib2to3",
    "triton",  # 0.9 GB for torch.compile, which is never called
    "torch.utils.tensorboard", "tensorboard",
    "matplotlib", "IPython", "pytest", "pandas", "cupy", "numba",
    "SimpleITK", "lxml", "pypdf", "hypothesis", "PyInstaller",
    "pyqtgraph.examples", "pyqtgraph.opengl",
    "PySide6.QtNetwork", "PySide6.QtQml", "PySide6.QtQuick", "PySide6.QtSql",
    "PySide6.QtDesigner", "PySide6.QtUiTools", "PySide6.QtHelp",
)  # fmt: skip
"""Modules that the program never imports, or must not ship."""

_OUT: Final = re.compile(
    r"reportlab/fonts/DarkGarden"  # under the GPL, and not used
    r"|/Qt/(?:qml|translations|metatypes|libexec)/"
    r"|/Qt/plugins/(?:sqldrivers|tls|networkinformation|qmltooling|platformthemes"
    r"|egldeviceintegrations|designer)/"
    r"|/Qt/plugins/generic/"
    r"|/Qt/plugins/platforms/libq(?:eglfs|linuxfb|minimalegl|vnc|vkkhrdisplay)"
    r"|/libQt6(?:Quick|Qml|Network|Sql|Egl[Ff][Ss]|VirtualKeyboard|Designer)"
    r"|/torch/(?:include|share|test)/"
    r"|/torch/lib/\S+\.a$"
)

PYTHON_NEEDS: Final = (
    "libpython3", "libssl", "libcrypto", "libffi", "libsqlite3", "liblzma", "libbz2",
    "libexpat", "libmpdec",
)  # fmt: skip
"""Libraries of the building system that Python's own modules load: they come along."""

_SYSTEM_FOLDERS: Final = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/")


def belongs(target: str, source: str) -> bool:
    """Whether a file that PyInstaller found goes into the bundle.

    What Qt loads from the system stays the system's: a second libglib or libxcb beside
    the one of the desktop breaks, and much of it is under other licences than ours.

    Args:
        target: Place in the bundle.
        source: Where the file is now.
    """
    if _OUT.search("/" + PurePosixPath(target.replace("\\", "/")).as_posix()):
        return False
    if not source.startswith(_SYSTEM_FOLDERS):
        return True
    name = PurePosixPath(source).name
    return ".so" not in name or name.startswith(PYTHON_NEEDS)


def kept(entries: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Of PyInstaller's (target, source, kind) those that go into the bundle."""
    return [entry for entry in entries if belongs(entry[0], entry[1] or "")]
