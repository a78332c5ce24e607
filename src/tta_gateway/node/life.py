"""Life: no process of a node outlives its supervisor."""

import contextlib
import ctypes
import os
import signal
import socket
import sys

_PR_SET_PDEATHSIG = 1


def settle(parent: int, number: int) -> None:
    """Live as a child of the supervisor with this process id, and as long as it does.

    The kernel sends `number` when it ends (Linux, prctl(2)); signals that are meant for it alone,
    and reach the whole group, do nothing here.
    """
    for one in (signal.SIGHUP, signal.SIGUSR1, signal.SIGINT):
        signal.signal(one, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)  # it was faster


def tell(channel: socket.socket, word: bytes) -> None:
    """Tell the supervisor something; nothing is lost where there is none any more."""
    with contextlib.suppress(OSError):
        channel.send(word)
