"""What is built for people without Python: its description, package and checksums.

The builds themselves are `installer/build.py` and `installer/check.py`, run by hand.
"""

from __future__ import annotations

import ast
import configparser
import gzip
import json
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer.main

from btd_desktop import __version__, paths
from btd_desktop.cases.store import CaseStore
from btd_desktop.cli.main import _make_app
from btd_desktop.containment.inside import library_places
from btd_desktop.native_libraries import (
    QT_LIBRARIES,
    WAYLAND_LIBRARIES,
    WINDOW_LIBRARIES,
)
from btd_desktop.workflow.selftest.packages import PACKAGES
from installer import bundle, contents, debian, manual, release, shipped, windows
from installer.archive import write_checksums
from installer.release import account, bumped, entry_of
from installer.trial import Report, size_of
from installer.windows import setup as windows_setup

INSTALLER = shipped.ROOT / "installer"
LINUX = INSTALLER / "linux"
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="tools of Debian")


def _needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is absent")


def _fake_bundle(folder: Path) -> Path:
    """A bundle of few bytes."""
    (folder / "_internal").mkdir(parents=True)
    (folder / "_internal" / "libx.so.1").write_bytes(b"x")
    (folder / "_internal" / "libx.so").symlink_to("libx.so.1")
    (folder / "btd").write_text("#!/bin/sh\n", encoding="utf-8")
    (folder / "btd").chmod(0o755)
    return folder


def _case_type() -> ET.Element:
    return ET.parse(LINUX / "btd-desktop.xml").getroot()  # noqa: S314 - our own file


# What goes in


def test_bundle_holds_models_assets_and_bill_where_the_program_looks_for_them(
    tmp_path, monkeypatch
):
    for source, folder in shipped.shipped_data():
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / Path(source).name).symlink_to(source)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    monkeypatch.delenv("BTD_MODELS_DIR", raising=False)
    pinned = json.loads((paths.shipped_models_dir() / "manifest.json").read_text())
    assert len(pinned["files"]) >= 9
    assert [n for n in pinned["files"] if not (tmp_path / "models" / n).is_file()] == []
    assert paths.sbom_path().is_file()
    assert list((paths.assets_dir() / "fonts").glob("*.ttf"))
    assert not (paths.assets_dir() / "attacks").exists()


def test_release_builds_the_handbook_before_what_it_goes_into(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(release, "run", lambda *words: done.append(words[1].name))
    monkeypatch.setattr(release, "entry_of", lambda *_: "entry")

    def build(*_):
        assert done == ["build_handbook.py"]
        raise bundle.BuildError("far enough")

    monkeypatch.setattr(release, "build_all", build)
    with pytest.raises(bundle.BuildError, match="far enough"):
        release.release(tmp_path / "out", tmp_path)


@pytest.mark.parametrize(
    ("target", "source"),
    [
        ("reportlab/fonts/DarkGardenMK.pfb", "/v/reportlab/fonts/DarkGardenMK.pfb"),
        ("libreadline.so.8", "/lib/x86_64-linux-gnu/libreadline.so.8"),
        ("libglib-2.0.so.0", "/lib/x86_64-linux-gnu/libglib-2.0.so.0"),
        ("libxcb-cursor.so.0", "/usr/lib/x86_64-linux-gnu/libxcb-cursor.so.0"),
        ("PySide6/Qt/lib/libQt6Network.so.6", "/v/PySide6/Qt/lib/libQt6Network.so.6"),
        ("PySide6/Qt/lib/libQt6EglFsKmsSupport.so.6", "/v/libQt6EglFsKmsSupport.so.6"),
        ("PySide6\\Qt\\plugins\\tls\\q.dll", "C:\\v\\q.dll"),
        ("torch/lib/libtorch.a", "/v/torch/lib/libtorch.a"),
    ],
)
def test_what_must_stay_out_stays_out(target, source):
    assert not contents.belongs(target, source)


@pytest.mark.parametrize(
    ("target", "source"),
    [
        ("reportlab/fonts/Vera.ttf", "/v/reportlab/fonts/Vera.ttf"),
        ("libpython3.11.so.1.0", "/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0"),
        ("libsqlite3.so.0", "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0"),
        ("PySide6/Qt/lib/libQt6Core.so.6", "/v/PySide6/Qt/lib/libQt6Core.so.6"),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", "/v/libqxcb.so"),
        ("torch/lib/libtorch_cpu.so", "/v/torch/lib/libtorch_cpu.so"),
        ("models/manifest.json", "/w/models/manifest.json"),
    ],
)
def test_what_is_needed_goes_in(target, source):
    assert contents.kept([(target, source, "DATA")])


def test_no_library_of_the_table_for_qt_is_carried():
    tables = {**QT_LIBRARIES, **WINDOW_LIBRARIES}
    assert not [n for n in tables if contents.belongs(n, f"/usr/lib/{n}")]


def test_description_of_the_bundle_is_one_folder_with_replaceable_libraries():
    text = (INSTALLER / "btd.spec").read_text(encoding="utf-8")
    calls = {
        node.func.id: {k.arg: k.value for k in node.keywords}
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert ast.unparse(calls["EXE"]["exclude_binaries"]) == "True"
    for made in ("EXE", "COLLECT"):
        assert ast.unparse(calls[made]["upx"]) == "False"
    assert ast.unparse(calls["Analysis"]["excludes"]) == "list(EXCLUDED)"
    assert "'__main__.py'" in text.replace('"', "'")
    for module in ("readline", "triton", "PySide6.QtNetwork"):
        assert module in contents.EXCLUDED


def test_program_s_entry_serves_processes_that_multiprocessing_starts():
    # In a bundle the worker is the program itself: without this it would start again.
    text = (shipped.ROOT / "btd_desktop" / "__main__.py").read_text(encoding="utf-8")
    last = ast.parse(text).body[-1]
    assert isinstance(last, ast.If)
    assert ast.unparse(last.body[0]) == "multiprocessing.freeze_support()"


def test_contained_process_of_a_bundle_reads_the_modules_inside_the_program(
    tmp_path, monkeypatch
):
    # Found when the first bundle crashed on each file: they lie in `btd` itself.
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / "_internal"), raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "btd"))
    assert {tmp_path / "_internal", tmp_path / "btd"} <= set(library_places())


