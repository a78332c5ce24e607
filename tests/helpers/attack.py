"""A real attacker: slowhttptest, as it comes with Debian, against a gateway on loopback."""

import contextlib
import subprocess
from collections.abc import Iterator
from typing import Final

_LONGEST: Final = 20
"""Seconds after which it is ended in any case."""


@contextlib.contextmanager
def attack(
    kind: str, port: int, *options: str, target: bytes = b"/", connections: int, seconds: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Attack while the block runs; `kind` is one of its letters: H, B, R or X."""
    assert seconds <= _LONGEST
    command = ["slowhttptest", f"-{kind}", "-c", str(connections), "-l", str(seconds), *options]
    process = subprocess.Popen(
        [*command, "-u", f"http://127.0.0.1:{port}{target.decode()}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
