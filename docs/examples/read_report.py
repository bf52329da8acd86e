"""Verifies a report and reads its twin, the same content for programs.

    python docs/examples/read_report.py REPORT [EVIDENCE]

Ends with 0 where the report is intact, else with 7. Needs no torch.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from btd_desktop.workflow.verify import verify_report_file


def read_report(report: Path, evidence: list[Path]) -> int:
    """Print the verdict and, where the report is intact, what it says."""
    verdict = verify_report_file(report, evidence=evidence or None)
    print(verdict.headline)
    for problem in verdict.problems:
        print(f"  {problem}")
    if not verdict.ok or verdict.twin is None:
        return 7
    twin: dict[str, Any] = verdict.twin
    print(f"signed by {verdict.signer} at {verdict.signed_at}")
    print(f"certificate {verdict.fingerprint_sha256}")
    print(f"parts of the twin: {', '.join(twin)}")
    for method in twin["methods"]:
        print(f"model {method['model_name']}")
    for series in twin["series"]:
        print(f"series {series['number']}: {series['examined']['state']}")
    return 0


if __name__ == "__main__":
    sys.exit(read_report(Path(sys.argv[1]), [Path(p) for p in sys.argv[2:]]))
