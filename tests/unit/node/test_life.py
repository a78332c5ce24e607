"""A process that ends with the one above it."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import tta_gateway
from tta_gateway.node.life import settle, tell

# A child that waits for ever, and a parent that ends as soon as the child has asked the kernel.
PROGRAM = """
import os, signal
from tta_gateway.node.life import settle
read, write = os.pipe()
parent = os.getpid()
if os.fork() == 0:
    settle(parent, signal.SIGTERM)
    os.write(write, b".")
    signal.pause()
os.read(read, 1)
"""
# One that is sent what is not meant for it, and says that it is still there.
SPARED = """
import os, signal
from tta_gateway.node.life import settle
settle(os.getppid(), signal.SIGTERM)
for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGINT):
    os.kill(os.getpid(), number)
print("here", flush=True)
"""
PR_SET_PDEATHSIG = 1


def ran(program: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a program to its end, and that of everybody who writes to what it does."""
    source = str(Path(tta_gateway.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        timeout=20,
        check=False,
    )


def test_who_asked_ends_when_its_parent_does() -> None:
    done = ran(PROGRAM)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_signals_that_are_meant_for_the_supervisor_do_nothing() -> None:
    done = ran(SPARED)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"here\n", b"")


class Kernel:
    """A kernel that notes what it is asked; `parent` is that of this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, parent: int) -> None:
        self.asked: list[tuple[int, int]] = []
        self.sent: list[tuple[int, int]] = []
        self.handled: dict[int, object] = {}
        library = SimpleNamespace(prctl=lambda *told: self.asked.append(told))
        monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
        monkeypatch.setattr(os, "getppid", lambda: parent)
        monkeypatch.setattr(os, "kill", lambda *told: self.sent.append(told))
        monkeypatch.setattr(signal, "signal", self.handled.__setitem__)


def test_the_kernel_is_asked_for_that_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(monkeypatch, 7)
    settle(7, signal.SIGTERM)
    assert (kernel.asked, kernel.sent) == ([(PR_SET_PDEATHSIG, signal.SIGTERM)], [])


def test_what_reaches_the_whole_group_is_ignored_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = Kernel(monkeypatch, 7)
    settle(7, signal.SIGTERM)
    ignored = (signal.SIGHUP, signal.SIGUSR1, signal.SIGINT)
    assert kernel.handled == dict.fromkeys(ignored, signal.SIG_IGN)


@pytest.mark.parametrize("parent", [1, 4711])
def test_a_supervisor_that_ended_before_it_was_asked_is_noticed(
    monkeypatch: pytest.MonkeyPatch, parent: int
) -> None:
    kernel = Kernel(monkeypatch, parent)
    settle(7, signal.SIGQUIT)
    assert kernel.sent == [(os.getpid(), signal.SIGQUIT)]


def test_the_supervisor_is_told_a_word_at_a_time() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        tell(ours, b"ready 1")
        tell(ours, b"applied 2")
        assert (theirs.recv(64), theirs.recv(64)) == (b"ready 1", b"applied 2")


def test_where_there_is_no_supervisor_any_more_telling_is_no_harm() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    with ours:
        tell(ours, b"ready 1")
