"""Logins by way of OpenID providers: begun, answered, and ended from there.

The code flow with PKCE, `state` and `nonce` (OpenID Connect Core 1.0, 3.1; RFC 9700), and logouts
that providers tell of (OpenID Connect Back-Channel Logout 1.0).
"""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tta_gateway.features.identity import external_request as request
from tta_gateway.features.identity import metrics, problems
from tta_gateway.features.identity.bound import External, Issuing
from tta_gateway.features.identity.external_client import (
    Code,
    Known,
    Peer,
    ProviderAway,
    ProviderRefuses,
)
from tta_gateway.features.identity.external_directory import Directory
from tta_gateway.features.identity.external_request import Begun, NotOurs
from tta_gateway.features.identity.external_store import ExternalStore, Over, Tie
from tta_gateway.features.identity.external_token import (
    Claims,
    Keys,
    LogoutToken,
    NotBelieved,
    Tokens,
    id_token,
    logout_token,
    renewed_id_token,
)
from tta_gateway.features.identity.recheck import Away, Ended, Rechecker, Renew
from tta_gateway.features.identity.second_factor import Needed
from tta_gateway.features.identity.sign_in import Events, Grant, SignIn
from tta_gateway.features.identity.store import ACTIVE, NameTaken, Session, User, Users
from tta_gateway.kernel.errors import ClientFault, GatewayError
from tta_gateway.kernel.problem import Problem
from tta_gateway.support.metrics import Registry
from tta_gateway.support.quiet import Quiet
from tta_gateway.support.sql.away import Unavailable

FEDERATED: Final = "fed"
"""What tokens say of how somebody was proved: elsewhere; whatever was shown there."""
_AT_ONCE: Final = 100
_QUIET: Final = 60.0  # seconds between two lines that say the same
_BYTES: Final = 32
_SUBJECT: Final = re.compile(r"[A-Za-z0-9._~@-]{1,255}")
"""No colon, which stands between a provider's name and its subjects, and no slash of paths."""
_THEIRS: Final = ("server_error", "temporarily_unavailable")  # RFC 6749 4.1.2.1
_RESULTS: Final = {
    problems.EXTERNAL_STATE.code: "state",
    problems.EXTERNAL_DENIED.code: "denied",
    problems.EXTERNAL_REFUSED.code: "refused",
    problems.EXTERNAL_ACCOUNT.code: "account",
    problems.EXTERNAL_AWAY.code: "away",
    problems.EXTERNAL_BUSY.code: "busy",
}


