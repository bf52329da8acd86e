"""How long a sweep will still take, told as a range and not before it is known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

_FEWEST = 5


@dataclass(slots=True)
class Pace:
    """Series done so far, and what they took.

    Attributes:
        n_files: Files of all series that are to be examined.
    """

    n_files: int
    _done: list[tuple[int, float]] = field(default_factory=list)

    def add(self, n_files: int, seconds: float) -> None:
        """Note a series that is done.

        Args:
            n_files: Its files.
            seconds: What it took its worker.
        """
        self._done.append((n_files, seconds))

    def seconds_left(self, elapsed_s: float) -> tuple[float, float] | None:
        """From and to; None while fewer than five series tell.

        Series cost by their files. Twice the standard error of the cost of a file,
        from the differences between series, on either side.

        Args:
            elapsed_s: Wall-clock seconds since the first series was begun.
        """
        if len(self._done) < _FEWEST:
            return None
        files = np.array([n for n, _ in self._done], dtype=np.float64)
        cost = np.array([s for _, s in self._done]) / np.maximum(files, 1)
        mean = float(cost.mean())
        spread = 2 * float(cost.std(ddof=1)) / np.sqrt(cost.size)
        share = min(spread / mean, 0.9) if mean > 0 else 0.0
        left = elapsed_s * max(self.n_files - files.sum(), 0.0) / max(files.sum(), 1.0)
        return left * (1 - share), left * (1 + share)

    def words(self, elapsed_s: float) -> str:
        """Such as “3 to 5 min left, by 12 series”; "" while it is not known."""
        found = self.seconds_left(elapsed_s)
        if found is None:
            return ""
        unit, name = next(
            (u, n) for u, n in ((86400, "days"), (3600, "h"), (60, "min"), (1, "s"))
            if found[1] >= 2 * u or u == 1
        )  # fmt: skip
        low, high = (value / unit for value in found)
        return (
            f"{low:.0f} to {np.ceil(high):.0f} {name} left, by {len(self._done)} series"
        )
