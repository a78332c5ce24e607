"""A login by way of a provider, as far as it is words: what is asked, remembered, and answered.

What must be remembered between asking and answering is in a cookie of the browser, sealed, so that
any node can go on and no other browser can (OpenID Connect Core 1.0, 3.1.2; RFC 7636; RFC 9700).
"""

import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec

from tta_gateway.features.identity.bound import External
from tta_gateway.features.identity.external_metadata import Metadata
from tta_gateway.features.identity.jws import Malformed, decoded, encoded
from tta_gateway.support.crypto.sealing import NotSealed, derived, seal, unseal

LASTING: Final = 600.0  # seconds from the beginning of a login to its answer
LONGEST: Final = 2048  # characters of a code, a state, or of where somebody comes back to
_PURPOSE: Final = b"tta-gateway external login 1 "
_SLOTS: Final = 8  # logins that one browser may have under way
_FORBIDDEN: Final = frozenset('\\"<>^`{|}')


class Begun(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A login that has begun: what its answer is held against."""

    state: str
    nonce: str
    verifier: str
    return_to: str
    until: float


class NotOurs(ValueError):
    """The answer is of no login that this browser has begun, or that is still under way."""


# --- where somebody comes back to ----------------------------------------------------------------


def returning(asked: str, *, home: str, allowed: Collection[str]) -> str | None:
    """Return the whole URL of the page that somebody comes back to; None if it is not allowed.

    `home` is the gateway's own URL: a path is one there.  Beside it count the pages of the origins
    that are allowed, to the letter.
    """
    if not asked:
        asked = "/"
    if len(asked) > LONGEST or not _is_plain(asked):
        return None
    if asked.startswith("/"):
        return None if asked.startswith("//") else f"{origin_of(home)}{asked}"
    try:
        parts = urlsplit(asked)
    except ValueError:
        return None
    if not parts.path and (parts.query or parts.fragment):
        return None  # some read the host on until a slash
    own = f"{parts.scheme}://{parts.netloc}"
    return asked if asked.startswith(own) and own in (origin_of(home), *allowed) else None


def _is_plain(text: str) -> bool:
    """Tell whether browsers read a text as it stands: some take other slashes, and drop tabs."""
    return text.isascii() and text.isprintable() and " " not in text and not _FORBIDDEN & set(text)


def origin_of(url: str) -> str:
    """Return the origin of a URL (RFC 6454 4)."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def with_error(url: str, code: str) -> str:
    """Return where somebody comes back to who could not be let in."""
    page, mark, fragment = url.partition("#")
    return f"{page}{'&' if '?' in page else '?'}{urlencode({'login_error': code})}{mark}{fragment}"


# --- what is asked -------------------------------------------------------------------------------


def callback(home: str, provider: str) -> str:
    """Return where a provider answers: each at a place of its own (RFC 9700 4.4.2.2)."""
    return f"{home}/api/v1/auth/external/{provider}/callback"


def authorization(provider: External, found: Metadata, begun: Begun, *, home: str) -> str:
    """Return where a browser is sent to."""
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": callback(home, provider.name),
        "scope": " ".join(dict.fromkeys(("openid", *provider.scopes))),
        "state": begun.state,
        "nonce": begun.nonce,
        "code_challenge": challenge(begun.verifier),
        "code_challenge_method": "S256",
    }
    if "offline_access" in provider.scopes:  # 11: else it may be passed over
        asked["prompt"] = "consent"
    if provider.max_age:
        asked["max_age"] = str(int(provider.max_age))
    return appended(found.authorization, asked)


