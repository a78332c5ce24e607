"""What a worker needs to show services who is asking."""

from typing import Literal

import msgspec

Mode = Literal["pass", "strip", "mint"]


class Relay(msgspec.Struct, frozen=True, kw_only=True):
    """What one service is shown."""

    mode: Mode = "pass"
    key: bytes = b""
    """What tokens are minted with: a JWK in JSON, Ed25519 or a shared secret."""
    audience: str = ""
    """What `aud` says of them; empty: it is left out."""
    lifetime: float = 300.0
    """seconds"""
    query: str = ""
    """The parameter in which a WebSocket's request shows the token; empty: in Authorization."""


class TokenRelayBound(msgspec.Struct, frozen=True, kw_only=True):
    """The services that are shown anything else than the token as it came."""

    services: dict[str, Relay] = {}
