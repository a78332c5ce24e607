"""Enrolling second factors, and taking them away.

Who has none enrols the first behind a login that is not long ago; who has one needs a second factor
that was shown lately, so that whoever has come by a token cannot add a key of their own.  What is
being enrolled is bound to the session that has begun it: nobody can have another confirm it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tta_gateway.features.identity import problems, recovery, totp, web_authn
from tta_gateway.features.identity.challenge import Challenge, Purpose
from tta_gateway.features.identity.factor import KEY, TOTP, Factor, LastOne, Taken, joined
from tta_gateway.features.identity.second_factor import CODE, HARDWARE, SecondFactors
from tta_gateway.features.identity.sign_in import Grant
from tta_gateway.features.identity.store import User
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.principal import Principal

_LEVEL: Final = 2
_LABELS: Final = {TOTP: "authenticator", KEY: "security key"}
_AHEAD: Final = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Enroller:
    """Who enrols: in a session, or behind a challenge that lets them do nothing else."""

    user: User
    place: str
    """The session, or the challenge."""
    has_one: bool
    challenge: Challenge | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """What is being enrolled: what confirms it, and what the authenticator is told."""

    token: str = field(repr=False)
    expires_in: int
    secret: str = field(default="", repr=False)
    uri: str = field(default="", repr=False)
    key: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What has been enrolled; the first comes with recovery codes.

    `grant` is a token of level 2: of a new session where there was none.
    """

    factor: Factor
    codes: tuple[str, ...] = field(repr=False)
    grant: Grant


