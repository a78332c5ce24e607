"""What clients send whose answers stream, to whichever worker."""

import json

import pytest

from tests.helpers.hub_house import on_a_loop, settle
from tests.helpers.paper_stream import PaperStream
from tests.unit.features.realtime.test_streams import SECRET, Place
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.emulation import Emulation
from tta_gateway.features.realtime.errand import Order
from tta_gateway.features.realtime.protobuf_wire import field_data, field_text
from tta_gateway.features.realtime.streams import BINARY


class Others:
    """Other workers, of which one has a session."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, bytes]] = []
        self.is_away = False

    async def order(self, order: Order) -> None:
        raise AssertionError(order)

    async def hand(self, worker: str, session: str, data: bytes) -> bool:
        if self.is_away:
            raise Away("away", may_be_done=True)
        self.taken.append((worker, session, data))
        return session == "theirs"


class Post:
    """A worker that is sent commands, with one session of its own."""

    def __init__(self) -> None:
        self.place = Place()
        self.others = Others()
        self.faults: list[str] = []
        self.emulation = Emulation(
            self.place.streams, self.others, died=lambda name, _: self.faults.append(name)
        )
        self.stream = self.place.opened()
        self.stream.take()

    def sends(self, body: bytes, *, is_binary: bool = False) -> PaperStream:
        kind = BINARY if is_binary else b"application/json"
        made = PaperStream(fields=[(b"content-type", kind)])
        self.emulation.asked(made, body)
        return made


def words(session: str = SECRET, node: str = "here", data: str = '{"id":2,"ping":{}}') -> bytes:
    return json.dumps({"session": session, "node": node, "data": data}).encode()


@on_a_loop
async def test_what_is_for_a_session_of_this_worker_is_done_at_once() -> None:
    post = Post()
    assert post.sends(words()).status == 204
    assert post.stream.take() == b'{"id":2,"ping":{}}\n'
    packed = field_text(1, "here") + field_text(2, SECRET) + field_data(3, b'{"id":3,"ping":{}}')
    assert post.sends(packed, is_binary=True).status == 204
    assert post.stream.take() == b'{"id":3,"ping":{}}\n'
    assert post.others.taken == []


@on_a_loop
async def test_what_is_for_another_worker_is_handed_over() -> None:
    post = Post()
    answer = post.sends(words("theirs", "there", "x"))
    assert answer.response is None
    await settle()
    assert answer.status == 204
    assert post.others.taken == [("there", "theirs", b"x")]
    assert post.stream.take() == b""


@pytest.mark.parametrize("node", ["here", "there", ""])
@on_a_loop
async def test_a_session_that_nobody_has_is_not_found(node: str) -> None:
    post = Post()
    answer = post.sends(words("guessed", node))
    await settle()
    assert (answer.status, answer.code) == (404, "realtime_session_unknown")


@on_a_loop
async def test_a_worker_that_does_not_answer_is_told_of() -> None:
    post = Post()
    post.others.is_away = True
    answer = post.sends(words("theirs", "there"))
    await settle()
    assert (answer.status, answer.code) == (503, "realtime_session_unreachable")
    assert post.faults == []


@on_a_loop
async def test_what_makes_no_sense_or_is_too_large_is_refused_and_ends_nothing() -> None:
    post = Post()
    assert (post.sends(b"{").status, post.sends(b"{").code) == (400, "realtime_malformed")
    post.place.streams.largest = 100
    assert post.sends(words(data=" " * 101)).code == "realtime_message_too_large"
    assert post.sends(words()).status == 204
    assert not post.stream.is_over