def test_description_names_what_is_imported_by_name():
    text = (INSTALLER / "btd.spec").read_text(encoding="utf-8")
    for package in ("btd_desktop", "imagecodecs"):
        assert f'collect_submodules("{package}")' in text
    assert "*PACKAGES," in text
    assert "pypdfium2" in PACKAGES


def test_torch_in_the_folder_for_graphics_cards_comes_first(tmp_path, monkeypatch):
    hook = str(INSTALLER / "hooks" / "gpu_pack.py")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "btd"))
    monkeypatch.setattr(sys, "path", ["/bundle"])
    (tmp_path / "gpu").mkdir()
    runpy.run_path(hook)
    assert sys.path == ["/bundle"]
    (tmp_path / "gpu" / "torch").mkdir()
    runpy.run_path(hook)
    assert sys.path == [str(tmp_path / "gpu"), "/bundle"]


# Licences and bill of materials


def test_every_part_has_a_licence_text_in_the_bundle(tmp_path):
    site = Path(typer.main.__file__).parents[1]
    bundle.write_licences(tmp_path / "licences", site, [])
    names = [part["name"] for part in shipped.bill_of_materials()["components"]]
    texts = {n: list((tmp_path / "licences" / n).glob("*")) for n in names}
    assert len(names) > 40
    assert [n for n, found in texts.items() if not found] == []
    bare = {n for n, t in texts.items() if [p.name for p in t] == ["METADATA.txt"]}
    assert len(bare) <= 12, bare
    qt = (tmp_path / "licences" / "pyside6-essentials").iterdir()
    assert any("LESSER GENERAL PUBLIC" in p.read_text("utf-8") for p in qt)
    assert not list((tmp_path / "licences" / "reportlab").glob("DarkGarden*"))


def test_bill_of_the_bundle_names_python_and_carried_libraries(tmp_path):
    library = tmp_path / "libx.so.1"
    library.write_bytes(b"x")
    bill = bundle.bundle_bill([library], Path(sys.executable))
    listed = {part["name"]: part for part in bill["components"]}
    assert set(shipped.distributions()) < listed.keys()
    assert listed["CPython"]["version"] == sys.version.split()[0]
    assert listed["libx.so.1"]["hashes"][0]["content"] == bundle.file_digest(library)


# The package of Debian


