"""Every kind of message arrives as what it is: no body where none belongs, interim answers, chunks,
trailers, and the older version of the protocol."""

import threading

import pytest

from tests.e2e.edge.stage import Stage
from tests.helpers.clients import PATIENCE, chunk, chunked_post, head_of, post_of
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call

pytestmark = pytest.mark.e2e


def test_an_answer_to_head_keeps_its_length_and_has_no_body(edge: Stage) -> None:
    target = edge.on(lambda call: call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"))
    with edge.client() as client:
        client.ask(target, method=b"HEAD")
        answer = client.answer(to=b"HEAD")
        assert (answer.status, answer.value(b"content-length")) == (200, b"99")
        assert client.get(b"/").body == b"plain"


def test_a_body_sent_to_head_all_the_same_never_reaches_the_client(edge: Stage) -> None:
    target = edge.on(lambda call: call.answer(b"HTTP/1.1 200 OK\r\n\r\nforged"))
    with edge.client() as client:
        client.ask(target, method=b"HEAD")
        assert client.answer(to=b"HEAD").status == 200
        assert client.get(b"/").body == b"plain"


@pytest.mark.parametrize("head", [b"204 No Content", b"304 Not Modified"])
def test_an_answer_without_a_body_ends_with_its_head(edge: Stage, head: bytes) -> None:
    target = edge.on(lambda call: call.send(b"HTTP/1.1 %b\r\nETag: a\r\n\r\n" % head))
    with edge.client() as client:
        answer = client.get(target)
        assert (answer.status, answer.value(b"etag")) == (int(head[:3]), b"a")
        assert client.get(b"/").body == b"plain"


def test_interim_answers_are_passed_on_as_they_come(edge: Stage) -> None:
    go_on = threading.Event()

    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
        assert go_on.wait(PATIENCE)
        call.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        call.answer(b"done")

    target = edge.on(script)
    with edge.client() as client:
        client.ask(target)
        early = client.head()
        go_on.set()
        answer = client.answer()
    assert (early.status, early.value(b"link")) == (103, b"</a.css>; rel=preload")
    assert [one.status for one in answer.interim] == [102]
    assert answer.body == b"done"


def test_a_client_of_http_1_0_is_spared_interim_answers(edge: Stage) -> None:
    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        call.answer(b"done")

    target = edge.on(script)
    with edge.client() as client:
        client.send(b"GET %b HTTP/1.0\r\n\r\n" % target)
        answer = client.answer()
    assert (answer.status, answer.interim, answer.body) == (200, (), b"done")


def test_an_expectation_is_met_by_the_service_with_100(edge: Stage) -> None:
    def script(call: Call) -> None:
        assert call.head.value(b"expect") == b"100-continue"
        call.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        call.answer(call.body())

    target = edge.on(script)
    fields = [(b"Content-Length", b"5"), (b"Expect", b"100-continue")]
    with edge.client() as client:
        client.ask(target, method=b"POST", fields=fields)
        assert client.head().status == 100
        client.send(b"hello")
        answer = client.answer()
        assert (answer.status, answer.body) == (200, b"hello")
        assert client.get(b"/").body == b"plain"


def test_an_expectation_may_be_answered_finally_and_no_body_is_sent(edge: Stage) -> None:
    def script(call: Call) -> None:
        call.answer(b"no", status=403)
        call.gone()

    target = edge.on(script)
    fields = [(b"Content-Length", b"5"), (b"Expect", b"100-continue")]
    with edge.client() as client:
        client.ask(target, method=b"POST", fields=fields)
        answer = client.answer()
        assert (answer.status, answer.body, answer.interim) == (403, b"no", ())
        assert answer.value(b"connection") == b"close"
        assert client.end() is End.CLOSED


def test_a_client_that_does_not_wait_for_its_100_is_served_all_the_same(edge: Stage) -> None:
    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        call.answer(call.body())

    target = edge.on(script)
    fields = [(b"Content-Length", b"5"), (b"Expect", b"100-continue")]
    with edge.client() as client:
        client.send(head_of(target, method=b"POST", fields=fields) + b"hello")
        assert client.answer().body == b"hello"


def test_a_body_in_chunks_arrives_in_chunks_with_its_trailers(edge: Stage) -> None:
    got: list[object] = []

    def script(call: Call) -> None:
        got.append(call.head.value(b"transfer-encoding"))
        got.append(call.head.value(b"content-length"))
        got.extend(call.body_and_trailers())
        call.answer()

    target = edge.on(script)
    with edge.client() as client:
        client.send(chunked_post(target) + chunk(b"one ") + chunk(b"two"))
        client.send(b"0\r\nX-Sum: 42\r\nContent-Length: 9\r\n\r\n")
        assert client.answer().status == 200
        assert client.get(b"/").body == b"plain"
    assert got == [b"chunked", None, b"one two", ((b"x-sum", b"42"),)]


def test_an_answer_in_chunks_arrives_in_chunks_with_its_trailers(edge: Stage) -> None:
    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        call.send(chunk(b"one ") + chunk(b"two"))
        call.send(b"0\r\nX-Sum: 42\r\nSet-Cookie: forged\r\n\r\n")

    target = edge.on(script)
    with edge.client() as client:
        answer = client.get(target)
        assert answer.value(b"transfer-encoding") == b"chunked"
        assert (answer.body, answer.trailers) == (b"one two", ((b"x-sum", b"42"),))
        assert client.get(b"/").body == b"plain"


def test_chunks_of_any_cut_arrive_whole(edge: Stage) -> None:
    text = bytes(range(256)) * 16
    wire = b"".join(chunk(text[at : at + 100]) for at in range(0, len(text), 100)) + chunk(b"")

    def script(call: Call) -> None:
        assert call.body() == text
        call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(wire), 37):
            call.send(wire[at : at + 37])

    target = edge.on(script)
    with edge.client() as client:
        client.send(chunked_post(target))
        for at in range(0, len(wire), 41):
            client.send(wire[at : at + 41])
        assert client.answer().body == text


