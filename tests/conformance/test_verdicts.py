"""The harness has to see red: conduct that breaks a row, and the verdict that it must get."""

import asyncio
from typing import Final

import pytest

from tests.conformance.runner import (
    Bench,
    request_rows,
    response_rows,
    run_requests,
    run_responses,
)
from tests.helpers.hostile_rows import (
    Expect,
    Relay,
    Result,
    Row,
    Verdict,
    judge_request,
    judge_response,
)
from tests.helpers.independent_parser import RequestParser
from tests.helpers.raw_client import Conversation, End, Patience, read_answers
from tests.helpers.recording_upstream import (
    Observation,
    RecordingUpstream,
    listen_on_loopback,
)

_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_SHORT: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"
_BAD: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
_LATE: Final = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
_GATEWAY: Final = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
_GET: Final = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
_LONE: Final = b"GET /a HTTP/1.1\r\n\r\n"
_BOTH: Final = (
    b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def _row(expect: Expect, *, n_upstream: tuple[int, int] = (0, 1), raw: bytes = b"") -> Row:
    closing = (Expect.REJECT, Expect.INCOMPLETE, Expect.FORWARD_THEN_REJECT)
    return Row(
        id="row",
        raw_b64=raw,
        expect=expect,
        n_upstream=n_upstream,
        must_close=expect in closing,
        source="here",
        licence="ours",
        forbid_path="/evil",
    )


def _told(received: bytes, *, end: End = End.CLOSED) -> Conversation:
    answers, leftover = read_answers(received, is_closed=end is End.CLOSED)
    return Conversation(received, end, answers, leftover)


def _seen(raw: bytes) -> Observation:
    parser = RequestParser()
    requests = tuple(parser.feed(raw))
    return Observation(requests, tuple(parser.findings), raw)


@pytest.mark.parametrize(
    ("expect", "received", "end", "upstream", "result"),
    [
        (Expect.REJECT, _BAD, End.CLOSED, b"", Result.PASS),
        (Expect.REJECT, b"", End.RESET, b"", Result.PASS),
        (Expect.REJECT, _BAD, End.CLOSED, _GET[:-2], Result.PASS),
        (Expect.REJECT, _BAD, End.OPEN, b"", Result.FAIL),
        (Expect.REJECT, _OK, End.CLOSED, b"", Result.FAIL),
        (Expect.REJECT, b"", End.OPEN, b"", Result.FAIL),
        (Expect.REJECT, _BAD, End.CLOSED, _GET, Result.FAIL),
        (Expect.REJECT, _BAD, End.CLOSED, _GET * 2, Result.DANGEROUS),
        (Expect.REJECT, _BAD, End.CLOSED, b"GET / HTTP/1.1\n", Result.DANGEROUS),
        (Expect.SAFE, _OK, End.OPEN, _GET, Result.PASS),
        (Expect.SAFE, _BAD, End.CLOSED, b"", Result.PASS),
        (Expect.SAFE, b"", End.OPEN, b"", Result.FAIL),
        (Expect.SAFE, _OK, End.OPEN, _LONE, Result.FAIL),
        (Expect.SAFE, _OK, End.OPEN, _BOTH, Result.DANGEROUS),
        (Expect.SAFE, _OK, End.OPEN, _GET.replace(b"/a", b"/evil"), Result.DANGEROUS),
        (Expect.FORWARD, _OK, End.OPEN, _GET, Result.PASS),
        (Expect.FORWARD, _BAD, End.CLOSED, b"", Result.FAIL),
        (Expect.FORWARD, _SHORT, End.CLOSED, _GET, Result.FAIL),
        (Expect.FORWARD_THEN_REJECT, _OK + _BAD, End.CLOSED, _GET, Result.PASS),
        (Expect.FORWARD_THEN_REJECT, _OK, End.CLOSED, _GET, Result.PASS),
        (Expect.FORWARD_THEN_REJECT, _OK, End.OPEN, _GET, Result.FAIL),
        (Expect.FORWARD_THEN_REJECT, _OK + _OK, End.CLOSED, _GET, Result.FAIL),
        (Expect.INCOMPLETE, _LATE, End.CLOSED, b"", Result.PASS),
        (Expect.INCOMPLETE, _BAD, End.CLOSED, _GET[:-2], Result.PASS),
        (Expect.INCOMPLETE, b"", End.CLOSED, b"", Result.PASS),
        (Expect.INCOMPLETE, b"", End.OPEN, b"", Result.FAIL),
        (Expect.INCOMPLETE, _OK, End.CLOSED, b"", Result.FAIL),
        (Expect.INCOMPLETE, _LATE, End.CLOSED, _GET, Result.FAIL),
    ],
)
def test_what_a_request_led_to_gets_its_verdict(
    expect: Expect, received: bytes, end: End, upstream: bytes, result: Result
) -> None:
    low = 1 if expect in (Expect.FORWARD, Expect.FORWARD_THEN_REJECT) else 0
    row = _row(expect, n_upstream=(low, 1))
    assert judge_request(row, _told(received, end=end), _seen(upstream)).result is result


@pytest.mark.parametrize(
    ("expect", "raw", "received", "end", "result"),
    [
        (Expect.RELAY, _OK + _OK, _OK, End.OPEN, Result.PASS),
        (Expect.RELAY, _OK, _GATEWAY, End.OPEN, Result.FAIL),
        (Expect.RELAY, _OK, _SHORT, End.CLOSED, Result.FAIL),
        (Expect.RELAY, _SHORT, _SHORT, End.OPEN, Result.PASS),
        (Expect.RELAY, _SHORT, _OK, End.OPEN, Result.FAIL),
        (Expect.RELAY, _OK + _OK, _OK + _OK, End.OPEN, Result.DANGEROUS),
        (Expect.RELAY, _OK, _OK + b"surplus", End.OPEN, Result.DANGEROUS),
        (Expect.BAD_GATEWAY_OR_CLOSE, b"?", _GATEWAY, End.OPEN, Result.PASS),
        (Expect.BAD_GATEWAY_OR_CLOSE, b"?", b"", End.CLOSED, Result.PASS),
        (Expect.BAD_GATEWAY_OR_CLOSE, b"?", _SHORT, End.CLOSED, Result.PASS),
        (Expect.BAD_GATEWAY_OR_CLOSE, b"?", _SHORT, End.OPEN, Result.FAIL),
        (Expect.BAD_GATEWAY_OR_CLOSE, b"?", b"", End.OPEN, Result.FAIL),
        (Expect.BAD_GATEWAY_OR_CLOSE, b"?", _OK, End.CLOSED, Result.FAIL),
        (Expect.BAD_GATEWAY_OR_ABORT, _SHORT, _SHORT, End.OPEN, Result.PASS),
        (Expect.BAD_GATEWAY_OR_ABORT, _SHORT, _OK, End.OPEN, Result.FAIL),
        (Expect.RELAY_OR_BAD_GATEWAY, _OK, _OK, End.OPEN, Result.PASS),
        (Expect.RELAY_OR_BAD_GATEWAY, _OK, _GATEWAY, End.OPEN, Result.PASS),
        (Expect.RELAY_OR_BAD_GATEWAY, _OK, _BAD, End.OPEN, Result.FAIL),
        (Expect.DISCARD, _OK, _OK, End.OPEN, Result.PASS),
        (Expect.DISCARD, _OK, _BAD, End.OPEN, Result.FAIL),
    ],
)
def test_what_became_of_an_answer_gets_its_verdict(
    expect: Expect, raw: bytes, received: bytes, end: End, result: Result
) -> None:
    told = _told(received, end=end)
    relay = Relay(told, others=((b"ok", _told(_OK)),), is_reused=False, is_retried=False)
    assert judge_response(_row(expect, raw=raw), relay).result is result


def test_bytes_of_another_answer_are_dangerous() -> None:
    relay = Relay(_told(_OK), others=((b"mine", _told(_OK)),), is_reused=False, is_retried=False)
    assert judge_response(_row(Expect.RELAY, raw=_OK), relay).result is Result.DANGEROUS


def test_an_upstream_connection_with_surplus_must_not_be_used_again() -> None:
    relay = Relay(_told(_OK), others=((b"ok", _told(_OK)),), is_reused=True, is_retried=False)
    assert judge_response(_row(Expect.DISCARD, raw=_OK), relay).result is Result.FAIL


def test_a_gateway_that_passes_everything_on_is_seen_to_be_dangerous() -> None:
    """No gateway at all: the client talks to the upstream itself."""
    rows = [row for row in request_rows() if row.id.startswith(("portswigger-", "rfc-pipeline"))]
    verdicts = {verdict.row.id: verdict for verdict in asyncio.run(_without_gateway(rows))}
    assert verdicts["rfc-pipeline-post-get"].is_pass
    assert verdicts["portswigger-TE-nospace1"].result is Result.DANGEROUS
    assert verdicts["portswigger-TE-badsetupCR"].result is Result.DANGEROUS


def test_answers_passed_on_byte_for_byte_are_seen_to_be_dangerous() -> None:
    rows = [row for row in response_rows() if row.id in ("rfc-res-204-body", "rfc-res-crlf-split")]
    verdicts = asyncio.run(_answers_without_gateway(rows))
    assert [verdict.result for verdict in verdicts] == [Result.DANGEROUS] * 2


async def _without_gateway(rows: list[Row]) -> list[Verdict]:
    async with RecordingUpstream(listen_on_loopback()) as upstream:
        return await run_requests(rows, _bench(upstream))


async def _answers_without_gateway(rows: list[Row]) -> list[Verdict]:
    async with RecordingUpstream(listen_on_loopback()) as upstream:
        return await run_responses(rows, _bench(upstream), closes=False)


def _bench(upstream: RecordingUpstream) -> Bench:
    patience = Patience(total=0.1, quiet=0.02)
    return Bench(gateway=("127.0.0.1", upstream.port), upstream=upstream, patience=patience)
