"""Registries, as operators write them."""

from pathlib import Path

import msgspec
import pytest

from tests.helpers.configuration import complaints, loaded, refusals
from tta_gateway.features.discovery.bound import DiscoveryBound, RegistryOrigin
from tta_gateway.kernel.route import Breaker
from tta_gateway.settings.compile import compile_snapshot

SERVICES = """\
services:
  players: {discover: {consul: players, etcd: players, kubernetes: players}}
routes: [{path: /, service: players, auth: none}]
"""


def bound(text: str) -> DiscoveryBound:
    raw = compile_snapshot(loaded(text).settings, 1).features["discovery"]
    return msgspec.msgpack.decode(raw, type=DiscoveryBound)


def test_nothing_written_is_what_the_defaults_say() -> None:
    assert bound("") == DiscoveryBound()


def test_registries_that_are_looked_in_are_where_they_usually_are() -> None:
    found = bound(SERVICES)
    assert found.consul is not None
    assert found.etcd is not None
    assert found.kubernetes is not None
    assert found.consul.origin == RegistryOrigin(host="127.0.0.1", port=8500)
    assert found.etcd.origins == (RegistryOrigin(host="127.0.0.1", port=2379),)
    assert found.kubernetes.origin.host == "kubernetes.default.svc"
    assert found.kubernetes.origin.tls
    assert found.kubernetes.token_file.endswith("/token")


def test_secrets_are_read_from_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    text = f"""\
discovery:
  consul: {{token: {{file: {tmp_path}/token}}}}
  etcd: {{user: gateway, password: {{env: PASSWORD}}}}
"""
    settings = loaded(text + SERVICES, {"PASSWORD": "pass word"}).settings
    raw = compile_snapshot(settings, 1).features["discovery"]
    found = msgspec.msgpack.decode(raw, type=DiscoveryBound)
    assert found.consul is not None
    assert found.etcd is not None
    assert (found.consul.token, found.etcd.password) == ("t0ken", "pass word")
    assert [one.path for one in compile_snapshot(settings, 1).secret_files] == [
        str(tmp_path / "token")
    ]


@pytest.mark.parametrize(
    ("written", "server"),
    [
        ("10.0.0.2", ("10.0.0.2", 53)),
        ("'10.0.0.2:5353'", ("10.0.0.2", 5353)),
        ("'::1'", ("::1", 53)),
        ("'[::1]:5353'", ("::1", 5353)),
    ],
)
def test_a_server_of_the_dns_is_an_address(written: str, server: tuple[str, int]) -> None:
    assert bound(f"discovery: {{dns: {{servers: [{written}]}}}}\n").dns.servers == (server,)


def test_all_is_told_no_sooner_than_it_is_quiet() -> None:
    found = bound("discovery: {quiet: 3s}\n")
    assert (found.quiet, found.latest) == (3.0, 3.0)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("dns: {servers: [ns.example]}", "is not the address of a server"),
        ("dns: {servers: ['unix:/run/dns']}", "is not the address of a server"),
        ("consul: {token: abc}", "is a secret"),
        ("consul: {token: {env: SPACED}}", "visible ASCII"),
        ("etcd: {prefix: /services}", "must end with a slash"),
        ("etcd: {user: a}", "stand together"),
        ("etcd: {password: {env: SPACED}}", "stand together"),
        ("kubernetes: {namespace: A}", "is not a name in Kubernetes"),
    ],
)
def test_what_is_wrong_is_said(written: str, words: str) -> None:
    (said,) = complaints(f"discovery: {{{written}}}\n", {"SPACED": "a b"})
    assert said.startswith("gateway.yaml:1:")
    assert words in said


def test_without_control_nobody_would_look() -> None:
    (said,) = refusals(f"admin: off\n{SERVICES}")
    assert "is done by the process that `admin: off` leaves out" in said


def test_what_may_be_declared_is_known_with_what_such_routes_are_like() -> None:
    found = bound(
        """services:
  players:
    discover: {consul: players, routes: [/live/], auth_none: true}
    breaker: {failures: 7}
  worlds: {discover: {consul: worlds}}
routes: [{path: /, service: players, auth: none}]
"""
    )
    wanted = found.services["players"]
    assert (wanted.routes, wanted.auth_none) == (("/live/",), True)
    assert (found.services["worlds"].routes, found.services["worlds"].auth_none) == ((), False)
    assert list(found.likes) == ["players"]
    like = found.likes["players"]
    assert (like.service, like.breaker) == ("players", Breaker(failures=7))
