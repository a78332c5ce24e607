"""Prove a token: one of the keys has signed it, and its issuer says so (RFC 8725)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from tta_gateway.features.identity.algorithm import Fault, who
from tta_gateway.features.identity.bound import IdentityBound, Issuer, IssuerKeys
from tta_gateway.features.identity.jws import Malformed, Signed, objects, read
from tta_gateway.features.identity.key import Key, UnusableKey, key_of
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
_NONE: Final[Mapping[str, IssuerKeys]] = {}
Missing = Callable[[str], None]


def _nobody(_: str) -> None:
    """Ask nobody for a key that is missing."""


class Verifier:
    """Knows the keys of every issuer."""

    def __init__(
        self, issuers: Iterable[tuple[Issuer, Iterable[Key]]], missing: Missing = _nobody
    ) -> None:
        """Believe these.

        `missing` hears the name of an issuer that may have published a key which is not here yet.
        """
        known = [(issuer, tuple(keys)) for issuer, keys in issuers]
        self._keys = [(issuer, key) for issuer, keys in known for key in keys]
        self._published = [
            (issuer, frozenset(key.id for key in keys))
            for issuer, keys in known
            if issuer.source is not None
        ]
        self._missing = missing

    def prove(self, token: bytes, now: float, late: float = 0.0) -> Principal | Problem:
        """Return whose token it is at this time of the epoch, or what is wrong with it.

        One that has expired up to `late` seconds ago is taken, too.
        """
        try:
            signed = read(token)
        except Malformed:
            return MALFORMED
        refusal: Problem = UNPROVED
        for issuer, key in self._candidates(signed):
            if not key.has_signed(signed.signature, signed.input):
                continue
            said = _claims(signed, issuer, now, late)
            if isinstance(said, Principal):
                return said
            refusal = said  # another issuer may share the key, and say yes
        if refusal is UNPROVED and self._published:
            self._miss(signed)
        return refusal

    def _miss(self, signed: Signed) -> None:
        """Tell whose key it may be that has signed this, if it is none of those that are here.

        Nothing of the token is proved: it only says whom to ask, of those who are believed.
        """
        away = [
            issuer
            for issuer, ids in self._published
            if not signed.key_id or signed.key_id not in ids
        ]
        try:
            said = objects(signed.payload).get("iss") if away else None
        except Malformed:
            return
        for issuer in away:
            if not issuer.issuer or said == issuer.issuer:
                self._missing(issuer.name)

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


def verifier(
    bound: IdentityBound,
    own_keys: tuple[bytes, ...] = (),
    *,
    published: Mapping[str, IssuerKeys] = _NONE,
    missing: Missing = _nobody,
) -> Verifier:
    """Return what believes the issuers of a snapshot, whose keys have been looked at before.

    `own_keys` are those of the gateway itself, if it issues tokens; `published` what issuers by
    name have published; for `missing` see Verifier.
    """
    believed = [
        (issuer, [*map(_key, issuer.keys), *_published(issuer, published.get(issuer.name))])
        for issuer in bound.issuers
    ]
    if bound.own is not None:
        believed.append((bound.own, list(map(_key, own_keys))))
    return Verifier(believed, missing)


def _key(jwk: bytes) -> Key:
    return key_of(objects(jwk))


def _published(issuer: Issuer, found: IssuerKeys | None) -> Iterator[Key]:
    """Yield the keys that were published where this issuer still publishes them.

    What another version of the gateway has kept, and this one cannot use, is left out.
    """
    source = issuer.source
    if source is None or found is None:
        return
    if (found.url, found.discovers) != (source.url, source.discovers):
        return
    for jwk in found.keys:
        try:
            yield _key(jwk)
        except (UnusableKey, Malformed):
            continue


def _claims(signed: Signed, issuer: Issuer, now: float, late: float) -> Principal | Problem:
    if signed.type not in issuer.types:
        return PURPOSE
    try:
        claims = objects(signed.payload)
    except Malformed:
        return MALFORMED
    found = who(claims, issuer, now, late)
    return _WORDS[found] if isinstance(found, Fault) else found
