"""What arrives of a series: checked object by object, kept as it came, recorded.

A folder of a series holds `objects`, which is read like any evidence, and beside it
`received.json`. Names are numbers: nothing that was sent becomes a path. Each object is
parsed in the contained process before it is kept; its bytes are not touched.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from btd_desktop.archive.pacs.exchange import (
    Ceilings,
    ObjectEntry,
    SeriesEntry,
    is_uid,
)
from btd_desktop.cases.files import replace_part
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.dicom.series import Fate
from btd_desktop.dicom.sniff import HEAD_BYTES, Kind, sniff
from btd_desktop.digest import bytes_digest, file_digest
from btd_desktop.errors import ArchiveError
from btd_desktop.strict_json import Count, plain_json, printed_json, record_from_json

OBJECTS: Final = "objects"
RECORD: Final = "received.json"
_FORMAT: Final = 1
_MAX_REFUSALS: Final = 1000
_MAX_RECORD_BYTES: Final = 256 << 20
_SOP_INSTANCE, _STUDY, _SERIES = "(0008,0018)", "(0020,000D)", "(0020,000E)"


@dataclass(frozen=True, slots=True)
class ReceivedObject:
    """An object that was kept.

    Attributes:
        name: File name below `objects`.
        uid: SOP Instance UID.
        sha256: Digest of the file.
        n_bytes: Its length.
    """

    name: str
    uid: str
    sha256: str
    n_bytes: Count


@dataclass(frozen=True, slots=True)
class Refusal:
    """An object that was not.

    Attributes:
        reason: One sentence.
        sha256: Digest of what was sent.
        n_bytes: Its length.
    """

    reason: str
    sha256: str
    n_bytes: Count


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of one series.

    Attributes:
        source: The archive.
        study_uid: Study Instance UID.
        series_uid: Series Instance UID.
        objects: What was kept.
        refused: What was not.
        missing: SOP Instance UIDs that the archive lists and did not send.
        problem: What ended the transfer early; "" when nothing did.
    """

    source: str
    study_uid: str
    series_uid: str
    objects: tuple[ReceivedObject, ...] = ()
    refused: tuple[Refusal, ...] = ()
    missing: tuple[str, ...] = ()
    problem: str = ""

    @property
    def is_complete(self) -> bool:
        """Everything listed arrived, and nothing besides had to be refused."""
        return bool(self.objects) and not (self.missing or self.refused)

    @property
    def words(self) -> str:
        """What is wrong with it, a sentence without a UID; "" when it is complete."""
        listed = len(self.objects) + len(self.missing)
        told = []
        if not listed:
            told.append("the archive lists no object of this series")
        if self.missing:
            told.append(f"{len(self.objects)} of {listed} objects arrived")
            told += [self.problem] if self.problem else []
        if self.refused:
            reasons = dict.fromkeys(one.reason for one in self.refused)
            told.append(f"{len(self.refused)} refused ({'; '.join(reasons)})")
        return ", ".join(told)


