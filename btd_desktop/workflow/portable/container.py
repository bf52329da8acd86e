"""The file of a portable case: its manifest, its one spelling, its members."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, Literal, NamedTuple, cast

from msgspec import Meta

from btd_desktop.dicom.archive import OpenArchive, open_archive
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.parsed import RejectedFileError
from btd_desktop.dicom.series import Fate
from btd_desktop.dicom.sources import Source, open_evidence
from btd_desktop.digest import canonical_json
from btd_desktop.errors import CaseError
from btd_desktop.progress import TaskContext
from btd_desktop.strict_json import Count, plain_json, record_from_json

MANIFEST_NAME: Final = "btd-manifest.json"
UNREADABLE: Final = (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile)
"""What reading a damaged member raises."""
_NAME: Final = (
    r"case/(?:case\.sqlite|arrays/[0-9a-f]{64}\.npy|[A-Za-z0-9][A-Za-z0-9._-]{0,80}"
    r"\.pdf)|evidence/[0-9]{6}"
)
_LONGEST_MANIFEST: Final = 256 << 20
_CHUNK: Final = 1 << 20
_FIRST_YEAR: Final = (1980, 1, 1, 0, 0, 0)  # that a ZIP can say
_START: Final = b"PK\x03\x04"
_NAME_AT: Final = 30  # in the first local header (APPNOTE 4.3.7)

Opener = Callable[[], BinaryIO]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a bundle, as its manifest names it."""

    name: Annotated[str, Meta(pattern=f"^(?:{_NAME})$")]
    size_bytes: Count
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle holds.

    Attributes:
        case_id: Of the case.
        created: When it was packed.
        software: Version of the program that packed it.
        n_entries: Entries of the case's audit log.
        head: Hash of the last of them.
        parts: Its files, by name.
        format: The kind of file and its version.
    """

    case_id: str
    created: str
    software: str
    n_entries: Count
    head: Sha256
    parts: tuple[Part, ...]
    format: Literal["BTD Desktop portable case 1"] = "BTD Desktop portable case 1"

    def to_bytes(self) -> bytes:
        """The one spelling of it."""
        return canonical_json(plain_json(self))


class Members(NamedTuple):
    """An open bundle: the archive, and its members by name."""

    opened: OpenArchive
    by_name: dict[str, Source]


def is_bundle(path: Path) -> bool:
    """True for a file that begins as a bundle does; opening shows whether it is one."""
    name = MANIFEST_NAME.encode()
    try:
        with path.open("rb") as stream:
            head = stream.read(_NAME_AT + len(name))
    except OSError:
        return False
    return head.startswith(_START) and head[_NAME_AT:] == name


def write_bundle(
    stream: BinaryIO | None,
    manifest: bytes,
    openers: Mapping[str, tuple[int, Opener]],
    context: TaskContext,
) -> str:
    """Write a bundle and return its SHA-256.

    Args:
        stream: Takes the bytes; None only digests them.
        manifest: The manifest.
        openers: Size in bytes and opener of each part, by name.
        context: Progress and cancellation.
    """
    sink = _Sink(stream)
    parts: dict[str, tuple[int, Opener]] = {
        MANIFEST_NAME: (len(manifest), lambda: io.BytesIO(manifest)),
        **dict(sorted(openers.items())),
    }
    with zipfile.ZipFile(cast(BinaryIO, sink), "w", zipfile.ZIP_STORED) as archive:
        for number, (name, (size, opener)) in enumerate(parts.items()):
            context.report(number, len(parts), "Writing the portable case")
            info = zipfile.ZipInfo(name, _FIRST_YEAR)
            info.external_attr, info.create_system = 0o100644 << 16, 3
            info.file_size = size
            with opener() as source, archive.open(info, "w") as target:
                shutil.copyfileobj(source, target, _CHUNK)
    return sink.hexdigest()


def open_members(path: Path) -> Members:
    """A bundle that holds nothing but what a bundle may.

    Raises:
        CaseError: It is no archive, asks for more than any bundle needs, or holds names
            that lead elsewhere or stand twice, links, folders, compressed or encrypted
            members.
    """
    place = str(path.absolute())
    try:
        source = Source("", place, path.stat().st_size, lambda: open_evidence(place))
        opened = open_archive(source, DEFAULT_LIMITS)
    except RejectedFileError as rejected:
        raise _refused(path, rejected.reason) from rejected
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    try:
        return Members(opened, _checked(path, opened))
    except BaseException:
        opened.close()
        raise


def read_manifest(members: Members) -> tuple[Manifest | None, bytes]:
    """The manifest and its bytes; None where it is not one that this program writes."""
    try:
        with open_member(members.by_name[MANIFEST_NAME]) as stream:
            data = stream.read(_LONGEST_MANIFEST)
        manifest = record_from_json(Manifest, json.loads(data))
    except (*UNREADABLE, TypeError, AttributeError, RecursionError):
        return None, b""
    return manifest, data


def open_member(member: Source) -> BinaryIO:
    """A member's bytes; reading them raises one of `UNREADABLE` where it is damaged."""
    if member.open is None:
        raise ValueError(member.reason)
    return member.open()


def _checked(path: Path, opened: OpenArchive) -> dict[str, Source]:
    infos = opened.archive.infolist()
    if len(infos) != len(opened.members):
        raise _refused(path, "it holds folders")
    found: dict[str, Source] = {}
    for info, member in zip(infos, opened.members, strict=True):
        name = info.filename
        if member.fate is not Fate.ACCEPTED:
            raise _refused(path, f"{name[:80]!r}: {member.reason}")
        if name in found:
            raise _refused(path, f"it holds {name[:80]!r} twice")
        if name != MANIFEST_NAME and not re.fullmatch(_NAME, name):
            raise _refused(path, f"{name[:80]!r} is no name of a part")
        if info.compress_type != zipfile.ZIP_STORED:
            raise _refused(path, f"{name[:80]!r} is compressed")
        found[name] = member
    if MANIFEST_NAME not in found:
        raise _refused(path, "it holds no manifest")
    return found


def _refused(path: Path, why: str) -> CaseError:
    return CaseError(
        f"{path.name} cannot be used as a portable case: {why.rstrip('.')}",
        hint="Ask for the file that `btd pack` wrote.",
        code="bundle-refused",
    )


class _Sink(io.RawIOBase):
    """Takes what `zipfile` writes, in order, and digests it on the way."""

    def __init__(self, stream: BinaryIO | None) -> None:
        super().__init__()
        self._stream, self._digest = stream, hashlib.sha256()

    def writable(self) -> bool:
        """Always; it is not seekable, so that sizes follow the parts."""
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - any buffer
        """Take some bytes."""
        self._digest.update(data)
        if self._stream is not None:
            self._stream.write(data)
        return len(data)

    def hexdigest(self) -> str:
        """SHA-256 of all that was written."""
        return self._digest.hexdigest()
