"""Which protections hold around a reading process, and which do not, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

MEASURES: Final = {
    "session": "a session of its own, ended whole",
    "parent": "ends with the program that started it",
    "limits": "limits on memory, files and time",
    "privileges": "no new privileges",
    "files": "reads the program's libraries only and writes no file",
    "network": "no network",
    "processes": "starts no program or process and signals none",
    "memory": "no look into the program's memory",
}


@dataclass(frozen=True, slots=True)
class Containment:
    """The measures around one process.

    Attributes:
        missing: Why a measure does not hold, by its name in `MEASURES`; one that is
            not named holds.
    """

    missing: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The measures that a process says it took.

        Raises:
            ValueError: The value is something else.
        """
        if not isinstance(value, dict) or set(value) != set(MEASURES):
            raise ValueError("not a statement of measures")
        return cls({str(k): str(why)[:200] for k, why in value.items() if why})

    @classmethod
    def weakest(cls, several: Iterable[Containment]) -> Self:
        """What holds for each of several processes."""
        missing: dict[str, str] = {}
        for one in several:
            missing.update(one.missing)
        return cls(missing)

    @property
    def held(self) -> tuple[str, ...]:
        """Measures that hold, in words."""
        return tuple(w for name, w in MEASURES.items() if name not in self.missing)

    @property
    def not_held(self) -> tuple[str, ...]:
        """Measures that do not hold, in words, each with its reason."""
        return tuple(
            f"{words} ({self.missing[name]})"
            for name, words in MEASURES.items()
            if name in self.missing
        )

    @property
    def sentence(self) -> str:
        """Both lists in one line."""
        held = "; ".join(self.held) or "nothing"
        missing = "; ".join(self.not_held)
        return f"contained by: {held}" + (f". Not held: {missing}" if missing else "")

    def to_json(self) -> dict[str, list[str]]:
        """JSON value for people and programs."""
        return {"held": list(self.held), "not_held": list(self.not_held)}
