"""The parsing process: crash, time, memory, false answers, clean-up."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from btd_desktop.dicom import sandbox as sandbox_module
from btd_desktop.dicom.instance import FrameFacts, InstanceFacts
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.dicom.series import Fate
from btd_desktop.strict_json import plain_json
from tests.unit.dicom.samples import GREETING, ct_slice, file_bytes

ONE_GOOD = file_bytes(ct_slice())

ONE_PIXEL = {"dtype": "<i2", "shape": [1, 1, 1]}
FACTS = plain_json(InstanceFacts({"modality": "CT"}, {}, (FrameFacts(),)))
NO_FRAMES = {**FACTS, "frames": []}
NO_MODALITY = {**FACTS, "text": {}}


def _stand_in(
    monkeypatch: pytest.MonkeyPatch, program: str, *, greets: bool = True
) -> None:
    """Let another program play the parsing process."""
    command = [sys.executable, "-c", (GREETING if greets else "") + program]
    monkeypatch.setattr(sandbox_module, "_command", lambda: command)


def test_a_crash_costs_one_file_and_the_process_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Sandbox(DEFAULT_LIMITS) as box:
        with monkeypatch.context() as patch:
            _stand_in(patch, "import os; os.abort()")
            parsed = box.parse("dicom", ONE_GOOD)
        assert parsed.fate is Fate.DAMAGED
        assert "crashed" in parsed.reason
        assert box.parse("dicom", ONE_GOOD).fate is Fate.ACCEPTED
        assert box.n_restarts == 1


@pytest.mark.parametrize(
    "said", [b"{}", b'{"containment": 1}', b'{"containment": {"files": ""}}', b"[]"]
)
def test_a_process_that_does_not_say_what_holds_it_is_given_no_file(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    program = (
        "import sys, struct, time\n"
        f"sys.stdout.buffer.write(struct.pack('>IQ', {len(said)}, 0) + {said!r})\n"
        "sys.stdout.buffer.flush(); time.sleep(60)\n"
    )
    _stand_in(monkeypatch, program, greets=False)
    with Sandbox(DEFAULT_LIMITS) as box:
        parsed = box.parse("dicom", ONE_GOOD)
        assert box.containment is None
    assert parsed.fate is Fate.DAMAGED


def test_an_endless_parse_is_stopped_at_its_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _stand_in(monkeypatch, "import time; time.sleep(60)")
    with Sandbox(replace(DEFAULT_LIMITS, file_timeout_s=0.5)) as box:
        start = time.monotonic()
        parsed = box.parse("dicom", ONE_GOOD)
        assert time.monotonic() - start < 10
    assert parsed.fate is Fate.REFUSED
    assert "longer than" in parsed.reason


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ({"fate": "accepted"}, b""),
        ({"fate": "nonsense"}, b""),
        ({"fate": "accepted", "array": {"dtype": "|O8", "shape": [1, 1, 1]}}, b"x" * 8),
        ({"fate": "accepted", "array": {"dtype": "<i2", "shape": [9, 9, 9]}}, b"xx"),
        ({"fate": "accepted", "array": {"dtype": "<i2", "shape": [-1, -1, 1]}}, b"xx"),
        ({"fate": "damaged", "facts": {"text": {}}}, b""),
        ({"fate": "damaged", "facts": {**FACTS, "number": {"kvp": 1e999}}}, b""),
        ({"fate": "damaged", "facts": {**FACTS, "window": [40.0]}}, b""),
        ({"fate": "damaged", "facts": {**FACTS, "number": {"kvp": "120"}}}, b""),
        ({"fate": "damaged", "grid": {}}, b""),
        ({"fate": "damaged", "grid": {"spacing": None}}, b""),
        ({"fate": "damaged", "array": {"dtype": "<i2"}}, b""),
        ({"fate": "damaged", "array": {"dtype": "<i2", "shape": None}}, b""),
        ({"fate": "damaged", "array": {"dtype": ["<i2"], "shape": [1, 1, 1]}}, b""),
        ({"fate": "damaged", "array": {"dtype": "<i2", "shape": [1e999, 1, 1]}}, b""),
        # Accepted with pixels, but without what the import counts on.
        ({"fate": "accepted", "array": ONE_PIXEL}, b"xx"),
        ({"fate": "accepted", "array": ONE_PIXEL, "facts": NO_FRAMES}, b"xx"),
        ({"fate": "accepted", "array": ONE_PIXEL, "facts": NO_MODALITY}, b"xx"),
    ],
)
def test_false_answers_cost_one_file(
    monkeypatch: pytest.MonkeyPatch, header: dict[str, object], payload: bytes
) -> None:
    program = (
        "import sys, json, struct\n"
        f"header = json.dumps({header!r}).encode(); payload = {payload!r}\n"
        "out = sys.stdout.buffer\n"
        "out.write(struct.pack('>IQ', len(header), len(payload)) + header + payload)\n"
        "out.flush(); sys.stdin.buffer.read()\n"
    )
    _stand_in(monkeypatch, program)
    with Sandbox(DEFAULT_LIMITS) as box:
        parsed = box.parse("dicom", ONE_GOOD)
    assert parsed.fate is Fate.DAMAGED
    assert parsed.pixels is None


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is enforced on Linux")
def test_memory_is_limited_in_the_process() -> None:
    limits = replace(DEFAULT_LIMITS, worker_memory_bytes=700 << 20)
    pixels = ct_slice(Rows=20000, Columns=20000)
    pixels.PixelData = bytes(2 * 20000 * 20000)
    with Sandbox(limits) as box:
        parsed = box.parse("dicom", file_bytes(pixels))
        assert parsed.fate is Fate.REFUSED
        assert "memory" in parsed.reason
        assert box.parse("dicom", ONE_GOOD).fate is Fate.ACCEPTED


def test_reasons_of_the_process_are_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reason quotes the file, and is shown in a terminal, a log and a label."""
    header = {"fate": "damaged", "reason": "bad \x1b[2J\n\u202e name " + "x" * 9999}
    program = (
        "import sys, json, struct\n"
        f"header = json.dumps({header!r}).encode()\n"
        "sys.stdout.buffer.write(struct.pack('>IQ', len(header), 0) + header)\n"
        "sys.stdout.buffer.flush(); sys.stdin.buffer.read()\n"
    )
    _stand_in(monkeypatch, program)
    with Sandbox(DEFAULT_LIMITS) as box:
        reason = box.parse("dicom", ONE_GOOD).reason
    assert reason.isprintable()
    assert reason.startswith("bad \ufffd[2J\ufffd\ufffd name x")
    assert len(reason) == 500


def test_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Sandbox(DEFAULT_LIMITS) as box:
        assert box.parse("dicom", ONE_GOOD).fate is Fate.ACCEPTED
        contained = box._contained
        assert contained is not None
        process = contained.process
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
    assert process.poll() is not None
    if sys.platform != "win32":
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


def test_a_closed_sandbox_does_not_start_again() -> None:
    box = Sandbox(DEFAULT_LIMITS)
    box.close()
    assert box.parse("dicom", ONE_GOOD).fate is Fate.REFUSED


def test_a_frozen_program_starts_itself_as_the_parsing_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert sandbox_module._command() == [sys.executable, sandbox_module.WORKER_FLAG]


def test_evidence_folders_are_never_searched_for_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pydicom.py").write_text("raise SystemExit(9)")
    (tmp_path / "btd_desktop.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    with Sandbox(DEFAULT_LIMITS) as box:
        assert box.parse("dicom", ONE_GOOD).fate is Fate.ACCEPTED
