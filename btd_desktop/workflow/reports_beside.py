"""Reports in a case folder: the audit head each prints, and those not recorded."""

from __future__ import annotations

import re
from pathlib import Path

from btd_desktop.cases.files import check_part, part_digest
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CaseError, ReportError
from btd_desktop.workflow.services import Services

_REPORT_NAME = re.compile(r"report-[0-9]+(-redacted)?\.pdf")
_MOST_REPORTS = 200


def heads_beside(store: CaseStore) -> dict[str, str]:
    """Audit heads printed in the reports that lie in the case folder.

    A case that was rolled back behind a report, or continued differently, does not hold
    the report's head. Only reports of this case that verify count: any other report
    says nothing of this case.

    Returns:
        Head → words for the report.
    """
    heads = {}
    case_id = store.info.case_id[:8]
    for path in sorted(store.folder.glob("*.pdf"))[:_MOST_REPORTS]:
        try:
            if not check_part(path):
                continue
            # Of what is signed inside: drawing pages again would delay each opening.
            head, report_id = head_of_report(path, with_pages=False)
        except (CaseError, ReportError, OSError):
            continue
        if report_id.startswith(f"{case_id}-"):
            heads[head] = f"{path.name} in the case folder"
    return heads


def head_of_report(path: Path, *, with_pages: bool = True) -> tuple[str, str]:
    """The audit head that a signed report prints, and the report's own id.

    Args:
        path: The report.
        with_pages: Compare its pages with its data too.

    Raises:
        ReportError: The report does not verify, so nothing that it prints counts, or
            it names no audit log.
    """
    from btd_desktop.report.verification import verify_report

    verdict = verify_report(path, with_pages=with_pages)
    if not verdict.ok or verdict.twin is None:
        why = verdict.problems[0] if verdict.problems else "it does not verify"
        raise ReportError(
            f"{path.name} cannot vouch for the case: {why}",
            hint="check it with `btd verify`",
        )
    match verdict.twin:
        case {"audit": {"head": str(head)}, "identity": {"report_id": str(report_id)}}:
            if head:
                return head, report_id
    raise ReportError(f"{path.name} names no audit log")


def set_aside_unrecorded(store: CaseStore, services: Services) -> None:
    """Rename reports in the case folder that the case has no record of.

    A process that dies between writing a report and recording it leaves one. The file
    keeps its content under a name that says what it is; the next report gets its
    number. Parts of reports never finished are deleted.

    Raises:
        CaseError: The log cannot be written.
        ReportError: A file cannot be renamed.
    """
    recorded = {record.path_name for record in store.reports()}
    for path in sorted(store.folder.glob("report-*")):
        if path.name.endswith(".pdf.part"):
            path.unlink(missing_ok=True)
        if not _REPORT_NAME.fullmatch(path.name) or path.name in recorded:
            continue
        target, n = path.with_stem(f"{path.stem}-unrecorded"), 2
        while target.exists():
            target, n = path.with_stem(f"{path.stem}-unrecorded-{n}"), n + 1
        try:
            sha256 = part_digest(path, store.folder)
            path.rename(target)
        except OSError as error:
            raise ReportError(
                f"{path} is not recorded in the case and cannot be renamed: "
                f"{error.strerror or error}",
                hint="move it out of the case folder",
            ) from error
        store.append_audit(
            "unrecorded report set aside",
            {"path_name": target.name, "sha256": sha256},
            store.actor,
            services.now(),
        )
