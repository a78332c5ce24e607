"""What a browser keeps for `/oauth2`: who is logged in, and that a form was this browser's.

Neither is a token: the one names a session of the gateway's own, with a proof that only nodes can
make, and is worth nothing once that has ended.  Browsers send it when another site's link leads
here (`SameSite=Lax`), because that is how clients send people to log in.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.jws import encoded

PATH: Final = "/oauth2"
_SESSION: Final = b"tta-gateway browser 1 "
_FORM: Final = b"tta-gateway form 1 "


def session_name(issuing: Issuing) -> str:
    """Return what the cookie of who is logged in is called."""
    return _named(issuing, "tta-session")


def form_name(issuing: Issuing) -> str:
    """Return what the cookie is called that ties a form to a browser."""
    return _named(issuing, "tta-form")


def _named(issuing: Issuing, name: str) -> str:
    return f"__Secure-{name}" if issuing.secure else name


def kept(issuing: Issuing, name: str, value: str, *, seconds: float | None = None) -> str:
    """Return the field that keeps a cookie: for so long, or until the browser is closed."""
    age = "" if seconds is None else f"; Max-Age={int(seconds)}"
    secure = "; Secure" if issuing.secure else ""
    return f"{name}={value}{age}; Path={PATH}; HttpOnly; SameSite=Lax{secure}"


def session_value(session_id: str, key: bytes) -> str:
    """Return what names a session."""
    return f"{session_id}.{_proof(_SESSION, session_id, key)}"


def session_in(value: str, key: bytes) -> str:
    """Return the session that a cookie names; nothing where it is none that was made here."""
    session_id, _, proof = value.rpartition(".")
    made = _proof(_SESSION, session_id, key)
    return session_id if hmac.compare_digest(made.encode(), proof.encode()) else ""


def browser() -> str:
    """Return what tells a browser from others."""
    return encoded(secrets.token_bytes(16)).decode()


def form_token(browser_id: str, said: Mapping[str, str], key: bytes) -> str:
    """Return what a form shows that was made for this browser and this request."""
    text = "\0".join([browser_id, *(f"{name}={said[name]}" for name in sorted(said))])
    return _proof(_FORM, text, key)


def is_form(shown: str, browser_id: str, said: Mapping[str, str], key: bytes) -> bool:
    """Tell whether a form was made for this browser and this request."""
    made = form_token(browser_id, said, key)
    return bool(browser_id) and hmac.compare_digest(made.encode(), shown.encode())


def _proof(purpose: bytes, text: str, key: bytes) -> str:
    made = hmac.new(key, purpose + text.encode("utf-8", "replace"), hashlib.sha256)
    return encoded(made.digest()).decode()
