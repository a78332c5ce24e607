"""Listeners: where clients connect, and whose word about the way here is believed."""

import ipaddress
from typing import Annotated, Final, TypeAlias

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from tta_gateway.settings.address import LARGEST_PORT, Address, listening
from tta_gateway.settings.reason import Reason
from tta_gateway.settings.shorthand import ADDRESS, Shorthand
from tta_gateway.settings.tls import Tls
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


def _redirect(value: object) -> bool | int:
    if value is True or value is False:
        return value
    if isinstance(value, int) and 0 < value <= LARGEST_PORT:
        return value
    raise ValueError("must be `true`, `false` or the port of `https://`, such as `8443`")


_PORT: Final = {"anyOf": [{"type": "boolean"}, {"title": "port", "type": "integer"}]}
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
RedirectToHttps: TypeAlias = Annotated[bool | int, PlainValidator(_redirect), WithJsonSchema(_PORT)]


def inside(address: Address, *, is_encrypted: bool) -> None:
    """Refuse an address that the public could reach; ValueError in words."""
    if address.unix or address.host == "localhost":
        return
    try:
        ip = ipaddress.ip_address(address.host)
    except ValueError:
        raise ValueError(
            f"`{address.host}` is a name, and may lead anywhere: write the address itself"
        ) from None
    if ip.is_loopback:
        return
    if ip.is_unspecified or not ip.is_private:
        raise ValueError(
            f"`{address.host}` can be reached from outside: write `127.0.0.1`, `unix:` and a path, "
            "or this machine's address in a private network"
        )
    if not is_encrypted:
        raise ValueError(
            f"tokens would cross the network to `{address.host}` unencrypted: write `tls` here too"
        )


class ListenerConfig(Config):
    """One address that clients connect to."""

    address: ListenAddress
    """Host and port, or `unix:` and a path; port 0 takes a free one."""

    trusted_proxies: Items[Network] = ()
    """Networks of your own proxies: what they say about the way here is believed."""

    tls: Tls | None = None
    """The certificates to speak TLS with; left out, nothing is encrypted here."""

    plaintext: Reason | None = None
    """Why nobody can listen who should not, where clients come from beyond this machine without
    `tls`, which is refused without a reason; `plaintext.listen` gives one for all listeners."""

    proxy_protocol: bool = False
    """Whether every connection begins with a PROXY header, version 1 or 2, that says who it is;
    who does not send one is cut off.  Where `trusted_proxies` are named, only they may."""

    redirect_to_https: RedirectToHttps = False
    """Whether clients are sent to `https://` instead of being served: at the same host, and at this
    port if it is not 443."""

    internal: bool = False
    """Whether services connect here instead of clients: they register, and call routes that are
    `internal`; nothing else is served.  The address is of this machine or of a private network, and
    there it needs `tls`."""

    @field_validator("internal")
    @classmethod
    def _is_inside(cls, internal: bool, info: ValidationInfo) -> bool:
        address = info.data.get("address")
        if internal and address is not None:
            inside(address, is_encrypted=info.data.get("tls") is not None)
        if internal and info.data.get("redirect_to_https"):
            raise ValueError("would serve nothing beside `redirect_to_https`: take one of them out")
        return internal

    @field_validator("trusted_proxies")
    @classmethod
    def _have_addresses(cls, trusted: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        address = info.data.get("address")
        if trusted and address is not None and address.unix:
            raise ValueError(
                "who connects to a unix socket has no address to be trusted by: take the line out"
            )
        return trusted

    @field_validator("redirect_to_https")
    @classmethod
    def _is_plain(cls, redirect: bool | int, info: ValidationInfo) -> bool | int:
        if redirect and info.data.get("tls") is not None:
            raise ValueError(
                "would send clients away who speak TLS already: write it at the plain listener"
            )
        return redirect


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
