"""Reaching people: webhooks and mailboxes, as operators write them for whoever tells people."""

import re
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from tta_gateway.kernel.errors import ConfigError
from tta_gateway.settings import certificate
from tta_gateway.settings.address import LARGEST_PORT
from tta_gateway.settings.address import host as host_of
from tta_gateway.settings.secret import Holds, Secret
from tta_gateway.settings.shorthand import URL
from tta_gateway.settings.tls import AuthoritiesFile
from tta_gateway.support.config import Config, Items

_PRINTED: Final = re.compile(r"[\x21-\x7e]+")
# RFC 5321 4.1.2, without quoted names: nobody has such a mailbox.
_MAILBOX: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\-]{1,64}@([A-Za-z0-9.\-]{1,253})")
_FORM: Final = "`https://hooks.example/path`"
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


def sink_url(value: object) -> str:
    """Return a URL; ValueError if none of ours can be sent to it."""
    if not isinstance(value, str) or not _PRINTED.fullmatch(value):
        raise ValueError(f"must be a URL: {_FORM}")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError(f"must be a URL with a host and perhaps a port: {_FORM}") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"must begin with `https://` or `http://`: {_FORM}")
    if "@" in parts.netloc:
        raise ValueError("holds a user or a password: take it out, and write `token` or `password`")
    if parts.fragment or port == 0:
        raise ValueError(f"must have no `#…`, and no port 0: {_FORM}")
    host_of(f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "")
    return value


def _word(value: object) -> str:
    """Return a secret that goes into a header field or a login."""
    if not isinstance(value, str) or not value.isprintable() or not value.isascii():
        raise ValueError("must be one line of visible ASCII characters")
    return value


def _user(text: str) -> str:
    """Return who logs in (RFC 7617 2: without a colon)."""
    if not text.isprintable() or not text.isascii() or ":" in text or not text:
        raise ValueError("must be one line of visible ASCII characters without `:`, and not empty")
    return text


def _mailbox(text: str) -> str:
    match = _MAILBOX.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is not a mailbox: write `somebody@example.org`")
    return text


SinkUrlOrSecret: TypeAlias = Annotated[Secret[str], Holds(sink_url, shown=str, schema=URL)]
Word: TypeAlias = Annotated[Secret[str], Holds(_word)]
User: TypeAlias = Annotated[
    str, AfterValidator(_user), WithJsonSchema({"title": "text", "type": "string"})
]
Mailbox: TypeAlias = Annotated[
    str, AfterValidator(_mailbox), WithJsonSchema({"title": "mailbox", "type": "string"})
]
ServerHost: TypeAlias = Annotated[
    str, AfterValidator(host_of), WithJsonSchema({"title": "host", "type": "string"})
]


class HookConfig(Config):
    """Somebody who takes JSON by POST."""

    url: SinkUrlOrSecret
    """Where it is sent by POST; `{file: …}` where it holds a key."""

    ca: AuthoritiesFile | None = None
    """A file in PEM with the authorities of its certificate; left out, those of this machine."""

    token: Word | None = None
    """Shown to it as `Authorization: Bearer`."""

    secret: Word | None = None
    """Signs each call, in `X-TTA-Signature`."""


class MailboxConfig(Config):
    """Mailboxes, by way of a server."""

    host: ServerHost
    """The server that takes mail to be sent."""

    port: Annotated[int, Field(ge=1, le=LARGEST_PORT)] | None = None
    """Its port; left out, the usual one: 587, with `security: tls` 465, with `none` 25."""

    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the way there is encrypted; `none` for a server on this machine or in a safe network."""

    ca: AuthoritiesFile | None = None
    """A file in PEM with the authorities of its certificate; left out, those of this machine."""

    user: User | None = None
    """Who logs in, with `password`."""

    password: Word | None = None
    """The password of `user`."""

    sender: Mailbox
    """The mailbox that they come from."""

    to: Annotated[Items[Mailbox], Field(min_length=1, max_length=50)]
    """The mailboxes that they go to."""

    @model_validator(mode="after")
    def _lets_nobody_listen(self) -> "MailboxConfig":
        both(self.user, self.password)
        if self.password is not None and self.security == "none":
            raise ValueError(
                "a password would be sent in the clear: write `security: starttls` or `tls`, or "
                "take `user` and `password` out"
            )
        return self


def both(user: str | None, password: Secret[str] | None) -> None:
    """Raise ValueError where one stands without the other."""
    if (user is None) != (password is None):
        raise ValueError("`user` and `password` belong together: write both, or none of them")


def value(secret: Secret[str] | None) -> str:
    """Return what a secret holds; nothing where there is none."""
    return "" if secret is None else secret.value


def authorities(file: str | None) -> str:
    """Return the authorities of a file in PEM, nothing where none is named; ConfigError."""
    try:
        return "" if file is None else certificate.trusted(file).decode()
    except ValueError as error:
        words = f"{error}: it has changed since it was checked a moment ago; try again"
        raise ConfigError([words]) from None


def port_of(config: MailboxConfig) -> int:
    """Return the port of a server: the usual one, unless another is written."""
    return config.port or _PORTS[config.security]
