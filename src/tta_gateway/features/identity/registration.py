"""Registration: people make an account of the gateway's own, where the operator lets them.

Whoever registers says a name and a password, and nothing of what they may: they are players, and
have beside that the roles of an invitation, if they show one.  There is no mail with which to tell
somebody alone that a name is taken, so it is told to who asks: each try counts for the address that
it comes from, or for the invitation that is shown, and those that go on trying wait longer and
longer.  Every answer behind the code takes a hash, whether the name is taken or not.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from tta_gateway.features.identity import account_code, metrics, problems
from tta_gateway.features.identity.account_code import CodePurpose
from tta_gateway.features.identity.account_code_store import AccountCode, AccountCodes, Spent
from tta_gateway.features.identity.accounts import Accounts, Wrong
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.names import invitation_key, normal, registration_key
from tta_gateway.features.identity.password import LONGEST, Busy, Passwords
from tta_gateway.features.identity.password_rules import complaint
from tta_gateway.features.identity.sign_in import SignIn
from tta_gateway.features.identity.store import ACTIVE, NameTaken, User
from tta_gateway.kernel.errors import ClientFault, Full, GatewayError
from tta_gateway.kernel.events import AccountStep

PLAYER: Final = "player"
_SELF: Final = "@registration"
_NAME: Final = re.compile(r"[^\s:/]{3,50}")
"""No colon: what stands before one is a provider's name, to operators."""
_NAMES: Final = "A name has 3 to 50 characters, without spaces, colons and slashes."
_DAY: Final = 86_400.0
LONGEST_INVITATION: Final = 90 * _DAY
Tell = Callable[[AccountStep, str, str], None]
"""Tells what has become of an account: what, of whom, and by whom."""


class Registration:
    """Lets people register, and invites them."""

    def __init__(
        self,
        codes: AccountCodes,
        sign_in: SignIn,
        accounts: Accounts,
        *,
        issuing: Callable[[], Issuing],
        wall: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        """Make them there; `accounts` says which roles there are, and which two people grant."""
        self._codes = codes
        self._sign_in = sign_in
        self._accounts = accounts
        self._issuing = issuing
        self._wall = wall
        self._new_id = new_id
        self.tell: Tell = untold

    # --- those who register ----------------------------------------------------------------------

    async def register(self, name: str, password: str, *, code: str, address: str) -> User:
        """Return a new user; ClientFault, GatewayError."""
        try:
            user = await self._register(name, password, code=code, address=address)
        except GatewayError as error:
            self._count(_RESULTS.get(error.problem.code, "refused"))
            raise
        self._count("good")
        self.tell("registered", user.id, user.id)
        return user

    async def _register(self, name: str, password: str, *, code: str, address: str) -> User:
        if self._issuing().registration == "off":
            raise ClientFault(problems.REGISTRATION_OFF)
        digest, invitation = await self._invitation(code)
        secret = self._sign_in.secret
        if digest is None or invitation is None:
            await self._count_try(registration_key(address, secret))
            self._check_uninvited(code)
        else:  # whoever invites a class need not wait for it: each of them has one of their own
            await self._count_try(invitation_key(digest, secret))
        called = self._name(name)
        self._check(password, called, name)
        user = await self._made(called, password, invitation)
        by = _SELF if invitation is None else invitation.made_by
        try:
            await self._codes.register(user, by=by, invitation=digest, now=self._wall())
        except NameTaken:
            raise ClientFault(problems.NAME_TAKEN) from None
        except Spent:
            raise ClientFault(problems.INVITATION_INVALID) from None
        return user

    async def _count_try(self, place: bytes) -> None:
        free = self._issuing().lockout.registrations
        wait = await self._sign_in.stores.failures.count([(place, free)], now=self._wall())
        if wait:
            raise ClientFault(replace(problems.REGISTRATION_WAITING, retry_after=int(wait) + 1))

    async def _invitation(self, code: str) -> tuple[bytes | None, AccountCode | None]:
        """Return the invitation that is shown, if it is good: it is too long to be guessed."""
        digest = account_code.digest(code, CodePurpose.INVITE)
        found = None if digest is None else await self._codes.find(digest, now=self._wall())
        if found is None or not self._may_be_given(found.roles):
            return None, None
        return digest, found

    def _check_uninvited(self, code: str) -> None:
        """Refuse who shows none that is good, and needs one, or has meant to show one."""
        if code:
            raise ClientFault(problems.INVITATION_INVALID)
        if self._issuing().registration == "invited":
            raise ClientFault(problems.INVITATION_NEEDED)

    def _may_be_given(self, roles: Collection[str]) -> bool:
        """Tell whether an invitation's roles are still those that one person may grant."""
        try:
            self._accounts.check_grant(roles)
        except Wrong:
            return False
        return True

    def _name(self, name: str) -> str:
        try:
            called = normal(name)
        except ValueError:
            called = ""
        if not _NAME.fullmatch(called):
            raise ClientFault(problems.NAME_WRONG, _NAMES)
        return called

    def _check(self, password: str, *names: str) -> None:
        shortest = self._issuing().shortest_password
        found = complaint(password, shortest=shortest, longest=LONGEST, names=names)
        if found:
            raise ClientFault(problems.PASSWORD_WEAK, found)

    async def _made(self, called: str, password: str, invitation: AccountCode | None) -> User:
        try:
            made = await self._passwords.hashed(password)
        except Busy as busy:
            raise Full(problems.LOGIN_BUSY, seconds=busy.seconds) from None
        now = self._wall()
        more = () if invitation is None else invitation.roles
        return User(self._new_id(), called, ACTIVE, now, now, frozenset((PLAYER, *more)), made)

    @property
    def _passwords(self) -> Passwords:
        return self._sign_in.passwords

    def _count(self, result: str) -> None:
        self._sign_in.counts.child(metrics.REGISTRATIONS, result).add()

    # --- those who invite ------------------------------------------------------------------------

    async def invite(
        self, roles: Sequence[str], *, lasting: float, by: str
    ) -> tuple[AccountCode, str]:
        """Return an invitation for one person, and the code that is shown once; Wrong.

        Roles that two people grant are none that somebody alone may give away.
        """
        if self._issuing().registration == "off":
            raise Wrong(
                "Nobody can register: write `identity: {issuing: {registration: invited}}`."
            )
        self._accounts.check_grant(roles)
        now, code = self._wall(), account_code.made(CodePurpose.INVITE)
        made = AccountCode(
            id=self._new_id(),
            purpose=CodePurpose.INVITE,
            made=now,
            made_by=by,
            until=now + min(lasting, LONGEST_INVITATION),
            roles=tuple(dict.fromkeys(roles)),
        )
        digest = account_code.digest(code, CodePurpose.INVITE)
        assert digest is not None  # it has just been made
        await self._codes.add(digest, made)
        self.tell("invited", made.id, by)
        return made, code

    async def invitations(self) -> list[AccountCode]:
        """Return those that are good, the oldest first."""
        return await self._codes.open(CodePurpose.INVITE, now=self._wall())

    async def withdraw(self, id: str) -> bool:
        """Have an invitation be no good any more; False if it was not."""
        return await self._codes.withdraw(id, CodePurpose.INVITE)


def untold(_: AccountStep, __: str, ___: str) -> None:
    """Tell nobody."""


_RESULTS: Final = {
    problems.NAME_TAKEN.code: "taken",
    problems.REGISTRATION_WAITING.code: "waiting",
    problems.LOGIN_BUSY.code: "busy",
    problems.INVITATION_INVALID.code: "invitation",
    problems.INVITATION_NEEDED.code: "invitation",
}
