"""A process of a node that is not there: the test is the other end of its channel."""

import socket


class FakeProcess:
    """A process, as far as whoever has started it sees one."""

    def __init__(self, pid: int = 0) -> None:
        """Begin alive."""
        self.pid = pid
        self.channel, self.end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.setblocking(False)
        self.returncode: int | None = None
        self.signals: list[int] = []
        self.killed = 0

    # What is done to it

    def kill(self) -> None:
        """Note that it is killed."""
        self.killed += 1

    def poll(self) -> int | None:
        """Return its status if it has ended."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Note the signal."""
        self.signals.append(number)

    # What it does

    def say(self, word: bytes) -> None:
        """Say a word to the supervisor."""
        self.end.send(word)

    def die(self, code: int) -> None:
        """End with this status."""
        self.end.close()
        self.returncode = code

    def close(self) -> None:
        """Leave nothing open behind the test."""
        self.end.close()
        self.channel.close()
