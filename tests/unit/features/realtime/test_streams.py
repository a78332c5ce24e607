"""Clients of the hub whose answers stream."""

import json
from urllib.parse import quote

import pytest

from tests.helpers.client_schema import Json
from tests.helpers.hub_house import HubHouse, on_a_loop, settle
from tests.helpers.paper_stream import PaperStream
from tta_gateway.features.realtime import codes
from tta_gateway.features.realtime.session import Terms
from tta_gateway.features.realtime.streams import (
    BINARY,
    EventStream,
    HttpStream,
    HubStreams,
    is_binary,
)

CONNECT = b'{"id":1,"connect":{"token":"t"}}'
SECRET = "secret 1"


class Place:
    """Streams of a hub; secrets are counted."""

    def __init__(self) -> None:
        self.house = HubHouse()
        clients = iter(range(1, 100))
        secrets = iter(range(1, 100))
        self.streams = HubStreams(
            self.house.hub,
            self.house,
            fresh=lambda: f"c{next(clients)}",
            secret=lambda: f"secret {next(secrets)}",
            chance=lambda: 0.5,
            clock=self.house.clock,
        )
        self.streams.node = "here"

    def opened(self, commands: bytes = CONNECT) -> PaperStream:
        stream = PaperStream(fields=[(b"content-type", b"application/json")])
        HttpStream(self.streams).asked(stream, commands)
        return stream

    def send(self, *commands: Json, session: str = SECRET) -> bool:
        return self.streams.take(session, b"\n".join(json.dumps(one).encode() for one in commands))


def told(stream: PaperStream) -> list[Json]:
    return [json.loads(line) for line in stream.take().splitlines()]


@on_a_loop
async def test_lines_tell_whose_session_it_is_and_what_is_sent_shows_it() -> None:
    place = Place()
    stream = place.opened()
    assert stream.response is not None
    assert stream.response.fields == [
        (b"content-type", b"application/x-ndjson"),
        (b"cache-control", b"no-store, no-transform"),
        (b"x-accel-buffering", b"no"),
    ]
    (answer,) = told(stream)
    assert isinstance(answer, dict)
    connected = answer["connect"]
    assert isinstance(connected, dict)
    assert (connected["session"], connected["node"]) == (SECRET, "here")
    assert place.send({"id": 2, "subscribe": {"channel": "a"}})
    assert place.send({"id": 3, "publish": {"channel": "a", "data": 5}})
    await settle()
    heard = told(stream)
    assert [one.get("id") for one in heard if isinstance(one, dict) and "id" in one] == [2, 3]
    assert {"push": {"channel": "a", "pub": {"data": 5, "offset": 1, "info": heard_of()}}} in heard
    assert not place.send({"id": 4, "ping": {}}, session="another")
    stream.lose()
    assert not place.send({"id": 4, "ping": {}})
    assert len(place.streams) == 0
    assert place.house.lobby == ["c1 came by POST", "c1 went"]


def heard_of() -> Json:
    return {"user": "user", "client": "c1"}


@on_a_loop
async def test_events_are_asked_for_in_the_query() -> None:
    place = Place()
    stream = PaperStream("GET", f"/connection/sse?cf_connect={quote(CONNECT)}")
    EventStream(place.streams).asked(stream, b"")
    assert stream.response is not None
    assert stream.response.fields[0] == (b"content-type", b"text/event-stream; charset=utf-8")
    first = stream.take()
    assert first.startswith(b'data: {"id":1,"connect":')
    assert first.endswith(b"}\n\n")
    place.house.pass_time(40.0)
    assert stream.take() == b"data: {}\n\n"
    assert place.send({})  # the answer to that
    place.house.pass_time(9.0)
    assert not stream.is_over


@on_a_loop
async def test_who_wants_the_head_of_events_begins_nothing() -> None:
    place = Place()
    stream = PaperStream("HEAD", f"/connection/sse?cf_connect={quote(CONNECT)}")
    EventStream(place.streams).asked(stream, b"")
    assert (stream.status, stream.is_over, place.house.lobby) == (200, True, [])


@on_a_loop
async def test_protocol_buffers_are_told_by_their_content_type() -> None:
    place = Place()
    stream = PaperStream(fields=[(b"content-type", b"Application/Octet-Stream; a=b")])
    assert is_binary(stream.exchange.request)
    assert not is_binary(PaperStream().exchange.request)
    HttpStream(place.streams).asked(stream, b"\x07\x08\x01\x22\x03\x0a\x01t")
    assert stream.response is not None
    assert stream.response.fields[0] == (b"content-type", BINARY)
    answer = stream.take()
    assert answer[0] == len(answer) - 1
    assert SECRET.encode() in answer


