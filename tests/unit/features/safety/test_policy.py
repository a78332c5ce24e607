"""What is looked at on a scanned route, over the whole edge, on paper."""

import gzip
import re
import zlib
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import a_head
from tests.helpers.paper_gateway import GET, OK, paper_gateways, statuses
from tests.helpers.scanned import (
    CRY,
    DIRE,
    HARM,
    LAST,
    LOW,
    ScannedHouse,
    answered,
    chunk,
    posted,
    said,
    streaming,
)
from tta_gateway.features.safety.accounts import PROMISED
from tta_gateway.features.safety.bound import Mode
from tta_gateway.features.safety.metrics import FOUND, LOST, UNSEEN
from tta_gateway.features.safety.policy import DURABLE, PATIENCE
from tta_gateway.features.safety.telling import Telling
from tta_gateway.kernel.drill import Drill
from tta_gateway.kernel.traffic import CRISIS, THERAPEUTIC
from tta_gateway.kernel.verdict import Verdict

SUPPORT = b"x-crisis-support: "
WINDOW = 64 * 1024


# What people write


def test_what_somebody_at_risk_writes_is_delivered_told_and_answered_with_help() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(said(CRY))
        sent = house.gateway.service.sent
        assert b"x-safety-level: 2\r\n" in sent
        assert b"x-safety-categories: suicide\r\n" in sent
        assert b"x-traffic-class: crisis\r\n" in sent
        assert CRY.encode() in sent
        house.answer(answered(b'{"answer":"I am here"}'))
        assert statuses(client.sent) == [200]
        assert SUPPORT in client.sent
        assert b'"safety":' in client.sent
        (report,) = house.reports
        assert (report.person, report.identity, report.level) == ("a/p7", "verified", 2)
        assert (report.source, report.delivered) == ("request", True)
        assert house.journal.kept[0][1] == CRY


@pytest.mark.parametrize(("text", "level"), [(LOW, 1), (CRY, 2), (DIRE, 2)])
def test_a_drill_is_heard_and_kept_and_counts_for_nobody(text: str, level: int) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.drill = Drill("7", by="ben", level=level, now=lambda: 0.0)
        client = house.ask(said(text))
        house.answer(answered(b'{"answer":"so"}'))
        assert SUPPORT in client.sent
        (report,) = house.reports
        assert (report.source, report.level, report.person) == ("drill", level, "drill 7 of ben")
        assert house.journal.kept[0][1] == f"[DRILL] {text}"
        assert house.drill.timing().count(b"dur=") == 3
        assert house.shown == []  # to no moderator
        counts = [house.registry.child(FOUND, "scan", str(one)).values() for one in range(4)]
        assert counts == [[0.0]] * 4


def test_of_a_drill_in_which_too_little_is_found_nobody_hears() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.drill = Drill("7", by="ben", level=3, now=lambda: 0.0)
        client = house.ask(said(CRY))
        house.answer(answered(b'{"answer":"so"}'))
        assert SUPPORT not in client.sent
        assert house.reports == []
        assert b'detector;desc="level 2 found"' in house.drill.timing()


def test_a_drill_that_cannot_be_kept_is_answered_after_a_while() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.drill = Drill("7", by="ben", level=1, now=lambda: 0.0)
        house.journal.how = "never"
        client = house.ask(said(LOW))
        house.answer(answered(b'{"answer":"so"}'))
        assert client.sent == b""
        house.gateway.loop.advance(DURABLE + 0.1)
        house.settle()
        assert statuses(client.sent) == [200]
        assert b"journal" not in house.drill.timing()


def test_a_service_that_has_not_asked_is_told_nothing() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.scan.telling = Telling(["another"])
        house.ask(said(CRY))
        sent = house.gateway.service.sent
        assert CRY.encode() in sent
        assert b"x-safety" not in sent
        assert house.exchanges[0].traffic == CRISIS


def test_a_socket_says_by_what_its_service_is_told_there() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.ask(
            b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"X-Safety-Key: mine\r\n\r\n"
        )
        sent = house.gateway.service.sent
        assert sent.count(b"x-safety-key: ") == 1
        assert b"mine" not in sent


def test_whoever_says_nothing_of_the_kind_is_served_as_ever() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(said("the weather is fine"))
        assert b"x-safety-level" not in house.gateway.service.sent
        house.answer(OK)
        assert SUPPORT not in client.sent
        assert (house.reports, house.exchanges[0].traffic) == ([], THERAPEUTIC)


