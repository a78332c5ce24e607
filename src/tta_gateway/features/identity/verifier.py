"""Prove a token: one of the keys has signed it, and its issuer says so (RFC 8725)."""

from collections.abc import Iterable, Mapping
from typing import Final

from tta_gateway.features.identity.algorithm import Fault, who
from tta_gateway.features.identity.bound import IdentityBound, Issuer
from tta_gateway.features.identity.jws import Malformed, Signed, objects, read
from tta_gateway.features.identity.key import Key, key_of
from tta_gateway.features.identity.problems import (
    EARLY,
    ELSEWHERE,
    EXPIRED,
    LASTING,
    MALFORMED,
    NOBODY,
    PURPOSE,
    UNPROVED,
)
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem

_MOST_TRIED: Final = 8  # keys, where a token names none
_WORDS: Final[Mapping[Fault, Problem]] = {
    Fault.CLAIM: NOBODY,
    Fault.ISSUER: ELSEWHERE,
    Fault.AUDIENCE: ELSEWHERE,
    Fault.EXPIRED: EXPIRED,
    Fault.EARLY: EARLY,
    Fault.LASTING: LASTING,
    Fault.PURPOSE: PURPOSE,
    Fault.SUBJECT: NOBODY,
}


class Verifier:
    """Knows the keys of every issuer."""

    def __init__(self, issuers: Iterable[tuple[Issuer, Iterable[Key]]]) -> None:
        """Believe these."""
        self._keys = [(issuer, key) for issuer, keys in issuers for key in keys]

    def prove(self, token: bytes, now: float) -> Principal | Problem:
        """Return whose token it is at this time of the epoch, or what is wrong with it."""
        try:
            signed = read(token)
        except Malformed:
            return MALFORMED
        refusal: Problem = UNPROVED
        for issuer, key in self._candidates(signed):
            if not key.has_signed(signed.signature, signed.input):
                continue
            said = _claims(signed, issuer, now)
            if isinstance(said, Principal):
                return said
            refusal = said  # another issuer may share the key, and say yes
        return refusal

    def _candidates(self, signed: Signed) -> list[tuple[Issuer, Key]]:
        """Return the keys that may have signed it: those of its name, else a few without one."""
        found = [
            (issuer, key)
            for issuer, key in self._keys
            if signed.algorithm in key.algorithms
            and (not signed.key_id or not key.id or key.id == signed.key_id)
        ]
        named = [one for one in found if one[1].id == signed.key_id] if signed.key_id else found
        return (named or found)[:_MOST_TRIED]


def verifier(bound: IdentityBound, own_keys: tuple[bytes, ...] = ()) -> Verifier:
    """Return what believes the issuers of a snapshot, whose keys have been looked at before.

    `own_keys` are those of the gateway itself, if it issues tokens.
    """
    believed = [(issuer, issuer.keys) for issuer in bound.issuers]
    if bound.own is not None:
        believed.append((bound.own, own_keys))
    return Verifier((issuer, [key_of(objects(jwk)) for jwk in keys]) for issuer, keys in believed)


def _claims(signed: Signed, issuer: Issuer, now: float) -> Principal | Problem:
    if signed.type not in issuer.types:
        return PURPOSE
    try:
        claims = objects(signed.payload)
    except Malformed:
        return MALFORMED
    found = who(claims, issuer, now)
    return _WORDS[found] if isinstance(found, Fault) else found
