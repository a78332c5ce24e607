"""Alerts, as operators write them: when they are told, and to whom.

They stand here and not in their feature's folder because they hold secrets.
"""

import re
from collections import Counter
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, Field, WithJsonSchema, field_validator, model_validator

from tta_gateway.features.alerts.bound import (
    Alertmanager,
    AlertsBound,
    Mail,
    Rules,
    Severity,
    SinkBound,
    Webhook,
)
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.settings import certificate
from tta_gateway.settings.address import LARGEST_PORT, Address
from tta_gateway.settings.address import host as host_of
from tta_gateway.settings.secret import Holds, Secret
from tta_gateway.settings.shorthand import URL
from tta_gateway.settings.tls import AuthoritiesFile
from tta_gateway.support.config import Config, Duration, DurationOrZero, Items, Line

_DEFAULT: Final = Rules()
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


class FlappingConfig(Config):
    """What begins again and again is told once, as flapping."""

    times: Annotated[int, Field(ge=2, le=100)] = _DEFAULT.flaps
    """How often an alert begins until it flaps."""

    within: Duration = _DEFAULT.flaps_within
    """Within how long."""

    calm: Duration = _DEFAULT.flaps_calm
    """How long the cause of one that flaps must be away before it is over."""


class AlertmanagerConfig(Config):
    """An Alertmanager of Prometheus, by its API v2."""

    url: SinkUrlOrSecret
    """Where its web interface is; `/api/v2/alerts` is put behind it."""

    ca: AuthoritiesFile | None = None
    """A file in PEM with the authorities of its certificate; left out, those of this machine."""

    token: Word | None = None
    """Shown to it as `Authorization: Bearer`."""

    user: User | None = None
    """With `password`, shown to it as `Authorization: Basic`."""

    password: Word | None = None
    """The password of `user`."""

    severity: Severity = "info"
    """The least severity that it hears of."""

    resolve_timeout: Annotated[Duration, Field(ge=30.0)] = 300.0
    """How long it may take an alert for firing after the last word of this node, which comes a
    few times within it."""

    @model_validator(mode="after")
    def _known_once(self) -> "AlertmanagerConfig":
        if self.token is not None and self.user is not None:
            raise ValueError("`token` and `user` are two ways in: keep one of them")
        _both(self.user, self.password)
        return self

    @field_validator("url")
    @classmethod
    def _ends_with_a_path(cls, url: Secret[str]) -> Secret[str]:
        if "?" in url.value:
            raise ValueError("must have no `?…`: `/api/v2/alerts` is put behind it")
        return url


class WebhookConfig(Config):
    """Somebody who takes alerts as JSON, in the form of docs/alerts.md."""

    url: SinkUrlOrSecret
    """Where alerts are sent by POST; `{file: …}` where it holds a key."""

    ca: AuthoritiesFile | None = None
    """A file in PEM with the authorities of its certificate; left out, those of this machine."""

    token: Word | None = None
    """Shown to it as `Authorization: Bearer`."""

    secret: Word | None = None
    """Signs each call, in `X-TTA-Signature`."""

    severity: Severity = "info"
    """The least severity that it hears of."""


class MailConfig(Config):
    """Alerts as mail in plain text, those that come together in one."""

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

    severity: Severity = "warning"
    """The least severity that is sent."""

    @model_validator(mode="after")
    def _lets_nobody_listen(self) -> "MailConfig":
        _both(self.user, self.password)
        if self.password is not None and self.security == "none":
            raise ValueError(
                "a password would be sent in the clear: write `security: starttls` or `tls`, or "
                "take `user` and `password` out"
            )
        return self


def _both(user: str | None, password: Secret[str] | None) -> None:
    if (user is None) != (password is None):
        raise ValueError("`user` and `password` belong together: write both, or none of them")


class AlertsConfig(Config):
    """Who hears what happens to services, and when."""

    node: Line | None = None
    """How alerts name this node; left out, the name of the machine."""

    wait: DurationOrZero = _DEFAULT.wait
    """How long what happens is gathered, so that it is told together."""

    calm: Duration = _DEFAULT.calm
    """How long the cause of an alert must be away before it is over."""

    repeat: Annotated[Duration, Field(ge=60.0)] = _DEFAULT.repeat
    """When an alert that lasts is told again, to webhooks and by mail."""

    flapping: FlappingConfig = FlappingConfig()
    """What begins again and again."""

    alertmanagers: Items[AlertmanagerConfig] = ()
    """Alertmanagers; of several that make one cluster, write each."""

    webhooks: Items[WebhookConfig] = ()
    """Those who take alerts as JSON."""

    mail: Items[MailConfig] = ()
    """Mailboxes."""

    @field_validator("alertmanagers", "webhooks", "mail")
    @classmethod
    def _few(cls, sinks: tuple[Config, ...]) -> tuple[Config, ...]:
        if len(sinks) > 8:
            raise ValueError("are too many: write at most 8")
        return sinks


def compile(config: AlertsConfig, admin: Address | None) -> AlertsBound:
    """Return what control needs of it."""
    flapping = config.flapping
    return AlertsBound(
        node=config.node or "",
        link="" if admin is None else f"{_base(admin)}/admin/v1/alerts",
        rules=Rules(
            wait=config.wait,
            calm=config.calm,
            repeat=config.repeat,
            flaps=flapping.times,
            flaps_within=flapping.within,
            flaps_calm=flapping.calm,
        ),
        sinks=_named(
            (
                *(_alertmanager(one) for one in config.alertmanagers),
                *(_webhook(one) for one in config.webhooks),
                *(_mail(one) for one in config.mail),
            )
        ),
    )


def _base(admin: Address) -> str:
    return "http://localhost" if admin.unix else f"http://{admin}"


def _named(sinks: tuple[SinkBound, ...]) -> tuple[SinkBound, ...]:
    """Return the sinks, each with a name of its own for logs and metrics."""
    seen: Counter[str] = Counter()
    named = []
    for one in sinks:
        name = f"smtp://{one.host}:{one.port}" if isinstance(one, Mail) else _place(one.url)
        seen[name] += 1
        number = f"#{seen[name]}" if seen[name] > 1 else ""
        named.append(msgspec.structs.replace(one, name=name + number))
    return tuple(named)


def _place(url: str) -> str:
    """Return a URL without its path, which may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _alertmanager(config: AlertmanagerConfig) -> Alertmanager:
    return Alertmanager(
        url=config.url.value,
        ca=_ca(config.ca),
        severity=config.severity,
        token=_value(config.token),
        user=config.user or "",
        password=_value(config.password),
        resolve_timeout=config.resolve_timeout,
    )


def _webhook(config: WebhookConfig) -> Webhook:
    return Webhook(
        url=config.url.value,
        ca=_ca(config.ca),
        severity=config.severity,
        token=_value(config.token),
        secret=_value(config.secret),
    )


def _mail(config: MailConfig) -> Mail:
    return Mail(
        host=config.host,
        port=config.port or _PORTS[config.security],
        security=config.security,
        severity=config.severity,
        ca=_ca(config.ca),
        user=config.user or "",
        password=_value(config.password),
        sender=config.sender,
        to=config.to,
    )


def _value(secret: Secret[str] | None) -> str:
    return "" if secret is None else secret.value


def _ca(file: str | None) -> str:
    try:
        return "" if file is None else certificate.trusted(file).decode()
    except ValueError as error:
        words = f"{error}: it has changed since it was checked a moment ago; try again"
        raise ConfigError([words]) from None
