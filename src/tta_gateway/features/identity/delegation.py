"""Delegation: who has no account here is looked for at the services that have accounts."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, Protocol

import msgspec

from tta_gateway.features.identity import problems
from tta_gateway.features.identity.bound import Delegated, Issuing
from tta_gateway.features.identity.delegated import (
    Found,
    Given,
    NotUnderstood,
    SecondFactor,
    Still,
    found_in,
    given_in,
    plain,
    still_in,
)
from tta_gateway.features.identity.recheck import Away, Ended, Rechecker, Renew
from tta_gateway.features.identity.store import ACTIVE, NameTaken, User, Users
from tta_gateway.kernel.errors import ClientFault, GatewayError
from tta_gateway.kernel.problem import REQUEST_INVALID
from tta_gateway.support.http_client import Answer, HttpError, Request

_ALL_TOGETHER: Final = 8.0  # seconds for all services: a client waits ten
_AT_ONCE: Final = 100
_LONGEST: Final = 4096  # bytes of a field


class Asked(Protocol):
    """Whoever can ask services."""

    async def ask(self, service: str, request: Request, *, patience: float) -> Answer:
        """Return its answer; HttpError says why there is none.

        Where no connection comes about one further endpoint is asked.
        """


class Events(Protocol):
    """Where it is told what operators should know."""

    def event(self, name: str, **fields: object) -> None:
        """Take a line."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks: the address, and the id of the request."""

    address: str
    request_id: str = ""


