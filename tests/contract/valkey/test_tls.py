"""TLS, on Debian's Redis: the embedded Valkey has none, and needs none."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from tests.helpers.gateway import free_port
from tests.helpers.valkey_client import client
from tests.helpers.valkey_server import server
from tta_gateway.support.valkey.error import Unavailable
from tta_gateway.support.valkey.topology import Address, Login

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities, and a server that the first of them vouches for."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("ours", "theirs"):
        make(
            folder,
            f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
            f"-subj /CN={name} -keyout {name}.key -out {name}.pem",
        )
    make(
        folder,
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=redis "
        "-addext subjectAltName=IP:127.0.0.1 -keyout server.key -out server.csr",
    )
    make(
        folder,
        "x509 -req -in server.csr -CA ours.pem -CAkey ours.key -days 2 "
        "-copy_extensions copy -out server.pem",
    )
    return folder


def make(folder: Path, command: str) -> None:
    done = subprocess.run(
        ["openssl", *command.split()], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[Address]:
    """Where a Redis speaks TLS."""
    port = free_port()
    files = ("--tls-cert-file", f"{folder}/server.pem", "--tls-key-file", f"{folder}/server.key")
    more = ("--tls-ca-cert-file", f"{folder}/ours.pem", "--tls-auth-clients", "no")
    with server("redis", "--tls-port", str(port), *files, *more):
        yield Address("127.0.0.1", port)


def test_commands_go_through_tls(address: Address, folder: Path) -> None:
    async def body() -> None:
        login = Login(tls=True, authorities=(folder / "ours.pem").read_bytes())
        async with client(address, login) as (one, _):
            value = b"v" * 1_000_000
            await one.command(b"SET", b"a", value)
            assert await one.command(b"GET", b"a") == value

    uvloop.run(body())


@pytest.mark.parametrize("ca", ["theirs.pem", ""])
def test_a_server_that_nobody_known_vouches_for_is_not_spoken_to(
    address: Address, folder: Path, ca: str
) -> None:
    async def body() -> None:
        login = Login(tls=True, authorities=(folder / ca).read_bytes() if ca else b"")
        with pytest.raises(Unavailable, match="certificate verify failed"):
            async with client(address, login, patience=0.5):
                pass

    uvloop.run(body())


def test_a_server_with_another_name_is_not_spoken_to(address: Address, folder: Path) -> None:
    async def body() -> None:
        login = Login(tls=True, authorities=(folder / "ours.pem").read_bytes())
        with pytest.raises(Unavailable, match="certificate verify failed"):
            async with client(Address("localhost", address.port), login, patience=0.5):
                pass

    uvloop.run(body())


def test_plain_text_to_a_tls_port_ends_in_a_reason(address: Address) -> None:
    async def body() -> None:
        with pytest.raises(Unavailable, match=r"closed|reset|RESP"):
            async with client(address, patience=0.5):
                pass

    uvloop.run(body())
