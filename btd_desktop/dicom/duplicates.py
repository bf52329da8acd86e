"""Files under UIDs that were seen before: duplicates, conflicts, copies of a series.

An instance is known by its series and its own UID: anonymisers and home-made software
number instances anew in every series. A folder whose files claim the UIDs of another
with other pixels is examined as a series of its own; nothing received goes unexamined
because somebody reused a number.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from btd_desktop.dicom.checks.across import check_copies, check_copy
from btd_desktop.dicom.instance import InstanceFacts
from btd_desktop.dicom.reading import Outcome
from btd_desktop.dicom.series import Fate, FileRecord, SeriesFinding
from btd_desktop.dicom.stack import folder_of, series_key
from btd_desktop.digest import tree_digest

_Seen = tuple[FileRecord, InstanceFacts]


@dataclass(slots=True)
class _Received:
    """Files of one series: its versions by instance UID, and those that came later."""

    versions: list[dict[str, _Seen]] = field(default_factory=lambda: [{}])
    later: dict[str, list[_Seen]] = field(default_factory=dict)


@dataclass(slots=True)
class _Verdict:
    duplicates: dict[str, FileRecord] = field(default_factory=dict)
    copies: dict[str, int] = field(default_factory=dict)
    found: dict[str, list[SeriesFinding]] = field(default_factory=dict)


def mark_duplicates(
    outcomes: list[Outcome],
) -> tuple[list[Outcome], dict[str, int], dict[str, list[SeriesFinding]]]:
    """The first of equal instances stays; others are duplicates, or a copy of a series.

    Returns:
        The outcomes; number (from 2) of the copy that a file belongs to, by record
        name; findings by series key.
    """
    verdict = _Verdict()
    series: dict[str, _Received] = {}
    others: dict[str, FileRecord] = {}
    for outcome in outcomes:
        record, parsed = outcome.record, outcome.parsed
        if record.fate is not Fate.ACCEPTED or parsed is None:
            continue
        if parsed.facts is None or not record.sop_instance_uid:
            original = others.setdefault(digest_of(outcome), record)
            if original is not record:
                verdict.duplicates[record.name] = original
            continue
        received = series.setdefault(series_key(record.name, parsed.facts), _Received())
        seen = (record, parsed.facts)
        if received.versions[0].setdefault(record.sop_instance_uid, seen) is not seen:
            received.later.setdefault(folder_of(record.name), []).append(seen)
    for key, received in series.items():
        _judge(key, received, verdict)
    return _marked(outcomes, verdict), verdict.copies, verdict.found


def digest_of(outcome: Outcome) -> str:
    """Digest of a file; where its values lie in another one, of both."""
    record, beside = outcome.record, outcome.companion
    if beside is None:
        return record.sha256
    return tree_digest([("header", record.sha256), ("values", beside.sha256)])


def _judge(key: str, received: _Received, verdict: _Verdict) -> None:
    folders = {folder_of(record.name) for record, _ in received.versions[0].values()}
    for folder, files in received.later.items():
        conflicts = [
            seen for seen in files if not _matches(received.versions[:1], seen)
        ]
        is_apart = folder not in folders
        whole = files if is_apart else conflicts
        same = next(
            (v for v in received.versions if all(_matches([v], s) for s in whole)), None
        )
        if same is not None or (not is_apart and len(conflicts) < 2):
            _take_duplicates(key, files, received.versions, verdict)
            continue
        _take_duplicates(
            key, [s for s in files if s not in whole], received.versions, verdict
        )
        _take_copies(whole, received, verdict)
    if len(received.versions) > 1:
        _tell_copies(key, received, verdict)


def _matches(versions: list[dict[str, _Seen]], seen: _Seen) -> _Seen | None:
    """The file of the versions that has its UID and pixels."""
    record = seen[0]
    for version in versions:
        original = version.get(record.sop_instance_uid)
        if original is not None and original[0].pixel_sha256 == record.pixel_sha256:
            return original
    return None


def _take_duplicates(
    key: str,
    files: list[_Seen],
    versions: list[dict[str, _Seen]],
    verdict: _Verdict,
) -> None:
    pairs = []
    for seen in files:
        first = versions[0][seen[0].sop_instance_uid]
        original = _matches(versions, seen) or first
        verdict.duplicates[seen[0].name] = original[0]
        pairs.append((original, seen))
    findings = [finding for pair in pairs if (finding := check_copy(*pair)) is not None]
    counts = Counter(finding.code for finding in findings)
    kept: dict[str, SeriesFinding] = {}
    for finding in findings:
        kept.setdefault(finding.code, finding)
    for code, finding in kept.items():
        if counts[code] > 1:
            uids = tuple(u for f in findings if f.code == code for u in f.instance_uids)
            sentence = f"{finding.sentence} So it is with {counts[code]} files."
            finding = replace(finding, sentence=sentence, instance_uids=uids)
        verdict.found.setdefault(key, []).append(finding)


def _take_copies(files: list[_Seen], received: _Received, verdict: _Verdict) -> None:
    first_new = len(received.versions)
    for seen in files:
        record = seen[0]
        new = received.versions[first_new:]
        original = _matches(new, seen)
        if original is not None:
            verdict.duplicates[record.name] = original[0]
            continue
        version = next((v for v in new if record.sop_instance_uid not in v), None)
        if version is None:
            version = {}
            received.versions.append(version)
        version[record.sop_instance_uid] = seen


def _tell_copies(key: str, received: _Received, verdict: _Verdict) -> None:
    """One finding for each copy, and one for the series that came first."""
    first, *copies = received.versions
    told: list[tuple[FileRecord, FileRecord]] = []
    for copy, version in enumerate(copies, 2):
        verdict.copies |= {record.name: copy for record, _ in version.values()}
        pairs = [(first[uid][0], record) for uid, (record, _) in version.items()]
        told += pairs
        record, facts = next(iter(version.values()))
        copy_key = series_key(record.name, facts, copy)
        verdict.found.setdefault(copy_key, []).append(check_copies(pairs, copy, copy))
    verdict.found.setdefault(key, []).append(check_copies(told, 2, len(copies) + 1))


def _marked(outcomes: list[Outcome], verdict: _Verdict) -> list[Outcome]:
    marked = []
    for outcome in outcomes:
        record = outcome.record
        original = verdict.duplicates.get(record.name)
        if original is not None:
            reason = _why_duplicate(original, record)
            record = replace(record, fate=Fate.DUPLICATE, reason=reason)
            outcome = replace(outcome, record=record, parsed=None)
        marked.append(outcome)
    return marked


def _why_duplicate(original: FileRecord, record: FileRecord) -> str:
    if original.sha256 == record.sha256:
        return f"The same bytes as {original.name}."
    if original.pixel_sha256 == record.pixel_sha256:
        return (
            f"The same SOP Instance UID and pixels as {original.name}; other header "
            "or encoding."
        )
    return (
        f"The same SOP Instance UID as {original.name}, but its pixels DIFFER: one of "
        "the two was compressed with loss, or changed."
    )
