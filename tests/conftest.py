"""What every test gets: no network, no screen, no access to the user's own folders."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pytest_socket import disable_socket, socket_allow_hosts

pytest_plugins = ["tests.hostile.summary", "tests.window_fixtures"]

# Before torch or OpenBLAS is first imported, here or in a child process: two cores are
# what CI has, and more threads than cores only slow the tests down.
_THREADS = "1" if "PYTEST_XDIST_WORKER" in os.environ else "2"
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, _THREADS)

_SHARED_DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--headed", action="store_true", help="show windows on the real screen"
    )
    parser.addoption(
        "--hostile-times",
        type=int,
        default=1,
        help="how many times as many damaged inputs as usual",
    )


def pytest_configure(config: pytest.Config) -> None:
    # Early, since pytest-qt builds its application before the first fixture runs.
    if not config.getoption("--headed"):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"


def pytest_collection_finish() -> None:
    """Keep Python from going through all imported modules at each collection."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first, so that workers which take files end together.

    (`--no-loadscope-reorder` keeps this order; else files of few tests come last.)
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def btd_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder that stands for the user's own; keys, settings and logs land there."""
    home = tmp_path_factory.mktemp("btd_home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(home))
        yield home


@pytest.fixture(autouse=True)
def no_network() -> None:
    """Refuse every socket that could leave this machine (pytest-socket undoes it)."""
    if sys.platform == "win32":
        # There asyncio talks to itself through a loopback socket.
        socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
    else:
        disable_socket(allow_unix_socket=True)


@pytest.fixture
def fixed_now() -> datetime:
    """The time that a test takes for now, aware and in UTC."""
    return datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


@pytest.fixture
def rng() -> np.random.Generator:
    """Random generator with a fixed seed, fresh for each test."""
    return np.random.default_rng(20260314)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real scans beside the repository; skips where there is none."""
    if not (_SHARED_DATA / "manifest.csv").is_file():
        pytest.skip("no real scans: ../shared/data is not beside this repository")
    return _SHARED_DATA.resolve()
