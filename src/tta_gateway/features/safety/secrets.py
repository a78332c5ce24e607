"""Fields whose values are no speech: passwords, tokens, codes.

They are not judged, and so never kept as what somebody has said.  A password is one whatever is in
it; a field of a name that may be meant otherwise (a secret, a code, a key) only if its value is one
word: nobody's words are lost by how a service names what it asks for.
"""

import re
from typing import Final

_PASSWORDS: Final = (
    *("password", "passwd", "passwort", "passcode", "passphrase", "pwd", "credential"),
    *("accesstoken", "refreshtoken", "idtoken", "authtoken", "csrftoken", "sessiontoken"),
    *("clientsecret", "apikey", "privatekey", "secretkey", "authorization"),
    *("mfacode", "totpcode", "onetimecode", "verificationcode", "securitycode"),
)
"""ends of names that have no other meaning"""
_OTHERS: Final = frozenset(
    (
        *("pass", "secret", "token", "key", "pin", "pincode", "otp", "totp", "mfa", "code"),
        *("cvv", "cvc", "jwt", "csrf", "xsrf", "nonce", "signature", "assertion", "auth"),
        *("bearer", "session"),
    )
)
_LONGEST: Final = 64
"""characters of a name that is looked at"""
_JOINT: Final = re.compile(r"[^a-z0-9]+")
_NUMBERED: Final = re.compile(r"(?:confirm(?:ation|ed)?|repeat|again|[0-9]+)$")


def is_secret(name: str, value: str) -> bool:
    """Tell whether a field of JSON or of a form holds a secret."""
    if len(name) > _LONGEST:
        return False
    plain = _NUMBERED.sub("", _JOINT.sub("", name.lower()))
    if plain.endswith(_PASSWORDS):
        return True
    last = _JOINT.split(_spaced(name))[-1]
    return (plain in _OTHERS or last in _OTHERS) and len(value.split()) <= 1


def _spaced(name: str) -> str:
    """Return a name in small letters, its words apart: userToken, user_token."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
