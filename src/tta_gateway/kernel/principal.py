"""Who is asking, as far as it is proved."""

from typing import Final

import msgspec

GATEWAY: Final = "gateway"
"""The issuer of the gateway's own tokens and keys."""

ACCOUNT_CREATED: Final = "account_created"
"""The claim of the gateway's own tokens that says when an account was made here, in seconds of the
epoch, to the minute."""

INNER: Final = "tta_gateway_inner"
"""The claim of tokens that a gateway has minted for a service: no gateway takes one."""

MTLS: Final = "mtls"
"""The issuer of who has shown a certificate instead of a token: a service."""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, or a service, by what was shown and proved of them.

    `subject` is unique over all issuers: those of the platform itself as they are, others behind
    the name of their issuer and a colon.  `roles` are only those that this issuer may say.
    `expires` is when it is proved no longer, in seconds of the epoch; `authenticated` when they
    logged in, as far as that was told.
    """

    subject: str
    issuer: str
    roles: frozenset[str] = frozenset()
    session: str = ""
    expires: float = float("inf")
    authenticated: float = 0.0
    methods: frozenset[str] = frozenset()
    """How they have shown who they are (`amr`, RFC 8176)."""
    level: int = 1
    """How well: 2 is with a second factor, where what their issuer says of that counts (`acr`)."""
    scopes: frozenset[str] = frozenset()
    is_narrow: bool = False
    """Whether it holds no more than its `scopes` say, of what its roles hold (RFC 6749 3.3)."""
    permitted: frozenset[str] = frozenset()
    """The permissions beyond which it holds nothing, whatever its roles hold; empty: no bound."""
    claims: dict[str, object] = {}
    """What the token said, for whoever may pass parts of it on."""

    key: str = ""
    """What stands for them where something is kept for each: nobody else's is the same.

    It follows from the others: the issuer, whose name has no slash, and the subject.  The subject
    alone is not enough: an issuer that may speak of the platform's own could name one as another
    issuer's is called here.
    """

    def __post_init__(self) -> None:
        """Make the key, once: each request of theirs asks for it (bench/ratelimit.py)."""
        msgspec.structs.force_setattr(self, "key", f"{self.issuer}/{self.subject}")

    def __repr__(self) -> str:
        """Say that there is somebody, and nothing of who."""
        return f"<principal of {self.issuer}>"
