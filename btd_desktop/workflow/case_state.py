"""How far a case has come, in counts: what a list of cases may say without names."""

from __future__ import annotations

from dataclasses import dataclass

from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.stored import latest_run
from btd_desktop.examination.withdrawn import withdrawn_in
from btd_desktop.examination.wording import counted


@dataclass(frozen=True, slots=True)
class CaseState:
    """Counts of a case; nothing in it names anybody.

    Attributes:
        n_series: Series imported.
        n_scored: Of these, scored to their end.
        n_findings: Findings that stand.
        n_to_check: Of these, not yet looked at.
        n_reports: Reports issued.
    """

    n_series: int = 0
    n_scored: int = 0
    n_findings: int = 0
    n_to_check: int = 0
    n_reports: int = 0

    @property
    def text(self) -> str:
        """The state in one line."""
        if not self.n_series:
            return "no series"
        told = [counted(self.n_series, "series", "series")]
        if self.n_scored < self.n_series:
            told.append(f"{self.n_scored} scored")
        if self.n_findings:
            check = f" ({self.n_to_check} to check)" if self.n_to_check else ""
            told.append(counted(self.n_findings, "finding") + check)
        issued = counted(self.n_reports, "report")
        told.append(f"{issued} issued" if self.n_reports else "no report yet")
        return ", ".join(told)


def case_state(store: CaseStore) -> CaseState:
    """How far an open case has come.

    Raises:
        CaseError: The case cannot be read.
    """
    records = store.series()
    runs = [latest_run(store, r.series_id) for r in records]
    gone = withdrawn_in(store)
    standing = [f for f in store.findings() if f.finding_id not in gone]
    return CaseState(
        n_series=len(records),
        n_scored=sum(run is not None and run.status == "done" for run in runs),
        n_findings=len(standing),
        n_to_check=sum(f.status == "to check" for f in standing),
        n_reports=len(store.reports()),
    )