def test_a_client_of_http_1_0_gets_a_body_of_unknown_length_until_the_end(edge: Stage) -> None:
    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        call.send(chunk(b"one ") + chunk(b"two") + chunk(b""))

    target = edge.on(script)
    with edge.client() as client:
        client.send(b"GET %b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" % target)
        answer = client.answer()
    assert (answer.value(b"transfer-encoding"), answer.value(b"connection")) == (None, b"close")
    assert answer.body == b"one two"


def test_a_client_of_http_1_0_may_keep_its_connection(edge: Stage) -> None:
    with edge.client() as client:
        for _ in range(3):
            client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = client.answer()
            assert (answer.value(b"connection"), answer.body) == (b"keep-alive", b"plain")


def test_a_body_that_ends_with_its_connection_ends_so_for_the_client(edge: Stage) -> None:
    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        call.finish()

    target = edge.on(script)
    with edge.client() as client:
        answer = client.get(target)
    assert (answer.value(b"connection"), answer.body) == (b"close", b"all of it")


def test_an_answer_may_come_in_pieces_of_one_byte(edge: Stage) -> None:
    def script(call: Call) -> None:
        whole = b"HTTP/1.1 201 Made\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello"
        for at in range(len(whole)):
            call.send(whole[at : at + 1])

    target = edge.on(script)
    with edge.client() as client:
        for _ in range(3):
            answer = client.get(target)
            assert (answer.status, answer.value(b"x-a"), answer.body) == (201, b"b", b"hello")


def test_a_request_may_come_in_pieces_of_one_byte(edge: Stage) -> None:
    target = edge.on(lambda call: call.answer(call.body()))
    whole = post_of(target, b"hello")
    with edge.client() as client:
        for at in range(len(whole)):
            client.send(whole[at : at + 1])
        assert client.answer().body == b"hello"


@pytest.mark.parametrize("method", [b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"])
def test_a_method_and_its_body_arrive_as_they_are(edge: Stage, method: bytes) -> None:
    def script(call: Call) -> None:
        call.answer(call.head.method + b" " + call.body())

    target = edge.on(script)
    with edge.client() as client:
        client.send(post_of(target, b"body", method=method))
        assert client.answer().body == method + b" body"


def test_fields_arrive_in_order_and_none_of_this_hop(edge: Stage) -> None:
    got: list[tuple[tuple[bytes, bytes], ...]] = []

    def script(call: Call) -> None:
        got.append(call.head.fields)
        call.answer(
            fields=[
                (b"Set-Cookie", b"a=1"),
                (b"Keep-Alive", b"timeout=9"),
                (b"Set-Cookie", b"b=2"),
                (b"Connection", b"X-Hop"),
                (b"X-Hop", b"mine"),
            ]
        )

    target = edge.on(script)
    fields = [
        (b"X-One", b"1"),
        (b"Cookie", b"c=1"),
        (b"X-One", b"2"),
        (b"Connection", b"X-Mine, keep-alive"),
        (b"X-Mine", b"dropped"),
        (b"TE", b"trailers"),
        (b"Proxy-Authorization", b"secret"),
    ]
    with edge.client() as client:
        answer = client.get(target, fields=fields)
    names = [name for name, _ in got[0]]
    kept = [one for one in got[0] if one[0] in (b"x-one", b"cookie")]
    assert kept == [(b"x-one", b"1"), (b"cookie", b"c=1"), (b"x-one", b"2")]
    assert not {b"x-mine", b"te", b"proxy-authorization", b"connection"} & set(names)
    assert answer.values(b"set-cookie") == [b"a=1", b"b=2"]
    assert (answer.values(b"keep-alive"), answer.values(b"x-hop")) == ([], [])
