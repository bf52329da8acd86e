"""The fences that conftest puts around every test are up."""

from __future__ import annotations

import os
import socket
import sys

import numpy as np
import pytest
from pytest_socket import SocketBlockedError


@pytest.mark.skipif(sys.platform == "win32", reason="loopback is needed there")
def test_socket_to_the_network_is_refused():
    with pytest.raises((SocketBlockedError, UserWarning), match="socket"):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def test_name_lookup_is_refused():
    with pytest.raises((SocketBlockedError, UserWarning), match="getaddrinfo"):
        socket.getaddrinfo("localhost", 80)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no local sockets here")
def test_local_socket_is_allowed():
    first, second = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with first, second:
        first.sendall(b"x")
        assert second.recv(1) == b"x"


def test_windows_are_drawn_offscreen_unless_asked_for(pytestconfig):
    if not pytestconfig.getoption("--headed"):
        assert os.environ["QT_QPA_PLATFORM"] == "offscreen"


@pytest.mark.parametrize("turn", [1, 2])
def test_generator_starts_the_same_in_every_test(rng, turn):
    fresh = np.random.default_rng(20260314)
    assert np.array_equal(rng.random(8), fresh.random(8))


def test_fixed_time_is_aware(fixed_now):
    assert fixed_now.utcoffset().total_seconds() == 0
