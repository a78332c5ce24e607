"""What an OpenID provider says of itself (OpenID Connect Discovery 1.0, 3), as far as it counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tta_gateway.features.identity.jws import Malformed, objects
from tta_gateway.features.identity.key_source import place

_S256: Final = "S256"
_POST: Final = "client_secret_post"
_BASIC: Final = "client_secret_basic"


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where it is asked for what; texts that it does not say are empty."""

    authorization: str
    token: str
    keys: str
    userinfo: str = ""
    end_session: str = ""
    says_issuer: bool = False
    """Whether each of its answers names it (RFC 9207)."""
    takes_basic: bool = True
    """Whether a client's secret may stand in Authorization; else it is in the form."""


def metadata_in(body: bytes, issuer: str) -> Metadata:
    """Return what a description says; ValueError, in words, if nobody could log in by it.

    It must be of this very issuer (4.3), else anybody whose pages stand on the same server could
    speak for it.
    """
    try:
        told = objects(body)
    except Malformed:
        raise ValueError("its description is no JSON object") from None
    if told.get("issuer") != issuer:
        raise ValueError("its description is of another `issuer` than the one that is written")
    methods = told.get("code_challenge_methods_supported")
    if isinstance(methods, list) and _S256 not in methods:
        raise ValueError("its description does not name `S256` among its ways of PKCE")
    said = told.get("token_endpoint_auth_methods_supported")
    ways = said if isinstance(said, list) else [_BASIC]
    return Metadata(
        authorization=_url(told, "authorization_endpoint"),
        token=_url(told, "token_endpoint"),
        keys=_url(told, "jwks_uri"),
        userinfo=_url(told, "userinfo_endpoint", needed=False),
        end_session=_url(told, "end_session_endpoint", needed=False),
        says_issuer=told.get("authorization_response_iss_parameter_supported") is True,
        takes_basic=_BASIC in ways or _POST not in ways,
    )


def _url(told: Mapping[str, object], name: str, *, needed: bool = True) -> str:
    said = told.get(name)
    url = said if isinstance(said, str) else ""
    if not url:
        if needed:
            raise ValueError(f"its description names no `{name}`")
        return ""
    try:
        place(url)
    except ValueError as error:
        raise ValueError(f"its `{name}` {error}") from None
    return url
