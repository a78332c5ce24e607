"""Passwords of the gateway's own users, as they themselves change them.

Who knows the old one chooses a new one; who has forgotten it shows a code that whoever looks after
the accounts has made.  Either ends the other sessions, and leaves second factors as they are: who
has one is asked for it at the next login, or before the change.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tta_gateway.features.identity import account_code, problems
from tta_gateway.features.identity.account_code import CodePurpose
from tta_gateway.features.identity.account_code_store import AccountCode, AccountCodes, Spent
from tta_gateway.features.identity.accounts import Wrong
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.names import account_key, address_key
from tta_gateway.features.identity.password import LONGEST, Busy
from tta_gateway.features.identity.password_rules import complaint
from tta_gateway.features.identity.registration import Tell, untold
from tta_gateway.features.identity.second_factor import SecondFactors
from tta_gateway.features.identity.sign_in import SignIn, Told, nothing
from tta_gateway.features.identity.store import User
from tta_gateway.kernel.errors import ClientFault, Full
from tta_gateway.kernel.principal import Principal

_TWO: Final = 2
_AHEAD: Final = 60.0  # seconds that another node's clock may be ahead of ours


class OwnPasswords:
    """Changes them."""

    def __init__(
        self,
        codes: AccountCodes,
        sign_in: SignIn,
        factors: SecondFactors,
        *,
        issuing: Callable[[], Issuing],
        wall: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        """Keep codes there; `factors` says who has to show a second one."""
        self._codes = codes
        self._sign_in = sign_in
        self._factors = factors
        self._issuing = issuing
        self._wall = wall
        self._new_id = new_id
        self.changed: Told = nothing
        """Has every node go by what has been revoked, before who has asked is answered."""
        self.tell: Tell = untold

    # --- who knows the old one -------------------------------------------------------------------

    async def change(self, principal: Principal, before: str, after: str, *, address: str) -> None:
        """Give somebody who knows their password another; ClientFault, GatewayError.

        All their sessions end but the one that asks.
        """
        user = await self._own(principal)
        if await self._factors.factors.of(user.id):
            self._check_level(principal)
        self._check(after, user)
        account = account_key(user.name, self._sign_in.secret)
        place = address_key(address, self._sign_in.secret)
        await self._count_try(account, place)
        is_right = await self._matches(user, before, account, place)
        if not is_right:
            raise ClientFault(problems.PASSWORD_WRONG)
        failures = self._sign_in.stores.failures
        await failures.forgive(account)
        await failures.take_back(place)
        made = await self._hashed(after)
        try:
            await self._codes.change(user.id, made, but=principal.session, now=self._wall())
        except Spent:
            raise ClientFault(problems.REVOKED) from None
        await self.changed()
        self.tell("password_changed", user.id, user.id)

    async def _own(self, principal: Principal) -> User:
        user = await self._sign_in.stores.users.of(principal.subject)
        if user is None or not user.is_active:
            raise ClientFault(problems.REVOKED)
        if user.provider:
            raise ClientFault(problems.NOT_SERVED)
        return user

    def _check_level(self, principal: Principal) -> None:
        """Refuse who has not shown a second factor lately (RFC 9470)."""
        age, fresh = self._wall() - principal.authenticated, self._factors.rules.fresh
        if principal.level < _TWO or not -_AHEAD <= age <= fresh:
            raise ClientFault(problems.step_up(_TWO, int(fresh)))

    def _check(self, password: str, user: User) -> None:
        found = complaint(
            password,
            shortest=self._issuing().shortest_password,
            longest=LONGEST,
            names=(user.name,),
        )
        if found:
            raise ClientFault(problems.PASSWORD_WEAK, found)

    async def _count_try(self, account: bytes, place: bytes) -> None:
        """Count a try as a failed login until it is right: an open session guesses no faster."""
        lockout = self._issuing().lockout
        keys = [(account, lockout.account), (place, lockout.address)]
        await self._counted(keys)

    async def _counted(self, keys: list[tuple[bytes, int]]) -> None:
        wait = await self._sign_in.stores.failures.count(keys, now=self._wall())
        if wait:
            raise ClientFault(replace(problems.LOGIN_WAITING, retry_after=int(wait) + 1))

    async def _matches(self, user: User, password: str, *keys: bytes) -> bool:
        try:
            return await self._sign_in.passwords.matches(user.password, password)
        except Busy as busy:
            for key in keys:
                await self._sign_in.stores.failures.take_back(key)
            raise Full(problems.LOGIN_BUSY, seconds=busy.seconds) from None

    async def _hashed(self, password: str) -> str:
        try:
            return await self._sign_in.passwords.hashed(password)
        except Busy as busy:
            raise Full(problems.LOGIN_BUSY, seconds=busy.seconds) from None

    # --- who has forgotten it --------------------------------------------------------------------

    async def code_for(self, user: User, *, by: str) -> tuple[AccountCode, str]:
        """Return a code with which somebody may choose a password, shown this once; Wrong.

        One that was made for them before is no good any more.
        """
        if user.provider:
            raise Wrong(f"Their password is kept by `{user.provider}`: it is reset there.")
        if not user.is_active:
            raise Wrong("They may not log in: `enable` them first.")
        now, code = self._wall(), account_code.made(CodePurpose.RESET)
        made = AccountCode(
            id=self._new_id(),
            purpose=CodePurpose.RESET,
            made=now,
            made_by=by,
            until=now + self._issuing().reset_lasts,
            user_id=user.id,
        )
        digest = account_code.digest(code, CodePurpose.RESET)
        assert digest is not None  # it has just been made
        await self._codes.add(digest, made)
        self.tell("reset_begun", user.id, by)
        return made, code

    async def redeem(self, code: str, password: str, *, address: str) -> None:
        """Give whom a code is of the password that they have chosen; ClientFault, GatewayError.

        All their sessions end, and failed logins of theirs are forgotten.
        """
        place = address_key(address, self._sign_in.secret)
        await self._counted([(place, self._issuing().lockout.address)])
        digest = account_code.digest(code, CodePurpose.RESET)
        found = None if digest is None else await self._codes.find(digest, now=self._wall())
        users = self._sign_in.stores.users
        user = None if found is None else await users.of(found.user_id)
        if digest is None or user is None:
            raise ClientFault(problems.RESET_INVALID)
        failures = self._sign_in.stores.failures
        await failures.take_back(place)  # whoever has a good code has guessed nothing
        self._check(password, user)
        made = await self._hashed(password)
        try:
            await self._codes.reset(digest, made, now=self._wall())
        except Spent:
            raise ClientFault(problems.RESET_INVALID) from None
        await failures.forgive(account_key(user.name, self._sign_in.secret))
        await self.changed()
        self.tell("password_reset", user.id, user.id)
