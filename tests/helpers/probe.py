"""Asks a gateway's probe."""

import json
import socket

from tests.helpers.clients import PATIENCE


def asked(port: int, path: str = "/readyz") -> tuple[int, dict[str, object]]:
    """Ask the probe; return the status and what it says."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        with sock.makefile("rb") as file:
            sent = file.read()
    head, _, body = sent.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)


def all_serve_again(port: int, *, deaths: int, workers: int = 2) -> bool:
    """Whether so many workers have died by the probe's word, and as many as before serve.

    Without the first the word may be older than the deaths.
    """
    said = asked(port)[1]
    return (said["deaths"], said["workers"]) == (deaths, ["serving"] * workers)
