"""A checkpoint that takes its reader over reaches nothing of the examiner's.

Each attempt is made twice, as in `test_taken_over`: free, where it succeeds, and
contained, where it is refused.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from btd_desktop.containment.starting import bare_environment
from btd_desktop.diffusion import published
from btd_desktop.diffusion.published import convert_checkpoint
from btd_desktop.errors import ModelError
from btd_desktop.preprocess.presets import preset_named
from btd_desktop.progress import TaskContext
from tests.hostile.custody_case import NOW
from tests.hostile.taken_over import show_memory

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="measures of Linux, tried there"
)
PROGRAM = Path(__file__).with_name("taken_over.py")
REPOSITORY = Path(__file__).parents[2]
SECRET = ctypes.create_string_buffer(b"a key that signs")


@pytest.fixture(params=["free", "contained"])
def state(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    command = [sys.executable, "-P", str(PROGRAM), request.param, "checkpoint"]
    environment = bare_environment()
    environment["PYTHONPATH"] += os.pathsep + str(REPOSITORY)
    monkeypatch.setattr(published, "_command", lambda: command)
    monkeypatch.setattr(
        published, "bare_environment", lambda **more: {**environment, **more}
    )
    if request.param == "free":
        monkeypatch.setattr("btd_desktop.containment.starting.hide_memory", lambda: "")
        show_memory()
    return str(request.param)


def judge(state: str, folder: Path, attempt: str) -> None:
    """Free, the process answers with what is no model; contained, with an error."""
    checkpoint = folder / "CT_model.pt"
    checkpoint.write_bytes(attempt.encode())
    with pytest.raises(ModelError) as caught:
        convert_checkpoint(
            checkpoint,
            folder / "out",
            preset=preset_named("ct96"),
            now=NOW,
            context=TaskContext(),
        )
    words = (
        "is not a safetensors file" if state == "free" else r"was refused: \w*Error: "
    )
    assert caught.match(words)


@pytest.mark.parametrize(
    "attempt",
    ["read a file", "open a file for writing", "remove a file", "make a file"],
)
def test_files_of_the_examiner_stay_as_they_are_and_unread(
    state: str, tmp_path: Path, attempt: str
):
    path = tmp_path / "keys" / "audit.key"
    path.parent.mkdir()
    path.write_bytes(b"secret of the examiner")
    before = path.stat()
    judge(state, tmp_path, f"{attempt}|{path}")
    if state == "contained":
        assert [p.name for p in path.parent.iterdir()] == [path.name]
        assert path.stat() == before


@pytest.mark.parametrize(
    "attempt",
    [
        "make a file in its own folder",
        "bind by TCP",
        "make a socket pair",
        "start a process",
        "run a shell",
        "attach as a debugger",
        "take a descriptor",
        "stay when the program dies",
    ],
)
def test_nothing_is_made_reached_or_started(state: str, tmp_path: Path, attempt: str):
    judge(state, tmp_path, f"{attempt}|")


def test_the_memory_of_the_program_stays_unread(state: str, tmp_path: Path):
    place = f"{ctypes.addressof(SECRET)} {len(SECRET)}"
    judge(state, tmp_path, f"read memory by call|{place}")


def test_no_other_process_is_ended(state: str, tmp_path: Path):
    with subprocess.Popen(["sleep", "60"]) as bystander:
        judge(state, tmp_path, f"signal a process|{bystander.pid}")
        alive = bystander.poll() is None
        bystander.kill()
    assert alive or state == "free"