class Enrolment:
    """Does it."""

    def __init__(self, factors: SecondFactors) -> None:
        """Do it for these."""
        self._all = factors

    # --- who may -----------------------------------------------------------------------------

    async def enroller(self, principal: Principal | None, token: str) -> Enroller:
        """Return who enrols; ClientFault says what has to be shown first."""
        if principal is None:
            challenge = self._all.opened(token, Purpose.ENROL)
            user = await self._all.user_of(challenge)
            if await self._all.factors.of(user.id):  # meanwhile, by another of these
                raise ClientFault(problems.CHALLENGE_INVALID)
            return Enroller(user, challenge.id, has_one=False, challenge=challenge)
        user = await self._all.user(principal.subject)
        has_one = bool(await self._all.factors.of(user.id))
        self._check(principal, level=_LEVEL if has_one else 1)
        return Enroller(user, principal.session, has_one=has_one)

    def _check(self, principal: Principal, *, level: int) -> None:
        """Refuse who has not been proved so well, or not lately (RFC 9470)."""
        age = self._all.now() - principal.authenticated
        fresh = self._all.rules.fresh
        if principal.level < level or not -_AHEAD <= age <= fresh:
            raise ClientFault(problems.step_up(level, int(fresh)))

    # --- adding ------------------------------------------------------------------------------

    def begin_totp(self, who: Enroller) -> Begun:
        """Begin to enrol an authenticator."""
        secret = totp.new_secret()
        token = self._all.sealed(Purpose.TOTP, who.user, session=who.place, secret=secret)
        name = who.user.called or who.user.name
        uri = totp.uri(secret, name=name, of=self._all.rules.name)
        return Begun(token, self._left(token, Purpose.TOTP), secret, uri)

    async def begin_key(self, who: Enroller) -> Begun:
        """Begin to enrol a security key."""
        await web_authn.loaded()
        token = self._all.sealed(Purpose.KEY, who.user, session=who.place)
        options = web_authn.creation(
            self._all.rules,
            await self._all.factors.of(who.user.id),
            user_id=who.user.id,
            name=who.user.called or who.user.name,
            to_sign=self._all.to_sign(self._all.opened(token, Purpose.KEY)),
        )
        return Begun(token, self._left(token, Purpose.KEY), key=options)

    def _left(self, token: str, purpose: Purpose) -> int:
        return int(self._all.opened(token, purpose).ends - self._all.now())

    async def confirm_totp(self, who: Enroller, token: str, code: str, label: str) -> Enrolled:
        """Enrol an authenticator that shows the right code; ClientFault."""
        begun = self._begun(who, token, Purpose.TOTP)
        now = self._all.now()
        step = totp.step_of(begun.secret, code, now=now, last=0)
        if step is None:
            raise ClientFault(problems.FACTOR_REFUSED)
        factor = replace(
            _factor(begun, TOTP, label, now=now),
            counter=step,
            secret=self._all.seal(begun.id, begun.secret),
        )
        return await self._added(who, begun, factor, CODE)

    async def confirm_key(
        self, who: Enroller, token: str, said: Mapping[str, object], label: str
    ) -> Enrolled:
        """Enrol a security key that has signed; ClientFault."""
        begun = self._begun(who, token, Purpose.KEY)
        await web_authn.loaded()
        try:
            key = web_authn.registered(self._all.rules, said, to_sign=self._all.to_sign(begun))
        except web_authn.Refused as error:
            raise ClientFault(problems.FACTOR_REFUSED, str(error)) from None
        factor = replace(
            _factor(begun, KEY, label, now=self._all.now()),
            counter=key.counter,
            credential=key.credential,
            public_key=key.public_key,
        )
        return await self._added(who, begun, factor, HARDWARE)

    def _begun(self, who: Enroller, token: str, purpose: Purpose) -> Challenge:
        """Return what was begun, if they have begun it themselves."""
        found = self._all.opened(token, purpose)
        if (found.user_id, found.session) != (who.user.id, who.place):
            raise ClientFault(problems.CHALLENGE_INVALID)
        return found

    async def _added(
        self, who: Enroller, begun: Challenge, factor: Factor, method: str
    ) -> Enrolled:
        codes = () if who.has_one else recovery.made()
        await self._all.spend(begun)
        digests = tuple(map(recovery.digest, codes))
        try:
            await self._all.factors.add(factor, digests, is_first=not who.has_one)
        except Taken:
            raise ClientFault(problems.FACTOR_TAKEN) from None
        self._all.log.event("second_factor_added", user=factor.user_id, kind=factor.kind)
        return Enrolled(factor, codes, await self._grant(who, method))

    async def _grant(self, who: Enroller, method: str) -> Grant:
        sign_in = self._all.sign_in
        if who.challenge is None:
            return await sign_in.raised(who.user.id, who.place, method)
        await self._all.spend(who.challenge)
        methods = joined(who.challenge.methods, method)
        return await sign_in.begin_proved(who.user, methods, link=who.challenge.link)

    # --- the rest ----------------------------------------------------------------------------

    async def remove(self, principal: Principal, factor_id: str) -> None:
        """Take one away; ClientFault says what has to be shown first, or why it has to stay."""
        user = await self._all.user(principal.subject)
        self._check(principal, level=_LEVEL)
        keeps_one = self._all.wants(user)
        try:
            gone = await self._all.factors.remove(user.id, factor_id, keeps_one=keeps_one)
        except LastOne:
            raise ClientFault(problems.FACTOR_STAYS) from None
        if gone is None:
            raise ClientFault(problems.FACTOR_UNKNOWN)
        self._all.log.event("second_factor_removed", user=user.id, kind=gone.kind)

    async def new_codes(self, principal: Principal) -> tuple[str, ...]:
        """Return new recovery codes, in the place of all others; ClientFault."""
        user = await self._all.user(principal.subject)
        self._check(principal, level=_LEVEL)
        if not await self._all.factors.of(user.id):
            raise ClientFault(problems.FACTOR_MISSING)
        made = recovery.made()
        await self._all.factors.set_codes(user.id, tuple(map(recovery.digest, made)))
        self._all.log.event("recovery_codes_made", user=user.id)
        return made

    async def clear(self, user: User) -> int:
        """Take all of somebody's away and end their sessions, as an operator; return how many."""
        count = await self._all.factors.clear(user.id, now=self._all.now())
        await self._all.sign_in.ended()
        self._all.log.event("second_factors_cleared", user=user.id, factors=count)
        return count


def _factor(begun: Challenge, kind: str, label: str, *, now: float) -> Factor:
    return Factor(begun.id, begun.user_id, kind, label.strip() or _LABELS[kind], now)
