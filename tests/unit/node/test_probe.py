"""What the probe answers; that it does so at a socket is in tests/e2e."""

import json

import pytest

from tta_gateway.node.probe import answer


def asked(line: bytes, *, ready: bool = True) -> tuple[int, dict[str, object], bytes]:
    """Return the status, the body and all that is sent."""
    sent = answer(line + b"\r\nHost: a\r\n\r\n", ready=ready, health={"workers": ["serving"]})
    head, _, body = sent.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body or b"{}"), sent


def test_whoever_is_asked_is_alive() -> None:
    assert asked(b"GET /healthz HTTP/1.1", ready=False)[:2] == (200, {"status": "alive"})


def test_a_node_that_serves_is_ready() -> None:
    status, body, _ = asked(b"GET /readyz HTTP/1.1")
    assert (status, body) == (200, {"status": "ready", "workers": ["serving"]})


def test_a_node_that_does_not_is_not() -> None:
    status, body, _ = asked(b"GET /readyz HTTP/1.1", ready=False)
    assert (status, body["status"]) == (503, "not ready")


def test_a_query_is_nothing_to_a_probe() -> None:
    assert asked(b"GET /readyz?a=b HTTP/1.1")[0] == 200


def test_anything_else_is_not_here() -> None:
    assert asked(b"GET / HTTP/1.1")[0] == 404


def test_nothing_but_questions_is_allowed() -> None:
    status, _, sent = asked(b"POST /readyz HTTP/1.1")
    assert (status, b"\r\nallow: GET, HEAD\r\n" in sent) == (405, True)


def test_a_head_has_no_body() -> None:
    sent = asked(b"HEAD /healthz HTTP/1.1")[2]
    assert sent.endswith(b"\r\n\r\n")
    assert b"content-length: 20\r\n" in sent


@pytest.mark.parametrize("garbage", [b"", b"GET", b"\xff\x00", b"GET  /healthz"])
def test_garbage_is_answered_too(garbage: bytes) -> None:
    assert asked(garbage)[0] in (404, 405)
