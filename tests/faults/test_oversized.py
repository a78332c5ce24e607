"""Requests that are too large: refused at their limit, and nothing is held of them.

Scenarios 8 and 9 of docs/faults.md.
"""

import contextlib
import json
from typing import Final

import pytest

from tests.e2e.edge.stage import Stage
from tests.helpers.clients import Answer, chunk, chunked_post, head_of
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import resident, wait_until

pytestmark = pytest.mark.e2e

MIB: Final = 1 << 20
LIMIT: Final = 10 * MIB
IN_BETWEEN: Final = 12 * MIB
"""What the buffers of two systems and a gateway may hold of a body."""


def code(answer: Answer) -> tuple[int, str]:
    """The status, and the code of a problem."""
    return answer.status, str(json.loads(answer.body)["code"])


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (head_of(b"/" + b"a" * 65536), (414, "request_line_too_long")),
        (head_of(b"/", fields=[(b"X-Large", b"a" * 131_072)]), (431, "request_fields_too_large")),
        (
            head_of(b"/", fields=[(b"X-%d" % number, b"a") for number in range(2000)]),
            (431, "request_fields_too_large"),
        ),
        (head_of(b"/", fields=[(b"A" * 65536, b"a")]), (431, "request_fields_too_large")),
    ],
    ids=["target", "value", "fields", "name"],
)
def test_a_head_that_is_too_large_is_refused_and_its_connection_closed(
    edge: Stage, request_: bytes, expected: tuple[int, str]
) -> None:
    """However it comes, and as often.

    Red with larger limits in wire/limits.py.
    """
    memory = resident(edge.worker)
    for piece in (len(request_), 1000, 7777):
        for _ in range(10):
            with edge.client() as client:
                with contextlib.suppress(ConnectionError):  # refused before it was all sent
                    for at in range(0, len(request_), piece):
                        client.send(request_[at : at + piece])
                assert code(client.answer()) == expected
                assert client.end() is End.CLOSED
    assert resident(edge.worker) - memory < 4 * MIB


def test_a_gibibyte_that_is_declared_is_refused_at_once(edge: Stage) -> None:
    """Nothing of it is waited for, and the service hears nothing.

    Red without `head.length <= limit` in edge/client_connection.py, _expect_body.
    """
    target = edge.on(lambda call: call.answer())
    with edge.client() as client:
        client.ask(target, method=b"POST", fields=[(b"Content-Length", b"1073741824")])
        assert code(client.answer()) == (413, "request_body_too_large")
    assert edge.upstream.calls(target) == 0


def test_a_stream_is_cut_at_its_limit(edge: Stage) -> None:
    """The service gets no more than the limit, and sees that it is not whole.

    Red without `not upload.feed(event.data)` in edge/client_connection.py, _take_data.
    """
    got: list[int] = []
    ends: list[End] = []

    def script(call: Call) -> None:
        received = 0
        call.is_over = True
        with contextlib.suppress(ConnectionError):
            while data := call.read_some():
                received += len(data)
        got.append(received)

    target = edge.on(script)
    memory, sent = resident(edge.worker), 0
    piece = chunk(bytes(65536))
    with edge.client() as client:
        client.send(chunked_post(target))
        client.sock.settimeout(0.5)
        with contextlib.suppress(OSError):
            while sent < 1024 * MIB:
                client.send(piece)
                sent += 65536
        client.sock.settimeout(5.0)
        assert code(client.answer()) == (413, "request_body_too_large")
        ends.append(client.end(1.0))
    assert wait_until(lambda: bool(got))
    assert got[0] <= LIMIT + LIMIT // 100  # and what frames it
    assert resident(edge.worker) - memory < 8 * MIB
