"""Every campaign of damaged inputs, as a command.

    python -m tests.hostile.campaign                the numbers of a test run
    python -m tests.hostile.campaign --times 10     ten times as many
    python -m tests.hostile.campaign --seed 7       other damage
    python -m tests.hostile.campaign --only reports

Prints inputs tried, survived, refused by reason, slowest and peak memory; exit code 1
when something happened that must not.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.hostile.campaign_documents import (
    model_campaign,
    profile_campaign,
    report_campaign,
)
from tests.hostile.campaign_evidence import (
    archive_campaign,
    dicom_campaign,
    volume_campaign,
)
from tests.hostile.campaign_weights import weights_campaign
from tests.hostile.figures import Figures, report_lines

__all__ = ["CAMPAIGNS", "SEED", "Campaign", "main"]

SEED = 20260314


@dataclass(frozen=True, slots=True)
class Campaign:
    """One kind of input, and how many of it a run takes."""

    name: str
    n: int
    run: Callable[[int, int], Figures]


CAMPAIGNS = (
    Campaign("dicom", 2000, dicom_campaign),
    Campaign("archives", 500, archive_campaign),
    Campaign("volumes", 300, volume_campaign),
    Campaign("models", 200, model_campaign),
    Campaign("weights", 45, weights_campaign),
    Campaign("profiles", 200, profile_campaign),
    Campaign("reports", 200, report_campaign),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaigns and print their figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", choices=[c.name for c in CAMPAIGNS])
    chosen = parser.parse_args(arguments)
    figures = []
    start = time.monotonic()
    for campaign in CAMPAIGNS:
        if chosen.only in (None, campaign.name):
            figures.append(campaign.run(campaign.n * chosen.times, chosen.seed))
            lines = report_lines(figures[-1:], n_reasons=20)
            sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.flush()
    sys.stdout.write(
        f"{sum(item.tried for item in figures):,} inputs, seed {chosen.seed}, "
        f"{time.monotonic() - start:.0f} s, {sum(os.times()[:4]):.0f} s of processor "
        "time with the parsing processes\n"
    )
    return 1 if any(item.violations for item in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
