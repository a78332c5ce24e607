"""Other people's programs as the other end: curl, openssl, HAProxy."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.helpers.clients import PATIENCE


def run(*command: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def curl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Ask; the answer's head comes before its body."""
    return run("curl", "--silent", "--show-error", "--include", "--max-time", "8", *arguments)


def s_client(port: int, *arguments: str, given: str = "") -> str:
    """Return all that openssl says of a connection, and what it has received."""
    where = f"127.0.0.1:{port}"
    done = run("openssl", "s_client", "-connect", where, *arguments, given=given)
    return done.stdout + done.stderr


@contextlib.contextmanager
def daemon(command: Sequence[str], *, port: int, log: Path) -> Iterator[None]:
    """A program that listens at a port, for as long as it is needed."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield
    finally:
        assert process.stdin is not None  # asked for above: some end with it
        process.stdin.close()
        process.terminate()
        process.wait(PATIENCE)


def _answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
