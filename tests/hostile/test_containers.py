"""Folders, archives and DICOMDIRs as traps: nothing is followed, unpacked or missed."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import sys
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from btd_desktop.dicom.archive_file import ArchiveFile, FilePool
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.series import Fate, Import
from btd_desktop.dicom.sniff import sniff
from btd_desktop.errors import EvidenceError
from tests.hostile.campaign_evidence import import_violations
from tests.hostile.file_classes import ct_of
from tests.unit.dicom.samples import file_bytes, load, record, save

MIB = 1 << 20
# Bombs are judged from 1 MiB on, so that the ones made here may be small.
LIMITS = replace(DEFAULT_LIMITS, workers=1, zip_ratio_from_bytes=MIB)
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX special files")


def _ct(name: str = "one") -> bytes:
    return file_bytes(ct_of(name))


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _field(data: bytes, mark: bytes, offset: int, code: str, value: int) -> bytes:
    """A number in the last record of a kind replaced."""
    at = data.rindex(mark) + offset
    packed = struct.pack(code, value)
    return data[:at] + packed + data[at + len(packed) :]


def _said(offset: int, code: str, value: int) -> Callable[[], bytes]:
    """A packed scan of whose entry in the directory one number is not true."""
    return lambda: _field(
        _zip({"a.dcm": _ct(f"{offset} {value}")}), b"PK\1\2", offset, code, value
    )


def _mode(mode: int) -> bytes:
    info = zipfile.ZipInfo("special")
    info.external_attr = mode << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def _twice() -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("a.dcm", _ct("first"))
        archive.writestr("a.dcm", _ct("second"))
    return buffer.getvalue()


def _many(n: int) -> bytes:
    """A directory of `n` entries that all lie in the same place."""
    name = b"a" * 8
    local = (
        struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 8, 0) + name
    )
    entry = struct.pack(
        "<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, *[0] * 4, 0, 0, 0, 8, *[0] * 6
    )
    directory = (entry + name) * n
    end = struct.pack(
        "<4sHHHHIIH",
        b"PK\5\6",
        0,
        0,
        n & 0xFFFF,
        n & 0xFFFF,
        len(directory),
        len(local),
        0,
    )
    return local + directory + end


def _overlapping() -> bytes:
    """Ten entries of one block of packed zeros: each unpacks all of it."""
    data = _zip({"0": bytes(MIB) + os.urandom(4000)})
    start = data.index(b"PK\1\2")
    end = data.index(b"PK\5\6")
    entry, tail = data[start:end], data[end:]
    tail = tail[:8] + struct.pack("<HHI", 10, 10, 10 * len(entry)) + tail[16:]
    return data[:start] + entry * 10 + tail


def _hidden_file() -> bytes:
    return _zip({"folder/": _ct("hidden")}, zipfile.ZIP_STORED)


def _nameless() -> bytes:
    data = _zip({"\x01": b"text only"}, zipfile.ZIP_STORED)
    return data.replace(b"\x01text", b"\x00text").replace(b"\x01PK", b"\x00PK")


# Class of archive: the archive, fates of its members or of itself, part of a reason.
ARCHIVES: dict[str, tuple[Callable[[], bytes], dict[str, Fate], str]] = {
    "zip-slip": (
        lambda: _zip({"../../../x.dcm": _ct("slip"), "/etc/x": b"text", "C:\\x": b"t"}),
        {
            "!../../../x.dcm": Fate.ACCEPTED,
            "!/etc/x": Fate.NOT_AN_IMAGE,
            "!C:\\x": Fate.NOT_AN_IMAGE,
        },
        "a text file",
    ),
    "ratio bomb": (
        lambda: _zip({"a.dcm": bytes(64 * MIB)}),
        {"!a.dcm": Fate.REFUSED},
        "as a decompression bomb does",
    ),
    "ratio bomb beside a scan": (
        lambda: _zip({"a.dcm": bytes(64 * MIB), "b.bin": os.urandom(400_000)}),
        {"!a.dcm": Fate.REFUSED, "!b.bin": Fate.NOT_AN_IMAGE},
        "as a decompression bomb does",
    ),
    "many small bombs": (
        lambda: _zip({f"{i}.dcm": bytes(900_000) for i in range(300)}),
        {"": Fate.REFUSED},
        "unpacks to",
    ),
    "nested archive": (
        lambda: _zip({"in.zip": _zip({"a.dcm": _ct("nested")})}),
        {"!in.zip": Fate.REFUSED},
        "archive inside an archive",
    ),
    "declared size too large": (
        _said(24, "<I", 0xFFFFFFF0),
        {"": Fate.REFUSED},
        "unpacks to",
    ),
    "declared size too small": (
        _said(24, "<I", 100),
        {"!a.dcm": Fate.DAMAGED},
        "cannot be read",
    ),
    "wrong checksum": (
        _said(16, "<I", 12345),
        {"!a.dcm": Fate.DAMAGED},
        "Bad CRC",
    ),
    "overlapping members": (_overlapping, {"": Fate.REFUSED}, "overlap"),
    "encrypted member": (
        _said(8, "<H", 1),
        {"!a.dcm": Fate.REFUSED},
        "encrypted",
    ),
    "unknown packing": (
        _said(10, "<H", 97),
        {"!a.dcm": Fate.UNSUPPORTED},
        "rare compression",
    ),
    "link": (lambda: _mode(stat.S_IFLNK | 0o777), {"!special": Fate.REFUSED}, "a link"),
    "a name twice": (
        _twice,
        {"!a.dcm": Fate.ACCEPTED, "!a.dcm (entry 2)": Fate.ACCEPTED},
        "",
    ),
    "a file named like a folder": (_hidden_file, {"!folder/": Fate.ACCEPTED}, ""),
    "a member without a name": (_nameless, {"!": Fate.NOT_AN_IMAGE}, "a text file"),
    "250,000 entries": (
        lambda: _many(250_000),
        {"": Fate.REFUSED},
        "lists 250,000 files; the limit is 200,000",
    ),
    "no directory": (lambda: _zip({"a": _ct()})[:500], {"": Fate.DAMAGED}, "cut short"),
}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Import]:
    folder = tmp_path_factory.mktemp("archives") / "root"
    for index, (make, _, _) in enumerate(ARCHIVES.values()):
        save(folder, f"{index:02d}.zip", make())
    return folder, load(folder, limits=LIMITS)


@pytest.mark.parametrize("name", ARCHIVES)
def test_class_of_archive_ends_in_its_fate(
    name: str, archives: tuple[Path, Import]
) -> None:
    _, fates, words = ARCHIVES[name]
    archive = f"{list(ARCHIVES).index(name):02d}.zip"
    found = {
        r.name.removeprefix(archive): r
        for r in archives[1].files
        if r.name.startswith(archive)
    }
    assert {member: r.fate for member, r in found.items()} == fates
    assert any(words in r.reason for r in found.values())
    is_opened = archive in {r.name for r in archives[1].containers}
    assert is_opened == ("" not in fates)


def test_nothing_is_unpacked_and_nothing_written(archives: tuple[Path, Import]) -> None:
    folder, result = archives
    assert import_violations(result) == []
    here = sorted(p.name for p in folder.parent.rglob("*"))
    assert here == sorted(["root", *(f"{i:02d}.zip" for i in range(len(ARCHIVES)))])
    refused = [i for i, (_, fates, _) in enumerate(ARCHIVES.values()) if "" in fates]
    for name in (f"{i:02d}.zip" for i in refused):
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert record(result, name).sha256 == digest


@posix_only
def test_more_archives_than_a_process_may_open_are_all_read(tmp_path: Path) -> None:
    """Each archive once cost a descriptor until the import ended."""
    import resource

    for i in range(150):
        save(tmp_path, f"{i:03d}.zip", _zip({"a.txt": b"text %d" % i}))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    n_open = len(list(Path("/dev/fd").iterdir()))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (n_open + 64, before[1]))
        result = load(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert {r.fate for r in result.files} == {Fate.NOT_AN_IMAGE}
    assert len(result.files) == len(result.containers) == 150


def test_members_count_among_the_files_of_an_import(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path, f"{name}.zip", _zip({f"{i}.txt": b"text" for i in range(6)}))
    result = load(tmp_path, limits=replace(LIMITS, max_files=10))
    assert record(result, "b.zip").fate is Fate.REFUSED
    assert "more than 10 files" in record(result, "b.zip").reason
    assert [r.name for r in result.containers] == ["a.zip"]
    with pytest.raises(EvidenceError, match="More than 1 files"):
        load(tmp_path, limits=replace(LIMITS, max_files=1))


@posix_only
def test_archive_that_is_replaced_while_it_is_read_is_not_believed(
    tmp_path: Path,
) -> None:
    pool = FilePool(1)
    path = save(tmp_path, "a.zip", _zip({"a.txt": b"text"}))
    other = save(tmp_path, "b.zip", _zip({"a.txt": b"text"}))
    first = ArchiveFile(str(path), pool)
    ArchiveFile(str(other), pool)
    assert len(pool._open) == 1
    path.write_bytes(_zip({"a.txt": b"another text"}))
    with pytest.raises(OSError, match="changed while it was being read"):
        first.read()


def _make_links(root: Path) -> dict[str, str]:
    save(root.parent, "outside/secret.dcm", _ct("secret"))
    (root / "link.dcm").symlink_to(root.parent / "outside" / "secret.dcm")
    (root / "up").symlink_to(root.parent)
    (root / "loop").symlink_to(root)
    (root / "dead").symlink_to(root / "nowhere")
    names = ("link.dcm", "up", "loop", "dead")
    return dict.fromkeys(names, "links are not followed")


def _make_pipe(root: Path) -> dict[str, str]:
    os.mkfifo(root / "pipe.dcm")
    return {"pipe.dcm": "A pipe"}


def _make_device(root: Path) -> dict[str, str]:
    try:
        os.mknod(root / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only the administrator may make a device")
    return {"zero": "A device"}


def _make_sparse(root: Path) -> dict[str, str]:
    with (root / "sparse.dcm").open("wb") as stream:
        stream.truncate(5 << 30)
    return {"sparse.dcm": "the limit for one file"}


def _make_deep(root: Path) -> dict[str, str]:
    save(root, "/".join("d" * 70) + "/x.dcm", _ct("deep"))
    return {"/".join("d" * 65): "nested deeper"}


@posix_only
@pytest.mark.parametrize(
    "make", [_make_links, _make_pipe, _make_device, _make_sparse, _make_deep]
)
def test_what_is_no_plain_file_is_listed_and_left_alone(
    tmp_path: Path, make: Callable[[Path], dict[str, str]]
) -> None:
    root = tmp_path / "root"
    save(root, "good.dcm", _ct("good"))
    wanted = make(root)
    result = load(root, limits=LIMITS)
    assert {r.name for r in result.files} == {"good.dcm", *wanted}
    assert record(result, "good.dcm").fate is Fate.ACCEPTED
    for name, words in wanted.items():
        assert record(result, name).fate is Fate.REFUSED
        assert words in record(result, name).reason
        assert record(result, name).sha256 == ""


@posix_only
def test_device_named_directly_is_refused() -> None:
    (entry,) = load(Path(os.devnull)).files
    assert (entry.fate, entry.reason) == (Fate.REFUSED, "A device, not a file.")


NAMES = (
    "new\nline.dcm",
    "bidi\u202egpj.dcm",
    "esc\x1b[2J.dcm",
    "\u00e9\u0301\u200b.dcm",
    "n" * 250 + ".dcm",
    "/".join(("p" * 150, "q" * 150, "r.dcm")),
    "-rf",
    "=cmd|'.dcm",
    "..dcm",
    os.fsdecode(b"latin-\xe9.dcm"),
)


@posix_only
def test_any_name_is_kept_as_it_is(tmp_path: Path) -> None:
    for index, name in enumerate(NAMES):
        save(tmp_path, name, _ct(f"name {index}"))
    result = load(tmp_path)
    assert {r.name for r in result.files} == set(NAMES)
    assert {r.fate for r in result.files} == {Fate.ACCEPTED}


@posix_only
def test_file_that_may_not_be_read_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, "good.dcm", _ct("good"))
    save(tmp_path, "closed.dcm", _ct("closed")).chmod(0)
    really = os.open

    def closed(path: str, flags: int, *more: int, **options: int) -> int:
        if str(path).endswith("closed.dcm"):  # the administrator may read anything
            raise PermissionError(13, "Permission denied")
        return really(path, flags, *more, **options)

    monkeypatch.setattr("btd_desktop.dicom.sources.os.open", closed)
    result = load(tmp_path)
    assert record(result, "good.dcm").fate is Fate.ACCEPTED
    entry = record(result, "closed.dcm")
    assert (entry.fate, entry.sha256) == (Fate.REFUSED, "")
    assert "Permission denied" in entry.reason


@pytest.mark.skipif(sys.platform != "linux", reason="a file that fails when read")
def test_file_that_fails_while_it_is_read_is_refused_with_the_reason() -> None:
    (entry,) = load(Path("/proc/self/mem")).files
    assert entry.fate is Fate.REFUSED
    assert "Input/output error" in entry.reason


@pytest.mark.parametrize("grows", [True, False])
def test_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grows: bool
) -> None:
    path = save(tmp_path, "a.dcm", _ct("grows"))
    really = sniff

    def changing(head: bytes, name: str):
        if grows:
            with path.open("ab") as stream:
                stream.write(bytes(100))
        else:
            os.truncate(path, 1000)
        return really(head, name)

    monkeypatch.setattr("btd_desktop.dicom.sources.sniff", changing)
    (entry,) = load(tmp_path).files
    assert entry.fate is Fate.REFUSED
    assert "changed while it was being read" in entry.reason
