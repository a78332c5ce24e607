"""The climb, on paper: the test is the service."""

import errno
import socket
import ssl

import pytest

from tests.helpers.certificates import Folder, compiled
from tests.helpers.fake_loop import Never
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.paper_gateway import (
    GET,
    OK,
    Open,
    PaperGateway,
    post,
    statuses,
)
from tests.helpers.tls_peer import TlsPeer
from tta_gateway.edge.credentials import listener_context
from tta_gateway.kernel.route import Endpoint, ServiceTls, Timeouts
from tta_gateway.snapshot.model import ListenerTls

ENDPOINT = Endpoint(host="10.0.0.1", port=443, tls=True)


@pytest.fixture(scope="module")
def served(certificates: Folder) -> ssl.SSLContext:
    """What the service speaks."""
    return listener_context(ListenerTls(certificates=(compiled(certificates.server),)))


def gateway_of(build: Open, certificates: Folder, **tls: object) -> PaperGateway:
    known = {"ca": str(certificates.ca), "server_name": "gateway.test", **tls}
    made = ServiceTls(**known)  # type: ignore[arg-type]
    return build(
        endpoint=ENDPOINT,
        tls=made,
        authorities=certificates.trusted(),
        tries=1,
        timeouts=Timeouts(connect=1.0),
    )


def asked(gateway: PaperGateway, request: bytes = GET) -> tuple[FakeTransport, FakeTransport]:
    """Let a client ask; return its end, and the service's, to which no more has come than TLS."""
    client = gateway.client()
    client.feed(request)
    gateway.loop.run_ready()
    return client, gateway.service


def shaken(gateway: PaperGateway, service: TlsPeer) -> None:
    while not service.shake():
        gateway.loop.run_ready()
    gateway.loop.run_ready()


def test_a_request_is_sent_once_the_hands_are_shaken(
    build: Open, certificates: Folder, served: ssl.SSLContext
) -> None:
    gateway = gateway_of(build, certificates)
    client, transport = asked(gateway)
    service = TlsPeer(transport, served)
    shaken(gateway, service)
    assert service.read().startswith(b"GET /a HTTP/1.1\r\n")
    service.send(OK)
    assert statuses(client.sent) == [200]
    assert gateway.loop.asked == [("10.0.0.1", 443)]
    assert len(gateway.pool.idle) == 1


def test_an_idle_connection_is_used_again(
    build: Open, certificates: Folder, served: ssl.SSLContext
) -> None:
    gateway = gateway_of(build, certificates)
    _, transport = asked(gateway)
    service = TlsPeer(transport, served)
    shaken(gateway, service)
    service.read()
    service.send(OK)
    other = gateway.client()
    other.feed(post(b"abc"))
    assert service.read().endswith(b"\r\n\r\nabc")
    service.send(OK)
    assert (statuses(other.sent), len(gateway.loop.opened)) == ([200], 1)


@pytest.mark.parametrize(
    ("tls", "code", "why"),
    [
        ({"ca": ""}, "upstream_certificate_refused", "unable to get local issuer certificate"),
        ({"server_name": "other.test"}, "upstream_certificate_refused", "Hostname mismatch"),
        ({"server_name": ""}, "upstream_certificate_refused", "IP address mismatch"),
    ],
)
def test_a_service_that_is_not_the_one_meant_is_refused(
    build: Open,
    certificates: Folder,
    served: ssl.SSLContext,
    tls: dict[str, object],
    code: str,
    why: str,
) -> None:
    gateway = gateway_of(build, certificates, **tls)
    client, transport = asked(gateway)
    service = TlsPeer(transport, served)
    service.shake()
    gateway.loop.run_ready()
    assert (statuses(client.sent), gateway.codes) == ([502], [code])
    ((name, endpoint, said),) = gateway.refused
    assert (name, endpoint) == ("players", "10.0.0.1:443")
    assert why in said


def test_verification_can_be_off(build: Open, certificates: Folder, served: ssl.SSLContext) -> None:
    gateway = gateway_of(build, certificates, ca="", server_name="x", verified=False)
    _, transport = asked(gateway)
    service = TlsPeer(transport, served)
    shaken(gateway, service)
    assert service.read().startswith(b"GET /a")


def test_a_service_that_speaks_no_tls_is_told_of(build: Open, certificates: Folder) -> None:
    gateway = gateway_of(build, certificates)
    client, transport = asked(gateway)
    transport.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    gateway.loop.run_ready()
    assert (statuses(client.sent), gateway.codes) == ([502], ["upstream_tls_failed"])
    assert gateway.refused[0][2] == "WRONG_VERSION_NUMBER"


@pytest.mark.parametrize("how", ["end", "lose"])
def test_a_service_that_hangs_up_is_told_of(build: Open, certificates: Folder, how: str) -> None:
    gateway = gateway_of(build, certificates)
    client, transport = asked(gateway)
    getattr(transport, how)()
    gateway.loop.run_ready()
    assert (statuses(client.sent), gateway.codes) == ([502], ["upstream_tls_failed"])
    assert gateway.refused[0][2] == "the service ended the handshake"


