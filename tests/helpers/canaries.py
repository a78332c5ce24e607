"""Canaries: a mark of its own for every field that people and services can fill, and a search."""

import re
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tta_gateway.support.socket_path import short

_MARK: Final = re.compile(rb"zq[0-9a-f]{20}zq")
_PATIENCE: Final = 10.0
_IN_HEX: Final = re.compile(rb"7a71(?:3[0-9]|6[1-6]){20}7a71")


@dataclass
class Canaries:
    """Marks, and what each stood in; `words` are those that somebody else has made."""

    places: dict[bytes, str] = field(default_factory=dict)
    words: dict[bytes, str] = field(default_factory=dict)

    def new(self, place: str) -> str:
        """Return another mark, for a field of this name."""
        made = f"zq{secrets.token_hex(10)}zq"
        self.places[made.encode()] = place
        return made

    def found_in(self, data: bytes) -> list[str]:
        """Return the names of the fields whose marks stand there, as they are or in hexadecimal."""
        shown = [*_MARK.findall(data), *(bytes.fromhex(one.decode()) for one in _hex_of(data))]
        found = {self.places[one] for one in shown if one in self.places}
        return sorted(found | {place for word, place in self.words.items() if word in data})

    def found_under(self, folder: Path) -> dict[str, list[str]]:
        """Return the same for all files of a folder, by the name of each that holds some."""
        return {
            str(path.relative_to(folder)): found
            for path in folder.rglob("*")
            if path.is_file() and (found := self.found_in(path.read_bytes()))
        }


def _hex_of(data: bytes) -> list[bytes]:
    found: list[bytes] = _IN_HEX.findall(data)
    return found


def all_keys_of(path: Path) -> bytes:
    """Return whatever a server of Valkey holds, that of this socket: each key, and what is there.

    Its files may be compressed: nothing is found there.
    """
    with short(str(path)) as name, socket.socket(socket.AF_UNIX) as server:
        server.settimeout(_PATIENCE)
        server.connect(name)
        found = []
        for key in _bulks(_asked(server, b"KEYS", b"*")):
            kind = _asked(server, b"TYPE", key).strip().decode()
            found += [key, _asked(server, *_reading(kind, key))]
    return b"\n".join(found)


def _asked(server: socket.socket, *words: bytes) -> bytes:
    """Return the bytes that a command is answered with: those before the echo that follows it."""
    end = secrets.token_hex(16).encode()
    for command in (words, (b"ECHO", end)):
        parts = [b"$%d\r\n%s\r\n" % (len(word), word) for word in command]
        server.sendall(b"*%d\r\n%s" % (len(command), b"".join(parts)))
    echo = b"$%d\r\n%s\r\n" % (len(end), end)
    heard = bytearray()
    while not heard.endswith(echo):
        data = server.recv(1 << 16)
        assert data
        heard += data
    return bytes(heard[: -len(echo)])


def _bulks(answer: bytes) -> list[bytes]:
    """Return the strings of a list."""
    head, _, rest = answer.partition(b"\r\n")
    found = []
    for _ in range(int(head[1:])):
        length, _, rest = rest.partition(b"\r\n")
        size = int(length[1:])
        found.append(rest[:size])
        rest = rest[size + 2 :]
    return found


def _reading(kind: str, key: bytes) -> tuple[bytes, ...]:
    """Return the command that reads a whole key."""
    commands: dict[str, tuple[bytes, ...]] = {
        "+string": (b"GET", key),
        "+hash": (b"HGETALL", key),
        "+list": (b"LRANGE", key, b"0", b"-1"),
        "+set": (b"SMEMBERS", key),
        "+zset": (b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"),
        "+stream": (b"XRANGE", key, b"-", b"+"),
    }
    assert kind in commands, f"{kind}: somebody must say how it is read"
    return commands[kind]
