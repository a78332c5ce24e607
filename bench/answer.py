"""Answers, byte for byte: asked over one keep-alive connection and compared with the service's."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from products import BENCH, TARGET

HEADERS_FILE: Final = BENCH / "request_headers.txt"
ASK_SECONDS: Final = 5.0
FREE_TO_DIFFER: Final = {
    "connection": "hop by hop, RFC 9110 7.6.1",
    "date": "two answers, two instants; it must be there, though",
    "server": "a gateway may withhold what runs behind it, and ours does",
}
"""What the service sets and a product need not pass on word for word, and why."""


class BrokenAnswerError(Exception):
    """What came back was not an answer of known length."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came over the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """in order, names in lower case"""
    body: bytes
    length: int
    """of head and body"""

    def value(self, name: str) -> str | None:
        """Return the first value of a header."""
        return next((value for key, value in self.headers if key == name), None)


def ask(
    port: int, *, count: int = 1, target: str = TARGET, headers: Path = HEADERS_FILE
) -> list[Answer]:
    """Send the benchmark's request `count` times over one connection, one after the other."""
    request = request_for(target, headers=headers)
    with socket.create_connection(("127.0.0.1", port), ASK_SECONDS) as connection:
        return [_one(connection, request) for _ in range(count)]


def answers(port: int, *, headers: Path = HEADERS_FILE) -> bool:
    """Tell whether something at the port answers the request with 200."""
    try:
        return ask(port, headers=headers)[0].status == 200
    except (OSError, BrokenAnswerError):
        return False


def difference(original: Answer, *, passed_on: Answer) -> str | None:
    """Say what a product changed in the service's answer; None if nothing that it must keep."""
    if passed_on.status != original.status:
        return f"status {passed_on.status} instead of {original.status}"
    if passed_on.body != original.body:
        return f"another body ({len(passed_on.body)} bytes instead of {len(original.body)})"
    for name, value in original.headers:
        if name not in FREE_TO_DIFFER and (name, value) not in passed_on.headers:
            return f"header {name}: {passed_on.value(name)!r} instead of {value!r}"
    if passed_on.value("date") is None:
        return "header date: it is missing"
    return None


def request_for(target: str, *, headers: Path = HEADERS_FILE) -> bytes:
    """Return the bytes of the benchmark's request, for a target."""
    lines = headers.read_text().splitlines()
    return "\r\n".join([f"GET {target} HTTP/1.1", *lines, "", ""]).encode()


def head_of(data: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Parse status and headers; `data` ends before the empty line."""
    status_line, *lines = data.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(status_line.split()[1]), tuple((n.lower(), v.strip()) for n, _, v in pairs)


def _one(connection: socket.socket, request: bytes) -> Answer:
    connection.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    status, headers = head_of(head)
    length = int(dict(headers).get("content-length", "-1"))
    if length < 0:
        raise BrokenAnswerError(f"status {status}, no content-length")
    while len(body) < length:
        body += _more(connection)
    return Answer(status, headers, body, len(head) + 4 + len(body))


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise BrokenAnswerError("the connection ended inside an answer")
    return data
