"""How a listener is reached; that sockets are bound is in tests/e2e."""

from typing import Any, cast

import pytest

from tta_gateway.node.listening import url
from tta_gateway.snapshot.model import Listener, ListenerTls


class Socket:
    """A socket that knows its name."""

    def __init__(self, *name: object) -> None:
        self._name = name

    def getsockname(self) -> tuple[object, ...]:
        return self._name


@pytest.mark.parametrize(
    ("name", "listener", "where"),
    [
        (("127.0.0.1", 8080), Listener(host="127.0.0.1"), "http://127.0.0.1:8080"),
        (("::1", 8080, 0, 0), Listener(host="::1"), "http://[::1]:8080"),
        (
            ("127.0.0.1", 8443),
            Listener(host="127.0.0.1", tls=ListenerTls(certificates=())),
            "https://127.0.0.1:8443",
        ),
        (("",), Listener(unix="/run/gateway.sock"), "unix:/run/gateway.sock"),
    ],
)
def test_a_listener_is_reached_where_its_socket_is_bound(
    name: tuple[object, ...], listener: Listener, where: str
) -> None:
    assert url(cast("Any", Socket(*name)), listener) == where
