"""Tokens for services: what each is shown of who is asking, as operators write it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from tta_gateway.features.identity.jws import Malformed, objects
from tta_gateway.features.token_relay.bound import Relay, TokenRelayBound
from tta_gateway.features.token_relay.minting import Mint
from tta_gateway.features.token_relay.minting import UnusableKey as SignsNothing
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.secret import Holds, Secret
from tta_gateway.settings.shared_secret import shared
from tta_gateway.settings.shorthand import Shorthand
from tta_gateway.support.config import Config, Duration, Line

_RELAY: Final = Relay()
_LONGEST: Final = 3600.0
_Mapping: TypeAlias = Mapping[str, Value]


def _private(value: object) -> bytes:
    """Return a private JWK."""
    key = value.encode() if isinstance(value, str) else b""
    try:
        if objects(key).get("kty") != "OKP":
            raise ValueError("must be a private JWK of Ed25519 (`kty: OKP`, with `d`; RFC 8037)")
        Mint(Relay(mode="mint", key=key))
    except Malformed:
        raise ValueError("must be a JWK in JSON (RFC 7517)") from None
    except SignsNothing as error:
        raise ValueError(f"the key {error}") from None
    return key


def _short(seconds: float) -> float:
    if seconds > _LONGEST:
        raise ValueError("is too long: nothing takes a minted token back, an hour is the most")
    return seconds


class RelayConfig(Config):
    """What a service is shown of who is asking."""

    mode: Literal["pass", "strip", "mint"] = _RELAY.mode
    """The access token as it came (`pass`), none (`strip`), or a narrow one of the gateway's own
    (`mint`)."""

    secret: Annotated[Secret[bytes], Holds(shared)] | None = None
    """Where the secret stands that tokens are minted with (HS256)."""

    key: Annotated[Secret[bytes], Holds(_private)] | None = None
    """Where the private JWK stands that they are minted with (Ed25519)."""

    audience: Line | None = None
    """What their `aud` says; left out, the service's name with `key`, and none with `secret`:
    services of the platform, as they are today, refuse tokens that have one."""

    lifetime: Annotated[Duration, AfterValidator(_short)] = _RELAY.lifetime
    """How long they are good, at most; never longer than the token that was shown."""

    query: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None
    """The query parameter in which the service looks for the token of a WebSocket; left out, it
    stands in Authorization."""

    @model_validator(mode="after")
    def _has_one_key(self) -> "RelayConfig":
        has = (self.secret is not None) + (self.key is not None)
        if self.mode == "mint" and has != 1:
            raise ValueError("needs one of the two: `secret: {env: …}` or `key: {file: …}`")
        if self.mode != "mint" and has:
            raise ValueError("has a key and mints nothing: write `mode: mint`, or take the key out")
        return self

    @field_validator("query")
    @classmethod
    def _is_shown(cls, query: str | None, info: ValidationInfo) -> str | None:
        if query is not None and info.data.get("mode") == "strip":
            raise ValueError("has no effect with `mode: strip`: take the line out")
        return query


WrittenToken: TypeAlias = Annotated[
    RelayConfig,
    Shorthand(lambda value: {"mode": value}, {"enum": ["pass", "strip"]}),
]


def compile(tokens: Mapping[str, RelayConfig]) -> TokenRelayBound:
    """Return it as workers need it, by service; it holds secrets."""
    shown = {name: _relay(name, one) for name, one in tokens.items()}
    return TokenRelayBound(services={name: one for name, one in shown.items() if one != _RELAY})


def _relay(service: str, config: RelayConfig) -> Relay:
    key = config.key or config.secret
    usual = service if config.key is not None else ""
    return Relay(
        mode=config.mode,
        key=b"" if key is None else key.value,
        audience=usual if config.audience is None else config.audience,
        lifetime=config.lifetime,
        query=config.query or "",
    )


# --- rules: what must agree (settings/rules.py) ---------------------------------------------------


def complaints(tree: _Mapping) -> Iterator[tuple[Path, str]]:
    """Complain about services that would be shown what was meant for another."""
    services = _mapping(tree.get("services"))
    for path, service, other in stand_ins(tree):
        if _written(services[service]) != _written(services[other]):
            yield (
                path,
                f"leads to `{other}`, which is shown another `token` than `{service}`: it would "
                "get the one that is meant for that; give both the same",
            )


def stand_ins(tree: _Mapping) -> Iterator[tuple[Path, str, str]]:
    """Yield where a service leads to another, which stands in for it or gets a copy.

    A fallback gets the request as it was made for the service that cannot be asked, and a mirror
    gets a copy of it.
    """
    services = _mapping(tree.get("services"))
    for name, service in services.items():
        yield from _beside(("services", name), service, name, services)
    routes = tree.get("routes")
    for at, route in enumerate(routes if isinstance(routes, list) else ()):
        named = _mapping(route).get("service")
        if isinstance(named, str):
            yield from _beside(("routes", at), route, named, services)


def _beside(
    path: Path, owner: Value, service: str, services: _Mapping
) -> Iterator[tuple[Path, str, str]]:
    for key in ("fallback", "mirror"):
        written = _mapping(owner).get(key)
        other = written if isinstance(written, str) else _mapping(written).get("service")
        if isinstance(other, str) and other in services and service in services:
            yield (*path, key), service, other


def _written(service: Value) -> Value:
    written = _mapping(service).get("token", "pass")
    return {"mode": written} if isinstance(written, str) else written


def _mapping(value: object) -> _Mapping:
    return value if isinstance(value, dict) else {}
