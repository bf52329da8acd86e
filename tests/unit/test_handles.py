"""No link anywhere on the way is followed, whenever it was put there."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from btd_desktop import handles
from btd_desktop.handles import open_folder, open_without_links

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="making links needs a right that users lack"
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """`outside/b/file` and `root/a/b/file`, below a path without links."""
    base = tmp_path.resolve()
    (base / "root/a/b").mkdir(parents=True)
    (base / "root/a/b/file").write_bytes(b"inside")
    (base / "outside/b").mkdir(parents=True)
    (base / "outside/b/file").write_bytes(b"secret")
    return base


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()


def test_plain_path_is_opened(tree):
    assert _read(open_without_links(tree / "root/a/b/file")) == b"inside"
    root = tree / "root"
    assert _read(open_without_links(root / "a/b/file", below=root)) == b"inside"


def test_relative_path_begins_at_the_working_folder(tree, monkeypatch):
    monkeypatch.chdir(tree / "root")
    assert _read(open_without_links("a/b/file")) == b"inside"


@pytest.mark.parametrize("by_handle", [True, False])
@pytest.mark.parametrize("swapped", ["root/a/b/file", "root/a/b", "root/a", "root"])
def test_link_in_place_of_any_part_is_refused(tree, monkeypatch, swapped, by_handle):
    """Without handles too (as on Windows), where the parts are looked at one by one."""
    monkeypatch.setattr(handles, "_BY_HANDLE", by_handle)
    place = tree / swapped
    place.rename(tree / "moved")
    place.symlink_to(tree / "moved")
    with pytest.raises(OSError, match="links are not followed") as raised:
        open_without_links(tree / "root/a/b/file")
    assert raised.value.errno == errno.ELOOP


def test_link_above_the_trusted_folder_is_followed_and_below_it_not(tree):
    (tree / "case").symlink_to(tree / "root")
    case = tree / "case"
    assert _read(open_without_links(case / "a/b/file", below=case)) == b"inside"
    (tree / "root/a/b").rename(tree / "moved")
    (tree / "root/a/b").symlink_to(tree / "outside/b")
    with pytest.raises(OSError, match="links are not followed"):
        open_without_links(case / "a/b/file", below=case)


def test_nothing_is_made_or_cut_through_a_link(tree):
    victim = tree / "outside/b/file"
    (tree / "root/case.lock").symlink_to(victim)
    (tree / "root/new.lock").symlink_to(tree / "outside/new")
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
    for name in ("case.lock", "new.lock"):
        with pytest.raises(OSError, match="links are not followed"):
            open_without_links(tree / "root" / name, flags, below=tree / "root")
    assert victim.read_bytes() == b"secret"
    assert not (tree / "outside/new").exists()
    os.close(open_without_links(tree / "root/fresh", flags, 0o600))
    assert (tree / "root/fresh").stat().st_mode & 0o777 == 0o600


def test_parts_that_lead_up_and_paths_elsewhere_are_refused(tree):
    root = tree / "root"
    with pytest.raises(OSError, match="leads out of its folder"):
        open_without_links(root / "a/../../outside/b/file", below=root)
    with pytest.raises(ValueError, match="outside"):
        open_without_links(tree / "outside/b/file", below=root)


def test_folder_is_listed_from_its_handle_and_not_through_a_link(tree):
    root = open_folder(tree / "root")
    assert isinstance(root, int)
    try:
        (tree / "root/a").rename(tree / "moved")
        (tree / "root/a").symlink_to(tree / "outside")
        with pytest.raises(OSError, match="links are not followed"):
            open_folder("a", dir_fd=root)
        with pytest.raises(OSError, match="links are not followed"):
            open_folder(tree / "root/a/b")
    finally:
        os.close(root)


def test_folder_that_may_be_searched_but_not_listed_is_no_obstacle(tree):
    if os.geteuid() == 0:
        pytest.skip("root may list every folder")
    (tree / "root/a").chmod(0o111)
    try:
        assert _read(open_without_links(tree / "root/a/b/file")) == b"inside"
    finally:
        (tree / "root/a").chmod(0o755)
