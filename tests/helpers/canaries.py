"""Canaries: a mark of its own for every field that people and services can fill, and a search."""

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import redis

from tta_gateway.support.socket_path import short

_MARK: Final = re.compile(rb"zq[0-9a-f]{20}zq")
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
    with short(str(path)) as name, redis.Redis(unix_socket_path=name) as server:
        found: list[object] = []
        for key in server.scan_iter(count=1000):
            kind = bytes(server.type(key)).decode()
            found.append((key, kind, _held(server, key, kind)))
    return repr(found).encode()


def _held(server: redis.Redis, key: bytes, kind: str) -> object:
    if kind == "string":
        return server.get(key)
    if kind == "hash":
        return server.hgetall(key)
    if kind == "list":
        return server.lrange(key, 0, -1)
    if kind == "set":
        return server.smembers(key)
    if kind == "zset":
        return server.zrange(key, 0, -1, withscores=True)
    if kind == "stream":
        return server.xrange(key)
    raise AssertionError(f"{kind}: somebody must say how it is read")
