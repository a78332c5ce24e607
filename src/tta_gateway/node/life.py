"""Life: no process of a node outlives its supervisor."""

import contextlib
import ctypes
import os
import socket
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(number: int) -> None:
    """Ask the kernel to send this process a signal when the supervisor ends (Linux, prctl(2))."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)  # it was faster


def tell(channel: socket.socket, word: bytes) -> None:
    """Tell the supervisor something; nothing is lost where there is none any more."""
    with contextlib.suppress(OSError):
        channel.send(word)
