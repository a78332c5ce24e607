"""Issuing: where the identity feature meets the rest of control.

The truth is in the database.  What workers need of it (the keys, and what counts no more) goes to
them as live sections, which outlive this process and the database's absence: they look at tokens
without either.  Other nodes are heard of by asking the database twice a second.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tta_gateway.features.access.bound import AccessBound
from tta_gateway.features.identity import metrics
from tta_gateway.features.identity.account_code_store import AccountCodes
from tta_gateway.features.identity.accounts import Accounts
from tta_gateway.features.identity.api_key_keeper import ApiKeyKeeper
from tta_gateway.features.identity.api_key_store import ApiKeyStore
from tta_gateway.features.identity.bearer import Bearers
from tta_gateway.features.identity.bound import (
    API_KEYS,
    KEYS,
    REVOKED,
    IdentityBound,
    IssuerKeys,
    Issuing,
    Lockout,
    OwnKeys,
    RevokedTokens,
)
from tta_gateway.features.identity.burst import LASTS, Burst
from tta_gateway.features.identity.chunks import Chunks, section
from tta_gateway.features.identity.delegation import Asked, Delegation
from tta_gateway.features.identity.hashing import Hashing, Threads
from tta_gateway.features.identity.key_keeper import KeyKeeper
from tta_gateway.features.identity.oauth_clients import Registrar
from tta_gateway.features.identity.oauth_server import OAuthServer
from tta_gateway.features.identity.own_passwords import OwnPasswords
from tta_gateway.features.identity.password import Passwords
from tta_gateway.features.identity.recheck import Rechecker
from tta_gateway.features.identity.registration import Registration
from tta_gateway.features.identity.second_factor import SecondFactors
from tta_gateway.features.identity.sign_in import SignIn, Stores
from tta_gateway.features.identity.store import Revocations
from tta_gateway.features.identity.verifier import verifier
from tta_gateway.kernel.events import AccountChanged, AccountStep, Event, LoginsFailing
from tta_gateway.node.databases import Databases
from tta_gateway.node.degraded import say
from tta_gateway.node.findings import Findings
from tta_gateway.node.oauth import OAuth, Outside
from tta_gateway.node.providers import LoginProviders
from tta_gateway.node.proving import keys_of, revoked_of
from tta_gateway.node.sections import Sections
from tta_gateway.node.sqlalchemy_aside import imported
from tta_gateway.snapshot.parts import Parts, bound_of
from tta_gateway.snapshot.sealed import KEY
from tta_gateway.support.clock import Clock
from tta_gateway.support.crypto.sealing import derived, key_in
from tta_gateway.support.http_client import Answer, HttpUnreachable, Request
from tta_gateway.support.identifier import Identifiers
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry
from tta_gateway.support.sql.away import Unavailable

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database

EACH: Final = 0.5  # seconds from one look at what other nodes have done to the next
_CHANCE: Final = b"tta-gateway chance 1"
"""derives what makes refresh tokens, and stands for names among failed logins"""
_TIDIED_EACH: Final = 60.0  # seconds
_OVERLAP: Final = 15.0  # seconds: longer than any transaction, which is seen later than it is dated


class _Nobody:
    """Asks no service."""

    async def ask(self, service: str, request: Request, *, patience: float) -> Answer:
        """Say that there is none."""
        raise HttpUnreachable(f"nobody asks {service} for {request.target} within {patience:g} s")


def _unheard(_: Event) -> None:
    """Tell nobody."""


class Issuance:
    """All that issues tokens in this process; nothing of it where the configuration says none."""

    def __init__(
        self,
        databases: Databases,
        findings: Findings,
        *,
        log: EventLog,
        clock: Clock,
        counts: Registry,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Begin without a configuration."""
        self._stand_alone()
        self._databases = databases
        self._findings = findings
        self._log = log
        self._clock = clock
        self._ids = Identifiers(clock.wall)
        self._counts = counts
        self._sleep = sleep
        self.bearers = Bearers(wall=clock.wall)
        self.published: Mapping[str, IssuerKeys] = {}
        """The keys that issuers have published, as they are now."""
        self._bound = IdentityBound()
        self._state = Path()
        self._sealing = self._chance = b""
        self._own_keys: tuple[bytes, ...] = ()
        self._forget()
        self._lack()
        self.providers: LoginProviders | None = None
        """Let people in by way of others, with what is built here."""
        self._soon = asyncio.Event()
        self._tidied = 0.0

    def _stand_alone(self) -> None:
        """Reach nobody else yet."""
        self.services: Asked = _Nobody()
        """Asks those that keep accounts."""
        self.hashing: Callable[[], Hashing] = Threads
        """Makes what looks at passwords."""
        self.publish: Callable[[Event], None] = _unheard
        """Has the bus hear what becomes of accounts, and of bursts of failed logins."""
        self.two_person: tuple[str, ...] = ()
        """Roles that nobody grants alone (node/changing.py)."""
        self.spread: Callable[[], Awaitable[None]] | None = None
        """Has all nodes take up what has been revoked; without it, this one."""

    def _lack(self) -> None:
        """Have nothing yet of what asks the database."""
        self._revocations: Revocations | None = None
        self._keys: KeyKeeper | None = None
        self._accounts: Accounts | None = None
        self._api_keys: ApiKeyKeeper | None = None
        self._sign_in: SignIn | None = None
        self._oauth: OAuth | None = None
        self._second_factors: SecondFactors | None = None
        self._registration: Registration | None = None
        self._own_passwords: OwnPasswords | None = None
        self._account_codes: AccountCodes | None = None

    def _forget(self) -> None:
        """Know of nothing that is revoked but what workers know already."""
        self._chunks = Chunks()
        self._since = 0.0
        self._is_read = False

    # --- the configuration ---------------------------------------------------------------------

    @property
    def issuing(self) -> Issuing | None:
        """Return how tokens are issued; None where none are."""
        return self._bound.issuing

    def wall(self) -> float:
        """Return the time of the epoch."""
        return self._clock.wall()

    def new_id(self) -> str:
        """Return an id that nothing else has."""
        return self._ids.uuid7().decode()

    @property
    def sign_in(self) -> SignIn | None:
        """Return who lets people in; None where no tokens are issued."""
        return self._sign_in if self.issuing is not None else None

    @property
    def second_factors(self) -> SecondFactors | None:
        """Return who asks for second factors; None likewise."""
        return self._second_factors if self.issuing is not None else None

    @property
    def delegation(self) -> Delegation | None:
        """Return who asks services whose accounts they are; None where no tokens are issued."""
        return None if self.sign_in is None else self.sign_in.delegation

    @property
    def registration(self) -> Registration | None:
        """Return who lets people register here; None likewise."""
        return self._registration if self.issuing is not None else None

    @property
    def own_passwords(self) -> OwnPasswords | None:
        """Return who changes passwords of the gateway's own users; None likewise."""
        return self._own_passwords if self.issuing is not None else None

    @property
    def accounts(self) -> Accounts | None:
        """Return who looks after users; None likewise."""
        return self._accounts if self.issuing is not None else None

    @property
    def oauth(self) -> OAuthServer | None:
        """Return who serves clients of OAuth; None likewise."""
        return None if self._oauth is None or self.issuing is None else self._oauth.server

    @property
    def registrar(self) -> Registrar | None:
        """Return who looks after clients of OAuth; None likewise."""
        return None if self._oauth is None or self.issuing is None else self._oauth.registrar

    @property
    def keys(self) -> KeyKeeper | None:
        """Return who looks after keys; None likewise."""
        return self._keys if self.issuing is not None else None

    @property
    def api_keys(self) -> ApiKeyKeeper | None:
        """Return who looks after API keys; None likewise."""
        return self._api_keys if self.issuing is not None else None

    def recover(self, live: Mapping[str, msgspec.Raw], log: EventLog) -> None:
        """Go on with what a control before this one has told the workers."""
        sections = Sections(log)
        for name, raw in live.items():
            if name == KEYS:
                told = sections.read(name, raw, keys_of)
                self._own_keys = () if told is None else told.keys
            elif name.startswith(REVOKED):
                self.bearers.revoked.newly(sections.read(name, raw, revoked_of) or RevokedTokens())

    def adopt(self, parts: Parts, state: Path) -> None:
        """Go by this configuration."""
        before, self._bound = self._bound, bound_of(parts, "identity", IdentityBound)
        self.two_person = bound_of(parts, "access", AccessBound).two_person
        if self._accounts is not None:
            self._accounts.two_person = self.two_person
        self._state = state
        if self.issuing is not None:
            self._sealing = self.issuing.seal or key_in(state / KEY)
            self._chance = derived(self._sealing, _CHANCE)
        if before != self._bound:
            self.believe()
        if self.providers is not None:
            self.providers.adopt(self.issuing)
        self._soon.set()

    def believe(self) -> None:
        """Believe whom workers believe, with the keys that there are now."""
        self.bearers.verifier = verifier(self._bound, self._own_keys, published=self.published)

    def _must(self) -> Issuing:
        issuing = self._bound.issuing
        if issuing is None:  # a reload has ended it while somebody waited for the database
            raise Unavailable("no tokens are issued any more")
        return issuing

    def _lockout(self) -> Lockout:
        return self._must().lockout

    def roles(self) -> Collection[str]:
        """Return the roles that there are."""
        return self._must().roles

    def lasting(self) -> float:
        """Return for how many seconds an access token may be left that is issued now."""
        issuing = self._must()
        return issuing.access + 2 * issuing.leeway

    async def _built(self) -> None:
        """Build what asks the database."""
        if self._sign_in is None:
            await imported()
        if self._sign_in is None:
            self._build()

    def _database(self) -> "Database":
        return self._databases.database

    def _build(self) -> None:
        from tta_gateway.features.identity.sql_failures import SqlFailures
        from tta_gateway.features.identity.sql_keys import SqlKeys
        from tta_gateway.features.identity.sql_logins import SqlLogins
        from tta_gateway.features.identity.sql_revocations import SqlRevocations
        from tta_gateway.features.identity.sql_sessions import SqlSessions
        from tta_gateway.features.identity.sql_users import SqlUsers

        database, wall, new_id = self._database, self._clock.wall, self.new_id
        users = SqlUsers(database, lasting=self.lasting)
        sessions = SqlSessions(
            database, issuing=self._must, key=lambda: self._chance, lasting=self.lasting
        )
        failures = SqlFailures(database, lockout=self._lockout)
        self._revocations = SqlRevocations(database)
        self._keys = KeyKeeper(
            SqlKeys(database), issuing=self._must, sealing=lambda: self._sealing, wall=wall
        )
        self._sign_in = sign_in = SignIn(
            Stores(users, sessions, failures, SqlLogins(database, lockout=self._lockout)),
            self._keys,
            issuing=self._must,
            key=lambda: self._chance,
            wall=wall,
            new_id=new_id,
        )
        sign_in.passwords = Passwords(self.hashing())
        sign_in.log, sign_in.counts, sign_in.ended = self._log, self._counts, self.reveal
        sign_in.failing = self._failing
        sign_in.delegation = Delegation(
            users, self.services, issuing=self._must, wall=wall, log=self._log
        )
        sign_in.delegation.changed = self.reveal
        self._accounts = Accounts(
            users, sign_in.passwords, roles=self.roles, wall=wall, new_id=new_id
        )
        self._accounts.changed = self.reveal
        self._accounts.two_person = self.two_person
        self._build_around(sign_in, self._keys)

    def _build_recheck(self, sign_in: SignIn) -> Rechecker:
        """Return who asks elsewhere again whether accounts are still good."""
        from tta_gateway.features.identity.sql_recheck import SqlRecheck

        made = Rechecker(
            SqlRecheck(self._database, lasting=self.lasting),
            issuing=self._must,
            key=lambda: self._sealing,
            wall=self.wall,
            log=self._log,
            counts=self._counts,
        )
        made.ended, made.degraded, sign_in.rechecker = self.reveal, say, made
        if sign_in.delegation is not None:
            sign_in.delegation.recheck_by(made)
        return made

    def _failing(self, burst: Burst) -> None:
        now = self.wall()
        told = LoginsFailing(
            failed=burst.failed,
            names=burst.names,
            addresses=burst.addresses,
            most_from=burst.most_from,
            until=now + LASTS,
            at=now,
        )
        self.publish(told)

    def _build_around(self, sign_in: SignIn, keys: KeyKeeper) -> None:
        """Build what stands around logins: second factors, other ways in, and keys of programs."""
        from tta_gateway.features.identity.sql_api_keys import SqlApiKeys

        database, stores = self._database, sign_in.stores
        self._second_factors = sign_in.gate = self._with_factors(sign_in, database)
        self._build_own(sign_in, self._second_factors)
        self._api_keys = self._build_api_keys(SqlApiKeys(database))
        self._build_providers(sign_in)
        outside = Outside(database, self._must, self.lasting, self.wall, self.new_id)
        self._oauth = OAuth(
            outside, sign_in, stores.failures, keys, bearers=self.bearers, log=self._log
        )
        self._oauth.registrar.two_person = lambda: self.two_person

    def _build_own(self, sign_in: SignIn, factors: SecondFactors) -> None:
        """Build what people do with accounts of the gateway's own."""
        from tta_gateway.features.identity.sql_account_codes import SqlAccountCodes

        assert self._accounts is not None  # it has been built
        self._account_codes = codes = SqlAccountCodes(self._database, lasting=self.lasting)
        self._registration = Registration(
            codes,
            sign_in,
            self._accounts,
            issuing=self._must,
            wall=self.wall,
            new_id=self.new_id,
        )
        self._own_passwords = OwnPasswords(
            codes, sign_in, factors, issuing=self._must, wall=self.wall, new_id=self.new_id
        )
        self._own_passwords.changed = self.reveal
        self._registration.tell = self._own_passwords.tell = self._tell_of_account

    def _tell_of_account(self, step: AccountStep, subject: str, by: str) -> None:
        """Tell what has become of an account; of no name and no code a word."""
        self._log.event("account_changed", step=step, subject=subject, by=by)
        changed = AccountChanged(step=step, subject=subject, by=by, at=self.wall())
        self.publish(changed)

    def _build_api_keys(self, store: ApiKeyStore) -> ApiKeyKeeper:
        made = ApiKeyKeeper(
            store,
            issuing=self._must,
            tell=self._findings.put,
            wall=self.wall,
            new_id=self.new_id,
        )
        made.changed, made.two_person = self.reveal, lambda: self.two_person
        made.left = lambda: [one for one in self._findings.known if one.startswith(API_KEYS)]
        return made

    def _build_providers(self, sign_in: SignIn) -> None:
        if self.providers is not None:
            self.providers.build(
                lambda: self._databases.database,
                sign_in,
                issuing=self._must,
                key=lambda: self._chance,
                lasting=self.lasting,
                rechecker=self._build_recheck(sign_in),
            )

    def _with_factors(self, sign_in: SignIn, database: "Callable[[], Database]") -> SecondFactors:
        """Return who asks those that log in for second factors."""
        from tta_gateway.features.identity.sql_factors import SqlFactors

        return SecondFactors(
            SqlFactors(database, lasting=self.lasting),
            sign_in,
            issuing=self._must,
            key=lambda: self._chance,
            sealing=lambda: self._sealing,
            wall=self._clock.wall,
        )

    # --- what lasts --------------------------------------------------------------------------

    async def run(self) -> None:
        """Look what this node and others have changed, for ever."""
        while True:
            self._soon.clear()
            if self.issuing is not None:
                with contextlib.suppress(Unavailable):  # node/databases.py says so
                    await self.look()
                    await self._tidy()
            try:
                async with asyncio.timeout(EACH):
                    await self._soon.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Take up keys and revocations as they are now, and tell them; Unavailable."""
        await self._built()
        assert self._keys is not None  # it has been built
        assert self._revocations is not None  # likewise
        await self._read(self._revocations)
        await self._keys.look()
        self._tell_keys(self._keys)
        assert self._api_keys is not None  # likewise
        await self._api_keys.look()

    async def take(self) -> None:
        """Take up what any node has written; nothing where no tokens are issued.  Unavailable."""
        if self.issuing is not None:
            await self.look()

    async def reveal(self) -> None:
        """Tell which tokens and keys count no more; what cannot be read now will be, soon."""
        if self.spread is not None:
            await self.spread()
            return
        assert self._revocations is not None  # something has been revoked
        with contextlib.suppress(Unavailable):
            await self._read(self._revocations)
            assert self._api_keys is not None  # likewise
            await self._api_keys.look()

    async def _read(self, revocations: Revocations) -> None:
        """Tell what is revoked: the first time all of it, then what is new."""
        found = await revocations.revoked(self._since - _OVERLAP if self._is_read else 0.0)
        now = self._clock.wall()
        self._since = max([self._since, *(one.changed for one in found)])
        changed = self._chunks.add(found, now=now) | self._chunks.expire(now)
        for number in sorted(changed):
            told = self._chunks.told(number)
            self._findings.put(section(number), told)
            if told is not None:
                self.bearers.revoked.newly(told)
        if not self._is_read:
            self._is_read = True
            left = [one for one in self._findings.known if one.startswith(REVOKED)]
            for name in {*left} - self._chunks.names:
                self._findings.put(name, None)
        self.bearers.revoked.tidy(now)
        self._counts.child(metrics.REVOKED).set(len(self._chunks))

    def _tell_keys(self, keys: KeyKeeper) -> None:
        told: OwnKeys = keys.told()
        self._findings.put(KEYS, told)
        if told.keys != self._own_keys:
            self._own_keys = told.keys
            self.believe()
            self._log.event("signing_keys_changed", keys=len(told.keys))

    async def _tidy(self) -> None:
        now = self._clock.monotonic()
        if self._revocations is not None and now - self._tidied >= _TIDIED_EACH:
            self._tidied = now
            await self._revocations.tidy(self._clock.wall())
            if self._api_keys is not None:
                await self._api_keys.tidy()
            if self._account_codes is not None:
                await self._account_codes.tidy(self._clock.wall())
            if self._sign_in is not None and self._sign_in.rechecker is not None:
                await self._sign_in.rechecker.tidy()
            if self._oauth is not None:
                await self._oauth.codes.tidy(self._clock.wall())

    def key_set(self) -> dict[str, list[dict[str, object]]]:
        """Return the public keys; Unavailable where they are not known."""
        if self.keys is None or not self.keys.keys:
            raise Unavailable("no keys")
        return self.keys.key_set()
