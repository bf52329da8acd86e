"""What a process that is about to read foreign bytes does to itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from btd_desktop.containment.measures import MEASURES

_SYSTEM_LIBRARIES: Final = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store"),
    "/etc/ld.so.cache",
)


def contain_this_process(readable: Sequence[Path], parent: int) -> dict[str, str]:
    """Take every measure that this system has; there is no way back.

    To be called before there is a second thread and before a foreign byte is read.

    Args:
        readable: Places that stay readable.
        parent: Process id of the program that waits for this one.

    Returns:
        Every name of `MEASURES` with the reason why this process could not take the
        measure, "" where it did. What the other side took is added there.
    """
    taken = dict.fromkeys(MEASURES, "not on this system")
    taken["session"] = "" if os.name == "posix" else "not on this system"
    if sys.platform == "linux":
        from btd_desktop.containment import linux

        taken["parent"] = linux.end_with_parent(parent)
        taken |= linux.confine(readable)
    return taken


def limit_memory(n_bytes: int) -> None:
    """Limit the address space of this process, where the system lets it."""
    try:
        import resource
    except ImportError:  # Windows: set from the other side, with a job object
        return
    for name, value in (("RLIMIT_AS", n_bytes), ("RLIMIT_CORE", 0)):
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        _, hard = resource.getrlimit(kind)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (limit, limit))
        except (ValueError, OSError):  # macOS refuses RLIMIT_AS on some versions
            continue


def hide_memory() -> str:
    """Let no other process of this user look into this one; called before keys load.

    Returns:
        Why that cannot be done here; "" when it holds.
    """
    if sys.platform != "linux":
        return "not on this system"
    from btd_desktop.containment import linux

    return linux.hide_memory()


def library_places() -> tuple[Path, ...]:
    """Where Python, its packages and the system's libraries lie: read, never run.

    Folders of `sys.path` outside Python's own (a checkout, say) are left out but for
    the package itself.
    """
    roots = tuple({Path(sys.prefix), Path(sys.base_prefix)})
    places = [Path(__file__).resolve().parents[1], *map(Path, _SYSTEM_LIBRARIES)]
    bundle = getattr(sys, "_MEIPASS", None)  # PyInstaller's folder
    if bundle:
        # Modules of a bundle lie inside the program itself.
        places += [Path(bundle), Path(sys.executable).resolve()]
    places += [
        path
        for path in (Path(entry) for entry in sys.path if entry)
        if path.name.endswith("-packages")
        or any(path != root and path.is_relative_to(root) for root in roots)
    ]
    searched = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    places += [Path(entry) for entry in searched if Path(entry).is_absolute()]
    return tuple(dict.fromkeys(places))
