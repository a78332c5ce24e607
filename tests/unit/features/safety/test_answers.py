"""Which answers are looked at, and how; the whole way stands in test_policy.py."""

import asyncio
import zlib
from collections.abc import Callable
from itertools import count

import pytest

from tests.helpers.builders import a_head, an_exchange
from tta_gateway.features.safety.answers import SHORT, Answers, Preview
from tta_gateway.features.safety.problems import WITHHELD
from tta_gateway.kernel.exchange import Exchange, Sink
from tta_gateway.kernel.message import CHUNKED, UNTIL_CLOSE, Response
from tta_gateway.kernel.verdict import Verdict

HARM = b"nobody would miss you"


class House:
    def __init__(self) -> None:
        self.found: list[str] = []
        self.unseen: list[str] = []
        self.later: list[Callable[[], None]] = []
        self.answers = Answers(
            lambda text: Verdict(2 if HARM.decode() in text else 1),
            found=lambda _, __, text: self.found.append(text),
            unseen=self.unseen.append,
            safe=lambda _: b"{}",
            later=self.later.append,
            report=lambda _, __: None,
        )

    def flush(self) -> None: ...

    def look(self, answer: Response, method: str = "GET") -> Preview | Response | None:
        self.exchange = exchange = an_exchange(a_head(method), origin=self)
        exchange.response = answer
        return self.answers.look(exchange, answer)


def of_service(
    body: bytes | None = b"",
    *,
    kind: bytes = b"text/plain",
    status: int = 200,
    length: int = 10,
    coding: bytes = b"",
) -> Response:
    answer = Response(status, [(b"content-type", kind)], body)
    answer.local = False
    answer.length = length
    if coding:
        answer.fields.append((b"content-encoding", coding))
    return answer


@pytest.mark.parametrize("status", [204, 304, 101])
def test_what_has_no_body_is_not_looked_at(status: int) -> None:
    house = House()
    assert house.look(of_service(None, status=status)) is None
    assert house.look(of_service(HARM), method="HEAD") is None
    assert house.look(of_service(b"")) is None
    assert house.exchange.wraps is None


def test_the_gateway_s_own_words_are_not_looked_at() -> None:
    assert House().look(Response(200, [], HARM)) is None


def test_a_short_one_is_looked_at_at_once() -> None:
    house = House()
    assert house.look(of_service(b"fair weather")) is None
    found = house.look(of_service(b"well, " + HARM))
    assert isinstance(found, Response)
    assert found.problem is WITHHELD
    assert house.found == ["well, " + HARM.decode()]


def test_a_short_one_that_takes_long_is_looked_at_in_turns() -> None:
    house = House()
    times = count(0.0, 0.001)
    house.answers.clock = lambda: next(times)
    preview = house.look(of_service(b"well, " + HARM))
    assert isinstance(preview, Preview)
    found = asyncio.run(answer_of(preview))
    assert found is not None
    assert found.problem is WITHHELD


@pytest.mark.parametrize("length", [100, 100_000])
def test_a_longer_one_in_turns(length: int) -> None:
    house = House()
    preview = house.look(of_service(HARM + b"." * (length + SHORT)))
    assert isinstance(preview, Preview)
    found = asyncio.run(answer_of(preview))
    assert found is not None
    assert house.unseen == []


@pytest.mark.parametrize(("kind", "seen"), [(b"text/plain", True), (b"application/pdf", False)])
def test_what_follows_the_window_is_looked_at_on_its_way_if_it_is_text(
    kind: bytes, seen: bool
) -> None:
    house = House()
    preview = house.look(of_service(b"fair. " * 20_000, kind=kind))
    assert isinstance(preview, Preview)
    assert asyncio.run(answer_of(preview)) is None
    assert bool(house.exchange.wraps) is seen
    assert house.unseen == ([] if seen else ["middle"])


async def answer_of(preview: Preview) -> Response | None:
    return await preview.answer()


def test_what_is_no_text_is_passed_on_and_counted() -> None:
    house = House()
    assert house.look(of_service(b"\x89PNG", kind=b"image/png")) is None
    assert house.look(of_service(None, kind=b"application/octet-stream")) is None
    assert house.unseen == ["kind", "kind"]


def test_a_whole_one_that_nobody_can_decode_is_counted() -> None:
    house = House()
    preview = house.look(of_service(b"packed", coding=b"compress"))
    assert isinstance(preview, Preview)
    assert asyncio.run(answer_of(preview)) is None
    assert house.unseen == ["coding"]


def test_one_that_seems_to_be_no_text_is_counted() -> None:
    house = House()
    assert house.look(of_service(b"\0\1\2", kind=b"application/pdf")) is None
    assert house.unseen == ["kind"]


