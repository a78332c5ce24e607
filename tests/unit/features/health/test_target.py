"""Connections to what is looked at; on real sockets: tests/contract/health."""

import errno
import socket
import ssl
from typing import Any, cast

import pytest

from tests.helpers.builders import an_endpoint
from tests.helpers.fake_endpoint import FakeEndpoints
from tta_gateway.features.health.bound import Check
from tta_gateway.features.health.target import Failed, Target, Untold, connection
from tta_gateway.kernel.route import Endpoint

ONE = Target(an_endpoint(9001), Check())


async def connect(target: Target) -> None:
    async with connection(target):
        pass


def test_a_connection_is_closed_behind_the_look(endpoints: FakeEndpoints) -> None:
    assert endpoints.outcome(connect(ONE)) is None
    assert endpoints.asked == [("127.0.0.1", 9001)]
    assert endpoints.opened[0].lost


def test_another_port_may_be_looked_at(endpoints: FakeEndpoints) -> None:
    assert endpoints.outcome(connect(Target(an_endpoint(9001), Check(port=9)))) is None
    assert endpoints.asked == [("127.0.0.1", 9)]


def test_an_endpoint_may_be_a_unix_socket(endpoints: FakeEndpoints) -> None:
    unix = Endpoint(host="", port=0, unix="/run/a.sock")
    assert endpoints.outcome(connect(Target(unix, Check()))) is None
    assert endpoints.asked == [("/run/a.sock",)]


@pytest.mark.parametrize(("name", "shown"), [("", "127.0.0.1"), ("players.local", "players.local")])
def test_an_endpoint_of_tls_is_spoken_to_by_its_name(
    endpoints: FakeEndpoints, name: str, shown: str
) -> None:
    context = cast("Any", object())
    tls = Endpoint(host="127.0.0.1", port=9001, tls=True)
    target = Target(tls, Check(), context=context, server_name=name)
    assert endpoints.outcome(connect(target)) is None
    assert endpoints.asked == [("127.0.0.1", 9001, context, shown)]


def test_where_a_name_was_resolved_the_certificate_must_have_the_name(
    endpoints: FakeEndpoints,
) -> None:
    context = cast("Any", object())
    found = Endpoint(host="10.0.0.7", port=443, tls=True, authority="players.local:443")
    assert endpoints.outcome(connect(Target(found, Check(), context=context))) is None
    assert endpoints.asked == [("10.0.0.7", 443, context, "players.local")]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ConnectionRefusedError(), "it refuses connections"),
        (ConnectionResetError(), "it closed the connection"),
        (socket.gaierror(-2, "unknown"), "its name has no address"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "No route to host"),
        (OSError("odd"), "odd"),
        (ssl.SSLError(1, "odd"), "no TLS came about: "),
        (UnicodeError("label too long"), "its name is none"),
    ],
)
def test_an_endpoint_that_cannot_be_reached_fails(
    endpoints: FakeEndpoints, error: Exception, cause: str
) -> None:
    endpoints.says[9001] = error
    found = endpoints.outcome(connect(ONE))
    assert isinstance(found, Failed)
    assert str(found).startswith(cause)


def test_want_of_descriptors_here_says_nothing_of_the_endpoint(endpoints: FakeEndpoints) -> None:
    endpoints.says[9001] = OSError(errno.EMFILE, "Too many open files")
    assert isinstance(endpoints.outcome(connect(ONE)), Untold)


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (ONE, "127.0.0.1:9001"),
        (Target(an_endpoint(9001), Check(port=9)), "127.0.0.1:9"),
        (Target(Endpoint(host="::1", port=80), Check()), "[::1]:80"),
        (Target(Endpoint(host="", port=0, unix="/a"), Check()), "localhost"),
        (Target(Endpoint(host="10.0.0.7", port=80, authority="a.b:80"), Check()), "a.b:80"),
        (Target(Endpoint(host="10.0.0.7", port=80, authority="a.b:80"), Check(port=9)), "a.b:9"),
        (Target(an_endpoint(), Check(), host="players.example"), "players.example"),
        (Target(an_endpoint(), Check(fields=(("host", "b"),)), host="a"), "b"),
    ],
)
def test_an_endpoint_reads_who_is_meant(target: Target, host: str) -> None:
    assert f"host: {host}\r\n".encode() in target.head()
    assert target.head().count(b"host: ") == 1


def test_the_operator_s_fields_stand_beside_the_gateway_s_own() -> None:
    target = Target(an_endpoint(), Check(fields=(("x-a", "b"), ("user-agent", "c"))))
    assert target.head(("connection", "close")).split(b"\r\n") == [
        b"host: 127.0.0.1:9001",
        b"user-agent: c",
        b"accept-encoding: identity",
        b"connection: close",
        b"x-a: b",
        b"",
    ]
