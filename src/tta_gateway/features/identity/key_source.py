"""Keys by URL, as far as that is arithmetic: what a URL may be, what an answer says, and how long.

What an issuer publishes is for everybody to read.  So a shared secret in there is no key at all,
and of a private key only its public half goes on from here.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from tta_gateway.features.identity.jws import Malformed, objects
from tta_gateway.features.identity.key import UnusableKey, key_of

LEAST: Final = 60.0  # seconds that keys are good without another look
MOST: Final = 86_400.0
USUAL: Final = 600.0
"""seconds, where an answer does not say it"""
COOL: Final = 30.0
"""seconds between two looks that tokens with unknown keys ask for"""
MOST_KEYS: Final = 64
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 300.0
_PUBLIC: Final = ("kty", "crv", "x", "y", "n", "e", "kid", "alg", "use", "key_ops")
_PRINTED: Final = re.compile(r"[\x21-\x7e]+")
_HOST: Final = re.compile(r"[a-z0-9_.\-]+|[0-9a-f:.]+")  # a name, or an address of IPv6
_FORM: Final = "`https://id.example.org/jwks.json`"
_METADATA: Final = "/.well-known/openid-configuration"
_MAX_AGE: Final = re.compile(r'max-age\s*=\s*"?([0-9]{1,10})"?')
_NO_SET: Final = 'is no JWK set, `{"keys": […]}` (RFC 7517 5)'


@dataclass(frozen=True, slots=True)
class Place:
    """A URL in its parts."""

    host: str
    port: int
    is_encrypted: bool
    target: str

    def is_beside(self, other: "Place") -> bool:
        """Tell whether the same server answers at both."""
        return (self.host, self.port, self.is_encrypted) == (
            other.host,
            other.port,
            other.is_encrypted,
        )


def place(url: str) -> Place:
    """Return a URL in its parts; ValueError, in words, if no keys may be fetched from there."""
    if not _PRINTED.fullmatch(url):
        raise ValueError(f"must be a URL: {_FORM}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"must be a URL with a host and perhaps a port: {_FORM}") from None
    if parts.scheme not in ("https", "http") or not _HOST.fullmatch(host):
        raise ValueError(f"must be a URL that begins with `https://` and a host: {_FORM}")
    if "@" in parts.netloc or parts.fragment or port == 0:
        raise ValueError(f"must have no user, no `#…` and no port 0: {_FORM}")
    is_encrypted = parts.scheme == "https"
    if not is_encrypted and not _is_here(host):
        raise ValueError(
            "must begin with `https://`: anybody between could put keys of their own in; `http://` "
            "is for this machine alone (`127.0.0.1`, `localhost`)"
        )
    query = f"?{parts.query}" if parts.query else ""
    usual = 443 if is_encrypted else 80
    return Place(host, port or usual, is_encrypted, f"{parts.path or '/'}{query}")


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def metadata_url(issuer: str) -> str:
    """Return where an issuer describes itself (OpenID Connect Discovery 1.0, 4).

    ValueError, in words, if it is none whose description could be fetched.
    """
    place(issuer)
    if "?" in issuer:
        raise ValueError("must have no `?…`: the path of its description is put behind it")
    return issuer.removesuffix("/") + _METADATA


def redirected(url: str, location: str) -> str:
    """Return where a redirect leads; ValueError, in words, if that is another server."""
    target = urljoin(url, location)
    if not place(target).is_beside(place(url)):
        raise ValueError("it redirects to another server, which is not followed")
    return target


def keys_url_in(body: bytes, issuer: str) -> str:
    """Return where a description says that the keys are; ValueError, in words, if it does not.

    It must be of this very issuer (OpenID Connect Discovery 1.0, 4.3; RFC 8414 3.3): else anybody
    whose pages stand on the same server could speak for it.
    """
    try:
        told = objects(body)
    except Malformed:
        raise ValueError("its description is no JSON object") from None
    if told.get("issuer") != issuer:
        raise ValueError("its description is of another `issuer` than the one that is written")
    named = told.get("jwks_uri")
    url = named if isinstance(named, str) else ""
    if not url:
        raise ValueError("its description names no `jwks_uri`")
    try:
        place(url)
    except ValueError as error:
        raise ValueError(f"its `jwks_uri` {error}") from None
    return url


def usable_keys(body: bytes, *, are_public: bool) -> tuple[bytes, ...]:
    """Return the JWKs of a set that prove signatures; the others are for something else.

    ValueError, in words that go on from the name of the set, if there are none.  With `are_public`
    anybody can read the set.
    """
    try:
        told = objects(body).get("keys")
    except Malformed:
        raise ValueError(_NO_SET) from None
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise ValueError(_NO_SET)
    good, why = [], "there is none in it"
    for one in told[:MOST_KEYS]:
        try:
            good.append(_kept(one, are_public=are_public))
        except UnusableKey as error:
            why = f"the last of them {error}"
    if not good:
        raise ValueError(f"holds no key that proves signatures: {why}")
    return tuple(good)


def _kept(jwk: dict[str, object], *, are_public: bool) -> bytes:
    """Return a key as it is kept; UnusableKey if it proves nothing."""
    if are_public and jwk.get("kty") == "oct":
        raise UnusableKey("is a secret (`kty: oct`) that anybody can read")
    key_of(jwk)
    kept = {name: jwk[name] for name in _PUBLIC if name in jwk} if are_public else jwk
    return json.dumps(kept).encode()


def lifetime(fields: Mapping[str, str]) -> float:
    """Return for how many seconds an answer is good (RFC 9111 5.2.2), within bounds of our own."""
    said = fields.get("cache-control", "").lower()
    if "no-store" in said or "no-cache" in said:
        return LEAST
    match = _MAX_AGE.search(said)
    if match is None:
        return USUAL
    age = fields.get("age", "")
    old = int(age) if age.isascii() and age.isdigit() and len(age) < 11 else 0
    return min(MOST, max(LEAST, float(int(match[1]) - old)))


def next_look(lasting: float, chance: float) -> float:
    """Return seconds until the next look: a little early, and not all nodes at once."""
    return lasting * (0.9 + 0.1 * chance)


def pause(failures: int, chance: float) -> float:
    """Return seconds until the next try after so many failures in a row, one or more."""
    whole = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures - 1, 20))
    return whole * (0.5 + 0.5 * chance)
