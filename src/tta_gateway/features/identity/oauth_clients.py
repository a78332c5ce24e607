"""Clients of OAuth as whoever looks after them makes and changes them."""

from collections.abc import Callable, Collection
from typing import TypeVar

from tta_gateway.features.identity.bound import CLIENTS
from tta_gateway.features.identity.key_source import usable_keys
from tta_gateway.features.identity.oauth_client import (
    MOST_SECRETS,
    OAuthClient,
    SecretKept,
    Terms,
    checked,
    named,
)
from tta_gateway.features.identity.oauth_proof import digest, new_secret
from tta_gateway.features.identity.oauth_store import OAuthClients, SecretsFull
from tta_gateway.features.identity.sign_in import Told, nothing
from tta_gateway.features.identity.store import ACTIVE, DISABLED

T = TypeVar("T")


class NotSo(ValueError):
    """What is asked for cannot be; the words are for who asks."""


class Registrar:
    """Makes and changes them."""

    def __init__(
        self,
        clients: OAuthClients,
        *,
        roles: Callable[[], Collection[str]],
        wall: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        """Keep them there; `roles` are those that there are."""
        self._clients = clients
        self._roles = roles
        self._wall = wall
        self._new_id = new_id
        self.changed: Told = nothing
        """Has every node go by what has been revoked, before who has asked is answered."""
        self.two_person: Callable[[], Collection[str]] = tuple
        """Returns the roles that nobody grants alone."""

    async def create(self, name: str, terms: Terms) -> tuple[OAuthClient, str]:
        """Return a new client, and its secret if it is to show one; NotSo or NameInUse."""
        good = self._good(terms)
        self._check_alone(good.roles)
        client = OAuthClient(
            id=f"{CLIENTS}{self._new_id()}",
            name=_worded(lambda: named(name)),
            terms=good,
            state=ACTIVE,
            created=self._wall(),
            epoch=self._new_id(),
        )
        await self._clients.create(client)
        if client.is_public or client.terms.keys:
            return client, ""
        return await self.add_secret(client)

    def _good(self, terms: Terms) -> Terms:
        return _worded(lambda: checked(terms, roles=self._roles()))

    def _check_alone(self, roles: Collection[str]) -> None:
        """Look whether a client may be given these: it would act for who has made it, alone."""
        for role in roles:
            if role in self.two_person():
                raise NotSo(
                    f"Nobody grants `{role}` alone (`access.two_person`), and two grant it to "
                    "people only: a client cannot have it. Give it another role."
                )

    async def change(self, client: OAuthClient, terms: Terms) -> OAuthClient:
        """Let a client do this from now on; tokens of its own count no more.  NotSo."""
        if terms.kind != client.terms.kind:
            raise NotSo("A client stays what it is: make another one.")
        good = self._good(terms)
        self._check_alone([one for one in good.roles if one not in client.terms.roles])
        await self._clients.change(client.id, good, epoch=self._new_id(), now=self._wall())
        await self.changed()
        return await self._again(client)

    async def all(self) -> list[OAuthClient]:
        """Return all of them, by name."""
        return await self._clients.all()

    async def of(self, client_id: str) -> OAuthClient | None:
        """Return a client by its id or its name."""
        found = await self._clients.of(client_id)
        if found is not None:
            return found
        return next((one for one in await self._clients.all() if one.name == client_id), None)

    async def add_secret(self, client: OAuthClient) -> tuple[OAuthClient, str]:
        """Return the client, and another secret beside the one that it has; NotSo."""
        if client.is_public:
            raise NotSo("A public client has no secret.")
        secret = new_secret()
        try:
            await self._clients.add_secret(client.id, digest(secret), now=self._wall())
        except SecretsFull:
            raise NotSo(
                f"The client has {MOST_SECRETS} secrets: withdraw the one that nobody uses first."
            ) from None
        return await self._again(client), secret

    async def withdraw(self, client: OAuthClient, name: str) -> OAuthClient:
        """Have a secret count no more; tokens of the client's own neither.  NotSo."""
        found = next((one for one in client.secrets if one.name == name), None)
        if found is None:
            raise NotSo(f"The client has no secret `{name}`: {_names(client.secrets)}.")
        await self._clients.withdraw(
            client.id, found.digest, epoch=self._new_id(), now=self._wall()
        )
        await self.changed()
        return await self._again(client)

    async def set_active(self, client: OAuthClient, *, is_active: bool) -> OAuthClient:
        """Let a client in, or not: its sessions and tokens are over then."""
        state = ACTIVE if is_active else DISABLED
        if state != client.state:
            await self._clients.set_state(client.id, state, epoch=self._new_id(), now=self._wall())
            await self.changed()
        return await self._again(client)

    async def remove(self, client: OAuthClient) -> None:
        """Forget a client; its sessions and tokens are over."""
        await self._clients.remove(client.id, now=self._wall())
        await self.changed()

    async def _again(self, client: OAuthClient) -> OAuthClient:
        return await self._clients.of(client.id) or client


def public_keys(text: str) -> tuple[str, ...]:
    """Return the public keys of a JWK set that a client may sign with; NotSo."""
    try:
        found = usable_keys(text.encode(), are_public=True)
    except ValueError as error:
        raise NotSo(f"The key set {error}") from None
    return tuple(one.decode() for one in found)


def _names(secrets: Collection[SecretKept]) -> str:
    return ", ".join(f"`{one.name}`" for one in secrets) or "it has none"


def _worded(make: Callable[[], T]) -> T:
    try:
        return make()
    except ValueError as error:
        raise NotSo(str(error)) from None
