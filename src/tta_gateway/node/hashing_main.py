"""Hashing: `python -m tta_gateway.node.hashing_main CHANNEL_FD PARENT idle|low`.

A process of control that hashes passwords, one at a time.  It is one of its own because it gives
way to all others: a thread of control that waits for a core could hold what control's other threads
need (the interpreter's lock), and all of control would wait with it.

A task is `known NUL text` as a packet, or `NUL text` for a new hash; the answer is that hash, `+`
for the right password, or `-`.  The end of the channel ends the process.
"""

import os
import signal
import socket
import sys
from typing import Final

from tta_gateway.features.identity import argon
from tta_gateway.node.life import settle
from tta_gateway.node.long_turns import take_long_turns
from tta_gateway.support.giving_way import give_way, step_back

LARGEST: Final = 8 * 1024  # bytes: a password has 256 characters
RIGHT: Final = b"+"
WRONG: Final = b"-"


def main() -> None:
    """Serve."""
    channel_fd, parent, manner = sys.argv[1:]
    settle(int(parent), signal.SIGKILL)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # control ends in order, with what it is doing
    take_long_turns()  # for those in other control groups, to whom its class says nothing
    if manner == "idle":
        give_way()
    else:
        step_back()
    channel = socket.socket(fileno=int(channel_fd))
    while task := channel.recv(LARGEST):
        channel.send(answer(task))


def task_of(known: str, text: bytes) -> bytes:
    """Return what such a process is asked; without a known hash, for a new one."""
    return known.encode() + b"\0" + text


def answer(task: bytes) -> bytes:
    """Return what it answers."""
    known, _, text = task.partition(b"\0")
    if not known:
        return argon.hashed(text).encode()
    return RIGHT if argon.is_right(known.decode(), text) else WRONG


if __name__ == "__main__":
    try:
        main()
    except OSError:
        os._exit(0)  # control has gone