@pytest.mark.parametrize(
    ("kind", "length", "is_followed"),
    [
        (b"text/event-stream", CHUNKED, True),
        (b"text/event-stream", 100, True),
        (b"text/plain", CHUNKED, True),
        (b"text/plain", UNTIL_CLOSE, True),
        (b"application/x-ndjson", CHUNKED, True),
        (b"text/plain; charset=UTF-16", CHUNKED, False),
        (b"application/json", CHUNKED, False),
        (b"text/plain", 100, False),
    ],
)
def test_what_is_of_use_before_it_is_whole_is_followed(
    kind: bytes, length: int, is_followed: bool
) -> None:
    async def look() -> None:
        house = House()
        found = house.look(of_service(None, kind=kind, length=length))
        assert (found is None, bool(house.exchange.wraps)) == (is_followed, is_followed)

    asyncio.run(look())


@pytest.mark.parametrize(
    ("coding", "field", "status"),
    [
        (b"compress", (b"etag", b'"1"'), 200),
        (b"gzip", (b"cache-control", b"No-Transform"), 200),
        (b"gzip", (b"content-digest", b"sha-256=:a:"), 200),
        (b"gzip", (b"etag", b'"1"'), 206),
    ],
)
def test_a_stream_that_cannot_be_passed_on_decoded_is_counted(
    coding: bytes, field: tuple[bytes, bytes], status: int
) -> None:
    house = House()
    answer = of_service(
        None, kind=b"text/event-stream", status=status, length=CHUNKED, coding=coding
    )
    answer.fields.append(field)
    assert house.look(answer) is None
    assert (house.exchange.wraps, house.unseen) == (None, ["coding"])
    assert answer.get(b"content-encoding") == coding


def compressed_stream(house: House, client: "Client") -> Sink:
    answer = of_service(None, kind=b"text/event-stream", length=CHUNKED, coding=b"gzip")
    answer.fields.append((b"etag", b'"1"'))
    assert house.look(answer) is None
    assert (answer.get(b"content-encoding"), answer.get(b"etag")) == (None, None)
    assert house.exchange.wraps is not None
    return house.exchange.wraps[0](client)


def test_a_stream_that_is_compressed_is_looked_at_and_passed_on_decoded() -> None:
    house, client = House(), Client()
    sink = compressed_stream(house, client)
    packing = zlib.compressobj(wbits=31)
    for text in (b"data: fair\n\n", b"data: nobody would\n\n", b"data:  miss you\n\n"):
        sink.send_data(packing.compress(text) + packing.flush(zlib.Z_SYNC_FLUSH))
    assert client.shown == b"data: fair\n\nevent: safety\ndata: {}\n\n"
    assert (client.how, len(house.found), house.unseen) == ("ended", 1, [])


def test_a_stream_that_is_compressed_and_breaks_off_is_broken_off_and_counted() -> None:
    house, client = House(), Client()
    sink = compressed_stream(house, client)
    packing = zlib.compressobj(wbits=31)
    sink.send_data(packing.compress(b"data: fair. \n\n") + packing.flush(zlib.Z_SYNC_FLUSH))
    sink.send_end()
    assert (client.shown, client.how) == (b"data: fair. \n\n", "cut")
    assert (house.found, house.unseen) == ([], ["truncated"])


def test_a_stream_that_nobody_can_decode_ends_there_and_is_counted() -> None:
    house, client = House(), Client()
    sink = compressed_stream(house, client)
    sink.send_data(b"data: this is not compressed\n\n")
    assert client.shown == b"event: safety\ndata: {}\n\n"
    assert (client.how, house.unseen) == ("ended", ["undecodable"])


class Client:
    def __init__(self) -> None:
        self.shown = b""
        self.how = ""

    def send_data(self, data: bytes) -> None:
        self.shown += data

    def send_end(self, trailers: object = None) -> None:  # noqa: ARG002 - the port's
        self.how = "ended"

    def abort(self) -> None:
        self.how = "cut"


@pytest.mark.parametrize(
    ("kind", "length", "shown"),
    [
        (b"text/event-stream", CHUNKED, b"event: safety\ndata: {}\n\n"),
        (b"application/x-ndjson", CHUNKED, b"{}\n"),
        (b"text/plain", CHUNKED, b"\n\n" + WITHHELD.detail.encode() + b"\n"),
        (b"text/event-stream", 100, b"event: safety\ndata: {}\n\n"),
    ],
)
def test_in_the_place_of_what_is_harmful_stands_what_the_client_can_read(
    kind: bytes, length: int, shown: bytes
) -> None:
    house, client = House(), Client()
    house.look(of_service(None, kind=kind, length=length))
    exchange: Exchange = house.exchange
    assert exchange.wraps is not None
    (wrap,) = exchange.wraps
    sink = wrap(client)
    sink.send_data(b'data: "%b."\n\n' % HARM)
    sink.send_end()
    assert (client.shown, client.how) == (shown, "ended")
    assert exchange.response is not None
    assert exchange.response.length == CHUNKED


@pytest.mark.parametrize(
    ("kind", "begin", "between"),
    [(b"text/event-stream", b"data: ", b"\n\n"), (b"application/x-ndjson", b'"', b"\n")],
)
def test_it_begins_a_line_of_its_own(kind: bytes, begin: bytes, between: bytes) -> None:
    house, client = House(), Client()
    house.look(of_service(None, kind=kind, length=CHUNKED))
    assert house.exchange.wraps is not None
    sink = house.exchange.wraps[0](client)
    long = begin + b"fair weather " * 6000
    for data in (long, HARM + b". "):
        sink.send_data(data)
    sink.send_end()
    while house.later:
        house.later.pop(0)()
    shown, found, _ = client.shown.rpartition(between + (b"event" if between[1:] else b"{"))
    assert found
    assert shown
    assert long.startswith(shown)
    assert HARM not in client.shown