def test_a_request_without_a_body_is_not_held() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.ask(GET)
        house.answer(OK)
        assert house.detector.read == []


def test_who_is_low_gets_help_without_becoming_a_crisis() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(said(LOW))
        house.answer(answered(b"{}"))
        assert SUPPORT in client.sent
        assert house.exchanges[0].traffic == THERAPEUTIC
        assert house.reports[0].level == 1


def test_the_service_hears_nothing_before_the_body_has_been_looked_at() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        request = said(CRY)
        client = house.ask(request[:-5])
        assert house.asked == 0
        client.feed(request[-5:])
        house.settle()
        assert house.asked == 1
        assert b"x-safety-level: 2" in house.gateway.service.sent


def test_a_client_that_waits_to_be_asked_for_the_body_is() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        request = said(CRY, more=b"Expect: 100-continue\r\n")
        head, _, body = request.partition(b"\r\n\r\n")
        client = house.ask(head + b"\r\n\r\n")
        assert statuses(client.sent) == [100]
        client.feed(body)
        house.settle()
        assert b"x-safety-level: 2" in house.gateway.service.sent


def test_a_slow_body_goes_on_and_its_answer_waits_for_what_is_found() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        request = said(CRY)
        client = house.ask(request[:-5])
        house.gateway.wait(PATIENCE + 0.1)
        house.settle()
        assert house.asked == 1
        client.feed(request[-5:])
        house.settle()
        house.answer(answered(b"{}"))
        assert SUPPORT in client.sent
        assert house.reports[0].level == 2


@pytest.mark.parametrize("where", ["head", "tail"])
def test_of_a_long_body_the_beginning_and_the_end_are_looked_at(where: str) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        filler = "fair weather " * (WINDOW // 8)
        body = CRY + filler if where == "head" else filler + CRY
        request = said(body)
        client = house.ask(request[: WINDOW + 500])
        for _ in range(20):
            house.settle()
        client.feed(request[WINDOW + 500 :])
        for _ in range(20):
            house.settle()
        house.answer(answered(b"{}"))
        for _ in range(20):
            house.settle()
        assert statuses(client.sent) == [200]
        assert SUPPORT in client.sent
        assert house.gateway.service.sent.endswith(body[-20:].encode() + b'"}')
        told = b"x-safety-level: 2" in house.gateway.service.sent
        assert told == (where == "head")


@pytest.mark.parametrize(
    ("coding", "packed"),
    [(b"gzip", gzip.compress), (b"deflate", zlib.compress), (b"x-gzip", gzip.compress)],
)
def test_what_is_compressed_is_read(coding: bytes, packed: object) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        body = packed(msgspec.json.encode({"text": CRY}))  # type: ignore[operator]
        house.ask(posted(body, more=b"Content-Encoding: %b\r\n" % coding))
        assert b"x-safety-level: 2" in house.gateway.service.sent
        assert house.gateway.service.sent.endswith(body)


def test_what_cannot_be_decoded_is_counted() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.ask(posted(b"packed", more=b"Content-Encoding: compress\r\n"))
        assert house.asked == 1
        assert unseen(house, "request", "coding") == 1


def unseen(house: ScannedHouse, side: str, why: str) -> float:
    return house.registry.child(UNSEEN, side, why).values()[0]


def test_the_network_stands_for_whom_nobody_knows() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.person = ""
        house.ask(said(CRY))
        assert house.reports[0].identity == "unknown"
        assert house.reports[0].person == "network of 192.0.2.7"


# Modes


def test_in_parallel_the_service_hears_at_once_and_the_answer_waits() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build, "parallel")
        request = said(DIRE)
        client = house.ask(request[:-3])
        assert house.asked == 1
        client.feed(request[-3:])
        house.answer(answered(b"{}"))
        assert SUPPORT in client.sent
        assert house.reports[0].level == 3


def test_async_holds_nothing_and_tells() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build, "async")
        house.ask(said(CRY))
        assert house.asked == 1
        house.answer(OK)
        assert house.reports[0].level == 2


@pytest.mark.parametrize("mode", ["async", "parallel"])
def test_where_no_service_hears_it_the_answer_waits_for_the_look_in_each_mode(mode: Mode) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build, mode, tries=1)
        client = house.ask(said(CRY + ", " + "and so on. " * 200))
        house.gateway.service.lose()
        house.settle()
        assert statuses(client.sent) == [202]
        assert b'"kept"' in client.sent
        assert not house.reports[-1].delivered


