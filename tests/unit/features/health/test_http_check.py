"""A check of an answer."""

import msgspec
import pytest

from tests.helpers.builders import an_endpoint
from tests.helpers.fake_endpoint import FakeEndpoints
from tta_gateway.features.health.bound import Check
from tta_gateway.features.health.http_check import look
from tta_gateway.features.health.target import Failed, Target

JSON = '$.status == "healthy"'
WELL = b'{"status":"healthy"}'


def answer(body: bytes = b"", status: int = 200) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def outcome(endpoints: FakeEndpoints, *says: bytes | None, **check: object) -> str:
    """Why the check fails, nothing if it passes."""
    endpoints.says[9001] = says
    error = endpoints.outcome(
        look(Target(an_endpoint(9001), msgspec.structs.replace(Check(), **check)))
    )
    assert error is None or isinstance(error, Failed)
    return "" if error is None else str(error)


def test_what_is_asked_for_is_a_get_of_the_path(endpoints: FakeEndpoints) -> None:
    assert outcome(endpoints, answer(), path="/health?a=1", fields=(("x-a", "b"),)) == ""
    assert endpoints.opened[0].take() == (
        b"GET /health?a=1 HTTP/1.1\r\nhost: 127.0.0.1:9001\r\nuser-agent: tta-gateway-health\r\n"
        b"accept-encoding: identity\r\naccept: application/json, */*;q=0.5\r\n"
        b"connection: close\r\nx-a: b\r\n\r\n"
    )


@pytest.mark.parametrize("status", [200, 204, 299])
def test_every_2xx_is_good(endpoints: FakeEndpoints, status: int) -> None:
    assert outcome(endpoints, answer(status=status)) == ""


@pytest.mark.parametrize("status", [301, 404, 500, 503])
def test_no_other_is(endpoints: FakeEndpoints, status: int) -> None:
    assert outcome(endpoints, answer(status=status)) == f"status {status}"


def test_the_good_ones_may_be_listed(endpoints: FakeEndpoints) -> None:
    assert outcome(endpoints, answer(status=503), status=(200, 503)) == ""
    assert outcome(endpoints, answer(status=204), status=(200, 503)) == "status 204"


def test_an_interim_answer_is_none_yet(endpoints: FakeEndpoints) -> None:
    early = b"HTTP/1.1 103 Early\r\n\r\n"
    assert outcome(endpoints, early, answer(status=500)) == "status 500"


def test_a_change_of_protocol_was_not_asked_for(endpoints: FakeEndpoints) -> None:
    assert (
        outcome(endpoints, b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
        == "status 101"
    )


def test_a_body_that_nobody_asks_about_is_not_waited_for(endpoints: FakeEndpoints) -> None:
    assert outcome(endpoints, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx") == ""


@pytest.mark.parametrize(
    "says",
    [
        (answer(WELL),),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n", WELL, b"\r\n0\r\n\r\n"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n",
            WELL,
            b"\r\n0\r\nx-a: b\r\n\r\n",
        ),
        (b"HTTP/1.0 200 OK\r\n\r\n", WELL[:5], WELL[5:], None),
        tuple(bytes([one]) for one in answer(WELL)),
    ],
)
def test_the_body_must_say_that_it_is_well(
    endpoints: FakeEndpoints, says: tuple[bytes | None, ...]
) -> None:
    assert outcome(endpoints, *says, body=JSON) == ""


def test_a_body_in_very_many_chunks_is_read(endpoints: FakeEndpoints) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % one for one in WELL.ljust(3000))
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert outcome(endpoints, head + chunks + b"0\r\n\r\n", body=JSON) == ""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"status":"unhealthy"}', '`$.status` is "unhealthy"'),
        (b"{}", "its body has no `$.status`"),
        (b"", "its body is not JSON"),
        (b"OK", "its body is not JSON"),
        (b"\xff", "its body is not JSON"),
        (b"[" * 60_000, "its body is not JSON"),
        (b" " * 70_000, "its body is larger than 64KiB"),
    ],
)
def test_200_alone_is_not_enough(endpoints: FakeEndpoints, body: bytes, why: str) -> None:
    assert outcome(endpoints, answer(body), body=JSON) == why


def test_of_an_endless_body_no_more_is_read(endpoints: FakeEndpoints) -> None:
    says = (b"HTTP/1.1 200 OK\r\n\r\n", *[b" " * 16_384] * 100)
    assert outcome(endpoints, *says, body=JSON, max_body=20_000) == ("its body is larger than 20kB")


@pytest.mark.parametrize(
    "says",
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000,),
        (b"HTTP/1.1 200", None),
        (None,),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{", None),
    ],
)
def test_garbage_is_no_answer(endpoints: FakeEndpoints, says: tuple[bytes | None, ...]) -> None:
    assert outcome(endpoints, *says, body=JSON).startswith("its answer is none: ")
