"""Alerts, as operators write them: when they are told, and to whom.

They stand here and not in their feature's folder because they hold secrets.
"""

from collections import Counter
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from pydantic import Field, field_validator, model_validator

from tta_gateway.features.alerts.bound import (
    Alertmanager,
    AlertsBound,
    Mail,
    Rules,
    Severity,
    SinkBound,
    Webhook,
)
from tta_gateway.settings.address import Address
from tta_gateway.settings.reaching import (
    HookConfig,
    MailboxConfig,
    SinkUrlOrSecret,
    User,
    Word,
    authorities,
    both,
    port_of,
    value,
)
from tta_gateway.settings.secret import Secret
from tta_gateway.settings.tls import AuthoritiesFile
from tta_gateway.support.config import Config, Duration, DurationOrZero, Items, Line

_DEFAULT: Final = Rules()


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
        both(self.user, self.password)
        return self

    @field_validator("url")
    @classmethod
    def _ends_with_a_path(cls, url: Secret[str]) -> Secret[str]:
        if "?" in url.value:
            raise ValueError("must have no `?…`: `/api/v2/alerts` is put behind it")
        return url


class WebhookConfig(HookConfig):
    """Somebody who takes alerts as JSON, in the form of docs/alerts.md."""

    severity: Severity = "info"
    """The least severity that it hears of."""


class MailConfig(MailboxConfig):
    """Alerts as mail in plain text, those that come together in one."""

    severity: Severity = "warning"
    """The least severity that is sent."""


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
        ca=authorities(config.ca),
        severity=config.severity,
        token=value(config.token),
        user=config.user or "",
        password=value(config.password),
        resolve_timeout=config.resolve_timeout,
    )


def _webhook(config: WebhookConfig) -> Webhook:
    return Webhook(
        url=config.url.value,
        ca=authorities(config.ca),
        severity=config.severity,
        token=value(config.token),
        secret=value(config.secret),
    )


def _mail(config: MailConfig) -> Mail:
    return Mail(
        host=config.host,
        port=port_of(config),
        security=config.security,
        severity=config.severity,
        ca=authorities(config.ca),
        user=config.user or "",
        password=value(config.password),
        sender=config.sender,
        to=config.to,
    )
