"""Keys are fetched over TLS from a server that may do anything; what it may not do is said."""

import asyncio
import json
import ssl
from typing import Final

import pytest
import trustme

from tests.helpers.found import in_loop
from tests.helpers.registry_server import Answering, Asked, RegistryServer, Serve, serving
from tests.unit.features.identity.issuing import a_signer
from tta_gateway.features.identity.bound import KeySource
from tta_gateway.features.identity.key_fetch import LARGEST, NoKeys, fetched
from tta_gateway.features.identity.key_source import USUAL

SET: Final = json.dumps({"keys": [a_signer().as_dict(private=False)]}).encode()
DESCRIBED: Final = "/.well-known/openid-configuration"
AUTHORITY: Final = trustme.CA()
CA: Final = AUTHORITY.cert_pem.bytes().decode()


def encryption() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("localhost").configure_cert(context)
    return context


def source(server: RegistryServer, path: str = "/jwks", *, ca: str = CA) -> KeySource:
    return KeySource(url=f"https://localhost:{server.port}{path}", ca=ca)


def answering(body: bytes, *, status: int = 200, **fields: str) -> Serve:
    async def serve(_: Asked, answer: Answering) -> None:
        await answer.whole(body, status=status, **fields)

    return serve


async def refusal(serve: Serve, **more: str) -> str:
    """Why there are no keys of such a server."""
    async with serving(serve, tls=encryption()) as server:
        with pytest.raises(NoKeys) as caught:
            await fetched(source(server, **more), patience=5.0)
    return str(caught.value)


@in_loop
async def test_keys_come_over_tls_with_how_long_they_are_good() -> None:
    async with serving(answering(SET, Cache_Control="max-age=7200"), tls=encryption()) as server:
        found = await fetched(source(server, "/jwks?tenant=a"))
    assert (len(found.keys), found.lasting) == (1, 7200.0)
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == ("GET", "/jwks", {"tenant": ["a"]})
    assert asked.fields["host"] == f"localhost:{server.port}"
    assert "authorization" not in asked.fields


@in_loop
async def test_an_issuer_says_itself_where_its_keys_are() -> None:
    async def serve(asked: Asked, answer: Answering) -> None:
        told = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
        await answer.whole(json.dumps(told).encode() if asked.path.endswith(DESCRIBED) else SET)

    async with serving(serve, tls=encryption()) as server:
        url = f"https://localhost:{server.port}/realm"
        issuer = KeySource(url=url, discovers=True, ca=CA)
        found = await fetched(issuer)
    assert (len(found.keys), found.lasting) == (1, USUAL)
    assert [one.path for one in server.asked] == [f"/realm{DESCRIBED}", "/realm/keys"]


@in_loop
async def test_a_description_of_somebody_else_leads_nowhere() -> None:
    async def serve(_: Asked, answer: Answering) -> None:
        told = {"issuer": "https://other.example", "jwks_uri": "https://other.example/keys"}
        await answer.whole(json.dumps(told).encode())

    async with serving(serve, tls=encryption()) as server:
        url = f"https://localhost:{server.port}"
        with pytest.raises(NoKeys, match="another `issuer`"):
            await fetched(KeySource(url=url, discovers=True, ca=CA))
    assert len(server.asked) == 1


@in_loop
async def test_a_server_of_another_authority_is_not_believed() -> None:
    other = trustme.CA().cert_pem.bytes().decode()
    assert "certificate is not good" in await refusal(answering(SET), ca=other)
    assert "certificate is not good" in await refusal(answering(SET), ca="")


@in_loop
async def test_a_server_of_another_name_is_not_believed() -> None:
    async with serving(answering(SET), tls=encryption()) as server:
        with pytest.raises(NoKeys, match="certificate is not good"):
            await fetched(KeySource(url=f"https://127.0.0.1:{server.port}/jwks", ca=CA))
    assert server.asked == []


@in_loop
async def test_nobody_there_is_said() -> None:
    async with serving(answering(SET), tls=encryption()) as server:
        gone = source(server)
    with pytest.raises(NoKeys):
        await fetched(gone)


@in_loop
async def test_a_redirect_on_the_server_is_followed_and_one_off_it_is_not() -> None:
    async def serve(asked: Asked, answer: Answering) -> None:
        if asked.path == "/jwks":
            await answer.whole(b"", status=302, Location="/elsewhere")
        else:
            await answer.whole(SET)

    async with serving(serve, tls=encryption()) as server:
        assert len((await fetched(source(server))).keys) == 1
    assert [one.path for one in server.asked] == ["/jwks", "/elsewhere"]
    other = await refusal(answering(b"", status=307, Location="https://other.example/jwks"))
    assert "another server" in other
    again = await refusal(answering(b"", status=301, Location="/jwks"))
    assert again == "it redirects again and again"


@in_loop
async def test_what_holds_no_keys_is_said() -> None:
    assert await refusal(answering(b"", status=503)) == "it answers 503 to /jwks"
    assert "is no JWK set" in await refusal(answering(b"<html>"))
    assert "no key that proves signatures" in await refusal(answering(b'{"keys": []}'))


@in_loop
async def test_an_answer_without_end_is_cut() -> None:
    async def serve(_: Asked, answer: Answering) -> None:
        await answer.begin()
        while True:
            await answer.piece(b" " * 65536)

    assert f"larger than {LARGEST} bytes" in await refusal(serve)


@in_loop
async def test_who_answers_slowly_is_waited_for_no_longer_than_in_all() -> None:
    async def serve(_: Asked, answer: Answering) -> None:
        await answer.begin()
        while True:
            await answer.piece(b" ")
            await asyncio.sleep(0.05)

    async with serving(serve, tls=encryption()) as server:
        with pytest.raises(NoKeys, match=r"does not answer within 0\.5 s"):
            await fetched(source(server), patience=0.5)
