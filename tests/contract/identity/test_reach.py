"""Control's own requests to services that keep accounts, over real sockets."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, cast

import pytest
import trustme

from tests.helpers.gateway import free_port
from tests.helpers.registry_server import Answering, Asked, serving
from tta_gateway.kernel.route import Endpoint, Service, ServiceTls
from tta_gateway.node.reach import Reach
from tta_gateway.node.services import Services
from tta_gateway.support.bus import Bus
from tta_gateway.support.http_client import Answer, HttpError, HttpTimeout, Request

NAME: Final = "accounts.example"
ASKED: Final = Request("/in", method="POST", fields=(("content-type", "a/b"),), body=b"{}")


class Told:
    """Takes what workers are told."""

    def put(self, name: str, finding: object) -> None:
        pass


async def good(_: Asked, answering: Answering) -> None:
    await answering.whole(b"good")


async def never(_: Asked, __: Answering) -> None:
    await asyncio.sleep(60)


async def cut(_: Asked, answering: Answering) -> None:
    await answering.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")


def at(port: int, *, weight: int = 1, tls: bool = False) -> Endpoint:
    return Endpoint(host="127.0.0.1", port=port, weight=weight, tls=tls)


async def asked(
    *endpoints: Endpoint,
    tls: ServiceTls | None = None,
    authorities: dict[str, bytes] | None = None,
    patience: float = 5.0,
) -> Answer:
    known = Services(cast("Any", Told()), Bus(), wall=time.time)
    service = Service(name="accounts", endpoints=endpoints, tls=tls)
    known.adopt([service], checked=lambda _: False)
    reach = Reach(known, authorities=lambda: authorities or {}, wall=time.time, chance=lambda: 0.5)
    return await reach.ask("accounts", ASKED, patience=patience)


def done(work: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(20):
            await work()

    asyncio.run(whole())


def test_a_service_is_asked_and_answers() -> None:
    async def work() -> None:
        async with serving(good) as server:
            answer = await asked(at(server.port))
            (heard,) = server.asked
        assert (answer.status, answer.body) == (200, b"good")
        assert (heard.method, heard.path, heard.body) == ("POST", "/in", b"{}")
        assert heard.fields["host"] == f"127.0.0.1:{server.port}"

    done(work)


def test_one_that_listens_on_a_socket_of_the_file_system_too(tmp_path: Path) -> None:
    async def work() -> None:
        path = str(tmp_path / "accounts.sock")
        async with serving(good, unix=path):
            assert (await asked(Endpoint(host="", port=0, unix=path))).body == b"good"

    done(work)


def test_where_nobody_listens_one_more_is_asked() -> None:
    async def work() -> None:
        async with serving(good) as server:
            answer = await asked(at(free_port(), weight=9), at(server.port))
        assert answer.body == b"good"

    done(work)


@pytest.mark.parametrize(("first", "kind"), [(never, HttpTimeout), (cut, HttpError)])
def test_what_has_arrived_is_not_asked_again(
    first: Callable[[Asked, Answering], Awaitable[None]], kind: type[HttpError]
) -> None:
    async def work() -> None:
        async with serving(first) as server, serving(good) as other:
            with pytest.raises(kind):
                await asked(at(server.port, weight=9), at(other.port), patience=0.3)
            assert (len(server.asked), other.asked) == (1, [])

    done(work)


def _tls(*names: str) -> tuple[ssl.SSLContext, dict[str, bytes]]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context, {"digest": authority.cert_pem.bytes()}


def test_a_service_that_speaks_tls_shows_its_certificate_first() -> None:
    async def work() -> None:
        context, authorities = _tls(NAME)
        async with serving(good, tls=context) as server:
            endpoint = at(server.port, tls=True)
            tls = ServiceTls(ca="digest", server_name=NAME)
            assert (await asked(endpoint, tls=tls, authorities=authorities)).body == b"good"
            _, others = _tls(NAME)
            for wrong, known in (
                (tls, others),
                (ServiceTls(ca="digest", server_name="other.example"), authorities),
            ):
                with pytest.raises(HttpError, match="certificate is not good"):
                    await asked(endpoint, tls=wrong, authorities=known)
            assert len(server.asked) == 1

    done(work)
