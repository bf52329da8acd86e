"""What a campaign of damaged inputs came to, and how it is printed."""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Figures", "own_peak_bytes", "peak_bytes_of", "reason_class", "report_lines"]


@dataclass(slots=True)
class Figures:
    """Outcome of one campaign.

    Attributes:
        what: What was damaged.
        tried: Inputs.
        survived: Inputs that were still usable.
        outcomes: Number of inputs by what became of them, in words.
        reasons: Number of refused inputs by reason, numbers and names left out.
        violations: Whatever must not happen, one sentence each; empty when all is
            well.
        seconds: Wall time of the campaign.
        slowest: Name and seconds of the slowest input.
        peak_bytes: Largest resident memory of the process that parsed.
        peak_limit_bytes: What that process may take at most.
        crashes: Parsing processes that ended while they read.
    """

    what: str
    tried: int = 0
    survived: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0
    slowest: tuple[str, float] = ("", 0.0)
    peak_bytes: int = 0
    peak_limit_bytes: int = 0
    crashes: int = 0

    def add(self, outcome: str, reason: str = "", *, survived: bool = False) -> None:
        """Count one input."""
        self.tried += 1
        self.survived += survived
        self.outcomes[outcome] += 1
        if reason:
            self.reasons[reason_class(reason)] += 1

    def time(self, name: str, seconds: float) -> None:
        """Keep the slowest input."""
        if seconds > self.slowest[1]:
            self.slowest = (name, seconds)


def reason_class(reason: str) -> str:
    """A reason without what differs from file to file."""
    words = re.sub(r"/\S*/", "", reason)
    words = re.sub(r"\([^()]*\)", "(…)", words)
    words = re.sub(r"“[^”]*”", "“…”", words)
    words = re.sub(r"[0-9a-f]{12}…", "#…", words)
    words = re.sub(r"-?\d[\d,.x ]*\d|\d", "N", words)
    return words[:78]


def report_lines(figures: list[Figures], *, n_reasons: int = 8) -> list[str]:
    """The figures as lines of text."""
    lines = []
    for item in figures:
        outcomes = ", ".join(f"{n} {name}" for name, n in item.outcomes.most_common())
        limit = item.peak_limit_bytes
        memory = f"peak memory {item.peak_bytes >> 20} MiB"
        memory += f" of {limit >> 20} MiB allowed" if limit else ""
        lines += [
            f"{item.what}: {item.tried:,} tried, {item.survived:,} still usable, "
            f"{item.tried - item.survived:,} refused; {item.crashes} crashes of the "
            f"parsing process; {item.seconds:.1f} s in all, slowest "
            f"{item.slowest[1]:.2f} s ({item.slowest[0][:60]}); {memory}",
            f"    {outcomes}",
        ]
        common = item.reasons.most_common(n_reasons)
        lines += [f"    {n:>6}  {reason}" for reason, n in common]
        rest = sum(item.reasons.values()) - sum(n for _, n in common)
        if rest:
            lines.append(f"    {rest:>6}  {len(item.reasons) - len(common)} others")
        lines += [f"    VIOLATION {sentence}" for sentence in item.violations]
    return lines


def peak_bytes_of(pid: int) -> int:
    """Largest resident memory of a running process so far; 0 where unknown."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return 0
    match = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return int(match.group(1)) << 10 if match else 0


def own_peak_bytes() -> int:
    """Largest resident memory of this process so far; 0 where unknown."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10
