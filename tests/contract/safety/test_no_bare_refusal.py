"""No refusal of somebody in a crisis is bare: over all policies of a worker, in their order.

The list of errors is the reference's (docs/reference/errors.md), so that no new one is forgotten.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.composed import BEHIND, FIRST, HOWS, LANE, LOOKED_AT, ComposedHouse, How
from tests.helpers.fake_loop import Never
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.paper_gateway import OK, Open, paper_gateways, statuses
from tests.helpers.scanned import CRY, chunk, posted, said
from tta_gateway.kernel.problem import INTERNAL, Problem
from tta_gateway.node.reference import problems

PROBLEMS: Final = sorted(problems(), key=lambda one: one.code)
SUPPORT: Final = b"\r\nx-crisis-support: available"
UPGRADE: Final = (
    b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
"""Nothing of what somebody writes can stand there: whoever asks may be in need."""
MINUTE: Final = 61.0
ENDS: Final = 400.0
"""Seconds in which every wait has come to its end."""
_ANSWER: Final = re.compile(rb"HTTP/1\.1 \d{3} ")
PAGE: Final = Path(__file__).parents[3] / "docs" / "reference" / "errors.md"


def has_help(client: FakeTransport) -> int:
    """Check that the last answer says where help is, in its field and in its body."""
    sent = client.sent[[found.start() for found in _ANSWER.finditer(client.sent)][-1] :]
    head, _, body = sent.partition(b"\r\n\r\n")
    assert SUPPORT in head, sent
    assert msgspec.json.decode(body)["help"]["resources"]
    return statuses(sent)[0]


def is_helped(house: ComposedHouse, client: FakeTransport, *, before: int) -> int:
    """Check that what was written is answered with help; return the status."""
    if house.asked > before and not statuses(client.sent):
        house.gateway.service.feed(OK)
        house.settle()
    if statuses(client.sent)[-1:] == [200]:
        assert SUPPORT in client.sent
        return 200
    return has_help(client)


def is_not_lost(how: How, where: int, status: int) -> bool:
    """Tell whether what was written is delivered or kept: the refusal waits, or comes later."""
    if status == 401:
        return False  # nobody knows whose it is
    return where >= LOOKED_AT or (how == "defer" and where < LANE)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda one: one.code)
def test_no_error_that_there_is_turns_anybody_away_bare(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By every policy, in every way in which one can answer, shared out among the errors."""
    with paper_gateways() as build:
        house = ComposedHouse(build, monkeypatch)
        number = PROBLEMS.index(problem)
        for where in range(FIRST + number % 3, BEHIND + 1, 3):
            how = HOWS[(where + number) % len(HOWS)]
            before = house.asked
            client = house.ask(said(CRY), why=problem, how=how, where=where)
            status = is_helped(house, client, before=before)
            why = INTERNAL if how == "die" else problem
            expected = (200, 202) if is_not_lost(how, where, why.status) else (why.status,)
            assert status in expected, (how, where)
            if status in (200, 202):
                assert house.journal.kept[-1][1] == CRY
            client = house.ask(UPGRADE, why=problem, how=how, where=where)
            assert has_help(client) == why.status
            house.gateway.wait(MINUTE)
        house.gateway.reported.clear()  # those that died


def test_the_errors_are_those_of_the_reference() -> None:
    rows = [line.split("`")[1] for line in PAGE.read_text().splitlines() if line[:3] == "| `"]
    assert sorted(rows) == [one.code for one in PROBLEMS]


@dataclass(frozen=True)
class Case:
    """What somebody writes, and everything that may go wrong with it."""

    problem: Problem
    how: How
    where: int
    is_lapsed: bool
    size: int
    body: str
    parts: int
    journal: str
    service: str
    is_deaf: bool
    again: int


CASES: Final = st.builds(
    Case,
    problem=st.sampled_from(PROBLEMS),
    how=st.sampled_from(HOWS),
    where=st.integers(FIRST, BEHIND + 6),  # behind all: nobody refuses
    is_lapsed=st.booleans(),
    size=st.sampled_from((0, 1000, 17_000, 70_000, 300_000)),
    body=st.sampled_from(("json", "text", "chunks")),
    parts=st.integers(1, 3),
    journal=st.sampled_from(("durable", "durable", "not", "failing", "never")),
    service=st.sampled_from(("answers", "goes", "closes", "lies", "is silent", "refuses", "away")),
    is_deaf=st.booleans(),
    again=st.sampled_from((1, 1, 12)),
)
MOST: Final = 200_000


def request_of(case: Case) -> bytes:
    """Return the request: what is said stands at its end where it is long."""
    text = "fair weather " * (case.size // 13) + CRY
    if case.body == "chunks":
        head = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
        pieces = chunk(text.encode()) + b"0\r\n\r\n"
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + pieces
    if case.body == "json":
        return said(text)
    return posted(text.encode(), kind=b"text/plain")


def heard(house: ComposedHouse, case: Case) -> FakeTransport:
    """Send it in parts, let the service do what it does, and all time pass that it takes."""
    house.journal.how, house.detector.fails = case.journal, case.is_deaf
    house.lapsed = case.is_lapsed
    loop, before = house.gateway.loop, house.asked
    if case.service == "refuses":
        loop.answers.extend([ConnectionRefusedError()] * 8)
    elif case.service == "away":
        loop.answers.extend([Never()] * 8)
    request = request_of(case)
    step = -(-len(request) // case.parts)
    client = house.ask(request[:step], why=case.problem, how=case.how, where=case.where)
    for at in range(step, len(request), step):
        client.feed(request[at : at + step])
        house.settle()
    for _ in range(40):
        house.settle()
    _serve(house, case, before)
    house.gateway.wait(ENDS)
    loop.answers.clear()
    return client


def _serve(house: ComposedHouse, case: Case, before: int) -> None:
    """Have the service do what it does, as often as it is tried."""
    for tried in range(before, before + 8):
        if house.asked <= tried:
            return
        service = house.gateway.service
        if case.service == "answers":
            service.feed(OK)
        elif case.service == "goes":
            service.lose()
        elif case.service == "closes":
            service.end()
        elif case.service == "lies":
            service.feed(b"HTTP/9 what\r\n\r\n")
        house.settle()
        house.gateway.wait(3.0)


@given(st.lists(CASES, min_size=1, max_size=4))
def test_whatever_goes_wrong_nobody_in_a_crisis_is_turned_away_bare(cases: list[Case]) -> None:
    with pytest.MonkeyPatch.context() as patch, paper_gateways() as build:
        house = ComposedHouse(build, patch, max_body=MOST)
        for case in cases:
            client = [heard(house, case) for _ in range(case.again)][-1]
            found = statuses(client.sent)
            assert found, case
            if found[-1] != 200:
                has_help(client)
            elif not case.is_deaf:
                assert SUPPORT in client.sent, case
            if found[-1] == 202:
                assert case.journal == "durable"
        house.gateway.reported.clear()  # what was made to fail


def asked_elsewhere(build: Open, request: bytes) -> FakeTransport:
    with pytest.MonkeyPatch.context() as patch:
        house = ComposedHouse(build, patch, methods=("POST",))
        return house.ask(request, why=INTERNAL, how="refuse", where=-1)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /a/b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 404),
        (b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405),
        (b"POST /a//b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1e3\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\n", 417),
        (b"POST /a HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"POST /a" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"POST /a HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"SPY /a HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    ],
)
def test_who_cannot_be_understood_is_told_where_help_is(request_: bytes, status: int) -> None:
    with paper_gateways() as build:
        assert has_help(asked_elsewhere(build, request_)) == status
