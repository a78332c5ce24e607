"""The doorway, on paper: PROXY header, handshake, and who does not get through."""

import socket
import ssl
import struct

import pytest

from tests.helpers.builders import Bound
from tests.helpers.certificates import Folder, compiled
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.paper_gateway import (
    GET,
    OK,
    Open,
    PaperGateway,
    statuses,
)
from tests.helpers.svids import PLAYERS, SERVER, Authority, Leaf
from tests.helpers.tls_peer import TlsPeer
from tta_gateway.edge.credentials import listener_context
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.timing import ClientTimeouts, ConnectionLimits
from tta_gateway.snapshot.model import ListenerTls
from tta_gateway.support.pem import load_pair
from tta_gateway.support.svid import authorities, svid_of

LINE = b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n"
LOCAL = b"\r\n\r\n\x00\r\nQUIT\n" + bytes((0x20, 0)) + struct.pack("!H", 0)
UNKNOWN = b"PROXY UNKNOWN\r\n"
UNSPECIFIED = LOCAL.replace(b"\x20", b"\x21")
UNIX = UNSPECIFIED[:-3] + b"\x31" + struct.pack("!H", 216) + bytes(216)
PATIENCE = ClientTimeouts().handshake
NOISE = b"\x16\x03\x01\x00\x05\x0b\x00\x00\x01\x00"


def whoami(exchange: Exchange) -> Response:
    """Answer with what is known of the way here."""
    peer = exchange.peer
    return Response(200, [], b"%b %b:%d" % (peer.scheme, peer.address.encode(), peer.port))


def client_is(exchange: Exchange) -> Response:
    """Answer with who is taken for the client, and whether the neighbour is believed."""
    return Response(200, [], b"%b %d" % (exchange.client.encode(), exchange.peer.trusted))


def shown(exchange: Exchange) -> Response:
    """Answer with how many certificates have been shown, and whose they are."""
    found = exchange.peer.shown
    if found is None:
        return Response(200, [], b"nothing")
    whose = svid_of(found.chain, "client").id.encode() if found.chain else b"nobody"
    return Response(200, [], b"%d %b" % (len(found.chain), whose))


TOLD = Bound(on_request=whoami)
SHOWN = Bound(on_request=shown)
CLIENT = Bound(on_request=client_is)


@pytest.fixture(scope="module")
def context(certificates: Folder) -> ssl.SSLContext:
    """What the listener speaks."""
    one = compiled(certificates.server, "gateway.test")
    return listener_context(ListenerTls(certificates=(one,)))


@pytest.fixture(scope="module")
def theirs(certificates: Folder) -> ssl.SSLContext:
    """What clients speak."""
    return ssl.create_default_context(cafile=certificates.ca)


def peer(transport: FakeTransport, theirs: ssl.SSLContext) -> TlsPeer:
    return TlsPeer(transport, theirs, server_name="gateway.test")


def shaken(gateway: PaperGateway, one: TlsPeer) -> TlsPeer:
    """Shake hands to the end."""
    while not one.shake():
        gateway.loop.run_ready()
    gateway.loop.run_ready()
    return one


# TLS