class Intake:
    """The folder that one series is received into; `take` may come from any thread.

    Use as a context manager.
    """

    def __init__(
        self,
        folder: Path,
        source: str,
        entry: SeriesEntry,
        listed: Iterable[ObjectEntry],
        ceilings: Ceilings,
        sandbox: Sandbox,
    ) -> None:
        self._folder, self._entry, self._ceilings = folder, entry, ceilings
        self._sandbox, self._lock = sandbox, threading.Lock()
        self._listed = {one.uid for one in listed}
        self._kept: dict[str, ReceivedObject] = {}
        self._refused: list[Refusal] = []
        self._source = source
        self._n_bytes = 0
        folder.mkdir(parents=True, exist_ok=True)
        objects = folder / OBJECTS
        if objects.exists():
            # Of an earlier, broken attempt; what no record vouches for is not used.
            shutil.rmtree(objects)
        objects.mkdir(mode=0o700)

    @property
    def missing(self) -> tuple[str, ...]:
        """SOP Instance UIDs that have not arrived yet."""
        with self._lock:
            return tuple(sorted(self._listed - self._kept.keys()))

    def take(self, data: bytes, announced: str) -> bool:
        """Keep an object, or record why not.

        Raises:
            ArchiveError: There is no room for it.
        """
        with self._lock:
            digest = bytes_digest(data)
            uid, reason = self._judged(data, announced)
            if not reason and uid in self._kept:
                if self._kept[uid].sha256 == digest:
                    return True  # sent twice
                reason = "an object arrived twice and differs"
            if reason:
                if len(self._refused) < _MAX_REFUSALS:
                    self._refused.append(Refusal(reason, digest, len(data)))
                return False
            name = f"{len(self._kept) + 1:06d}.dcm"
            self._write(name, data)
            self._kept[uid] = ReceivedObject(name, uid, digest, len(data))
            return True

    def delivery(self, problem: str = "") -> Delivery:
        """What came so far, and what ended it; written to the record too.

        Raises:
            ArchiveError: It cannot be written.
        """
        done = Delivery(
            self._source,
            self._entry.study_uid,
            self._entry.series_uid,
            tuple(self._kept.values()),
            tuple(self._refused),
            self.missing,
            problem,
        )
        text = printed_json({"format": _FORMAT, **plain_json(done)})
        try:
            with (
                replace_part(
                    self._folder / RECORD, self._folder, f"{RECORD}.part"
                ) as descriptor,
                os.fdopen(descriptor, "wb", closefd=False) as stream,
            ):
                stream.write(text.encode())
        except OSError as error:
            raise _no_room(self._folder, error) from error
        return done

    def _judged(self, data: bytes, announced: str) -> tuple[str, str]:
        """SOP Instance UID, and why the object is refused."""
        if len(data) > self._ceilings.object_bytes:
            return "", "an object is larger than allowed"
        if self._n_bytes + len(data) > self._ceilings.series_bytes:
            return "", "the series is larger than allowed"
        if sniff(data[:HEAD_BYTES], "")[0] is not Kind.DICOM:
            return "", "what was sent is no DICOM file"
        parsed = self._sandbox.parse("tags", data)
        if parsed.fate is not Fate.ACCEPTED:
            return "", "what was sent cannot be read as DICOM"
        stated = {tag.path: tag.value for tag in parsed.tags}
        uid = stated.get(_SOP_INSTANCE, "")
        if not is_uid(uid) or announced not in ("", uid):
            return "", "an object has another UID than was announced"
        if stated.get(_SERIES) != self._entry.series_uid or (
            stated.get(_STUDY) != self._entry.study_uid
        ):
            return "", "an object belongs to another series"
        if uid not in self._listed:
            return "", "an object was sent that the archive does not list"
        return uid, ""

    def _write(self, name: str, data: bytes) -> None:
        path = self._folder / OBJECTS / name
        try:
            free = shutil.disk_usage(self._folder).free
            if free < len(data) + self._ceilings.free_bytes:
                raise OSError(f"{free:,} bytes free")  # noqa: TRY301 - one sentence
            with path.open("xb") as stream:
                stream.write(data)
        except OSError as error:
            raise _no_room(self._folder, error) from error
        self._n_bytes += len(data)


def kept_delivery(folder: Path, listed: Iterable[ObjectEntry]) -> Delivery | None:
    """An earlier, complete delivery of just these objects, every digest compared."""
    try:
        if (folder / RECORD).stat().st_size > _MAX_RECORD_BYTES:
            return None
        found = msgspec.json.decode((folder / RECORD).read_bytes(), type=dict)
        if found.pop("format", None) != _FORMAT:
            return None
        done = record_from_json(Delivery, found)
        if not done.is_complete or {o.uid for o in done.objects} != {
            one.uid for one in listed
        }:
            return None
        names = {path.name for path in (folder / OBJECTS).iterdir()}
        if names != {one.name for one in done.objects} or any(
            file_digest(folder / OBJECTS / one.name) != (one.sha256, one.n_bytes)
            for one in done.objects
        ):
            return None
    except (OSError, ValueError):  # never kept, or not as it was
        return None
    return done


def _no_room(folder: Path, error: OSError) -> ArchiveError:
    return ArchiveError(
        f"what the archive sends cannot be kept in {folder} "
        f"({error.strerror or error})",
        hint="make room, or give another folder with --out",
        code="archive_room",
    )
