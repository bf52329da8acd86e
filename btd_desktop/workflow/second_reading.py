"""Is a file still the same at the end of the import as when it was read?

The bytes that are parsed are the bytes that were hashed, so no change can slip in
between. But a file that changes meanwhile (a copy still running, a failing disk, a hand
that interferes) is no settled evidence: it is read again, and a difference is recorded
with both digests and added to the findings of every series built from the file.
"""

from __future__ import annotations

from dataclasses import replace

from btd_desktop.dicom.series import FileRecord, Import, LoadedSeries, SeriesFinding
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.custody import digest_now

_STAGE = "Reading files again"
_GONE = "It could not be read a second time, so its digest rests on one reading."


def read_again(found: Import, context: TaskContext) -> Import:
    """The import with every file digested a second time; differences are recorded.

    Members of archives are covered by their archive.

    Raises:
        Cancelled: The examiner asked to stop.
    """
    archives = {record.path for record in found.containers}
    files = (record for record in found.files if record.path not in archives)
    to_read = [record for record in (*found.containers, *files) if record.sha256]
    words: dict[str, str] = {}
    for done, record in enumerate(to_read):
        context.report(done, len(to_read), _STAGE)
        difference = _difference(record)
        if difference:
            words[record.name] = difference
    if not words:
        return found
    return replace(
        found,
        series=tuple(_told(series, words) for series in found.series),
        files=tuple(_noted(record, words) for record in found.files),
        containers=tuple(_noted(record, words) for record in found.containers),
    )


def _difference(record: FileRecord) -> str:
    second = digest_now(record.path)
    if second == record.sha256:
        return ""
    if not second:
        return _GONE
    return (
        f"It CHANGED during the import: its SHA-256 was {record.sha256} when its "
        f"content was read, and is {second} now."
    )


def _noted(record: FileRecord, words: dict[str, str]) -> FileRecord:
    if record.name not in words:
        return record
    return replace(record, reason=f"{record.reason} {words[record.name]}".strip())


def _told(series: LoadedSeries, words: dict[str, str]) -> LoadedSeries:
    of_series = set(series.record_names)
    of_series |= {name.partition("!")[0] for name in of_series if "!" in name}
    named = sorted(name for name in of_series if name in words)
    changed = [name for name in named if words[name] != _GONE]
    gone = [name for name in named if words[name] == _GONE]
    findings = list(series.findings)
    if changed:
        sentence = (
            f"{len(changed)} files of this series changed while they were imported "
            f"({_listed(changed)}): the case holds what was read first. Import a copy "
            "that no longer changes."
        )
        findings.insert(0, SeriesFinding("changed_on_import", "warning", sentence))
    if gone:
        sentence = (
            f"{len(gone)} files of this series could not be read a second time "
            f"({_listed(gone)}): their digests rest on one reading."
        )
        findings.append(SeriesFinding("read_once", "note", sentence))
    return replace(series, findings=tuple(findings))


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
