"""Dial: open a connection and be let in.

A connection counts as open when the server has said that it is what is wanted: it speaks RESP3, it
takes the login, it is no replica where a master is wanted, and it has read its data.
"""

import asyncio
import ssl
from typing import Final, cast

from tta_gateway.support.pem import load_authorities
from tta_gateway.support.socket_path import short
from tta_gateway.support.valkey.connection import Arg, Connection, Owner, Reply
from tta_gateway.support.valkey.error import Refused, Unavailable
from tta_gateway.support.valkey.topology import Address, Login

PATIENCE: Final = 2.0  # seconds, from the first packet to the end of the greeting


def tls_of(login: Login) -> ssl.SSLContext | None:
    """Return the context that a login asks for; OSError if OpenSSL refuses its authorities.

    No file is read: a worker can start whatever has become of it.
    """
    if not login.tls:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_authorities(context, login.authorities)  # none: nobody is believed
    return context


async def dial(
    address: Address,
    login: Login,
    *,
    tls: ssl.SSLContext | None,
    owner: Owner,
    name: str,
    role: str = "",
) -> Connection:
    """Return an open connection to a server of that role, if one is wanted.

    Unavailable says why there is none; Refused holds the server's own words.
    """
    loop = asyncio.get_running_loop()
    connection = Connection(loop, owner)
    try:
        async with asyncio.timeout(PATIENCE):
            await _connect(loop, connection, address=address, tls=tls)
            await _greet(connection, login=login, name=name, role=role)
    except BaseException as error:
        connection.break_off("it has not been let in")
        if isinstance(error, TimeoutError):
            raise Unavailable(f"it does not answer within {PATIENCE:g} s") from error
        if isinstance(error, OSError):
            raise Unavailable(error.strerror or str(error) or type(error).__name__) from error
        raise
    return connection


async def _connect(
    loop: asyncio.AbstractEventLoop,
    connection: Connection,
    *,
    address: Address,
    tls: ssl.SSLContext | None,
) -> None:
    protocol = cast("asyncio.Protocol", connection)  # it has all the methods of one
    if not address.unix:
        await loop.create_connection(lambda: protocol, address.host, address.port, ssl=tls)
        return
    with short(address.unix) as path:
        await loop.create_unix_connection(lambda: protocol, path)


async def _greet(connection: Connection, *, login: Login, name: str, role: str) -> None:
    secret: tuple[Arg, ...] = ()
    if login.password:
        secret = ("AUTH", login.user or "default", login.password)
    hello = connection.ask("HELLO", 3, *secret, "SETNAME", name, patience=PATIENCE)
    said = _text(await hello, b"role")
    if role and said and said != role:
        raise Unavailable(f"it is a {said}, and a {role} is wanted")
    if login.database:
        await connection.ask("SELECT", login.database, patience=PATIENCE)
    await connection.ask("PING", patience=PATIENCE)  # refused while it reads its data


def _text(hello: Reply, key: bytes) -> str:
    """Return a word of the greeting; empty where it says nothing about it."""
    value = hello.get(key) if isinstance(hello, dict) else None
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def why(error: Exception) -> str:
    """Return the reason for operators: of the server's own words the code, and what is harmless."""
    if isinstance(error, Refused):
        return f"it refuses: {error.code}"
    return str(error)
