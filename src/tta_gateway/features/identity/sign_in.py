"""Logins, refreshes and logouts."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, TypeAlias

from tta_gateway.features.identity import metrics, problems, refresh_token
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.burst import Burst, Bursts
from tta_gateway.features.identity.delegated import provider_of, standing
from tta_gateway.features.identity.delegation import Delegation
from tta_gateway.features.identity.family import Verdict
from tta_gateway.features.identity.names import account_key, address_key, folded, normal
from tta_gateway.features.identity.password import Busy, Passwords, Place
from tta_gateway.features.identity.recheck import Rechecker
from tta_gateway.features.identity.sessions import limits_of
from tta_gateway.features.identity.signing import Signer
from tta_gateway.features.identity.store import (
    Failures,
    Guarded,
    Logins,
    Refreshed,
    Session,
    Sessions,
    User,
    Users,
)
from tta_gateway.features.identity.tokens import claims, lifetime
from tta_gateway.kernel.errors import ClientFault, Full, GatewayError
from tta_gateway.kernel.problem import Problem
from tta_gateway.support.metrics import Registry
from tta_gateway.support.sql.away import Conflict, Unavailable

PASSWORD: Final = "pwd"  # noqa: S105 - what RFC 8176 calls the method
_WORDS: Final[dict[Verdict, Problem]] = {
    Verdict.REUSED: problems.REFRESH_REUSED,
    Verdict.IDLE: problems.SESSION_OVER,
    Verdict.OVER: problems.SESSION_OVER,
    Verdict.ENDED: problems.SESSION_OVER,
}


_FAILED: Final = (problems.LOGIN_REFUSED.code, problems.LOGIN_WAITING.code)
_EVEN: Final = 1.0
"""Seconds that a refusal takes where services are asked, too: so nobody learns who is asked."""


Told: TypeAlias = Callable[[], Awaitable[None]]


Linked: TypeAlias = Callable[[Session, str], Awaitable[bool]]


async def _untied(_: Session, __: str) -> bool:
    """Tie it to nothing."""
    return True


def _unheard(_: Burst) -> None:
    """Tell nobody."""


async def nothing() -> None:
    """Do nothing."""


class Events(Protocol):
    """Where it is told what operators should know."""

    def event(self, name: str, **fields: object) -> None:
        """Take a line."""


class Signing(Protocol):
    """Who signs."""

    def signer(self) -> Signer:
        """Return what signs now; Unavailable while there is none."""


class Gatekeeper(Protocol):
    """Who asks for second factors."""

    async def check(self, user: User, methods: str, *, link: str) -> None:
        """Let in who needs none, or has to show none; GatewayError says what is asked."""

    def wants(self, user: User) -> bool:
        """Tell whether a role of theirs needs one, sooner or later."""

    async def bars(self, user: User, session: Session) -> bool:
        """Tell whether a session may not go on without one."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What whoever has logged in gets."""

    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str = field(repr=False)
    user: User
    session: Session


@dataclass(frozen=True, slots=True)
class Stores:
    """What lasts."""

    users: Users
    sessions: Sessions
    failures: Failures
    logins: Logins


@dataclass(frozen=True, slots=True)
class _Proved:
    """Who has shown their password, what their session is tied to, and what was counted for it."""

    user: User
    link: str
    tried: tuple[bytes, bytes]


