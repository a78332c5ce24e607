"""Shared secrets that tokens are signed with, as JWKs."""

import json

from tta_gateway.features.identity.jws import encoded


def shared(value: object) -> bytes:
    """Return a secret as a JWK in JSON; ValueError if it can be guessed, or is known to anybody."""
    from tta_gateway.features.identity.key import UnusableKey, secret

    text = value if isinstance(value, str) else ""
    try:
        secret(text.encode())
    except UnusableKey as error:
        raise ValueError(f"the secret {error}: `openssl rand -hex 32` makes a good one") from None
    return json.dumps({"kty": "oct", "k": encoded(text.encode()).decode()}).encode()
