"""A case in one file: opens read-only, and every altered byte is told."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CaseError
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    import_into_case,
)
from btd_desktop.workflow.portable.container import (
    MANIFEST_NAME,
    is_bundle,
    write_bundle,
)
from btd_desktop.workflow.portable.opening import (
    check_bundle,
    open_portable,
    unpack_case,
    verify_portable,
)
from btd_desktop.workflow.portable.packing import PackedCase, pack_case
from btd_desktop.workflow.services import Services
from tests.factories import make_series_folder
from tests.unit.workflow.exported_case import NOW, PDF

SERVICES = Services(now=lambda: NOW)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scan, a case of it with a report, and nothing else."""
    made = tmp_path_factory.mktemp("portable")
    scan = make_series_folder(made / "scan", 0, shape=(3, 48, 48))
    details = CaseDetails(title="Case")
    with create_case(made / "case", details, SERVICES) as store:
        import_into_case(store, [scan], SERVICES, TaskContext())
        (store.folder / "report-1.pdf").write_bytes(PDF)
        digest = "0" * 64
        store.add_report(
            path_name="report-1.pdf",
            sha256=digest,
            json_sha256=digest,
            audit_head=store.head()[1],
            now=NOW,
        )
    return made


@pytest.fixture(scope="module")
def packed(root: Path) -> PackedCase:
    return _pack(root / "case", root / "a.btdcase", with_evidence=True)


def _pack(case: Path, out: Path, *, with_evidence: bool = False) -> PackedCase:
    return pack_case(case, out, SERVICES, TaskContext(), with_evidence=with_evidence)


def _problems(path: Path) -> tuple[str, ...]:
    return check_bundle(path, None, TaskContext()).problems