def test_control_file_is_made_from_the_project():
    fields = dict(
        line.split(": ", 1)
        for line in debian.control(7).splitlines()
        if not line.startswith(" ")
    )
    text = (shipped.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    assert fields["Package"] == project["name"]
    assert fields["Version"] == __version__
    assert fields["Installed-Size"] == "7"
    assert fields["Description"].lower() in project["description"].lower()
    assert re.fullmatch(r"[^<>]+ <[^<>@]+@[^<>@]+>", fields["Maintainer"])


def test_package_depends_on_every_library_that_qt_wants_and_says_each_once():
    names = [word.partition(" ")[0] for word in debian.depends()]
    tables = (QT_LIBRARIES, WINDOW_LIBRARIES, WAYLAND_LIBRARIES)
    wanted = {debian for table in tables for debian, _ in table.values()}
    assert wanted <= set(names)
    assert len(names) == len(set(names))
    assert {"libc6", "libxcb-cursor0", "libegl1"} <= set(names)


@on_linux
@_needs("dpkg-deb")
def test_package_holds_program_entry_icon_type_and_manual(tmp_path):
    made = debian.build_package(
        _fake_bundle(tmp_path / "btd-desktop"), tmp_path, tmp_path
    )
    assert made.name == f"btd-desktop_{__version__}_{debian.architecture()}.deb"
    told = subprocess.check_output(["dpkg-deb", "--contents", made], text=True)
    owners = {line.split()[1] for line in told.splitlines()}
    assert owners == {"root/root"}
    for name in (
        "./usr/bin/btd -> /opt/btd-desktop/btd",
        "./opt/btd-desktop/_internal/libx.so -> libx.so.1",
        "./usr/share/applications/btd-desktop.desktop",
        "./usr/share/mime/packages/btd-desktop.xml",
        "./usr/share/icons/hicolor/scalable/apps/btd-desktop.svg",
        "./usr/share/man/man1/btd.1.gz",
        "./usr/share/doc/btd-desktop/copyright",
    ):
        assert f" {name}\n" in told, name
    subprocess.run(["dpkg-deb", "-R", made, tmp_path / "out"], check=True)
    sums = (tmp_path / "out" / "DEBIAN" / "md5sums").read_text(encoding="utf-8")
    assert "  opt/btd-desktop/btd\n" in sums
    packed = tmp_path / "out" / "usr" / "share" / "doc" / "btd-desktop" / "changelog.gz"
    assert f"({__version__})" in gzip.decompress(packed.read_bytes()).decode()


@on_linux
def test_purge_takes_the_program_s_folder_and_no_home():
    lines = [
        line for line in debian.POSTRM.splitlines() if line and not line.startswith("#")
    ]
    assert lines == [
        "set -e",
        'if [ "$1" = purge ]; then',
        "    rm -rf /opt/btd-desktop",
        "fi",
    ]


def test_desktop_entry_is_valid_and_opens_what_the_type_names():
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(LINUX / "btd-desktop.desktop", encoding="utf-8")
    entry = parser["Desktop Entry"]
    assert parser.sections() == ["Desktop Entry"]
    assert entry["Type"] == "Application"
    assert entry["Exec"] == "btd gui %f"
    assert (LINUX / f"{entry['Icon']}.svg").is_file()
    assert entry["Terminal"] == "false"
    for name in ("Categories", "Keywords", "MimeType"):
        assert entry[name].endswith(";")
    (kind,) = _case_type()
    assert entry["MimeType"].rstrip(";") == kind.get("type")


def test_type_of_a_case_fits_the_file_that_the_program_writes(tmp_path):
    day = datetime(2026, 11, 30, tzinfo=UTC)
    CaseStore.create(tmp_path / "case", now=day).close()
    data = (tmp_path / "case" / "case.sqlite").read_bytes()
    space = {"m": "http://www.freedesktop.org/standards/shared-mime-info"}
    root = _case_type()
    matches = root.findall(".//m:match", space)
    assert len(matches) == 2
    for match in matches:
        start = int(match.attrib["offset"])
        value = match.attrib["value"].encode().decode("unicode_escape").encode()
        assert data[start : start + len(value)] == value
    (glob,) = root.findall(".//m:glob", space)
    assert glob.attrib["pattern"] == "case.sqlite"


def test_manual_page_has_every_command_and_nothing_that_troff_takes_for_its_own():
    page = manual.manual_page()
    app = typer.main.get_command(_make_app())
    for name in app.commands:  # type: ignore[attr-defined]
        assert f"\n.B {name.replace('-', chr(92) + '-')}\n" in page
    known = (".TH", ".SH", ".TP", ".B")
    asked = [ln for ln in page.splitlines() if ln.startswith((".", "'"))]
    assert {ln.split()[0] for ln in asked} == set(known)
    assert f"BTD Desktop {__version__}" in page


# Windows and macOS: what can be said from here


def test_setup_for_windows_removes_all_that_it_brings_and_nothing_of_the_user():
    text = (INSTALLER / "windows" / "btd.nsi").read_text(encoding="utf-8")
    removal = text.partition('Section "Uninstall"')[2]
    for name in windows_setup.AT_TOP:
        assert f'Delete "$INSTDIR\\{name}"' in removal
    for name in ("_internal", "licences"):
        assert f'RMDir /r "$INSTDIR\\{name}"' in removal
    assert 'RMDir /r "$INSTDIR"' not in removal
    assert "RequestExecutionLevel user" in text
    assert "UNTESTED" in text


@_needs("makensis")
def test_setup_for_windows_compiles(tmp_path, monkeypatch):
    monkeypatch.setattr(windows_setup, "shipped_data", lambda: [])
    made = windows_setup.compile_over_stub(tmp_path)
    assert made.read_bytes()[:2] == b"MZ"
    assert "STUB" in made.name


def test_bundle_that_is_too_large_for_a_setup_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(windows_setup, "MOST_BYTES", 3)
    (tmp_path / "torch.dll").write_bytes(b"1234")
    with pytest.raises(bundle.BuildError, match="at most 2"):
        windows_setup.build_setup(tmp_path, tmp_path)


@_needs("sh")
def test_script_for_macos_can_be_read_by_a_shell_and_says_that_it_is_untested():
    script = INSTALLER / "macos" / "build.sh"
    subprocess.run(["sh", "-n", script], check=True)
    text = script.read_text(encoding="utf-8")
    assert "UNTESTED" in text
    order = ["codesign --force --timestamp", "hdiutil", "notarytool submit", "stapler"]
    assert [text.index(word) for word in order] == sorted(map(text.index, order))


# Checksums and release


def test_checksums_name_every_file_and_show_a_change(tmp_path):
    _fake_bundle(tmp_path / "b")
    bundle.write_sums(tmp_path / "b")
    check = ["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"]
    lines = (tmp_path / "b" / "SHA256SUMS").read_text(encoding="utf-8")
    assert re.findall(r"  (\S+)", lines) == ["_internal/libx.so.1", "btd"]
    if shutil.which("sha256sum"):
        assert subprocess.call(check, cwd=tmp_path / "b") == 0
        (tmp_path / "b" / "btd").write_text("other", encoding="utf-8")
        assert subprocess.call(check, cwd=tmp_path / "b", stderr=-3, stdout=-3) != 0
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.deb").write_bytes(b"a")
    target = write_checksums(tmp_path / "out")
    digest = bundle.file_digest(tmp_path / "out" / "a.deb")
    assert target.read_text(encoding="utf-8") == f"{digest}  a.deb\n"


def test_version_stands_in_one_place_and_the_changelog_has_its_entry():
    text = (shipped.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    assert "version" not in table["project"]
    assert table["project"]["dynamic"] == ["version"]
    attribute = table["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    assert attribute == "btd_desktop.__version__"
    told = shipped.bill_of_materials()["metadata"]["component"]["version"]
    assert told == __version__
    changelog = (shipped.ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert entry_of(changelog, __version__)


def test_bump_makes_the_entry_of_what_was_unreleased():
    before = (
        "# Changelog\n\n## Unreleased\n\n### Added\n\n- A thing.\n\n"
        "## 0.1.0 – 2026-01-01\n\n- First.\n"
    )
    source, after = bumped('__version__ = "0.1.0"\n', before, "0.2.0", "2026-02-02")
    assert source == '__version__ = "0.2.0"\n'
    assert entry_of(after, "0.2.0") == "### Added\n\n- A thing."
    assert entry_of(after, "Unreleased") == ""
    assert entry_of(after, "0.1.0") == "- First."
    with pytest.raises(bundle.BuildError, match="Unreleased"):
        bumped(source, after, "0.3.0", "2026-03-03")
    with pytest.raises(bundle.BuildError, match="no version"):
        bumped(source, before, "next", "2026-03-03")


def test_account_of_a_release_says_what_failed_and_what_was_not_tried():
    report = Report()
    report.tell("version")
    report.tell("window", "no display")
    report.measured("folder", 2e9)
    text = account({"a.deb": report})
    assert report.failed == ["window: no display"]
    assert "* ok   version\n* not  window: no display\n" in text
    assert "folder: 2,000.0 MB" in text
    assert "## Not tested\n\n* Windows" in text


def test_size_of_a_folder_counts_no_link_twice(tmp_path):
    assert size_of(_fake_bundle(tmp_path / "b")) == 1 + len("#!/bin/sh\n")
    assert windows.__doc__
