"""What people write stands nowhere in the store in clear, nor goes over its bus so."""

import uuid

import pytest
import uvloop

from tests.helpers.channels import VAULT, until, workers
from tests.helpers.valkey_client import client
from tests.helpers.valkey_server import Server
from tta_gateway.features.realtime.inbox import Letter, channel_of
from tta_gateway.features.realtime.publication import Keeping, Publication
from tta_gateway.features.realtime.valkey_inbox import ValkeyInbox
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.vault import Vault
from tta_gateway.support.redaction.field import shown
from tta_gateway.support.valkey.client import Valkey

pytestmark = pytest.mark.redis
KEPT = Keeping(size=1000, seconds=60)
CANARY = b"kanarie-%b" % uuid.uuid4().hex.encode()
FAR = 4_000_000_000_000  # milliseconds


async def dumped(valkey: Valkey) -> bytes:
    """All that the server keeps: each key with what it holds."""
    read = {
        b"string": ("GET",),
        b"hash": ("HGETALL",),
        b"stream": ("XRANGE", "-", "+"),
        b"zset": ("ZRANGE", "0", "-1"),
    }
    found = []
    keys = await valkey.command("KEYS", "*")
    assert isinstance(keys, list)
    for key in keys:
        assert isinstance(key, bytes)
        kind = await valkey.command("TYPE", key)
        assert isinstance(kind, bytes | str)
        word, *rest = read[kind if isinstance(kind, bytes) else kind.encode()]
        found.append(repr((key, await valkey.command(word, key, *rest))))
    return "\n".join(found).encode()


def test_neither_a_stream_nor_a_letter_dead_or_alive_shows_what_it_says(shared: Server) -> None:
    """Red without `vault.seal(…)` in valkey_broker.py, _sealed, or in valkey_inbox.py, post."""

    async def body() -> None:
        channel, user = f"session:{uuid.uuid4().hex}", uuid.uuid4().hex
        async with workers(shared.unix) as (one,), client(shared.unix) as (valkey, _):
            inbox = ValkeyInbox(lambda: valkey, wall=lambda: 1_800_000_000.0)
            inbox.vault = lambda: VAULT
            await one.broker.follow(channel)
            await one.broker.follow(channel_of(user))
            said = Publication(b'"%b"' % CANARY, tags={"k": CANARY.decode()})
            await one.broker.publish(channel, said, keeping=KEPT)
            await inbox.post(user, Letter("a", said, FAR))
            await inbox.post(user, Letter("b", said, 1))  # expired: it is a dead letter
            await until(lambda: one.heard.has(channel, 1) and one.heard.has(channel_of(user), 1))
            kept = await dumped(valkey)
            assert channel.encode() in kept
            assert CANARY not in kept
            stored = await one.broker.history(channel, since=None, limit=-1)
            assert [each.data for each in stored.publications] == [said.data]
            assert [each.data for each in (await inbox.drain(user)).letters] == [said.data]
            assert [each.publication.data for each in (await inbox.dead(user)).letters] == [
                said.data
            ]

    uvloop.run(body())


def test_what_was_published_before_there_was_a_vault_is_still_read(shared: Server) -> None:
    async def body() -> None:
        channel = f"session:{uuid.uuid4().hex}"
        async with workers(shared.unix, 2) as (before, after):
            before.broker.vault = lambda: None
            for worker in (before, after):
                await worker.broker.publish(channel, Publication(b"1"), keeping=KEPT)
            stored = await after.broker.history(channel, since=None, limit=-1)
            assert [one.data for one in stored.publications] == [b"1", b"1"]

    uvloop.run(body())


def test_a_node_without_the_key_hears_a_gap_and_says_so(shared: Server) -> None:
    async def body() -> None:
        channel = f"session:{uuid.uuid4().hex}"
        async with workers(shared.unix, 2) as (one, stranger):
            stranger.broker.vault = lambda: Vault(Ring([b"n" * 32]))
            await one.broker.publish(channel, Publication(b"1"), keeping=KEPT)
            stored = await stranger.broker.history(channel, since=None, limit=-1)
            assert list(stored.publications) == []
            assert stored.top.offset == 1
            assert any("channel_garbled" in event for event in stranger.told.events)

    uvloop.run(body())


def test_what_says_so_names_nobody_but_as_somebody(shared: Server) -> None:
    """The log has a pseudonym of a `subject`, and `channel` as it is."""

    async def body() -> None:
        subject, told = uuid.uuid4().hex, list[dict[str, object]]()
        async with workers(shared.unix, 2) as (one, stranger):
            stranger.broker.vault = lambda: Vault(Ring([b"n" * 32]))
            stranger.broker._tell = lambda name, **fields: told.append({"event": name, **fields})
            await one.broker.publish(f"user:{subject}", Publication(b"1"), keeping=KEPT)
            await stranger.broker.history(f"user:{subject}", since=None, limit=-1)
        (said,) = told
        assert said == {
            "event": "channel_garbled",
            "channel": "user:",
            "subject": subject,
            "offset": 1,
        }
        assert shown("subject", subject, lambda _: "somebody") == "somebody"

    uvloop.run(body())
