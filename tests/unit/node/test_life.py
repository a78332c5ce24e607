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
from tta_gateway.node.life import die_with_parent, tell

# A child that waits for ever, and a parent that ends as soon as the child has asked the kernel.
PROGRAM = """
import os, signal
from tta_gateway.node.life import die_with_parent
read, write = os.pipe()
if os.fork() == 0:
    die_with_parent(signal.SIGTERM)
    os.write(write, b".")
    signal.pause()
os.read(read, 1)
"""
PR_SET_PDEATHSIG = 1


def test_who_asked_ends_when_its_parent_does() -> None:
    source = str(Path(tta_gateway.__file__).parents[1])
    # What they write to is at its end when both have ended.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        timeout=20,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"", b"")


class Kernel:
    """A kernel that notes what it is asked; `parents` are those of this process in turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *parents: int) -> None:
        left = list(parents)
        self.asked: list[tuple[int, int]] = []
        self.sent: list[tuple[int, int]] = []
        library = SimpleNamespace(prctl=lambda *told: self.asked.append(told))
        monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
        monkeypatch.setattr(os, "getppid", lambda: left.pop(0))
        monkeypatch.setattr(os, "kill", lambda *told: self.sent.append(told))


def test_the_kernel_is_asked_for_that_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(monkeypatch, 7, 7)
    die_with_parent(signal.SIGTERM)
    assert (kernel.asked, kernel.sent) == ([(PR_SET_PDEATHSIG, signal.SIGTERM)], [])


def test_a_parent_that_ended_before_it_was_asked_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = Kernel(monkeypatch, 7, 1)
    die_with_parent(signal.SIGTERM)
    assert kernel.sent == [(os.getpid(), signal.SIGTERM)]


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