def test_a_handshake_has_no_more_time_than_a_connection(build: Open, certificates: Folder) -> None:
    gateway = gateway_of(build, certificates)
    client, transport = asked(gateway)
    gateway.wait(1.1)
    assert (statuses(client.sent), gateway.codes) == ([504], ["upstream_connect_timeout"])
    assert (transport.lost, gateway.pool.open) == (True, 0)


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, ""), 502, "upstream_connection_refused"),
        (OSError(errno.EHOSTUNREACH, ""), 502, "upstream_connection_refused"),
        (socket.gaierror(socket.EAI_NONAME, ""), 502, "upstream_name_unresolved"),
        (UnicodeError("label too long"), 502, "upstream_name_unresolved"),
        (OSError(errno.EMFILE, ""), 503, "out_of_sockets"),
        (Never(), 504, "upstream_connect_timeout"),
        (Never(late=True), 504, "upstream_connect_timeout"),
    ],
)
def test_a_service_that_is_not_even_reached_is_told_apart(
    build: Open, certificates: Folder, failure: Exception | Never, status: int, code: str
) -> None:
    """There is no socket yet that could be given up."""
    gateway = gateway_of(build, certificates)
    gateway.loop.answers.append(failure)
    client = gateway.client()
    client.feed(GET)
    gateway.wait(1.3)
    assert (statuses(client.sent), gateway.codes) == ([status], [code])
    assert (gateway.pool.open, gateway.reported, gateway.refused) == (0, [], [])


def test_one_that_is_reached_too_late_leaves_no_fault_that_nobody_hears_of(
    build: Open, certificates: Folder
) -> None:
    gateway = gateway_of(build, certificates)
    gateway.loop.answers.append(Never(late=True))
    gateway.client().feed(GET)
    gateway.wait(1.3)
    assert (gateway.service.lost, gateway.service.protocol.over.cancelled()) == (True, True)


def test_a_handshake_without_end_is_given_up(build: Open, certificates: Folder) -> None:
    gateway = gateway_of(build, certificates)
    client, transport = asked(gateway)
    transport.feed(b"\x16\x03\x03\x40\x00" + bytes(70_000))
    transport.feed(b"more") if not transport.lost else None
    gateway.loop.run_ready()
    assert (statuses(client.sent), gateway.codes) == ([502], ["upstream_tls_failed"])


def test_tls_that_breaks_behind_the_handshake_is_told_apart(
    build: Open, certificates: Folder, served: ssl.SSLContext
) -> None:
    """As where a service wants a certificate, and says so only then (TLS 1.3)."""
    gateway = gateway_of(build, certificates)
    client, transport = asked(gateway)
    shaken(gateway, TlsPeer(transport, served))
    transport.feed(b"\x17\x03\x03\x00\x20" + bytes(32))
    gateway.loop.run_ready()
    assert (statuses(client.sent), gateway.codes) == ([502], ["upstream_tls_failed"])


def test_an_answer_that_ends_with_the_connection_needs_an_end_that_is_said(
    build: Open, certificates: Folder, served: ssl.SSLContext
) -> None:
    for said, whole in ((True, True), (False, False)):
        gateway = gateway_of(build, certificates)
        client, transport = asked(gateway)
        service = TlsPeer(transport, served)
        shaken(gateway, service)
        service.read()
        service.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
        if said:
            service.end()
        transport.end()
        gateway.loop.run_ready()
        assert client.sent.endswith(b"abc")
        assert (client.lost, client.was_reset) == (True, not whole)


def test_nobody_is_asked_by_rules_that_are_gone(build: Open, certificates: Folder) -> None:
    gateway = gateway_of(build, certificates)
    for _ in range(2):
        gateway.connector.adopt({})
    client = gateway.client()
    client.feed(GET)
    gateway.loop.run_ready()
    assert (statuses(client.sent), gateway.codes) == ([503], ["upstream_unavailable"])
    assert gateway.pool.record.failed == 0  # the endpoint has no part in it


@pytest.mark.parametrize("said", [True, False])
def test_an_early_answer_is_heard_before_the_reset_behind_it(
    build: Open, certificates: Folder, served: ssl.SSLContext, said: bool
) -> None:
    """One that ends with the connection is whole only where the end has been said."""
    until_close = b"HTTP/1.1 413 Large\r\n\r\nabc"
    for answer, whole in ((OK, True), (until_close, said)):
        gateway = gateway_of(build, certificates)
        client, transport = asked(gateway, post(b"abc", length=1000))
        service = TlsPeer(transport, served)
        shaken(gateway, service)
        service.read()
        remains = service.records(answer) + (service.last_record() if said else b"")
        transport.feed(remains[:7])  # a record may have come in part
        transport.lose(remains[7:])
        gateway.loop.run_ready()
        assert (client.was_reset, gateway.codes == []) == (not whole, whole)


def test_half_a_record_before_a_reset_is_nothing(
    build: Open, certificates: Folder, served: ssl.SSLContext
) -> None:
    gateway = gateway_of(build, certificates)
    client, transport = asked(gateway, post(b"abc", length=1000))
    service = TlsPeer(transport, served)
    shaken(gateway, service)
    transport.lose(service.records(OK)[:-1])
    assert (statuses(client.sent), gateway.codes) == ([502], ["upstream_connection_terminated"])
