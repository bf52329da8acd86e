"""What every use case needs from outside, built once per process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from btd_desktop.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """Settings and clock, passed to use cases, which look up neither.

    Attributes:
        settings: Preferences: they give forms and options their first value and never
            alter a score.
        now: Clock; gives the time, aware, UTC.
    """

    settings: Settings = field(default_factory=Settings)
    now: Callable[[], datetime] = field(default=partial(datetime.now, UTC))


def default_services() -> Services:
    """Services with the user's settings; unusable keys keep their defaults."""
    from btd_desktop.settings import load_settings

    return Services(load_settings().settings)
