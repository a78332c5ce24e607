"""What a worker needs to tell who is asking."""

import msgspec


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose tokens are believed."""

    name: str
    prefix: str = ""
    """What stands before its subjects, so that no two issuers speak of the same one."""
    issuer: str = ""
    """What `iss` must say; empty where tokens need not say it."""
    audiences: tuple[str, ...] = ()
    """One of which `aud` must name; none where tokens need not say it."""
    keys: tuple[bytes, ...] = ()
    """The JWKs of the configuration, in JSON."""
    needs_expiry: bool = True
    types: tuple[str, ...] = ("", "jwt", "at+jwt")
    """What the header's `typ` may be."""
    subject_claim: str = "sub"
    role_claim: str = "role"
    roles: tuple[str, ...] = ("player",)
    """The roles that count when this issuer says them."""
    leeway: float = 30.0
    """seconds that clocks may differ"""
    longest: float = 86_400.0
    """seconds that a token may live, by `iat` and `exp`"""


class IdentityBound(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the workers believe."""

    issuers: tuple[Issuer, ...] = ()
