"""Second factors: who must show one, showing it, and the sessions that come of it.

A session in which one has been shown is of level 2 until it ends; when that was last stands in its
tokens as `auth_time`.  Failures are counted for the user and the address, as those of logins are,
and apart from them: who knows the password gets no new tries by logging in again.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from tta_gateway.features.identity import challenge as challenges
from tta_gateway.features.identity import metrics, problems, recovery, totp, web_authn
from tta_gateway.features.identity.bound import Issuing, SecondFactor
from tta_gateway.features.identity.challenge import Challenge, Purpose
from tta_gateway.features.identity.delegated import standing
from tta_gateway.features.identity.factor import KEY, RECOVERY, TOTP, Factor, Factors, joined
from tta_gateway.features.identity.gate import Gate, gate, is_late, needs
from tta_gateway.features.identity.names import address_key, factor_key
from tta_gateway.features.identity.sign_in import Grant, SignIn
from tta_gateway.features.identity.store import Session, User
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.principal import Principal
from tta_gateway.support.crypto.sealing import NotSealed, seal, unseal

CODE, HARDWARE = "otp", "hwk"
"""What RFC 8176 calls one-time codes, and keys."""
_TOTP_SECRET: Final = b"tta-gateway totp 1 "
_LONGER: Final = 60.0  # seconds that clocks of nodes may differ, where what is spent is remembered


class Events(Protocol):
    """Where it is told what operators should know."""

    def event(self, name: str, **fields: object) -> None:
        """Take a line."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody shows: a code of an authenticator or of recovery, or what a key has signed."""

    method: str
    code: str = field(default="", repr=False)
    credential: Mapping[str, object] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody has to show: by which of these methods, and what answers it.

    Without any method they have none, and may only enrol one.  `key` is what a page asks of keys.
    """

    token: str = field(repr=False)
    methods: tuple[str, ...]
    expires_in: int
    key: Mapping[str, object] | None = None


class Needed(ClientFault):
    """The first factor is right, and a second one is needed."""

    def __init__(self, asked: Asked) -> None:
        """Say what is asked."""
        super().__init__(problems.FACTOR_NEEDED)
        self.asked = asked


class SecondFactors:
    """Asks for them, and looks at them."""

    def __init__(
        self,
        factors: Factors,
        sign_in: SignIn,
        *,
        issuing: Callable[[], Issuing],
        key: Callable[[], bytes],
        sealing: Callable[[], bytes],
        wall: Callable[[], float],
    ) -> None:
        """Keep them there; `key` and `sealing` are those of the nodes.

        The one is for what nobody may guess, the other for what nobody may read.
        """
        self.factors = factors
        self.sign_in = sign_in
        self._users, self._failures = sign_in.stores.users, sign_in.stores.failures
        self._issuing = issuing
        self._key_of_nodes = key
        self._sealing = sealing
        self.now = wall

    @property
    def rules(self) -> SecondFactor:
        """Return what the operator says of them."""
        return self.issuing.second_factor

    @property
    def issuing(self) -> Issuing:
        """Return how tokens are issued."""
        return self._issuing()

    @property
    def log(self) -> Events:
        """Return where operators are told."""
        return self.sign_in.log

    # --- at the door -------------------------------------------------------------------------

    async def check(self, user: User, methods: str, *, link: str = "") -> None:
        """Let in who needs no second factor, or has to show none; Needed says what is asked."""
        found = await self.factors.of(user.id)
        late = not found and await self._is_late(user)
        decided = gate(has_one=bool(found), needs_one=late, is_late=late)
        if decided is Gate.CHALLENGED:
            asked = await self._asked(Purpose.LOGIN, user, found, methods=methods, link=link)
            raise Needed(asked)
        if decided is Gate.ENROLS:
            token = self.sealed(Purpose.ENROL, user, methods=methods, link=link)
            raise Needed(Asked(token, (), int(challenges.LASTING)))

    async def bars(self, user: User, session: Session) -> bool:
        """Tell whether a session may not go on: one is needed by now, and none was shown in it."""
        return not session.proved and await self._is_late(user)

    async def _is_late(self, user: User) -> bool:
        """Tell whether somebody should have a second factor by now."""
        wanted = needs(standing(user, self.issuing).roles, self.rules)
        if not wanted:
            return False
        return is_late(await self.factors.granted(user.id, wanted), self.rules, now=self.now())

    def wants(self, user: User) -> bool:
        """Tell whether somebody may not be without one, sooner or later."""
        return bool(needs(standing(user, self.issuing).roles, self.rules))

    async def _asked(
        self,
        purpose: Purpose,
        user: User,
        found: Collection[Factor],
        *,
        methods: str = "",
        session: str = "",
        link: str = "",
    ) -> Asked:
        token = self.sealed(purpose, user, methods=methods, session=session, link=link)
        return await self._told(token, self.opened(token, purpose), user, found)

    async def pending(self, token: str) -> Asked:
        """Return what a challenge of a login asks; ClientFault if it is none, or over."""
        key, now = self._key_of_nodes(), self.now()
        enrols = challenges.opened(token, Purpose.ENROL, key, now=now)
        if enrols is not None:
            await self.user_of(enrols)
            return Asked(token, (), round(enrols.ends - now))
        made = self.opened(token, Purpose.LOGIN)
        user = await self.user_of(made)
        return await self._told(token, made, user, await self.factors.of(user.id))

    async def _told(
        self, token: str, made: Challenge, user: User, found: Collection[Factor]
    ) -> Asked:
        ways = [one for one in (TOTP, KEY) if any(factor.kind == one for factor in found)]
        if await self.factors.codes_left(user.id):
            ways.append(RECOVERY)
        page = None
        if KEY in ways:
            await web_authn.loaded()
            page = web_authn.request(self.rules, found, to_sign=self.to_sign(made))
        return Asked(token, tuple(ways), round(made.ends - self.now()), page)

    # --- challenges --------------------------------------------------------------------------

    def sealed(
        self,
        purpose: Purpose,
        user: User,
        *,
        methods: str = "",
        session: str = "",
        link: str = "",
        secret: str = "",
    ) -> str:
        """Return a challenge for somebody."""
        made = Challenge(
            purpose=purpose.value,
            id=challenges.new_id(),
            user_id=user.id,
            changed=user.changed,
            ends=self.now() + challenges.LASTING,
            session=session,
            methods=methods,
            link=link,
            secret=secret,
        )
        return challenges.sealed(made, self._key_of_nodes())

    def opened(self, token: str, purpose: Purpose) -> Challenge:
        """Return what is in a challenge; ClientFault if it is over, or none for this."""
        found = challenges.opened(token, purpose, self._key_of_nodes(), now=self.now())
        if found is None:
            raise ClientFault(problems.CHALLENGE_INVALID)
        return found

    def to_sign(self, challenge: Challenge) -> bytes:
        """Return what a key has to sign."""
        return challenges.to_sign(challenge, self._key_of_nodes())

    async def user_of(self, challenge: Challenge) -> User:
        """Return whose challenge it is; ClientFault if their sessions have been ended since."""
        user = await self._users.of(challenge.user_id)
        if user is None or not user.is_active or user.changed != challenge.changed:
            raise ClientFault(problems.CHALLENGE_INVALID)
        return user

    async def user(self, user_id: str) -> User:
        """Return who shows a token; ClientFault if they may not any more."""
        user = await self._users.of(user_id)
        if user is None or not user.is_active:
            raise ClientFault(problems.REVOKED)
        return user

    async def spend(self, challenge: Challenge) -> None:
        """Use a challenge up; ClientFault if it has been before."""
        until = challenge.ends + _LONGER
        if not await self.factors.spend(challenge.id, until=until, now=self.now()):
            raise ClientFault(problems.CHALLENGE_INVALID)

    # --- showing one -------------------------------------------------------------------------

    async def verify(self, token: str, proof: Proof, *, address: str) -> Grant:
        """Return what who logs in gets for a second factor; ClientFault says why not."""
        challenge = self.opened(token, Purpose.LOGIN)
        user = await self.user_of(challenge)
        method = await self._prove(user, proof, challenge, address=address)
        await self.spend(challenge)
        methods = joined(challenge.methods, method)
        return await self.sign_in.begin_proved(user, methods, link=challenge.link)

    async def step_up(
        self, principal: Principal, proof: Proof | None, *, token: str, address: str
    ) -> Grant:
        """Return an access token of level 2 for the same session; Needed says what is asked."""
        user = await self.user(principal.subject)
        challenge = None
        if token:
            challenge = self.opened(token, Purpose.STEP_UP)
            if (challenge.user_id, challenge.session) != (user.id, principal.session):
                raise ClientFault(problems.CHALLENGE_INVALID)
            await self.user_of(challenge)
        found = await self.factors.of(user.id)
        if not found:
            raise ClientFault(problems.FACTOR_MISSING)
        if proof is None:
            session = principal.session
            raise Needed(await self._asked(Purpose.STEP_UP, user, found, session=session))
        method = await self._prove(user, proof, challenge, address=address)
        if challenge is not None:
            await self.spend(challenge)
        return await self.sign_in.raised(user.id, principal.session, method)

    async def _prove(
        self, user: User, proof: Proof, challenge: Challenge | None, *, address: str
    ) -> str:
        """Return how somebody has shown it (`amr`); ClientFault."""
        key, lockout = self._key_of_nodes(), self.issuing.lockout
        theirs, place = factor_key(user.id, key), address_key(address, key)
        tries = [(theirs, lockout.account), (place, lockout.address)]
        wait = await self._failures.count(tries, now=self.now())
        if wait:
            self._count("waiting")
            raise ClientFault(replace(problems.FACTOR_WAITING, retry_after=int(wait) + 1))
        method = await self._shown(user, proof, challenge)
        if method is None:
            self._count("refused")
            raise ClientFault(problems.FACTOR_REFUSED)
        await self._failures.good(theirs, place)
        self._count("good")
        return method

    async def _shown(self, user: User, proof: Proof, challenge: Challenge | None) -> str | None:
        ways: Mapping[str, Callable[[], Awaitable[str | None]]] = {
            TOTP: lambda: self._code(user, proof.code),
            RECOVERY: lambda: self._recovery(user, proof.code),
            KEY: lambda: self._key(user, proof.credential or {}, challenge),
        }
        way = ways.get(proof.method)
        return None if way is None else await way()

    async def _code(self, user: User, code: str) -> str | None:
        now = self.now()
        for factor in await self.factors.of(user.id):
            secret = self.unsealed(factor)
            if secret is None:
                continue
            step = totp.step_of(secret, code, now=now, last=factor.counter)
            if step is not None and await self.factors.advance(factor.id, step, now=now):
                return CODE
        return None

    async def _recovery(self, user: User, code: str) -> str | None:
        if len(code) > recovery.LONGEST:
            return None
        if not await self.factors.take_code(user.id, recovery.digest(code)):
            return None
        left = await self.factors.codes_left(user.id)
        self.log.event("recovery_code_used", user=user.id, left=left)
        return CODE

    async def _key(
        self, user: User, said: Mapping[str, object], challenge: Challenge | None
    ) -> str | None:
        if challenge is None:  # nothing that a key could have signed
            return None
        await web_authn.loaded()
        known = await self.factors.of(user.id)
        to_sign = self.to_sign(challenge)
        try:
            factor, counter = web_authn.asserted(
                self.rules, said, known, user_id=user.id, to_sign=to_sign
            )
        except web_authn.WentBack:
            self.log.event("security_key_went_back", user=user.id)
            return None
        except web_authn.Refused:
            return None
        done = await self.factors.advance(factor.id, counter, now=self.now())
        return HARDWARE if done else None

    # --- secrets -----------------------------------------------------------------------------

    def seal(self, factor_id: str, secret: str) -> bytes:
        """Return the secret of an authenticator as it is kept."""
        purpose = _TOTP_SECRET + factor_id.encode()
        return seal(json.dumps(secret).encode(), key=self._sealing(), purpose=purpose)

    def unsealed(self, factor: Factor) -> str | None:
        """Return it; None where it is none, or was sealed with a key that is no more."""
        if factor.secret is None:
            return None
        purpose = _TOTP_SECRET + factor.id.encode()
        try:
            text = unseal(factor.secret, key=self._sealing(), purpose=purpose)
        except NotSealed:
            self.log.event("second_factor_unreadable", user=factor.user_id, factor=factor.id)
            return None
        secret: str = json.loads(text)
        return secret

    def _count(self, result: str) -> None:
        self.sign_in.counts.child(metrics.FACTORS, result).add()
