"""What every use case needs from outside, built once per process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from btd_desktop.settings import Settings


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """Settings and clock, passed to use cases instead of being looked up by them.

    Attributes:
        settings: Preferences: they give forms and options their first value and never
            alter a score.
        clock: Gives the time, aware, UTC.
    """

    settings: Settings = field(default_factory=Settings)
    clock: Callable[[], datetime] = _utc_now

    def now(self) -> datetime:
        """The time, aware, UTC."""
        return self.clock()


def default_services() -> Services:
    """Services with the user's settings; unusable keys keep their defaults."""
    from btd_desktop.settings import load_settings

    return Services(load_settings().settings)
