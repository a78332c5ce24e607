"""The hub's channel: a letter, and a receipt; no receipt is no confirmation."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from tests.helpers.incidents import NOW, a_report
from tta_gateway.features.escalation.algorithm import opened
from tta_gateway.features.escalation.bound import Letters
from tta_gateway.features.escalation.channel import Notice
from tta_gateway.features.escalation.realtime_channel import RealtimeChannel
from tta_gateway.support.posting import NotTaken

NOTICE = Notice(id="n1", number=1, contact="team", incident=opened(a_report(), NOW), at=NOW)


class Post:
    """Inboxes, of which one is looked into after some time."""

    def __init__(self, *, after: int = 0, room: bool = True, away: bool = False) -> None:
        self.after = after
        self.room = room
        self.away = away
        self.posted: list[tuple[Sequence[str], bytes, str]] = []

    async def post(self, users: Sequence[str], data: bytes, *, id: str) -> bool:
        if self.away:
            raise OSError("nobody answers")
        self.posted.append((users, data, id))
        return self.room

    async def is_acknowledged(self, users: Sequence[str], id: str) -> bool:
        assert (users, id) == (("ben",), "n1")
        self.after -= 1
        return self.after < 0


def send(post: Post) -> None:
    async def pause(_: float) -> None:
        """Wait for nothing."""

    channel = RealtimeChannel(
        Letters(name="team", users=("ben",)), post, node="edge-1", link="", sleep=pause
    )

    async def run() -> None:
        await (await channel.send(NOTICE))

    asyncio.run(run())


def test_a_receipt_confirms_it() -> None:
    post = Post(after=3)
    send(post)
    users, data, id = post.posted[0]
    assert (users, id, json.loads(data)["id"]) == (("ben",), "n1", "n1")


@pytest.mark.parametrize(
    ("post", "words"),
    [
        (Post(after=1000), "no client has acknowledged it yet"),
        (Post(room=False), "no inbox has room"),
        (Post(away=True), "store is away: nobody answers"),
    ],
)
def test_without_a_receipt_it_is_not_taken(post: Post, words: str) -> None:
    with pytest.raises(NotTaken, match=words):
        send(post)


def test_a_letter_is_posted_before_anybody_is_waited_for() -> None:
    post = Post(after=1000)

    async def run() -> None:
        channel = RealtimeChannel(Letters(name="team", users=("ben",)), post, node="n", link="")
        receipt = asyncio.ensure_future(await channel.send(NOTICE))
        assert [id for _, _, id in post.posted] == ["n1"]
        receipt.cancel()

    asyncio.run(run())