def test_observing_changes_nothing_and_counts() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build, "observe")
        client = house.ask(said(CRY))
        house.answer(answered(HARM.encode(), kind=b"text/plain"))
        assert HARM.encode() in client.sent
        assert (SUPPORT in client.sent, house.reports) == (False, [])
        assert b"x-safety-level" not in house.gateway.service.sent
        assert house.registry.child(FOUND, "observe", "2").values() == [1.0]


def test_a_route_that_is_not_looked_at_is_not() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build, "off")
        house.ask(said(CRY))
        assert (house.asked, house.detector.read) == (1, [])


@pytest.mark.parametrize("mode", ["scan", "parallel", "async"])
def test_what_somebody_writes_goes_on_though_nobody_can_look(mode: Mode) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build, mode)
        house.detector.fails = True
        client = house.ask(said(CRY))
        assert house.asked == 1
        house.answer(OK)
        assert statuses(client.sent) == [200]
        assert unseen(house, "request", "fault") == 1
        assert len(house.faults) == 1


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("scan", "before the service hears them; withholds harmful answers"),
        ("parallel", "while the service answers, which waits; withholds harmful answers"),
        ("async", "without holding anything; looks at no answers"),
        ("observe", "to be counted alone; looks at no answers"),
    ],
)
def test_a_route_says_what_is_looked_at(mode: Mode, said: str) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build, mode)
        plan = house.gateway.entrance.directory.find(a_head("POST", "/a"))[0].plan
        assert any(one.explain().endswith(said) for one in plan.policies)


def test_of_a_client_that_goes_what_has_come_is_looked_at_and_told() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(said(CRY)[:-2])
        client.lose()
        house.gateway.wait(PATIENCE + 0.1)
        house.settle()
        assert house.asked == 0
        assert [one.delivered for one in house.reports] == [False]


@pytest.mark.parametrize("refused", [0, 429])
def test_a_message_that_is_here_is_told_of_though_its_writer_has_gone(refused: int) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.refused = refused
        client = house.gateway.client()
        client.feed(said(CRY))
        client.end()
        house.settle()
        assert house.asked == 0
        assert house.reports
        assert not house.reports[-1].delivered
        assert house.journal.kept[-1][1] == CRY


def test_whoever_went_with_nothing_said_is_not_told_of() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(said("the weather is fine")[:-2])
        client.lose()
        house.settle()
        assert house.reports == []


def test_what_was_withheld_and_could_not_be_kept_is_counted() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.journal.how = "not"
        house.ask(GET)
        house.answer(answered(HARM.encode(), kind=b"text/plain"))
        assert house.registry.child(LOST).values() == [1.0]


# What the gateway answers itself


def test_an_answer_waits_until_what_was_found_is_on_the_disk_but_not_for_ever() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.journal.how = "never"
        client = house.ask(said(CRY))
        house.answer(answered(b"{}"))
        assert client.sent == b""
        house.gateway.wait(2.1)
        house.settle()
        assert statuses(client.sent) == [200]
        assert SUPPORT in client.sent


def test_a_message_that_no_service_hears_is_kept_and_answered_with_help() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build, tries=1)
        client = house.ask(said(CRY))
        house.gateway.service.lose()
        house.settle()
        assert statuses(client.sent) == [202]
        assert b'"help":' in client.sent
        assert [report.delivered for report in house.reports] == [True, False]
        assert house.reports[1].amends == house.reports[0].id


def test_messages_that_no_service_hears_are_kept_however_many_others_were_delivered() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build, tries=1)
        for _ in range(45):
            house.ask(said(CRY))
            house.answer(answered(b"{}"))
        for _ in range(25):
            client = house.ask(said(CRY))
            house.gateway.service.lose()
            house.settle()
            assert statuses(client.sent) == [202]
            assert b'"kept"' in client.sent
            assert house.journal.kept[-1][1] == CRY


@pytest.mark.parametrize("how", ["not", "failing", "never"])
def test_what_cannot_be_kept_is_answered_with_the_error_and_help(how: str) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build, tries=1)
        house.journal.how = how
        client = house.ask(said(CRY))
        house.gateway.service.lose()
        house.settle()
        house.gateway.wait(2.1)
        house.gateway.wait(2.1)
        house.settle()
        house.gateway.reported.clear()  # a journal that fails dies in its task
        assert statuses(client.sent) == [502]
        assert SUPPORT in client.sent