@pytest.mark.parametrize(
    ("kind", "length", "is_held"),
    [
        (b"application/grpc-web+proto", CHUNKED, False),
        (b"multipart/x-mixed-replace; boundary=a", UNTIL_CLOSE, False),
        (b"application/grpc-web-text", CHUNKED, False),
        (b"application/pdf", 100, True),
        (b"application/problem+json; charset=utf-8", CHUNKED, True),
        (b"multipart/mixed; boundary=a", CHUNKED, True),
        (b"", CHUNKED, True),
    ],
)
def test_what_is_no_text_and_comes_bit_by_bit_is_not_held(
    kind: bytes, length: int, is_held: bool
) -> None:
    house = House()
    held = house.look(of_service(None, kind=kind, length=length))
    assert (isinstance(held, Preview), house.unseen) == (is_held, [] if is_held else ["kind"])


def test_tokens_in_lines_that_say_what_they_are_are_put_together() -> None:
    house, client = House(), Client()
    answer = of_service(None, length=CHUNKED)
    answer.fields.append((b"x-vercel-ai-data-stream", b"v1"))
    house.look(answer)
    assert house.exchange.wraps is not None
    sink = house.exchange.wraps[0](client)
    for token in (b"nobody", b" would", b" miss", b" you", b"."):
        sink.send_data(b'0:"%b"\n' % token)
    assert b"you" not in client.shown
    assert len(house.found) == 1


def test_the_same_harmless_answer_is_looked_at_once() -> None:
    read: list[str] = []
    house = House()
    judge = house.answers.judge

    def noted(text: str) -> Verdict:
        read.append(text)
        return judge(text)

    house.answers.judge = noted
    for _ in range(3):
        assert house.look(of_service(b"fair weather")) is None
        assert isinstance(house.look(of_service(HARM)), Response)
    assert read.count("fair weather") == 1
    assert read.count(HARM.decode()) == 3


def json_of(*, kind: bytes = b"application/json", length: int = 100_000) -> Response:
    return of_service(None, kind=kind, length=length)


async def held(house: House, answer: Response, *pieces: bytes) -> Preview:
    """Hold an answer of which no more comes than this, until the time for it is over."""
    house.answers.hold = 0.01
    preview = house.look(answer)
    assert isinstance(preview, Preview)
    for piece in pieces:
        assert preview.take(piece)
    assert await preview.answer() is None
    return preview


@pytest.mark.parametrize(
    ("kind", "space"),
    [
        (b"application/json", b"\\u0020"),
        (b"application/x-ndjson", b"\\u0020"),
        (b"text/plain", b" "),
    ],
)
def test_a_head_goes_out_when_the_rest_does_not_come_and_that_is_looked_at_on_its_way(
    kind: bytes, space: bytes
) -> None:
    house, client = House(), Client()
    answer = json_of(kind=kind)
    asyncio.run(held(house, answer, b'{"a": "fair'))
    assert (answer.length, house.exchange.preview) == (CHUNKED, None)
    assert house.exchange.wraps is not None
    sink = house.exchange.wraps[0](client)
    sink.send_data(b'{"a": "fair weather, nobody ')
    sink.send_data(b'would miss%byou"}\n' % space)
    sink.send_end()
    assert b"you" not in client.shown
    assert len(house.found) == 1


def test_an_answer_in_wide_letters_is_held_until_it_is_whole() -> None:
    async def wait() -> None:
        house = House()
        house.answers.hold = 0.01
        preview = house.look(json_of(kind=b"text/plain; charset=utf-16"))
        assert isinstance(preview, Preview)
        waiting = asyncio.ensure_future(preview.answer())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        preview.take(HARM.decode().encode("utf-16"))
        preview.end()
        answer = await waiting
        assert answer is not None
        assert answer.problem is WITHHELD

    asyncio.run(wait())


def test_what_has_broken_off_meanwhile_is_not_followed() -> None:
    async def wait() -> None:
        house = House()
        house.answers.hold = 0.01
        preview = house.look(json_of())
        assert isinstance(preview, Preview)
        house.exchange.response = Response(502)
        assert await preview.answer() is None
        assert house.exchange.wraps is None

    asyncio.run(wait())


def test_of_an_answer_that_breaks_off_nothing_is_looked_at() -> None:
    async def broken() -> Response | None:
        house = House()
        preview = house.look(of_service(None, kind=b"application/json", length=100))
        assert isinstance(preview, Preview)
        preview.take(b'{"a":"%b' % HARM)
        house.exchange.response = Response(502)
        preview.end()
        answer = await preview.answer()
        assert (house.found, house.unseen) == ([], [])
        return answer

    assert asyncio.run(broken()) is None
