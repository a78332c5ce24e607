"""The other end of a client's connection in unit tests: reads commands, writes answers by hand."""

import hiredis

from tests.helpers.fake_loop import FakeLoop
from tests.helpers.fake_transport import FakeTransport

HELLO = b"%1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"


def commands(data: bytes) -> list[list[bytes]]:
    """The commands in what has been sent."""
    reader = hiredis.Reader()
    reader.feed(data)
    found = []
    while (command := reader.gets()) is not False:
        found.append(command)
    return found


def greet(loop: FakeLoop, *, at: int = -1, role: bytes = b"master") -> FakeTransport:
    """Let the client in at its last connection, and forget the words."""
    transport = loop.opened[at]
    loop.run_ready()
    transport.feed(HELLO.replace(b"$6\r\nmaster", b"$%d\r\n%b" % (len(role), role)))
    loop.run_ready()
    transport.feed(b"+PONG\r\n")
    loop.run_ready()
    transport.take()
    return transport
