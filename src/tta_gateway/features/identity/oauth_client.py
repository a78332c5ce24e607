"""Clients of OAuth: what one may do, and where its answers go (RFC 6749 2, RFC 8252, RFC 9700 2.1).

An answer goes where the client has been registered with, to the letter.  Only the port of an
address of the machine itself is free, because a native program takes one that it finds
(RFC 8252 7.3).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import msgspec

from tta_gateway.features.identity.jws import encoded

CODE, REFRESH, CREDENTIALS = "authorization_code", "refresh_token", "client_credentials"
GRANTS: Final = (CODE, REFRESH, CREDENTIALS)
OPENID: Final = "openid"
Kind: TypeAlias = Literal["public", "confidential"]
MOST_SECRETS: Final = 2
_MOST: Final = 20  # of anything in a list
_SCOPE: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f/?]{1,128}")
_WEB: Final = re.compile(
    r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[::1\])(?::([1-9][0-9]{0,4}))?"
    r"(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
)
_PRIVATE: Final = re.compile(
    r"([a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+):/[A-Za-z0-9._~!$&'()*+,=:@%/-]*"
)
_LOOPBACK: Final = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::([0-9]{1,5}))?([/?].*)?")
_HERE: Final = ("localhost", "127.0.0.1", "[::1]")
_ID: Final = re.compile(r"client-[A-Za-z0-9-]{1,57}")
_LONGEST: Final = 1024  # characters of an address
_PORTS: Final = 65_535


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a client is, and may do; `keys` are public JWKs, in JSON."""

    kind: Kind
    redirect_uris: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecretKept:
    """A secret, by its digest."""

    digest: bytes = field(repr=False)
    created: float = 0.0

    @property
    def name(self) -> str:
        """Return what operators call it."""
        return encoded(self.digest)[:8].decode()


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A client; `epoch` is what its own tokens are of, like a session."""

    id: str
    name: str
    terms: Terms
    state: str
    created: float
    epoch: str
    secrets: tuple[SecretKept, ...] = ()

    @property
    def is_public(self) -> bool:
        """Tell whether it has nothing to show who it is."""
        return self.terms.kind == "public"

    def may(self, grant: str) -> bool:
        """Tell whether it may get tokens in this way."""
        return grant in self.terms.grants

    def answers_at(self, uri: str) -> bool:
        """Tell whether an answer may go there."""
        known = self.terms.redirect_uris
        return uri in known or (self.is_public and any(is_same(one, uri) for one in known))

    def scope_of(self, asked: str) -> str | None:
        """Return the scope for what is asked: left out, all but that of OpenID.  None: too much."""
        words = asked.split(" ") if asked else [s for s in self.terms.scopes if s != OPENID]
        if not {*words} <= {*self.terms.scopes}:
            return None
        return " ".join(dict.fromkeys(words))


def is_same(registered: str, asked: str) -> bool:
    """Tell whether an address of the machine itself is the registered one, at whatever port."""
    ours, theirs = _LOOPBACK.fullmatch(registered), _LOOPBACK.fullmatch(asked)
    if ours is None or theirs is None:
        return False
    if theirs[2] is not None and not 0 < int(theirs[2]) <= _PORTS:
        return False
    return (ours[1], ours[3]) == (theirs[1], theirs[3])


def checked(terms: Terms, *, roles: Iterable[str]) -> Terms:
    """Return the terms with what is left out; ValueError, in words, if they cannot be."""
    grants = terms.grants or _usual_grants(terms)
    made = msgspec.structs.replace(terms, grants=grants)
    for complaint in (_grants(made), _addresses(made), _scopes(made)):
        if complaint:
            raise ValueError(complaint)
    if CREDENTIALS not in grants:
        if terms.roles:
            raise ValueError("Roles are for clients with the grant `client_credentials` alone.")
        return made
    wanted = terms.roles or ("service",)
    known = tuple(roles)
    for role in wanted:
        if role not in known:
            raise ValueError(f"There is no role `{role}`: {', '.join(known)}.")
    return msgspec.structs.replace(made, roles=wanted)


def _usual_grants(terms: Terms) -> tuple[str, ...]:
    return (CODE, REFRESH) if terms.redirect_uris else (CREDENTIALS,)


def _grants(terms: Terms) -> str:
    """Return what is wrong with its grants and keys; nothing if nothing is."""
    unknown = [one for one in terms.grants if one not in GRANTS]
    if unknown:
        return f"There is no grant `{unknown[0]}`: {', '.join(GRANTS)}."
    if terms.kind == "public" and CREDENTIALS in terms.grants:
        return "A public client has nothing to show: `client_credentials` is for confidential ones."
    if terms.kind == "public" and terms.keys:
        return "A public client has no keys: make it a confidential one."
    if REFRESH in terms.grants and CODE not in terms.grants:
        return "`refresh_token` goes on from `authorization_code`: allow both."
    if (CODE in terms.grants) != bool(terms.redirect_uris):
        return "`authorization_code` and redirect URIs belong together: say both, or neither."
    return ""


def _addresses(terms: Terms) -> str:
    if len(terms.redirect_uris) > _MOST:
        return f"A client has {_MOST} redirect URIs at most."
    complaints = (_address(one, is_public=terms.kind == "public") for one in terms.redirect_uris)
    return next((one for one in complaints if one), "")


def _address(uri: str, *, is_public: bool) -> str:
    """Return what is wrong with an address for answers."""
    web = _WEB.fullmatch(uri) if len(uri) <= _LONGEST else None
    if web is not None:
        if web[3] is not None and int(web[3]) > _PORTS:
            return f"`{uri}` has a port that there is not."
        if web[1] == "http" and web[2] not in _HERE:
            return f"`{uri}` must begin with `https://`: anybody between could read the code."
        return ""
    if _PRIVATE.fullmatch(uri) and len(uri) <= _LONGEST:
        return "" if is_public else f"`{uri}`: schemes of a program's own are for public clients."
    return (
        f"`{uri}` is no redirect URI: `https://host/path` without user, `#` and `*`; for native "
        "programs `http://127.0.0.1/path` (its port is free) or `org.example.app:/path`."
    )


def _scopes(terms: Terms) -> str:
    if len(terms.scopes) > _MOST:
        return f"A client has {_MOST} scopes at most."
    bad = [one for one in terms.scopes if not _SCOPE.fullmatch(one)]
    return f"`{bad[0]}` is no scope: letters, digits and `_.:/-`." if bad else ""


def is_id(text: str) -> bool:
    """Tell whether a client may be called so: whoever asks may say anything."""
    return _ID.fullmatch(text) is not None


def named(text: str) -> str:
    """Return a client's name; ValueError, in words, if it cannot be one."""
    name = text.strip()
    if not _NAME.fullmatch(name):
        raise ValueError(
            "A client's name is 1 to 128 characters that can be seen, without `/` and `?`."
        )
    return name