def appended(url: str, parameters: Mapping[str, str]) -> str:
    """Return a URL with these in its query."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"


def challenge(verifier: str) -> str:
    """Return what stands for a verifier (RFC 7636 4.2, S256)."""
    return encoded(hashlib.sha256(verifier.encode()).digest()).decode()


# --- what is remembered --------------------------------------------------------------------------


def cookie_name(provider: str, state: str, *, secure: bool) -> str:
    """Return the cookie of a login; a few may be under way in one browser, and no more."""
    slot = hashlib.sha256(state.encode("utf-8", "replace")).digest()[0] % _SLOTS
    return f"{'__Host-' if secure else ''}tta-login-{provider}-{slot}"


def cookie(name: str, value: str, seconds: float, *, secure: bool) -> str:
    """Return the field that keeps a value; `Lax`, because the answer comes from another site."""
    return (
        f"{name}={value}; Max-Age={int(seconds)}; Path=/; HttpOnly; SameSite=Lax"
        f"{'; Secure' if secure else ''}"
    )


def sealed(begun: Begun, provider: str, key: bytes) -> str:
    """Return a login as a cookie holds it."""
    data = msgspec.msgpack.encode(begun)
    made = seal(data, key=derived(key, _PURPOSE), purpose=_PURPOSE + provider.encode())
    return encoded(made).decode()


def remembered(value: str, provider: str, state: str, *, key: bytes, now: float) -> Begun:
    """Return the login that a cookie holds; NotOurs if it is not the one that is answered."""
    if not value or not state or len(value) > 4 * LONGEST:
        raise NotOurs("there is nothing to hold the answer against")
    try:
        data = unseal(
            _bytes(value), key=derived(key, _PURPOSE), purpose=_PURPOSE + provider.encode()
        )
        begun = msgspec.msgpack.decode(data, type=Begun)
    except (NotSealed, msgspec.MsgspecError):
        raise NotOurs("the cookie is not of this gateway, or of another provider") from None
    if not is_same(begun.state, state):
        raise NotOurs("the answer is of another login")
    if begun.until <= now:
        raise NotOurs("it has taken too long")
    return begun


def _bytes(value: str) -> bytes:
    try:
        return decoded(value.encode())
    except (Malformed, UnicodeEncodeError):
        raise NotOurs("the cookie is none of this gateway") from None


def used(provider: str, what: str, value: str) -> bytes:
    """Return what is kept of something that counts once: no more than can be compared."""
    return hashlib.sha256("\0".join((what, provider, value)).encode()).digest()


def is_same(one: str, other: str) -> bool:
    """Tell whether two texts are the same, in a time that tells nothing."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


# --- what is answered ----------------------------------------------------------------------------


def answer_in(pairs: Sequence[tuple[str, str]]) -> dict[str, str] | None:
    """Return the parameters of an answer; None if one is there twice, or too long."""
    told = dict(pairs)
    if len(told) != len(pairs) or any(len(value) > LONGEST for value in told.values()):
        return None
    return told


def is_from(told: Mapping[str, str], provider: External, found: Metadata) -> bool:
    """Tell whether an answer can be this provider's (RFC 9207 2.4), and not another's."""
    said = told.get("iss")
    return (not found.says_issuer) if said is None else said == provider.issuer


# --- who it is -----------------------------------------------------------------------------------


def pseudonym(provider: External, subject: str, key: bytes) -> str:
    """Return what somebody is called here: nobody finds their subject out of it without the key."""
    if provider.subject == "provider":
        return subject
    data = f"{provider.issuer}\0{subject}".encode()
    made = hmac.new(derived(key, b"tta-gateway pseudonym 1"), data, hashlib.sha256)
    return encoded(made.digest()[:20]).decode()


def called(provider: External, claims: Mapping[str, object]) -> str:
    """Return the name that may be shown: the first of the claims that may come in."""
    for name in provider.claims:
        said = claims.get(name)
        if isinstance(said, str) and 0 < len(said) <= 512 and said.isprintable():
            return said
    return ""


def roles(provider: External, claims: Mapping[str, object]) -> frozenset[str]:
    """Return those of the roles that count: all of the list, or those of it that a claim says."""
    if not provider.role_claim:
        return frozenset(provider.roles)
    said = claims.get(provider.role_claim)
    told = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    return frozenset(one for one in told if isinstance(one, str)) & {*provider.roles}


def wants_more(provider: External, claims: Mapping[str, object]) -> bool:
    """Tell whether something may come in that the ID token does not say: it is asked for then."""
    wanted = [*provider.claims, *([provider.role_claim] if provider.role_claim else [])]
    return any(name not in claims for name in wanted)
