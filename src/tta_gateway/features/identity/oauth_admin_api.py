"""`/admin/v1/clients`: clients of OAuth, their secrets, and what they may do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, Protocol, TypeAlias

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from tta_gateway.features.identity.answering import time_of
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.oauth_client import Kind, OAuthClient, Terms
from tta_gateway.features.identity.oauth_clients import NotSo, Registrar, public_keys
from tta_gateway.features.identity.oauth_store import NameInUse
from tta_gateway.support.sql.away import Unavailable

_OFF: Final = "The gateway issues no tokens: write `identity: {issuing: {url: …}}`."
_SOON: Final = "Control has only just begun: try again."
Texts: TypeAlias = tuple[Annotated[str, Field(max_length=1024)], ...]


class House(Protocol):
    """Whose clients they are; None where no tokens are issued."""

    @property
    def issuing(self) -> Issuing | None:
        """Return how tokens are issued."""

    @property
    def registrar(self) -> Registrar | None:
        """Return who looks after clients."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ClientTerms(_Body):
    """What a client may do; `jwks` is a JWK set of its public keys."""

    redirect_uris: Texts = ()
    grants: Texts = ()
    scopes: Texts = ()
    roles: Texts = ()
    jwks: dict[str, object] | None = None


class NewClient(ClientTerms):
    """A program that is to be let in."""

    name: Annotated[str, Field(max_length=512)]
    kind: Kind


class SecretShown(BaseModel):
    """A secret, as far as it is known: what it is called, and since when it counts."""

    id: str
    created: str


class ClientShown(BaseModel):
    """A client; `secret` is there only in the answer that makes it, and is kept nowhere."""

    id: str
    name: str
    kind: str
    state: str
    created: str
    redirect_uris: list[str]
    grants: list[str]
    scopes: list[str]
    roles: list[str]
    keys: list[str]
    secrets: list[SecretShown]
    secret: str | None = None


class ClientsShown(BaseModel):
    """All of them, by name."""

    clients: list[ClientShown]


def router(house: House) -> APIRouter:
    """Return the endpoints; who may ask is their assembly's to say."""
    desk = Desk(house)
    made = APIRouter(prefix="/admin/v1")
    one = "/clients/{client}"
    made.add_api_route("/clients", desk.create, methods=["POST"], status_code=201)
    made.add_api_route("/clients", desk.clients, methods=["GET"])
    made.add_api_route(one, desk.client, methods=["GET"])
    made.add_api_route(one, desk.change, methods=["PUT"])
    made.add_api_route(one, desk.remove, methods=["DELETE"])
    made.add_api_route(f"{one}/secrets", desk.add_secret, methods=["POST"], status_code=201)
    made.add_api_route(f"{one}/secrets/{{secret}}", desk.withdraw, methods=["DELETE"])
    made.add_api_route(f"{one}/disable", desk.disable, methods=["POST"])
    made.add_api_route(f"{one}/enable", desk.enable, methods=["POST"])
    return made


@contextmanager
def _worded() -> Iterator[None]:
    """Word what keeps something from being done."""
    try:
        yield
    except NotSo as error:
        raise HTTPException(422, str(error)) from None
    except NameInUse as error:
        raise HTTPException(409, f"There is a client `{error}` already.") from None
    except Unavailable:
        raise HTTPException(
            503,
            "The database cannot be asked at the moment: see `/admin/v1/node`.",
            {"retry-after": "2"},
        ) from None


class Desk:
    """Answers operators."""

    def __init__(self, house: House) -> None:
        """Answer for this one."""
        self._house = house

    async def create(self, body: NewClient) -> ClientShown:
        """Make a client of OAuth; its secret is told once."""
        registrar = self._registrar()
        with _worded():
            made, secret = await registrar.create(body.name, _terms(body, body.kind))
        return shown(made, secret)

    async def clients(self) -> ClientsShown:
        """Return all clients by name."""
        registrar = self._registrar()
        with _worded():
            return ClientsShown(clients=list(map(shown, await registrar.all())))

    async def client(self, client: str) -> ClientShown:
        """Return a client, by its id or its name."""
        return shown((await self._client(client))[1])

    async def change(self, client: str, body: ClientTerms) -> ClientShown:
        """Let a client do this and nothing else from now on; tokens of its own count no more."""
        registrar, found = await self._client(client)
        with _worded():
            return shown(await registrar.change(found, _terms(body, found.terms.kind)))

    async def remove(self, client: str) -> ClientShown:
        """Forget a client; its sessions and tokens are over."""
        registrar, found = await self._client(client)
        with _worded():
            await registrar.remove(found)
        return shown(found)

    async def add_secret(self, client: str) -> ClientShown:
        """Give a client another secret beside the one that it has, and tell it once."""
        registrar, found = await self._client(client)
        with _worded():
            made, secret = await registrar.add_secret(found)
        return shown(made, secret)

    async def withdraw(self, client: str, secret: str) -> ClientShown:
        """Have a secret count no more; tokens of the client's own neither."""
        registrar, found = await self._client(client)
        with _worded():
            return shown(await registrar.withdraw(found, secret))

    async def disable(self, client: str) -> ClientShown:
        """Let a client in no more; its sessions and tokens are over."""
        registrar, found = await self._client(client)
        with _worded():
            return shown(await registrar.set_active(found, is_active=False))

    async def enable(self, client: str) -> ClientShown:
        """Let a client in again."""
        registrar, found = await self._client(client)
        with _worded():
            return shown(await registrar.set_active(found, is_active=True))

    def _registrar(self) -> Registrar:
        registrar = self._house.registrar
        if registrar is not None:
            return registrar
        if self._house.issuing is None:
            raise HTTPException(409, _OFF)
        raise HTTPException(503, _SOON, {"retry-after": "2"})

    async def _client(self, name: str) -> tuple[Registrar, OAuthClient]:
        registrar = self._registrar()
        with _worded():
            found = await registrar.of(name)
        if found is None:
            raise HTTPException(404, f"There is no client `{name}`.")
        return registrar, found


def _terms(body: ClientTerms, kind: Kind) -> Terms:
    return Terms(
        kind=kind,
        redirect_uris=body.redirect_uris,
        grants=body.grants,
        scopes=body.scopes,
        roles=body.roles,
        keys=() if body.jwks is None else public_keys(json.dumps(body.jwks)),
    )


def shown(client: OAuthClient, secret: str = "") -> ClientShown:
    """Return a client as operators see it."""
    terms = client.terms
    return ClientShown(
        id=client.id,
        name=client.name,
        kind=terms.kind,
        state=client.state,
        created=time_of(client.created),
        redirect_uris=list(terms.redirect_uris),
        grants=list(terms.grants),
        scopes=list(terms.scopes),
        roles=list(terms.roles),
        keys=[str(json.loads(one).get("kid", "")) for one in terms.keys],
        secrets=[SecretShown(id=one.name, created=time_of(one.created)) for one in client.secrets],
        secret=secret or None,
    )
