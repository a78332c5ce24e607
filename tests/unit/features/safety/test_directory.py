"""Directories: only what is signed and newer takes the place of ours."""

import asyncio
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tta_gateway.features.safety.directory import newer
from tta_gateway.features.safety.resources import NoResources, canonical
from tta_gateway.support.signature import new_key, sign

KEY = new_key()
PUBLIC = sign(b"", KEY)[1]


class Published:
    """A directory that gives what a test says."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def edition(self) -> bytes:
        return self._data


def file(day: str, number: str = "911", key: Ed25519PrivateKey = KEY) -> bytes:
    content = {"edition": day, "regions": {"US": {"emergency": number}}}
    signature, _ = sign(canonical(content), key)
    return json.dumps({"signed": content, "signature": signature}).encode()


def asked(data: bytes, *, than: bytes) -> str | None:
    found = asyncio.run(newer(Published(data), than=than, key=PUBLIC))
    return None if found is None else found[1].edition


def test_a_newer_edition_is_taken() -> None:
    assert asked(file("2026-12-01"), than=file("2026-11-26")) == "2026-12-01"


def test_of_the_same_day_what_differs_is_taken() -> None:
    assert asked(file("2026-11-26", "112"), than=file("2026-11-26")) == "2026-11-26"
    assert asked(file("2026-11-26"), than=file("2026-11-26")) is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (file("2026-11-25"), "older than ours"),
        (file("2026-12-01", key=new_key()), "signed with another key"),
        (b"", "is no file of help lines"),
    ],
)
def test_anything_else_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(NoResources, match=words):
        asked(data, than=file("2026-11-26"))
