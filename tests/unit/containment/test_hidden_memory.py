"""Once a key was read, no other process of the same ordinary user looks in.

Root may look into everything; so where the tests run as root, two processes of a user
without rights are made, and one tries to look into the other.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="PR_SET_DUMPABLE is Linux's"
)

# Forked, not started anew: an interpreter in root's home cannot be started by others.
_PROGRAM = """
import ctypes, json, os, signal, sys, tempfile
from datetime import UTC, datetime
from pathlib import Path
from btd_desktop.cases import audit_key
from btd_desktop.containment.inside import hide_memory
from btd_desktop.report import signing

def read_audit_key():
    audit_key.load_or_create_key()

def read_signing_key():
    signing.own_key(Path(tempfile.mkdtemp()), "Somebody", datetime.now(UTC))

def nothing():
    pass

SECRET = ctypes.create_string_buffer(b"a key that signs")
LIBC = ctypes.CDLL(None, use_errno=True)
signing.own_key(Path(tempfile.mkdtemp()), "Somebody", datetime.now(UTC))
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
# Changing the user hides the memory by itself, and the key above did.
LIBC.prctl(4, ctypes.c_ulong(1), *[ctypes.c_ulong(0)] * 3)
os.environ["BTD_HOME"] = tempfile.mkdtemp()
ready, tell = os.pipe()
keeper = os.fork()
if keeper == 0:
    {"nothing": nothing, "hide": hide_memory, "audit key": read_audit_key,
     "signing key": read_signing_key}[sys.argv[1]]()
    os.write(tell, b"1")
    signal.pause()
os.read(ready, 1)

class Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

def by_call():
    room = ctypes.create_string_buffer(len(SECRET))
    here = Vector(ctypes.addressof(room), len(SECRET))
    there = Vector(ctypes.addressof(SECRET), len(SECRET))
    one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
    LIBC.process_vm_readv(
        keeper, ctypes.byref(here), one, ctypes.byref(there), one, none)
    return room.raw == SECRET.raw

def by_file():
    with open(f"/proc/{keeper}/mem", "rb", buffering=0) as memory:
        memory.seek(ctypes.addressof(SECRET))
        return memory.read(len(SECRET)) == SECRET.raw

def as_debugger():
    return LIBC.ptrace(0x4206, keeper, None, None) == 0

def its_descriptors():
    return bool(os.listdir(f"/proc/{keeper}/fd"))

def its_environment():
    with open(f"/proc/{keeper}/environ", "rb") as stream:
        stream.read()
    return True

found = {}
for attempt in (by_call, by_file, its_descriptors, its_environment, as_debugger):
    try:
        found[attempt.__name__] = attempt()
    except OSError as error:
        found[attempt.__name__] = False
os.kill(keeper, signal.SIGKILL)
print(json.dumps(found))
"""


def _attempts(way: str) -> dict[str, bool]:
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, way],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


@pytest.fixture(scope="module")
def control() -> dict[str, bool]:
    """What works here as long as nothing is hidden; a hardened kernel refuses some."""
    found = _attempts("nothing")
    if not any(found.values()):
        pytest.skip("this system lets no process look into another anyway")
    return found


@pytest.mark.parametrize("way", ["hide", "audit key", "signing key"])
def test_memory_of_a_program_that_read_a_key_is_closed_to_its_own_user(
    control: dict[str, bool], way: str
) -> None:
    assert control["its_descriptors"]
    assert not any(_attempts(way).values())
