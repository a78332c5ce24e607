"""The cookie in which browsers keep their refresh token, and which pages may have it used.

No script can read it, and browsers send it to `/api/v1/auth` alone, so that no service sees it.  A
page that is not of the gateway's own origin, and that the operator has not named, may not have it
used (CSRF): `SameSite` says so to browsers, and here the Origin that they send is looked at.
"""

from collections.abc import Collection
from typing import Final, Literal
from urllib.parse import urlsplit

from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.public import STATUS

PATH: Final = "/api/v1/auth"
_PORTS: Final = {"http": ":80", "https": ":443"}
_SITES: Final = ("same-origin", "none", "")


def name(issuing: Issuing) -> str:
    """Return what it is called; the prefix has browsers hold it to TLS (RFC 6265bis 4.1.3.1)."""
    return "__Secure-tta-refresh" if issuing.secure else "tta-refresh"


def set_cookies(issuing: Issuing, token: str, seconds: float) -> list[str]:
    """Return the fields that keep a token; an empty one, for no time, is forgotten.

    Pages of the platform ask elsewhere, too, whether they are logged in: there alone it is seen.
    """
    paths = (PATH, *STATUS) if issuing.delegated else (PATH,)
    return [set_cookie(issuing, token, seconds, path=path) for path in paths]


def set_cookie(issuing: Issuing, token: str, seconds: float, *, path: str = PATH) -> str:
    """Return the field that keeps a token for one path."""
    same_site: Literal["Strict", "Lax"] = "Strict" if issuing.same_site == "strict" else "Lax"
    secure = "; Secure" if issuing.secure else ""
    return (
        f"{name(issuing)}={token}; Max-Age={int(seconds)}; Path={path}; HttpOnly"
        f"; SameSite={same_site}{secure}"
    )


def is_of_a_page(origin: str, site: str) -> bool:
    """Tell whether a browser's page asks: its fetches say Origin, or what kind of site it is."""
    return bool(origin or site)


def may_use(origin: str, site: str, *, scheme: str, host: str, allowed: Collection[str]) -> bool:
    """Tell whether whoever asks may have the cookie used.

    A browser that says no Origin with a POST says by `Sec-Fetch-Site` that the page is of another
    one; who says neither is no browser, and nobody's cookie is used there unasked.
    """
    if not origin:
        return site in _SITES
    return origin in allowed or is_own(origin.lower(), scheme=scheme, host=host.lower())


def is_own(origin: str, *, scheme: str, host: str) -> bool:
    """Tell whether an origin (RFC 6454 7) is the one that the client has asked.

    A proxy that nobody has named here may have taken off the TLS: so a page of `https` is the same
    host's own where `http` is all that is known, but never the other way round.
    """
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    port = _PORTS.get(parts.scheme)
    if port is None or parts.path or (parts.scheme != scheme and scheme != "http"):
        return False
    return parts.netloc.removesuffix(port) == host.removesuffix(port)