def test_beyond_a_million_bytes_it_says_that_the_message_was_not_kept() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.refused = 429
        client = house.ask(said("fair weather"))
        for _ in range(10 + 80):
            client = house.ask(said(CRY + " fair" * 2800))
            if house.asked:
                house.answer(OK)
        told = [text for report, text in house.journal.kept if not report.delivered]
        assert 60 < sum(map(bool, told)) < 80
        assert sum(map(len, told)) < PROMISED
        assert statuses(client.sent)[-1] == 202
        assert b'"counted"' in client.sent


def test_who_was_refused_and_is_let_through_is_told_of_once() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.refused = 503
        client = house.ask(said(CRY))
        assert b"x-safety-level: 2" in house.gateway.service.sent
        house.answer(answered(b"{}"))
        assert SUPPORT in client.sent
        assert len(house.reports) == 1
        assert len(house.detector.read) == 1


def test_whose_token_has_expired_is_refused_with_help_and_told_of_once_an_hour() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.refused, house.lapsed = 401, True
        for _ in range(3):
            client = house.ask(said(DIRE))
            assert statuses(client.sent) == [401]
            assert SUPPORT in client.sent
        assert [(one.identity, one.level) for one in house.reports] == [("unverified", 2)]
        house.now += 3601.0
        house.ask(said(DIRE))
        assert (len(house.reports), house.asked) == (2, 0)


def test_a_body_that_is_too_large_is_refused_with_help() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build, max_body=100)
        client = house.ask(said(CRY * 50))
        assert statuses(client.sent) == [413]
        assert SUPPORT in client.sent


def test_one_that_turns_out_too_large_is_kept_as_far_as_it_came() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build, max_body=100)
        head = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        client = house.ask(head + chunk(CRY.encode()) + chunk(b"x" * 100))
        assert statuses(client.sent) == [202]
        assert house.reports[-1].delivered is False


# What services answer


