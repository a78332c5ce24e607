"""What the gateway answers by itself: to whom a route is closed, and while a service is away."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.edge.stage import Stage, routes, scripted, stage
from tests.helpers.clients import Answer, Client, Field
from tests.helpers.gateway import free_port
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

PROXY = "127.0.0.5"
FRIEND, STRANGER = b"10.1.2.3", b"192.0.2.1"
UPGRADE: list[Field] = [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
SPECIAL = (
    {"path": "/inside/{rest:path}", "allow_from": ["10.0.0.0/8"]},
    {"path": "/beside/{rest:path}", "allow_from": ["unix"]},
    {"path": "/pages/{rest:path}", "origins": ["https://friend.example"]},
    {
        "path": "/added/{rest:path}",
        "request_headers": {"x-tag": {"append": ["two", "three"]}, "x-set": "alone"},
        "response_headers": {"set-cookie": {"append": ["a=1", "b=2"]}, "vary": {"append": "x-b"}},
    },
    {
        "path": "/fixed",
        "service": None,
        "respond": {"body": "here", "content_type": "text/plain"},
        "response_headers": {
            "x-own": "yes",
            "content-type": "text/html",
            "link": {"append": ["</a>", "</b>"]},
        },
    },
)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway that believes one neighbour, and listens on a unix socket too."""
    path = tmp_path_factory.mktemp("static")
    listen = [
        {"address": f"127.0.0.1:{free_port()}", "trusted_proxies": [PROXY]},
        f"unix:{path}/sock",
    ]
    special = [{key: value for key, value in each.items() if value} for each in SPECIAL]
    written = [*routes(*special[:-1]), {"auth": "none", **special[-1]}]
    with (
        scripted() as upstream,
        stage(path, upstream=upstream, listen=listen, routes=written) as running,
    ):
        yield running


def asked(
    one: Stage, target: bytes, *, client: bytes = b"", fields: list[Field] | None = None
) -> Answer:
    """Ask, as a client behind the proxy if one is named."""
    way = [(b"X-Forwarded-For", client)] if client else []
    with Client(one.port, source=PROXY) as proxy:
        return proxy.get(target, fields=[*way, *(fields or [])])


def test_a_route_for_some_networks_asks_for_the_client_and_not_the_proxy(one: Stage) -> None:
    target = one.on(lambda call: call.answer(b"secret"), under=b"/inside/")
    assert asked(one, target, client=FRIEND).body == b"secret"
    for client in (STRANGER, b""):
        answer = asked(one, target, client=client)
        assert (answer.status, b"client_not_allowed" in answer.body) == (403, True)
    assert one.upstream.calls(target) == 1
    codes = {line["code"] for line in one.lines(target, count=3)}
    assert codes == {"", "client_not_allowed"}


def test_who_names_itself_a_friend_without_being_believed_is_refused(one: Stage) -> None:
    target = one.on(lambda call: call.answer(b"secret"), under=b"/inside/")
    with one.client() as client:
        assert client.get(target, fields=[(b"X-Forwarded-For", FRIEND)]).status == 403
    assert one.upstream.calls(target) == 0


def test_a_neighbour_on_a_unix_socket_is_let_in_where_it_is_listed(one: Stage) -> None:
    path = one.access_log.parent / "sock"
    with Client(path) as client:
        assert client.get(one.on(lambda call: call.answer(), under=b"/beside/")).status == 200
        assert client.get(one.on(lambda call: call.answer(), under=b"/inside/")).status == 403
    assert asked(one, b"/beside/1", client=FRIEND).status == 403


def test_a_page_of_elsewhere_opens_no_websocket(one: Stage) -> None:
    """It would come with a person's cookies, which CORS does not hold back."""

    def script(call: Call) -> None:
        call.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        call.finish()

    target = one.on(script, under=b"/pages/")
    for origin, status in (
        (b"http://gateway.test", 101),
        (b"https://friend.example", 101),
        (b"https://evil.example", 403),
        (b"null", 403),
        (b"http://gateway.test.evil.example", 403),
    ):
        assert asked(one, target, fields=[*UPGRADE, (b"Origin", origin)]).status == status
    assert asked(one, target, fields=UPGRADE).status == 101
    assert one.upstream.calls(target) == 3
    refused = [line["code"] for line in one.lines(target, count=6) if line["status"] == 403]
    assert refused == ["websocket_origin_refused"] * 3


def test_an_answer_of_the_gateway_s_own_has_the_route_s_headers(one: Stage) -> None:
    answer = asked(one, b"/fixed")
    assert answer.values(b"link") == [b"</a>", b"</b>"]
    assert (answer.body, answer.value(b"x-own"), answer.value(b"content-type")) == (
        b"here",
        b"yes",
        b"text/html",
    )


def test_what_a_route_adds_stands_beside_what_was_there(one: Stage) -> None:
    seen: list[list[bytes]] = []

    def script(call: Call) -> None:
        seen.extend((call.head.values(b"x-tag"), call.head.values(b"x-set")))
        call.answer(b"plain", fields=[(b"Set-Cookie", b"own=0"), (b"Vary", b"x-a")])

    target = one.on(script, under=b"/added/")
    answer = asked(one, target, fields=[(b"X-Tag", b"one"), (b"X-Set", b"of the client")])
    assert seen == [[b"one", b"two", b"three"], [b"alone"]]
    assert answer.values(b"set-cookie") == [b"own=0", b"a=1", b"b=2"]
    assert answer.values(b"vary") == [b"x-a", b"x-b"]


def test_an_error_of_a_service_has_what_a_route_adds(one: Stage) -> None:
    def script(call: Call) -> None:
        call.send(b"no HTTP at all\r\n\r\n")
        call.finish()

    answer = asked(one, one.on(script, under=b"/added/"))
    assert (answer.status, answer.values(b"vary")) == (502, [b"x-b"])


def test_a_service_is_taken_out_for_a_while_by_a_reload(tmp_path: Path) -> None:
    with scripted() as upstream, stage(tmp_path, upstream=upstream) as one:
        file = tmp_path / "gateway.yaml"
        config = yaml.safe_load(file.read_text())
        away = {"text": "We are moving. In need, call 112.", "retry_after": "10m"}
        with one.client() as client:
            assert client.get(b"/a").body == b"plain"
            _reload(one, file, config, {"maintenance": away})
            assert wait_until(lambda: client.get(b"/b").status == 503)
            before = upstream.calls(b"/c")
            answer = client.get(b"/c")
            assert answer.value(b"retry-after") == b"600"
            assert b"We are moving. In need, call 112." in answer.body
            assert upstream.calls(b"/c") == before
            assert [line["code"] for line in one.lines(b"/c")] == ["service_maintenance"]
            _reload(one, file, config, {"maintenance": "off"})
            assert wait_until(lambda: client.get(b"/d").body == b"plain")


def _reload(one: Stage, file: Path, config: dict[str, object], change: dict[str, object]) -> None:
    services = {"up": {"endpoints": [one.upstream.url], **change}}
    file.write_text(yaml.safe_dump({**config, "services": services}))
    one.gateway.process.send_signal(signal.SIGHUP)
