"""Cases opened lately, kept in one small JSON file that only its owner can read.

Folders and counts, nothing else: titles name patients and parties, and outlive here the
case that was handed back.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from btd_desktop import paths

_MAX_BYTES = 1 << 20
_MOST_LETTERS = 200


class RecentCases(QObject):
    """Folders of cases, newest first.

    Signals:
        changed(): A case was added or removed.
    """

    changed = Signal()

    def __init__(self, limit: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._limit = limit
        self._file = paths.config_dir() / "recent-cases.json"
        self._states: dict[Path, str] = {}
        self._cases = self._read()
        # Versions before wrote titles, and let others read them.
        if self._cases:
            self._write()

    def cases(self) -> tuple[Path, ...]:
        """The folders; some may hold no case any more."""
        return tuple(self._cases)

    def state_of(self, folder: Path) -> str:
        """How far the case had come when it was closed here last; "" if not known."""
        return self._states.get(folder, "")

    def note(self, folder: Path, state: str) -> None:
        """Keep how far a case of the list has come."""
        if folder in self._cases and self._states.get(folder) != state:
            self._states[folder] = state
            self._write()

    def add(self, folder: Path) -> None:
        """Put a case on top."""
        added = folder.resolve()
        others = [c for c in self._cases if c != added]
        self._cases = [added, *others][: self._limit]
        self._write()

    def remove(self, folder: Path) -> None:
        """Forget a case; its folder is not touched."""
        self._cases = [c for c in self._cases if c != folder]
        self._write()

    def _read(self) -> list[Path]:
        try:
            if self._file.stat().st_size > _MAX_BYTES:
                return []
            listed = json.loads(self._file.read_text(encoding="utf-8"))
            cases = [Path(e["folder"]) for e in listed]
            told = [str(e.get("state", ""))[:_MOST_LETTERS] for e in listed]
            self._states = dict(zip(cases, told, strict=True))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            # A list of shortcuts is not worth a complaint.
            return []
        return cases[: self._limit]

    def _write(self) -> None:
        value = [
            {"folder": str(c), "state": self._states.get(c, "")} for c in self._cases
        ]
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # Such a file can be read by its owner only.
            with tempfile.NamedTemporaryFile(
                "w", dir=self._file.parent, encoding="utf-8", delete=False
            ) as stream:
                json.dump(value, stream, indent=1)
            Path(stream.name).replace(self._file)
        self.changed.emit()
