"""Which addresses are the gateway's own, however they are spelt."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from tta_gateway.kernel.route import Endpoint
from tta_gateway.node.own_addresses import Own, own_of
from tta_gateway.snapshot.model import Listener, Snapshot

SNAPSHOT = Snapshot(
    version=1,
    state_dir="/var/lib/tta",
    admin=Listener(host="127.0.0.1", port=8081),
    probe=Listener(host="::1", port=8082),
    listeners=(
        Listener(host="0.0.0.0", port=8080),
        Listener(host="::", port=8090),
        Listener(host="10.0.0.7", port=8083, internal=True),
        Listener(host="gateway.example", port=8443),
        Listener(host="localhost", port=8444),
        Listener(unix="/run/gateway.sock"),
    ),
    services=(),
    routes=(),
)
HERE = (ip_address("192.0.2.7"), ip_address("2001:db8::7"))
OWN = own_of(SNAPSHOT, HERE.__contains__)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("127.0.0.1", 8081),  # the administration
        ("localhost", 8081),
        ("LocalHost.", 8081),
        ("ip6-localhost", 8082),
        ("admin.localhost", 8081),
        ("::ffff:127.0.0.1", 8081),
        ("::ffff:7f00:1", 8081),
        ("127.1", 8081),
        ("0x7f000001", 8081),
        ("2130706433", 8081),
        ("0.0.0.0", 8081),
        ("::", 8081),
        ("::ffff:0.0.0.0", 8081),
        ("::1", 8082),  # where probes ask
        ("0:0:0:0:0:0:0:1", 8082),
        ("::1%lo", 8082),
        ("127.0.0.1", 8080),  # every address of the machine
        ("127.8.9.10", 8080),
        ("::1", 8080),
        ("::ffff:127.0.0.2", 8080),
        ("10.0.0.7", 8080),
        ("::ffff:10.0.0.7", 8090),
        ("127.0.0.1", 8090),
        ("192.0.2.7", 8080),  # of an interface that no listener names
        ("::ffff:192.0.2.7", 8080),
        ("2001:db8::7", 8090),
        ("10.0.0.7", 8083),  # for services
        ("gateway.example", 8443),
        ("Gateway.Example.", 8443),
        ("127.0.0.1", 8444),
        ("::1", 8444),
    ],
)
def test_an_address_of_the_gateway_is_known_however_it_is_spelt(host: str, port: int) -> None:
    assert OWN.has(Endpoint(host=host, port=port))


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("127.0.0.1", 9001),
        ("0.0.0.0", 9001),
        ("127.0.0.2", 8081),  # nobody of ours listens there
        ("::1", 8081),
        ("10.0.0.8", 8080),
        ("192.0.2.8", 8080),
        ("192.0.2.7", 8081),  # nobody listens on all there
        ("192.0.2.7", 9001),
        ("10.0.0.8", 8083),
        ("127.0.0.1", 8083),
        ("players.example", 8443),
        ("players.example", 8080),
        ("10.0.0.8", 8443),
        ("", 8080),
        ("with\0null", 8080),
    ],
)
def test_any_other_address_is_not(host: str, port: int) -> None:
    assert not OWN.has(Endpoint(host=host, port=port))


def socket_at(path: object) -> Endpoint:
    return Endpoint(host="", port=0, unix=str(path))


def test_sockets_are_known_by_whatever_links_they_are_reached(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "state")
    (tmp_path / "other").symlink_to(tmp_path / "gateway.sock")
    own = Own([Listener(unix=str(tmp_path / "gateway.sock"))], str(tmp_path / "state"))
    for path in ("state/control.sock", "state/supervisor.sock", "state/valkey/a.sock"):
        assert own.has(socket_at(tmp_path / path))
    assert own.has(socket_at(tmp_path / "link" / "control.sock"))
    assert own.has(socket_at(tmp_path / "state" / ".." / "state" / "control.sock"))
    assert own.has(socket_at(tmp_path / "other"))
    assert not own.has(socket_at(tmp_path / "players.sock"))


def test_links_that_lead_round_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    """Nor are they an error, which would keep control from telling of all other instances."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    own = Own([Listener(unix=str(tmp_path / "gateway.sock"))], str(tmp_path / "state"))
    assert not own.has(socket_at(tmp_path / "loop"))
    assert not own.has(socket_at(tmp_path / "loop" / "a.sock"))


def test_who_knows_no_addresses_has_none() -> None:
    assert not Own().has(socket_at("/var/lib/tta/control.sock"))
    assert not Own().has(Endpoint(host="127.0.0.1", port=8081))


def test_what_the_machine_has_by_now_is_asked_each_time() -> None:
    addresses = [ip_address("192.0.2.7")]
    own = own_of(SNAPSHOT, lambda one: one in addresses)
    one = Endpoint(host="192.0.2.9", port=8080)
    before = own.has(one)
    addresses.append(ip_address("192.0.2.9"))
    assert (before, own.has(one)) == (False, True)


def test_unless_it_is_told_otherwise_it_is_this_machine_s() -> None:
    assert not own_of(SNAPSHOT).has(Endpoint(host="198.51.100.1", port=8080))  # RFC 5737: nobody's
