"""Signals as something that a selector can wait for."""

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence


class Signals:
    """Takes signals; `fd` is readable when some have come."""

    def __init__(self, numbers: Sequence[signal.Signals]) -> None:
        """Take these from now on."""
        self.fd, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, _ignore)

    def come(self) -> bytes:
        """Return the numbers of those that have come, each once."""
        try:
            return bytes(sorted(set(os.read(self.fd, 4096))))
        except BlockingIOError:
            return b""


@contextlib.contextmanager
def without_signals() -> Iterator[None]:
    """Let signals wait; a thread that is started meanwhile never takes any.

    One that did would take them from the pipe's reader, who may be about to become another program.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ignore(_: int, __: object) -> None:
    """Do nothing: the wake-up is all that is wanted."""
