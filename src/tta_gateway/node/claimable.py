"""Claimable: what all claims together, of tokens and certificates, let a service declare.

Which of them an instance has shown is not kept: each route is good that one of those of its service
may claim.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from tta_gateway.features.identity.bound import IdentityBound
from tta_gateway.features.registration.bound import Claim
from tta_gateway.kernel.registered import Allowed, Declared
from tta_gateway.routing.declared import covers
from tta_gateway.snapshot.parts import Parts, bound_of


class Claimable(msgspec.Struct, frozen=True, kw_only=True):
    """What may be claimed for a service: whomever it lets in, and only for who shows a token.

    Prefixes of a token that may not let everybody in are no good to routes that do, even if another
    token may let them in elsewhere.
    """

    anybody: Allowed = Allowed(auth_none=True)
    somebody: Allowed = Allowed()

    def parted(self, routes: Iterable[Declared]) -> dict[Allowed, tuple[Declared, ...]]:
        """Return routes by what decides on them."""
        free: list[Declared] = []
        bound: list[Declared] = []
        for one in routes:
            (free if _is_below(one, self.anybody) else bound).append(one)
        return {self.anybody: tuple(free), self.somebody: tuple(bound)}


NOTHING: Final = Claimable()
"""What a service may claim that nothing speaks for."""


def believed(parts: Parts) -> bool:
    """Tell whether a configuration believes any access tokens, so that routes may ask for one."""
    bound = bound_of(parts, "identity", IdentityBound)
    return bool(bound.issuers) or bound.own is not None


def claimable(claims: Iterable[Claim], *, believed: bool = False) -> Mapping[str, Claimable]:
    """Return what each service may claim of all that speak for it.

    `believed`: access tokens are.
    """
    known = list(claims)
    return {
        service: Claimable(
            anybody=Allowed(
                routes=_prefixes(known, service, free=True), auth_none=True, believed=believed
            ),
            somebody=Allowed(routes=_prefixes(known, service, free=False), believed=believed),
        )
        for claim in known
        for service in claim.services
    }


def _prefixes(claims: Iterable[Claim], service: str, *, free: bool) -> tuple[str, ...]:
    """Return all prefixes, or those below which everybody may be let in."""
    return tuple(
        prefix
        for claim in claims
        if service in claim.services and (claim.auth_none or not free)
        for prefix in claim.routes
    )


def _is_below(one: Declared, allowed: Allowed) -> bool:
    return any(covers(prefix, one.path) for prefix in allowed.routes)
