"""A hundred people who write of nothing but a crisis, faster than the service can answer: what
others ask for is answered all the same, and none of the hundred is refused bare.

With the real detector, lane, journal and guard; style.md, the lane's budget.
"""

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.helpers.gateway import Gateway, start_gateway
from tests.helpers.overload import service_of

pytestmark = pytest.mark.e2e

SERVERS, TAKES = 8, 0.05
IN_NEED, OTHERS = 100, 20
MESSAGES: Final = 14
EVERY: Final = {"in need": 0.5, "others": 0.5}
"""Seconds from one request of a person to their next: 240 a second, of 160 that can be done."""
ALLOWED: Final = 2
LIMIT: Final = {"requests": ALLOWED, "per": "1h", "key": ["user"], "name": "slowly"}
FORWARDED: Final = 10
"""Messages of one person in a minute that go by the lane, which no limit holds up."""
CRY: Final = "I cannot go on, I want to end my life."
SECRET: Final = "0123456789abcdef" * 4
Task = asyncio.Task[None]
Heard = tuple[int, bytes, bytes]
"""A status, the fields, and the body of an answer."""


def crowded(port: int, folder: Path) -> Gateway:
    (folder / "secret").write_text(SECRET)
    issuer = {"name": "clinic", "secret": {"file": str(folder / "secret")}, "roles": ["player"]}
    route = {"service": "known", "class": "therapeutic"}
    return start_gateway(
        {
            "listen": "127.0.0.1:0",
            "state_dir": str(folder / "var"),
            "identity": {"issuers": [issuer]},
            "services": {"known": {"endpoints": [f"http://127.0.0.1:{port}"]}},
            "routes": [
                {**route, "path": "/say", "rate_limit": LIMIT},
                {**route, "path": "/day"},
            ],
            "journal": {"in_memory": "allow"},
            "admission": {"enabled": True},
        },
        folder,
    )


class Person:
    """Somebody with a token and a connection, who asks at a steady pace whatever they hear."""

    def __init__(self, port: int, name: str, asks: bytes, body: bytes = b"") -> None:
        claims = {"iss": "clinic", "sub": name, "role": "player", "exp": int(time.time()) + 600}
        token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET)).encode()
        fields = b"Host: a\r\nContent-Type: application/json\r\nAuthorization: Bearer " + token
        head = b"%b HTTP/1.1\r\n%b\r\nContent-Length: %d\r\n\r\n"
        self._port, self._request = port, head % (asks, fields, len(body)) + body
        self.heard: list[Heard] = []

    async def go_on(self, begins: float, every: float, times: Iterable[int]) -> None:
        await asyncio.sleep(begins)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            for _ in times:
                due = time.monotonic()
                writer.write(self._request)
                self.heard.append(await _answer(reader))
                await asyncio.sleep(max(0.0, due + every - time.monotonic()))
        finally:
            writer.close()
            await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" not in head:
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        return int(head[9:12]), head, await reader.readexactly(length)
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return int(head[9:12]), head, body


async def all_at_once(in_need: Sequence[Person], others: Sequence[Person]) -> None:
    """Have those in need write so many messages each, and the others go on as long as they do."""

    def ask(people: Sequence[Person], every: float, times: Iterable[int]) -> list[Task]:
        begins = [every * number / len(people) for number in range(len(people))]
        return [
            asyncio.create_task(person.go_on(at, every, times))
            for person, at in zip(people, begins, strict=True)
        ]

    beside = ask(others, EVERY["others"], count())
    await asyncio.gather(*ask(in_need, EVERY["in need"], range(MESSAGES)))
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)


def test_crises_alone_are_no_way_round_the_limits_and_are_never_refused_bare(
    tmp_path: Path,
) -> None:
    """Red where the lane forwards all, or where what it does not forward is refused."""
    cry = json.dumps({"text": CRY}).encode()
    with service_of(servers=SERVERS, takes=TAKES) as port:
        gateway = crowded(port, tmp_path)
        try:
            in_need = [Person(gateway.port, f"n{one}", b"POST /say", cry) for one in range(IN_NEED)]
            others = [Person(gateway.port, f"o{one}", b"GET /day") for one in range(OTHERS)]
            asyncio.run(all_at_once(in_need, others))
        finally:
            gateway.stop()
    cries = [one for person in in_need for one in person.heard]
    told = [status for status, _, _ in cries]
    assert {200, 202} <= set(told) <= {200, 202, 429}
    assert all(person.heard[0][0] == 200 for person in in_need)
    assert told.count(200) <= IN_NEED * (ALLOWED + FORWARDED)
    assert told.count(429) / len(told) < 0.2  # for which there was no time to look: with help
    assert all(b"x-crisis-support:" in fields for _, fields, _ in cries)
    assert all(json.loads(body)["help"] for status, _, body in cries if status != 200)
    asked = [status for person in others for status, _, _ in person.heard]
    assert len(asked) > OTHERS
    assert asked.count(200) / len(asked) >= 0.95