def test_a_request_is_answered_under_tls(
    build: Open, context: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    gateway = build(context=context)
    client = shaken(gateway, peer(gateway.door(), theirs))
    client.send(GET)
    gateway.loop.run_ready()
    gateway.service.feed(OK)
    assert statuses(client.read()) == [200]
    assert gateway.outcomes == ["done"]


def test_policies_see_that_it_is_encrypted(
    build: Open, context: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    gateway = build(context=context, policies=[TOLD])
    client = shaken(gateway, peer(gateway.door(), theirs))
    client.send(GET)
    assert client.read().endswith(b"https 192.0.2.7:40000")


def test_a_request_may_come_with_the_end_of_the_handshake(
    build: Open, context: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    gateway = build(context=context, policies=[TOLD])
    transport = gateway.door()
    client = peer(transport, theirs)
    client.shake()
    gateway.loop.run_ready()
    transport.reading = False  # what the client sends next arrives in one piece
    assert client.shake()
    client.send(GET)
    pieces = [piece.args[0] for piece in transport._waiting]  # type: ignore[attr-defined]
    transport._waiting.clear()
    transport.reading = True
    transport.feed(b"".join(pieces))
    gateway.loop.run_ready()
    assert statuses(client.read()) == [200]


def test_plain_http_is_told_to_write_https(build: Open, context: ssl.SSLContext) -> None:
    gateway = build(context=context, policies=[TOLD])
    client = gateway.door()
    client.feed(GET)
    gateway.loop.run_ready()
    assert statuses(client.sent) == [400]
    assert gateway.codes == ["tls_required"]
    assert gateway.outcomes == ["in_the_clear"]


def test_what_is_neither_is_cut_off(build: Open, context: ssl.SSLContext) -> None:
    gateway = build(context=context)
    client = gateway.door()
    client.feed(b"\x80\x2e\x01")
    assert (client.aborted, client.sent, gateway.outcomes) == (True, b"", ["failed"])


def test_a_handshake_that_is_none_gets_an_alert(build: Open, context: ssl.SSLContext) -> None:
    gateway = build(context=context)
    client = gateway.door()
    client.feed(NOISE)
    gateway.loop.run_ready()
    assert client.sent[:1] == b"\x15"
    assert (client.lost, gateway.outcomes) == (True, ["failed"])


def test_a_handshake_without_end_is_cut_off(build: Open, context: ssl.SSLContext) -> None:
    gateway = build(context=context)
    client = gateway.door()
    client.feed(b"\x16\x03\x01" + bytes(70_000))
    assert (client.aborted, gateway.outcomes) == (True, ["failed"])


def test_a_handshake_that_goes_on_for_ever_is_cut_off(build: Open, context: ssl.SSLContext) -> None:
    gateway = build(context=context)
    client = gateway.door()
    client.feed(b"\x16\x03\x01\x40\x00", bytes(40_000), bytes(40_000))
    assert (client.aborted, gateway.outcomes) == (True, ["failed"])


@pytest.mark.parametrize("begun", [b"", b"\x16\x03"])
def test_a_client_that_stalls_is_cut_off_in_time(
    build: Open, context: ssl.SSLContext, begun: bytes
) -> None:
    gateway = build(context=context)
    client = gateway.door()
    client.feed(*([begun] if begun else []))
    gateway.wait(PATIENCE - 0.5)
    assert not client.lost
    gateway.wait(1.0)
    assert (client.lost, gateway.outcomes) == (True, ["late"])


def test_a_client_that_goes_leaves_nothing(build: Open, context: ssl.SSLContext) -> None:
    gateway = build(context=context)
    client = gateway.door()
    client.feed(b"\x16\x03")
    client.end()
    gateway.loop.run_ready()
    assert (client.lost, gateway.connected) == (True, 0.0)


def test_those_who_wait_for_a_place_are_not_read(
    build: Open, context: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    gateway = build(context=context, limits=ConnectionLimits(handshakes=1))
    first, second = (peer(gateway.door(), theirs) for _ in range(2))
    first.shake()
    second.shake()
    gateway.loop.run_ready()
    assert (first.transport.sent != b"", second.transport.sent) == (True, b"")
    assert (first.transport.reading, second.transport.reading) == (True, False)
    shaken(gateway, first)
    shaken(gateway, second)
    assert gateway.outcomes == ["done", "done"]


def test_who_stalls_makes_room_for_who_waits(
    build: Open, context: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    gateway = build(context=context, limits=ConnectionLimits(handshakes=1))
    first, second = (peer(gateway.door(), theirs) for _ in range(2))
    first.shake()
    second.shake()
    gateway.wait(3.0)
    assert first.transport.lost
    shaken(gateway, second)
    assert gateway.outcomes == ["gave_way", "done"]


def test_one_network_has_its_share_and_no_more(
    build: Open, context: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    """From the first moment on, too: nobody has been silent for long yet."""
    gateway = build(context=context)
    clients = [peer(gateway.door(), theirs) for _ in range(64)]
    for client in clients:
        client.shake()
    gateway.wait(1.0)
    assert sum(client.transport.sent != b"" for client in clients) == 16
    assert repr(gateway.handshakes) == "<handshakes: 16 of 64 under way, 48 waiting>"


# The PROXY protocol


@pytest.mark.parametrize(
    ("header", "said"),
    [(LINE, b"http 203.0.113.7:4711"), (LOCAL, b"http 192.0.2.7:40000")],
)
def test_a_header_says_who_it_is(build: Open, header: bytes, said: bytes) -> None:
    gateway = build(proxy_protocol=True, policies=[TOLD])
    whole, cut = gateway.door(), gateway.door()
    whole.feed(header + GET)
    cut.feed(*[header[at : at + 1] for at in range(len(header))], GET)
    assert (whole.sent.endswith(said), cut.sent.endswith(said)) == (True, True)


def test_a_header_comes_before_tls(
    build: Open, context: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    gateway = build(context=context, proxy_protocol=True, policies=[TOLD])
    transport = gateway.door()
    transport.feed(LINE)
    client = shaken(gateway, peer(transport, theirs))
    client.send(GET)
    assert client.read().endswith(b"https 203.0.113.7:4711")


def test_who_sends_no_header_is_cut_off(build: Open) -> None:
    gateway = build(proxy_protocol=True)
    client = gateway.door()
    client.feed(GET)
    assert (client.aborted, client.sent, gateway.outcomes) == (True, b"", ["not_proxied"])


def test_a_header_that_does_not_come_is_not_waited_for(build: Open) -> None:
    gateway = build(proxy_protocol=True)
    client = gateway.door()
    client.feed(b"PROXY TCP4")
    gateway.wait(PATIENCE + 0.5)
    assert (client.lost, gateway.outcomes) == (True, ["late"])


def test_only_trusted_proxies_say_who_it_is_where_any_are_named(build: Open) -> None:
    gateway = build(proxy_protocol=True, trusted=("192.0.2.1/32",), policies=[TOLD])
    stranger, proxy = gateway.door(), gateway.door(peername=("192.0.2.1", 1))
    proxy.feed(LINE + GET)
    assert (stranger.aborted, gateway.outcomes[0]) == (True, "not_proxied")
    assert proxy.sent.endswith(b"http 203.0.113.7:4711")


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (LINE, b"203.0.113.7 0"),
        (LINE.replace(b"203.0.113.7", b"192.0.2.2"), b"6.6.6.6 1"),
        (UNKNOWN, b"192.0.2.1 0"),
        (UNSPECIFIED, b"192.0.2.1 0"),
        (UNIX, b"192.0.2.1 0"),
        (LOCAL, b"6.6.6.6 1"),
    ],
)
def test_a_claim_about_the_way_is_believed_of_a_proxy_that_is_named(
    build: Open, header: bytes, client: bytes
) -> None:
    """A balancer of layer 4 passes on whatever its client claims: its own name vouches for none."""
    gateway = build(proxy_protocol=True, trusted=("192.0.2.0/30",), policies=[CLIENT])
    proxy = gateway.door(peername=("192.0.2.1", 1))
    proxy.feed(header + b"GET /a HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n")
    assert proxy.sent.endswith(client)


def test_the_same_holds_under_tls(
    build: Open, context: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    gateway = build(
        context=context, proxy_protocol=True, trusted=("192.0.2.1/32",), policies=[CLIENT]
    )
    transport = gateway.door(peername=("192.0.2.1", 1))
    transport.feed(UNKNOWN)
    client = shaken(gateway, peer(transport, theirs))
    client.send(b"GET /a HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n")
    assert client.read().endswith(b"192.0.2.1 0")


def test_whom_a_trusted_proxy_does_not_name_counts_for_many(build: Open) -> None:
    gateway = build(
        proxy_protocol=True,
        trusted=("192.0.2.1/32",),
        limits=ConnectionLimits(per_address=1),
        policies=[TOLD],
    )
    doors = [gateway.door(peername=("192.0.2.1", port)) for port in (1, 2)]
    for door in doors:
        door.feed(UNKNOWN + GET)
    assert [statuses(door.sent) for door in doors] == [[200], [200]]


def test_who_is_behind_a_proxy_counts_by_its_own_address(build: Open) -> None:
    gateway = build(proxy_protocol=True, limits=ConnectionLimits(per_address=1), policies=[TOLD])
    first, again, other = (gateway.door() for _ in range(3))
    first.feed(LINE + GET)
    again.feed(LINE + GET)
    other.feed(LINE.replace(b"0.113.7", b"0.113.8") + GET)
    assert [statuses(one.sent) for one in (first, again, other)] == [[200], [503], [200]]


def test_a_peer_without_an_address_is_nobody(build: Open) -> None:
    gateway = build(proxy_protocol=True, policies=[TOLD])
    client = gateway.door(peername="")
    client.feed(LOCAL + GET)
    assert client.sent.endswith(b"http :0")


# Guests


def test_one_too_many_is_told_so_under_tls(
    build: Open, context: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    gateway = build(context=context, limits=ConnectionLimits(per_address=1))
    shaken(gateway, peer(gateway.door(), theirs))
    client = shaken(gateway, peer(gateway.door(), theirs))
    assert statuses(client.read()) == [503]


def test_crowds_are_cut_off_without_a_word(build: Open, context: ssl.SSLContext) -> None:
    gateway = build(context=context, limits=ConnectionLimits(per_worker=0))
    doors = [gateway.door() for _ in range(65)]
    assert [door.aborted for door in doors] == [False] * 64 + [True]


def test_a_drain_waits_for_who_is_getting_through(
    build: Open, context: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    gateway = build(context=context, policies=[TOLD])
    client, idle = peer(gateway.door(), theirs), gateway.door()
    client.shake()
    gateway.guests.drain()
    shaken(gateway, client)
    client.send(GET)
    assert b"connection: close" in client.read()
    gateway.wait(5.5)
    assert idle.lost


def test_what_is_cut_at_the_end_is_gone(build: Open, context: ssl.SSLContext) -> None:
    gateway = build(context=context)
    client = gateway.door()
    gateway.guests.cut()
    gateway.loop.run_ready()
    assert (client.lost, gateway.connected) == (True, 0.0)


def test_a_reset_under_tls_is_one_of_the_socket(
    build: Open, context: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    gateway = build(context=context)
    client = shaken(gateway, peer(gateway.door(), theirs))
    client.send(GET)
    gateway.loop.run_ready()
    gateway.service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    gateway.service.lose()
    assert client.transport.was_reset
    assert client.transport.socket is not None
    assert client.transport.socket.family == socket.AF_INET


def test_it_says_what_it_waits_for(build: Open, context: ssl.SSLContext) -> None:
    encrypted, proxied = build(context=context).door(), build(proxy_protocol=True).door()
    assert repr(encrypted.protocol) == "<doorway 192.0.2.7, waits for handshake>"
    assert repr(proxied.protocol) == "<doorway , waits for PROXY header>"
    proxied.protocol.pause_writing()
    proxied.protocol.resume_writing()


# Services


class Services:
    """A listener that asks services for certificates, of an authority and one below it."""

    def __init__(self, build: Open, certificates: Folder, policy: Bound = SHOWN) -> None:
        self.root = Authority(begins=0, ends=4e9)
        self.between = Authority("between", above=self.root, begins=0, ends=4e9)
        one = compiled(certificates.server, "gateway.test")
        context = listener_context(
            ListenerTls(certificates=(one,), client_ca="root", proves=True),
            {"root": self.root.pem},
        )
        self.gateway = build(
            context=context,
            policies=[policy],
            authorities_of_services=authorities(self.root.pem),
        )
        self.ca = certificates.ca

    def context(self, leaf: Leaf | None, *, most: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=self.ca)
        if leaf is not None:
            load_pair(made, leaf.pem + leaf.key)
        if most is not None:
            made.maximum_version = most
        return made

    def asks(self, context: ssl.SSLContext) -> bytes:
        """Shake hands, ask, and return the last of the answer."""
        client = shaken(self.gateway, peer(self.gateway.door(), context))
        client.send(GET)
        self.gateway.loop.run_ready()
        return client.read().rpartition(b"\r\n")[2]


def lasting(authority: Authority, *uris: str, **more: object) -> Leaf:
    return authority.issue(*uris, begins=0, ends=4e9, **more)  # type: ignore[arg-type]


def test_what_a_service_shows_is_there_up_to_the_authority(
    build: Open, certificates: Folder
) -> None:
    services = Services(build, certificates)
    assert services.asks(services.context(lasting(services.root, PLAYERS))) == (
        b"2 " + PLAYERS.encode()
    )
    assert services.asks(services.context(lasting(services.between, PLAYERS))) == (
        b"3 " + PLAYERS.encode()
    )


@pytest.mark.parametrize(
    "what", ["none", "self-signed", "other", "expired", "early", "server", "1.2"]
)
def test_who_shows_nothing_that_leads_to_the_authority_does_not_get_in(
    build: Open, certificates: Folder, what: str
) -> None:
    services = Services(build, certificates)
    stranger = Authority(begins=0, ends=4e9)
    leaf = {
        "none": None,
        "self-signed": lasting(stranger, PLAYERS),
        "other": lasting(Authority("authority", begins=0, ends=4e9), PLAYERS),
        "expired": services.root.issue(PLAYERS, begins=0, ends=1e9),
        "early": services.root.issue(PLAYERS, begins=3.9e9, ends=4e9),
        "server": lasting(services.root, PLAYERS, purposes=[SERVER]),
        "1.2": lasting(services.root, PLAYERS),
    }[what]
    most = ssl.TLSVersion.TLSv1_2 if what == "1.2" else None
    with pytest.raises(ssl.SSLError):
        services.asks(services.context(leaf, most=most))
    services.gateway.loop.run_ready()
    assert services.gateway.outcomes == ["failed"]


def test_no_session_of_a_service_is_resumed(build: Open, certificates: Folder) -> None:
    services = Services(build, certificates)
    context = services.context(lasting(services.root, PLAYERS))
    client = shaken(services.gateway, peer(services.gateway.door(), context))
    client.send(GET)
    services.gateway.loop.run_ready()
    client.read()
    session = client.tls.session
    assert session is None or not session.has_ticket


def test_elsewhere_nothing_is_shown(
    build: Open, context: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    gateway = build(context=context, policies=[SHOWN])
    client = shaken(gateway, peer(gateway.door(), theirs))
    client.send(GET)
    assert client.read().endswith(b"nothing")


def parts(exchange: Exchange) -> Response:
    """Answer, and have the connection part."""
    assert exchange.peer.shown is not None
    exchange.peer.shown.parting = True
    return Response(200, [], b"last")


def test_a_connection_that_parts_ends_behind_its_answer(build: Open, certificates: Folder) -> None:
    services = Services(build, certificates, Bound(on_request=parts))
    context = services.context(lasting(services.root, PLAYERS))
    client = shaken(services.gateway, peer(services.gateway.door(), context))
    client.send(GET)
    services.gateway.loop.run_ready()
    assert b"connection: close\r\n" in client.read()


class Watchful:
    """Cuts one address, and takes down who comes and who is slow."""

    def __init__(self) -> None:
        self.met: list[str] = []
        self.slowed: list[str] = []

    def meets(self, address: str) -> bool:
        self.met.append(address)
        return address != "203.0.113.7"

    def slow(self, address: str) -> None:
        self.slowed.append(address)


def test_whoever_is_kept_out_gets_no_handshake(build: Open, context: ssl.SSLContext) -> None:
    gateway, ward = build(context=context), Watchful()
    gateway.entrance.ward = ward
    hostile, other = gateway.door(peername=("203.0.113.7", 1)), gateway.door()
    assert (hostile.aborted, other.aborted) == (True, False)
    other.feed(b"\x16\x03")
    gateway.wait(PATIENCE + 0.5)
    assert ward.met == ["203.0.113.7", "192.0.2.7"]
    assert ward.slowed == ["192.0.2.7"]


def test_whoever_is_kept_out_is_it_behind_a_proxy_too(build: Open) -> None:
    gateway, ward = build(proxy_protocol=True, trusted=("192.0.2.0/24",)), Watchful()
    gateway.entrance.ward = ward
    hostile, other = gateway.door(), gateway.door()
    hostile.feed(LINE + GET)
    other.feed(LINE.replace(b"203.0.113.7", b"198.51.100.9"))
    assert (hostile.aborted, hostile.sent, other.aborted) == (True, b"", False)
    assert ward.met == ["203.0.113.7", "198.51.100.9"]