class Broken(Exception):
    """Nobody is let in: why, and where the browser goes back to if that is known.

    `challenge` is what a second factor answers, where that is what is missing.
    """

    def __init__(self, problem: Problem, return_to: str = "", challenge: str = "") -> None:
        """Say why."""
        super().__init__(problem.code)
        self.problem = problem
        self.return_to = return_to
        self.challenge = challenge


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a browser is sent, and the cookie that it keeps meanwhile."""

    url: str
    cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """Who has been let in, and where the browser goes back to."""

    grant: Grant
    return_to: str


@dataclass(frozen=True, slots=True)
class Tools:
    """What logins are made with."""

    sign_in: SignIn
    users: Users
    store: ExternalStore
    directory: Directory
    peer: Peer
    rechecker: Rechecker


class ExternalLogin:
    """Lets people in whom a provider knows."""

    def __init__(
        self,
        tools: Tools,
        *,
        issuing: Callable[[], Issuing],
        key: Callable[[], bytes],
        wall: Callable[[], float],
        log: Events,
        counts: Registry,
    ) -> None:
        """Work with these; `key` is that of the nodes."""
        self._tools = tools
        self._issuing = issuing
        self._key = key
        self._wall = wall
        self._log = log
        self._counts = counts
        self._quiet = Quiet(_QUIET)
        self._under_way = 0
        tools.sign_in.linked = self._tie
        tools.rechecker.asks["external"] = self.recheck

    @property
    def secret(self) -> bytes:
        """Return the key of the nodes, for what must not be guessed."""
        return self._key()

    def providers(self) -> tuple[External, ...]:
        """Return those that there are."""
        return self._issuing().providers

    def provider(self, name: str) -> External:
        """Return the one of this name; ClientFault."""
        for one in self._issuing().providers:
            if one.name == name:
                return one
        raise ClientFault(problems.EXTERNAL_UNKNOWN)

    def returning(self, asked: str) -> str:
        """Return where somebody comes back to; ClientFault if nobody may be sent there."""
        issuing = self._issuing()
        found = request.returning(asked, home=issuing.url, allowed=issuing.origins)
        if found is None:
            raise ClientFault(problems.EXTERNAL_RETURN)
        return found

    # --- there -------------------------------------------------------------------------------

    async def begin(self, provider: External, return_to: str) -> Beginning:
        """Begin a login; Broken where the provider cannot be asked."""
        issuing = self._issuing()
        with self._told(provider, return_to):
            known = await self._known(provider)
        begun = Begun(
            state=secrets.token_urlsafe(_BYTES),
            nonce=secrets.token_urlsafe(_BYTES),
            verifier=secrets.token_urlsafe(_BYTES),
            return_to=return_to,
            until=self._wall() + request.LASTING,
        )
        name = request.cookie_name(provider.name, begun.state, secure=issuing.secure)
        value = request.sealed(begun, provider.name, self._key())
        kept = request.cookie(name, value, request.LASTING, secure=issuing.secure)
        url = request.authorization(provider, known.metadata, begun, home=issuing.url)
        return Beginning(url, kept)

    def forgotten(self, provider: External, state: str) -> str:
        """Return the field that has a browser forget the cookie of a login."""
        secure = self._issuing().secure
        name = request.cookie_name(provider.name, state, secure=secure)
        return request.cookie(name, "", 0, secure=secure)

    async def _known(self, provider: External) -> Known:
        try:
            return await self._tools.directory.known(provider)
        except ProviderAway:
            raise GatewayError(problems.EXTERNAL_AWAY) from None

    # --- and back ----------------------------------------------------------------------------

    async def finish(
        self, provider: External, pairs: Sequence[tuple[str, str]], cookies: Mapping[str, str]
    ) -> Done:
        """Let somebody in by a provider's answer, which counts once; Broken."""
        told = request.answer_in(pairs) or {}
        with self._told(provider, ""):
            begun = self._begun(provider, told.get("state", ""), cookies)
            state = request.used(provider.name, "state", begun.state)
            since = await self._tools.store.use(state, until=begun.until, now=self._wall())
            if since is None:
                raise ClientFault(problems.EXTERNAL_STATE)
        with self._told(provider, begun.return_to), self._one_more():
            grant = await self._let_in(provider, begun, told, since=since)
        self._counts.child(metrics.EXTERNAL, provider.name, "good").add()
        return Done(grant, begun.return_to)

    def _begun(self, provider: External, state: str, cookies: Mapping[str, str]) -> Begun:
        name = request.cookie_name(provider.name, state, secure=self._issuing().secure)
        value = cookies.get(name, "")
        try:
            return request.remembered(
                value, provider.name, state, key=self._key(), now=self._wall()
            )
        except NotOurs:
            raise ClientFault(problems.EXTERNAL_STATE) from None

    async def _let_in(
        self, provider: External, begun: Begun, told: Mapping[str, str], *, since: float
    ) -> Grant:
        known = await self._known(provider)
        if not request.is_from(told, provider, known.metadata):
            raise self._refused(provider, "its answer names another issuer, or none (RFC 9207)")
        if "error" in told:
            is_theirs = told["error"] in _THEIRS
            raise GatewayError(problems.EXTERNAL_AWAY if is_theirs else problems.EXTERNAL_DENIED)
        if not told.get("code"):
            raise self._refused(provider, "its answer holds no code")
        try:
            claims, tokens = await self._claims(provider, known, begun, told["code"])
            user = self._user(provider, claims)
        except ProviderAway as away:
            self._tools.directory.is_away(provider, str(away))
            raise GatewayError(problems.EXTERNAL_AWAY) from None
        except (ProviderRefuses, NotBelieved) as error:
            raise self._refused(provider, str(error)) from None
        self._tools.directory.is_back(provider)
        return await self._session(provider, claims, user, tokens.refresh_token, since=since)

    async def _claims(
        self, provider: External, known: Known, begun: Begun, code: str
    ) -> tuple[Claims, Tokens]:
        """Return what the provider says of whoever has got this code."""
        there = request.callback(self._issuing().url, provider.name)
        asked = Code(code, begun.verifier, there)
        tokens = await self._tools.peer.tokens(
            provider, known.metadata, asked, now=self._wall(), unique=secrets.token_urlsafe(_BYTES)
        )

        def believed(keys: Keys) -> Claims:
            return id_token(
                tokens.id_token,
                provider,
                keys,
                nonce=begun.nonce,
                access_token=tokens.access_token,
                now=self._wall(),
            )

        claims = await self._believed(provider, known, believed)
        return await self._with_more(provider, known, claims, tokens), tokens

    async def _believed(
        self, provider: External, known: Known, believe: Callable[[Keys], Claims]
    ) -> Claims:
        """Return what a token says by the provider's keys, asked anew if one is missing."""
        missed: list[bool] = []
        try:
            return believe(Keys(known.keys, lambda: missed.append(True)))
        except NotBelieved:
            if not missed:
                raise
            return believe(Keys((await self._tools.directory.renewed(provider)).keys))

    async def _with_more(
        self, provider: External, known: Known, claims: Claims, tokens: Tokens
    ) -> Claims:
        """Return the claims with what else may come in."""
        if request.wants_more(provider, claims):
            more = await self._tools.peer.more(provider, known.metadata, tokens.access_token)
            if more.get("sub") == claims["sub"]:  # 5.3.2: else it is about somebody else
                return {**more, **claims}
        return claims

    def _user(self, provider: External, claims: Claims) -> User:
        """Return who that is here; NotBelieved."""
        subject = self._subject(provider, str(claims["sub"]))
        now, lent = self._wall(), request.roles(provider, claims)
        return User(
            id=f"{provider.name}:{subject}",
            name=subject,
            state=ACTIVE,
            created=now,
            changed=now,
            roles=lent,
            provider=provider.name,
            called=request.called(provider, claims),
            lent=lent,
        )

    def _subject(self, provider: External, subject: str) -> str:
        found = request.pseudonym(provider, subject, self._issuing().pseudonyms or self._key())
        if not _SUBJECT.fullmatch(found):
            raise NotBelieved(
                "its `sub` holds more than letters, digits and `._~@-`: `pairwise` takes it"
            )
        return found

    async def _session(
        self,
        provider: External,
        claims: Claims,
        wanted: User,
        refresh_token: str,
        *,
        since: float,
    ) -> Grant:
        user, said = await self._linked(wanted), claims.get("sid")
        is_told = isinstance(said, str) and bool(said)
        there = request.used(provider.name, "session", str(said)) if is_told else b""
        tie = Tie(there, request.used(provider.name, "subject", user.name), since)
        link = _link(tie)
        if provider.recheck:
            link += await self._kept(provider, user, refresh_token)
        try:
            return await self._tools.sign_in.begin(user, FEDERATED, link=link)
        except Needed:
            raise
        except ClientFault as fault:
            over = fault.problem is problems.SESSION_OVER  # logged out there in this moment
            wrong = problems.EXTERNAL_DENIED if over else problems.EXTERNAL_ACCOUNT
            raise ClientFault(wrong) from None

    async def _kept(self, provider: External, user: User, refresh_token: str) -> str:
        """Keep what the provider may be asked again by; return what goes on with the login."""
        if not refresh_token:
            self._say(
                provider,
                "external_without_refresh_token",
                "it gives no refresh token, so that it cannot be asked again (`recheck`): let the "
                "client have one there, with `scopes: [offline_access]` where it wants that",
            )
            return ""
        return f":{await self._tools.rechecker.keep(user, refresh_token.encode())}"

    async def _tie(self, session: Session, link: str) -> bool:
        """Have a session end with the one at the provider; False if that has ended."""
        now = self._wall()
        return await self._tools.store.link(session.id, _tie(link), ends=session.ends, now=now)

    # --- and again, as long as the session is renewed ------------------------------------------

    async def recheck(self, name: str, user_id: str, given: bytes, renew: Renew) -> None:
        """Ask a provider whether an account is still good; Ended, Away.

        What it says of roles by now counts from now on.
        """
        provider = next((one for one in self._issuing().providers if one.name == name), None)
        if provider is None:
            return  # its sessions end anyway
        try:
            await self._rechecked(provider, user_id, given.decode(), renew)
        except ProviderAway as away:
            self._tools.directory.is_away(provider, str(away))
            raise Away(str(away)) from None
        except ProviderRefuses as refusal:
            raise Ended(str(refusal)) from None
        except NotBelieved as error:
            self._say(provider, "external_recheck_refused", str(error))
            raise Away(str(error)) from None
        self._tools.directory.is_back(provider)

    async def _rechecked(self, provider: External, user_id: str, token: str, renew: Renew) -> None:
        known = await self._tools.directory.known(provider)
        tokens = await self._tools.peer.renewed(
            provider, known.metadata, token, now=self._wall(), unique=secrets.token_urlsafe(_BYTES)
        )
        await renew((tokens.refresh_token or token).encode())
        if not tokens.id_token:  # 12.2: it need not give one
            return

        def believed(keys: Keys) -> Claims:
            return renewed_id_token(
                tokens.id_token,
                provider,
                keys,
                access_token=tokens.access_token,
                now=self._wall(),
            )

        claims = await self._believed(provider, known, believed)
        claims = await self._with_more(provider, known, claims, tokens)
        user = self._user(provider, claims)
        if user.id != user_id:
            raise ProviderRefuses("it speaks of somebody else now")
        await self._linked(user)

    async def _linked(self, wanted: User) -> User:
        for _ in range(2):  # another node may have made the same one in this moment
            try:
                found = await self._tools.users.link(wanted)
            except NameTaken:
                continue
            if found.is_another_than(wanted):  # tokens from before say of them what is no more
                await self._tools.sign_in.ended()
            return found
        self._log.event("external_subject_taken", provider=wanted.provider, user=wanted.id)
        raise ClientFault(problems.EXTERNAL_ACCOUNT)

    # --- out, as the provider says -----------------------------------------------------------

    async def leaving(self, provider: External, return_to: str) -> str:
        """Return where a browser logs out at a provider (OpenID Connect RP-Initiated Logout 1.0).

        Where that has no such place, it is where the browser comes back to.
        """
        with self._told(provider, return_to):
            known = await self._known(provider)
        if not known.metadata.end_session:
            return return_to
        asked = {"client_id": provider.client_id, "post_logout_redirect_uri": return_to}
        return request.appended(known.metadata.end_session, asked)

    async def logged_out(self, provider: External, token: str) -> None:
        """End the sessions that a logout token is about; GatewayError, Unavailable."""
        try:
            with self._one_more():
                told = await self._logout(provider, token)
            done = await self._ended(provider, told)
        except NotBelieved as error:
            self._say(provider, "logout_token_refused", str(error))
            done = False
        result = "good" if done else "refused"
        self._counts.child(metrics.EXTERNAL_LOGOUTS, provider.name, result).add()
        if not done:
            raise ClientFault(problems.LOGOUT_TOKEN)

    async def _logout(self, provider: External, token: str) -> LogoutToken:
        known = await self._known(provider)
        missed: list[bool] = []
        keys = Keys(known.keys, lambda: missed.append(True))
        try:
            return logout_token(token, provider, keys, now=self._wall())
        except NotBelieved:
            if not missed:
                raise
        try:
            renewed = await self._tools.directory.renewed(provider)
        except ProviderAway:
            raise GatewayError(problems.EXTERNAL_AWAY) from None
        return logout_token(token, provider, Keys(renewed.keys), now=self._wall())

    async def _ended(self, provider: External, told: LogoutToken) -> bool:
        subject = self._subject(provider, told.subject) if told.subject else ""
        over = Over(
            there=request.used(provider.name, "session", told.session) if told.session else b"",
            subject=request.used(provider.name, "subject", subject) if subject else b"",
            user_id=f"{provider.name}:{subject}" if subject else "",
        )
        once = request.used(provider.name, "logout", told.id)
        done = await self._tools.store.end(once, over, until=told.until, now=self._wall())
        await self._tools.sign_in.ended()
        return done

    # --- what is told ------------------------------------------------------------------------

    @contextmanager
    def _told(self, provider: External, return_to: str) -> Iterator[None]:
        """Count who is not let in, and say where they go back to."""
        try:
            yield
        except Unavailable:
            self._counts.child(metrics.EXTERNAL, provider.name, "away").add()
            raise Broken(problems.STORE_UNAVAILABLE, return_to) from None
        except Needed as needed:
            self._counts.child(metrics.EXTERNAL, provider.name, "second_factor").add()
            raise Broken(needed.problem, return_to, needed.asked.token) from None
        except GatewayError as error:
            result = _RESULTS.get(error.problem.code, "away")
            self._counts.child(metrics.EXTERNAL, provider.name, result).add()
            raise Broken(error.problem, return_to) from None

    @contextmanager
    def _one_more(self) -> Iterator[None]:
        """Count who is being asked about; GatewayError where they are too many."""
        if self._under_way >= _AT_ONCE:
            raise GatewayError(problems.EXTERNAL_BUSY)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def _refused(self, provider: External, why: str) -> GatewayError:
        self._say(provider, "external_login_refused", why)
        return GatewayError(problems.EXTERNAL_REFUSED)

    def _say(self, provider: External, event: str, why: str) -> None:
        """Write a line, once in a while where it is always the same."""
        if self._quiet.is_due(event, provider.name, why, now=self._wall()):
            self._log.event(event, provider=provider.name, cause=why)


def _link(tie: Tie) -> str:
    """Return a tie as a word, which a challenge takes along."""
    return f"{tie.there.hex()} {tie.subject.hex()} {tie.since!r}"


def _tie(link: str) -> Tie:
    """Return what such a word says."""
    there, subject, since = link.split(" ")
    return Tie(bytes.fromhex(there), bytes.fromhex(subject), float(since))