class SignIn:
    """Lets people in, keeps them in, and lets them go."""

    def __init__(
        self,
        stores: Stores,
        signing: Signing,
        *,
        issuing: Callable[[], Issuing],
        key: Callable[[], bytes],
        wall: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        """Ask these; `key` is that of the nodes, for what must not be guessed."""
        self._stores = stores
        self._signing = signing
        self._issuing = issuing
        self._key = key
        self._wall = wall
        self._new_id = new_id
        self.passwords = Passwords()
        self.log: Events = _Nobody()
        self.counts = Registry()
        self.ended: Told = nothing
        """Tells this node's workers what has been revoked, before who has asked is answered."""
        self.delegation: Delegation | None = None
        self.gate: Gatekeeper | None = None
        """Asks for second factors, whatever has proved somebody before."""
        self.linked: Linked = _untied
        """Ties a session to one elsewhere, as long as that lasts."""
        self.rechecker: Rechecker | None = None
        """Asks elsewhere again whether an account is still good."""
        self.bursts = Bursts()
        self.failing: Callable[[Burst], None] = _unheard
        """Hears of bursts of failed logins."""
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    # --- in ----------------------------------------------------------------------------------

    async def login(self, name: str, password: str, *, address: str) -> Grant:
        """Return what a user gets; ClientFault or GatewayError says why not.

        Who is not there, may not, or has another password hears the same, as late.
        """
        begun = self._wall()
        try:
            grant = await self._login(name, password, address=address)
        except GatewayError as error:
            self._count_login(error.problem)
            if error.problem.code in _FAILED:
                self._note_failure(name, address)
            if error.problem is problems.LOGIN_REFUSED and self._asks_services:
                await self.sleep(min(_EVEN, max(0.0, begun + _EVEN - self._wall())))
            raise
        except Unavailable:
            self.counts.child(metrics.LOGINS, "away").add()
            raise
        self.counts.child(metrics.LOGINS, "good").add()
        return grant

    async def _login(self, name: str, password: str, *, address: str) -> Grant:
        self._signing.signer()
        with self._placed() as place:  # before anything is asked: who is refused costs nothing
            shown = await self._proved(name, password, place, address=address)
        try:
            if not shown.user.provider:
                await self._renew_hash(shown.user, password)
            return await self._enter(shown)
        except Unavailable:
            with contextlib.suppress(Unavailable):  # it may be there again, or answer this
                await self._take_back(*shown.tried)  # it was right even so
            raise

    async def _enter(self, shown: _Proved) -> Grant:
        """Begin the session of who has shown a password, or ask for a second factor."""
        user, link = shown.user, shown.link
        if self.gate is not None and not self.gate.wants(user):
            # Whether they have one of their own is looked at as the session begins.
            with contextlib.suppress(Guarded):
                grant = await self._begin(user, PASSWORD, tried=shown.tried, unguarded=True)
                return await self._tied(grant, link)
        try:
            await self._check(user, PASSWORD, link)
        except GatewayError:
            await self._stores.failures.good(*shown.tried)  # it was right even so
            raise
        return await self._tied(await self._begin(user, PASSWORD, tried=shown.tried), link)

    def _note_failure(self, name: str, address: str) -> None:
        account, origin = account_key(folded(name), self._key()), address_key(address, self._key())
        burst = self.bursts.failed(account, origin, now=self._wall())
        if burst is not None:
            self.failing(burst)

    def _placed(self) -> Place:
        try:
            return self.passwords.place()
        except Busy as busy:
            raise Full(problems.LOGIN_BUSY, seconds=busy.seconds) from None

    async def _proved(self, name: str, password: str, place: Place, *, address: str) -> _Proved:
        """Return who has that name and password; ClientFault or GatewayError says why not."""
        try:
            called = normal(name)
        except ValueError:
            called = ""  # nobody is called so
        account = account_key(called or folded(name), self._key())
        origin = address_key(address, self._key())
        known = await self._count_try(called, account, origin)
        try:
            found = await self._shown(known, name, password, place, address=address)
        except GatewayError:  # nothing is known of the password, or it was right
            await self._take_back(account, origin)
            raise
        if found is None:
            raise ClientFault(problems.LOGIN_REFUSED)
        return _Proved(*found, (account, origin))

    async def _shown(
        self, user: User | None, name: str, password: str, place: Place, *, address: str
    ) -> tuple[User, str] | None:
        """Return who has that name and password: here, or else at a service; GatewayError.

        Beside them stands what their session is tied to (`linked`).
        The password of somebody who is known here is shown to no service.
        """
        if user is None and self._asks_services:
            assert self.delegation is not None  # it asks them
            place.leave()  # nothing is hashed here
            return await self.delegation.user(name, password, address=address)
        known = user.password if user is not None and user.is_active else None
        is_right = await place.matches(known, password)
        return (user, "") if is_right and user is not None else None

    @property
    def _asks_services(self) -> bool:
        return self.delegation is not None and self.delegation.is_there

    async def _count_try(self, called: str, account: bytes, place: bytes) -> User | None:
        """Return who is called so here; ClientFault if one has to wait."""
        lockout = self._issuing().lockout
        keys = [(account, lockout.account), (place, lockout.address)]
        tried = await self._stores.logins.tried(called, keys, now=self._wall())
        if tried.wait:
            raise ClientFault(replace(problems.LOGIN_WAITING, retry_after=int(tried.wait) + 1))
        return tried.user

    async def _take_back(self, *keys: bytes) -> None:
        for key in keys:
            await self._stores.failures.take_back(key)

    async def _renew_hash(self, user: User, password: str) -> None:
        """Have an old way of hashing end with a login; not worth a word if it cannot be now."""
        before = user.password
        if before is None or not self.passwords.is_outdated(before):
            return
        with contextlib.suppress(Busy):
            made = await self.passwords.hashed(password)
            await self._stores.users.rehash(user.id, before, made)

    async def begin(self, user: User, methods: str, *, link: str = "") -> Grant:
        """Begin a session of somebody who has been proved by these (RFC 8176); ClientFault.

        Several methods are separated by a space.  Who needs a second factor is asked for it, also
        where another has looked at one: it says `Needed` (second_factor.py) what is to be shown.
        `link` is what the session is tied to, sooner or later (`linked`).
        """
        await self._check(user, methods, link)
        return await self._tied(await self._begin(user, methods), link)

    async def _check(self, user: User, methods: str, link: str) -> None:
        if self.gate is not None:
            await self.gate.check(user, methods, link=link)

    async def begin_proved(self, user: User, methods: str, *, link: str = "") -> Grant:
        """Begin a session of somebody who has shown a second factor here; ClientFault."""
        return await self._tied(await self._begin(user, methods, is_proved=True), link)

    async def _tied(self, grant: Grant, link: str) -> Grant:
        """Tie a session to one elsewhere; ClientFault if that has ended in this moment.

        Behind a colon stands what the account is asked about by, again and again.
        """
        there, _, recheck = link.partition(":")
        if recheck and self.rechecker is not None:
            await self.rechecker.tie(grant.session, recheck)
        if there and not await self.linked(grant.session, there):
            await self.ended()
            raise ClientFault(problems.SESSION_OVER)
        return grant

    async def _begin(
        self,
        user: User,
        methods: str,
        *,
        is_proved: bool = False,
        tried: tuple[bytes, bytes] | None = None,
        unguarded: bool = False,
    ) -> Grant:
        now = self._wall()
        limits = limits_of(self._issuing(), user.roles)
        token = refresh_token.first()
        wanted = Session(
            id=self._new_id(),
            user_id=user.id,
            begun=now,
            used=now,
            ends=now + limits.absolute,
            methods=methods,
            proved=now if is_proved else 0.0,
        )
        if tried is None:
            begun = await self._stores.sessions.begin(wanted, token, known=user.changed)
        else:
            begun = await self._stores.logins.begin(
                wanted, token, known=user.changed, tried=tried, unguarded=unguarded
            )
        if begun is None:  # disabled in this moment, or has another password
            raise ClientFault(problems.LOGIN_REFUSED)
        return self.granted(*begun, token)

    def granted(self, user: User, session: Session, token: str) -> Grant:
        """Return what whoever a session is of gets now."""
        issuing = self._issuing()
        user = standing(user, issuing)
        told = claims(issuing, user, session, token_id=self._new_id())
        signed = self._signing.signer().sign(told)
        self.counts.child(metrics.ISSUED, "success").add()
        return Grant(signed, lifetime(issuing, user, session), token, user, session)

    async def raised(self, user_id: str, session_id: str, method: str) -> Grant:
        """Return an access token of a session in which a second factor has just been shown.

        Its refresh token stays as it is.  ClientFault, if the session lasts no more.
        """
        self._signing.signer()
        done = await self._stores.sessions.prove(user_id, session_id, method, now=self._wall())
        if done is None:
            raise ClientFault(problems.SESSION_OVER)
        return self.granted(*done, "")

    @property
    def stores(self) -> Stores:
        """Return what lasts."""
        return self._stores

    # --- on ----------------------------------------------------------------------------------

    async def refresh(self, token: str, *, client: str = "") -> Grant:
        """Return the next access token, and the next refresh token; ClientFault says why not.

        Only the client whose session it is may use a token.
        """
        self._signing.signer()
        found = None
        if len(token) <= refresh_token.LONGEST:
            if self._rechecks:
                await self._recheck((await self._stores.sessions.find(token))[0])
            found = await self._refreshed(token, client)
        if found is None:
            self.counts.child(metrics.REFRESHES, "unknown").add()
            raise ClientFault(problems.REFRESH_INVALID)
        self.counts.child(metrics.REFRESHES, found.verdict.value).add()
        if found.verdict is Verdict.REUSED:
            self.log.event("refresh_token_reused", user=found.user.id, session=found.session.id)
            await self.ended()
        if found.verdict is not Verdict.ROTATE:
            raise ClientFault(_WORDS[found.verdict])
        if found.user.provider and provider_of(found.user, self._issuing()) is None:
            await self.logout(found.user.id, found.session.id, why="provider")
            raise ClientFault(problems.SESSION_OVER)
        if self.gate is not None and await self.gate.bars(found.user, found.session):
            await self.logout(found.user.id, found.session.id, why="factor")
            raise ClientFault(problems.SESSION_OVER)
        return self.granted(found.user, found.session, found.token)

    @property
    def _rechecks(self) -> bool:
        return self.rechecker is not None and self.rechecker.is_needed

    async def _recheck(self, session_id: str) -> None:
        """Have it be asked whether an account is still good, before anything is renewed."""
        if self.rechecker is not None and session_id:
            await self.rechecker.look(session_id)

    async def _refreshed(self, token: str, client: str) -> Refreshed | None:
        refresh = self._stores.sessions.refresh
        try:
            return await refresh(token, now=self._wall(), client=client)
        except Conflict:  # another node has made the same one in this moment: look once more
            return await refresh(token, now=self._wall(), client=client)

    async def go_on(self, session_id: str) -> tuple[User, Session] | None:
        """Go on with a session of a browser at the gateway itself; None if it lasts no more.

        Nor does one that lacks a second factor which is needed by now.
        """
        if self._rechecks:
            await self._recheck(session_id)
        found = await self._stores.sessions.use(session_id, now=self._wall())
        if found is None:
            return None
        user, session = found
        if user.provider and not provider_of(user, self._issuing()):
            await self.logout(user.id, session_id, why="provider")
            return None
        if self.gate is not None and await self.gate.bars(user, session):
            await self.logout(user.id, session_id, why="factor")
            return None
        return found

    # --- out ---------------------------------------------------------------------------------

    async def session_of(self, token: str) -> tuple[str, str]:
        """Return session and user of a refresh token; nothing if nobody knows it."""
        if len(token) > refresh_token.LONGEST:
            return "", ""
        return (await self._stores.sessions.find(token))[:2]

    async def client_of(self, token: str) -> tuple[str, str, str]:
        """Return session, user and OAuth client of a refresh token; nothing if nobody knows it."""
        if len(token) > refresh_token.LONGEST:
            return "", "", ""
        return await self._stores.sessions.find(token)

    @property
    def secret(self) -> bytes:
        """Return the key of the nodes, for what must not be guessed."""
        return self._key()

    async def logout(self, user_id: str, session_id: str, *, why: str = "logout") -> bool:
        """End a session; False if it is none of theirs that lasts."""
        done = await self._stores.sessions.end(user_id, session_id, why=why, now=self._wall())
        await self.ended()
        return done

    async def logout_all(self, user_id: str, *, why: str = "logout-all") -> int:
        """End all sessions of a user; return how many there were."""
        count = await self._stores.sessions.end_all(user_id, why=why, now=self._wall())
        await self.ended()
        return count

    async def open(self, user_id: str) -> list[Session]:
        """Return the sessions of a user that last, the newest first."""
        return await self._stores.sessions.open(user_id, now=self._wall())

    async def user(self, user_id: str) -> User | None:
        """Return who has this id."""
        user = await self._stores.users.of(user_id)
        return None if user is None else standing(user, self._issuing())

    def _count_login(self, problem: Problem) -> None:
        results = {
            problems.LOGIN_REFUSED.code: "refused",
            problems.LOGIN_WAITING.code: "waiting",
            problems.LOGIN_BUSY.code: "busy",
            problems.LOGIN_AWAY.code: "service_away",
            problems.LOGIN_SECOND_FACTOR.code: "second_factor",
            problems.FACTOR_NEEDED.code: "challenged",
        }
        self.counts.child(metrics.LOGINS, results[problem.code]).add()


class _Nobody:
    """Hears nothing."""

    def event(self, name: str, **fields: object) -> None:
        """Hear nothing."""