class Delegation:
    """Asks the services in turn."""

    def __init__(
        self,
        users: Users,
        services: Asked,
        *,
        issuing: Callable[[], Issuing],
        wall: Callable[[], float],
        log: Events,
    ) -> None:
        """Keep whom they name among these users."""
        self._users = users
        self._services = services
        self._issuing = issuing
        self._wall = wall
        self._log = log
        self._rechecker: Rechecker | None = None
        self._away: set[str] = set()
        self.changed: Callable[[], Awaitable[None]] = _nothing
        """Tells all workers what has been revoked, before who logs in is answered."""
        self._under_way = 0

    def recheck_by(self, rechecker: Rechecker) -> None:
        """Keep what services give with a login, where they are to be asked again."""
        self._rechecker = rechecker
        rechecker.asks["delegated"] = self.recheck

    @property
    def is_there(self) -> bool:
        """Tell whether anybody is to be asked."""
        return bool(self._issuing().delegated)

    async def user(self, name: str, password: str, *, address: str) -> tuple[User, str] | None:
        """Return who that is, as kept here; None if each refuses; GatewayError.

        Beside them stands what their session is tied to: nothing, or what they are asked about by.

        A service that is away may be the one whose account it is: then nobody knows.
        """
        with self._one_more():
            return await self._user(name, password, address)

    @contextmanager
    def _one_more(self) -> Iterator[None]:
        """Count who is being asked about; GatewayError where they are too many."""
        if self._under_way >= _AT_ONCE:
            raise GatewayError(problems.LOGIN_BUSY)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _user(self, name: str, password: str, address: str) -> tuple[User, str] | None:
        until = self._wall() + _ALL_TOGETHER
        is_away = False
        for provider in self._issuing().delegated:
            patience = min(provider.timeout, until - self._wall())
            if patience <= 0:
                raise GatewayError(problems.LOGIN_AWAY)
            try:
                found = await self._found(provider, name, password, Client(address), patience)
            except (HttpError, NotUnderstood) as error:
                self._is_away(provider, str(error))
                is_away = True
                continue
            self._is_back(provider)
            if found is not None:
                user = await self._kept(provider, found[0])
                return None if user is None else (user, await self._link(provider, user, found[1]))
        if is_away:
            raise GatewayError(problems.LOGIN_AWAY)
        return None

    async def _found(
        self, provider: Delegated, name: str, password: str, client: Client, patience: float
    ) -> tuple[Found, Given] | None:
        body = msgspec.json.encode({"username": name, "password": password})
        request = _request(provider.login, body, client)
        answer = await self._services.ask(provider.service, request, patience=patience)
        try:
            found = found_in(answer.status, answer.body, provider, name=name)
        except SecondFactor:
            self._is_back(provider)
            raise ClientFault(problems.LOGIN_SECOND_FACTOR) from None
        return None if found is None else (found, given_in(answer.body))

    async def _link(self, provider: Delegated, user: User, given: Given) -> str:
        """Keep what the service may be asked again by; return what ties the session to it."""
        can_be_asked = given.refresh_token or (given.access_token and provider.me)
        if not provider.recheck or self._rechecker is None or not can_be_asked:
            return ""
        return f":{await self._rechecker.keep(user, msgspec.json.encode(given))}"

    async def recheck(self, name: str, user_id: str, given: bytes, renew: Renew) -> None:
        """Ask a service whether an account is still good; Ended, Away.

        What it says of roles by now counts from now on.
        """
        provider = next((one for one in self._issuing().delegated if one.name == name), None)
        before = msgspec.json.decode(given, type=Given)
        request = None if provider is None else self._question(provider, before)
        if provider is None or request is None:
            return  # its sessions end anyway, or there is nothing left to ask by
        try:
            answer = await self._services.ask(provider.service, request, patience=provider.timeout)
            found = still_in(answer.status, answer.body, provider, path=request.target)
        except (HttpError, NotUnderstood) as error:
            self._is_away(provider, str(error))
            raise Away(str(error)) from None
        self._is_back(provider)
        if found is None:
            raise Ended(f"it answers {answer.status} to {request.target}")
        if before.refresh_token:
            after = given_in(answer.body)
            await renew(msgspec.json.encode(_renewed(before, after)))
        await self._take(provider, user_id, found)

    def _question(self, provider: Delegated, given: Given) -> Request | None:
        """Return what asks a service about somebody; None where there is nothing to ask by."""
        if given.refresh_token:
            body = msgspec.json.encode({"refresh_token": given.refresh_token})
            return _request(provider.refresh, body, Client(""))
        is_over = bool(given.until) and given.until <= self._wall()
        if not provider.me or is_over:
            return None
        bearer = ("authorization", f"Bearer {given.access_token}")
        return Request(provider.me, fields=(bearer, ("accept", "application/json")))

    async def _take(self, provider: Delegated, user_id: str, found: Still) -> None:
        """Have what a service says of somebody by now count; Ended if it is about another."""
        if not found.subject:
            return
        if f"{provider.prefix}{found.subject}" != user_id:
            raise Ended("it speaks of somebody else now")
        user = await self._users.of(user_id)
        if user is not None and found.roles is not None and found.roles != user.lent:
            called = found.called or user.called
            wanted = replace(
                user, roles=found.roles, lent=found.roles, called=called, changed=self._wall()
            )
            await self._users.link(wanted)
            await self.changed()  # tokens from before say of them what is no more

    async def _kept(self, provider: Delegated, found: Found) -> User | None:
        """Return the user of who has been found; None if the subject is somebody else's here."""
        now = self._wall()
        wanted = User(
            id=f"{provider.prefix}{found.subject}",
            name=found.subject,
            state=ACTIVE,
            created=now,
            changed=now,
            roles=found.roles,
            provider=provider.name,
            called=found.called,
            lent=found.roles,
        )
        for _ in range(2):  # another node may have made the same one in this moment
            try:
                kept = await self._users.link(wanted)
            except NameTaken:
                continue
            if kept.is_another_than(wanted):  # tokens from before say of them what is no more
                await self.changed()
            return kept
        self._log.event("delegated_subject_taken", provider=provider.name, user=wanted.id)
        return None

    async def registered(self, body: bytes, client: Client) -> Answer:
        """Return what the first service says to who registers there; ClientFault, GatewayError.

        What they say of their roles is left out.
        """
        try:
            told = plain(body)
        except ValueError as error:
            raise ClientFault(REQUEST_INVALID, str(error)) from None
        provider = self._issuing().delegated[0]
        request = _request(provider.registration, told, client)
        patience = provider.timeout
        try:
            with self._one_more():
                answer = await self._services.ask(provider.service, request, patience=patience)
        except HttpError as error:
            self._is_away(provider, str(error))
            raise GatewayError(problems.LOGIN_AWAY) from None
        self._is_back(provider)
        return answer

    def _is_away(self, provider: Delegated, why: str) -> None:
        if provider.name not in self._away:
            self._away.add(provider.name)
            self._log.event(
                "delegated_login_away", provider=provider.name, service=provider.service, why=why
            )

    def _is_back(self, provider: Delegated) -> None:
        if provider.name in self._away:
            self._away.remove(provider.name)
            self._log.event(
                "delegated_login_back", provider=provider.name, service=provider.service
            )


async def _nothing() -> None:
    """Tell nobody."""


def _renewed(before: Given, after: Given) -> Given:
    """Return what is kept from now on: what was given instead, or else what there was."""
    return Given(
        after.refresh_token or before.refresh_token,
        after.access_token or before.access_token,
        after.until if after.access_token else before.until,
    )


def _request(path: str, body: bytes, client: Client) -> Request:
    fields = [("content-type", "application/json"), ("accept", "application/json")]
    told = (("x-forwarded-for", client.address), ("x-request-id", client.request_id))
    fields += [(name, value) for name, value in told if value and len(value) <= _LONGEST]
    return Request(path, method="POST", fields=tuple(fields), body=body)
