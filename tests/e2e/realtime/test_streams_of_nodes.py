"""A client's stream at one node, and what it sends at another: nodes share only their Valkey."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.gateway import Gateway, start_gateway
from tests.helpers.listening import Listening, send
from tests.helpers.slow import wait_until
from tests.helpers.valkey_server import server

pytestmark = [pytest.mark.e2e, pytest.mark.redis]
STORES = 2


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Gateway]]:
    """Two of them, where anybody may connect."""
    with server("redis") as store, contextlib.ExitStack() as stack:
        made = []
        for name in "ab":
            folder = tmp_path_factory.mktemp(name)
            made.append(start_gateway(config(folder, store.port), folder))
            stack.callback(made[-1].stop)
        assert wait_until(lambda: all(has_stores(one) for one in made))
        yield made


def has_stores(node: Gateway) -> bool:
    return node.log.read_text().count('"event":"valkey_reached"') >= STORES


def config(folder: Path, store: int) -> dict[str, object]:
    key = folder / "key"
    key.write_text(bytes(range(32)).hex())
    return {
        "listen": "127.0.0.1:0",
        "encryption": {"keys": [{"file": str(key)}]},
        "state_dir": str(folder / "state"),
        "valkey_url": f"redis://127.0.0.1:{store}",
        "routes": [{"path": "/", "respond": {"body": "{}"}, "auth": "none"}],
        "realtime": {"auth": "optional", "channels": {"news": {"publish": {}}}},
    }


def test_it_is_handed_to_the_node_that_has_the_session(nodes: list[Gateway]) -> None:
    first, second = (one.port for one in nodes)
    with Listening(first, {}) as here, Listening(second, {}) as there:
        assert here.node != there.node
        for number in range(2, 12):
            ping = {"id": number, "ping": {}}
            assert send(second, here.words(ping)) == send(first, there.words(ping)) == 204
            assert here.next() == there.next() == ping
        assert send(second, here.words({"id": 12, "subscribe": {"channel": "news"}})) == 204
        assert "subscribe" in here.next()
        assert (
            send(second, there.words({"id": 12, "publish": {"channel": "news", "data": 1}})) == 204
        )
        assert here.next()["push"]["pub"]["data"] == 1
        assert send(second, here.words({"id": 13, "ping": {}}, session=there.session)) == 404
        assert send(first, here.words({"id": 13, "ping": {}}, node=there.node)) == 404
