"""The cookie that holds a challenge for a page: a redirect from a provider cannot show it one.

It is what `mfa_token` of a login is, for as long as that is, seen by no script, and sent to
`/api/v1/auth` alone.
"""

from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.challenge import LASTING
from tta_gateway.features.identity.cookie import PATH


def name(issuing: Issuing) -> str:
    """Return what it is called; the prefix has browsers hold it to TLS (RFC 6265bis 4.1.3.1)."""
    return "__Secure-tta-mfa" if issuing.secure else "tta-mfa"


def field(issuing: Issuing, token: str) -> str:
    """Return the field that keeps a challenge; an empty one is forgotten."""
    secure = "; Secure" if issuing.secure else ""
    age = int(LASTING) if token else 0
    return f"{name(issuing)}={token}; Max-Age={age}; Path={PATH}; HttpOnly; SameSite=Strict{secure}"