def _rebuilt(
    path: Path, out: Path, change: Callable[[dict[str, bytes]], object]
) -> Path:
    """A bundle with other parts, written by somebody else's program."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out


def test_portable_case_opens_read_only_and_holds_what_was_packed(root, packed):
    assert is_bundle(packed.path)
    assert not is_bundle(root / "case" / "report-1.pdf")
    store = open_portable(packed.path, TaskContext())
    with store, CaseStore.open(root / "case", read_only=True) as original:
        assert store.read_only
        assert store.head() == original.head()
        assert [e.action for e in store.audit_log()][-1] == "case packed"
        for record in original.series():
            ours = store.load_volume(record.series_id, check=True).voxels
            theirs = original.load_volume(record.series_id).voxels
            assert np.array_equal(ours, theirs)
        assert (store.folder / "report-1.pdf").read_bytes() == PDF
        with pytest.raises(CaseError, match="read"):
            store.append_audit("anything", {}, "nobody", NOW)
        folder = store.folder
        assert folder.exists()
    assert not folder.parent.exists()


def test_verdict_is_on_the_file_the_case_and_its_evidence(root, packed):
    found = verify_portable(packed.path, {}, TaskContext())
    assert found.bundle.problems == ()
    assert found.bundle.manifest_sha256 == packed.manifest_sha256
    assert found.title == "Case"
    assert found.check is not None
    # The report's recorded digest is a made one: the case itself tells that.
    assert any("report-1.pdf" in problem for problem in found.check.verdict.problems)
    assert found.check.evidence is not None
    assert found.check.evidence.summary == "3 of 3 evidence files unchanged"
    missing = verify_portable(packed.path, {"f" * 64: "a report"}, TaskContext())
    assert missing.check is not None
    assert not missing.check.verdict.audit_complete


def test_equal_content_gives_equal_bytes(root, packed, tmp_path):
    # Packing is an entry of the log, so the case is put back as it was packed.
    copy = tmp_path / "unpacked"
    unpack_case(packed.path, copy, TaskContext())
    with zipfile.ZipFile(packed.path) as archive:
        names = archive.namelist()
        assert names == [MANIFEST_NAME, *sorted(names[1:])]
        for name in names[1:]:
            assert (copy / name).read_bytes() == archive.read(name)
        assert {info.date_time for info in archive.infolist()} == {
            (1980, 1, 1, 0, 0, 0)
        }
        manifest = archive.read(MANIFEST_NAME)
    openers = {
        part["name"]: (part["size_bytes"], _opener(copy / part["name"]))
        for part in json.loads(manifest)["parts"]
    }
    again = io.BytesIO()
    written = write_bundle(again, manifest, openers, TaskContext())
    assert written == packed.sha256
    assert again.getvalue() == packed.path.read_bytes()


def _opener(path: Path) -> Callable[[], io.BufferedReader]:
    return lambda: path.open("rb")


def test_any_altered_byte_is_told_and_named(packed, tmp_path):
    whole = packed.path.read_bytes()
    path = tmp_path / "altered.btdcase"
    with zipfile.ZipFile(packed.path) as archive:
        starts = {i.filename: i.header_offset for i in archive.infolist()}
        sizes = {i.filename: i.file_size for i in archive.infolist()}
    rng = np.random.default_rng(15)
    inside = {
        name: start + 30 + len(name) + sizes[name] // 2
        for name, start in starts.items()
    }
    places = [*inside.values(), *map(int, rng.integers(0, len(whole), 40))]
    # Headers of members, the directory, and the end of the file.
    places += [start + 10 for start in starts.values()]
    places += [len(whole) - n for n in (1, 5, 22, 30, 60, 90)]
    for place in places:
        data = bytearray(whole)
        data[place] ^= 1 + int(rng.integers(0, 255))
        path.write_bytes(bytes(data))
        try:
            problems = _problems(path)
        except CaseError as error:
            problems = (error.detail,)
        assert problems, f"byte {place} of {len(whole)}"
        name = next((n for n, at in inside.items() if at == place), "")
        assert not name or any(name in problem for problem in problems), name
    for longer in (whole + b"\0", b"\0" + whole, whole[:-1]):
        path.write_bytes(longer)
        with pytest.raises(CaseError):
            open_portable(path, TaskContext())


def test_missing_added_and_exchanged_parts_are_named(packed, tmp_path):
    name = next(n for n in zipfile.ZipFile(packed.path).namelist() if "arrays" in n)

    def exchange(parts: dict[str, bytes]) -> None:
        parts[name] = parts[name][:-1] + b"\x77"

    cases: list[tuple[Callable[[dict[str, bytes]], object], str]] = [
        (lambda parts: parts.pop(name), f"{name} is missing"),
        (lambda parts: parts.update({"evidence/999999": b"x"}), "was added"),
        (exchange, f"{name} was altered"),
    ]
    for number, (change, words) in enumerate(cases):
        path = _rebuilt(packed.path, tmp_path / f"{number}.btdcase", change)
        assert any(words in problem for problem in _problems(path)), words
        with pytest.raises(CaseError, match="was altered"):
            open_portable(path, TaskContext())
    # The same parts, written by another program: not the bytes that were packed.
    path = _rebuilt(packed.path, tmp_path / "same.btdcase", lambda parts: None)
    assert "between its parts" in _problems(path)[0]


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "case/../../outside",
        "/etc/outside",
        "C:\\outside",
        "case\\case.sqlite",
        "case/arrays/outside.npy",
        "case/case.sqlite-journal",
        "case/case.sqlite-wal",
        "evidence/1/../../../outside",
    ],
)
def test_names_that_lead_elsewhere_are_refused(packed, tmp_path, name):
    path = _rebuilt(
        packed.path, tmp_path / "bad.btdcase", lambda parts: parts.update({name: b"x"})
    )
    with pytest.raises(CaseError, match="is no name of a part"):
        unpack_case(path, tmp_path / "out", TaskContext())
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "outside").exists()


def _with(path: Path, out: Path, info: zipfile.ZipInfo, data: bytes) -> Path:
    shutil.copyfile(path, out)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(info, data)
    return out


def test_links_compression_repeats_and_bombs_are_refused(packed, tmp_path):
    link = zipfile.ZipInfo("evidence/000009")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    packed_small = zipfile.ZipInfo("evidence/000009")
    packed_small.compress_type = zipfile.ZIP_DEFLATED
    refusals = [
        (link, b"/etc/passwd", "links are not followed"),
        (packed_small, b"x" * 1000, "is compressed"),
        (packed_small, b"\0" * (40 << 20), "decompression bomb"),
    ]
    for number, (info, data, words) in enumerate(refusals):
        path = _with(packed.path, tmp_path / f"{number}.btdcase", info, data)
        with pytest.raises(CaseError, match=words):
            open_portable(path, TaskContext())
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = _with(
            packed.path,
            tmp_path / "twice.btdcase",
            zipfile.ZipInfo("case/case.sqlite"),
            b"x",
        )
    with pytest.raises(CaseError, match="twice"):
        open_portable(twice, TaskContext())
    nothing = tmp_path / "nothing.btdcase"
    with zipfile.ZipFile(nothing, "w") as archive:
        archive.writestr("evidence/000001", b"x")
    with pytest.raises(CaseError, match="holds no manifest"):
        open_portable(nothing, TaskContext())


def test_manifest_of_another_kind_is_altered(packed, tmp_path):
    def stretch(parts: dict[str, bytes]) -> None:
        value = json.loads(parts[MANIFEST_NAME])
        value["parts"][0]["name"] = "../../outside"
        parts[MANIFEST_NAME] = json.dumps(value).encode()

    for number, change in enumerate(
        (stretch, lambda parts: parts.update({MANIFEST_NAME: b"[" * 100_000}))
    ):
        path = _rebuilt(packed.path, tmp_path / f"{number}.btdcase", change)
        assert _problems(path)[0].startswith(MANIFEST_NAME)


def test_packing_refuses_changed_evidence_and_overwrites_nothing(root, tmp_path):
    copy = tmp_path / "case"
    shutil.copytree(root / "case", copy)
    file = sorted((root / "scan").iterdir())[0]
    data = file.read_bytes()
    try:
        file.write_bytes(data + b"\0")
        with pytest.raises(CaseError, match="has changed since it was imported"):
            _pack(copy, tmp_path / "x.btdcase", with_evidence=True)
        file.unlink()
        with pytest.raises(CaseError, match="out of reach"):
            _pack(copy, tmp_path / "x.btdcase", with_evidence=True)
    finally:
        file.write_bytes(data)
    assert list(tmp_path.iterdir()) == [copy]
    (tmp_path / "x.btdcase").write_text("mine")
    with pytest.raises(CaseError, match="exists"):
        _pack(copy, tmp_path / "x.btdcase")
    assert (tmp_path / "x.btdcase").read_text() == "mine"


def test_other_computer_reads_it_as_not_authenticated(packed, tmp_path, monkeypatch):
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "other"))
    found = verify_portable(packed.path, {}, TaskContext())
    assert found.check is not None
    assert found.check.verdict.authentication == "not authenticated"