@pytest.mark.parametrize(("commands", "code"), [(b"", "no_commands"), (b"x" * 70_000, "too_large")])
@on_a_loop
async def test_what_begins_no_session_is_refused(commands: bytes, code: str) -> None:
    place = Place()
    stream = place.opened(commands)
    assert stream.code.endswith(code)
    assert place.house.lobby == []


@pytest.mark.parametrize(
    ("commands", "code"), [(b"{", 3501), (CONNECT.replace(b'"t"', b'"bad"'), 3500)]
)
@on_a_loop
async def test_who_may_not_connect_hears_it_in_the_answer(commands: bytes, code: int) -> None:
    stream = Place().opened(commands)
    (push,) = told(stream)
    assert isinstance(push, dict)
    end = push["push"]
    assert isinstance(end, dict)
    disconnect = end["disconnect"]
    assert isinstance(disconnect, dict)
    assert disconnect["code"] == code
    assert "reconnect" not in disconnect
    assert stream.is_over


@on_a_loop
async def test_the_end_is_a_message_and_what_comes_then_is_too_late() -> None:
    place = Place()
    stream = place.opened()
    stream.take()
    assert stream.hearer is not None
    stream.hearer.leave()
    assert told(stream) == [
        {"push": {"disconnect": {"code": 3001, "reason": "shutdown", "reconnect": True}}}
    ]
    assert stream.is_over
    assert place.send({"id": 2, "ping": {}})  # its client may not have heard of it yet
    stream.lose()
    stream.hearer.leave()
    stream.hearer.may_write(may=True)
    stream.hearer.closed()
    assert place.send({"id": 2, "ping": {}})
    place.house.clock.advance(11.0)
    assert not place.send({"id": 2, "ping": {}})
    assert place.house.lobby == ["c1 came by POST", "c1 went"]


@on_a_loop
async def test_who_does_not_keep_up_is_waited_for_and_then_sent_away() -> None:
    place = Place()
    place.house.hub.terms = Terms(queue=1000)
    stream = place.opened()
    stream.take()
    assert stream.hearer is not None
    stream.hearer.may_write(may=False)
    place.house.hub.tell("user", b'"waits"')
    assert stream.take() == b""
    stream.hearer.may_write(may=True)
    assert told(stream) == [{"push": {"message": {"data": "waits"}}}]
    stream.hearer.may_write(may=False)
    for _ in range(3):
        place.house.hub.tell("user", b'"%b"' % (b"x" * 900))
    (push,) = told(stream)
    assert isinstance(push, dict)
    assert str(codes.SLOW.code) in json.dumps(push)
    assert stream.is_over


@on_a_loop
async def test_what_is_sent_faster_than_it_is_done_waits_its_turn() -> None:
    place = Place()
    stream = place.opened()
    stream.take()
    asks: list[Json] = [{"id": 2 + at, "history": {"channel": "a"}} for at in range(200)]
    for at in range(0, 200, 20):
        assert place.send(*asks[at : at + 20])
    for _ in range(40):
        await settle()
    answers = told(stream)
    assert [one["id"] for one in answers if isinstance(one, dict)] == list(range(2, 202))


@on_a_loop
async def test_what_waits_is_bounded_and_forgotten_with_its_client() -> None:
    place = Place()
    place.house.hub.terms = Terms(queue=3000)
    stream = place.opened()
    stream.take()
    ask: list[Json] = [{"id": 2, "history": {"channel": "a"}}] * 70
    for _ in range(2):
        assert place.send(*ask)
    assert not stream.is_over
    assert place.send(*ask)
    (push,) = told(stream)
    assert str(codes.TOO_MANY.code) in json.dumps(push)
    stream.lose()
    await settle()


@on_a_loop
async def test_what_waits_counts_even_where_it_is_empty() -> None:
    """Red without `_A_FRAME` in streams.py."""
    place = Place()
    place.house.hub.terms = Terms(queue=3000)
    stream = place.opened()
    stream.take()
    pings: list[Json] = [{"id": 3, "ping": {}}] * 70
    assert place.send({"id": 2, "rpc": {"method": "hang"}}, *pings)
    for _ in range(3000):
        assert place.streams.take(SECRET, b"")
    (push,) = told(stream)
    assert str(codes.TOO_MANY.code) in json.dumps(push)
    stream.lose()
    await settle()


@on_a_loop
async def test_a_frame_for_many_is_written_once() -> None:
    place = Place()
    first, second = place.opened(), place.opened()
    for one, session in ((first, SECRET), (second, "secret 2")):
        place.send({"id": 2, "subscribe": {"channel": "a"}}, session=session)
        await settle()
        one.take()
    place.send({"id": 3, "publish": {"channel": "a", "data": 1}})
    await settle()
    push = second.take()
    assert push
    assert push in first.take()