@pytest.mark.parametrize("length", [10, 5000, 60_000])
def test_a_harmful_answer_is_replaced(length: int) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(GET)
        body = msgspec.json.encode({"a": "fine " * (length // 5), "text": HARM})
        whole = answered(body)
        house.answer(*(whole[at : at + 20_000] for at in range(0, len(whole), 20_000)))
        for _ in range(20):
            house.settle()
        assert statuses(client.sent) == [422]
        assert HARM.encode() not in client.sent
        assert b"safety_reply_withheld" in client.sent
        assert SUPPORT in client.sent
        (report,) = house.reports
        assert (report.source, report.delivered) == ("reply", False)


@pytest.mark.parametrize("length", [10, 5000, 200_000])
def test_an_answer_that_does_no_harm_passes_as_it_is(length: int) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(GET)
        body = msgspec.json.encode({"a": "fine " * (length // 5)})
        whole = answered(body)
        house.answer(*(whole[at : at + 20_000] for at in range(0, len(whole), 20_000)))
        for _ in range(50):
            house.settle()
        assert statuses(client.sent) == [200]
        assert _body_in(client.sent) == body
        assert not unseen(house, "answer", "middle")


def _body_in(sent: bytes) -> bytes:
    """Return the body of an answer, in chunks or not, that holds no line breaks."""
    return re.sub(rb"(?:\A|\r\n)[0-9a-f]+\r\n", b"", sent.partition(b"\r\n\r\n")[2]).strip()


def test_behind_the_window_of_an_answer_nothing_harmful_is_shown() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(GET)
        body = msgspec.json.encode([{"a": "fine " * 30_000}, {"a": HARM}, {"a": "more"}])
        whole = answered(body)
        house.answer(*(whole[at : at + 20_000] for at in range(0, len(whole), 20_000)))
        for _ in range(80):
            house.settle()
        assert b"fine fine" in client.sent
        assert HARM.encode() not in client.sent
        assert b"more" not in client.sent
        assert house.reports[0].source == "reply"


def test_a_compressed_answer_is_read_and_services_are_asked_for_plain_ones() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(GET.replace(b"\r\n\r\n", b"\r\nAccept-Encoding: gzip, br\r\n\r\n"))
        assert b"accept-encoding: identity\r\n" in house.gateway.service.sent
        assert house.gateway.service.sent.count(b"ccept-") == 1
        body = gzip.compress(HARM.encode())
        house.answer(answered(body, kind=b"text/plain", more=b"Content-Encoding: gzip\r\n"))
        assert statuses(client.sent) == [422]


@pytest.mark.parametrize("how", ["lose", "end"])
@pytest.mark.parametrize(("text", "status"), [("fair weather", 502), (CRY, 202)])
def test_a_service_that_breaks_off_while_its_answer_is_held_leaves_nobody_without_one(
    how: str, text: str, status: int
) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(said(text))
        house.answer(answered(b'{"a":' + b" " * 5000)[:3000])
        getattr(house.gateway.service, how)()
        house.settle()
        assert statuses(client.sent) == [status]
        assert SUPPORT in client.sent
        assert [one.delivered for one in house.reports] == ([True, False] if text == CRY else [])
        assert len(house.gateway.codes) == 1


def test_nor_does_one_that_stops_within_its_answer() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(said(CRY))
        house.answer(streaming(b"application/json") + chunk(b'{"a":'))
        house.gateway.outlast(100.0)
        assert statuses(client.sent) == [202]


def test_a_client_that_goes_while_an_answer_is_held_leaves_nothing() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(GET)
        house.answer(answered(b"x" * 5000, kind=b"text/plain")[:3000])
        client.lose()
        house.settle()


WORDS = f"You are right, {HARM} at all, and then something else."


def events(*parts: str) -> list[bytes]:
    made = [{"id": "chat-1234", "choices": [{"index": 0, "delta": {"content": p}}]} for p in parts]
    return [b"data: " + msgspec.json.encode(one) + b"\n\n" for one in made]


def shown(sent: bytes) -> str:
    """Return what a client has been shown of a stream of events."""
    found = ""
    for line in sent.split(b"\n"):
        if line.startswith(b'data: {"id"'):
            found += msgspec.json.decode(line[6:])["choices"][0]["delta"]["content"]
    return found


def test_a_harmful_sentence_in_ten_chunks_is_never_shown() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(GET)
        step = -(-len(WORDS) // 10)
        cut = [WORDS[at : at + step] for at in range(0, len(WORDS), step)]
        house.answer(streaming(), *map(chunk, events(*cut)), LAST)
        assert HARM not in shown(client.sent)
        assert shown(client.sent).startswith("You are right")
        assert "something else" not in shown(client.sent)
        assert b"event: safety\ndata: {" in client.sent
        assert client.sent.endswith(LAST)
        assert house.reports[0].source == "reply"


@given(st.lists(st.integers(1, len(WORDS) - 1), max_size=12), st.booleans())
def test_wherever_it_is_cut_it_is_never_shown(cuts: list[int], bytewise: bool) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(GET)
        places = [0, *sorted(set(cuts)), len(WORDS)]
        parts = [WORDS[a:b] for a, b in pairwise(places)]
        sent = events(*parts)
        if bytewise:
            whole = b"".join(sent)
            sent = [whole[at : at + 37] for at in range(0, len(whole), 37)]
        house.answer(streaming(), *map(chunk, sent), LAST)
        assert HARM not in shown(client.sent)
        assert b"event: safety" in client.sent


@given(st.lists(st.integers(1, len(WORDS) - 1), max_size=12))
def test_nor_in_a_text_without_events(cuts: list[int]) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(GET)
        places = [0, *sorted(set(cuts)), len(WORDS)]
        parts = [WORDS[a:b].encode() for a, b in pairwise(places)]
        house.answer(streaming(b"text/plain"), *map(chunk, parts), LAST)
        assert HARM.encode() not in client.sent.replace(b"\r\n", b"")
        assert b"This answer" in client.sent or b"might do harm" in client.sent


@given(st.lists(st.integers(1, 59), max_size=12))
def test_a_stream_that_does_no_harm_arrives_whole(cuts: list[int]) -> None:
    text = "It helps to rest a little; tell me, how was your day so far?"
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(GET)
        places = [0, *sorted(set(cuts)), len(text)]
        parts = [text[a:b] for a, b in pairwise(places)]
        house.answer(streaming(), *map(chunk, events(*parts)), LAST)
        assert shown(client.sent) == text
        assert client.sent.endswith(LAST)


def test_only_the_last_word_is_held_back() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(GET)
        house.answer(streaming(), *map(chunk, events("It", " helps", " to", " rest")))
        assert shown(client.sent) == "It helps to"
        house.answer(*map(chunk, events(".")))
        assert shown(client.sent) == "It helps to rest."
        house.answer(LAST)


def test_a_long_stream_is_looked_at_in_turns_and_arrives_whole() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(GET)
        text = ("fair weather " * 20_000).encode()
        house.answer(streaming(b"text/plain"), chunk(text), LAST)
        for _ in range(400):
            house.settle()
        assert client.sent.count(b"fair weather") >= 19_900
        assert client.sent.endswith(LAST)


def test_a_client_that_goes_within_a_stream_leaves_nothing() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(GET)
        house.gateway.service.feed(streaming(b"text/plain") + chunk(b"fair weather " * 5000))
        client.lose()
        house.settle()


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("words", [WORDS, "It helps to rest a little."])
def test_events_of_a_stated_length_end_like_any(words: str, pieces: int) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(GET)
        whole = answered(b"".join(events(*words.split(" "))), kind=b"text/event-stream")
        step = -(-len(whole) // pieces)
        house.answer(*(whole[at : at + step] for at in range(0, len(whole), step)))
        assert statuses(client.sent) == [200]
        assert b"content-length" not in client.sent.lower()
        assert (b"event: safety\ndata: {" in client.sent) == (words == WORDS)
        assert (shown(client.sent) == words.replace(" ", "")) == (words != WORDS)
        assert client.sent.endswith(LAST)


def test_of_a_stream_that_nobody_can_look_at_nothing_more_is_shown() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(GET)
        house.answer(streaming(), *map(chunk, events("It", " helps.")))
        house.detector.fails_services = True
        house.answer(*map(chunk, events(" So", " it", " goes.")), LAST)
        assert shown(client.sent) == "It helps."
        assert b"event: safety\ndata: {" in client.sent
        assert client.sent.endswith(LAST)
        assert len(house.faults) == 1


def test_help_comes_with_a_stream_too() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(said(CRY))
        house.answer(streaming(), *map(chunk, events("I am", " here.")), LAST)
        assert SUPPORT in client.sent
        assert shown(client.sent) == "I am here."
        assert house.exchanges[0].traffic == CRISIS


# The invariant


@given(
    mode=st.sampled_from(("scan", "parallel", "async")),
    refused=st.sampled_from((0, 429, 503)),
    how=st.sampled_from(("durable", "not")),
    fate=st.sampled_from(("answers", "fails", "breaks", "breaks off")),
    parts=st.integers(1, 3),
    level=st.sampled_from((CRY, DIRE)),
)
def test_nobody_in_a_crisis_gets_a_bare_error(
    mode: str, refused: int, how: str, fate: str, parts: int, level: str
) -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build, mode, tries=1)  # type: ignore[arg-type]
        house.refused, house.journal.how = refused, how
        request = said(level)
        step = -(-len(request) // parts)
        client = house.gateway.client()
        for at in range(0, len(request), step):
            client.feed(request[at : at + step])
            house.settle()
        if house.asked and fate == "answers":
            house.answer(answered(b"{}"))
        elif house.asked and fate == "fails":
            house.answer(answered(b"{}").replace(b"200 OK", b"500 No"))
        elif house.asked:
            if fate == "breaks off":
                house.answer(answered(b'{"answer":"I am here"}')[:-5])
            house.gateway.service.lose()
        house.settle()
        (status,) = statuses(client.sent)
        assert SUPPORT in client.sent
        assert status in {200, 202, 429, 500, 502, 503}
        assert house.reports


# A moderator outside


def test_what_a_moderator_finds_graver_is_told_as_of_the_same_message() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        house.ask(said(LOW))
        ((found, text, _),) = house.shown
        assert (found.level, LOW in text) == (1, True)
        house.raised(Verdict(2, ("suicide",)))
        first, second = house.reports
        assert (first.level, second.level, second.amends) == (1, 2, first.id)
        assert second.delivered


def test_what_only_a_moderator_finds_is_told_and_an_answer_that_has_not_left_helps() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(said("words that nobody here knows"))
        house.raised(Verdict(2, ("suicide",)))
        house.answer(answered(b'{"answer":"I am here"}'))
        assert SUPPORT in client.sent
        (report,) = house.reports
        assert (report.level, report.amends, report.delivered) == (2, "", True)


def test_what_a_moderator_finds_behind_the_answer_is_told_all_the_same() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build)
        client = house.ask(said("words that nobody here knows"))
        house.answer(OK)
        assert SUPPORT not in client.sent
        house.journal.how = "refused"
        house.raised(Verdict(2, ("suicide",)))
        assert len(house.reports) == 1
        assert house.registry.child(LOST).values() == [1.0]


def test_where_it_is_only_counted_nothing_is_shown_to_a_moderator() -> None:
    with paper_gateways() as build:
        house = ScannedHouse(build, "observe")
        house.ask(said(LOW))
        assert house.shown == []
