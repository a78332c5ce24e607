"""Listeners: where clients connect, and whose word about the way here is believed."""

import ipaddress
from typing import Annotated, TypeAlias

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from tta_gateway.settings.address import Address, listening
from tta_gateway.settings.shorthand import ADDRESS, Shorthand
from tta_gateway.support.config import Config, Items


def network(text: str) -> str:
    """Return a network as it is written; ValueError if it is none."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError(_about(text)) from None


def _about(text: str) -> str:
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"`{text}` is not a network: write `10.0.0.0/8`, `fd00::/8` or one address"
    return f"`{text}` is an address inside a network: write `{meant}` for all of it"


ListenAddress: TypeAlias = Annotated[
    Address,
    PlainValidator(listening),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(ADDRESS),
]
OptionalAddress: TypeAlias = Annotated[
    Address | None,
    PlainValidator(lambda value: None if value == "off" else listening(value)),
    PlainSerializer(lambda address: "off" if address is None else str(address), return_type=str),
    WithJsonSchema(ADDRESS),
]
"""`off` is nowhere."""
Network: TypeAlias = Annotated[
    str, AfterValidator(network), WithJsonSchema({"title": "network", "type": "string"})
]


class ListenerConfig(Config):
    """One address that clients connect to."""

    address: ListenAddress
    """Host and port, or `unix:` and a path; port 0 takes a free one."""

    trusted_proxies: Items[Network] = ()
    """Networks of your own proxies: what they say about the way here is believed."""

    @field_validator("trusted_proxies")
    @classmethod
    def _have_addresses(cls, trusted: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        address = info.data.get("address")
        if trusted and address is not None and address.unix:
            raise ValueError(
                "who connects to a unix socket has no address to be trusted by: take the line out"
            )
        return trusted


def _distinct(listeners: tuple[ListenerConfig, ...]) -> tuple[ListenerConfig, ...]:
    seen = set[Address]()
    for listener in listeners:
        if listener.address in seen and (listener.address.port or listener.address.unix):
            raise ValueError(f"names `{listener.address}` twice: keep one of them")
        seen.add(listener.address)
    return listeners


_Entry: TypeAlias = Annotated[ListenerConfig, Shorthand(lambda value: {"address": value}, ADDRESS)]
Listen: TypeAlias = Annotated[
    Items[_Entry],
    Field(min_length=1),
    AfterValidator(_distinct),
    Shorthand(lambda value: [value], ADDRESS),
]
